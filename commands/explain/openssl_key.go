package explain

import (
	"strconv"
	"strings"
)

// key translates openssl pkey, rsa and ec: a look at a private key, or another copy of it, encrypted or not.
func (l *opensslLine) key() error {
	switch {
	case l.has("pubout", "pubin"):
		return unknown("certkdb writes public keys in certificates, certkdb export LABEL, or for SSH, with --format ssh")
	case !l.has("in"):
		return unknown("openssl pkey, rsa and ec need -in")
	case !l.has("out"):
		l.step(append([]string{"show", "--file", l.get("in")}, l.secret("--in-password", sourcePassword, l.has("passin"))...)...)
		l.note("it shows the kind, the size and the digest of the public key; a certificate that belongs to it shows the same digest")
		return nil
	}
	args := append([]string{"export", "LABEL", "--key", "--db", l.get("in")}, l.secret("--password", databasePassword, l.has("passin"))...)
	encrypts := l.has("passout") || l.has(ciphers[:]...)
	args = append(append(args, "--out", l.get("out")), l.secret("--out-password", targetPassword, encrypts)...)
	if l.has("traditional") {
		args = append(args, "--traditional")
	}
	l.step(args...)
	l.noteLabel()
	if encrypts {
		l.note("keys are encrypted with AES-256 (PKCS #8, PBES2), whatever cipher the line names")
	}
	return nil
}

// generate translates openssl genrsa, genpkey and ecparam -genkey: certkdb makes a key for something.
func (l *opensslLine) generate(command string) error {
	var kind string
	switch algorithm := strings.ToUpper(l.get("algorithm")); {
	case command == "genrsa":
		kind = rsaOf(append(l.rest, "2048")[0])
	case command == "ecparam" && !l.has("genkey"):
		return unknown("openssl ecparam without -genkey makes no key")
	case command == "ecparam", algorithm == "EC":
		kind = curveOf(l.get("name") + strings.Join(l.all["pkeyopt"], " "))
	case algorithm == "ED25519":
		kind = "ed25519"
	case strings.HasPrefix(algorithm, "ML-DSA-"):
		kind = "mldsa" + strings.TrimPrefix(algorithm, "ML-DSA-")
	case algorithm == "RSA":
		_, bits, _ := strings.Cut(strings.Join(l.all["pkeyopt"], ""), "rsa_keygen_bits:")
		kind = rsaOf(bits)
	default:
		return unknown("openssl genpkey: of the algorithms RSA, EC, ED25519 and ML-DSA-44, -65 and -87 are known")
	}
	l.step("init", "--db", "key.ckdb", "--generate-password", "--stash")
	l.step("request", "server", "--cn", "www.example.com", "--key-type", kind, "--out", "server.csr", "--db", "key.ckdb")
	if out := l.get("out"); out != "" {
		args := []string{"export", "server", "--key", "--out", out, "--db", "key.ckdb"}
		l.step(append(args, l.secret("--out-password", targetPassword, l.has("passout") || l.has(ciphers[:]...))...)...)
	}
	l.note("certkdb makes a key together with its request or, with certkdb create, its certificate; the label and the name are examples")
	return nil
}

// rsaOf is the type of an RSA key with a number of bits.
func rsaOf(bits string) string {
	if bits == "" {
		bits = "2048"
	}
	return "rsa" + bits
}

// curveOf finds a curve in a text of options.
func curveOf(text string) string {
	switch {
	case strings.Contains(text, "384"):
		return "p384"
	case strings.Contains(text, "521"):
		return "p521"
	}
	return "p256"
}

// period writes the seconds of -checkend as certkdb takes them.
func period(seconds string) string {
	if n, err := strconv.Atoi(seconds); err == nil && n > 0 && n%86400 == 0 {
		return strconv.Itoa(n/86400) + "d"
	}
	return seconds + "s"
}

// judge translates what openssl x509 finds out about a certificate, and says whether the line asks for that.
func (l *opensslLine) judge() bool {
	switch {
	case l.has("checkend"):
		l.step("list", "--db", l.get("in"), "--expiring", period(l.get("checkend")), "--check")
		l.note("exit 9 if it expires within that time, where openssl has 1")
	case l.has("checkhost", "checkip", "checkemail"):
		l.step("validate", "--file", l.get("in"), "--host", l.get("checkhost", "checkip", "checkemail"))
		l.note("validate judges the chain, too; exit 8 if the name does not match or the certificate is not trusted. openssl exits with 0 in " +
			"any case")
	default:
		return false
	}
	return true
}
