package pkcs7_test

import (
	"bytes"
	stdpem "encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pkcs7"
)

func open(t testing.TB, data []byte) keyfile.Container {
	t.Helper()
	c, err := pkcs7.Codec().Decode(keyfile.Files{Main: data}, keyfile.Passwords{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t testing.TB, c keyfile.Container) []byte {
	t.Helper()
	files, err := c.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return files.Main
}

func trusted(der []byte) kdb.Entry {
	e := kdb.Entry{Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{der}}
	e.Label = kdb.AutoLabel(&e)
	return e
}

// exchange deletes one certificate and adds another one.
func exchange(t testing.TB, c keyfile.Container, old, added []byte) {
	t.Helper()
	if err := errors.Join(c.Delete(trusted(old).Label), c.Put(trusted(added))); err != nil {
		t.Fatal(err)
	}
}

func TestCodec_keepsEverythingElse(t *testing.T) {
	t.Parallel()
	one, two, three := certificate(t, "one"), certificate(t, "two"), certificate(t, "three")
	attribute, crls := []byte{0xa1, 2, 5, 0}, tlv(0xa1, []byte{0x30, 2, 5, 0})
	signers := tlv(0x31, tlv(0x30, tlv(2, []byte{1}), tlv(4, []byte("signature"))))
	data := signedData(tlv(0xa0, one, attribute, two), crls, signers)
	c := open(t, data)
	if got := write(t, c); !bytes.Equal(got, data) {
		t.Error("writing without a change changes the file")
	}
	exchange(t, c, one, three)
	got := write(t, c)
	list, err := certificatesIn(got)
	if err != nil || !slices.EqualFunc(list, [][]byte{two, three}, bytes.Equal) {
		t.Errorf("%d certificates, %v", len(list), err)
	}
	if !bytes.Contains(got, slices.Concat(attribute, two, three, crls, signers)) ||
		!bytes.Contains(got, slices.Concat(tlv(2, []byte{1}), tlv(0x31), tlv(0x30, oidData))) {
		t.Errorf("something of the file is lost: %x", got)
	}
	var facts []string
	for _, f := range open(t, got).Facts() {
		facts = append(facts, f.Value)
	}
	for _, kept := range []string{"1 revocation list", "1 signature", "1 attribute certificate"} {
		if !slices.Contains(facts, kept) {
			t.Errorf("%q is not among %q", kept, facts)
		}
	}
}

func TestCodec_netscapeSequence(t *testing.T) {
	t.Parallel()
	one, two, three := certificate(t, "one"), certificate(t, "two"), certificate(t, "three")
	data := tlv(0x30, tlv(6, []byte("\x60\x86\x48\x01\x86\xf8\x42\x02\x05")), tlv(0xa0, tlv(0x30, one, two)))
	if !pkcs7.Codec().Matches(data) {
		t.Error("it is not recognised")
	}
	c := open(t, data)
	exchange(t, c, one, three)
	list, err := certificatesIn(write(t, c))
	if err != nil || !slices.EqualFunc(list, [][]byte{two, three}, bytes.Equal) {
		t.Errorf("%d certificates, %v", len(list), err)
	}
}

func TestCodec_armourStays(t *testing.T) {
	t.Parallel()
	one, two := certificate(t, "one"), certificate(t, "two")
	der, err := pkcs7.Encode([][]byte{one})
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []string{"PKCS7", "PKCS #7 SIGNED DATA", "CMS"} {
		for _, ends := range []string{"\n", "\r\n"} {
			text := "# a note\n" + string(stdpem.EncodeToMemory(&stdpem.Block{Type: typ, Bytes: der})) + "# the end"
			data := strings.ReplaceAll(text, "\n", ends)
			if !pkcs7.Codec().Matches([]byte(data)) {
				t.Errorf("%s is not recognised", typ)
			}
			c := open(t, []byte(data))
			exchange(t, c, one, two)
			c = open(t, write(t, c))
			exchange(t, c, two, one)
			if got := string(write(t, c)); got != data {
				t.Errorf("%q, want %q", got, data)
			}
		}
	}
}

func TestCodec_refuses(t *testing.T) {
	t.Parallel()
	one := certificate(t, "one")
	good, err := pkcs7.Encode([][]byte{one})
	if err != nil {
		t.Fatal(err)
	}
	armour := stdpem.EncodeToMemory(&stdpem.Block{Type: "PKCS7", Bytes: good})
	for name, test := range map[string]struct {
		data []byte
		want error
	}{
		"cut off":            {good[:len(good)-9], kdb.ErrParse},
		"damaged armour":     {armour[:len(armour)-40], kdb.ErrParse},
		"a block behind it":  {slices.Concat(armour, armour), kdb.ErrUnsupported},
		"enveloped data":     {tlv(0x30, tlv(6, []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03")), tlv(0xa0, tlv(0x30))), kdb.ErrParse},
		"bytes that go past": {append(slices.Clone(good), 1, 2, 3), kdb.ErrParse},
	} {
		if _, err := pkcs7.Codec().Decode(keyfile.Files{Main: test.data}, keyfile.Passwords{}); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	for name, data := range map[string][]byte{
		"a certificate": one, "text": []byte("notes"),
		"another block": []byte("-----BEGIN CERTIFICATE-----\n"),
	} {
		if pkcs7.Codec().Matches(data) {
			t.Errorf("%s is taken for PKCS #7", name)
		}
	}
}

// TestCodec_refusesChanges that the format has no place for, and leaves the file as it is.
func TestCodec_refusesChanges(t *testing.T) {
	t.Parallel()
	one, two := certificate(t, "one"), certificate(t, "two")
	data := signedData(tlv(0xa0, one), nil, tlv(0x31))
	c := open(t, data)
	label := trusted(one).Label
	change := func(do func(*kdb.Entry)) error {
		e := trusted(two)
		do(&e)
		return c.Put(e)
	}
	for what, test := range map[string]struct {
		err  error
		want string
	}{
		"a label":       {change(func(e *kdb.Entry) { e.Label = "two" }), "it has no labels"},
		"distrust":      {change(func(e *kdb.Entry) { e.Trusted = false }), "every certificate in it is trusted"},
		"a private key": {change(func(e *kdb.Entry) { e.Kind = kdb.KindPersonal }), "certificates alone"},
		"a request":     {change(func(e *kdb.Entry) { e.Kind = kdb.KindRequest }), "certificates alone"},
		"a new label":   {c.Rename(label, "one"), "has no labels: each certificate has its automatic one"},
	} {
		if !errors.Is(test.err, kdb.ErrUnsupported) || !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", what, test.err, test.want)
		}
	}
	_, noKey := c.Key(label)
	_, noEntry := c.Entry("none")
	for what, err := range map[string]error{
		"a key": noKey, "no entry": noEntry, "renaming none": c.Rename("none", "x"), "deleting none": c.Delete("none"),
	} {
		if !errors.Is(err, kdb.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", what, err)
		}
	}
	if err := c.Put(trusted(one)); err != nil || len(c.Entries()) != 1 {
		t.Errorf("a certificate that is there already: %v, %d entries", err, len(c.Entries()))
	}
	if got := write(t, c); !bytes.Equal(got, data) {
		t.Error("the file was changed")
	}
}

// TestCodec_fixed: what follows the content would be lost, so that the file is only read.
func TestCodec_fixed(t *testing.T) {
	t.Parallel()
	one, two := certificate(t, "one"), certificate(t, "two")
	inner := tlv(0x30, tlv(2, []byte{1}), tlv(0x31), tlv(0x30, oidData), tlv(0xa0, one), tlv(0x31))
	for what, data := range map[string][]byte{
		"after the content":      tlv(0x30, tlv(6, []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")), tlv(0xa0, inner), tlv(4, []byte("more"))),
		"after the signed data":  tlv(0x30, tlv(6, []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")), tlv(0xa0, inner, tlv(4, []byte("more")))),
		"after a Netscape chain": tlv(0x30, tlv(6, []byte("\x60\x86\x48\x01\x86\xf8\x42\x02\x05")), tlv(0xa0, tlv(0x30, one)), tlv(4)),
	} {
		c := open(t, data)
		if c.Entries()[0].Label != trusted(one).Label {
			t.Errorf("%s: the certificate is not shown", what)
		}
		for change, err := range map[string]error{"put": c.Put(trusted(two)), "delete": c.Delete(trusted(one).Label)} {
			limit, _ := errors.AsType[*kdb.Limit](err)
			if limit == nil || limit.Way != kdb.WayCopy || !strings.Contains(err.Error(), "unknown elements follow") {
				t.Errorf("%s: %s: %v", what, change, err)
			}
		}
		if got := write(t, c); !bytes.Equal(got, data) {
			t.Errorf("%s: the file was changed", what)
		}
	}
}

func TestNew_profiles(t *testing.T) {
	t.Parallel()
	for profile, begins := range map[string]string{"": "\x30", "der": "\x30", "pem": "-----BEGIN PKCS7-----"} {
		c, err := pkcs7.Codec().New(profile)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Put(trusted(certificate(t, "one"))); err != nil {
			t.Fatal(err)
		}
		if got := write(t, c); !strings.HasPrefix(string(got), begins) || len(open(t, got).Entries()) != 1 {
			t.Errorf("%q: %.40q", profile, got)
		}
	}
	if _, err := pkcs7.Codec().New("2023"); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("an unknown profile: %v", err)
	}
}

// FuzzCodec: whatever the file, it is written as it was, and after a change all other certificates are there.
func FuzzCodec(f *testing.F) {
	one, more := certificate(f, "one"), certificate(f, "more")
	der, err := pkcs7.Encode([][]byte{one})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Add(signedData(tlv(0xa0, one, []byte{0xa1, 2, 5, 0}), tlv(0xa1), tlv(0x31)))
	f.Add([]byte("x\r\n" + strings.ReplaceAll(string(stdpem.EncodeToMemory(&stdpem.Block{Type: "CMS", Bytes: der})), "\n", "\r\n")))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := pkcs7.Codec().Decode(keyfile.Files{Main: data}, keyfile.Passwords{})
		if err != nil {
			if !errors.Is(err, kdb.ErrParse) && !errors.Is(err, kdb.ErrUnsupported) {
				t.Errorf("an error of no known kind: %v", err)
			}
			return
		}
		if got := write(t, c); !bytes.Equal(got, data) {
			t.Error("writing without a change changes the file")
		}
		before := c.Entries()
		if err := c.Put(trusted(more)); err != nil {
			return // something stands in it that cannot be written again
		}
		after := open(t, write(t, c)).Entries()
		same := func(a, b kdb.Entry) bool {
			return a.Label == b.Label && bytes.Equal(a.Certificates[0], b.Certificates[0])
		}
		if len(after) < len(before) || !slices.EqualFunc(after[:len(before)], before, same) {
			t.Errorf("%d entries, %d after one more", len(before), len(after))
		}
	})
}
