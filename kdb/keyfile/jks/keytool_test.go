package jks_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/jks"
	"certkdb/kdb/keyfile/keyfiletest"
)

// keytool runs Java's keytool; the test is skipped where there is none.
func keytool(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("keytool")
	if err != nil {
		t.Skip("keytool is not installed")
	}
	out, err := exec.Command(path, append([]string{"-J-Xshare:auto", "-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC"}, args...)...).
		CombinedOutput()
	if err != nil {
		t.Fatalf("keytool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// fingerprint is that of a certificate as keytool shows it.
func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

func TestKeytool_readsOurs(t *testing.T) {
	t.Parallel()
	a, b, ca := newIdentity(t, "a"), newIdentity(t, "b"), newIdentity(t, "ca")
	data := encode(t, newStore(t, a.personal("Server Key"), b.personal("b"), ca.trusted("Root, \"the\" CA")), secret)
	path := filepath.Join(t.TempDir(), "ours.jks")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	listing := keytool(t, "-list", "-v", "-keystore", path, "-storepass", secret)
	for _, want := range []string{
		"Keystore type: JKS", "contains 3 entries", "Alias name: server key\n", "Alias name: b\n", "Alias name: root, \"the\" ca\n",
		"PrivateKeyEntry", "trustedCertEntry", fingerprint(a.cert), fingerprint(b.cert), fingerprint(ca.cert),
	} {
		if !strings.Contains(listing, want) {
			t.Errorf("keytool -list does not show %q:\n%s", want, listing)
		}
	}
	// To PKCS #12 and back: the keys must open for that.
	p12, back := filepath.Join(t.TempDir(), "a.p12"), filepath.Join(t.TempDir(), "back.jks")
	keytool(
		t,
		"-importkeystore",
		"-srckeystore",
		path,
		"-srcstorepass",
		secret,
		"-destkeystore",
		p12,
		"-deststoretype",
		"PKCS12",
		"-deststorepass",
		secret,
	)
	keytool(
		t,
		"-importkeystore",
		"-srckeystore",
		p12,
		"-srcstorepass",
		secret,
		"-destkeystore",
		back,
		"-deststoretype",
		"JKS",
		"-deststorepass",
		secret,
	)
	data, err := os.ReadFile(back)
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, data, secret)
	keyfiletest.WantKey(t, c, "server key", a.key)
	keyfiletest.WantKey(t, c, "b", b.key)
	keyfiletest.WantSound(t, c)
}

// keytoolStore makes a store with two keys under passwords of their own and a trusted certificate.
func keytoolStore(t *testing.T, storeType string) (path string, data []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "theirs")
	common := []string{"-keystore", path, "-storetype", storeType, "-storepass", secret}
	for _, alias := range []string{"one", "two"} {
		keytool(t, append([]string{
			"-genkeypair", "-alias", alias, "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=" + alias, "-keypass", secret + alias,
		}, common...)...)
	}
	crt := filepath.Join(t.TempDir(), "anchor.crt")
	if err := os.WriteFile(crt, newIdentity(t, "anchor").cert, 0o600); err != nil {
		t.Fatal(err)
	}
	keytool(t, append([]string{"-importcert", "-noprompt", "-alias", "anchor", "-file", crt}, common...)...)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, data
}

func TestKeytool_survivesOurChanges(t *testing.T) {
	t.Parallel()
	path, data := keytoolStore(t, "JKS")
	c := open(t, data, secret, []byte(secret+"one"))
	if got := labels(c); len(got) != len("one,two,anchor") {
		t.Fatalf("labels %s", got)
	}
	key, err := c.Key("one")
	if err != nil {
		t.Fatal(err)
	}
	// A renaming: the key is then under the password of the file.
	for _, e := range c.Entries() {
		if e.Label == "one" {
			if err := c.Delete("one"); err != nil {
				t.Fatal(err)
			}
			e.Label, e.Key = "eins", key
			keyfiletest.Put(t, c, e)
		}
	}
	keyfiletest.Put(t, c, newIdentity(t, "new").trusted("new"))
	if err := c.Delete("anchor"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, encode(t, c, secret), 0o600); err != nil {
		t.Fatal(err)
	}
	listing := keytool(t, "-list", "-keystore", path, "-storepass", secret)
	for _, want := range []string{"3 entries", "eins,", "two,", "new,"} {
		if !strings.Contains(listing, want) {
			t.Errorf("keytool -list does not show %q:\n%s", want, listing)
		}
	}
	out := filepath.Join(t.TempDir(), "out.p12")
	keytool(
		t,
		"-importkeystore",
		"-srckeystore",
		path,
		"-srcstorepass",
		secret,
		"-srcalias",
		"eins",
		"-srckeypass",
		secret,
		"-destkeystore",
		out,
		"-deststorepass",
		secret,
	)
	keytool(
		t,
		"-importkeystore",
		"-srckeystore",
		path,
		"-srcstorepass",
		secret,
		"-srcalias",
		"two",
		"-srckeypass",
		secret+"two",
		"-destkeystore",
		out,
		"-deststorepass",
		secret,
	)
}

func TestKeytool_weReadItsJCEKS(t *testing.T) {
	t.Parallel()
	path, _ := keytoolStore(t, "JCEKS")
	keytool(t, "-genseckey", "-alias", "aes", "-keyalg", "AES", "-keysize", "256", "-keypass", secret,
		"-keystore", path, "-storetype", "JCEKS", "-storepass", secret)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	password := secret
	c, err := jks.JCEKS().Decode(keyfile.Files{Main: data}, passwords(&password, []byte(secret+"one")))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range c.Entries() {
		key, err := c.Key(e.Label)
		switch e.Label {
		case "aes":
			if err != nil || len(key) != 32 || e.KeyAlgorithm != "AES" {
				t.Errorf("secret key of %d bytes for %q: %v", len(key), e.KeyAlgorithm, err)
			}
		case "one":
			if err != nil {
				t.Error(err)
			}
		case "two":
			if !errors.Is(err, kdb.ErrPassword) {
				t.Errorf("key under an unknown password: %v, want ErrPassword", err)
			}
		case "anchor":
		default:
			t.Errorf("unexpected label %q", e.Label)
		}
	}
	if n := len(c.Entries()); n != 4 {
		t.Errorf("%d entries, want 4", n)
	}
}
