package pkcs12_test

import (
	"testing"

	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pkcs12"
)

// A new file is empty when it is written first, and filled when it is read again.
func TestNew_emptyFileKeepsItsProfile(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"2023", "2026", "legacy", "passwordless"} {
		c, err := pkcs12.New(name)
		if err != nil {
			t.Fatal(err)
		}
		password := []byte("Correct-Horse-9")
		if name == "passwordless" {
			password = nil
		}
		files, err := c.Encode(password)
		if err != nil {
			t.Fatal(err)
		}
		again, err := pkcs12.Decode(files.Main, keyfile.Passwords{Database: func() ([]byte, error) { return password, nil }})
		if err != nil {
			t.Fatal(err)
		}
		if got := again.Profile(); got != name {
			t.Errorf("an empty file of profile %s is read as one of %s", name, got)
		}
	}
}
