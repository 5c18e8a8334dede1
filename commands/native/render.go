package native

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"certkdb/commands/lintprogram"
	"certkdb/commands/op"
	"certkdb/commands/op/issuing"
	"certkdb/kdb"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store"
	"certkdb/pki/spelling"
)

// render puts an error into the words of this command line: its text on one line, and what to do about it, "" if there is nothing
// to say.
func render(err error) (message, hint string) {
	if errors.Is(err, context.Canceled) {
		return op.Interruption(err), ""
	}
	message = err.Error()
	if e, ok := errors.AsType[op.Worded](err); ok {
		name := flagName
		if _, missing := e.(*op.Missing); missing {
			name = flagWithValue
		}
		message = strings.Replace(message, e.Error(), e.Text(name), 1)
	}
	return strings.ReplaceAll(message, "\n", "; "), hintFor(err)
}

// flagName is what a parameter of an operation is called here.
func flagName(f op.Field) string {
	switch f {
	case op.FieldLabels:
		return "LABEL"
	case op.FieldFiles:
		return "FILE"
	case op.FieldTargets:
		return "HOST:PORT"
	case op.FieldSubject:
		return "the subject"
	}
	return "--" + string(f)
}

// flagWithValue shows what kind of value an option takes.
func flagWithValue(f op.Field) string {
	values := map[op.Field]string{
		op.FieldCA: "LABEL", op.FieldCARemote: "URL", op.FieldTo: "FILE", op.FieldOut: "FILE", op.FieldFile: "FILE", op.FieldSerial: "NUMBER",
	}
	return strings.TrimSpace(flagName(f) + " " + values[f])
}

// hintFor is what to do about an error: what came with it, or what fits its type, or its class.
func hintFor(err error) string {
	var own hinted
	if errors.As(err, &own) {
		return own.hint
	}
	if foreign, ok := errors.AsType[*kdb.ForeignFormat](err); ok {
		return foreign.Convert
	}
	if p, ok := errors.AsType[*op.Problem](err); ok {
		if hint := problemHint(p); hint != "" {
			return hint
		}
	}
	if e, ok := errors.AsType[*op.Invalid](err); ok && (e.Wanted != "" || e.Field == op.FieldCommonName) {
		return wantedHint(e)
	}
	if _, ok := errors.AsType[*issuing.RemoteDecides](err); ok {
		return "leave it out, or choose one of the server's profiles with --ca-remote-profile NAME"
	}
	if e, ok := errors.AsType[*op.Exists](err); ok {
		return existsHint(e)
	}
	if e, ok := errors.AsType[*kdb.RolledBack](err); ok {
		return "find out who put the older copy back, and restore the newest one with: certkdb restore FILE; if you did it on purpose, " +
			"accept it with: certkdb check --db " + op.Quote(e.Location) + " --accept-rollback"
	}
	if e, ok := errors.AsType[*kdb.WouldLose](err); ok {
		return lossHint(e)
	}
	if e, ok := errors.AsType[*op.NotFound](err); ok && e.Where == "" {
		if e.Near != "" {
			return didYouMean(e.Near) + " See all labels with: certkdb list"
		}
		if e.Issuer != "" {
			return fmt.Sprintf("see what the CA issued with: certkdb issued --ca %[1]s; then: certkdb revoke --ca %[1]s --serial SERIAL",
				op.Quote(e.Issuer))
		}
		return "see the labels with: certkdb list"
	}
	if e, ok := errors.AsType[*op.WrongKind](err); ok && e.Untrusted {
		return trustRemedy(e.Label)
	}
	if e, ok := errors.AsType[*op.WrongKind](err); ok && e.Wanted == kdb.KindPersonal {
		return "see the personal ones with: certkdb list --kind personal"
	}
	if e, ok := errors.AsType[*op.Unsupported](err); ok {
		return featureHint(e)
	}
	if e, ok := errors.AsType[*kdb.Limit](err); ok {
		return wayHint(e.Way)
	}
	if _, ok := errors.AsType[*kdb.WrongKey](err); ok {
		return wrongKeyHint
	}
	return classHint(err)
}

const wrongKeyHint = "get the certificate together with its own key from where they were made; " +
	"see which keys are in a file with: certkdb show --file FILE"

// wantedHint says what a value could be, the most similar first.
func wantedHint(e *op.Invalid) string {
	if e.Field == op.FieldCommonName {
		return "give a whole name with --dn"
	}
	words := strings.FieldsFunc(e.Wanted, func(r rune) bool { return r == ' ' || r == ',' || r == ';' || r == ':' })
	if text, ok := e.Value.(string); ok && len(words) > 3 {
		if near := spelling.Nearest(words, text); near != "" {
			return didYouMean(near) + " Or " + e.Wanted
		}
	}
	return e.Wanted
}

func existsHint(e *op.Exists) string {
	if e.InUse {
		return "ask for its next certificate with: certkdb request --renew " + op.Quote(e.Label) + "; or choose another label"
	}
	if e.Twin {
		return "rename one of them first with: certkdb rename LABEL NEW; or have copy number the label with --existing rename"
	}
	if e.Ensure {
		return "replace it with a new one with --replace, or choose another label"
	}
	return "replace it with --replace, or choose another label"
}

func featureHint(e *op.Unsupported) string {
	switch e.Feature {
	case op.FeatureRecords:
		return "keep the CA in a native database: certkdb copy --all --key --to CA.ckdb"
	case op.FeatureStash:
		return "give its password with --password file:PATH, or copy it into a native database with: certkdb copy --all --key --to NEW.ckdb"
	case op.FeatureRecovery:
		return "put a backup in its place: only native databases can be recovered"
	case op.FeatureRestoring:
		return "only backups of native databases are restored; others are copied by cp"
	case op.FeaturePassword:
		return ""
	}
	return "copy it into a native database with: certkdb copy --all --key --to NEW.ckdb"
}

// writeRemedy is how certificates get into a file that cannot be a database with them.
const writeRemedy = "write the certificates to a file with: certkdb export LABEL --chain --out FILE.p7b"

// wayHint says how something can be had that a kind of database cannot do.
func wayHint(way kdb.Way) string {
	switch way {
	case kdb.WayCopy:
		return "copy the entries with: certkdb copy --all --to NEW.pem"
	case kdb.WayAdd:
		return "add what is in the file to another database with: certkdb add FILE"
	case kdb.WayWrite:
		return writeRemedy
	case kdb.WayLabels:
		return writeRemedy + "; or copy the entries with: certkdb copy --all --to NEW.pem"
	}
	return ""
}

// problemHint says what to do about a problem.
func problemHint(p *op.Problem) string {
	switch p.Code {
	case op.NoDatabase:
		return createHint(p.Location)
	case op.NoFolder:
		return "make the folder first: mkdir -p " + op.Quote(p.Location)
	case op.NoTrustStore:
		return "name one that exists, or make it with: certkdb copy --trusted --to " + op.Quote(p.Location)
	case op.NoNSS:
		return fmt.Sprintf("make a database there first: mkdir -p %[1]s && certutil -N -d %[2]s --empty-password", op.Quote(p.Location),
			op.Quote("sql:"+p.Location))
	case op.SystemTrust:
		return "run it as root, and name the database: sudo certkdb export --db " + op.Quote(p.Location) + " …"
	case op.NoKeyPassword:
		return "it keeps private keys encrypted; certkdb export --key writes unencrypted ones; " + hintFor(p.Err)
	case op.NoPassword:
		return passwordHint(op.Field(p.Found))
	case op.Damaged:
		if p.Found == kdb.Native {
			return recoverHint(p.Location)
		}
		return "put a backup copy of the file in its place"
	case op.Unreadable:
		if native, ok := errors.AsType[*store.Error](p.Err); ok {
			return recoverHint(native.Location)
		}
		return "put a backup copy of the file in its place: the damage is too severe to check anything"
	case op.Wrecked:
		return recoverHint(p.Location)
	case op.StoreAsFile:
		return fmt.Sprintf("name an entry of it: validate and lint take LABEL --db %[1]s; or export its certificate: "+
			"certkdb export LABEL --db %[1]s --out FILE", op.Quote(p.Location))
	case op.Incomplete:
		return "copy what is missing from a backup: certkdb copy LABEL --db BACKUP --to " + op.Quote(p.Location)
	case op.NotIssued:
		return "see the serial numbers with: certkdb issued --ca " + op.Quote(p.Label) +
			"; name a certificate that is not listed with --file FILE"
	case op.CompromisedKey:
		return fmt.Sprintf("make a new key: certkdb renew %s; for a CA: certkdb renew %[1]s --new-key", op.Quote(p.Label))
	case op.SerialTwice:
		return fmt.Sprintf("a list names numbers alone, so that the two are revoked together: certkdb revoke --serial %s --ca %s", p.Found,
			op.Quote(p.Label))
	case op.SignedByOther:
		return "name that CA: --ca " + op.Quote(p.Found)
	case op.IssuedNotWritten:
		return fmt.Sprintf("it was issued and recorded; get it with: certkdb issued --ca %s --serial %s -o pem", op.Quote(p.Label), p.Found)
	case op.OlderGeneration:
		return fmt.Sprintf("it is from an earlier rollover: keep it under another label with: certkdb rename %[1]s LABEL; or, if nothing "+
			"that it issued is in use, delete it with: certkdb delete %[1]s", op.Quote(p.Label))
	case op.WeakKey:
		return "make a new key: certkdb renew " + op.Quote(p.Label) + " --key-type rsa2048"
	case op.NewerList:
		return fmt.Sprintf("take over what it revokes and its number: certkdb crl --ca %s --after %s --out FILE", op.Quote(p.Label),
			op.Quote(p.Location))
	case op.NoEntries:
		return "see what is in it with: certkdb show --file " + op.Quote(p.Location)
	case op.ExposedPassword:
		return "chmod 600 " + op.Quote(p.Location)
	case op.NoProfileChosen:
		return "choose a profile of the file with --profile: " + p.Found
	case op.PassesInvalid, op.PassesUnsupported:
		return skipHint(p)
	case op.NotTrusted:
		text := trustRemedy(p.Label) + "; or copy it into a native, PKCS #12 or CMS database"
		if limit, ok := errors.AsType[*kdb.Limit](p.Err); ok && limit.Way == kdb.WayWrite {
			text = fmt.Sprintf("write the certificate to a file with: certkdb export %s --chain --out FILE.p7b", op.Quote(p.Label))
		}
		return text
	case op.NotValid:
		if p.Label != "" {
			return trustRemedy(p.Label)
		}
		return p.Found
	}
	return problemHints()[p.Code]
}

// skipHint is how to go on without what cannot be read or stored.
func skipHint(p *op.Problem) string {
	skip := problemHints()[p.Code]
	if errors.Is(p.Err, kdb.ErrEncryption) {
		skip, _, _ = strings.Cut(skip, ";") // a native database does not have the cipher either
		return skip + "; or " + convertHint
	}
	return skip
}

// isForeign says that a file has an extension, and not that of native databases, which alone have backups.
func isForeign(location string) bool {
	extension := filepath.Ext(location)
	return extension != "" && extension != ".ckdb"
}

// createHint says how to make a database that is not there. Those of other programs are mostly made to take something over.
func createHint(location string) string {
	text := "create it with: certkdb init --db " + op.Quote(location)
	if isForeign(location) {
		text += "; or create it with what is in a file: certkdb copy --all --db FILE --to " + op.Quote(location)
	}
	return text
}

// problemHints are the hints that need no details.
var problemHints = sync.OnceValue(func() map[op.Code]string {
	return map[op.Code]string{
		op.NoDefaultDatabase: "use --db FILE or set CERTKDB_DB",
		op.EmptyPassword:     "choose a password with at least one character; --profile passwordless makes a PKCS #12 file without a password",
		op.PasswordsDiffer:   "type the same password twice",
		op.NoCredentials:     "cred:NAME works in a systemd service with LoadCredential=NAME:…",
		op.FIPSOff:           "start the program with GODEBUG=fips140=on in its environment, or leave --fips out",
		op.NotFIPS:           "use RSA with at least 2048 bits, P-256, P-384, P-521, Ed25519 or ML-DSA, or leave --fips out",
		op.UntrustedServer:   "if you trust the server, add the certificate of its CA to the database: certkdb add FILE",
		op.FileExists:        "replace it with --force",
		op.BytesForTerminal:  "write it to a file with --out FILE, or to the terminal all the same with --out -",
		op.Unverified:        "verify it by giving its password with --password SRC; that of an input file with --in-password SRC",
		op.CopyHasStash:      "write to another file, or remove the old copy and its stash",
		op.OverDatabase:      "write to another file",
		op.SecretExists:      "name a file that does not exist yet, in a folder that does",
		op.DamagedEntry: "see what is damaged with: certkdb check; delete the entry with: certkdb delete LABEL --damaged; " +
			"or recover the others with: certkdb recover FILE --to NEW.ckdb",
		op.SeveralEntries:        "leave --label out, or choose one of them with --only",
		op.KeyWithoutCertificate: "add its certificate first with: certkdb receive FILE; or name only the other labels",
		op.LoneKey: "name the file with its certificate too: certkdb add CERTIFICATE KEY; " +
			"or add that first, and then the key, which joins it",
		op.BadInputLabel: "choose another one with --label LABEL, and, if the input has several entries, add that one alone with --only",
		op.KeysOneByOne:  "copy everything with: certkdb copy --all --to FILE",
		op.CAKey: "to share its certificate, copy that alone: certkdb copy LABEL --certificates --to FILE, or export it; to move the CA, " +
			"allow it with --key",
		op.KeyAlone:           "write it with its certificates: --combined",
		op.NoKeyFormat:        "leave it out: key databases include private keys anyway, and the other formats are for certificates",
		op.TraditionalIsPlain: "an encrypted one is always PKCS #8",
		op.SecretIsPlain:      "export it into a key store: certkdb export LABEL --out FILE.p12",
		op.ProfileIsRemote:    "leave --ca out, or choose a profile without a remote",
		op.NotACA:             "name another entry; a CA is created with: certkdb create LABEL --is-ca",
		op.CARevoked:          "create another CA; if this one is only on hold, release it with: certkdb revoke --reason removeFromCRL",
		op.RequestWaits:       "when the CA has signed it: certkdb receive FILE",
		op.NoIssuerKey: "name the CA with --ca LABEL (--ca-db FILE), or create a request with: certkdb request, " +
			"and add the new certificate with: certkdb receive",
		op.NoMatchingKey: "see the requests with: certkdb list --kind request; " +
			"to add a certificate without a key: certkdb add",
		op.NoJava:        "set JAVA_HOME, or name the key store: java:FILE",
		op.NoCertutil:    "install certutil: the package libnss3-tools of Debian, nss-tools of Red Hat, mozilla-nss-tools of SUSE",
		op.NotDeployed:   "name its files, such as --key FILE and --fullchain FILE",
		op.NotRemembered: "use file:PATH, env:VAR or cred:NAME; or do not remember this, with --no-remember",
		op.NotARequest:   "a request is made with certkdb request, or openssl req; a certificate is renewed with: certkdb renew LABEL",
		op.NeedsFolder:   "name it with --out FOLDER",
		op.OnlyOnePiece:  "use --format pem",
		op.ReadOnlyKind:  "use another --type, for example ckdb or pkcs12",
		op.LostPassword:  "write it to a file with --password-out FILE; init also takes --stash",
		op.OnlyStash:     "add a password first with: certkdb passwd --new-password SRC",
		op.LastSlot:      "add another password or a stash first; after --force nothing opens the database any more",
		op.NoSlot:        "see them with: certkdb slots list",
		op.SlotsDropped:  "give the password with --password SRC, or remove the slots that cannot be kept with --drop-slots",
		op.StashLost:     "make the stash again with: certkdb stash create, or remove its key slot with --drop-slots",
		op.LeftOut: "copy what is missing from a backup: certkdb copy LABEL --db BACKUP --to FILE; certkdb recover also copies what is left of " +
			"damaged entries",
		op.PassesInvalid:     "leave out what cannot be read, without an error, with --skip-invalid",
		op.PassesUnsupported: "leave out what is not supported, without an error, with --skip-unsupported; a native database holds every entry",
		op.ReadAsAWhole:      "nothing in a file of this kind can be skipped; put a backup copy of it in its place",
		op.ClosedKeys:        "give the passwords of single keys with --in-key-password",
		op.WrongKeys:         wrongKeyHint,
		op.ClosedFile:        "give the password with --in-password SRC",
		op.TooLong:           "put it into a database with certkdb add, and list that",
		op.NoResponder:       "name one with --ocsp URL",
		op.EmptyTrustList:    "trust all of its certificates, not only self-signed ones, with --trust",
		op.NothingTrusted:    "name a trust anchor with --trust FILE",
	}
})

// recoverHint is for a damaged native database.
func recoverHint(location string) string {
	return fmt.Sprintf("copy what can still be read into a new database with: certkdb recover %s --to NEW.ckdb; "+
		"or put a backup in its place with: certkdb restore BACKUP --db %s --force", op.Quote(location), op.Quote(location))
}

// passwordHint says how to give a password when there is no terminal to ask on.
func passwordHint(field op.Field) string {
	text := "give it with " + flagName(field) + " file:PATH, env:VAR, fd:N, stdin, cred:NAME or prompt, or in a file that " +
		"$CERTKDB_PASSWORD_FILE names"
	empty := "; an empty password is file:/dev/null"
	switch field {
	case op.FieldPassword:
		return text + ", or, for all but a PEM database, make a stash with: certkdb stash create" + empty
	case op.FieldInPassword:
		return text + empty
	case op.FieldNewPassword:
		return text + ", or have one made with --generate-password"
	}
	return text
}

// isClosedKey says that a single key does not open with the password that opened its file.
func isClosedKey(err error) bool {
	_, closed := errors.AsType[*kdb.ClosedKey](err)
	return closed && errors.Is(err, kdb.ErrPassword)
}

// isWrongStash says that what a stash file holds does not open its key store.
func isWrongStash(err error) bool {
	stash, ok := errors.AsType[*kdb.StashError](err)
	return ok && !errors.Is(stash, fs.ErrPermission) && !errors.Is(stash, kdb.ErrEmptyPassword)
}

// convertHint is the way out for what is encrypted with a cipher that certkdb does not have, or with too many iterations.
const convertHint = "convert it with OpenSSL: openssl pkcs12 -in FILE -out NEW.pem, or a key in PEM: openssl pkey -in FILE -aes256 " +
	"-out NEW.pem; for old ciphers such as SEED add -provider legacy -provider default"

// classHint is the advice that fits the class of an error.
func classHint(err error) string {
	switch {
	case errors.Is(err, sealed.ErrStashForm), isWrongStash(err):
		return "give the password with --password SRC, and make the stash again with: certkdb stash create; or put a copy of the stash there"
	case errors.Is(err, sealed.ErrStashMode):
		return "chmod 600 the stash; if others may have read it, replace it with: certkdb stash create"
	case isClosedKey(err):
		return "if the key has a password of its own, give it with --in-key-password"
	case errors.Is(err, kdb.ErrEmptyPassword):
		return "give the empty password with file:/dev/null as its SRC"
	case errors.Is(err, kdb.ErrPassword):
		return "see where passwords can come from with: certkdb help passwords"
	case errors.Is(err, kdb.ErrEncryption):
		return convertHint
	case errors.Is(err, kdb.ErrLabel):
		return "choose another label; if a file has this one, rename its entry first: certkdb rename LABEL NEW --db FILE"
	case errors.Is(err, kdb.ErrIrregular), errors.Is(err, kdb.ErrNeedsFile):
		return "write what it gives to a file, decoded if it is base64, and name that"
	case errors.Is(err, kdb.ErrLocked):
		return "another process is using it; wait longer with --lock-timeout 60s"
	case errors.Is(err, kdb.ErrChanged):
		return "run the command again"
	case errors.Is(err, kdb.ErrVersion):
		return "the file may need a newer certkdb, or may not be a key database; see what it is with: certkdb show --file FILE"
	case errors.Is(err, kdb.ErrCorrupt):
		if native, ok := errors.AsType[*store.Error](err); ok {
			return recoverHint(native.Location)
		}
		unopened, ok := errors.AsType[*kdb.OpenError](err)
		switch {
		case ok && unopened.Location == op.StdinName:
			return "see whether the command in front of the pipe has written anything, and whether it has reported an error"
		case ok && errors.Is(err, kdb.ErrEmpty) && isForeign(unopened.Location):
			return "put a backup copy of the file in its place; if there is none, remove it, and " + createHint(unopened.Location)
		case ok && errors.Is(err, kdb.ErrEmpty):
			return fmt.Sprintf("put a backup in its place with: certkdb restore BACKUP --db %s --force; if there is none, remove the file"+
				" and make a new database: certkdb init --db %[1]s", op.Quote(unopened.Location))
		case ok: // nothing in it is of any use
			return "put a backup in its place with: certkdb restore BACKUP --db " + op.Quote(unopened.Location) + " --force"
		}
		return "see what is damaged with: certkdb check; then put a backup copy of the file in its place"
	case errors.Is(err, syscall.EISDIR):
		return "name a file in the folder; add takes several, such as FOLDER/*.pem"
	case errors.Is(err, fs.ErrPermission):
		if p, ok := errors.AsType[*op.NoFolderRights](err); ok {
			return "make the folder " + op.Quote(p.Folder) + " writable for this user, or choose another one"
		}
		return "run as the owner of the file, or change its owner and mode"
	case errors.Is(err, lintprogram.ErrMissing):
		return "install certkdb-lint in the folder of certkdb or in one that is in PATH; scripts/build builds both"
	case errors.Is(err, kdb.ErrDatabaseExists):
		return "choose another file; an existing database is never overwritten: put entries into it with certkdb copy LABEL --to FILE"
	}
	return ""
}
