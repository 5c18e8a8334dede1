package issuing_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/issuing"
)

// Requests are signed by several goroutines, which share the CA. The race detector watches this test.
func TestSign_manyAtOnce(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	folder := t.TempDir()
	var files []string
	for i := range 24 {
		name := fmt.Sprintf("host%02d", i)
		files = append(files, filepath.Join(folder, name+".csr"))
		one(t, s, issuing.Request{Label: name, Spec: spec(name + ".example.com"), Out: op.Output{Path: files[i]}})
	}
	signed := one(t, s, issuing.Sign{
		CA: issuing.Authority{Label: "root"}, Files: files, Out: op.Output{Path: filepath.Join(folder, "signed") + "/"},
		Spec: issuing.Spec{PathLen: -1},
	})
	serials := map[string]bool{}
	for i, c := range signed.Certificates {
		if want := fmt.Sprintf("CN=host%02d.example.com", i); c.Request != files[i] || c.Subject != want || serials[c.Serial] {
			t.Errorf("certificate %d: %+v, want subject %s and a serial number of its own", i, c, want)
		}
		serials[c.Serial] = true
	}
	if n := len(issued(t, s)); len(serials) != len(files) || n != len(files)+1 { // and that of web
		t.Errorf("%d certificates, %d recorded", len(serials), n)
	}
}
