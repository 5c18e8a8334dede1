package cms_test

import (
	"crypto/hmac"
	"crypto/sha512"
	"fmt"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
)

// BenchmarkOpen opens and lists a database of 1 000 certificates; BenchmarkHash is what its integrity code alone takes.
func BenchmarkOpen(b *testing.B) {
	files := thousand(b)
	for b.Loop() {
		c, err := decode(files, secret)
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range c.Entries() {
			if _, err := kdb.Summarize(&e); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkHash(b *testing.B) {
	files := thousand(b)
	for b.Loop() {
		m := hmac.New(sha512.New384, []byte(secret))
		m.Write(files.Main)
		m.Sum(nil)
	}
}

func thousand(b *testing.B) keyfile.Files {
	b.Helper()
	c, err := cms.Codec().New("")
	if err != nil {
		b.Fatal(err)
	}
	id := newIdentity(b, "host", nil)
	for i := range 1000 {
		if err := c.Put(id.trusted(fmt.Sprintf("host %d", i))); err != nil {
			b.Fatal(err)
		}
	}
	files, err := c.Encode([]byte(secret))
	if err != nil {
		b.Fatal(err)
	}
	return files
}
