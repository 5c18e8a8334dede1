package cert_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/pki/cert"
)

// conformanceDir finds the third-party test data: CERTKDB_CONFORMANCE, else shared/conformance/public beside a parent
// folder of the checkout. It is not part of the repository.
func conformanceDir(t testing.TB) string {
	if dir := os.Getenv("CERTKDB_CONFORMANCE"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		candidate := filepath.Join(dir, "shared", "conformance", "public")
		if _, err := os.Stat(filepath.Join(candidate, "MANIFEST.tsv")); err == nil {
			return candidate
		}
	}
	t.Skip("no conformance data")
	return ""
}

type row struct{ path, kind, expected string }

func manifest(t testing.TB, dir string, kinds ...string) []row {
	data, err := os.ReadFile(filepath.Join(dir, "MANIFEST.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for line := range strings.Lines(string(data)) {
		f := strings.Split(line, "\t")
		for _, kind := range kinds {
			if f[1] == kind {
				rows = append(rows, row{path: f[0], kind: kind, expected: f[4]})
			}
		}
	}
	return rows
}

// certificatesIn returns the DER of the certificates in a file: PEM blocks, else the file itself.
func certificatesIn(t testing.TB, file string) [][]byte {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // pem.Decode wants its line first
	var list [][]byte
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" || block.Type == "X509 CERTIFICATE" {
			list = append(list, block.Bytes)
		}
	}
	if len(list) == 0 && !bytes.Contains(data, []byte("-----BEGIN")) {
		return [][]byte{data}
	}
	return list
}

func TestParse_conformance(t *testing.T) {
	t.Parallel()
	dir := conformanceDir(t)
	for _, r := range manifest(t, dir, "cert", "root-cert") {
		list := certificatesIn(t, filepath.Join(dir, r.path))
		var failed error
		for _, der := range list {
			c, err := cert.Parse(der)
			if err != nil {
				failed = err
				continue
			}
			if _, goErr := x509.ParseCertificate(der); goErr != nil && c.Warning() == "" {
				t.Errorf("%s: crypto/x509 says %v, Warning says nothing", r.path, goErr)
			} else if goErr == nil && c.Warning() != "" {
				t.Logf("%s: %s", r.path, c.Warning())
			}
		}
		switch {
		case r.expected == "parse" && (failed != nil || len(list) == 0):
			t.Errorf("%s: must parse: %d certificates, %v", r.path, len(list), failed)
		case r.expected == "refuse" && failed == nil && len(list) > 0:
			t.Errorf("%s: must be refused", r.path)
		}
	}
}

// benchDER is a certificate of the usual size.
func benchDER(b *testing.B) []byte {
	dir := conformanceDir(b)
	return certificatesIn(b, filepath.Join(dir, "certs/pyca/cryptography.io.pem"))[0]
}

func BenchmarkParseAndSummarize(b *testing.B) {
	der := benchDER(b)
	b.ReportAllocs()
	for b.Loop() {
		c, err := cert.Parse(der)
		if err != nil {
			b.Fatal(err)
		}
		_, _, _ = c.Subject.String(), c.Issuer.String(), c.SerialHex()
		c.SAN.Strings()
		if c.Warning() != "" {
			b.Fatal(c.Warning())
		}
	}
}

func BenchmarkGo(b *testing.B) {
	der := benchDER(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x509.ParseCertificate(der); err != nil {
			b.Fatal(err)
		}
	}
}
