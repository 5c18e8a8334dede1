package input

import (
	"fmt"
	"io"
	"os"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// ReadFile reads a file of at most limit bytes; "-" is standard input. A larger one is [kdb.ErrParse].
func ReadFile(env *op.Env, file string, limit int64) ([]byte, error) {
	in := env.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", file, op.UnwrapPath(err))
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", file, op.UnwrapPath(err))
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("reading %q: %w: it is larger than %d bytes", file, kdb.ErrParse, limit)
	}
	return data, nil
}
