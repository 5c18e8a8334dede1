package cert_test

import (
	"slices"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/oid"
)

// TestAccessURLs_underOneMethod: an extension that cannot be read has none.
func TestAccessURLs_underOneMethod(t *testing.T) {
	t.Parallel()
	access := func(method, location string) string { return tlv(0x30, method, location) }
	const ocsp, issuers = "\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x01", "\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02"
	value := tlv(0x30, access(ocsp, "\x86\x08http://a"), access(issuers, "\x86\x08http://b"), access(issuers, "\x82\x01c"),
		access(issuers, "\x86\x08http://d"))
	c := &cert.Certificate{Extensions: []cert.Extension{{ID: oid.AuthorityInfoAccess, Value: []byte(value)}}}
	if got := c.AccessURLs(oid.CAIssuers); !slices.Equal(got, []string{"http://b", "http://d"}) {
		t.Errorf("issuers %q", got)
	}
	if got := c.AccessURLs(oid.OCSP); !slices.Equal(got, []string{"http://a"}) {
		t.Errorf("responders %q", got)
	}
	c.Extensions[0].Value = []byte(value[:len(value)-1])
	if got := c.AccessURLs(oid.OCSP); got != nil {
		t.Errorf("of a damaged extension %q", got)
	}
	if got := (&cert.Certificate{}).AccessURLs(oid.OCSP); got != nil {
		t.Errorf("without the extension %q", got)
	}
}
