package kdb

import "bytes"

// ForeignFormat is the error for a key database in a format that certkdb does not read. It wraps [ErrVersion].
type ForeignFormat struct {
	Name    string // "key store of Bouncy Castle (BCFKS)"
	Convert string // how to turn it into a format that certkdb reads
}

func (f *ForeignFormat) Error() string { return "the format is not supported: it is a " + f.Name }

func (f *ForeignFormat) Unwrap() error { return ErrVersion }

// How to convert the formats.
const (
	convertJava = "convert it with: keytool -importkeystore -deststoretype PKCS12, with Bouncy Castle as -providerclass and -providerpath"
	convertNSS  = "export its entries with: pk12util -o FILE.p12 -d FOLDER -n NICKNAME, and certutil -L -d FOLDER -n NICKNAME -a"
)

// foreignFormats are recognised by their first bytes. The stores of Bouncy Castle begin with a version and the length of a salt, 20; UBER
// is
// always of version 1, and BKS of version 2 since 2012.
var foreignFormats = []struct {
	head   string
	format ForeignFormat
}{
	{"\x00\x00\x00\x02\x00\x00\x00\x14", ForeignFormat{"key store of Bouncy Castle (BKS)", convertJava}},
	{"\x00\x00\x00\x01\x00\x00\x00\x14", ForeignFormat{"key store of Bouncy Castle (UBER or BKS)", convertJava}},
	{"\x03\xd9\xa2\x9a", ForeignFormat{"KeePass password database", "it holds passwords, not certificates"}},
	{"SQLite format 3\x00", ForeignFormat{"SQLite database, such as cert9.db or key4.db of NSS", convertNSS}},
	{"\x00\x06\x15\x61", ForeignFormat{"Berkeley DB, such as cert8.db of NSS", convertNSS}},
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
	if isBCFKS(head) {
		return &ForeignFormat{"key store of Bouncy Castle (BCFKS)", convertJava}
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
