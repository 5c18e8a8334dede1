package kdb_test

import (
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/pki/name"
)

func TestLabelFor_slugs(t *testing.T) {
	t.Parallel()
	fingerprint := [32]byte{0x96, 0xbc, 0xec, 0x06, 0xff}
	for subject, want := range map[string]string{
		"CN=ISRG Root X1,O=Internet Security Research Group,C=US": "isrg-root-x1-96bcec06",
		"CN=host.Example.COM":          "host.example.com-96bcec06",
		"CN=*.example.com":             "example.com-96bcec06",
		"OU=Class 3 Public,O=VeriSign": "class-3-public-96bcec06",
		"O=Acme\\, Inc.,C=US":          "acme-inc-96bcec06",
		"C=US":                         "us-96bcec06",
		"O=Example,CN=host,C=US":       "host-96bcec06", // whatever the order
		"O=Example,OU=Unit,C=US":       "unit-96bcec06",
		"C=US,O=Example,L=Town":        "example-96bcec06",
		"":                             "unnamed-96bcec06",
		"CN=NetLock Arany (Class Gold) Főtanúsítvány":      "netlock-arany-class-gold-fotanusitvany-96bcec06",
		"CN=Straße & Œuvre":                                "strasse-oeuvre-96bcec06",
		"CN=中文,O=Example":                                  "example-96bcec06",
		"CN=---,O=..":                                      "unnamed-96bcec06",
		"CN=inner,CN=outer":                                "inner-96bcec06",
		"CN=" + strings.Repeat("ab ", 40):                  strings.TrimSuffix(strings.Repeat("ab-", 22), "-")[:64] + "-96bcec06",
		"CN=https://x.example/path?q='a'\\, \\\"b\\\"/../": "https-x.example-path-q-a-b-96bcec06",
	} {
		n, err := name.ParseString(subject)
		if err != nil {
			t.Fatalf("%s: %v", subject, err)
		}
		got := kdb.LabelFor(n, fingerprint)
		if got != want {
			t.Errorf("%s: %q, want %q", subject, got, want)
		}
		if err := kdb.CheckLabel(got); err != nil {
			t.Errorf("%s: %v", subject, err)
		}
	}
}

func TestAutoLabel_withoutReadableSubject(t *testing.T) {
	t.Parallel()
	for _, e := range []kdb.Entry{
		{Kind: kdb.KindTrusted, Certificates: [][]byte{{1, 2, 3}}},
		{Kind: kdb.KindRequest, Request: []byte{1, 2, 3}},
		{Kind: kdb.KindSecretKey, Key: []byte{1, 2, 3}},
	} {
		label := kdb.AutoLabel(&e)
		if !strings.HasPrefix(label, "unnamed-") || label != kdb.AutoLabel(&e) || kdb.CheckLabel(label) != nil {
			t.Errorf("%s: %q", e.Kind, label)
		}
	}
}
