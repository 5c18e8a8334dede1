// Package oid reads, writes and names object identifiers (X.660; encoding X.690, 8.19).
//
// encoding/asn1 and cryptobyte refuse arcs above 2^31, which real certificates have (UUID arcs under 2.25), so this
// package keeps identifiers as dotted strings of any size up to a bound.
//
//	dotted, err := oid.Decode(content) // "2.5.4.3"
//	oid.Name(dotted)                   // "commonName"
package oid

import (
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// maxContent bounds the encoded length of an identifier. The longest in use are under 40 bytes; the bound keeps
// the conversion of one giant arc, which is quadratic, cheap.
const maxContent = 512

// maxDotted is the longest dotted form of maxContent bytes: an arc of one byte takes up to three digits and a dot.
const maxDotted = 4 * maxContent

// Decode turns the content octets of an OBJECT IDENTIFIER into dotted form. Identifiers of the table cost no
// allocation.
func Decode(content []byte) (string, error) {
	switch {
	case len(content) == 0:
		return "", errors.New("the object identifier is empty")
	case len(content) > maxContent:
		return "", fmt.Errorf("the object identifier has %d bytes, at most %d are read", len(content), maxContent)
	case content[len(content)-1]&0x80 != 0:
		return "", errors.New("the object identifier ends within an arc")
	}
	if dotted := common(content); dotted != "" {
		return dotted, nil
	}
	dotted, err := decodeArcs(make([]byte, 0, 64), content)
	if err != nil {
		return "", err
	}
	if row, ok := byDotted()[string(dotted)]; ok {
		return row[0], nil
	}
	return string(dotted), nil
}

// common is the dotted form of what nearly every certificate has several of; "" for all others.
func common(content []byte) string {
	switch string(content) {
	case "\x55\x04\x03":
		return "2.5.4.3"
	case "\x55\x04\x06":
		return "2.5.4.6"
	case "\x55\x04\x0a":
		return "2.5.4.10"
	case "\x55\x04\x0b":
		return "2.5.4.11"
	case "\x55\x1d\x0e":
		return "2.5.29.14"
	case "\x55\x1d\x0f":
		return "2.5.29.15"
	case "\x55\x1d\x11":
		return "2.5.29.17"
	case "\x55\x1d\x13":
		return "2.5.29.19"
	case "\x55\x1d\x23":
		return "2.5.29.35"
	case "\x55\x1d\x25":
		return "2.5.29.37"
	case "\x2a\x86\x48\xce\x3d\x02\x01":
		return "1.2.840.10045.2.1"
	case "\x2a\x86\x48\xce\x3d\x03\x01\x07":
		return "1.2.840.10045.3.1.7"
	case "\x2a\x86\x48\xce\x3d\x04\x03\x02":
		return "1.2.840.10045.4.3.2"
	case "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01":
		return "1.2.840.113549.1.1.1"
	case "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b":
		return "1.2.840.113549.1.1.11"
	case "\x2b\x06\x01\x05\x05\x07\x03\x01":
		return "1.3.6.1.5.5.7.3.1"
	case "\x2b\x06\x01\x05\x05\x07\x03\x02":
		return "1.3.6.1.5.5.7.3.2"
	}
	return ""
}

// decodeArcs appends the dotted form of an identifier that ends with an arc.
func decodeArcs(out, content []byte) ([]byte, error) {
	for first := true; len(content) > 0; first = false {
		if content[0] == 0x80 {
			return nil, errors.New("the object identifier has an arc with leading zeros")
		}
		n := 0
		for content[n]&0x80 != 0 {
			n++
		}
		out = appendArc(out, content[:n+1], first)
		content = content[n+1:]
	}
	return out, nil
}

// appendArc writes one arc; the first encoded one holds the first two arcs (X.690, 8.19.4).
func appendArc(out, arc []byte, first bool) []byte {
	if len(arc) > 9 {
		return appendBigArc(out, arc, first)
	}
	var v uint64
	for _, b := range arc {
		v = v<<7 | uint64(b&0x7f)
	}
	if !first {
		return strconv.AppendUint(append(out, '.'), v, 10)
	}
	root := min(v/40, 2)
	out = strconv.AppendUint(out, root, 10)
	return strconv.AppendUint(append(out, '.'), v-40*root, 10)
}

func appendBigArc(out, arc []byte, first bool) []byte {
	v := new(big.Int)
	for _, b := range arc {
		v.Lsh(v, 7)
		v.Or(v, big.NewInt(int64(b&0x7f)))
	}
	if first {
		out = append(out, '2')
		v.Sub(v, big.NewInt(80))
	}
	return v.Append(append(out, '.'), 10)
}

// Encode turns a dotted identifier into its content octets.
func Encode(dotted string) ([]byte, error) {
	first, rest, ok := strings.Cut(dotted, ".")
	second, rest, _ := strings.Cut(rest, ".")
	if !ok || len(dotted) > maxDotted || strings.HasSuffix(dotted, ".") {
		return nil, fmt.Errorf("%.80q is not an object identifier", dotted)
	}
	root, isRoot := smallArc(first)
	arc, isSmall := smallArc(second)
	if !isRoot || root > 2 || root < 2 && (!isSmall || arc >= 40) {
		return nil, fmt.Errorf("%.80q is not an object identifier: no such first arcs", dotted)
	}
	out := make([]byte, 0, 16)
	var err error
	if isSmall {
		out = appendBase128(out, 40*root+arc)
	} else if out, err = appendBigBase128(out, second, 80); err != nil {
		return nil, fmt.Errorf("%.80q is not an object identifier: %w", dotted, err)
	}
	for rest != "" {
		second, rest, _ = strings.Cut(rest, ".")
		if arc, isSmall = smallArc(second); isSmall {
			out = appendBase128(out, arc)
		} else if out, err = appendBigBase128(out, second, 0); err != nil {
			return nil, fmt.Errorf("%.80q is not an object identifier: %w", dotted, err)
		}
	}
	if len(out) > maxContent {
		return nil, fmt.Errorf("the object identifier %.80q has %d bytes, at most %d are written", dotted, len(out), maxContent)
	}
	return out, nil
}

// smallArc reads an arc of up to 18 digits, which leaves room for the first arcs' arithmetic in 64 bits.
func smallArc(s string) (uint64, bool) {
	if s == "" || len(s) > 18 || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	var v uint64
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = 10*v + uint64(c-'0')
	}
	return v, true
}

func appendBase128(out []byte, v uint64) []byte {
	n := max(1, (bits.Len64(v)+6)/7)
	for i := n - 1; i >= 0; i-- {
		b := byte(v>>(7*i)) & 0x7f
		if i > 0 {
			b |= 0x80
		}
		out = append(out, b)
	}
	return out
}

// appendBigBase128 writes an arc that smallArc did not read, with add added to it, or says what is wrong with it.
func appendBigBase128(out []byte, s string, add int64) ([]byte, error) {
	if len(s) <= 18 || s[0] == '0' || strings.Trim(s, "0123456789") != "" {
		return nil, fmt.Errorf("arc %.40q", s)
	}
	v, _ := new(big.Int).SetString(s, 10)
	v.Add(v, big.NewInt(add))
	for i := (v.BitLen()+6)/7 - 1; i >= 0; i-- {
		b := byte(new(big.Int).Rsh(v, uint(7*i)).Uint64()) & 0x7f
		if i > 0 {
			b |= 0x80
		}
		out = append(out, b)
	}
	return out, nil
}

// IsDotted reports whether s looks like a dotted object identifier.
func IsDotted(s string) bool {
	if len(s) < 3 || !strings.Contains(s, ".") {
		return false
	}
	_, err := Encode(s)
	return err == nil
}

// Name returns the usual name of an identifier ("keyUsage", "sha256WithRSAEncryption"), or the identifier itself.
func Name(dotted string) string {
	if row, ok := byDotted()[dotted]; ok {
		return row[1]
	}
	return dotted
}
