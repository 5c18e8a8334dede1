package path_test

import (
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/oid"
	"certkdb/pki/path"
)

// TestValidate_rules breaks one rule at a time in a chain root -> intermediate -> leaf.
func TestValidate_rules(t *testing.T) {
	t.Parallel()
	expired := func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -3) }
	future := func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, 0, 3) }
	noCA := func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature }
	zeroPath := func(c *x509.Certificate) { c.MaxPathLenZero = true }
	permit := func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"other.com"}
	}
	exclude := func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{"example.com"} }
	clientOnly := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	anyUsage := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }
	noUsage := func(c *x509.Certificate) { c.ExtKeyUsage = nil }
	signOnly := func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }
	unknown := extra("1.2.3.4", true, "\x05\x00")
	tests := []struct {
		rule              string
		root, inter, leaf []change
		want              string
	}{
		{rule: "nothing broken", want: "valid"},
		{rule: "leaf expired", leaf: []change{expired}, want: "validity"},
		{rule: "intermediate not yet valid", inter: []change{future}, want: "validity"},
		{rule: "root expired", root: []change{expired}, want: "validity"},
		{rule: "intermediate no CA", inter: []change{noCA}, want: "basic-constraints key-usage"},
		{rule: "root no CA", root: []change{noCA}, want: "basic-constraints key-usage"},
		{rule: "root's path length", root: []change{zeroPath}, want: "path-length"},
		{rule: "intermediate's path length allows a leaf", inter: []change{zeroPath}, want: "valid"},
		{rule: "intermediate without keyCertSign", inter: []change{signOnly}, want: "key-usage"},
		{rule: "name not permitted by the root", root: []change{permit}, want: "name-constraints"},
		{rule: "name excluded by the intermediate", inter: []change{exclude}, want: "name-constraints"},
		{rule: "leaf for another usage", leaf: []change{clientOnly}, want: "extended-key-usage"},
		{rule: "intermediate for another usage", inter: []change{clientOnly}, want: "extended-key-usage"},
		{rule: "root for another usage", root: []change{clientOnly}, want: "extended-key-usage"},
		{rule: "leaf for any usage", leaf: []change{anyUsage}, want: "valid"},
		{rule: "leaf without usage", leaf: []change{noUsage}, want: "valid"},
		{rule: "unknown critical extension in the leaf", leaf: []change{unknown}, want: "critical-extension"},
		{rule: "unknown critical extension in the intermediate", inter: []change{unknown}, want: "critical-extension"},
		{rule: "unknown critical extension in the root", root: []change{unknown}, want: "critical-extension"},
		{rule: "unknown extension that is not critical", leaf: []change{extra("1.2.3.4", false, "\x05\x00")}, want: "valid"},
		{rule: "malformed key usage", leaf: []change{extra("2.5.29.36", true, "\x05\x00")}, want: "malformed"},
		{rule: "name constraints in a leaf", leaf: []change{exclude}, want: "name-constraints"},
		{
			rule: "constraint on a registered ID", inter: []change{extra(cert.IDNameConstraints, true, "\x30\x08\xa0\x06\x30\x04\x88\x02\x2a\x03")},
			want: "malformed",
		},
		{rule: "two rules at once", leaf: []change{expired, clientOnly}, want: "validity extended-key-usage"},
	}
	for _, test := range tests {
		root := ca(t, nil, "Root", test.root...)
		inter := ca(t, root, "Intermediate", test.inter...)
		l := leaf(t, inter, test.leaf...)
		result := path.Validate(l.Certificate, options(root, inter))
		if got := rules(result); got != test.want {
			t.Errorf("%s: %s, want %s", test.rule, got, test.want)
		}
		for _, a := range result.Attempts {
			for _, f := range a.Failures {
				if f.Remedy.String() == "" {
					t.Errorf("%s: no remedy for %s", test.rule, f)
				}
			}
		}
	}
}

func TestValidate_remedies(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	inter := ca(t, root, "Intermediate")
	l := leaf(t, inter, func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -3) })
	tests := []struct {
		rule string
		o    path.Options
		want string
	}{
		{"expired", options(root, inter), "it expired on 2026-05-29T12:00:00Z, 3 days ago [validity; RFC 5280, 6.1.3 (a)(2)]: renew it"},
		{
			"issuer missing", options(root),
			`its issuer "CN=Intermediate,O=Example" is neither trusted nor among the given certificates [no-issuer; RFC 5280, 6.1]: ` +
				`add the certificate of "CN=Intermediate,O=Example"`,
		},
		{
			"root not trusted", options(ca(t, nil, "Other"), inter, root),
			`the root "CN=Root,O=Example" is not among the trusted certificates [untrusted; RFC 5280, 6.1.1 (d)]: ` +
				`add it as a trusted certificate, if you trust it`,
		},
	}
	for _, test := range tests {
		result := path.Validate(l.Certificate, test.o)
		if result.Valid || !strings.Contains(explain(result), test.want) {
			t.Errorf("%s:\n%s\nwant %s", test.rule, explain(result), test.want)
		}
		if err := result.Err(); err == nil {
			t.Errorf("%s: no error", test.rule)
		}
	}
}

func TestValidate_saysWhereTheIssuerIs(t *testing.T) {
	t.Parallel()
	l := leaf(t, ca(t, nil, "Root"), func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://ca.example/root.cer"} })
	result := path.Validate(l.Certificate, path.Options{Time: now})
	want := `add the certificate of "CN=Root,O=Example", which it says is at http://ca.example/root.cer`
	if got := result.Attempts[0].Failures[0].Remedy.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestValidate_wrongKey(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	impostor := ca(t, nil, "Root")
	l := leaf(t, impostor)
	if got := rules(path.Validate(l.Certificate, options(root))); got != "signature" {
		t.Error(got)
	}
	both := options(root)
	both.Roots = path.Anchors(root.Certificate, impostor.Certificate)
	if got := rules(path.Validate(l.Certificate, both)); got != "valid" {
		t.Errorf("with both roots of the name: %s", got)
	}
}

func TestValidate_anchors(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root", func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -1); c.MaxPathLenZero = true })
	inter := ca(t, root, "Intermediate")
	l := leaf(t, inter)
	o := options(root, inter)
	o.Roots[0].IgnoreTime = true
	if got := rules(path.Validate(l.Certificate, o)); got != "path-length" {
		t.Errorf("IgnoreTime: %s", got)
	}
	o.Roots[0].IgnoreExtensions = true
	if got := rules(path.Validate(l.Certificate, o)); got != "valid" {
		t.Errorf("IgnoreExtensions: %s", got)
	}
	if got := rules(path.Validate(l.Certificate, options(inter))); got != "valid" {
		t.Errorf("an intermediate as the anchor: %s", got)
	}
	if got := rules(path.Validate(l.Certificate, options(l))); got != "no-issuer" {
		t.Errorf("the leaf as the anchor: %s", got)
	}
	partial := options(l)
	partial.PartialChain = true
	if got := rules(path.Validate(l.Certificate, partial)); got != "valid" {
		t.Errorf("the leaf as the anchor with PartialChain: %s", got)
	}
	self := leaf(t, nil)
	if got := rules(path.Validate(self.Certificate, options(self))); got != "valid" {
		t.Errorf("a trusted self-signed certificate: %s", got)
	}
}

func TestValidate_selfIssuedDoesNotCount(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root", func(c *x509.Certificate) { c.MaxPathLen = 1 })
	inter := ca(t, root, "Intermediate", func(c *x509.Certificate) { c.MaxPathLenZero = true })
	rollover := ca(t, inter, "Intermediate", func(c *x509.Certificate) { c.MaxPathLenZero = true })
	l := leaf(t, rollover)
	if got := rules(path.Validate(l.Certificate, options(root, inter, rollover))); got != "valid" {
		t.Error(got)
	}
	other := ca(t, inter, "Other", func(c *x509.Certificate) { c.MaxPathLenZero = true })
	if got := rules(path.Validate(leaf(t, other).Certificate, options(root, inter, other))); got != "path-length" {
		t.Errorf("a CA of another name: %s", got)
	}
}

func TestValidate_depth(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	a := ca(t, root, "A")
	b := ca(t, a, "B")
	l := leaf(t, b)
	for depth, want := range map[int]string{0: "depth", 1: "depth", 2: "valid", 3: "valid"} {
		o := options(root, a, b)
		o.Limits = path.Limits{Depth: depth, NoIntermediates: depth == 0}
		if got := rules(path.Validate(l.Certificate, o)); got != want {
			t.Errorf("depth %d: %s, want %s", depth, got, want)
		}
	}
}

// TestValidate_manyNames: what no caller can allow is for the issuer to mend.
func TestValidate_manyNames(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root", func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"a.example", "example.com"} })
	l := leaf(t, root, func(c *x509.Certificate) { c.DNSNames = []string{"example.com", "www.example.com"} })
	o := options(root)
	o.Limits.Names = 1
	result := path.Validate(l.Certificate, o)
	if got := rules(result); got != "work-limit" {
		t.Fatal(got)
	}
	if got := result.Attempts[0].Failures[0].Remedy.String(); !strings.HasPrefix(got, "have it reissued with fewer names, or its CAs with") {
		t.Error(got)
	}
}

func TestValidate_hosts(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	l := leaf(t, root, func(c *x509.Certificate) {
		c.DNSNames = []string{
			"example.com", "*.example.com", "xn--mnchen-3ya.de", "*.com", "a*.example.net", "*", "192.0.2.3", "127.1", "*.0.2.4", "0x7f.1", "a.0xF",
			"xn--*.example.org", "www.*.org", "trailing.example.org.", "_srv.example.org",
		}
		c.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1), net.ParseIP("2001:db8::1")}
	})
	cn := leaf(t, root, func(c *x509.Certificate) { c.DNSNames = nil })
	tests := []struct {
		host string
		want bool
	}{
		{"example.com", true},
		{"EXAMPLE.COM", true},
		{"example.com.", true},
		{"www.example.com", true},
		{"a.b.example.com", false},
		{"other.com", false},
		{"münchen.de", true},
		{"ab.example.net", false},
		{"192.0.2.1", true},
		{"192.0.2.2", false},
		{"2001:db8::1", true},
		{"[2001:db8::1]", true},
		{"::ffff:192.0.2.1", true},
		{"*.example.com", false},
		{"com", false},
		{".example.com", false},
		{"exa mple.com", false},
		{"192.0.2.3", false},
		{"127.1", false},
		{"192.0.2.4", false},
		{"0x7f.1", false},
		{"a.0xf", false},
		{"xn--a.example.org", false},
		{"www.a.org", false},
		{"trailing.example.org", false},
		{"_srv.example.org", true},
		{"xn--mnchen-3ya.de", true},
		{"xn--nxasmq6b.example.com", true},
		{"example.com..", false},
		{"", true},
	}
	v := path.NewValidator(options(root))
	for _, test := range tests {
		if got := v.ValidateHost(l.Certificate, test.host); got.Valid != test.want {
			t.Errorf("%s: %v\n%s", test.host, got.Valid, explain(got))
		}
	}
	if v.ValidateHost(cn.Certificate, "example.com").Valid {
		t.Error("the common name counts")
	}
	o := options(root)
	o.CommonNameHost = true
	if !path.NewValidator(o).ValidateHost(cn.Certificate, "example.com").Valid {
		t.Error("the common name does not count with CommonNameHost")
	}
}

func TestValidate_hostsExplained(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	named := func(names ...string) change { return func(c *x509.Certificate) { c.DNSNames = names } }
	raw := func(name string) change { // crypto/x509 writes ASCII alone
		value := string(rune(2+len(name))) + "\x82" + string(rune(len(name))) + name
		return extra(oid.SubjectAltName, false, "\x30"+value)
	}
	for _, test := range []struct {
		host   string
		change change
		want   string
	}{
		{"192.0.2.1", named("192.0.2.1"), `has the address "192.0.2.1" only as a name of type dns`},
		{"192.0.2.1", named("192.0.2.1"), "have it reissued with the subject alternative name ip:192.0.2.1"},
		{"[2001:db8::1]", named("2001:DB8::1"), "only as a name of type dns"},
		{"192.0.2.2", named("192.0.2.1"), `not for the host "192.0.2.2", but for dns:192.0.2.1 [`},
		{"example.org", named("example.org."), "but for dns:example.org.; a name with a dot at its end matches nothing"},
		{"m\u00fcnchen.example", raw("m\u00fcnchen.example"), "; that is not in ASCII, where it would be xn--mnchen-3ya.example"},
		{"xn--mnchen-3ya.example", raw("m\u00fcnchen.example"), "; that is not in ASCII"},
		{"example.org", named("*.example.org"), "but for dns:*.example.org; the * stands for exactly one label"},
		{"A.b.Example.org.", named("x.example", "*.example.org"), "; the * stands for exactly one label"},
		{"badexample.org", named("*.example.org"), "but for dns:*.example.org ["},
		{"Example.com", named("other.example.com"), "but for dns:other.example.com; its common name does not count ["},
		{"www.example.com", named("other.example.com"), "but for dns:other.example.com ["},
	} {
		result := path.NewValidator(options(root)).ValidateHost(leaf(t, root, test.change).Certificate, test.host)
		if got := explain(result); result.Valid || !strings.Contains(got, test.want) {
			t.Errorf("%s: %s\nwant %s", test.host, got, test.want)
		}
	}
}

func TestValidate_emails(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	l := leaf(t, root, func(c *x509.Certificate) { c.EmailAddresses, c.ExtKeyUsage = []string{"Ann@example.com"}, nil })
	for address, want := range map[string]string{
		"Ann@example.com": "valid", "Ann@EXAMPLE.com": "valid", "ann@example.com": "email",
		"example.com": "email",
	} {
		o := options(root)
		o.Emails = []string{address}
		if got := rules(path.Validate(l.Certificate, o)); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
}

func TestValidate_purposes(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	usage := func(u ...x509.ExtKeyUsage) change { return func(c *x509.Certificate) { c.ExtKeyUsage = u } }
	critical := func(id string) change { // an extended key usage with one identifier, critical
		return func(c *x509.Certificate) {
			c.ExtKeyUsage = nil
			extra(cert.IDExtendedKeyUsage, true, "\x30\x0a\x06\x08"+id)(c)
		}
	}
	tests := []struct {
		rule    string
		purpose string
		change  change
		want    string
	}{
		{"server", path.ServerAuth, usage(x509.ExtKeyUsageServerAuth), "valid"},
		{"server implied", path.ServerAuth, usage(), "purpose"},
		{"server by any", path.ServerAuth, usage(x509.ExtKeyUsageAny), "purpose purpose"},
		{"time stamping not critical", path.TimeStamping, usage(x509.ExtKeyUsageTimeStamping), "purpose"},
		{"time stamping", path.TimeStamping, critical("\x2b\x06\x01\x05\x05\x07\x03\x08"), "valid"},
		{"code signing", path.CodeSigning, usage(x509.ExtKeyUsageCodeSigning), "valid"},
		{"code signing and server", path.CodeSigning, usage(x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageServerAuth), "purpose"},
	}
	for _, test := range tests {
		l := leaf(t, root, test.change)
		o := options(root)
		o.Purpose, o.StrictPurpose = test.purpose, true
		if got := rules(path.Validate(l.Certificate, o)); got != test.want {
			t.Errorf("%s: %s, want %s", test.rule, got, test.want)
		}
	}
}

func TestValidator_concurrent(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	inter := ca(t, root, "Intermediate")
	l := leaf(t, inter)
	v := path.NewValidator(options(root, inter))
	done := make(chan error)
	for range 8 {
		go func() {
			for range 20 {
				if err := v.Validate(l.Certificate).Err(); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestValidate_maze cross-signs CAs in every direction. The number of paths is exponential; the search must end.
func TestValidate_maze(t *testing.T) {
	t.Parallel()
	const size = 12
	var all []*member
	keys := make([]*member, size)
	for i := range keys {
		keys[i] = ca(t, nil, fmt.Sprintf("CA %d", i))
	}
	for i := range keys {
		for j := range keys {
			if i != j {
				all = append(all, forge(t, keys[j], keys[i].key, cloneTemplate(keys[i])))
			}
		}
	}
	l := leaf(t, keys[0])
	root := ca(t, nil, "Root")
	wrong := ca(t, nil, "CA 3") // same name as a CA of the maze, other key
	tests := []struct {
		rule  string
		roots []path.Anchor
		valid bool
	}{
		{"no anchor at all", nil, false},
		{"an anchor that nothing leads to", path.Anchors(root.Certificate), false},
		{"an anchor of the right name with the wrong key", path.Anchors(wrong.Certificate), false},
		{"a way out", path.Anchors(keys[size-1].Certificate), true},
	}
	for _, test := range tests {
		result := path.Validate(l.Certificate, path.Options{Roots: test.roots, Intermediates: certificates(all...), Time: now})
		if result.Valid != test.valid {
			t.Errorf("%s: %v %s", test.rule, result.Valid, result.Limit)
		}
	}
}

func cloneTemplate(m *member) *x509.Certificate {
	c := *m.template
	return &c
}

func BenchmarkValidator(b *testing.B) {
	root := ca(b, nil, "Root")
	inter := ca(b, root, "Intermediate")
	var leaves []*cert.Certificate
	for range 100 {
		leaves = append(leaves, leaf(b, inter).Certificate)
	}
	o := options(root, inter)
	o.Host = "example.com"
	v := path.NewValidator(o)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if r := v.Validate(leaves[i%100]); !r.Valid {
			b.Fatal(explain(r))
		}
		i++
	}
}
