package path_test

import (
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// FuzzValidate changes the bytes of a certificate in each position of a chain. Nothing may panic, and nothing that was
// changed within what is signed may become valid.
func FuzzValidate(f *testing.F) {
	root := ca(f, nil, "Root")
	inter := ca(f, root, "Intermediate", policies("1.2.3"), extra(cert.IDPolicyMappings, true, "\x30\x08\x30\x06\x06\x01\x2a\x06\x01\x2b"))
	l := leaf(f, inter)
	for position, m := range []*member{l, inter, root} {
		f.Add(byte(position), m.Raw)
	}
	f.Fuzz(func(t *testing.T, position byte, der []byte) {
		c, err := cert.Parse(der)
		if err != nil {
			return
		}
		chain := certificates(l, inter, root)
		original := chain[int(position)%3]
		chain[int(position)%3] = c
		o := path.Options{
			Roots: path.Anchors(chain[2]), Intermediates: chain[1:2], Time: now, Purpose: path.ServerAuth, Profile: path.WebPKI,
			StrictPurpose: true, Policies: path.Policies{ExplicitPolicy: true}, Limits: path.Limits{Signatures: 20},
		}
		_ = explain(path.Validate(chain[0], o))
		o.Profile, o.StrictPurpose, o.Policies.ExplicitPolicy = path.RFC5280, false, false
		if result := path.Validate(chain[0], o); result.Valid && position%3 != 2 && string(c.RawTBS) != string(original.RawTBS) {
			t.Fatalf("valid although changed\n%s", explain(result))
		}
	})
}

// FuzzCRL validates with a changed CRL, and with a good one that it may be a delta to.
func FuzzCRL(f *testing.F) {
	root := ca(f, nil, "Root")
	l := leaf(f, root)
	f.Add(crlOf(f, root, nil, l).Raw)
	f.Add(crlOf(f, root, crlExtension(cert.IDIssuingDistribution, true, "\x30\x06\x81\x01\xff\x84\x01\xff"), l).Raw)
	f.Add(crlOf(f, root, crlExtension(cert.IDDeltaCRLIndicator, true, "\x02\x01\x04"), l).Raw)
	good := crlOf(f, root, nil)
	f.Fuzz(func(_ *testing.T, der []byte) {
		c, err := cert.ParseCRL(der)
		if err != nil {
			return
		}
		o := options(root)
		o.CRLs, o.RequireCRLs = []*cert.CRL{c}, true
		_ = explain(path.Validate(l.Certificate, o))
		o.CRLs = append(o.CRLs, good)
		_ = explain(path.Validate(l.Certificate, o))
	})
}
