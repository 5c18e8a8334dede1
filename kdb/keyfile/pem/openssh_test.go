package pem_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
)

// newSSHKey makes a key with ssh-keygen: its file and the line of its public key, or a skipped test where ssh-keygen cannot.
func newSSHKey(t *testing.T, args ...string) (private []byte, public string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	args = append(args, "-a", "2", "-C", "", "-q", "-f", path)
	if out, err := exec.Command("ssh-keygen", args...).CombinedOutput(); err != nil {
		t.Skipf("ssh-keygen: %v: %s", err, out)
	}
	private, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line, err := os.ReadFile(path + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return private, strings.TrimSpace(string(line))
}

func TestOpenKey_openSSHCiphers(t *testing.T) {
	t.Parallel()
	for _, cipher := range []string{
		"aes128-ctr", "aes192-ctr", "aes256-ctr", "aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc",
		"aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com",
	} {
		t.Run(cipher, func(t *testing.T) {
			t.Parallel()
			file, public := newSSHKey(t, "-t", "ed25519", "-Z", cipher, "-N", "geheim é")
			private, err := openOne(t, file, "geheim é")
			if err != nil {
				t.Fatal(err)
			}
			if line, err := pem.AuthorizedKey(private.SPKI, ""); err != nil || strings.TrimSpace(string(line)) != public {
				t.Errorf("%s, %v, want %s", line, err, public)
			}
			if _, err := openOne(t, file, "geheim e"); !errors.Is(err, kdb.ErrPassword) {
				t.Errorf("a wrong password: %v", err)
			}
		})
	}
}

// Package ssh knows no DSA keys.
func TestOpenKey_openSSHDSA(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"", "geheim"} {
		file, _ := newSSHKey(t, "-t", "dsa", "-N", password)
		private, err := openOne(t, file, password)
		if err != nil || private.Type != "dsa1024" || private.SPKI == nil {
			t.Errorf("with the password %q: %+v, %v", password, private.Type, err)
		}
		cut := bytes.Replace(file, []byte("\n"), []byte("\nAAAA"), 1)
		if _, err := openOne(t, cut, password); !errors.Is(err, kdb.ErrParse) {
			t.Errorf("damaged: %v", err)
		}
	}
}
