package kdb

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// ForeignFormat is the error for a file in a format that certkdb does not read. It wraps [ErrVersion].
type ForeignFormat struct {
	Name    string // "key store of Bouncy Castle (BCFKS)"
	Convert string // how to turn it into a format that certkdb reads
	// Loose says that there may be certificates and keys in it all the same, such as PEM blocks in an archive.
	Loose bool
	// searched says that certificates and keys were looked for in vain.
	searched bool
}

func (f *ForeignFormat) Error() string {
	if f.searched {
		return ErrParse.Error() + ": it is a " + f.Name
	}
	return "the format is not supported: it is a " + f.Name
}

func (f *ForeignFormat) Unwrap() error {
	if f.searched {
		return ErrParse
	}
	return ErrVersion
}

// Searched is the error for a file in which there are no certificates and keys either. It wraps [ErrParse].
func (f *ForeignFormat) Searched() error {
	return &ForeignFormat{Name: f.Name, Convert: f.Convert, Loose: f.Loose, searched: true}
}

// How to convert the formats.
const (
	convertJava   = "convert it with: keytool -importkeystore -deststoretype PKCS12, with Bouncy Castle as -providerclass and -providerpath"
	convertSecret = `extract the values first, each with: kubectl get secret NAME -o jsonpath='{.data.tls\.crt}' | base64 -d`
	convertSST    = "import it into Windows and export the certificates as PKCS #7"
	convertPuTTY  = "convert it with: puttygen FILE -O private-openssh-new -o FILE.key"
	convertPublic = "it holds no certificate and no private key; to convert it into PEM: ssh-keygen -e -m PKCS8 -f FILE"
	convertPVK    = "convert it with: openssl rsa -inform PVK -in FILE -out FILE.key"
	convertJWK    = "have the program that made it write PEM or PKCS #8"
	// Build tools do that as well, such as the resource filtering of Maven and Gradle.
	convertMangled = "take the original again and copy it in binary; in a build, exclude it from the filtering of resources"
	convertNSS     = "export its entries with: pk12util -o FILE.p12 -d FOLDER -n NICKNAME, and certutil -L -d FOLDER -n NICKNAME -a"
)

// foreignFormats are recognised by their first bytes. The stores of Bouncy Castle begin with a version and the length of a salt, 20; UBER
// is
// always of version 1, and BKS of version 2 since 2012.
var foreignFormats = []struct {
	head   string
	format ForeignFormat
}{
	{"\x00\x00\x00\x02\x00\x00\x00\x14", ForeignFormat{Name: "key store of Bouncy Castle (BKS)", Convert: convertJava}},
	{"\x00\x00\x00\x01\x00\x00\x00\x14", ForeignFormat{Name: "key store of Bouncy Castle (UBER or BKS)", Convert: convertJava}},
	{"\x03\xd9\xa2\x9a", ForeignFormat{Name: "KeePass password database", Convert: "it holds passwords, not certificates"}},
	{"\x00\x00\x00\x00CERT", ForeignFormat{Name: "certificate store of Windows (SST)", Convert: convertSST}},
	{"---- BEGIN SSH2 PUBLIC KEY ----", ForeignFormat{Name: "public key of SSH (RFC 4716)", Convert: convertPublic}},
	{"PuTTY-User-Key-File-", ForeignFormat{Name: "PuTTY private key", Convert: convertPuTTY}},
	{"\x1e\xf1\xb5\xb0", ForeignFormat{Name: "private key of Microsoft (PVK)", Convert: convertPVK}},
	{"SQLite format 3\x00", ForeignFormat{Name: "SQLite database, such as cert9.db or key4.db of NSS", Convert: convertNSS}},
	{"\x00\x06\x15\x61", ForeignFormat{Name: "Berkeley DB, such as cert8.db of NSS", Convert: convertNSS}},
}

// looseFormats are recognised by the bytes at an offset, if no driver takes the file.
var looseFormats = []struct {
	offset        int
	magic         string
	name, convert string
}{
	{0, "\x1f\x8b", "compressed file (gzip)", "unpack it first with: gunzip, or tar -xzf if it is an archive"},
	{0, "BZh", "compressed file (bzip2)", "unpack it first with: bunzip2, or tar -xjf if it is an archive"},
	{0, "\xfd7zXZ\x00", "compressed file (xz)", "unpack it first with: unxz, or tar -xJf if it is an archive"},
	{0, "\x28\xb5\x2f\xfd", "compressed file (Zstandard)", "unpack it first with: unzstd"},
	{0, "7z\xbc\xaf\x27\x1c", "7-Zip archive", "unpack it first with: 7z x"},
	{0, "PK\x03\x04", "ZIP archive", "unpack it first with: unzip"},
	{257, "ustar", "tar archive", "unpack it first with: tar -xf"},
}

// pbes2 is the OBJECT IDENTIFIER 1.2.840.113549.1.5.13 in DER.
const pbes2 = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d"

// FindForeign recognises a key database that certkdb does not read by its first bytes; nil if it is not one of them.
func FindForeign(head []byte) *ForeignFormat {
	for _, f := range foreignFormats {
		if bytes.HasPrefix(head, []byte(f.head)) {
			return &f.format
		}
	}
	switch {
	case isBCFKS(head):
		return &ForeignFormat{Name: "key store of Bouncy Castle (BCFKS)", Convert: convertJava}
	case isSecret(head):
		return &ForeignFormat{Name: "Kubernetes Secret, whose values are in base64", Convert: convertSecret}
	}
	return nil
}

// mangled are beginnings of binary files that were converted as if they were text: DER and Java key stores, whose bytes outside of ASCII
// were replaced, or taken for Latin-1 or Windows-1252.
var mangled = []string{
	"0\ufffd", "0\u0082", "0\u201a", "\ufffd\ufffd\ufffd\ufffd\u0000",
	"\u00fe\u00ed\u00fe\u00ed", "\u00ce\u00ce\u00ce\u00ce",
}

// isMangled recognises them, also in UTF-16, as the redirection of PowerShell writes it.
func isMangled(head []byte) bool {
	if bytes.HasPrefix(head, []byte("\xff\xfe")) {
		head = head[:min(len(head), 32)]
		var units []uint16
		for ; len(head) > 1; head = head[2:] {
			units = append(units, uint16(head[0])|uint16(head[1])<<8)
		}
		head = []byte(string(utf16.Decode(units)))
	}
	head = bytes.TrimPrefix(head, []byte("\ufeff"))
	return slices.ContainsFunc(mangled, func(s string) bool { return bytes.HasPrefix(head, []byte(s)) })
}

const convertURL = `decode it first with: python3 -c 'import sys, urllib.parse as u; print(u.unquote(sys.stdin.read()))' < FILE`

// findEncoded recognises text that is one of the known files in an encoding that certkdb does not read; nil if it is something else.
func findEncoded(head []byte) *ForeignFormat {
	switch {
	case bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n\"'"), []byte("-----BEGIN%20")): // what proxies put into headers
		return &ForeignFormat{Name: "PEM file in URL encoding", Convert: convertURL, Loose: true}
	case isHex(head):
		return &ForeignFormat{Name: "file in hexadecimal", Convert: "decode it first with: xxd -r -p FILE", Loose: true}
	case isBase64URL(head):
		return &ForeignFormat{Name: "file in base64url", Convert: "decode it first with: basenc --base64url -d FILE", Loose: true}
	}
	return nil
}

// NameFile says what a file is in which nothing was found, by its first bytes; nil if that cannot be told.
func NameFile(head []byte) *ForeignFormat {
	if other := cmp.Or(FindForeign(head), findEncoded(head)); other != nil {
		return other
	}
	return findLoose(head)
}

// findLoose says what a file is that no driver takes, by its first bytes; nil if that cannot be told.
func findLoose(head []byte) *ForeignFormat {
	if isMangled(head) {
		return &ForeignFormat{Name: "binary file that was converted as if it were text", Convert: convertMangled, Loose: true}
	}
	for _, f := range looseFormats {
		if len(head) > f.offset && bytes.HasPrefix(head[f.offset:], []byte(f.magic)) {
			return &ForeignFormat{Name: f.name, Convert: f.convert, Loose: true}
		}
	}
	if !isText(head) {
		return nil
	}
	text := &ForeignFormat{
		Name: "text file, not a key store", Convert: "name a key store, or a file with PEM blocks (-----BEGIN …)", Loose: true,
	}
	lower := bytes.ToLower(bytes.TrimSpace(head[:min(len(head), 256)]))
	switch {
	case bytes.HasPrefix(lower, []byte("<!doctype html")), bytes.HasPrefix(lower, []byte("<html")):
		text.Name, text.Convert = "web page (HTML)", "download the file itself: a server may have answered with an error page"
	case isSSHPublicKey(lower):
		text.Name, text.Convert = "public key of OpenSSH", convertPublic
	case bytes.HasPrefix(lower, []byte("{")) && bytes.Contains(head, []byte(`"kty"`)):
		text.Name, text.Convert = "JSON Web Key (RFC 7517)", convertJWK
	}
	return text
}

// isText says that the bytes are UTF-8 without control characters. The end of a whole head may cut a character.
func isText(head []byte) bool {
	whole := len(head) < HeadSize
	for len(head) > 0 {
		r, size := utf8.DecodeRune(head)
		if r == utf8.RuneError && size == 1 {
			return !whole && len(head) < utf8.UTFMax
		}
		if r < ' ' && (r < '\t' || r > '\r') || r == 0x7f {
			return false
		}
		head = head[size:]
	}
	return true
}

// holdsFile says that the bytes begin like DER, a JKS file or PEM.
func holdsFile(data []byte) bool {
	return slices.ContainsFunc([]string{"\x30", "\xfe\xed\xfe\xed", "-----BEGIN "}, func(s string) bool {
		return bytes.HasPrefix(data, []byte(s))
	})
}

// isSSHPublicKey recognises a line of authorized_keys or of a file .pub, such as "ssh-ed25519 AAAA…".
func isSSHPublicKey(lower []byte) bool {
	kind, rest, _ := bytes.Cut(lower, []byte(" "))
	return bytes.HasPrefix(rest, []byte("aaaa")) && slices.ContainsFunc([]string{"ssh-", "ecdsa-sha2-", "sk-"}, func(s string) bool {
		return bytes.HasPrefix(kind, []byte(s))
	})
}

// isHex recognises digits with or without colons and spaces between them.
func isHex(text []byte) bool {
	digits := bytes.ReplaceAll(bytes.Join(bytes.Fields(text), nil), []byte(":"), nil)
	data, err := hex.AppendDecode(nil, digits[:len(digits)&^1])
	return err == nil && holdsFile(data)
}

// isBase64URL recognises the alphabet of RFC 4648, section 5, by what base64 does not have.
func isBase64URL(text []byte) bool {
	if !bytes.ContainsAny(text, "-_") {
		return false
	}
	digits := bytes.TrimRight(bytes.Join(bytes.Fields(text), nil), "=")
	data, err := base64.RawURLEncoding.AppendDecode(nil, digits[:len(digits)&^3])
	return err == nil && holdsFile(data)
}

// isSecret recognises a manifest in JSON or YAML. PEM blocks in it (stringData) can be read.
func isSecret(head []byte) bool {
	return isText(head) && bytes.Contains(head, []byte("apiVersion")) && bytes.Contains(head, []byte("Secret")) &&
		bytes.Contains(head, []byte("data")) && !bytes.Contains(head, []byte("-----BEGIN "))
}

// foreignFolder recognises a folder that is a key database as a whole; nil if it is not one.
func foreignFolder(path string) *ForeignFormat {
	for _, name := range []string{"cert9.db", "cert8.db"} {
		if _, err := os.Stat(filepath.Join(path, name)); err == nil {
			return &ForeignFormat{Name: "database of NSS (a folder with " + name + ")", Convert: convertNSS}
		}
	}
	return nil
}

// isBCFKS recognises SEQUENCE { SEQUENCE { SEQUENCE { PBES2 …: an encrypted object store, followed by its integrity check. A private key
// (PKCS #8) has one SEQUENCE less.
func isBCFKS(head []byte) bool {
	for range 3 {
		if len(head) < 2 || head[0] != 0x30 {
			return false
		}
		size := 2
		if head[1] > 0x80 {
			size += int(head[1] & 0x7f)
		}
		head = head[min(size, len(head)):]
	}
	return bytes.HasPrefix(head, []byte(pbes2))
}
