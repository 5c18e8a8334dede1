package explain

import (
	"strings"
)

var keytoolAlone = []string{
	"genkeypair", "genkey", "importcert", "import", "list", "exportcert", "export", "delete", "changealias", "storepasswd", "importkeystore",
	"certreq", "gencert", "printcert", "printcertreq", "noprompt", "trustcacerts", "rfc", "v", "protected",
}

// keytool translates a line of Java's keytool.
func (a *answer) keytool(args []string) error {
	l := keytoolLine{answer: a, options: parse(args, keytoolAlone, true)}
	commands := map[string]func(){
		"genkeypair": l.generate, "genkey": l.generate, "importcert": l.importCertificate, "import": l.importCertificate,
		"list": l.list, "exportcert": l.export, "export": l.export, "importkeystore": l.importStore, "certreq": l.request, "gencert": l.sign,
		"delete":       func() { l.step(l.with("delete", l.get("alias"))...) },
		"changealias":  func() { l.step(l.with("rename", l.get("alias"), l.get("destalias"))...) },
		"storepasswd":  func() { l.step(append(l.with("passwd"), l.secret("--new-password", targetPassword, true)...)...) },
		"printcert":    func() { l.step("show", "--file", l.get("file")) },
		"printcertreq": func() { l.step("show", "--file", l.get("file")) },
	}
	for _, word := range args {
		if translate := commands[strings.ToLower(strings.TrimPrefix(word, "-"))]; translate != nil && strings.HasPrefix(word, "-") {
			translate()
			return nil
		}
	}
	return unknown("keytool's commands that are known are -genkeypair, -importcert, -importkeystore, -list, -exportcert, -delete, " +
		"-changealias, -storepasswd, -certreq, -gencert and -printcert")
}

type keytoolLine struct {
	*answer
	options
}

func (l *keytoolLine) with(args ...string) []string {
	args = append(args, "--db", l.store("keystore"))
	return append(args, l.secret("--password", databasePassword, l.has("storepass", "storepass:file", "storepass:env"))...)
}

func (l *keytoolLine) store(option string) string {
	if path := l.get(option); path != "" {
		return path
	}
	l.note("keytool's default key store is .keystore in the home folder")
	return "~/.keystore"
}

func (l *keytoolLine) generate() {
	size := l.get("keysize")
	key := "rsa3072"
	switch {
	case strings.EqualFold(l.get("keyalg"), "EC") && size == "384", l.get("groupname") == "secp384r1":
		key = "p384"
	case strings.EqualFold(l.get("keyalg"), "EC"):
		key = "p256"
	case strings.EqualFold(l.get("keyalg"), "Ed25519"):
		key = "ed25519"
	case size != "":
		key = "rsa" + size
	}
	args := []string{"create", l.alias(), "--dn", l.get("dname"), "--key-type", key}
	args = append(args, flag("--days", l.get("validity"))...)
	for _, extension := range l.all["ext"] {
		args = append(args, l.extension(extension)...)
	}
	l.step(l.with(args...)...)
	l.note("certkdb does not create the key store by itself; if it does not exist, first run certkdb init --db FILE --new-password SRC")
	l.note("key usages are those of the profile server, unless --ku and --eku are given")
	l.noteSignature()
}

// noteSignature says what becomes of -sigalg.
func (l *keytoolLine) noteSignature() {
	if l.has("sigalg") {
		l.note("-sigalg %s: certkdb chooses the hash by the key that signs, SHA-256 or better", l.get("sigalg"))
	}
}

// extension translates NAME[:critical]=VALUE, the value of -ext.
func (l *keytoolLine) extension(text string) []string {
	name, value, _ := strings.Cut(text, "=")
	name, _, _ = strings.Cut(strings.ToLower(name), ":")
	switch {
	case name == "honored": // of -gencert: "all"
		return []string{"--preserve"}
	case name == "san" || name == "subjectalternativename":
		return flag("--san", items(strings.ToLower(value), "")...)
	case name == "bc" || name == "basicconstraints":
		value = strings.ToLower(value)
		if strings.Contains(value, "ca:false") {
			return nil
		}
		_, length, _ := strings.Cut(value, "pathlen:")
		length, _, _ = strings.Cut(length, ",")
		return append([]string{"--is-ca"}, flag("--path-len", length)...)
	case name == "ku" || name == "keyusage":
		return flag("--ku", value)
	case name == "eku" || name == "extendedkeyusage":
		return flag("--eku", value)
	}
	l.note("the extension %q is not translated; the options for extensions are in: certkdb create --help", text)
	return nil
}

// alias is mykey unless the line says otherwise.
func (l *keytoolLine) alias() string {
	if alias := l.get("alias"); alias != "" {
		return alias
	}
	return "mykey"
}

func (l *keytoolLine) importCertificate() {
	l.step(l.with("add", l.get("file"), "--label", l.alias())...)
	l.note("for the reply to a request: certkdb receive FILE. certkdb asks nothing and takes whole bundles, keytool the first certificate")
}

func (l *keytoolLine) list() {
	if l.has("alias") {
		l.step(l.with("show", l.get("alias"))...)
		return
	}
	l.step(l.with("list")...)
}

func (l *keytoolLine) export() {
	format := "der"
	if l.has("rfc") {
		format = "pem"
	}
	l.step(l.with("export", l.alias(), "--out", l.get("file"), "--format", format)...)
}

func (l *keytoolLine) importStore() {
	args := []string{"copy", "--all", "--key"}
	if l.has("srcalias") {
		args = []string{"copy", l.get("srcalias"), "--key"}
	}
	args = append(args, "--db", l.get("srckeystore"))
	args = append(args, l.secret("--password", sourcePassword, l.has("srcstorepass"))...)
	args = append(args, "--to", l.get("destkeystore"))
	args = append(args, flag("--type", map[string]string{"pkcs12": "pkcs12", "jks": "jks"}[strings.ToLower(l.get("deststoretype"))])...)
	l.step(append(args, l.secret("--to-password", targetPassword, l.has("deststorepass"))...)...)
	if alias := l.get("destalias"); alias != "" {
		l.step(append([]string{"rename", l.get("srcalias"), alias, "--db", l.get("destkeystore")},
			l.secret("--password", targetPassword, l.has("deststorepass"))...)...)
	}
}

func (l *keytoolLine) request() {
	dn := l.get("dname")
	if dn == "" {
		dn = "CN=…"
	}
	l.step(l.with("request", l.alias(), "--dn", dn, "--out", l.get("file"))...)
	l.noteSignature()
	l.note("keytool asks for a certificate for a key that is there; certkdb request makes a new key, and receive joins key and certificate. " +
		"A CA of your own signs at once: certkdb renew LABEL --ca CA")
}

func (l *keytoolLine) sign() {
	args := []string{"sign", l.get("infile"), "--ca", l.alias(), "--out", l.get("outfile")}
	args = append(args, flag("--days", l.get("validity"))...)
	for _, extension := range l.all["ext"] {
		args = append(args, l.extension(extension)...)
	}
	l.step(l.with(args...)...)
	l.noteSignature()
}
