// Package pkcs12 reads and writes PKCS #12 files (RFC 7292, .p12 and .pfx) as databases: any number of private keys,
// certificates and Java's secret keys under their friendlyNames.
//
// It reads BER and DER, every MAC including PBMAC1 (RFC 9579) and every encryption of package pbe. Bags and attributes
// that it does not understand stay in the file; what is not touched is written again with the same DER.
//
// How bags become entries:
//   - A private key makes a personal entry with the certificate of the same localKeyId, else of the same public key. Its
//     chain is built of the file's other certificates by issuer and subject, as Java does.
//   - A certificate with Oracle's trustedKeyUsage attribute makes a trusted entry, as in keytool. So does every
//     certificate of a file that has neither keys nor that attribute, as people use such files with OpenSSL, and a
//     certificate whose localKeyId is its signature, as IBM's GSKit writes it.
//   - Another certificate in a key's chain is part of that entry alone, as in keytool, unless it has a
//     friendlyName that is not just its own subject (Java writes that one) or the key's: openssl pkcs12 shows such a
//     name, so it is an entry too. It and certificates that belong to no key are shown as not trusted.
//   - A key without a certificate makes a personal entry without certificates, or a request if it has one with it.
//   - A secret key as Java writes it makes a secret key entry.
//   - What is in the file again under the same name, or none, is no further entry. It goes when its entry is changed.
//
// What the format has no place for (default, distrusted, an entry under its own subject that is part of a chain, a chain that
// issuer and subject do not give, the PKCS #10 request of a key) is kept in a description attribute (X.520, 6.5.1) that begins with
// "certkdb:". Others ignore it.
//
// Public-key integrity and privacy (RFC 7292, section 3.1) are refused.
package pkcs12

import (
	"bytes"
	"fmt"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/ber"
	"certkdb/kdb/keyfile/stash"
	"certkdb/pki/pbe"
)

// Codec is the codec of PKCS #12 files.
func Codec() keyfile.Codec {
	return keyfile.Codec{
		Name:       "pkcs12",
		Aliases:    []string{"p12", "pfx"},
		Extensions: []string{".p12", ".pfx"},
		Matches:    matches,
		Profiles:   profileNames(),
		Stash:      stash.Codec(),
		Unprotected: func(name string) bool {
			p, err := profileNamed(name)
			return err == nil && !p.encrypt
		},
		Decode: func(files keyfile.Files, passwords keyfile.Passwords) (keyfile.Container, error) {
			c, err := Decode(files.Main, passwords)
			if err != nil {
				return nil, err
			}
			return c, nil
		},
		Describe: func(files keyfile.Files) (string, []kdb.Fact) { return describe(files.Main) },
		New: func(profile string) (keyfile.Container, error) {
			c, err := New(profile)
			if err != nil {
				return nil, err
			}
			return c, nil
		},
	}
}

// oidPKCS7 is 1.2.840.113549.1.7, of which a PFX has an arc right after its version.
var oidPKCS7 = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07}

// matches recognises a PFX, be it BER: a SEQUENCE of a small number and a ContentInfo.
func matches(head []byte) bool {
	enter := func(want byte) (length int, ok bool) {
		tag, size, length, err := ber.Head(head)
		if err != nil || tag != want {
			return 0, false
		}
		head = head[size:]
		return length, true
	}
	if _, ok := enter(ber.Sequence); !ok {
		return false
	}
	version, ok := enter(ber.Integer)
	if !ok || version < 1 || version > 4 || version > len(head) {
		return false
	}
	head = head[version:]
	if _, ok := enter(ber.Sequence); !ok {
		return false
	}
	_, ok = enter(ber.ObjectID)
	return ok && bytes.HasPrefix(head, oidPKCS7)
}

// profile is a way to write a file.
type profile struct {
	name    string
	encrypt bool
	keys    pbe.Scheme // of private and secret keys
	certs   pbe.Scheme // of encrypted SafeContents
	mac     pbe.MACScheme
	rounds  int // of every derivation
}

// The profiles are named as go-pkcs12 names them. The rounds are keytool's since Java 16. Their readers, tried with OpenSSL 3.0 and 3.6,
// JDK 17 and 25, NSS 3.87 and 3.132, GnuTLS 3.7 and 3.8:
var profiles = [...]profile{
	// 2023 is PBES2 with AES-256-CBC and HMAC-SHA-256: everything of the last years reads it; from OpenSSL 1.1.1, Java 12 and
	// Windows Server 2019 on.
	{"2023", true, pbe.AES256, pbe.AES256, pbe.MACSHA256, 10_000},
	// legacy is pbeWithSHAAnd3-KeyTripleDES-CBC and HMAC-SHA-1: everything ever made reads it, OpenSSL 3 without its legacy provider too.
	// It is weak.
	{"legacy", true, pbe.TripleDES, pbe.TripleDES, pbe.MACSHA1, 2048},
	// gskit is legacy as IBM's GSKit writes it: trusted certificates have their signature as localKeyId, by which it knows its signers.
	{profileGSKit, true, pbe.TripleDES, pbe.TripleDES, pbe.MACSHA1, 1024},
	// 2026 is 2023 with PBMAC1 (RFC 9579) as the MAC: OpenSSL 3.4, Java 25, NSS 3.132, GnuTLS 3.8 and later read it. OpenSSL 3.0,
	// Java 17, NSS 3.87 and GnuTLS 3.7 do not.
	{"2026", true, pbe.AES256, pbe.AES256, pbe.MACPBMAC1, 10_000},
	// passwordless has no encryption and no MAC: anyone who has the file has the keys. OpenSSL reads all of it, Java the trusted certificates,
	// GnuTLS with a complaint; NSS refuses it.
	{name: "passwordless"},
}

const profileGSKit = "gskit"

func profileNames() []string {
	names := make([]string, len(profiles))
	for i, p := range profiles {
		names[i] = p.name
	}
	return names
}

func profileNamed(name string) (profile, error) {
	if name == "" {
		return profiles[0], nil
	}
	for _, p := range profiles {
		if p.name == name {
			return p, nil
		}
	}
	return profile{}, fmt.Errorf("%w: the profile %q: use %s", kdb.ErrUnsupported, name, strings.Join(profileNames(), ", "))
}
