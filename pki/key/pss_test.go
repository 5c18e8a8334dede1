package key

import (
	"crypto"
	"errors"
	"strings"
	"testing"
)

func TestParsePSS_fields(t *testing.T) {
	t.Parallel()
	const (
		sha256 = "\xa0\x0d\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
		mgf256 = "\xa1\x1a\x30\x18\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
	)
	seq := func(parts ...string) string {
		body := strings.Join(parts, "")
		return "\x30" + string(rune(len(body))) + body
	}
	for _, test := range []struct {
		rule, der string
		digest    crypto.Hash
		salt      int
	}{
		{"defaults", "\x30\x00", crypto.SHA1, 20},
		{"SHA-256", seq(sha256, mgf256, "\xa2\x03\x02\x01\x20"), crypto.SHA256, 32},
		{"trailer 1", seq("\xa3\x03\x02\x01\x01"), crypto.SHA1, 20},
	} {
		p, err := parsePSS([]byte(test.der))
		if err != nil || p.digest.Hash != test.digest || p.salt != test.salt {
			t.Errorf("%s: %+v, %v", test.rule, p, err)
		}
	}
	for _, test := range []struct {
		rule, der string
		kind      error
	}{
		{"no SEQUENCE", "\x05\x00", ErrParse},
		{"trailing bytes", "\x30\x00\x00", ErrParse},
		{"other trailer", seq("\xa3\x03\x02\x01\x02"), ErrParse},
		{"negative salt", seq("\xa2\x03\x02\x01\xff"), ErrParse},
		{"huge salt", seq("\xa2\x06\x02\x04\x7f\xff\xff\xff"), ErrParse},
		{"salt that is not an INTEGER", seq("\xa2\x02\x05\x00"), ErrParse},
		{"empty digest", seq("\xa0\x00"), ErrParse},
		{"unknown digest", seq("\xa0\x06\x30\x04\x06\x02\x2a\x03"), ErrUnsupported},
		{"empty mask", seq("\xa1\x00"), ErrParse},
		{"unknown mask", seq("\xa1\x06\x30\x04\x06\x02\x2a\x03"), ErrUnsupported},
		{"MGF1 without a digest", seq("\xa1\x0d\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"), ErrParse},
		{"unknown field", seq("\xa4\x00"), ErrParse},
	} {
		if p, err := parsePSS([]byte(test.der)); !errors.Is(err, test.kind) {
			t.Errorf("%s: %+v, %v", test.rule, p, err)
		}
	}
}
