// Package stash reads and writes the stash files (.sth) in which IBM's GSKit keeps the password of a key database: a CMS database
// or a PKCS #12 file, and IBM's Java tools that of a JKS file. A stash hides the password and does not protect it: there is no key, and
// nothing ties it to a host. cms/FORMAT.md, section 7, describes the two formats.
package stash

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
)

// Codec returns the codec of the stash files next to key databases. GSKit names them by the database, so that server.kdb and
// server.p12 in one folder share one.
func Codec() *keyfile.StashCodec {
	return &keyfile.StashCodec{
		Extension: ".sth",
		Shared:    []string{".kdb", ".p12", ".pfx", ".jks"},
		Decode:    Decode,
		Encode:    EncodeV2,
		EncodeOld: EncodeV1,
	}
}

const (
	v1Size = 129
	v2Size = 2*sha256.Size + v1Size
	mask   = 0xF5
	// MaxPassword is the length in bytes of the longest password that fits into a stash.
	MaxPassword = v1Size - 1
)

// The constants of version 2.
const (
	v2Seed = "13EC6D5C885056915AB35FAD2BDDF39F40D7C57B8B4D28F66B61B75F391446FD" +
		"A96751174DBD9713D02E0B38732E763501DBBB85EC60E437929ED2AA8981B36B"
	v2State = "\x01\x01\x02\x03\x05\x08"
	// v2Rounds is enough for the search of the key conditioning, which takes 256 hashes on average: it fails once in e^256.
	v2Rounds = 1 << 16
)

// Decode returns the password in a stash file of either version. The error wraps kdb.ErrParse or kdb.ErrCorrupt.
func Decode(data []byte) ([]byte, error) {
	switch len(data) {
	case v1Size:
		return unmask(data)
	case v2Size:
		return decodeV2(data)
	}
	return nil, fmt.Errorf("reading a stash: %w: it has %d bytes, %d (version 1) or %d (version 2) are known",
		kdb.ErrParse, len(data), v1Size, v2Size)
}

func decodeV2(data []byte) ([]byte, error) {
	nonce, checked, sealed := data[:sha256.Size], data[sha256.Size:2*sha256.Size], data[2*sha256.Size:]
	if subtle.ConstantTimeCompare(check(nonce), checked) != 1 {
		return nil, fmt.Errorf("reading a stash of version 2: %w: its check value is wrong", kdb.ErrCorrupt)
	}
	stream, err := stream(nonce)
	if err != nil {
		return nil, err
	}
	subtle.XORBytes(stream, stream, sealed)
	defer clear(stream)
	return unmask(stream)
}

// unmask takes the password out of the buffer that both versions have.
func unmask(buffer []byte) ([]byte, error) {
	plain := make([]byte, len(buffer))
	for i, b := range buffer {
		plain[i] = b ^ mask
	}
	end := bytes.IndexByte(plain, 0)
	if end < 0 {
		clear(plain)
		return nil, fmt.Errorf("reading a stash: %w: no end of the password", kdb.ErrCorrupt)
	}
	clear(plain[end:])
	return plain[:end:end], nil
}

// EncodeV1 writes a stash of 129 bytes, which every GSKit reads.
func EncodeV1(password []byte) ([]byte, error) {
	if len(password) > MaxPassword || bytes.IndexByte(password, 0) >= 0 {
		return nil, fmt.Errorf("writing a stash: %w: a password of over %d bytes or with a NUL in it", kdb.ErrUnsupported, MaxPassword)
	}
	out := make([]byte, v1Size)
	rand.Read(out) // never fails (crypto/rand)
	for i := range out {
		if out[i] == mask {
			out[i] = 0 // the padding has no NUL in clear
		}
	}
	for i, b := range password {
		out[i] = b ^ mask
	}
	out[len(password)] = mask
	return out, nil
}

// EncodeV2 writes a stash of 193 bytes, which GSKit reads from 8.0.50.69 on.
func EncodeV2(password []byte) ([]byte, error) {
	buffer, err := EncodeV1(password)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, sha256.Size)
	rand.Read(nonce) // never fails (crypto/rand)
	stream, err := stream(nonce)
	if err != nil {
		return nil, err
	}
	subtle.XORBytes(stream, stream, buffer)
	return append(append(nonce, check(nonce)...), stream...), nil
}

func check(nonce []byte) []byte {
	sum := sha256.Sum256(append([]byte{1}, nonce...))
	return sum[:]
}

// stream is the key stream of version 2: all that it depends on is in the file.
func stream(nonce []byte) ([]byte, error) {
	s := sha256.Sum256(append(bytes.Clone(nonce), check(nonce)...))
	for n := 0; s[8] != 3; n++ {
		if n == v2Rounds {
			return nil, fmt.Errorf("reading a stash of version 2: %w: no key comes out of it", kdb.ErrCorrupt)
		}
		s = sha256.Sum256(s[:])
	}
	for range 64 {
		s = sha256.Sum256(s[:])
	}
	seed := mac(s[:], []byte(v2Seed))
	state := mac(seed, []byte(v2State))
	var stream []byte
	for len(stream) < v1Size {
		stream = append(stream, mac(seed, state)...)
		state = append(bytes.Clone(stream), state...)
	}
	return stream[:v1Size], nil
}

func mac(key, data []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(data)
	return m.Sum(nil)
}
