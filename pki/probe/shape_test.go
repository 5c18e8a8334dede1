package probe_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"slices"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/probe"
)

// shape serves a chain and renders its shape.
func shape(t *testing.T, trust []*cert.Certificate, leaf *identity, more ...[]byte) string {
	t.Helper()
	certificate := leaf.tls()
	certificate.Certificate = append(certificate.Certificate, more...)
	r, f := run(t, probe.Options{Address: listen(t, serveTLS(config(certificate))), Trust: trusting(trust)})
	if f != nil && f.Class != probe.ClassCertificate {
		t.Fatal(f)
	}
	if len(r.Chain) != 1+len(more) {
		t.Fatalf("chain of %d", len(r.Chain))
	}
	return render(r.Shape)
}

func render(s probe.Shape) string {
	text := fmt.Sprintf("path %v", s.Path)
	if len(s.Superfluous) > 0 {
		text += fmt.Sprintf(" superfluous %v", s.Superfluous)
	}
	if s.Root >= 0 {
		text += fmt.Sprintf(" root %d", s.Root)
	}
	if s.OutOfOrder {
		text += " out of order"
	}
	if s.Missing != nil {
		text += " missing " + s.Missing.Subject.String()
	}
	if len(s.Unreadable) > 0 {
		text += fmt.Sprintf(" unreadable %v", s.Unreadable)
	}
	return text
}

func TestShape(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, "root CA")
	inner := issue(t, root, "inner CA", func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://ca.example.com/root.cer"} })
	lowest := issue(t, inner, "lowest CA")
	leaf := issue(t, lowest, "server")
	other := issue(t, nil, "other CA")
	impostor := issue(t, nil, "lowest CA", func(c *x509.Certificate) { c.SubjectKeyId = lowest.SubjectKeyId })
	renewed := issue(t, nil, "lowest CA")
	for name, c := range map[string]struct {
		trust *identity
		more  []*identity
		want  string
	}{
		"whole":                              {nil, []*identity{lowest, inner, root}, "path [0 1 2 3] root 3"},
		"without the root, which is trusted": {root, []*identity{lowest, inner}, "path [0 1 2]"},
		"without the root":                   {nil, []*identity{lowest, inner}, "path [0 1 2] missing CN=root CA"},
		"incomplete":                         {root, []*identity{lowest}, "path [0 1] missing CN=inner CA"},
		"the server's alone":                 {root, nil, "path [0] missing CN=lowest CA"},
		"the last one is trusted itself":     {lowest, []*identity{lowest}, "path [0 1]"},
		"out of order":                       {root, []*identity{inner, lowest}, "path [0 2 1] out of order"},
		"superfluous":                        {root, []*identity{other, lowest, inner}, "path [0 2 3] superfluous [1]"},
		"duplicates":                         {root, []*identity{lowest, lowest, leaf, inner}, "path [0 1 4] superfluous [2 3]"},
		"a gap":                              {root, []*identity{inner, root}, "path [0] superfluous [1 2] missing CN=lowest CA"},
		"the same name, another key":         {root, []*identity{renewed, lowest, inner}, "path [0 2 3] superfluous [1]"},
		"the same name and identifier, another key": {root, []*identity{impostor, lowest, inner}, "path [0 2 3] superfluous [1]"},
	} {
		var trust []*cert.Certificate
		if c.trust != nil {
			trust = c.trust.trusted(t)
		}
		var more [][]byte
		for _, m := range c.more {
			more = append(more, m.Raw)
		}
		if got := shape(t, trust, leaf, more...); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestShape_selfSigned(t *testing.T) {
	t.Parallel()
	if got := shape(t, nil, issue(t, nil, "server")); got != "path [0] root 0" {
		t.Error(got)
	}
}

func TestShape_missingSaysWhereToGetIt(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, "root CA")
	leaf := issue(t, root, "server", func(c *x509.Certificate) {
		c.IssuingCertificateURL, c.OCSPServer = []string{"http://ca.example.com/root.cer"}, []string{"http://ocsp.example.com"}
	})
	r, _ := run(t, probe.Options{Address: listen(t, serveTLS(config(leaf.tls())))})
	m := r.Shape.Missing
	if m == nil || !slices.Equal(m.URLs, []string{"http://ca.example.com/root.cer"}) || !bytes.Equal(m.KeyID, root.SubjectKeyId) {
		t.Errorf("%+v", m)
	}
}

func TestShape_unreadable(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, "root CA")
	leaf := issue(t, root, "server")
	serve := func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		_, _ = conn.Write(record(helloTLS12()))
		_, _ = conn.Write(record(certificateMessage(leaf.Raw, []byte("junk"), root.Raw)))
		_, _ = conn.Write([]byte{21, 3, 3, 0, 2, 2, 80})
	}
	if r, _ := run(t, probe.Options{Address: listen(t, serve)}); render(r.Shape) != "path [0 2] root 2 unreadable [1]" {
		t.Error(render(r.Shape))
	}
}

// TestShape_boundsItsWork: many certificates of one name cost only so many signatures, however they are ordered.
func TestShape_boundsItsWork(t *testing.T) {
	t.Parallel()
	alike := func(c *x509.Certificate) {
		c.Subject, c.SubjectKeyId = pkix.Name{CommonName: "same CA"}, []byte{1} // only signatures tell them apart
	}
	issuer := issue(t, nil, "CA", alike)
	chain := [][]byte{issuer.Raw}
	for range 90 {
		issuer = issue(t, issuer, "CA", alike)
		chain = append(chain, issuer.Raw)
	}
	certificate := issue(t, issuer, "server").tls()
	certificate.Certificate = append(certificate.Certificate, chain...)
	r, f := run(t, probe.Options{Address: listen(t, serveTLS(config(certificate)))})
	if f != nil || len(r.Chain) != 92 || len(r.Shape.Path) < 2 || len(r.Shape.Path) > 20 {
		t.Errorf("%v, a path of %d", f, len(r.Shape.Path))
	}
}

// TestRun_longChain: a chain that crypto/tls takes is reported whole.
func TestRun_longChain(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, "root CA")
	leaf := issue(t, root, "server")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server := config(leaf.tls(slices.Repeat([]*identity{root}, 600)...))
		server.MaxVersion = version
		r, f := run(t, probe.Options{Address: listen(t, serveTLS(server))})
		if f != nil || len(r.Chain) != 601 || r.Shape.Root != 1 || len(r.Shape.Superfluous) != 599 {
			t.Errorf("%v, chain of %d, %v", f, len(r.Chain), r.Shape.Path)
		}
	}
}

// trusting is Options.Trust with the same answer for every chain.
func trusting(list []*cert.Certificate) func([][]byte) []*cert.Certificate {
	return func([][]byte) []*cert.Certificate { return list }
}
