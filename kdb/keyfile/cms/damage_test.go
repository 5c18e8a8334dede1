package cms_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
	"certkdb/kdb/keyfile/keyfiletest"
)

func TestDecode_findsEveryChange(t *testing.T) {
	t.Parallel()
	files := example(t, "entries-v6")
	for i := range files.Main {
		if i > 2000 && i < len(files.Main)-2000 && i%50 != 0 {
			continue // zeros, but for a few
		}
		bad := bytes.Clone(files.Main)
		bad[i] ^= 0x41
		_, err := decode(keyfile.Files{Main: bad}, secret)
		want := []error{kdb.ErrCorrupt, kdb.ErrParse}
		if i < 0x60 {
			want = []error{kdb.ErrPassword, kdb.ErrParse, kdb.ErrVersion} // the verifier cannot tell a changed header from a wrong password
		}
		found := false
		for _, w := range want {
			found = found || errors.Is(err, w)
		}
		if !found {
			t.Fatalf("byte %#x changed: %v, want one of %v", i, err, want)
		}
	}
}

func TestDecode_refusesTruncation(t *testing.T) {
	t.Parallel()
	whole := example(t, "entries-v6").Main
	for _, n := range []int{0, 1, 15, 16, 47, 48, 143, 144, 145, 5143, 5144, 5145, len(whole) - 1} {
		if _, err := decode(keyfile.Files{Main: whole[:n]}, secret); !errors.Is(err, kdb.ErrParse) {
			t.Errorf("cut at %d: %v, want ErrParse", n, err)
		}
	}
	if _, err := decode(keyfile.Files{Main: append(bytes.Clone(whole), 0)}, secret); !errors.Is(err, kdb.ErrParse) {
		t.Errorf("a byte more: %v, want ErrParse", err)
	}
}

func TestDecode_boundsWhatTheFileAsksFor(t *testing.T) {
	t.Parallel()
	set := func(offset int, value uint32) []byte {
		data := bytes.Clone(example(t, "entries-v6").Main)
		binary.BigEndian.PutUint32(data[offset:], value)
		return data
	}
	// In the first slot the DER begins at 12 and is 306 bytes long; behind it stand the label's length and the label.
	der := int(binary.BigEndian.Uint32(set(0, 0)[headerSize+8:]))
	for name, tt := range map[string]struct {
		data []byte
		want error
	}{
		"slots of 4 GiB":              {set(0x10, 0xFFFFFFFF), kdb.ErrParse},
		"slots of nothing":            {set(0x10, 0), kdb.ErrParse},
		"four thousand million slots": {set(0x14, 0xFFFFFFFF), kdb.ErrParse},
		"2^16 slots of 2^16 bytes":    {append(set(0x10, 0x10000)[:0x14], append([]byte{0, 1, 0, 0}, make([]byte, 200)...)...), kdb.ErrParse},
		"a record of 4 GiB":           {set(headerSize+8, 0xFFFFFFFF), kdb.ErrParse},
		"a record of nothing":         {set(headerSize+8, 0), kdb.ErrParse},
		"a label of 4 GiB":            {set(headerSize+12+der, 0xFFFFFFFF), kdb.ErrParse},
		"version 5":                   {set(0, 0x37480502), kdb.ErrVersion},
		"another tag":                 {set(12, 0), kdb.ErrParse},
		"a record that is no DER":     {set(headerSize+12, 0xFFFFFFFF), kdb.ErrParse},
	} {
		if _, err := decode(keyfile.Files{Main: tt.data}, secret); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		if _, err := cms.Codec().Decode(keyfile.Files{Main: tt.data}, passwords(nil)); !errors.Is(err, tt.want) {
			t.Errorf("%s without a password: %v, want %v", name, err, tt.want)
		}
	}
}

func TestDecode_companions(t *testing.T) {
	t.Parallel()
	files := encode(t, newStore(t, newIdentity(t, "r", nil).request(t, "r")), secret)
	other := encode(t, newStore(t, newIdentity(t, "r", nil).request(t, "r")), "another")
	swap := func(ext string, data []byte) keyfile.Files {
		return keyfile.Files{
			Main:       files.Main,
			Companions: map[string][]byte{".rdb": files.Companions[".rdb"], ".crl": files.Companions[".crl"], ext: data},
		}
	}
	damaged := bytes.Clone(files.Companions[".rdb"])
	damaged[len(damaged)-1] = 1
	for name, tt := range map[string]struct {
		files keyfile.Files
		want  error
	}{
		"requests under another password": {swap(".rdb", other.Companions[".rdb"]), kdb.ErrCorrupt},
		"damaged requests":                {swap(".rdb", damaged), kdb.ErrCorrupt},
		"a .kdb for a .rdb":               {swap(".rdb", files.Main), kdb.ErrParse},
		"text for a .crl":                 {swap(".crl", []byte(strings.Repeat("text ", 100))), kdb.ErrParse},
		"empty .crl under another":        {swap(".crl", other.Companions[".crl"]), nil},
		"no .rdb":                         {swap(".rdb", nil), nil},
	} {
		if _, err := decode(tt.files, secret); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	// The stale companion is written again with a change.
	c := open(t, swap(".crl", other.Companions[".crl"]), secret)
	keyfiletest.Put(t, c, newIdentity(t, "a", nil).trusted("a"))
	keyfiletest.WantSound(t, reopen(t, c))
}

// patchRecord decodes the example with its first slot changed and the codes made to fit.
func patchRecord(t *testing.T, replace func(slot []byte)) keyfile.Container {
	t.Helper()
	data := bytes.Clone(example(t, "entries-v6").Main)
	replace(data[headerSize : headerSize+slotSize])
	sign(data)
	return open(t, keyfile.Files{Main: data}, secret)
}

func TestDecode_keepsWhatItCannotShow(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		replace func([]byte)
		want    string
	}{
		"a slot of another type":   {func(s []byte) { s[3] = 9 }, "slot is of type 9"},
		"another kind of record":   {func(s []byte) { s[12+4+3] = 0xA7 }, "unknown tag 0xa7"},
		"no certificate in there":  {func(s []byte) { s[12+4+3+4+4] = 0x31 }, "holds no certificate"},
		"another label in the DER": {func(s []byte) { copy(s[bytes.Index(s, []byte("\x1a\x02ca")):], "\x1a\x02cb") }, `another label, "cb"`},
		"a wrong hash":             {func(s []byte) { s[bytes.Index(s, []byte("ca\x00\x00\x00\x00\x00"))+12] ^= 1 }, "hash of its signature"},
		"two hashes": {
			func(s []byte) { clear(s[bytes.Index(s, []byte("ca\x00\x00\x00\x00\x00"))+7+48:]) },
			"has 2 hashes, GSKit writes 5",
		},
	} {
		var all strings.Builder
		c := patchRecord(t, tt.replace)
		c.Check(func(p kdb.Problem) { all.WriteString(p.Where + ": " + p.What + "\n") })
		if !strings.Contains(all.String(), tt.want) {
			t.Errorf("%s: findings are %s, want %q", name, all.String(), tt.want)
		}
		c.Facts()
	}
	hidden := patchRecord(t, func(s []byte) { s[3] = 9 })
	if _, err := hidden.Encode([]byte("another")); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("a new password over what may be a key: %v, want ErrUnsupported", err)
	}
	if got := labels(hidden); got != "server" {
		t.Errorf("labels %s, want the other entry alone", got)
	}
	if err := hidden.Put(newIdentity(t, "a", nil).trusted("ca")); !errors.Is(err, kdb.ErrExists) {
		t.Errorf("putting over a hidden record: %v, want ErrExists", err)
	}
}

func TestDecode_keepsRecordsOfTheCRLFile(t *testing.T) {
	t.Parallel()
	files := encode(t, newStore(t), secret)
	crl := append(bytes.Clone(files.Companions[".crl"]), bytes.Repeat([]byte("no known record "), slotSize/16+1)[:slotSize]...)
	binary.BigEndian.PutUint32(crl[0x14:], 1)
	sign(crl)
	files.Companions[".crl"] = crl
	c := open(t, files, secret)
	keyfiletest.WantSound(t, c)
	after := encode(t, c, "another").Companions[".crl"]
	if !bytes.Equal(after[headerSize:], crl[headerSize:]) || bytes.Equal(after[:headerSize], crl[:headerSize]) {
		t.Error("under another password the header did not change, or the record did")
	}
	shown := false
	for _, f := range c.Facts() {
		shown = shown || strings.Contains(f.Value, "1 CRL record")
	}
	if !shown {
		t.Error("the facts do not name the record")
	}
}

func TestKey_boundsIterations(t *testing.T) {
	t.Parallel()
	files := example(t, "entries-v6")
	// INTEGER 5 in the PBKDF2 parameters becomes 2^31-1, three bytes longer, for which the salt before it gives up three.
	at := bytes.Index(files.Main, []byte("\x02\x01\x05"))
	if at < 0 {
		t.Fatal("the example asks for other than 5 iterations")
	}
	data := bytes.Clone(files.Main)
	salt := bytes.LastIndexByte(data[:at], 0x04)
	size := int(data[salt+1])
	if salt+2+size != at {
		t.Fatal("no salt stands before the iterations")
	}
	data[salt+1] = byte(size - 3)
	copy(data[salt+2+size-3:], "\x02\x04\x7f\xff\xff\xff")
	sign(data)
	c := open(t, keyfile.Files{Main: data}, secret)
	if _, err := c.Key("server"); !errors.Is(err, kdb.ErrEncryption) || !strings.Contains(err.Error(), "2147483647 iterations") {
		t.Errorf("2^31-1 iterations: %v, want ErrEncryption with the number", err)
	}
	var all strings.Builder
	c.Check(func(p kdb.Problem) { all.WriteString(p.What) })
	if !strings.Contains(all.String(), "iterations") {
		t.Errorf("findings are %q", all.String())
	}
}

// sign computes the codes of a version 6 file again, as FORMAT.md has them.
func sign(data []byte) {
	code := func(at int, parts ...[]byte) {
		m := hmac.New(sha512.New384, []byte(secret))
		for _, p := range parts {
			m.Write(p)
		}
		copy(data[at:], m.Sum(nil))
	}
	code(0x30, data[:0x30])
	code(0x60, data[:0x60], data[headerSize:])
}

func FuzzDecode(f *testing.F) {
	var files keyfile.Files
	c, err := cms.Codec().New("")
	if err == nil {
		err = c.Put(kdb.Entry{Label: "s", Kind: kdb.KindSecretKey, Key: []byte("0123456789abcdef")})
	}
	if err == nil {
		files, err = c.Encode([]byte(secret))
	}
	if err != nil {
		f.Fatal(err)
	}
	// Small slots let the fuzzer reach more; what follows the used part is zeros.
	small := append(bytes.Clone(files.Main[:headerSize]), files.Main[headerSize:headerSize+400]...)
	binary.BigEndian.PutUint32(small[0x10:], 400)
	f.Add(small)
	f.Add(files.Companions[".rdb"])
	f.Add([]byte("7H\x03\x02\x00\x00\x00\x00X509KEY\x00\x00\x00\x00\x20\x00\x00\x00\x00" + strings.Repeat("x", 56)))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, files := range []keyfile.Files{{Main: data}, {Main: files.Main, Companions: map[string][]byte{".rdb": data, ".crl": data}}} {
			c, err := cms.Codec().Decode(files, passwords(nil))
			if err != nil {
				continue
			}
			seen := map[string]bool{}
			for _, e := range c.Entries() {
				if err := kdb.CheckLabel(e.Label); err != nil || seen[e.Label] {
					t.Fatalf("label %q: %v", e.Label, err)
				}
				seen[e.Label] = true
			}
			c.Facts()
			c.Check(func(kdb.Problem) {})
		}
	})
}
