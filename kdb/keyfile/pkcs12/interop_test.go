package pkcs12_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gopkcs12 "software.sslmate.com/src/go-pkcs12"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
)

const secret = "pass-wörd 1"

// quickJava halves the time that keytool takes to start.
const quickJava = "-J-XX:TieredStopAtLevel=1"

// sample is a file with two keys with the same chain and a trusted certificate.
func sample(t *testing.T, profile string) (family, []byte) {
	f := newFamily(t)
	c := newFile(
		t,
		profile,
		f.personal("server one", f.one),
		f.personal("Zwei – ü", f.two),
		trusted("other root", issue(t, "Other", nil, true)),
	)
	password := secret
	if profile == "passwordless" {
		password = ""
	}
	return f, encode(t, c, password)
}

func contains(t *testing.T, out string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("there is no %q in:\n%s", w, out)
		}
	}
}

func TestEncode_readByOpenSSL(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{"2023", "legacy", "gskit", "passwordless"} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			_, data := sample(t, profile)
			args := []string{"pkcs12", "-in", "f.p12", "-nodes", "-passin", "pass:" + secret}
			if profile == "passwordless" {
				args[len(args)-1] = "pass:"
			}
			out := run(t, save(t, "f.p12", data), "openssl", args...)
			contains(t, out, "friendlyName: server one", "friendlyName: other root", "2.16.840.1.113894.746875.1.1")
			if keys := strings.Count(out, "BEGIN PRIVATE KEY"); keys != 2 {
				t.Errorf("%d keys", keys)
			}
			if certs := strings.Count(out, "BEGIN CERTIFICATE"); certs != 5 {
				t.Errorf("%d certificates", certs)
			}
		})
	}
}

func TestEncode_readByKeytool(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{"2023", "legacy"} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			_, data := sample(t, profile)
			data = encode(t, decode(t, data, secret), "ascii pass")
			out := run(
				t,
				save(t, "f.p12", data),
				"keytool",
				"-list",
				"-v",
				"-keystore",
				"f.p12",
				"-storetype",
				"PKCS12",
				"-storepass",
				"ascii pass",
				quickJava,
			)
			contains(t, out, "contains 3 entries", "Alias name: server one", "Alias name: zwei – ü", "Alias name: other root",
				"Entry type: trustedCertEntry", "Certificate chain length: 3")
			if strings.Count(out, "PrivateKeyEntry") != 2 {
				t.Errorf("not two keys:\n%s", out)
			}
		})
	}
}

func TestEncode_readByNSS(t *testing.T) {
	t.Parallel()
	_, data := sample(t, "2023")
	dir := save(t, "f.p12", data)
	run(t, dir, "certutil", "-N", "-d", "sql:"+dir, "--empty-password")
	run(t, dir, "pk12util", "-i", "f.p12", "-d", "sql:"+dir, "-W", secret)
	contains(t, run(t, dir, "certutil", "-L", "-d", "sql:"+dir), "server one", "Zwei – ü", "other root")
	contains(t, run(t, dir, "certutil", "-K", "-d", "sql:"+dir), "server one", "Zwei – ü")
}

func TestEncode_readByGnuTLS(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{"2023", "legacy"} {
		_, data := sample(t, profile)
		out := run(t, save(t, "f.p12", data), "certtool", "--p12-info", "--inder", "--infile", "f.p12", "--password", secret)
		contains(t, out, "server one", "Zwei – ü", "other root", "BEGIN ENCRYPTED PRIVATE KEY", "BEGIN CERTIFICATE")
		if strings.Count(out, "Type: Certificate") != 5 || strings.Count(out, "Type: PKCS #8 Encrypted key") != 2 {
			t.Errorf("%s: not five certificates and two keys:\n%s", profile, out)
		}
	}
}

func TestEncode_readByGoPKCS12(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	for _, profile := range []string{"2023", "2026", "legacy", "gskit", "passwordless"} {
		password := secret
		if profile == "passwordless" {
			password = ""
		}
		k, crt, chain, err := gopkcs12.DecodeChain(encode(t, newFile(t, profile, f.personal("one", f.one)), password), password)
		if err != nil {
			t.Errorf("%s: %v", profile, err)
			continue
		}
		if !f.one.key.Equal(k) || !crt.Equal(f.one.cert) || len(chain) != 2 || !chain[0].Equal(f.middle.cert) {
			t.Errorf("%s: another key or chain", profile)
		}
		trust := encode(t, newFile(t, profile, trusted("root", f.root), trusted("middle", f.middle)), password)
		certs, err := gopkcs12.DecodeTrustStore(trust, password)
		if err != nil || len(certs) != 2 {
			t.Errorf("%s: %d trusted certificates, %v", profile, len(certs), err)
		}
	}
}

func TestDecode_writtenByGoPKCS12(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	for name, encoder := range map[string]*gopkcs12.Encoder{
		"LegacyRC2": gopkcs12.LegacyRC2, "LegacyDES": gopkcs12.LegacyDES, "Passwordless": gopkcs12.Passwordless,
		"Modern2023": gopkcs12.Modern2023, "Modern2026": gopkcs12.Modern2026,
	} {
		password := secret
		if name == "Passwordless" {
			password = ""
		}
		data, err := encoder.Encode(f.one.key, f.one.cert, []*x509.Certificate{f.root.cert, f.middle.cert}, password)
		if err != nil {
			t.Fatal(err)
		}
		c := decode(t, data, password)
		checkKeys(t, c)
		entries := c.Entries()
		if len(entries) != 1 || len(entries[0].Certificates) != 3 || !bytes.Equal(entries[0].Certificates[1], f.middle.cert.Raw) {
			t.Errorf("%s: %s", name, labels(c))
		}
		data, err = encoder.EncodeTrustStoreEntries([]gopkcs12.TrustStoreEntry{{Cert: f.root.cert, FriendlyName: "Wurzel ü"}}, password)
		if err != nil {
			t.Fatal(err)
		}
		if got := labels(decode(t, data, password)); got != "Wurzel ü:trusted:c*" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// savePEM writes the family as files for openssl, certtool and keytool.
func savePEM(t *testing.T, f family) string {
	t.Helper()
	dir := t.TempDir()
	for name, id := range map[string]*identity{"root": f.root, "middle": f.middle, "one": f.one, "two": f.two} {
		for ending, block := range map[string]*pem.Block{
			".pem": {Type: "CERTIFICATE", Bytes: id.cert.Raw}, ".key": {Type: "PRIVATE KEY", Bytes: id.pkcs8},
		} {
			if err := os.WriteFile(filepath.Join(dir, name+ending), pem.EncodeToMemory(block), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	chain := append(load(t, dir, "middle.pem"), load(t, dir, "root.pem")...)
	if err := os.WriteFile(filepath.Join(dir, "chain.pem"), chain, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDecode_writtenByOpenSSL(t *testing.T) {
	t.Parallel()
	dir := savePEM(t, newFamily(t))
	for i, test := range []struct{ options, want string }{
		{"", "server ü:personal:ccc"},
		{"-legacy", "server ü:personal:ccc"},
		{"-legacy -descert -macalg sha384 -maciter", "server ü:personal:ccc"},
		{"-certpbe NONE -keypbe NONE", "server ü:personal:ccc"},
		{"-certpbe NONE -nomac", "server ü:personal:ccc"},
		{"-certpbe AES-128-CBC -keypbe DES-EDE3-CBC -macalg sha3-256", "server ü:personal:ccc"},
		{"-provider legacy -provider default -certpbe PBE-SHA1-RC4-128 -keypbe PBE-MD5-DES -noiter", "server ü:personal:ccc"},
		{"-certpbe CAMELLIA-192-CBC -keypbe CAMELLIA-256-CBC", "server ü:personal:ccc"},
		{"-provider legacy -provider default -macalg md4", "server ü:personal:ccc"},
		{"-caname mid", "mid:trusted:c server ü:personal:ccc"},
	} {
		name := fmt.Sprintf("%d.p12", i)
		args := append(
			strings.Fields("pkcs12 -export -inkey one.key -in one.pem -certfile chain.pem -out "+name),
			"-name",
			"server ü",
			"-passout",
			"pass:"+secret,
		)
		run(t, dir, "openssl", append(args, strings.Fields(test.options)...)...)
		c := decode(t, load(t, dir, name), secret)
		checkKeys(t, c)
		if got := labels(c); got != test.want {
			t.Errorf("%s: %s, want %s", test.options, got, test.want)
		}
	}
	run(t, dir, "openssl", append(strings.Fields("pkcs12 -export -nokeys -in chain.pem -out ca.p12 -passout pass:x -caname"), "the middle")...)
	c := decode(t, load(t, dir, "ca.p12"), "x")
	if got := labels(c); !strings.Contains(got, "the middle:trusted:c*") || !strings.Contains(got, "root-") || strings.Count(got, "*") != 2 {
		t.Errorf("certificates alone: %s", got)
	}
}

func TestDecode_writtenByGnuTLS(t *testing.T) {
	t.Parallel()
	dir := savePEM(t, newFamily(t))
	for _, cipher := range []string{"3des-pkcs12", "aes-256", "rc2-40", "arcfour"} {
		run(t, dir, "certtool", "--to-p12", "--load-privkey", "one.key", "--load-certificate", "one.pem", "--load-ca-certificate", "chain.pem",
			"--p12-name", "from gnutls", "--password", secret, "--pkcs-cipher", cipher, "--outder", "--outfile", cipher+".p12")
		c := decode(t, load(t, dir, cipher+".p12"), secret)
		checkKeys(t, c)
		if got := labels(c); got != "from gnutls:personal:cc" { // certtool takes one CA certificate
			t.Errorf("%s: %s", cipher, got)
		}
	}
}

func TestDecode_writtenByNSS(t *testing.T) {
	t.Parallel()
	f, data := sample(t, "2023")
	dir := save(t, "f.p12", data)
	run(t, dir, "certutil", "-N", "-d", "sql:"+dir, "--empty-password")
	run(t, dir, "pk12util", "-i", "f.p12", "-d", "sql:"+dir, "-W", secret)
	for _, cipher := range []string{
		"AES-256-CBC", "PKCS #12 V2 PBE With SHA-1 And 128 Bit RC4", "PKCS #5 Password Based Encryption with SHA-1 and DES-CBC",
	} {
		run(t, dir, "pk12util", "-o", "out.p12", "-n", "Zwei – ü", "-d", "sql:"+dir, "-W", "nss päss", "-c", cipher)
		c := decode(t, load(t, dir, "out.p12"), "nss päss")
		checkKeys(t, c)
		k, err := c.Key("Zwei – ü")
		if err != nil || !bytes.Equal(k, f.two.pkcs8) && len(k) == 0 {
			t.Errorf("%s: %s: %v", cipher, labels(c), err)
		}
	}
}

func TestKeytool_survivesChanges(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	dir := savePEM(t, f)
	store := []string{"-keystore", "f.p12", "-storetype", "PKCS12", "-storepass", "changeit"}
	keytool := func(args ...string) string {
		return run(t, dir, "keytool", append(append(args, store...), quickJava)...)
	}
	keytool("-genkeypair", "-alias", "first", "-keyalg", "EC", "-dname", "CN=First")
	keytool("-genkeypair", "-alias", "second", "-keyalg", "EC", "-dname", "CN=Second")
	keytool("-importcert", "-alias", "ca", "-file", "root.pem", "-noprompt")
	keytool("-genseckey", "-alias", "aes", "-keyalg", "AES", "-keysize", "256")

	c := decode(t, load(t, dir, "f.p12"), "changeit")
	checkKeys(t, c)
	if got := labels(c); got != "first:personal:c second:personal:c aes:secret-key: ca:trusted:c*" &&
		got != "first:personal:c second:personal:c ca:trusted:c* aes:secret-key:" {
		t.Errorf("keytool's file has %s", got)
	}
	for _, e := range c.Entries() {
		if e.Kind == kdb.KindSecretKey && e.KeyAlgorithm != "AES" {
			t.Errorf("the secret key is for %q", e.KeyAlgorithm)
		}
		if e.Kind == kdb.KindPersonal && e.Added.IsZero() {
			t.Errorf("the time of %q was not read", e.Label)
		}
	}
	put(t, c, f.personal("third", f.one), trusted("middle", f.middle))
	rename(t, c, "first", "renamed")
	rename(t, c, "ca", "new ca")
	if err := c.Delete("second"); err != nil {
		t.Fatal(err)
	}
	put(t, c, kdb.Entry{Label: "hmac", Kind: kdb.KindSecretKey, Key: []byte("0123456789abcdef"), KeyAlgorithm: "HmacSHA256"})
	put(t, c, kdb.Entry{Label: "password", Kind: kdb.KindSecretKey, Key: []byte("hunter22"), KeyAlgorithm: "PBEWithMD5AndDES"})
	if err := os.WriteFile(filepath.Join(dir, "f.p12"), encode(t, c, "changeit"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := keytool("-list", "-v")
	contains(t, out, "contains 7 entries", "Alias name: renamed", "Alias name: third", "Alias name: middle", "Alias name: new ca",
		"Alias name: aes", "Alias name: hmac", "Alias name: password", "Certificate chain length: 3")
	if strings.Count(out, "Entry type: PrivateKeyEntry") != 2 || strings.Count(out, "Entry type: trustedCertEntry") != 2 ||
		strings.Count(out, "Entry type: SecretKeyEntry") != 3 {
		t.Errorf("the kinds are wrong:\n%s", out)
	}
	// keytool opens a key and writes the file again.
	keytool("-changealias", "-alias", "third", "-destalias", "fourth")
	again := decode(t, load(t, dir, "f.p12"), "changeit")
	checkKeys(t, again)
	contains(t, labels(again), "fourth:personal:ccc", "renamed:personal:c", "hmac:secret-key:", "new ca:trusted:c*")
	if e, err := again.Entry("password"); err != nil || e.KeyAlgorithm != "PBEWithMD5AndDES" {
		t.Errorf("a password is for %q: %v", e.KeyAlgorithm, err)
	}
}

// rename gives an entry another label.
func rename(t *testing.T, c keyfile.Container, from, to string) {
	t.Helper()
	if err := c.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
