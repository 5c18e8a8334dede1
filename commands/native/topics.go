package native

// topicNames are what help explains besides commands.
func topicNames() []string {
	return []string{"passwords", "formats", "profiles", "environment", "files", "output", "exit-codes"}
}

// topic is the text about something that is not a command, "" if there is none.
func topic(name string) string {
	switch name {
	case "passwords":
		return helpPasswords
	case "formats":
		return helpFormats
	case "profiles":
		return helpProfiles
	case "environment":
		return helpEnvironment
	case "files":
		return helpFiles
	case "output":
		return helpOutput
	case "exit-codes":
		return helpExitCodes
	}
	return ""
}

// topicTitle is what a topic is about.
func topicTitle(name string) string {
	switch name {
	case "passwords":
		return "where passwords come from"
	case "formats":
		return "kinds of databases and files"
	case "profiles":
		return "how key stores are written, and what certificates are for"
	case "environment":
		return "environment variables"
	case "files":
		return "files that certkdb uses"
	case "output":
		return "forms of results"
	}
	return "exit codes"
}

const helpExitCodes = `Exit codes of certkdb:
  0  done, or nothing to do            7  input cannot be parsed
  1  failed                            8  validation failed
  2  wrong usage                       9  expired or expiring (only where asked)
  3  no such label or file            10  network or handshake failed
  4  label exists, conflict           11  permission denied
  5  wrong password                   12  database damaged or of an unknown version
  6  database locked                 130  interrupted (143: terminated)
 20  changed (only with --detailed-exitcode)
`

const helpPasswords = `Where a password comes from: --password SRC (and --new-password, --in-password, --out-password,
--to-password, --ca-password, --ca-remote-key and --in-key-password alike)
  file:PATH   the first line of a file          env:VAR     an environment variable
  fd:N        the first line of an open file    stdin       the first line of standard input
  prompt      ask on the terminal               stash       the stash next to the database
  cred:NAME   a file in systemd's $CREDENTIALS_DIRECTORY
  pass:TEXT   the text itself; every user of the machine can see it
As long as a command runs, root and the same user can read its environment variables.
Without it, certkdb tries the stash, then the file that $CERTKDB_PASSWORD_FILE names, then asks on
the terminal. If other users can read or change a password file, certkdb warns (not with --quiet):
  (umask 077; echo PASSWORD > key.pw)    or    chmod 600 key.pw

A native database's key derivation may take 256 MiB of memory, and work in proportion.
$CERTKDB_KDF_MEMORY allows another number of MiB, for a database whose key slots somebody made more
expensive.
`

const helpFormats = `Kinds of databases and files. An existing file is recognised by its content; the kind of a new one
comes from --type or the extension.
  --type   extension                   what it is
  ckdb     .ckdb and any other         native: encrypted, with key slots, stash and audit log
  cms      .kdb                        IBM CMS key database with .rdb, .crl and .sth
  pkcs12   .p12 .pfx                   PKCS #12 with any number of entries; see: help profiles
  jks      .jks                        Java key store (.jceks is read only)
  pem      .pem .crt .cer .arm .key    PEM bundles and server files
  pkcs7    .p7b .p7c                   certificates and revocation lists without labels or keys
  -        .der                        one certificate or key in DER: read only

Of export --format: pem, der, pkcs7 (p7b), pkcs7-der (p7c), ssh, or a kind of database.
Private keys are read as PKCS #8, PKCS #1, SEC 1, OpenSSH and traditional PEM.
`

// helpProfiles has a table of what the programs really read: each cell was tried.
const helpProfiles = `How a new PKCS #12 file is encrypted: init, copy and export take --profile NAME
  2023           PBES2 with AES-256 and HMAC-SHA-256; the default
  2026           the same with the integrity check of RFC 9579 (PBMAC1)
  legacy         triple DES and HMAC-SHA-1: weak, for old programs
  gskit          legacy, with signers marked as IBM's GSKit does
  passwordless   no password and no encryption: everybody who has the file has its keys

Which program reads which:
                 OpenSSL 3.0  keytool 17    NSS 3.87  GnuTLS 3.7  Go: go-pkcs12  x/crypto
  2023           yes          yes           yes       yes         yes            no
  2026           no           no            no        no          yes            no
  legacy         yes          yes           yes       yes         yes            yes
  gskit          yes          yes           yes       yes         yes            yes
  passwordless   yes          certificates  no        yes         yes            no
2026 is read by OpenSSL 3.4, Java 25, NSS 3.132, GnuTLS 3.8 and later.

Of PKCS #7: pem (text) instead of DER. CMS: the version of the file.
Of create, request and sign, --profile is what the certificate is for: server, client, peer, ca,
code, email, ocsp, timestamp, or one from --profile-file. Of validate and lint, it names the rules.
`

const helpEnvironment = `Environment variables
  CERTKDB_DB              the database, if there is no --db
  CERTKDB_PASSWORD_FILE   a file with its password, if there is no --password and no stash
  CERTKDB_KDF_MEMORY      MiB that a key derivation may take; default: 256
  CREDENTIALS_DIRECTORY   where systemd puts the credentials of cred:NAME
  XDG_DATA_HOME           the default database is certkdb/key.ckdb below it; default: ~/.local/share
  XDG_STATE_HOME          the newest states of databases are noted in certkdb below it; default:
                          ~/.local/state
  NO_COLOR, CLICOLOR=0    no colours; TERM=dumb likewise
  JAVA_HOME               the Java runtime of export --to java
  GODEBUG=fips140=on      the FIPS 140-3 module, which --fips needs
  TMPDIR                  where certkdb-lint and certutil exchange files
`

const helpFiles = `Files
  ~/.local/share/certkdb/key.ckdb      the default database
  /var/lib/certkdb/key.ckdb            that of root
  FILE.stash                           the stash of a native database: mode 0600, keep it so
  FILE.sth                             the stash of a CMS, PKCS #12 or JKS file: the password, obscured
  ~/.local/state/certkdb               the newest states of databases, to notice older copies
                                       (root: /var/lib/certkdb)
`

const helpOutput = `Results go to standard output; errors, warnings, hints and progress go to standard error.
  -o table   columns; on a terminal cut to its width and coloured, elsewhere complete
  -o wide    more columns
  -o json    one object; the same as --json. Its form is in the field "schema"
  -o jsonl   an object a line
  -o csv     comma-separated values; --columns chooses
  -o name    the labels, or addresses, a line each
  -o pem     the certificates
Not every command has all of them: see its help. Fields of JSON are added, never renamed.
--quiet leaves out messages about what was done. --detailed-exitcode tells it by the exit code.
`
