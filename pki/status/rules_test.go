package status_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"certkdb/pki"
	"certkdb/pki/path"
	"certkdb/pki/status"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// der builds a value of a tag.
func der(tag byte, parts ...string) string {
	var b cryptobyte.Builder
	b.AddASN1(tags.Tag(tag), func(b *cryptobyte.Builder) {
		for _, p := range parts {
			b.AddBytes([]byte(p))
		}
	})
	return string(b.BytesOrPanic())
}

// madeResponse are the parts of a response about one certificate, as DER; the tests replace them.
type madeResponse struct {
	version, responder, produced, answers, extensions string // of ResponseData
	status, update, next, singleExtensions            string // of SingleResponse
	afterData, afterBasic, afterBytes, afterResponse  string // trailing data
	signer                                            *signed
}

func generalizedTime(t time.Time) string { return der(0x18, t.UTC().Format("20060102150405Z")) }

// keyHash is an OCTET STRING with the SHA-1 hash of a certificate's key.
func keyHash(t *testing.T, s *signed) string {
	t.Helper()
	in := cryptobyte.String(s.RawSubjectPublicKeyInfo)
	var bits []byte
	if !in.ReadASN1(&in, tags.SEQUENCE) || !in.SkipASN1(tags.SEQUENCE) || !in.ReadASN1BitStringAsBytes(&bits) {
		t.Fatal("no key")
	}
	hash := sha1.Sum(bits)
	return der(0x04, string(hash[:]))
}

// byKey is a ResponderID.
func byKey(t *testing.T, s *signed) string { return der(0xa2, keyHash(t, s)) }

// certID names the certificate by hashes of its issuer.
func certID(t *testing.T, issuer *signed, serial string) string {
	t.Helper()
	name := sha1.Sum(issuer.RawSubject)
	return der(0x30, der(0x30, "\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00"), der(0x04, string(name[:])), keyHash(t, issuer), serial)
}

func (m *madeResponse) answer(t *testing.T, issuer *signed) string {
	return der(0x30, certID(t, issuer, "\x02\x01\x05"), m.status, m.update, m.next, m.singleExtensions)
}

// encode signs the response by ECDSA with SHA-256.
func (m *madeResponse) encode(t *testing.T, issuer *signed) []byte {
	t.Helper()
	answers := m.answers
	if answers == "" {
		answers = m.answer(t, issuer)
	}
	tbs := der(0x30, m.version, m.responder, m.produced, der(0x30, answers), m.extensions, m.afterData)
	sum := sha256.Sum256([]byte(tbs))
	signature, err := ecdsa.SignASN1(rand.Reader, m.signer.key.(*ecdsa.PrivateKey), sum[:])
	if err != nil {
		t.Fatal(err)
	}
	basic := der(0x30, tbs, "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", der(0x03, "\x00", string(signature)), m.afterBasic)
	bytes := der(0x30, "\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x01", der(0x04, basic), m.afterBytes)
	return []byte(der(0x30, "\x0a\x01\x00", der(0xa0, bytes), m.afterResponse))
}

// TestRules_RFC6960 is the list of what a reader of OCSP responses refuses, or takes, rule by rule.
func TestRules_RFC6960(t *testing.T) {
	t.Parallel()
	now := time.Now()
	isCA := func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	}
	ca, other := forge(t, nil, 1, isCA), forge(t, nil, 2, isCA)
	leaf := forge(t, ca, 5, func(*x509.Certificate) {})
	const good, unknown = "\x80\x00", "\x82\x00"
	revoked := der(0xa1, generalizedTime(now.Add(-time.Hour)))
	critical := der(0xa1, der(0x30, der(0x30, "\x06\x03\x2a\x03\x04\x01\x01\xff\x04\x02\x05\x00")))
	plain := madeResponse{
		responder: der(0xa1, string(ca.RawSubject)), produced: generalizedTime(now), status: good, update: generalizedTime(now),
		next: der(0xa0, generalizedTime(now.Add(time.Hour))), signer: ca,
	}
	for _, test := range []struct {
		section, rule string
		change        func(*madeResponse)
		want          error
		status        string // of an answer that is taken
	}{
		{"4.2.1", "a good certificate", func(*madeResponse) {}, nil, status.Good},
		{"4.2.1", "a revoked certificate", func(m *madeResponse) { m.status = revoked }, nil, status.Revoked},
		{"4.2.1", "an unknown certificate", func(m *madeResponse) { m.status = unknown }, nil, status.Unknown},
		{"4.2.1", "the responder is named by its key", func(m *madeResponse) { m.responder = byKey(t, ca) }, nil, status.Good},
		{"4.2.1", "the responder is named by another key", func(m *madeResponse) { m.responder = byKey(t, other) }, pki.ErrRefused, ""},
		{"4.2.1", "the responder is not named", func(m *madeResponse) { m.responder = "" }, pki.ErrParse, ""},
		{"4.2.1", "a status of no kind", func(m *madeResponse) { m.status = "\x83\x00" }, pki.ErrParse, ""},
		{"4.2.1", "good with content", func(m *madeResponse) { m.status = "\x80\x01\x00" }, pki.ErrParse, ""},
		{"4.2.1", "revoked without a time", func(m *madeResponse) { m.status = "\xa1\x00" }, pki.ErrParse, ""},
		{"4.2.1", "version 1 written out", func(m *madeResponse) { m.version = "\xa0\x03\x02\x01\x00" }, nil, status.Good},
		{"4.2.1", "version 2", func(m *madeResponse) { m.version = "\xa0\x03\x02\x01\x01" }, pki.ErrRefused, ""},
		{"4.2.1", "trailing data in the response", func(m *madeResponse) { m.afterResponse = "\x05\x00" }, pki.ErrParse, ""},
		{"4.2.1", "trailing data in the response bytes", func(m *madeResponse) { m.afterBytes = "\x05\x00" }, pki.ErrParse, ""},
		{"4.2.1", "trailing data after the signature", func(m *madeResponse) { m.afterBasic = "\x05\x00" }, pki.ErrParse, ""},
		{"4.2.1", "trailing data in the signed part", func(m *madeResponse) { m.afterData = "\x05\x00" }, pki.ErrParse, ""},
		{"4.2.1", "trailing data in an answer", func(m *madeResponse) { m.singleExtensions = "\x05\x00" }, pki.ErrParse, ""},
		{"4.2.1", "no answer", func(m *madeResponse) { m.answers = der(0x30) }, pki.ErrParse, ""},
		{
			"3.2 (1)", "an answer about another issuer", func(m *madeResponse) {
				m.answers = der(0x30, certID(t, other, "\x02\x01\x05"), good, generalizedTime(now))
			}, pki.ErrRefused, "",
		},
		{
			"3.2 (1)", "an answer about another serial number", func(m *madeResponse) {
				m.answers = der(0x30, certID(t, ca, "\x02\x01\x06"), good, generalizedTime(now))
			}, pki.ErrRefused, "",
		},
		{
			"3.2 (1)", "two answers, and one revokes", func(m *madeResponse) {
				first := *m
				first.answers = ""
				second := first
				second.status = revoked
				m.answers = first.answer(t, ca) + second.answer(t, ca)
			}, nil, status.Revoked,
		},
		{"3.2 (2)", "another key signed it", func(m *madeResponse) { m.signer = other }, pki.ErrRefused, ""},
		{"3.2 (3)", "the responder is another", func(m *madeResponse) { m.responder = der(0xa1, string(other.RawSubject)) }, pki.ErrRefused, ""},
		{"3.2 (5)", "not yet", func(m *madeResponse) { m.update, m.next = generalizedTime(now.Add(time.Hour)), "" }, pki.ErrRefused, ""},
		{"3.2 (6)", "no more", func(m *madeResponse) {
			m.update, m.next = generalizedTime(now.Add(-2*time.Hour)), der(0xa0, generalizedTime(now.Add(-time.Hour)))
		}, pki.ErrRefused, ""},
		{"4.2.2.1", "it ends before it begins", func(m *madeResponse) {
			m.next = der(0xa0, generalizedTime(now.Add(-time.Minute)))
		}, pki.ErrRefused, ""},
		{"4.2.2.1", "no next update, and a day old", func(m *madeResponse) {
			m.update, m.next = generalizedTime(now.Add(-25*time.Hour)), ""
		}, pki.ErrRefused, ""},
		{"4.2.1", "a time that is no GeneralizedTime", func(m *madeResponse) { m.update = der(0x17, "260601120000Z") }, pki.ErrParse, ""},
		{"4.4", "a critical extension is unknown", func(m *madeResponse) { m.extensions = critical }, pki.ErrRefused, ""},
		{"4.4", "a critical extension of an answer is unknown", func(m *madeResponse) { m.singleExtensions = critical }, pki.ErrRefused, ""},
		{"4.4", "also without a next update", func(m *madeResponse) { m.singleExtensions, m.next = critical, "" }, pki.ErrRefused, ""},
	} {
		t.Run("RFC 6960, "+test.section+": "+test.rule, func(t *testing.T) {
			t.Parallel()
			m := plain
			test.change(&m)
			a, err := status.ReadOCSP(m.encode(t, ca), leaf.read(t), ca.read(t), path.Options{Time: now})
			if !errors.Is(err, test.want) || a.Status != test.status {
				t.Errorf("%q, %v; want %q, %v", a.Status, err, test.status, test.want)
			}
		})
	}
}
