// Package kdb is the key database: entries (certificates, private keys, requests, secret keys) under labels.
//
// A [Database] is a native sealed file (package sealed) or one foreign file such as PKCS #12, JKS or IBM's CMS (package keyfile). They all
// look the same from here, so import, export, conversion and synchronisation are copies from one Database to another.
//
//	driver, err := kdb.Recognise(drivers, "key.ckdb")
//	…
//	db, err := driver.Open(ctx, "key.ckdb", kdb.Options{Password: ask})
//	if err != nil { … }
//	defer db.Close()
//	err = db.View(ctx, func(tx kdb.Tx) error {
//		for summary, err := range tx.Summaries("") { … }
//	})
//
// This package and those below it know no flags, no prompts and no cfssl; of pki they use only the readers
// (cert, key, name, oid, pbe) and issuers.
package kdb

import (
	"context"
	"iter"
	"time"
)

// Database is a set of labelled entries. Its methods may be used by several goroutines.
//
// Nothing is locked between calls: View and Update take the lock for as long as fn runs, so neither may wait for a
// person or the network inside fn.
type Database interface {
	// View calls fn with one consistent state of the database. It never writes, not even a lock file's time.
	View(ctx context.Context, fn func(Tx) error) error
	// Update calls fn and stores what it did, all or nothing, also when the process is killed. operation is what the
	// audit log calls the changes ("add", "delete"). fn may run more than once, so it must not have side effects.
	// An fn that changes nothing leaves the file's bytes and times as they were, and needs neither a lock nor the right to write.
	Update(ctx context.Context, operation string, fn func(Tx) error) error
	// Info tells what the database is without needing its password.
	Info(ctx context.Context) (Info, error)
	// Check verifies everything that can be verified and calls report for each finding. The error says that the check
	// itself could not be done; findings are not errors.
	Check(ctx context.Context, report func(Problem)) error
	// Close ends the use of the database and forgets its keys.
	Close() error
}

// Tx reads and changes entries. It is valid only while the function that got it runs. What it returns are copies.
// An error of a Tx method wraps [ErrNotFound], [ErrCorrupt], [ErrUnsupported], [ErrPassword] or the context's error.
type Tx interface {
	// Summary returns what a listing shows of an entry, without opening its certificates or key.
	Summary(label string) (Summary, error)
	// Summaries yields the summaries of all labels greater than after, in the order of the labels' bytes, as a stream.
	Summaries(after string) iter.Seq2[Summary, error]
	// Labels yields all labels greater than after, in the order of their bytes, as a stream. It opens no entry.
	Labels(after string) iter.Seq2[string, error]
	// Find yields the summaries of the entries that have a trait, in the order of their labels. A native database has an index and reads
	// no other entry.
	Find(Trait) iter.Seq2[Summary, error]
	// Entry returns an entry without its key.
	Entry(label string) (Entry, error)
	// Key opens the private key of an entry (PKCS #8 DER) or the bytes of its secret key.
	// The error wraps ErrNotFound when the entry has none.
	Key(label string) ([]byte, error)
	// Default returns the label of the default entry, "" if there is none.
	Default() (string, error)
	// Put stores an entry with its key under its label, in place of the entry that has the label. The slices become the
	// database's. Marks that the label has stay as [Entry.KeepMarks] says. An error names the label.
	Put(Entry) error
	// Certify gives the private key of a personal entry or a request other certificates: its own, then the chain. A
	// request becomes a personal entry. Marks stay as with Put. The key is not opened, so that the caller has to know
	// that it belongs to the first certificate. The error wraps ErrNotFound when the label has no private key.
	Certify(label string, certificates [][]byte) error
	// Rename gives an entry another label. It opens no key, and needs no key's password; marks stay with the entry.
	// The error wraps ErrNotFound, or ErrExists when another entry has the label.
	Rename(from, to string) error
	// Mark sets or takes marks. The error wraps ErrUnsupported when the entry, or the format, cannot have them.
	Mark(label string, m Marks) error
	// Delete removes an entry.
	Delete(label string) error
	// Audit adds to the audit log something that changes no entry, such as the export of a private key. Where there is
	// no audit log it does nothing.
	Audit(operation, label string) error
}

// DamageRemover is a Tx that can remove entries which it cannot read any more, so that a database without a backup is usable again. The Tx
// of a native database implements it; a damaged foreign file does not open at all.
type DamageRemover interface {
	// DeleteDamaged removes entries whose summaries are damaged or gone, all of them or none. ErrExists: a summary can be read, so that
	// Delete does it; ErrCorrupt: more is damaged than what was named.
	DeleteDamaged(labels ...string) error
}

// Accepter is a Tx of a format that cannot hold every entry.
type Accepter interface {
	// Accepts reports why Put would refuse an entry, without storing it.
	Accepts(Entry) error
}

// Implicit is a Tx of a database in which a certificate may be trusted without the mark that other programs look for.
type Implicit interface {
	// TrustsImplicitly says whether the entry of a label is such a certificate. Marking it as trusted writes the mark.
	TrustsImplicitly(label string) bool
}

// KeyProtector is a Tx that tells how each private key is encrypted where it is stored.
type KeyProtector interface {
	// KeyProtection names the encryption of an entry's key ("PBES2: AES-256-CBC, …") without opening it; "" if the entry has no key.
	// The error wraps ErrNotFound.
	KeyProtection(label string) (string, error)
}

// Folder is a Tx of a format whose readers take labels for one that differ, in case for example.
type Folder interface {
	// Fold returns the form in which labels are compared, and which the label of a new entry gets.
	Fold(label string) string
}

// Native is the format of the native databases, as Info and Driver.Name have it.
const Native = "ckdb"

// Info is what a database says of itself in clear.
type Info struct {
	Location string    // as given
	Format   string    // Native, "pkcs12", "jks", "jceks", "cms", "pem", "der", "pkcs7"
	Version  string    // of the format
	ID       string    // of a native database: 32 hexadecimal digits
	Created  time.Time // zero where the format does not say
	Entries  int       // -1 if the format does not tell without its password
	Size     int64     // bytes of the file, 0 if there is none
	ReadOnly bool      // the format can only be read
	Slots    []SlotInfo
	// Facts are further lines for people: algorithms, iteration counts, what is weak.
	Facts []Fact
}

// SlotInfo describes a key slot of a native database.
type SlotInfo struct {
	ID      int
	Name    string
	Kind    string // "password", "secret", "stash" or "unusable"
	KDF     string // "argon2id (64 MiB, 3 passes, 4 lanes)"
	Created time.Time
	By      string // user@host of who made it
	// Opened says that this slot opened the database, HasStash that the stash file next to the database belongs to this slot.
	Opened, HasStash bool
}

// FactKept names the facts about content that is kept in a file and is no entry. A weak one is about content that is damaged.
const FactKept = "kept, not shown"

// FactForJava is the name of facts, and the place of problems, that matter only to users of Java: it does not see all that is in the file.
const FactForJava = "for Java"

// Fact is one line of [Info]: a name, its value, and whether it is something to worry about.
type Fact struct {
	Name, Value string
	Weak        bool
}

// Options say how to open a database.
type Options struct {
	// Password is called when the database needs its password, once it has proved to be one, and outside of any lock.
	// It may return an error wrapping ErrNoPassword. The caller of Password clears the bytes.
	Password func(ctx context.Context, location string) ([]byte, error)
	// NewPassword is called in place of Password when a file that has no password yet needs one; nil is Password.
	NewPassword func(ctx context.Context, location string) ([]byte, error)
	// KeyPasswords are tried for private keys that do not open with the database's password (JKS, JCEKS, PKCS #12).
	KeyPasswords [][]byte
	// NoStash keeps a stash from being used, so that Password is asked.
	NoStash bool
	// LockTimeout is how long to wait for another writer; 0 fails at once.
	LockTimeout time.Duration
	// MaxKDFMemory is how many MiB of memory the key derivation of a native database may take; 0 is 256. The work of all its slots is bounded
	// in proportion.
	MaxKDFMemory int
	// State is the user's folder for the newest states of native databases (package seen), so that an older one that is put back is noticed.
	// "" notes nothing.
	State string
	// Warn is called with what is wrong without keeping the database from being used: a [RolledBack], or that State cannot be read. Nil
	// drops it.
	Warn func(error)
	// Progress is called as a long work on all entries goes on, with the number of those done and of all; nil if nobody looks.
	Progress func(done, total int)
	// Now is the clock for what is stored; nil is time.Now.
	Now func() time.Time
	// User and Host return what the audit log records; they are called for each of its records. Nil is "".
	User, Host func() string
}

// CreateOptions say how to create a database.
type CreateOptions struct {
	Options
	// Cost is the work of a password slot's key derivation; the zero value is the production cost.
	Cost Cost
	// StashOnly makes a stash, which alone opens the database: it gets no password. See Driver.StashOnly.
	StashOnly bool
	// Stash makes the stash file of a foreign format together with the database: either both are there or neither. OldStash makes it in an
	// older form, for programs that read nothing else. The error wraps ErrUnsupported if the format has none.
	Stash, OldStash bool
	// Profile chooses among the ways that a foreign format can be written ("legacy", "gskit", "2023", "2026", "passwordless"
	// for PKCS #12); "" is the format's default.
	Profile string
}

// Cost is how expensive a new password slot is made.
type Cost uint8

// The costs of a password slot.
const (
	CostProduction Cost = iota // RFC 9106, second recommended option; PBKDF2 with 600 000 rounds under FIPS
	CostTest                   // the least that is accepted: for tests alone
	CostRandom                 // of a password of 256 random bits, which nobody can guess: nothing is spent on it
)
