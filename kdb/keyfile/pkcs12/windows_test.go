package pkcs12_test

import "testing"

// TestDecode_containerNames: the friendlyName of a certificate goes before the name that Windows gave to the container of its key.
func TestDecode_containerNames(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	const guid = "5240D771-1f9a-4D4B-9F5B-0123456789AB"
	for _, c := range []struct{ key, cert, want string }{
		{"{" + guid + "}", "Web server 2026", "Web server 2026"},
		{guid, "Web server 2026", "Web server 2026"},
		{"te-WebServer-" + guid, "Web server 2026", "Web server 2026"},
		{"le-" + guid, "Web server 2026", "Web server 2026"},
		{"PvkTmp:" + guid, "Web server 2026", "Web server 2026"},
		{"web", "Web server 2026", "web"},
		{"web-" + guid, "Web server 2026", "web-" + guid},
		{"te-" + guid[:35], "Web server 2026", "te-" + guid[:35]},
		{"te-5240D771x1f9a-4D4B-9F5B-0123456789AB", "Web server 2026", "te-5240D771x1f9a-4D4B-9F5B-0123456789AB"},
	} {
		data := rawFile(t, bagOf(t, f, "key", c.key), bagOf(t, f, "certificate", c.cert))
		if got, want := labels(decode(t, data, "")), c.want+":personal:c"; got != want {
			t.Errorf("key %q, certificate %q: %q, want %q", c.key, c.cert, got, want)
		}
	}
}

// bagOf is the bag of a type with a friendlyName.
func bagOf(t *testing.T, f family, typ, name string) []byte {
	t.Helper()
	entry := f.personal(name, f.one)
	entry.Certificates = entry.Certificates[:1]
	for _, b := range decode(t, encode(t, newFile(t, "passwordless", entry), ""), "").Bags() {
		if b.Type == typ {
			return b.DER
		}
	}
	t.Fatalf("no %s", typ)
	return nil
}
