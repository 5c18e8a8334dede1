package issue_test

import (
	"strings"
	"testing"

	"certkdb/pki/hosts"
	"certkdb/pki/issue"
)

// TestParseSAN_asHostsAreMatched: names that are asked for and hosts that are looked for follow the same rules. A name that can be issued
// matches the host of that name, however that is written, and what is no host cannot be issued.
func TestParseSAN_asHostsAreMatched(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"host.example", "Host.Example", "_sip._tcp.example", "bücher.example", "xn--bcher-kva.example", "faß.example", "a-b.example",
		"1.example", strings.Repeat("a", 63) + ".example",
	} {
		got, err := issue.ParseSAN("dns:" + name)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		host, err := hosts.ToASCII(name)
		if err != nil || hosts.Check(host) != nil || !hosts.Match(string(got.Value), strings.ToUpper(host)) {
			t.Errorf("%q is issued as %q, and the host is %q: %v, %v", name, string(got.Value), host, err, hosts.Check(host))
		}
	}
	for _, name := range []string{
		"a..b", "-a.example", "a-.example", "a b.example", ".example", strings.Repeat("a", 64) + ".example", "a/b.example", "a:b.example",
	} {
		if got, err := issue.ParseSAN("dns:" + name); err == nil {
			t.Errorf("%q is issued as %q", name, string(got.Value))
		}
		if hosts.Check(name) == nil {
			t.Errorf("%q is taken for a host", name)
		}
	}
}
