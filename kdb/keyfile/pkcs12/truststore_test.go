package pkcs12_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"strings"
	"testing"

	gopkcs12 "software.sslmate.com/src/go-pkcs12"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/pkcs12"
)

// A trust store of ours is bag for bag what go-pkcs12 makes of the same entries, in every profile, so that it can be the encoder.
func TestEncode_trustStoreIsGoPKCS12s(t *testing.T) {
	t.Parallel()
	encoders := map[string]*gopkcs12.Encoder{
		"2023": gopkcs12.Modern2023, "2026": gopkcs12.Modern2026, "legacy": gopkcs12.LegacyDES, "passwordless": gopkcs12.Passwordless,
	}
	f := newFamily(t)
	entries := []kdb.Entry{trusted("one", f.root), trusted("zwei, \"ü\"", f.middle)}
	for profile, encoder := range encoders {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			password := "geheim"
			if profile == "passwordless" {
				password = ""
			}
			var theirs []gopkcs12.TrustStoreEntry
			for _, e := range entries {
				theirs = append(theirs, gopkcs12.TrustStoreEntry{Cert: &x509.Certificate{Raw: e.Certificates[0]}, FriendlyName: e.Label})
			}
			want, err := encoder.EncodeTrustStoreEntries(theirs, password)
			if err != nil {
				t.Fatal(err)
			}
			got := encode(t, newFile(t, profile, entries...), password)
			if a, b := bagDERs(decode(t, got, password)), bagDERs(decode(t, want, password)); !bytes.Equal(a, b) {
				t.Errorf("bags differ:\n%x\n%x", a, b)
			}
			if read, err := gopkcs12.DecodeTrustStore(got, password); err != nil || len(read) != len(entries) {
				t.Errorf("go-pkcs12 reads %d certificates, %v", len(read), err)
			}
		})
	}
}

func bagDERs(c *pkcs12.Container) (all []byte) {
	for _, b := range c.Bags() {
		all = append(all, b.DER...)
	}
	return all
}

// What go-pkcs12 cannot write is written all the same.
func TestEncode_trustStoreBeyondGoPKCS12(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	for _, label := range []string{"key 🔑", "plain"} {
		c := newFile(t, "2023", trusted(label, f.root))
		if got := labels(decode(t, encode(t, c, "pass 🔒 word"), "pass 🔒 word")); got != labels(c) {
			t.Errorf("labels %q, want %q", got, labels(c))
		}
	}
}

// TestFacts_forJava: OpenSSL writes certificates without the attribute by which Java knows what is trusted; a copy has it.
func TestFacts_forJava(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	id := func(last ...int) []byte {
		return mustMarshal(t, append(asn1.ObjectIdentifier{1, 2, 840, 113549, 1}, last...))
	}
	certificate := der(t, 0x30, id(9, 22, 1), der(t, 0xa0, octets(t, trusted("", f.root).Certificates[0])))
	plain := decode(t, rawFile(t, der(t, 0x30, id(12, 10, 1, 3), der(t, 0xa0, certificate))), "")
	const want = "certificates without the attribute trustedKeyUsage, which Java does not see: 1;"
	if got := javaFacts(plain); len(got) != 2 || !strings.HasPrefix(got[0], want) || !strings.HasPrefix(got[1], want) {
		t.Errorf("without the attribute: %q", got)
	}
	for _, c := range []*pkcs12.Container{newFile(t, "", trusted("root", f.root)), newFile(t, "", f.personal("one", f.one))} {
		if got := javaFacts(c); len(got) > 0 {
			t.Errorf("%s: %q", labels(c), got)
		}
	}
}

// javaFacts are what the facts and a check say about Java.
func javaFacts(c *pkcs12.Container) (texts []string) {
	for _, fact := range c.Facts() {
		if fact.Name == kdb.FactForJava {
			texts = append(texts, fact.Value)
		}
	}
	c.Check(func(p kdb.Problem) {
		if p.Where == kdb.FactForJava && p.Severity == kdb.Note {
			texts = append(texts, p.What)
		}
	})
	return texts
}

// TestUpdate_marksForJava: trusting a certificate again gives each the attribute, and those of one name, of which Java shows only one,
// their labels.
func TestUpdate_marksForJava(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	id := func(last ...int) []byte {
		return mustMarshal(t, append(asn1.ObjectIdentifier{1, 2, 840, 113549, 1}, last...))
	}
	name := der(t, 0x31, der(t, 0x30, id(9, 20), der(t, 0x31, der(t, 0x1e, []byte("\x00C\x00A")))))
	bag := func(of *identity) []byte {
		certificate := der(t, 0x30, id(9, 22, 1), der(t, 0xa0, octets(t, of.cert.Raw)))
		return der(t, 0x30, id(12, 10, 1, 3), der(t, 0xa0, certificate), name)
	}
	c := decode(t, rawFile(t, bag(f.root), bag(f.middle)), "")
	if !c.TrustsImplicitly("CA") || !c.TrustsImplicitly("CA (2)") || c.TrustsImplicitly("none") {
		t.Errorf("implicitly trusted: %v, %v, %v", c.TrustsImplicitly("CA"), c.TrustsImplicitly("CA (2)"), c.TrustsImplicitly("none"))
	}
	if err := c.Update(trusted("CA", f.root)); err != nil {
		t.Fatal(err)
	}
	c = decode(t, encode(t, c, ""), "")
	for i, want := range []string{"CA", "CA (2)"} {
		if b := c.Bags()[i]; b.FriendlyName != want || !b.TrustedKeyUsage || c.TrustsImplicitly(want) {
			t.Errorf("certificate %d is %q, with the attribute: %v", i+1, b.FriendlyName, b.TrustedKeyUsage)
		}
	}
}
