package op

import (
	"context"
	"fmt"
	"strings"
)

// Command runs another program. It returns the end of what the program writes to its standard output and standard error. The error is
// a [CommandError] if the program ran and failed; it wraps exec.ErrNotFound if there is no such program.
type Command func(ctx context.Context, stdin []byte, argv ...string) (output []byte, err error)

// CommandError says that another program failed.
type CommandError struct {
	Program string
	Status  int    // its exit status, -1 if a signal ended it
	Output  string // the last line that it wrote
}

func (e *CommandError) Error() string {
	text := fmt.Sprintf("%s: exit status %d", e.Program, e.Status)
	if e.Status < 0 {
		text = e.Program + ": ended by a signal"
	}
	if e.Output != "" {
		text += ": " + e.Output
	}
	return text
}

// LastLine is the last line of an output that is not empty.
func LastLine(output []byte) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
