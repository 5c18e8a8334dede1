package op_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// endless repeats a text for ever, and counts.
type endless struct {
	text string
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	for n := range p {
		p[n] = e.text[(e.read+n)%len(e.text)]
	}
	e.read += len(p)
	return len(p), nil
}

// What never ends and is nothing that certkdb reads, such as /dev/zero, does not fill the memory.
func TestPiped_endless(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"\x00", "y\n", "\xfe\xca", "MIIB"} {
		env, in := optest.Env(), &endless{text: text}
		env.Stdin = in
		if data, err := env.Piped(op.Stdin); !errors.Is(err, kdb.ErrParse) || len(data) > 0 {
			t.Errorf("%q: %d bytes, %v", text, len(data), err)
		}
		if in.read > 32<<20 {
			t.Errorf("%q: %d bytes were read", text, in.read)
		}
	}
}

// A large bundle is read whole, however much text there is between its certificates.
func TestPiped_large(t *testing.T) {
	t.Parallel()
	bundle := optest.PEM(optest.NewCA(t, "Root").Trusted("root"))
	text := bundle + strings.Repeat("a comment\n", 2<<20) + bundle
	env := optest.Env()
	env.Stdin = io.MultiReader(strings.NewReader(text[:1000]), strings.NewReader(text[1000:]))
	if data, err := env.Piped(op.Stdin); err != nil || !bytes.Equal(data, []byte(text)) {
		t.Errorf("%d of %d bytes, %v", len(data), len(text), err)
	}
}
