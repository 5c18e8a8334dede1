package native

import "errors"

// hinted is an error with advice for the person who reads it.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// withHint adds a sentence that says how to fix err.
func withHint(err error, hint string) error {
	return hinted{err, hint}
}

// ownHint returns the sentence that withHint added nearest to the top of err, or "".
func ownHint(err error) string {
	var h hinted
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}
