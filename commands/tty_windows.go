package commands

import (
	"os"

	"golang.org/x/sys/windows"
	"golang.org/x/term"
)

func openTTY() (in, out *os.File, err error) {
	if in, err = os.OpenFile("CONIN$", os.O_RDWR, 0); err != nil {
		return nil, nil, err
	}
	if out, err = os.OpenFile("CONOUT$", os.O_RDWR, 0); err != nil {
		in.Close()
		return nil, nil, err
	}
	return in, out, nil
}

// showsColours asks the console to follow escape sequences; those before Windows 10 cannot.
func showsColours(console *os.File) bool {
	var mode uint32
	handle := windows.Handle(console.Fd())
	return windows.GetConsoleMode(handle, &mode) == nil &&
		windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}

// readHidden reads a line from a console without showing it.
func readHidden(in *os.File) ([]byte, error) { return term.ReadPassword(int(in.Fd())) }
