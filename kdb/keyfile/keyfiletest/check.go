package keyfiletest

import (
	"bytes"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
)

// Put puts an entry into a container.
func Put(t testing.TB, c keyfile.Container, e kdb.Entry) {
	t.Helper()
	if err := c.Put(e); err != nil {
		t.Fatalf("putting %q: %v", e.Label, err)
	}
}

// WantKey reports if a label does not have the private key (PKCS #8).
func WantKey(t testing.TB, c keyfile.Container, label string, want []byte) {
	t.Helper()
	got, err := c.Key(label)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the key of %q differs", label)
	}
}

// WantSound reports the problems that a container has.
func WantSound(t testing.TB, c keyfile.Container) {
	t.Helper()
	c.Check(sound(t, "a container"))
}
