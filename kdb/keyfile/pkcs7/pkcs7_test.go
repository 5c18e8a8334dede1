package pkcs7_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	stdpem "encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/pkcs7"
	"certkdb/scripts/conformancedata"
)

func certificate(t testing.TB, cn string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: cn}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestEncode_comesBack(t *testing.T) {
	t.Parallel()
	one, two := certificate(t, "one"), certificate(t, "two")
	for _, want := range [][][]byte{{}, {one}, {two, one}, {one, one}} {
		der, err := pkcs7.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		for _, data := range [][]byte{der, stdpem.EncodeToMemory(&stdpem.Block{Type: "PKCS7", Bytes: der}), append(der[:len(der):len(der)],
			'\n')} {
			got, err := certificatesIn(data)
			if err != nil || !slices.EqualFunc(got, want, bytes.Equal) {
				t.Errorf("%d certificates, %v; want %d", len(got), err, len(want))
			}
		}
	}
}

func TestEncode_openssl(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl here")
	}
	one, two := certificate(t, "one"), certificate(t, "two")
	der, err := pkcs7.Encode([][]byte{one, two})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(openssl, "pkcs7", "-inform", "DER", "-print_certs")
	cmd.Stdin = bytes.NewReader(der)
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl pkcs7: %v", err)
	}
	var got [][]byte
	for block, rest := stdpem.Decode(text); block != nil; block, rest = stdpem.Decode(rest) {
		got = append(got, block.Bytes)
	}
	if !slices.EqualFunc(got, [][]byte{one, two}, bytes.Equal) {
		t.Errorf("openssl reads %d certificates", len(got))
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "c.pem"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	theirs, err := exec.Command(openssl, "crl2pkcs7", "-nocrl", "-certfile", filepath.Join(folder, "c.pem"), "-outform", "DER").Output()
	if err != nil {
		t.Fatalf("openssl crl2pkcs7: %v", err)
	}
	if back, err := certificatesIn(theirs); err != nil || !slices.EqualFunc(back, [][]byte{one, two}, bytes.Equal) {
		t.Errorf("of openssl's PKCS #7: %d certificates, %v", len(back), err)
	}
}

// tlv is an element whose length is indefinite if it is constructed.
func tlv(tag byte, parts ...[]byte) []byte {
	content := bytes.Join(parts, nil)
	if tag&0x20 != 0 {
		return append(append([]byte{tag, 0x80}, content...), 0, 0)
	}
	return append([]byte{tag, byte(len(content))}, content...)
}

var (
	oidSigned = tlv(6, []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"))
	oidData   = tlv(6, []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"))
)

func signedData(parts ...[]byte) []byte {
	head := [][]byte{tlv(2, []byte{1}), tlv(0x31), tlv(0x30, oidData)}
	return tlv(0x30, oidSigned, tlv(0xa0, tlv(0x30, append(head, parts...)...)))
}

func TestParse_indefiniteLengths(t *testing.T) {
	t.Parallel()
	one, two := certificate(t, "one"), certificate(t, "two")
	attribute := []byte{0xa1, 2, 5, 0} // an attribute certificate, which is passed over
	crl := []byte{0x30, 2, 5, 0}
	got, err := pkcs7.Parse(signedData(tlv(0xa0, one, attribute, two), tlv(0xa1, crl), tlv(0x31)))
	if err != nil || !slices.EqualFunc(got.Certificates, [][]byte{one, two}, bytes.Equal) ||
		!slices.EqualFunc(got.CRLs, [][]byte{crl}, bytes.Equal) {
		t.Errorf("got %d certificates, %d lists, %v", len(got.Certificates), len(got.CRLs), err)
	}
	netscape := tlv(0x30, tlv(6, []byte("\x60\x86\x48\x01\x86\xf8\x42\x02\x05")), tlv(0xa0, tlv(0x30, one, two)))
	if list, err := certificatesIn(netscape); err != nil || len(list) != 2 {
		t.Errorf("a Netscape certificate sequence: %d certificates, %v", len(list), err)
	}
}

func TestParse_refused(t *testing.T) {
	t.Parallel()
	one := certificate(t, "one")
	good, err := pkcs7.Encode([][]byte{one})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, kdb.ErrParse},
		{"text", []byte("hello"), kdb.ErrParse},
		{"bytes behind", append(good[:len(good):len(good)], 5, 0), kdb.ErrParse},
		{"a certificate", one, kdb.ErrParse},
		{"unknown type", tlv(0x30, tlv(6, []byte{0x2a, 3})), kdb.ErrParse},
		{"enveloped", tlv(0x30, tlv(6, []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03")), tlv(0xa0)), kdb.ErrParse},
		{"no signers", signedData(tlv(0xa0, one)), kdb.ErrParse},
		{"signer is no sequence", signedData(tlv(0xa0, one), tlv(0x31, tlv(5))), kdb.ErrParse},
		{"bytes behind the signers", signedData(tlv(0xa0, one), tlv(0x31), tlv(5)), kdb.ErrParse},
		{"strange tag among certificates", signedData(tlv(0xa0, one, tlv(5)), tlv(0x31)), kdb.ErrParse},
		{"version 9", tlv(0x30, oidSigned, tlv(0xa0, tlv(0x30, tlv(2, []byte{9}), tlv(0x31), tlv(0x30, oidData), tlv(0x31)))), kdb.ErrParse},
		{"nested without end", bytes.Repeat([]byte{0x30, 0x80}, 100000), kdb.ErrParse},
		{"length beyond the end", []byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 6}, kdb.ErrParse},
	} {
		if got, err := pkcs7.Parse(c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: %d certificates, %v; want %v", c.name, len(got.Certificates), err, c.want)
		}
	}
	for i := range len(good) {
		if _, err := pkcs7.Parse(good[:i]); !errors.Is(err, kdb.ErrParse) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
}

// fingerprints are the certificates that expected/contents.json has for a file; nil if it has nothing on it.
func fingerprints(t testing.TB) map[string][]string {
	t.Helper()
	var contents map[string][]struct{ Type, SHA256 string }
	conformancedata.ReadJSON(t, "expected/contents.json", &contents)
	out := map[string][]string{}
	for path, entries := range contents {
		out[path] = []string{}
		for _, e := range entries {
			if e.Type == "cert" {
				out[path] = append(out[path], e.SHA256)
			}
		}
		slices.Sort(out[path])
	}
	return out
}

func TestConformance(t *testing.T) {
	t.Parallel()
	want, agreed := fingerprints(t), 0
	for _, f := range conformancedata.Files(t, "pkcs7", "fuzz-pkcs7") {
		list, err := certificatesIn(f.Data)
		var got []string
		for _, der := range list {
			sum := sha256.Sum256(der)
			got = append(got, hex.EncodeToString(sum[:]))
		}
		slices.Sort(got)
		switch expectation, known := want[f.Path]; {
		case f.Expected == "parse" && err != nil, f.Expected == "refuse" && err == nil:
			t.Errorf("%s %s: %v, expected %s", f.Tier, f.Path, err, f.Expected)
		case f.Expected == "parse" && known && !slices.Equal(got, expectation):
			t.Errorf("%s: certificates %.8q, want %.8q", f.Path, got, expectation)
		default:
			agreed++
		}
	}
	t.Logf("%d as expected", agreed)
}

func FuzzParse(f *testing.F) {
	one := certificate(f, "one")
	der, err := pkcs7.Encode([][]byte{one})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Add(signedData(tlv(0xa0, one), tlv(0xa1), tlv(0x31)))
	f.Add(stdpem.EncodeToMemory(&stdpem.Block{Type: "PKCS7", Bytes: der}))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := certificatesIn(data)
		if err != nil {
			return
		}
		again, err := pkcs7.Encode(list)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if back, err := certificatesIn(again); err != nil || !slices.EqualFunc(back, list, bytes.Equal) {
			t.Errorf("what was written reads otherwise: %v", err)
		}
	})
}

func certificatesIn(data []byte) ([][]byte, error) {
	contents, err := pkcs7.Parse(data)
	return contents.Certificates, err
}
