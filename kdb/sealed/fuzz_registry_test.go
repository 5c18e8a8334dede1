package sealed

import (
	"testing"
	"time"

	"certkdb/kdb"
)

func FuzzDecodeIssued(f *testing.F) {
	at := time.Unix(1_700_000_000, 0)
	f.Add(encodeIssued(&kdb.Issued{At: at, Certificate: []byte("certificate")}))
	f.Add(encodeIssued(&kdb.Issued{At: at, Subject: "CN=a", NotAfter: at}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeIssued(b)
		wantRoundTrip(t, b, encodeIssued(&r), err)
	})
}

func FuzzDecodeRevocation(f *testing.F) {
	r := revocation{at: time.Unix(1_700_000_000, 0), reason: 4}
	f.Add(r.encode())
	f.Add(append(r.encode(), 0))
	r.invalidSince = time.Unix(1_600_000_000, 0)
	f.Add(r.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRevocation(b)
		wantRoundTrip(t, b, r.encode(), err)
	})
}

func FuzzDecodeIssuer(f *testing.F) {
	i := issuer{number: 7, issued: counted{count: 3, digest: [32]byte{1}}, revoked: counted{count: 1, digest: [32]byte{2}}}
	f.Add(i.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := decodeIssuer(b)
		wantRoundTrip(t, b, i.encode(), err)
	})
}

func FuzzDecodeCount(f *testing.F) {
	f.Add(encodeCount(12))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := decodeCount(b)
		wantRoundTrip(t, b, encodeCount(n), err)
	})
}

// FuzzDecodeBlock reads a record of the index under any key.
func FuzzDecodeBlock(f *testing.F) {
	b := block{upper: spot{9}, lower: spot{1}, postings: []posting{
		{at: spot{2}, label: "a"}, {at: spot{2}, label: "b"}, {at: spot{9}, label: "c"},
	}}
	f.Add(blockKey(b.upper), b.encode())
	f.Add(blockKey(spot{1}), b.encode())
	f.Add(prefixIndex, []byte{formatVersion})
	f.Fuzz(func(t *testing.T, key string, plain []byte) {
		if len(key) < len(prefixIndex) || key[:len(prefixIndex)] != prefixIndex {
			t.Skip("of another kind of record")
		}
		b, err := decodeBlock(key, plain)
		wantRoundTrip(t, plain, b.encode(), err)
		if err == nil && blockKey(b.upper) != key {
			t.Errorf("%q was taken for %q", key, blockKey(b.upper))
		}
	})
}
