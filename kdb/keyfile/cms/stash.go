package cms

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"

	"certkdb/kdb"
)

// The two stash formats (FORMAT.md, section 7). Neither protects the password: whoever reads the file has it.
const (
	stashV1Size = 129
	stashV2Size = 2*sha256.Size + stashV1Size
	stashMask   = 0xF5
	// MaxStashPassword is the longest password that fits into a stash.
	MaxStashPassword = stashV1Size - 1
)

// The constants of version 2.
const (
	stashSeed  = "13EC6D5C885056915AB35FAD2BDDF39F40D7C57B8B4D28F66B61B75F391446FDA96751174DBD9713D02E0B38732E763501DBBB85EC60E437929ED2AA8981B36B"
	stashState = "\x01\x01\x02\x03\x05\x08"
	// stashRounds is enough for the search of the key conditioning, which takes 256 hashes on average: it fails once in e^256.
	stashRounds = 1 << 16
)

// DecodeStash returns the password in a stash file of either version. The error wraps kdb.ErrParse or kdb.ErrCorrupt.
func DecodeStash(data []byte) ([]byte, error) {
	switch len(data) {
	case stashV1Size:
		return unmask(data)
	case stashV2Size:
		return decodeStashV2(data)
	}
	return nil, fmt.Errorf("reading a stash: %w: it has %d bytes, %d (version 1) or %d (version 2) are known", kdb.ErrParse, len(data), stashV1Size, stashV2Size)
}

func decodeStashV2(data []byte) ([]byte, error) {
	nonce, check, sealed := data[:sha256.Size], data[sha256.Size:2*sha256.Size], data[2*sha256.Size:]
	if subtle.ConstantTimeCompare(stashCheck(nonce), check) != 1 {
		return nil, fmt.Errorf("reading a stash of version 2: %w: its check value is wrong", kdb.ErrCorrupt)
	}
	stream, err := stashStream(nonce)
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
		plain[i] = b ^ stashMask
	}
	end := bytes.IndexByte(plain, 0)
	if end < 0 {
		clear(plain)
		return nil, fmt.Errorf("reading a stash: %w: no end of the password", kdb.ErrCorrupt)
	}
	clear(plain[end:])
	return plain[:end:end], nil
}

// EncodeStashV1 writes a stash of 129 bytes, which every GSKit reads.
func EncodeStashV1(password []byte) ([]byte, error) {
	if len(password) > MaxStashPassword || bytes.IndexByte(password, 0) >= 0 {
		return nil, fmt.Errorf("writing a stash: %w: a password of over %d bytes or with a NUL in it", kdb.ErrUnsupported, MaxStashPassword)
	}
	out := make([]byte, stashV1Size)
	rand.Read(out) // never fails (crypto/rand)
	for i := range out {
		if out[i] == stashMask {
			out[i] = 0 // the padding has no NUL in clear
		}
	}
	for i, b := range password {
		out[i] = b ^ stashMask
	}
	out[len(password)] = stashMask
	return out, nil
}

// EncodeStashV2 writes a stash of 193 bytes, which GSKit reads from 8.0.50.69 on.
func EncodeStashV2(password []byte) ([]byte, error) {
	buffer, err := EncodeStashV1(password)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, sha256.Size)
	rand.Read(nonce) // never fails (crypto/rand)
	stream, err := stashStream(nonce)
	if err != nil {
		return nil, err
	}
	subtle.XORBytes(stream, stream, buffer)
	return append(append(nonce, stashCheck(nonce)...), stream...), nil
}

func stashCheck(nonce []byte) []byte {
	sum := sha256.Sum256(append([]byte{1}, nonce...))
	return sum[:]
}

// stashStream is the key stream of version 2: all that it depends on stands in the file.
func stashStream(nonce []byte) ([]byte, error) {
	s := sha256.Sum256(append(bytes.Clone(nonce), stashCheck(nonce)...))
	for n := 0; s[8] != 3; n++ {
		if n == stashRounds {
			return nil, fmt.Errorf("reading a stash of version 2: %w: no key comes out of it", kdb.ErrCorrupt)
		}
		s = sha256.Sum256(s[:])
	}
	for range 64 {
		s = sha256.Sum256(s[:])
	}
	seed := stashMAC(s[:], []byte(stashSeed))
	state := stashMAC(seed, []byte(stashState))
	var stream []byte
	for len(stream) < stashV1Size {
		stream = append(stream, stashMAC(seed, state)...)
		state = append(bytes.Clone(stream), state...)
	}
	return stream[:stashV1Size], nil
}

func stashMAC(key, data []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(data)
	return m.Sum(nil)
}
