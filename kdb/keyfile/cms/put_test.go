package cms_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
	"certkdb/kdb/keyfile/keyfiletest"
)

func TestNew_isVersion6WithCompanions(t *testing.T) {
	t.Parallel()
	files := encode(t, newStore(t), secret)
	if len(files.Main) != headerSize || len(files.Companions[".rdb"]) != headerSize || len(files.Companions[".crl"]) != headerSize {
		t.Fatalf("%d, %d and %d bytes", len(files.Main), len(files.Companions[".rdb"]), len(files.Companions[".crl"]))
	}
	for data, want := range map[string]string{
		string(files.Main): "7H\x06\x02\x00\x00\x00\x00X509KEY\x00", string(files.Companions[".rdb"]): "7H\x06\x01\x00\x00\x00\x00X509KYP\x00",
		string(files.Companions[".crl"]): "7H\x06\x01\x00\x00\x00\x00X509CRL\x00",
	} {
		if !strings.HasPrefix(data, want) {
			t.Errorf("begins with %x, want %x", data[:16], want)
		}
		if strings.IndexByte(data[0x18:0x30], 0) != 23 {
			t.Errorf("the salt %x is not 23 bytes and a zero", data[0x18:0x30])
		}
	}
	c := open(t, files, secret)
	if c.Version() != "6" || labels(c) != "" {
		t.Errorf("version %s with %q", c.Version(), labels(c))
	}
	if _, err := cms.Codec().New("legacy"); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("a profile: %v, want ErrUnsupported", err)
	}
}

func TestRoundTrip_allKinds(t *testing.T) {
	t.Parallel()
	ca := newIdentity(t, "ca", nil)
	a, r := newIdentity(t, "a", ca), newIdentity(t, "r", nil)
	request := r.request(t, "pending")
	distrusted := newIdentity(t, "d", nil).trusted("distrusted")
	distrusted.Trusted = false
	aes := kdb.Entry{Label: "1708990603_0", Kind: kdb.KindSecretKey, Key: []byte("0123456789abcdef0123456789abcdef"), KeyAlgorithm: "AES"}
	text := kdb.Entry{Label: "node", Kind: kdb.KindSecretKey, Key: []byte("node password")}
	def := a.personal("TSM Server SelfSigned SHA Key")
	def.Default = true
	c := reopen(t, newStore(t, ca.trusted("Root, \"the\" 'CA' ä"), def, request, distrusted, aes, text))
	keyfiletest.WantSound(t, c)
	if got := labels(c); got != "Root, \"the\" 'CA' ä|TSM Server SelfSigned SHA Key|distrusted|1708990603_0|node|pending" {
		t.Errorf("labels %s", got)
	}
	if e := entry(t, c, "TSM Server SelfSigned SHA Key"); !e.Default || e.Trusted || e.Kind != kdb.KindPersonal || len(e.Certificates) != 2 {
		t.Errorf("the personal entry is %+v", e)
	}
	if e := entry(t, c, "pending"); e.Kind != kdb.KindRequest || !bytes.Equal(e.Request, request.Request) {
		t.Errorf("the request is %+v", e)
	}
	if e := entry(t, c, "distrusted"); e.Trusted || e.Kind != kdb.KindTrusted {
		t.Errorf("the distrusted entry is %+v", e)
	}
	if e := entry(t, c, "1708990603_0"); e.KeyAlgorithm != "AES" || e.Kind != kdb.KindSecretKey {
		t.Errorf("the secret key is %+v", e)
	}
	keyfiletest.WantKey(t, c, "TSM Server SelfSigned SHA Key", a.key)
	keyfiletest.WantKey(t, c, "pending", r.key)
	keyfiletest.WantKey(t, c, "1708990603_0", aes.Key)
	keyfiletest.WantKey(t, c, "node", text.Key)
	if _, err := c.Key("distrusted"); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("key of a certificate: %v, want ErrNotFound", err)
	}
	if _, err := c.Key("nobody"); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("key of nothing: %v, want ErrNotFound", err)
	}
}

func TestPut_changesOneSlotAlone(t *testing.T) {
	t.Parallel()
	a, b, d := newIdentity(t, "a", nil), newIdentity(t, "b", nil), newIdentity(t, "d", nil)
	before := encode(t, newStore(t, a.personal("a"), b.personal("b"), d.trusted("d")), secret)
	c := open(t, before, secret)
	keyfiletest.Put(t, c, newIdentity(t, "b2", nil).personal("b"))
	after := encode(t, c, secret)
	if len(after.Main) != len(before.Main) {
		t.Fatalf("%d bytes, were %d", len(after.Main), len(before.Main))
	}
	for i := range 3 {
		from, to := headerSize+i*slotSize, headerSize+(i+1)*slotSize
		if same := bytes.Equal(before.Main[from:to], after.Main[from:to]); same != (i != 1) {
			t.Errorf("slot %d: the same is %v", i+1, same)
		}
	}
	for _, ext := range []string{".rdb", ".crl"} {
		if !bytes.Equal(before.Companions[ext], after.Companions[ext]) {
			t.Errorf("%s changed", ext)
		}
	}
	keyfiletest.WantSound(t, open(t, after, secret))
}

func TestPut_sameChangesNothing(t *testing.T) {
	t.Parallel()
	ca := newIdentity(t, "ca", nil)
	a, r := newIdentity(t, "a", ca), newIdentity(t, "r", nil)
	request := r.request(t, "r")
	files := encode(t, newStore(t, a.personal("a", ca), request, ca.trusted("CN=ca")), secret)
	c := open(t, files, secret)
	keyfiletest.Put(t, c, a.personal("a", ca))
	keyfiletest.Put(t, c, request)
	keyfiletest.Put(t, c, ca.trusted("CN=ca"))
	again := encode(t, c, secret)
	if !bytes.Equal(again.Main, files.Main) || !bytes.Equal(again.Companions[".rdb"], files.Companions[".rdb"]) {
		t.Error("putting the same entries changed the files")
	}
}

func TestPut_chainBecomesEntries(t *testing.T) {
	t.Parallel()
	root := newIdentity(t, "Root", nil)
	inter := newIdentity(t, "Inter", root)
	leaf := newIdentity(t, "leaf", inter)
	c := reopen(t, newStore(t, leaf.personal("leaf", inter, root)))
	if got := labels(c); got != "leaf|CN=Inter|CN=Root" {
		t.Errorf("labels %s", got)
	}
	e := entry(t, c, "leaf")
	if len(e.Certificates) != 3 || !bytes.Equal(e.Certificates[1], inter.cert) || !bytes.Equal(e.Certificates[2], root.cert) {
		t.Errorf("the chain has %d certificates", len(e.Certificates))
	}
	if entry(t, c, "CN=Root").Trusted {
		t.Error("a certificate became trusted by being in a chain")
	}
	keyfiletest.Put(t, c, newIdentity(t, "other", inter).personal("other", inter, root))
	if got := labels(c); got != "leaf|CN=Inter|CN=Root|other" {
		t.Errorf("the chain was added twice: %s", got)
	}
	// Another root of the same name gets its fingerprint behind the label.
	keyfiletest.Put(t, c, newIdentity(t, "third", nil).personal("third", newIdentity(t, "Root", nil)))
	if got := labels(c); !strings.HasPrefix(got, "leaf|CN=Inter|CN=Root|other|third|CN=Root ") {
		t.Errorf("labels %s", got)
	}
}

func TestPut_defaultIsOne(t *testing.T) {
	t.Parallel()
	a, b := newIdentity(t, "a", nil), newIdentity(t, "b", nil)
	first, second := a.personal("a"), b.personal("b")
	first.Default, second.Default = true, true
	c := reopen(t, newStore(t, first))
	keyfiletest.Put(t, c, second)
	c = reopen(t, c)
	if entry(t, c, "a").Default || !entry(t, c, "b").Default {
		t.Error("the default did not move")
	}
	keyfiletest.WantKey(t, c, "a", a.key)
	keyfiletest.WantSound(t, c)
}

func TestReceive_movesTheKey(t *testing.T) {
	t.Parallel()
	r := newIdentity(t, "r", nil)
	request := r.request(t, "r")
	files := encode(t, newStore(t, request), secret)
	if len(files.Main) != headerSize || len(files.Companions[".rdb"]) != headerSize+slotSize {
		t.Fatalf("the request is not in the .rdb: %d and %d bytes", len(files.Main), len(files.Companions[".rdb"]))
	}
	c := open(t, files, secret)
	received := r.personal("r")
	received.Key = nil
	keyfiletest.Put(t, c, received)
	after := encode(t, c, secret)
	if len(after.Main) != headerSize+slotSize || len(after.Companions[".rdb"]) != headerSize {
		t.Errorf("the entry did not move: %d and %d bytes", len(after.Main), len(after.Companions[".rdb"]))
	}
	c = open(t, after, secret)
	keyfiletest.WantKey(t, c, "r", r.key)
	keyfiletest.WantSound(t, c)

	// A process that was killed between the two files leaves both: the certificate counts.
	half := keyfile.Files{Main: after.Main, Companions: files.Companions}
	c = open(t, half, secret)
	if got := labels(c); got != "r" || entry(t, c, "r").Kind != kdb.KindPersonal {
		t.Errorf("labels %s", got)
	}
	if err := c.Delete("r"); err != nil {
		t.Fatal(err)
	}
	if got := labels(reopen(t, c)); got != "" {
		t.Errorf("after deleting there is %s", got)
	}
}

func TestUpdate_keepsTheKey(t *testing.T) {
	t.Parallel()
	a := newIdentity(t, "a", nil)
	c := newStore(t, a.personal("a"))
	renewed := newIdentity(t, "renewed", nil).personal("a")
	renewed.Key = nil
	if err := c.Update(renewed); err != nil {
		t.Fatal(err)
	}
	keyfiletest.WantKey(t, reopen(t, c), "a", a.key)
	renewed.Trusted = true
	if err := c.Update(renewed); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("trust of a personal entry: %v", err)
	}
	renewed.Label, renewed.Trusted = "b", false
	if err := c.Update(renewed); err == nil {
		t.Error("a personal entry without any key was taken")
	}
}

func TestPut_refusals(t *testing.T) {
	t.Parallel()
	a := newIdentity(t, "a", nil)
	c := newStore(t, a.personal("a"))
	noCertificate := a.trusted("x")
	noCertificate.Certificates = [][]byte{{0x30, 0}}
	for name, tt := range map[string]struct {
		e    kdb.Entry
		want error
	}{
		"no certificate": {noCertificate, kdb.ErrParse},
		"another secret key": {
			kdb.Entry{Label: "s", Kind: kdb.KindSecretKey, Key: []byte("12345678"), KeyAlgorithm: "DES"},
			kdb.ErrUnsupported,
		},
		"a key alone": {kdb.Entry{Label: "k", Kind: kdb.KindPersonal, Key: a.key}, kdb.ErrUnsupported},
	} {
		if err := c.Put(tt.e); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if err := c.Delete("nobody"); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("deleting nothing: %v, want ErrNotFound", err)
	}
}
