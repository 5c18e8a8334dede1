package op

// Code says what a [Problem] is, for front ends that know what to do about it.
type Code int

// The codes of problems.
const (
	// NoDatabase: there is no database at the location.
	NoDatabase Code = iota + 1
	// NoDefaultDatabase: no database is named, and there is no folder for the default one.
	NoDefaultDatabase
	// NoKeyPassword: the database keeps nothing but private keys encrypted, and has no password for them.
	NoKeyPassword
	// EmptyPassword: the new password is empty; only a PKCS #12 file can do without one.
	EmptyPassword
	// NoPassword: a password is needed, and there is no terminal to ask on. Found is the Field that takes it.
	NoPassword
	// PasswordsDiffer: a new password was typed twice, differently.
	PasswordsDiffer
	// NoCredentials: there is no folder of credentials.
	NoCredentials
	// ExposedPassword: other users can read or change the password file Location.
	ExposedPassword
	// FIPSOff: only what FIPS 140-3 approves is wanted, and its module is not in use. NotFIPS: something is not approved.
	FIPSOff
	NotFIPS
	// UntrustedServer: the certificate of a server is not from a CA that is trusted.
	UntrustedServer
	// FileExists: an output file exists. SecretExists: one that is never replaced cannot be made.
	FileExists
	SecretExists
	// NoFolder: the folder Location, in which files or links are to be made, does not exist.
	NoFolder
	// CopyHasStash: a copy of a database is not replaced, because its stash would open it no longer.
	CopyHasStash
	// OverDatabase: an output file is a database that is in use, or belongs to it.
	OverDatabase
	// DamagedEntry: an entry cannot be read any more.
	DamagedEntry
	// SeveralEntries: one label is given for several entries.
	SeveralEntries
	// KeyWithoutCertificate: a private key comes without its certificate, and the database keeps it only with one.
	KeyWithoutCertificate
	// LoneKey: an input has a private key, and nothing that belongs to it is there or in the database.
	LoneKey
	// BadInputLabel: an entry of an input has a label that a new entry must not have.
	BadInputLabel
	// KeysOneByOne: private keys are exported by name, not all of them.
	KeysOneByOne
	// CAKey: the private key of the CA Label would leave the database.
	CAKey
	// NotTrusted: the certificate Label is not trusted, and cannot be kept where every certificate is.
	NotTrusted
	// KeyAlone: a private key is written without a chain.
	KeyAlone
	// NoKeyFormat: a format does not take private keys out of a database.
	NoKeyFormat
	// TraditionalIsPlain: a traditional form of a private key is never encrypted.
	TraditionalIsPlain
	// SecretIsPlain: a secret key in a file of its own is never encrypted.
	SecretIsPlain
	// OnlyOnePiece: DER holds one piece, and there are several.
	OnlyOnePiece
	// ReadOnlyKind: a kind of database can only be read.
	ReadOnlyKind
	// LostPassword: a generated password would not be saved anywhere.
	LostPassword
	// LastSlot: no other key slot can be used.
	LastSlot
	// OnlyStash: nothing but the stash opens the database.
	OnlyStash
	// NoSlot: there is no key slot of that number.
	NoSlot
	// SlotsDropped: a slot cannot be carried over. StashLost: those of a stash that is not there.
	SlotsDropped
	StashLost
	// Damaged: a check found damage. Unreadable: not even a check is possible.
	Damaged
	Unreadable
	// NoEntries: the file Location holds something that a database has no entries for.
	NoEntries
	// BytesForTerminal: a result that is not text would go to a terminal.
	BytesForTerminal
	// Unverified: a file was read without the password that verifies it.
	Unverified
	// Wrecked: the beginning of a native database is damaged. Location is the file.
	Wrecked
	// Incomplete: not everything of a damaged database could be copied. Location is the new one.
	Incomplete
	// LeftOut: what is damaged was not copied.
	LeftOut
	// PassesInvalid and PassesUnsupported: Add.SkipInvalid, or Copy.SkipUnsupported, would leave out the same entries without an error.
	PassesInvalid
	PassesUnsupported
	// ReadAsAWhole: a damaged file is of a kind of which nothing can be left out.
	ReadAsAWhole
	// ClosedKeys: some keys could not be checked, because they have passwords of their own.
	ClosedKeys
	// WrongKeys: private keys do not belong to their certificates.
	WrongKeys
	// ClosedFile: private keys in a file are encrypted, and no password is given.
	ClosedFile
	// TooLong: a file is too long to be shown.
	TooLong
	// NoResponder: a certificate names no OCSP responder.
	NoResponder
	// NothingTrusted: nothing is left that is trusted.
	NothingTrusted
	// EmptyTrustList: an input that is to be the list of what is trusted trusts nothing.
	EmptyTrustList
	// NoProfileChosen: a profile file says nothing by default, and no profile of it was named. Found lists their names.
	NoProfileChosen
	// ProfileIsRemote: a CA of the database is named, and the profile leaves signing to a remote one.
	ProfileIsRemote
	// NotACA: an entry cannot be used as a CA.
	NotACA
	// CARevoked: the CA may not issue any more.
	CARevoked
	// RequestWaits: an entry is a request whose certificate has not come yet.
	RequestWaits
	// NoIssuerKey: the private key of the issuer is not in the database.
	NoIssuerKey
	// StoreAsFile: the key store Location is named in place of a file of certificates.
	StoreAsFile
	// NotARequest: a file that should hold a certificate request holds none.
	NotARequest
	// NoMatchingKey: no private key of the database belongs to a certificate.
	NoMatchingKey
	// NotIssued: the CA Label has issued nothing under the serial number Found.
	NotIssued
	// CompromisedKey: the key of the entry Label was compromised, as its revoked certificate says, and would be certified again.
	CompromisedKey
	// SerialTwice: the CA Label issued two certificates under the serial number Found.
	SerialTwice
	// SignedByOther: the CA Found, not the one that was named, signed a certificate.
	SignedByOther
	// OlderGeneration: the entry Label has the old key of a CA, or a cross certificate of it, from an earlier rollover.
	OlderGeneration
	// WeakKey: the private key of the entry Label is too weak to be certified again.
	WeakKey
	// NewerList: there is a revocation list of the CA that is newer than what its database knows. Location is its file, Label the CA.
	NewerList
	// NeedsFolder: several files are to be written.
	NeedsFolder
	// IssuedNotWritten: a certificate of the CA Label with the serial number Found is recorded and could not be written.
	IssuedNotWritten
	// NotDeployed: the database does not remember where an entry is deployed.
	NotDeployed
	// NoTrustStore: the key store Location, in which certificates are to be installed, does not exist.
	NoTrustStore
	// NoJava: it is not known where Java is installed.
	NoJava
	// NoNSS: the folder Location has no database of NSS.
	NoNSS
	// NoCertutil: certutil, the program of NSS, is not installed.
	NoCertutil
	// SystemTrust: this user may not change whom the whole system trusts. Location is the database with the certificates.
	SystemTrust
	// NotRemembered: the source of a password is of no use to another run of the program.
	NotRemembered
	// NotValid: a certificate is not valid. Found is the remedy.
	NotValid
)
