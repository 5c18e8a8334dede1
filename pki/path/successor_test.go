package path_test

import (
	"crypto/x509"
	"strings"
	"testing"

	"certkdb/pki/path"
)

// AddTrust and DST Root X3: the trusted root expired, and with it its certificate for the key of the root that followed.
func TestValidate_namesTheSuccessorOfAnExpiredRoot(t *testing.T) {
	t.Parallel()
	expired := func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -3) }
	old, key := ca(t, nil, "Old Root", expired), newKey(t)
	root := caWith(t, nil, key, "New Root X1")
	cross := caWith(t, old, key, "New Root X1", expired)
	inter := caWith(t, root, newKey(t), "Issuing")
	l := leaf(t, inter)
	result := path.Validate(l.Certificate, path.Options{
		Roots: path.Anchors(old.Certificate), Intermediates: certificates(cross, inter, root), Time: now,
	})
	first := result.Attempts[0].Failures[0]
	if result.Valid || first.Rule != path.RuleUntrusted || !strings.Contains(first.Reason, "New Root X1") || len(result.Attempts) != 2 {
		t.Errorf("the first failure is %s", first)
	}
	for _, f := range result.Attempts[1].Failures {
		if !strings.Contains(f.Remedy.String(), `trust its successor "CN=New Root X1`) {
			t.Errorf("the remedy for %s", f)
		}
	}
	alone := path.Validate(l.Certificate, path.Options{
		Roots: path.Anchors(old.Certificate), Intermediates: certificates(cross, inter), Time: now,
	})
	for _, f := range alone.Attempts[0].Failures {
		want := `get the root that followed it, such as a self-signed certificate of "CN=New Root X1,O=Example", and trust that`
		if f.Rule != path.RuleValidity || !strings.Contains(f.Remedy.String(), want) {
			t.Errorf("without the successor: %s", f)
		}
	}
	o := path.Options{Roots: path.Anchors(old.Certificate), Intermediates: certificates(cross), Time: now}
	short, direct := path.Validate(inter.Certificate, o), path.Validate(cross.Certificate, o)
	if f := short.Attempts[0].Failures[0]; !strings.Contains(f.Remedy.String(), "the root that followed it") {
		t.Errorf("a CA: %s", f)
	}
	for _, f := range direct.Attempts[0].Failures {
		if f.Position > 0 && !strings.Contains(f.Remedy.String(), "get the current certificate of") {
			t.Errorf("a certificate that the root issued itself: %s", f)
		}
	}
}

// The commonest of all questions: a common name is no name of a host.
func TestValidate_commonNameAlone(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	o := options(root)
	for _, c := range []struct{ host, cn, want string }{
		{"cn.example.com", "cn.example.com", `it names the host "cn.example.com" only in its common name, which does not count`},
		{"cn.example.com", "other", `it has no subject alternative names`},
		{"cn.example.com.", "cn.example.com", `it names the host "cn.example.com." only in its common name, which does not count`},
		{"cn.example.com.", "other", `it has no subject alternative names`},
	} {
		o.Host = c.host
		l := leaf(t, root, func(l *x509.Certificate) { l.DNSNames, l.Subject.CommonName = nil, c.cn })
		f := path.Validate(l.Certificate, o).Attempts[0].Failures[0]
		if !strings.Contains(f.Reason, c.want) || f.Remedy.String() != "have it reissued with the subject alternative name dns:cn.example.com" {
			t.Errorf("%s for %s: %s", c.cn, c.host, f)
		}
	}
}
