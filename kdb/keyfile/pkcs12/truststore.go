package pkcs12

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"strings"
	"unicode/utf8"

	gopkcs12 "software.sslmate.com/src/go-pkcs12"
)

// go-pkcs12 is the encoder where it can be: for trust stores, whose bags are certificates with a friendlyName and
// Oracle's trustedKeyUsage. It cannot give a key a friendlyName, knows one key a file, and writes no bags that it does not
// make itself, so that every other file is written by the rest of this package.

// encoder is go-pkcs12's for a profile.
func (p profile) encoder() *gopkcs12.Encoder {
	switch p.name {
	case "2023":
		return gopkcs12.Modern2023.WithIterations(p.rounds)
	case "2026":
		return gopkcs12.Modern2026.WithIterations(p.rounds)
	case "legacy":
		return gopkcs12.LegacyDES.WithIterations(p.rounds)
	}
	return gopkcs12.Passwordless
}

// trustStore returns the entries for go-pkcs12 if what it makes of them is, bag for bag, what is to be written.
func (w *writer) trustStore() (entries []gopkcs12.TrustStoreEntry, ok bool) {
	if !inBMP(string(w.password)) || w.upgrade || w.profile.encrypt != (len(w.password) > 0) {
		return nil, false
	}
	for _, s := range w.safes {
		if s.encrypted != w.profile.encrypt {
			return nil, false
		}
	}
	for b := range w.Container.bags() {
		label := b.friendlyName()
		if b.cert == nil || label == "" || !inBMP(label) || !bytes.Equal(trustBag(b.cert, label), b.der()) {
			return nil, false
		}
		// The encoder looks at nothing but the DER.
		entries = append(entries, gopkcs12.TrustStoreEntry{Cert: &x509.Certificate{Raw: b.cert}, FriendlyName: label})
	}
	return entries, len(entries) > 0
}

// inBMP says that go-pkcs12 can write a text: it knows no surrogates.
func inBMP(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r > 0xFFFF })
}

// trustBag is the bag that go-pkcs12 writes for a certificate.
func trustBag(der []byte, label string) []byte {
	b := newCertBag(der)
	b.setFriendlyName(label)
	b.setTrustedKeyUsage(true)
	return b.der()
}

func (w *writer) encodeTrustStore(entries []gopkcs12.TrustStoreEntry) ([]byte, error) {
	der, err := w.profile.encoder().EncodeTrustStoreEntries(entries, string(w.password))
	if err != nil {
		return nil, fmt.Errorf("writing a PKCS #12 file: %w", err)
	}
	return der, nil
}
