package keyfile

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
	"certkdb/pki/pbe"
)

// Codec turns the bytes of one foreign format into a [Container] and back. A codec does no file I/O and asks for nothing:
// [Database] locks, reads, writes and keeps the files.
type Codec struct {
	// Name, Aliases, Extensions, Pieces and Matches are as in kdb.Driver.
	Name       string
	Aliases    []string
	Extensions []string
	Pieces     bool
	Matches    func(head []byte) bool
	// Profiles, Unprotected and Unwrap are as in kdb.Driver.
	Profiles    []string
	Unprotected func(profile string) bool
	Unwrap      func(text []byte, whole bool) []byte
	// Companions are the endings of further files that belong to the database, without which it is incomplete
	// (".rdb" and ".crl" next to a CMS ".kdb"); most formats have none. A companion that is missing is nil. They change with the
	// main file in one step, in the eyes of this program. Others see the main file change first, then the companions in this order.
	Companions []string
	// Stash reads a password out of the format's own stash file (CMS: ".sth"), nil if the format has none.
	Stash *StashCodec
	// Fold is the form in which the format's readers compare labels, and in which Put and Rename write new ones (strings.ToLower); nil if
	// they tell all labels apart.
	Fold func(label string) string
	// Decode reads files. It wraps kdb.ErrParse, kdb.ErrPassword, kdb.ErrCorrupt, kdb.ErrVersion or kdb.ErrUnsupported, naming offset,
	// structure and algorithm (OID and name).
	Decode func(files Files, passwords Passwords) (Container, error)
	// Describe tells, without a password and without failing, what the container's Version and Facts would tell, as far as it is there to
	// be seen. It may be nil if Decode needs no password, or nothing shows without one.
	Describe func(files Files) (version string, facts []kdb.Fact)
	// New makes an empty container to be written in the named profile ("" is the default); nil if the format is only read.
	New func(profile string) (Container, error)
	// Disk is for tests; nil is the disk of this machine.
	Disk atomicfile.FS
}

// StashCodec reads and writes a stash file of a foreign format.
type StashCodec struct {
	Extension string // replaces the database's extension
	// Shared are the extensions of databases whose stash has the same name, so that a stash may belong to another of them.
	Shared []string
	Decode func(data []byte) ([]byte, error)
	Encode func(password []byte) ([]byte, error)
	// EncodeOld is for readers that do not know what Encode writes; nil if there is no older form.
	EncodeOld func(password []byte) ([]byte, error)
}

// Files are the bytes of a database: Main is the file that was named, Companions the others by their ending.
type Files struct {
	Main       []byte
	Companions map[string][]byte
}

// Passwords give a codec what opens a file.
type Passwords struct {
	// Database returns the password of the file. It is called at most once, when the format turns out to need it: a format that can be
	// read without a password, but not written, calls it too. An error of it (kdb.ErrNoPassword) is returned as it is. An
	// absent password is nil, an empty one is empty and not nil. The bytes are the caller's: a container that needs them later copies
	// them. A container of a format that encrypts nothing but private keys may keep this function instead, and call it when a key is to
	// be opened, as often as it likes.
	Database func() ([]byte, error)
	// Keys are tried for private keys that do not open with the database's password.
	Keys [][]byte
}

// Container is the decoded content of one file. What the codec does not understand stays in it and is written again;
// what was not touched is written as it was wherever the format allows. It is used by one goroutine.
type Container interface {
	// Version names the version of the format.
	Version() string
	// Entries returns the entries in the file's order, without keys. Labels are unique and pass kdb.CheckLabel, see
	// document.Label and document.Document.Add; writing does not make such labels part of untouched entries.
	Entries() []kdb.Entry
	// Entry returns one of them, as it will be in the file: with the label, the certificates and the marks that the format keeps.
	Entry(label string) (kdb.Entry, error)
	// Key returns the private key (PKCS #8) or secret key of a label, opening it now if it was not yet.
	// Errors: kdb.ErrNotFound, kdb.ErrPassword (the key has a password of its own), kdb.ErrParse.
	Key(label string) ([]byte, error)
	// KeyProtection is that of kdb.KeyProtector.
	KeyProtection(label string) (string, error)
	// Put adds or replaces an entry with its key, and with those of its marks that the format keeps. The entry passes kdb.Entry.Check or
	// is a private key alone, and its certificates and its request can be read. kdb.ErrUnsupported if the format cannot hold it.
	Put(kdb.Entry) error
	// Update changes the certificates and marks of an entry, which comes without its key: that stays as it is. A request becomes a
	// personal entry with its certificate. kdb.ErrUnsupported if the format cannot hold that, or does not know a mark.
	Update(kdb.Entry) error
	// Rename gives an entry another label, which kdb.CheckLabel accepts and no other entry has; it opens no key. An error wraps
	// kdb.ErrNotFound or kdb.ErrUnsupported.
	Rename(from, to string) error
	// Delete removes an entry.
	Delete(label string) error
	// Encode writes the container under a password, which may differ from the one it was read with; that of a [Sealer] is for new private
	// keys alone. A nil password is an absent one: the error wraps kdb.ErrNoPassword if the format, or the profile of this file, needs one,
	// [ErrUnprotected] if the file has had none. Companions that are nil are removed, or not made.
	Encode(password []byte) (Files, error)
	// Facts tells people how the file is protected: algorithms, iteration counts, and what of it is weak.
	Facts() []kdb.Fact
	// Check verifies what Decode did not (keys match certificates, checksums of records) and reports findings.
	Check(report func(kdb.Problem))
}

// ErrUnprotected says that a file without a password needs one: any will do, so a new one is asked for.
var ErrUnprotected = fmt.Errorf("%w: the file has none yet", kdb.ErrNoPassword)

// Unsealed is a Container of a format that verifies its files by their password, unless a file lacks what that takes.
type Unsealed interface {
	// Unsealed says that the file has secrets, and nothing that shows whether it was changed.
	Unsealed() bool
}

// Shortener is a Container of a format whose names of entries may be longer than a label, and are cut to make one.
type Shortener interface {
	// Shortened yields the labels that were cut, with the bytes of the whole name, which stays in the file.
	Shortened() iter.Seq2[string, int]
}

// Implicit is a Container of a format in which a certificate may be trusted without a mark that others look for.
type Implicit interface {
	// TrustsImplicitly says whether the entry of a label is such a certificate. Update writes the mark.
	TrustsImplicitly(label string) bool
}

// Sealer is a Container of a format that encrypts nothing but private keys, so that it opens without its password.
type Sealer interface {
	// Unlock opens the private keys that open with the database's password. It asks for that only if there is one to open. The error
	// wraps kdb.ErrPassword if none of them opens.
	Unlock() error
	// Reseal makes Encode write every private key that is open under its password, those in clear too. The error wraps
	// kdb.ErrUnsupported if there is nothing that a password would protect.
	Reseal() error
}

// Expirer is a Container of a format that keeps when its password expires; the zero time is never.
type Expirer interface {
	Expires() time.Time
	SetExpires(at time.Time)
}

// Advice is the line of Facts that says how to leave a format that protects little.
func Advice() kdb.Fact {
	return kdb.Fact{Name: "advice", Value: "copy the entries into a native database"}
}

// What a Container says of keys that no algorithm encrypts.
const (
	NotEncrypted  = "not encrypted"
	EncryptsLater = "encrypted when the file is written" // it was put since
)

// Protection tells how an EncryptedPrivateKeyInfo (RFC 5958, 3) encrypts its key, as far as that is known.
func Protection(der []byte) string {
	algorithm, _, err := pbe.SplitPKCS8(der)
	if err != nil {
		return "something unreadable"
	}
	return Encryption(algorithm)
}

// Encryption tells how an AlgorithmIdentifier encrypts a key, as far as that is known.
func Encryption(algorithm []byte) string {
	d, err := pbe.Describe(algorithm)
	if err == nil {
		return d.String()
	}
	if _, what, ok := strings.Cut(err.Error(), pbe.ErrUnsupported.Error()+": "); ok {
		return what + ", which is not supported"
	}
	return err.Error()
}
