package commands

import (
	"context"
	"io"
	"os"
)

// Patient is how standard input is read.
func Patient(ctx context.Context, f *os.File) io.Reader { return patient{ctx, f} }
