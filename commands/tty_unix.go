//go:build !windows

package commands

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

func openTTY() (in, out *os.File, err error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	return tty, tty, err
}

// showsColours: terminals do.
func showsColours(*os.File) bool { return true }

// readHidden reads a line from a terminal without showing it. The error is io.EOF if the input ends before a line begins: term.ReadPassword
// of golang.org/x/term would wait forever.
func readHidden(tty *os.File) ([]byte, error) {
	fd := int(tty.Fd())
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, err
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, setTermios, &hidden); err != nil {
		return nil, err
	}
	defer func() { _ = unix.IoctlSetTermios(fd, setTermios, before) }() // nothing can be done about it
	return readLine(tty)
}

// readLine reads up to the end of a line, byte by byte: what follows belongs to the next question.
func readLine(r io.Reader) (line []byte, err error) {
	var next [1]byte
	for {
		switch n, err := r.Read(next[:]); {
		case n == 0 && err == io.EOF && len(line) > 0:
			return line, nil
		case n == 0 && err != nil:
			return nil, err
		case n == 0:
		case next[0] == '\n':
			return line, nil
		default:
			line = append(line, next[0])
		}
	}
}
