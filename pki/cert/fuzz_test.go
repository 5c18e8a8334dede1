package cert_test

import (
	"bytes"
	"testing"

	"certkdb/pki/cert"
)

// seeds are values of extensions for the decoders.
func seeds() []string {
	return []string{
		tlv(0x30, policy123), qualified(tlv(0x30, idCPS, tlv(0x16, "u"))), tlv(0x30, tlv(0x30, oid123, oid124)),
		tlv(0x30, "\x80\x01\x00\x81\x01\x02"), "\x02\x01\x00",
		tlv(0x30, dnsA, uri, tlv(0xa4, directory("CN=d"))), tlv(0x30, tlv(0xa0, tlv(0x30, dnsA))),
		tlv(0x30, tlv(0x30, fullName, "\x81\x02\x05\x60")),
		tlv(0x30, tlv(0x30, rdnName)), tlv(0x30, tlv(0x30, oid123, uri)),
		tlv(0x30, tlv(0x80, "\x01"), tlv(0xa1, tlv(0xa4, directory("CN=i"))), "\x82\x01\x05"),
		tlv(0x30, fullName, "\x81\x01\xff\x84\x01\xff"), tlv(0x30, one("\x2a\x03", flagTrue, "v")),
	}
}

// Each seed, damaged at each byte, given to each decoder: an error or a value, never a panic, and no value longer than the input.
func TestDecoders_damage(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds() {
		for i := range len(seed) {
			for _, value := range []byte{0, 1, 0x30, 0x7f, 0x80, 0xa0, 0xff} {
				damaged := []byte(seed)
				damaged[i] = value
				before := bytes.Clone(damaged)
				for name, decode := range decoders {
					if text, err := decode(damaged); err != nil && text == "" && err.Error() == "" {
						t.Errorf("%s: an error without words for %x", name, damaged)
					}
				}
				if !bytes.Equal(before, damaged) {
					t.Fatalf("the input %x was changed", before)
				}
			}
		}
	}
}

// A decoder that reads a value refuses the same value with trailing bytes.
func FuzzDecoders(f *testing.F) {
	for _, seed := range seeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		for name, decode := range decoders {
			if _, err := decode(der); err != nil {
				continue
			}
			if text, err := decode(append(bytes.Clone(der), 5, 0)); err == nil {
				t.Errorf("%s: %x with trailing bytes is %q", name, der, text)
			}
		}
	})
}

// The same extension list is read as such, as a certificate's and as a request's.
func FuzzParseRequest(f *testing.F) {
	f.Add(request("\x02\x01\x00", tlv(0xa0, attribute("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e", tlv(0x30, one(sanOf, "", tlv(0x30, dnsA)))))))
	f.Add(request("\x02\x01\x00"))
	f.Fuzz(func(t *testing.T, der []byte) {
		r, err := cert.ParseRequest(der)
		if err != nil {
			return
		}
		if r.KeyType == "" || r.Version < 1 || !bytes.Contains(der, r.RawTBS) || !bytes.Contains(der, r.RawSPKI) {
			t.Fatalf("%x: %+v", der, r)
		}
		cert.DescribeExtensions(r.Extensions)
	})
}

// Reading does not change what is read, and what is read refers to it.
func TestParse_refersToInput(t *testing.T) {
	t.Parallel()
	der := makeCertificate(t, fullTemplate())
	before := bytes.Clone(der)
	c, err := cert.Parse(der)
	if err != nil || c.Warning() != "" || len(c.Describe()) == 0 || !bytes.Equal(der, before) || &c.Raw[0] != &der[0] {
		t.Errorf("%v", err)
	}
}
