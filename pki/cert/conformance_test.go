package cert_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"certkdb/pki/cert"
	"certkdb/scripts/conformancedata"
)

// certificatesIn returns the DER of the certificates in the bytes of a file: PEM blocks, else the bytes themselves.
func certificatesIn(data []byte) [][]byte {
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
	for _, r := range conformancedata.Files(t, "cert", "root-cert") {
		list := certificatesIn(r.Data)
		var failed error
		for _, der := range list {
			c, err := cert.Parse(der)
			if err != nil {
				failed = err
				continue
			}
			if _, goErr := x509.ParseCertificate(der); goErr != nil && c.Warning() == "" {
				t.Errorf("%s: crypto/x509 says %v, Warning says nothing", r.Path, goErr)
			} else if goErr == nil && c.Warning() != "" {
				t.Logf("%s: %s", r.Path, c.Warning())
			}
		}
		switch {
		case r.Expected == "parse" && (failed != nil || len(list) == 0):
			t.Errorf("%s: must parse: %d certificates, %v", r.Path, len(list), failed)
		case r.Expected == "refuse" && failed == nil && len(list) > 0:
			t.Errorf("%s: must be refused", r.Path)
		}
	}
}

// benchDER is a certificate of the usual size.
func benchDER(b *testing.B) []byte {
	return certificatesIn(conformancedata.Read(b, "certs/pyca/cryptography.io.pem"))[0]
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
