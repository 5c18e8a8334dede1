//go:build !windows

package commands

import "os"

func openTTY() (in, out *os.File, err error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	return tty, tty, err
}

// showsColours: terminals do.
func showsColours(*os.File) bool { return true }
