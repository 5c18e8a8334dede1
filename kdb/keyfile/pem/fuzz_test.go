package pem_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pem"
)

// FuzzItems: whatever the input, reading ends, errors are of kinds that callers know, and certificates survive writing and reading.
func FuzzItems(f *testing.F) {
	block := armoured("CERTIFICATE", certificate(1))
	for _, seed := range []string{
		"", "\r", "0", block, "Bag Attributes\n friendlyName: x\n localKeyID: 01\n" + block, strings.ReplaceAll(block, "\n", "\r"),
		string(certificate(1)) + string(certificate(2)), "\ufeff" + block, "\xff\xfe-\x00-\x00", block[:60], block + "-----BEGIN X-----\n",
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n" +
			"DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAECAwQFBgcICQoLDA0ODw==\n-----END RSA PRIVATE KEY-----\n",
		"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n-----END OPENSSH PRIVATE KEY-----\n",
		"\x30\x80\x30\x80\x00\x00\x00\x00",
		armoured("TRUSTED CERTIFICATE", append(certificate(1), der(0x30, der(0x0c, []byte("x")))...)),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		items, errs := read(data)
		for _, err := range errs {
			if !errors.Is(err, kdb.ErrParse) {
				t.Errorf("an error of a kind that callers do not know: %v", err)
			}
		}
		for _, item := range items {
			_ = item.Where()
			if item.Kind == pem.PrivateKey || item.Kind == pem.EncryptedKey && len(item.Headers) > 0 {
				_, _ = item.OpenKey(func(string) ([]byte, error) { return []byte("secret"), nil })
			}
			if item.Kind != pem.Certificate {
				continue
			}
			var out bytes.Buffer
			if err := pem.Write(&out, pem.Item{Kind: item.Kind, DER: item.DER}); err != nil {
				t.Fatal(err)
			}
			if again, errs := read(out.Bytes()); len(errs) > 0 || len(again) != 1 || !bytes.Equal(again[0].DER, item.DER) {
				t.Errorf("what was written reads otherwise: %v", errs)
			}
		}
	})
}

// FuzzEntries: every entry that comes out can be stored.
func FuzzEntries(f *testing.F) {
	leaf := issue(f, "leaf", nil, false)
	f.Add(leaf.certPEM() + leaf.keyPEM(f))
	f.Add(armoured("CERTIFICATE REQUEST", leaf.request(f)) + leaf.keyPEM(f))
	f.Add("friendlyName: x\n" + leaf.certPEM())
	f.Fuzz(func(t *testing.T, input string) {
		for e, err := range pem.Entries(pem.Items(strings.NewReader(input)), pem.Options{Invalid: func(error) {}}) {
			if err != nil {
				continue
			}
			if err := e.Check(); err != nil {
				t.Errorf("an entry that cannot be stored: %v", err)
			}
		}
	})
}

// FuzzCodec: whatever the file, errors are of kinds that callers know, writing without a change keeps every byte, and another certificate
// makes one entry more.
func FuzzCodec(f *testing.F) {
	root := issue(f, "root", nil, true)
	leaf := issue(f, "leaf", root, false)
	more := issue(f, "more", root, false)
	f.Add("# note\n\n" + leaf.keyPEM(f) + named("x", 1, leaf.certPEM()) + root.certPEM())
	f.Add(strings.ReplaceAll(named("x", 1, leaf.lockedPEM(f, secret))+named("", 1, leaf.certPEM())+
		"certkdbChain: 01\n"+root.certPEM(), "\n", "\r\n"))
	f.Add(armoured("CERTIFICATE REQUEST", leaf.request(f)) + leaf.keyPEM(f) + "friendlyName: left behind\n")
	f.Add(armoured("TRUSTED CERTIFICATE", slices.Concat(root.cert.Raw, der(0x30, der(0x0c, []byte("x"))))) + leaf.certPEM()[:99])
	unknown := bytes.Replace(leaf.pkcs8(f), []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1}, []byte{0x2a, 0x86, 0x48, 0xce, 0x03, 2, 1}, 1)
	f.Add(armoured("PRIVATE KEY", unknown)) // of an algorithm that nobody knows
	f.Fuzz(func(t *testing.T, text string) {
		c, err := pem.FastCodec().Decode(keyfile.Files{Main: []byte(text)}, keyfile.Passwords{})
		if err != nil {
			if !errors.Is(err, kdb.ErrParse) && !errors.Is(err, kdb.ErrUnsupported) {
				t.Errorf("an error of a kind that callers do not know: %v", err)
			}
			return
		}
		before := len(c.Entries())
		c.Facts()
		c.Check(func(kdb.Problem) {})
		files, err := c.Encode(nil)
		if errors.Is(err, kdb.ErrUnsupported) || errors.Is(err, kdb.ErrEncryption) {
			return // UTF-16
		}
		if err != nil || strings.Contains(text, "-----BEGIN ") && string(files.Main) != text {
			t.Fatalf("writing without a change: %v", err)
		}
		put(t, c, kdb.Entry{Label: "more", Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{more.cert.Raw}})
		if after := len(decode(t, encode(t, c)).Entries()); after != before+1 && !strings.Contains(text, "friendlyName: more") {
			t.Errorf("%d entries, and %d after one more", before, after)
		}
	})
}
