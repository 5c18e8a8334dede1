package explain

import (
	"strings"
)

// opensslAlone are the options of openssl's commands that have no value.
var opensslAlone = []string{
	"export", "nodes", "noenc", "noout", "text", "info", "nokeys", "nocerts", "cacerts", "clcerts", "x509", "new", "req", "dates", "startdate",
	"enddate", "subject", "issuer", "fingerprint", "sha256", "sha384", "sha512", "serial", "CAcreateserial", "verify", "showcerts", "brief",
	"quiet", "legacy", "batch", "nomac", "descert", "hash", "pubkey", "purpose", "verify_return_error", "partial_chain", "trusted_first",
	"modulus", "check", "pubout", "pubin", "traditional", "email", "ocsp_uri", "nextupdate", "lastupdate", "crlnumber", "genkey", "status",
	"ign_eof", "no_ign_eof", "crl_check", "crl_check_all", "x509_strict", "tls1", "tls1_1", "tls1_2", "tls1_3", "noservername", "subject_hash",
	"issuer_hash", "alias", "msg", "debug", "state", "utf8",
	"aes256", "aes192", "aes128", "aes-256-cbc", "aes-192-cbc", "aes-128-cbc", "des3", "des", // ciphers
}

// ciphers are the options that encrypt a private key.
var ciphers = [...]string{"aes256", "aes192", "aes128", "aes-256-cbc", "aes-192-cbc", "aes-128-cbc", "des3", "des"}

// openssl translates a line of openssl's command.
func (a *answer) openssl(args []string) error {
	if len(args) == 0 {
		return unknown("openssl needs a command")
	}
	l := opensslLine{answer: a, options: parse(args[1:], opensslAlone, false)}
	switch args[0] {
	case "pkcs12":
		l.pkcs12()
	case "x509":
		return l.x509()
	case "req":
		return l.req()
	case "verify":
		return l.verify()
	case "s_client":
		return l.client()
	case "crl", "pkcs7":
		l.step("show", "--file", l.get("in"))
		l.note("certkdb validate --crl FILE holds certificates against a revocation list, and verifies its signature")
	case "pkey", "rsa", "ec":
		return l.key()
	case "genrsa", "genpkey", "ecparam":
		return l.generate(args[0])
	default:
		return unknown("openssl %s: pkcs12, x509, req, verify, s_client, crl, pkcs7, rsa, ec, pkey, genrsa, genpkey and ecparam are known",
			args[0])
	}
	return nil
}

type opensslLine struct {
	*answer
	options
}

func (l *opensslLine) pkcs12() {
	in := l.secret("--password", databasePassword, l.has("passin", "password"))
	switch {
	case l.has("export"):
		l.step(append([]string{"init", "--db", l.get("out")}, l.secret("--new-password", targetPassword, true)...)...)
		args := []string{"add", l.get("in")}
		args = append(args, flag("", l.get("inkey"), l.get("certfile"))...)
		var files []string
		for _, arg := range args {
			if arg != "" {
				files = append(files, arg)
			}
		}
		if !l.has("certfile") {
			files = append(files, flag("--label", l.get("name"))...)
		} else if l.has("name") {
			l.note("-name: with a CA's certificate in the same command the label is made of the subject; certkdb rename gives another")
		}
		l.step(append(files, "--db", l.get("out"), "--password", targetPassword)...)
		if l.has("legacy", "descert") {
			l.note("for old readers: certkdb init --profile legacy")
		}
	case l.has("info"), l.has("noout"):
		l.step(append([]string{"list", "--db", l.get("in")}, in...)...)
		l.step(append([]string{"info", "--db", l.get("in")}, in...)...)
	default:
		format := []string{"export", "LABEL", "--combined"}
		switch {
		case l.has("nokeys"):
			format = []string{"export", "--all"}
		case l.has("nocerts"):
			format = []string{"export", "LABEL", "--key"}
		}
		args := append(append(append(format, "--db", l.get("in")), in...), flag("--out", l.get("out"))...)
		l.step(append(args, l.secret("--out-password", targetPassword, l.has("passout") && !l.has("nodes", "noenc", "nokeys"))...)...)
		l.note("a private key leaves the file only when --key or --combined asks for it; --out-password encrypts it")
		if format[1] == "LABEL" {
			l.noteLabel()
		}
	}
}

// noteLabel says what stands for LABEL.
func (l *opensslLine) noteLabel() {
	l.note("LABEL is what certkdb list --db %s -o name shows", l.get("in"))
}

func (l *opensslLine) x509() error {
	if l.has("req") {
		if !l.has("CA") {
			return unknown("openssl x509 -req without -CA signs a request with its own key; certkdb create makes key and certificate")
		}
		l.authority()
		l.sign()
		return nil
	}
	if l.has("out") && !l.has("noout") {
		format := "pem"
		if strings.EqualFold(l.get("outform"), "der") {
			format = "der"
		}
		l.step("export", "LABEL", "--db", l.get("in"), "--format", format, "--out", l.get("out"))
		l.noteLabel()
		return nil
	}
	if l.judge() {
		return nil
	}
	l.step("show", "--file", l.get("in"))
	l.note("for scripts: --json has not_before, not_after, subject, issuer, serial and the fingerprints")
	return nil
}

// authority puts a CA of PEM files into a database.
func (l *opensslLine) authority() {
	l.step("init", "--db", "ca.ckdb", "--generate-password", "--stash")
	files := []string{"add", l.get("CA")}
	if key := l.get("CAkey"); key != "" {
		files = append(files, key)
	}
	l.step(append(files, "--label", "ca", "--db", "ca.ckdb")...)
	l.note("the CA is put into a database once; serial numbers are random, and what is issued is recorded")
}

func (l *opensslLine) sign() {
	args := []string{"sign", l.get("in"), "--ca", "ca", "--db", "ca.ckdb", "--out", l.get("out")}
	l.step(append(args, flag("--days", l.get("days"))...)...)
	if l.has("extfile", "extensions") {
		l.note("-extfile: certkdb has --san, --ku, --eku, --policy and --profile for what stands in the file")
	}
	l.note("the profile decides which extensions of the request are taken; --preserve takes them all, as -copy_extensions does")
}

func (l *opensslLine) req() error {
	key := "rsa2048"
	switch newkey := l.get("newkey"); {
	case strings.HasPrefix(newkey, "rsa:"):
		key = "rsa" + strings.TrimPrefix(newkey, "rsa:")
	case strings.HasPrefix(newkey, "ec"):
		key = curveOf(strings.Join(l.all["pkeyopt"], " "))
	case strings.HasPrefix(newkey, "ed25519"):
		key = "ed25519"
	}
	var names []string
	for _, extension := range l.all["addext"] {
		if list, ok := strings.CutPrefix(extension, "subjectAltName="); ok {
			for _, item := range items(list, "") {
				kind, value, _ := strings.Cut(item, ":")
				names = append(names, "--san", strings.ToLower(kind)+":"+value)
			}
		}
	}
	about := append([]string{"--dn", l.get("subj"), "--key-type", key}, names...)
	switch {
	case l.has("x509"):
		l.step("init", "--db", "key.ckdb", "--generate-password", "--stash")
		args := append([]string{"create", "server"}, about...)
		l.step(append(append(args, flag("--days", l.get("days"))...), "--db", "key.ckdb")...)
		l.exportPair()
	case l.has("new"), l.has("newkey"):
		l.step("init", "--db", "key.ckdb", "--generate-password", "--stash")
		args := append([]string{"request", "server"}, about...)
		l.step(append(args, "--out", l.get("out"), "--db", "key.ckdb")...)
		l.note("the key stays in the database; certkdb receive FILE joins it with the certificate")
	case l.has("in"):
		l.step("show", "--file", l.get("in"))
	default:
		return unknown("openssl req needs -x509, -new or -in")
	}
	return nil
}

// exportPair writes the files that openssl req -x509 writes.
func (l *opensslLine) exportPair() {
	if out := l.get("out"); out != "" {
		l.step("export", "server", "--out", out, "--format", "pem", "--db", "key.ckdb")
	}
	if out := l.get("keyout"); out != "" {
		l.step("export", "server", "--key", "--out", out, "--format", "pem", "--db", "key.ckdb")
	}
	l.note("the label server is an example; the files are only needed by programs that read no key store")
}

func (l *opensslLine) verify() error {
	if len(l.rest) == 0 {
		return unknown("openssl verify needs a file")
	}
	for _, file := range l.rest {
		args := []string{"validate", "--file", file}
		args = append(args, flag("--file", l.get("untrusted"))...)
		args = append(args, flag("--trust", l.get("CAfile"), l.get("trusted"))...)
		if l.has("CAfile", "trusted") {
			args = append(args, "--only-trust")
		}
		args = append(args, flag("--host", l.get("verify_hostname"), l.get("verify_ip"))...)
		args = append(args, flag("--crl", l.get("CRLfile"))...)
		if l.has("partial_chain") {
			args = append(args, "--partial-chain")
		}
		l.step(args...)
	}
	l.note("exit 8 if it is not valid, with the rule of RFC 5280 that is broken")
	return nil
}

func (l *opensslLine) client() error {
	target := l.get("connect")
	if target == "" {
		return unknown("openssl s_client needs -connect")
	}
	args := []string{"connect", target}
	args = append(args, flag("--db", l.get("CAfile"))...)
	args = append(args, flag("--servername", l.get("servername"))...)
	args = append(args, flag("--starttls", l.get("starttls"))...)
	l.step(args...)
	l.note("certkdb judges the certificate, says what is wrong and ends; it sends no data. --save LABEL and --accept keep the certificate")
	if l.has("cert") {
		l.note("-cert: put the pair into a database and name it with --cert LABEL")
	}
	return nil
}
