package kdb_test

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/kdb"
)

func TestOpen_namesForeignFormats(t *testing.T) {
	t.Parallel()
	const pbes2 = "06092a864886f70d01050d"
	for _, c := range []struct{ head, name string }{
		{"0000000200000014", "key store of Bouncy Castle (BKS)"},
		{"0000000100000014", "UBER or BKS"},
		{"308209a030820940308199" + pbes2, "BCFKS"},
		{"03d9a29a65fb4bb5", "KeePass"},
		{hex.EncodeToString([]byte("SQLite format 3\x00")), "NSS"},
		{"00061561", "NSS"},
		{"308209a0308199" + pbes2, ""},          // an encrypted private key
		{"318209a030820940308199" + pbes2, ""},  // a SET
		{"308209a030820940308199" + "0603", ""}, // another algorithm
		{"30", "text file"},
		{"3084", ""},
	} {
		content, err := hex.DecodeString(c.head)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "store")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = openAny(context.Background(), drivers(), path, kdb.Options{})
		var foreign *kdb.ForeignFormat
		if found := errors.As(err, &foreign); found != (c.name != "") || !errors.Is(err, kdb.ErrVersion) ||
			!strings.Contains(err.Error(), c.name) {
			t.Errorf("%s: %v, want %q", c.head, err, c.name)
		}
	}
}

// What no driver takes is named all the same, with what to do about it.
func TestRecognise_namesOtherFiles(t *testing.T) {
	t.Parallel()
	secret := "apiVersion: v1\nkind: Secret\ndata:\n  tls.crt: LS0tLS1CRUdJTiBD\n"
	for _, c := range []struct {
		content, name, convert string
		loose                  bool
	}{
		{"root:x:0:0:root:/root:/bin/bash\n", "text file", "PEM", true},
		{"Gr\u00fc\u00dfe", "text file", "PEM", true},
		{strings.Repeat("x", 8191) + "\u00fc", "text file", "PEM", true}, // cut in a character
		{"\x1f\x8b\x08\x00", "gzip", "gunzip", true},
		{"BZh9", "bzip2", "bunzip2", true},
		{"\xfd7zXZ\x00", "xz", "unxz", true},
		{"PK\x03\x04", "ZIP archive", "unzip", true},
		{"web.crt" + strings.Repeat("\x00", 250) + "ustar\x0000", "tar archive", "tar -xf", true},
		{"30 82 05:6c\n", "hexadecimal", "xxd -r", true},
		{"feedfeed00000002", "hexadecimal", "xxd -r", true},
		{"48656c6c6f", "text file", "PEM", true}, // another word
		{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI me@host\n", "public key of OpenSSH", "ssh-keygen -e", true},
		{"ecdsa-sha2-nistp256 AAAAE2VjZHNh", "public key of OpenSSH", "ssh-keygen -e", true},
		{"ssh-keygen makes keys", "text file", "PEM", true},
		{"---- BEGIN SSH2 PUBLIC KEY ----\n", "RFC 4716", "ssh-keygen -e", false},
		{"MIIB_-8", "base64url", "basenc", true},
		{"-----BEGIN%20CERTIFICATE-----%0AMIIB", "URL encoding", "unquote", true},
		{"MIIB" + strings.Repeat("-_Aa", 2000), "base64url", "basenc", true},       // as long as the head
		{"30820101" + strings.Repeat("4f\n", 3000), "hexadecimal", "xxd -r", true}, // the same
		{"\ufffd\ufffd\ufffd\ufffd\x00\x00\x00\x02", "converted", "binary", true},  // a JKS file
		{"\u00fe\u00ed\u00fe\u00ed\x00\x00\x00\x02", "converted", "binary", true},
		{"\u00ce\u00ce\u00ce\u00ce\x00\x00\x00\x02", "converted", "binary", true}, // JCEKS
		{"0\ufffd\x05\ufffd\x02\x01\x03", "converted", "binary", true},            // PKCS #12, a certificate
		{"0\u0082\x05\u009c\x02\x01\x03", "converted", "binary", true},
		{"\ufeff0\u201a\x05\u0153\x02\x01\x03", "converted", "binary", true},
		{"\xff\xfe0\x00\x1a\x20\x05\x00\x53\x01", "converted", "binary", true}, // by PowerShell
		{"<!DOCTYPE html>", "web page", "download", true},
		{"\n<HTML>", "web page", "download", true},
		{"\x1e\xf1\xb5\xb0\x00\x00", "PVK", "openssl rsa -inform PVK", false},
		{`{"kty": "EC", "crv": "P-256"}`, "JSON Web Key", "PKCS #8", true},
		{`{"kind": "none"}`, "text file", "PEM", true},
		{"PuTTY-User-Key-File-3: ssh-rsa", "PuTTY", "puttygen", false},
		{"\x00\x00\x00\x00CERT", "SST", "PKCS #7", false},
		{secret, "Kubernetes Secret", "kubectl get secret", false},
		{`{"apiVersion": "v1", "data": {"tls.crt": "LS0t"}, "kind": "Secret"}`, "Kubernetes Secret", "base64 -d", false},
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := kdb.Recognise(drivers(), path)
		foreign, ok := errors.AsType[*kdb.ForeignFormat](err)
		if !ok || !strings.Contains(foreign.Name, c.name) || !strings.Contains(foreign.Convert, c.convert) || foreign.Loose != c.loose {
			t.Errorf("%.40q: %v, %+v, want %s", c.content, err, foreign, c.name)
			continue
		}
		if err := foreign.Searched(); !errors.Is(err, kdb.ErrParse) || errors.Is(err, kdb.ErrVersion) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%q: searched in vain: %v", c.content, err)
		}
	}
}

func TestRecognise_unknownBytesHaveNoName(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"\x01\x02\x03", "text\x00", "\xff\xfe\xfd\xfc\xfb", "text\x7f", "\u00fc\xc3"} {
		_, err := kdb.RecogniseData(drivers(), "data", []byte(content))
		if foreign, ok := errors.AsType[*kdb.ForeignFormat](err); ok || !errors.Is(err, kdb.ErrVersion) {
			t.Errorf("%q: %v, %+v", content, err, foreign)
		}
	}
}

func TestRecognise_folders(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if _, err := kdb.Recognise(drivers(), folder); err == nil || errors.Is(err, kdb.ErrVersion) {
		t.Errorf("a folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "cert9.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := kdb.Recognise(drivers(), folder)
	if foreign, ok := errors.AsType[*kdb.ForeignFormat](err); !ok || !strings.Contains(foreign.Convert, "pk12util") {
		t.Errorf("a folder of NSS: %v", err)
	}
}
