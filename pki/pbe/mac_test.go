package pbe_test

import (
	"errors"
	"testing"

	"certkdb/pki/pbe"
)

func TestMAC_roundTrip(t *testing.T) {
	t.Parallel()
	content := []byte("authenticated")
	for _, scheme := range []pbe.MACScheme{pbe.MACSHA1, pbe.MACSHA256, pbe.MACPBMAC1} {
		m, err := pbe.NewMAC(scheme, content, []byte("pass"), 2000)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Verify(content, []byte("pass"), pbe.EncodingStandard); err != nil {
			t.Error(err)
		}
		if err := m.Verify(content, []byte("Pass"), pbe.EncodingStandard); !errors.Is(err, pbe.ErrPassword) {
			t.Errorf("wrong password: %v", err)
		}
		if err := m.Verify(content[1:], []byte("pass"), pbe.EncodingStandard); !errors.Is(err, pbe.ErrPassword) {
			t.Errorf("changed content: %v", err)
		}
		if d, err := m.Describe(); err != nil || d.Iterations != 2000 || d.Weak != (scheme == pbe.MACSHA1) {
			t.Errorf("described as %+v, %v", d, err)
		}
	}
	if _, err := pbe.NewMAC(9, nil, nil, 1); !errors.Is(err, pbe.ErrUnsupported) {
		t.Errorf("scheme 9: %v", err)
	}
}

func TestMAC_bounds(t *testing.T) {
	t.Parallel()
	salt := octets([]byte("saltsalt"))
	hmac := id(t, oidHMACSHA256, nil)
	pbmac1 := func(parts ...[]byte) []byte {
		return id(t, oidPBMAC1, sequence(id(t, oidPBKDF2, sequence(parts...)), hmac))
	}
	for name, test := range map[string]struct {
		mac  pbe.MAC
		want error
	}{
		"iterations":              {pbe.MAC{Algorithm: id(t, "2b0e03021a", nil), Iterations: 1 << 40}, pbe.ErrLimit},
		"no iterations":           {pbe.MAC{Algorithm: id(t, "2b0e03021a", nil)}, pbe.ErrParse},
		"unknown digest":          {pbe.MAC{Algorithm: id(t, "2a850307010102"+"02", nil), Iterations: 1}, pbe.ErrUnsupported},
		"PBMAC1 no key length":    {pbe.MAC{Algorithm: pbmac1(salt, number(1), hmac)}, pbe.ErrParse},
		"PBMAC1 zero key length":  {pbe.MAC{Algorithm: pbmac1(salt, number(1), number(0), hmac)}, pbe.ErrParse},
		"PBMAC1 large key length": {pbe.MAC{Algorithm: pbmac1(salt, number(1), number(1<<20), hmac)}, pbe.ErrLimit},
		"PBMAC1 rounds x blocks":  {pbe.MAC{Algorithm: pbmac1(salt, number(pbe.MaxIterations), number(4096), hmac)}, pbe.ErrLimit},
		"no algorithm":            {pbe.MAC{}, pbe.ErrParse},
	} {
		if err := test.mac.Verify(nil, []byte("x"), pbe.EncodingStandard); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}
