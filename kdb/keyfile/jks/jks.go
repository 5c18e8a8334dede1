// Package jks is the codec for Java's own key stores: JKS, read and written, and JCEKS, only read.
//
// The formats have no specification but the JDK's sources (sun.security.provider.JavaKeyStore,
// com.sun.crypto.provider.JceKeyStore); what is known of them is documented at the functions that use it. The reader and
// the writer are our own, with github.com/pavlo-v-chernykh/keystore-go/v4 as the oracle in the tests: that library
// puts the entries into a map, which loses their order and repeated aliases, and hides the sealed keys, which must
// come out again byte for byte when another entry changes.
//
// It does not load Java objects: JCEKS keeps secret keys as a serialised object, from which this package takes
// the few fields that it knows. Nothing is instantiated.
//
//	container, err := jks.JKS().Decode(keyfile.Files{Main: data}, passwords)
package jks

import (
	"bytes"
	"fmt"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/stash"
)

// The first four bytes of the two formats.
const (
	magicJKS   = 0xFEEDFEED
	magicJCEKS = 0xCECECECE
)

// JKS returns the codec for JKS files.
func JKS() keyfile.Codec {
	return keyfile.Codec{
		Name:       "jks",
		Extensions: []string{".jks"},
		Matches:    func(head []byte) bool { return bytes.HasPrefix(head, []byte{0xFE, 0xED, 0xFE, 0xED}) },
		Stash:      stash.Codec(), // IBM's ikeycmd makes one for each kind of key store
		Fold:       fold,
		Decode: func(f keyfile.Files, p keyfile.Passwords) (keyfile.Container, error) {
			return decode(f.Main, p, magicJKS)
		},
		New: newContainer,
	}
}

// JCEKS returns the codec for JCEKS files. It only reads.
func JCEKS() keyfile.Codec {
	return keyfile.Codec{
		Name:       "jceks",
		Extensions: []string{".jceks"},
		Matches:    func(head []byte) bool { return bytes.HasPrefix(head, []byte{0xCE, 0xCE, 0xCE, 0xCE}) },
		Fold:       fold,
		Decode: func(f keyfile.Files, p keyfile.Passwords) (keyfile.Container, error) {
			return decode(f.Main, p, magicJCEKS)
		},
	}
}

func newContainer(profile string) (keyfile.Container, error) {
	if profile != "" {
		return nil, fmt.Errorf("%w: JKS files are written in one way; there is no profile %q", kdb.ErrUnsupported, profile)
	}
	c := &container{store: store{magic: magicJKS, version: 2}, verified: true, missing: kdb.ErrNoPassword}
	c.describe()
	return c, nil
}

func formatName(magic uint32) string {
	if magic == magicJCEKS {
		return "JCEKS"
	}
	return "JKS"
}
