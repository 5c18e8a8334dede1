package issue_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"certkdb/pki"
	"certkdb/pki/issue"
	"certkdb/pki/issue/issuetest"
)

func TestParseSAN(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"host.example":                      "dns:host.example",
		"dns:host.example":                  "dns:host.example",
		"DNS:Host.Example":                  "dns:Host.Example",
		"dns: host.example ":                "dns:host.example",
		"*.example.com":                     "dns:*.example.com",
		"_sip._tcp.example":                 "dns:_sip._tcp.example",
		"bücher.example":                    "dns:xn--bcher-kva.example",
		"dns:*.bücher.example":              "dns:*.xn--bcher-kva.example",
		"faß.example":                       "dns:xn--fa-hia.example",
		"例え。テスト":                            "dns:xn--r8jz45g.xn--zckzah",
		"server1":                           "dns:server1",
		"192.0.2.1":                         "ip:192.0.2.1",
		"ip:192.0.2.1":                      "ip:192.0.2.1",
		"2001:DB8::1":                       "ip:2001:db8::1",
		"ip:::1":                            "ip:::1",
		"[2001:db8::1]":                     "ip:2001:db8::1",
		"ip:[::1]":                          "ip:::1",
		"::ffff:192.0.2.1":                  "ip:192.0.2.1",
		"a@example.com":                     "email:a@example.com",
		"email:a.b+c@bücher.example":        "email:a.b+c@xn--bcher-kva.example",
		"https://example.com/a?b":           "uri:https://example.com/a?b",
		"uri:urn:uuid:1234":                 "uri:urn:uuid:1234",
		"spiffe://example.com/svc":          "uri:spiffe://example.com/svc",
		"uri:https://bücher.example:8443/ä": "uri:https://xn--bcher-kva.example:8443/%C3%A4",
		"rid:1.2.3.4":                       "rid:1.2.3.4",
		"dirname:CN=a,O=b":                  "directory:CN=a,O=b",
		"directory:CN=a,O=b":                "directory:CN=a,O=b",
	} {
		n, err := issue.ParseSAN(text)
		if err != nil || n.String() != want {
			t.Errorf("%s: got %s, %v, want %s", text, n, err, want)
		}
	}
}

func TestSplitNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"a.example":                              {"a.example"},
		"":                                       {""},
		"a.example, b.example,192.0.2.1":         {"a.example", "b.example", "192.0.2.1"},
		"DNS:a.example,IP Address:192.0.2.1":     {"DNS:a.example", "IP Address:192.0.2.1"},
		"dns:a,":                                 {"dns:a", ""},
		`email:"a,b"@example.com,c@example.com`:  {`email:"a,b"@example.com`, "c@example.com"},
		"directory:CN=a,O=b":                     {"directory:CN=a,O=b"},
		"dns:a, DirName: CN=a,O=b":               {"dns:a", "DirName: CN=a,O=b"},
		"uri:urn:a,b":                            {"uri:urn:a,b"},
		"a.example,https://a.example/b,c":        {"a.example", "https://a.example/b,c"},
		"upn:a,b@example.com":                    {"upn:a,b@example.com"},
		"other:1.2.3;UTF8:a,b":                   {"other:1.2.3;UTF8:a,b"},
		"rid:1.2.3,ip:2001:db8::1,dns:c.example": {"rid:1.2.3", "ip:2001:db8::1", "dns:c.example"},
	} {
		if got := issue.SplitNames(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestParseSAN_port: the port is named as what is wrong, not a character or a type of names.
func TestParseSAN_port(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"web:443", "web.example.com:8443", "dns:web:443", "192.0.2.1:443", "ip:192.0.2.1:443", "ip:[::1]:443"} {
		if _, err := issue.ParseSAN(text); !errors.Is(err, pki.ErrArgument) || !strings.Contains(err.Error(), "leave the port out") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestParseSAN_addresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10.0.0.0/8": "name each address", "ip:2001:db8::/32": "name each address",
		"fe80::1%eth0": "leave the zone out", "ip:[fe80::1%eth0]": "leave the zone out", "[web]": "is not an IP address", "[::1": "is not an IP",
	} {
		if _, err := issue.ParseSAN(text); !errors.Is(err, pki.ErrArgument) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestParseSAN_refusals(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "dns:", "dns:a b", "a..b", ".a", "a.", "-a.example", "a-.example", "a*.example", "*", "*.*.example", "*.", "a.*.example",
		"host\x00.example", "dns:" + strings.Repeat("a", 64) + ".example", "dns:" + strings.Repeat("a.", 130) + "a",
		"ip:1.2.3", "ip:1.2.3.4/8", "ip:fe80::1%eth0", "email:a", "email:@b", "email:a@", "email:a b@example.com", "email:ü@example.com",
		"email:a@*.example.com", "uri:", "uri:relative/path", "uri://", "rid:x", "rid:9.9.9", "directory:x", "a.example\nb",
	} {
		if n, err := issue.ParseSAN(text); !errors.Is(err, pki.ErrArgument) {
			t.Errorf("%q: taken as %s, %v", text, n, err)
		}
	}
}

func TestParseConstraint(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"dns:example.com": "dns:example.com", "dns:": "dns:",
		"email:a@example.com": "email:a@example.com", "email:example.com": "email:example.com", "email:.example.com": "email:.example.com",
		"uri:example.com": "uri:example.com", "uri:.bücher.example": "uri:.xn--bcher-kva.example", "dirname:O=x": "directory:O=x",
	} {
		if n, err := issue.ParseConstraint(text); err != nil || n.String() != want {
			t.Errorf("%s: got %s, %v", text, n, err)
		}
	}
	for text, want := range map[string]string{
		"ip:10.1.2.3/8": "\x0a\x00\x00\x00\xff\x00\x00\x00", "ip:192.0.2.1": "\xc0\x00\x02\x01\xff\xff\xff\xff",
		"ip:0.0.0.0/0": "\x00\x00\x00\x00\x00\x00\x00\x00",
	} {
		if n, err := issue.ParseConstraint(text); err != nil || string(n.Value) != want {
			t.Errorf("%s: got %x, %v", text, n.Value, err)
		}
	}
	for _, text := range []string{
		"example.com", "rid:1.2", "ip:10.0.0.0/33", "ip:x", "dns:*.example.com", "uri:https://x", "email:a b",
		"directory:", "dns:.example.com",
	} {
		if _, err := issue.ParseConstraint(text); !errors.Is(err, pki.ErrArgument) && text != "directory:" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What ParseSAN takes can be issued, and stands in the certificate as ParseSAN wrote it.
func FuzzParseSAN(f *testing.F) {
	for _, text := range []string{
		"dns:*.bücher.example", "ip:::1", "email:a@b", "uri:https://é.example/", "rid:1.2", "directory:CN=a",
		"faß.example", "uri:https://le.", "uri:https://[::1]:443/", "uri:https://192.0.2.1/", "uri:https://a..b", "uri:https://:443",
		"uri:urn:a", "uri:spiffe://trust_domain/x", "uri:https://*.example",
	} {
		f.Add(text)
	}
	ca, _ := issuetest.NewCA(f, issue.Request{})
	made := newRequest(f, issue.Request{Subject: issuetest.Name(f, "CN=x")})
	f.Fuzz(func(t *testing.T, text string) {
		n, err := issue.ParseSAN(text)
		if err != nil {
			return
		}
		issued, err := ca.Sign(made.Request, issue.Request{SANs: sans(t, text)}, false)
		if err != nil {
			t.Fatal(err)
		}
		ours, _ := issuetest.Parse(t, issued.Certificate)
		if len(ours.SAN) != 1 || ours.SAN[0].String() != n.String() {
			t.Fatalf("%s became %s", n, ours.SAN)
		}
	})
}
