package stash_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/stash"
)

func TestEncode_roundTrip(t *testing.T) {
	t.Parallel()
	for name, encode := range map[string]func([]byte) ([]byte, error){"v1": stash.EncodeV1, "v2": stash.EncodeV2} {
		size := map[string]int{"v1": 129, "v2": 193}[name]
		for n := 0; n <= stash.MaxPassword; n++ {
			password := []byte(strings.Repeat("pässwort", 20))[:n]
			data, err := encode(password)
			if err != nil {
				t.Fatal(err)
			}
			if len(data) != size {
				t.Fatalf("%s has %d bytes, want %d", name, len(data), size)
			}
			got, err := stash.Decode(data)
			if err != nil || !bytes.Equal(got, password) {
				t.Fatalf("%s of %d bytes: %q, %v", name, n, got, err)
			}
		}
		if _, err := encode(bytes.Repeat([]byte{'x'}, 129)); !errors.Is(err, kdb.ErrUnsupported) {
			t.Errorf("%s of 129 bytes: %v, want ErrUnsupported", name, err)
		}
		if _, err := encode([]byte("a\x00b")); !errors.Is(err, kdb.ErrUnsupported) {
			t.Errorf("%s with a NUL: %v, want ErrUnsupported", name, err)
		}
	}
}

func TestEncode_paddingHasNoNUL(t *testing.T) {
	t.Parallel()
	for range 20 {
		data, err := stash.EncodeV1([]byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Count(data, []byte{0xF5}) != 1 {
			t.Fatalf("%d NULs in clear, want the one behind the password", bytes.Count(data, []byte{0xF5}))
		}
	}
}

func TestDecode_refusesDamage(t *testing.T) {
	t.Parallel()
	good, err := stash.EncodeV2([]byte("password"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 64 {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if _, err := stash.Decode(bad); !errors.Is(err, kdb.ErrCorrupt) {
			t.Errorf("byte %d changed: %v, want ErrCorrupt", i, err)
		}
	}
	for _, n := range []int{0, 1, 128, 130, 192, 194, 5000} {
		if _, err := stash.Decode(make([]byte, n)); !errors.Is(err, kdb.ErrParse) {
			t.Errorf("%d bytes: %v, want ErrParse", n, err)
		}
	}
	if _, err := stash.Decode(make([]byte, 129)); !errors.Is(err, kdb.ErrCorrupt) {
		t.Errorf("no NUL: %v, want ErrCorrupt", err)
	}
}

func TestEncodeV1_masksThePassword(t *testing.T) {
	t.Parallel()
	data, err := stash.EncodeV1([]byte("abc"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data[:4], []byte{'a' ^ 0xF5, 'b' ^ 0xF5, 'c' ^ 0xF5, 0xF5}) {
		t.Errorf("it begins with %x", data[:4])
	}
}

func TestEncodeV2_hidesThePasswordAnotherWayEachTime(t *testing.T) {
	t.Parallel()
	password := []byte("password")
	one, err1 := stash.EncodeV2(password)
	two, err2 := stash.EncodeV2(password)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if bytes.Equal(one[:32], two[:32]) || bytes.Equal(one[64:], two[64:]) {
		t.Error("two stashes have the same nonce or the same content")
	}
	if string(password) != "password" {
		t.Errorf("the password became %q", password)
	}
}

func TestCodec_isThatOfGSKit(t *testing.T) {
	t.Parallel()
	c := stash.Codec()
	data, err := c.Encode([]byte("secret"))
	if err != nil || len(data) != 193 {
		t.Fatalf("%d bytes, %v; want version 2", len(data), err)
	}
	if got, err := c.Decode(data); err != nil || string(got) != "secret" || c.Extension != ".sth" {
		t.Errorf("from %s comes %q, %v", c.Extension, got, err)
	}
}

func FuzzDecode(f *testing.F) {
	v1, err := stash.EncodeV1([]byte("password"))
	if err != nil {
		f.Fatal(err)
	}
	v2, err := stash.EncodeV2([]byte("password"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(v1)
	f.Add(v2)
	f.Fuzz(func(t *testing.T, data []byte) {
		password, err := stash.Decode(data)
		if err == nil && (len(password) > stash.MaxPassword || bytes.IndexByte(password, 0) >= 0) {
			t.Errorf("password %q", password)
		}
	})
}
