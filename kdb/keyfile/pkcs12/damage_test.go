package pkcs12_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"certkdb/kdb"
)

// A certificate that cannot be read hides no other, and is named.
func TestDecode_damagedCertificate(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	data := encode(t, newFile(t, "passwordless", trusted("root", f.root), trusted("two", f.two)), "")
	at := bytes.LastIndex(data, []byte("\x30\x59\x30\x13\x06\x07")) // the public key of one of them
	data[at] = 0x31
	c := decode(t, data, "")
	damaged := 0
	for _, fact := range c.Facts() {
		if fact.Name == kdb.FactKept && fact.Weak {
			damaged++
		}
	}
	if got := strings.Count(labels(c), ":trusted:"); got != 1 || damaged != 1 {
		t.Errorf("%q are shown, %d facts of damage: %v", labels(c), damaged, c.Facts())
	}
}

func TestDecode_trailingBytes(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	data := append(encode(t, newFile(t, "", trusted("root", f.root)), "x"), "\r\n"...)
	c := decode(t, data, "x")
	problems := 0
	c.Check(func(kdb.Problem) { problems++ })
	if problems != 1 || !strings.Contains(fmt.Sprint(c.Facts()), "2 bytes") {
		t.Errorf("%d problems, %v", problems, c.Facts())
	}
}
