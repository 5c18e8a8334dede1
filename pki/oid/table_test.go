package oid

import "testing"

// The table is sound: each identifier and name stands once, and survives encoding.
func TestTable(t *testing.T) {
	t.Parallel()
	byName, seen := map[string]string{}, map[string]bool{}
	for _, row := range names {
		dotted, name := row[0], row[1]
		if other, twice := byName[name]; twice || seen[dotted] || name == "" {
			t.Errorf("%s %q stands twice (%s)", dotted, name, other)
		}
		byName[name], seen[dotted] = dotted, true
		content, err := Encode(dotted)
		if err != nil {
			t.Errorf("%s: %v", dotted, err)
			continue
		}
		if back, err := Decode(content); err != nil || back != dotted || Name(back) != name {
			t.Errorf("%s becomes %s %q, %v", dotted, back, Name(back), err)
		}
	}
}

// The identifiers that decide most have the values of their standards, whatever the constants are called.
func TestConstants(t *testing.T) {
	t.Parallel()
	for name, pair := range map[string][2]string{
		"RFC 5280, 4.2.1.9":         {BasicConstraints, "2.5.29.19"},
		"RFC 5280, 4.2.1.3":         {KeyUsage, "2.5.29.15"},
		"RFC 5280, 4.2.1.10":        {NameConstraints, "2.5.29.30"},
		"RFC 5280, 4.2.1.6":         {SubjectAltName, "2.5.29.17"},
		"RFC 5280, 4.2.1.12":        {ServerAuth, "1.3.6.1.5.5.7.3.1"},
		"RFC 6960, 4.2.2.2":         {OCSPSigning, "1.3.6.1.5.5.7.3.9"},
		"RFC 6960, 4.2.2.2.1":       {OCSPNoCheck, "1.3.6.1.5.5.7.48.1.5"},
		"RFC 6960, 4.2.1":           {OCSPBasic, "1.3.6.1.5.5.7.48.1.1"},
		"RFC 4055, 5":               {RSAWithSHA256, "1.2.840.113549.1.1.11"},
		"RFC 5758, 3.2":             {ECDSAWithSHA256, "1.2.840.10045.4.3.2"},
		"RFC 8018, B.1.1":           {HMACWithSHA256, "1.2.840.113549.2.9"},
		"RFC 4055, 2.1":             {SHA256, "2.16.840.1.101.3.4.2.1"},
		"RFC 5480, 2.1.1.1":         {P256, "1.2.840.10045.3.1.7"},
		"RFC 9881, 2":               {MLDSA65, "2.16.840.1.101.3.4.3.18"},
		"X.520, 6.2.2: common name": {CommonName, "2.5.4.3"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %s, want %s", name, pair[0], pair[1])
		}
	}
}
