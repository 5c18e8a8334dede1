package explain

import (
	"path/filepath"
	"slices"
	"strings"

	"certkdb/commands/gskcapi"
)

// gskit translates a line of gsk8capicmd.
func (a *answer) gskit(args []string) error {
	line, err := gskcapi.Read(args)
	if err != nil {
		return unknown("gsk8capicmd does not take this line: %s", err)
	}
	l := gskitLine{answer: a, options: options{values: line.Options}, filter: line.Filter}
	if l.db = l.get("db"); l.db == "" {
		l.db = l.get("file")
	}
	translate := map[string]func(){
		"keydb create": l.createDB, "keydb delete": l.deleteDB, "keydb changepw": l.changePassword, "keydb stashpw": l.stashPassword,
		"keydb convert": l.convert, "keydb expiry": func() { l.step(l.with("info")...) }, "cert add": l.add, "cert create": l.create,
		"cert delete": l.simple("delete"), "cert details": l.details, "cert export": l.export, "cert extract": l.extract,
		"cert getdefault": l.getDefault, "cert import": l.importFrom, "cert list": l.list, "cert modify": l.modify, "cert receive": l.receive,
		"cert rename":     func() { l.step(l.with("rename", l.get("label"), l.get("new_label"))...) },
		"cert setdefault": l.simple("default"), "cert sign": l.sign, "cert validate": l.simple("validate"),
		"certreq create": l.request, "certreq delete": l.simple("delete"), "certreq details": l.simple("show"),
		"certreq list": func() { l.step(l.with("list", "--kind", "request")...) }, "secretkey delete": l.simple("delete"),
		"version version": func() { l.step("version") },
	}[line.Object+" "+line.Action]
	if translate == nil {
		return unknown("-%s -%s has no counterpart; certkdb runs the line itself, as a subcommand: certkdb gsk8capicmd …",
			line.Object, line.Action)
	}
	translate()
	a.note("certkdb runs the line unchanged, too: certkdb gsk8capicmd …")
	return nil
}

type gskitLine struct {
	*answer
	options
	db, filter string
}

// with is a command on the database, and how that is opened: a stash is found without being named.
func (l *gskitLine) with(args ...string) []string {
	args = slices.DeleteFunc(args, func(s string) bool { return s == "" })
	args = append(args, "--db", l.db)
	return append(args, l.secret("--password", databasePassword, l.has("pw"))...)
}

func (l *gskitLine) simple(command string) func() {
	return func() { l.step(l.with(command, l.get("label"))...) }
}

// kind is a type of database as certkdb calls it.
func kind(name, path string) string {
	switch strings.ToLower(name) {
	case "cms", "kdb":
		return "cms"
	case "p12", "pkcs12", "pfx":
		return "pkcs12"
	case "jks":
		return "jks"
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".kdb", ".p12", ".pfx", ".jks", ".ckdb":
		return ""
	}
	return "cms"
}

func (l *gskitLine) createDB() {
	args := append([]string{"init", "--db", l.db}, flag("--type", kind(l.get("type"), l.db))...)
	if strings.EqualFold(l.get("pqc"), "false") && kind(l.get("type"), l.db) != "pkcs12" && filepath.Ext(l.db) != ".p12" {
		args = append(args, "--profile", "4")
	}
	if l.has("genpw") {
		args = append(args, "--generate-password")
	} else {
		args = append(args, l.secret("--new-password", databasePassword, l.has("pw"))...)
	}
	if l.has("stash", "v1stash", "stashed", "genpw") {
		args = append(args, "--stash")
	}
	l.step(args...)
	if l.has("populate") {
		l.step(append([]string{"add", "/etc/ssl/certs/ca-certificates.crt", "--db", l.db},
			l.secret("--password", databasePassword, l.has("pw") && !slices.Contains(args, "--stash"))...)...)
		l.note("-populate: name the bundle of CA certificates that your system has")
	}
	if l.has("expire") {
		l.note("-expire: certkdb's own commands set no date on which the password expires")
	}
}

func (l *gskitLine) deleteDB() {
	base := strings.TrimSuffix(l.db, filepath.Ext(l.db))
	l.note("no command: delete the files %s, and %s.rdb, %s.crl and %s.sth if they are there", l.db, base, base, base)
}

func (l *gskitLine) changePassword() {
	l.step(append(l.with("passwd"), l.secret("--new-password", targetPassword, l.has("target_pw"))...)...)
	l.note("a stash that held the old password gets the new one")
	if l.has("stash", "v1stash") {
		l.step(append([]string{"stash", "create", "--db", l.db}, l.secret("--password", targetPassword, l.has("target_pw"))...)...)
	}
}

func (l *gskitLine) stashPassword() { l.step(l.with("stash", "create")...) }

func (l *gskitLine) convert() {
	target := l.get("target")
	format := l.get("target_type")
	if target == "" {
		target = strings.TrimSuffix(l.db, filepath.Ext(l.db)) + map[string]string{"cms": ".kdb", "jks": ".jks"}[kind(format, "")]
		if kind(format, "") == "pkcs12" {
			target += ".p12"
		}
	}
	args := append(l.with("copy", "--all", "--key"), "--to", target)
	args = append(args, flag("--type", kind(format, target))...)
	given := l.has("target_pw")
	l.step(append(args, l.secret("--to-password", targetPassword, true)...)...)
	if !given {
		l.note("GSKit gives the new database the password of the old one; certkdb takes the one of --to-password")
	}
	if l.has("stash", "v1stash") {
		l.step("stash", "create", "--db", target, "--password", targetPassword)
	}
}

func (l *gskitLine) add() {
	args := append([]string{"add", l.get("file")}, flag("--label", l.get("label"))...)
	if strings.EqualFold(l.get("trust"), "disable") {
		args = append(args, "--no-trust")
	}
	l.step(l.with(args...)...)
	l.note("certkdb accepts a certificate that is already there; a different one under the same label is an error, unless " +
		"--replace is given")
	if l.has("label") {
		l.note("for a file with several certificates, leave out --label: each gets one of its own")
	}
}

// certificate are the options that say what is certified.
func (l *gskitLine) certificate() []string {
	args := flag("--dn", l.get("dn"))
	args = append(args, flag("--san", items(l.get("san_dnsname"), "dns:")...)...)
	args = append(args, flag("--san", items(l.get("san_ipaddr"), "ip:")...)...)
	args = append(args, flag("--san", items(l.get("san_emailaddr"), "email:")...)...)
	args = append(args, flag("--ku", l.get("ku"))...)
	return append(args, flag("--eku", l.get("eku"))...)
}

// keyType is the type of a key of -size bits for -sigalg.
func (l *gskitLine) keyType() []string {
	size := l.get("size")
	if strings.Contains(strings.ToLower(l.get("sigalg")), "ecdsa") {
		if size == "" {
			size = "256"
		}
		return []string{"--key-type", "p" + size}
	}
	switch size {
	case "":
		size = "2048"
	case "512", "1024":
		l.note("certkdb's own commands make no RSA keys of %s bits", size)
		size = "2048"
	}
	return []string{"--key-type", "rsa" + size}
}

func (l *gskitLine) create() {
	args := append([]string{"create", l.get("label")}, l.certificate()...)
	args = append(args, l.keyType()...)
	args = append(args, flag("--days", l.get("expire"))...)
	args = append(args, flag("--ca", l.get("ca_label"))...)
	if strings.EqualFold(l.get("ca"), "true") {
		args = append(args, "--is-ca")
	}
	if strings.EqualFold(l.get("default_cert"), "yes") {
		args = append(args, "--default")
	}
	l.step(l.with(args...)...)
	l.note("GSKit's certificates begin a day ago, certkdb's now; without -ku and -eku those of the profile server are set")
}

func (l *gskitLine) details() {
	if l.has("file") && !l.has("db") {
		l.step("show", "--file", l.get("file"))
		return
	}
	l.step(l.with("show", l.get("label"))...)
}

func (l *gskitLine) export() {
	args := []string{"copy", "--all", "--key"}
	if l.has("label") {
		args = []string{"copy", l.get("label"), "--key"}
	}
	args = append(l.with(args...), "--to", l.get("target"))
	args = append(args, flag("--type", kind(l.get("target_type"), l.get("target")))...)
	l.step(append(args, l.secret("--to-password", targetPassword, l.has("target_pw"))...)...)
	if l.has("new_label") {
		l.step(append([]string{"rename", l.get("label"), l.get("new_label"), "--db", l.get("target")},
			l.secret("--password", targetPassword, l.has("target_pw"))...)...)
	}
}

func (l *gskitLine) extract() {
	format := "pem"
	if strings.EqualFold(l.get("format"), "binary") {
		format = "der"
	}
	l.step(l.with("export", l.get("label"), "--out", l.get("target", "file"), "--format", format)...)
	l.note("certkdb replaces an existing file only with --force")
}

func (l *gskitLine) getDefault() {
	l.step(l.with("list", "--kind", "personal", "--json")...)
	l.note(`the default entry has "default": true`)
}

func (l *gskitLine) importFrom() {
	args := append([]string{"add", l.get("file", "db")}, flag("--only", l.get("label"))...)
	args = append(args, flag("--label", l.get("new_label"))...)
	args = append(args, l.secret("--in-password", sourcePassword, l.has("pw"))...)
	args = append(args, "--db", l.get("target"))
	l.step(append(args, l.secret("--password", targetPassword, l.has("target_pw"))...)...)
}

func (l *gskitLine) list() {
	args := []string{"list"}
	switch l.filter {
	case "personal":
		args = append(args, "--kind", "personal")
	case "ca":
		args = append(args, "--kind", "trusted")
	}
	if days := l.get("expiry"); days != "" { // the number may be left out
		args = append(args, "--expiring", days+"d")
	}
	l.step(l.with(args...)...)
	l.note("for scripts: -o name prints the labels alone, --json everything; --expiring 30d lists what expires")
}

func (l *gskitLine) modify() {
	command := "trust"
	if strings.EqualFold(l.get("trust"), "disable") {
		command = "distrust"
	}
	l.step(l.with(command, l.get("label"))...)
}

func (l *gskitLine) receive() {
	args := append([]string{"receive", l.get("file")}, flag("--label", l.get("label"))...)
	if strings.EqualFold(l.get("default_cert"), "yes") {
		args = append(args, "--default")
	}
	l.step(l.with(args...)...)
}

func (l *gskitLine) sign() {
	args := []string{"sign", l.get("file"), "--ca", l.get("label"), "--out", l.get("target")}
	args = append(args, flag("--days", l.get("expire"))...)
	if l.has("preserve") {
		args = append(args, "--preserve")
	}
	l.step(l.with(args...)...)
}

func (l *gskitLine) request() {
	args := append([]string{"request", l.get("label")}, l.certificate()...)
	args = append(args, l.keyType()...)
	l.step(l.with(append(args, "--out", l.get("file", "target"))...)...)
}

// dsmcert translates a line of dsmcert.
func (a *answer) dsmcert(args []string) error {
	o := parse(args, []string{"add", "list", "delete"}, true)
	const db = "/opt/tivoli/tsm/client/ba/bin/dsmcert.kdb"
	a.note("--db names the client's key database; dsmcert looks for it in $PASSWORDDIR, $DSM_DIR, the user's folder and the client's folders")
	switch {
	case o.has("add"):
		a.step("add", o.get("file"), "--label", o.get("server", "label"), "--db", db)
	case o.has("list"):
		a.step("list", "--db", db)
	case o.has("delete"):
		a.step("delete", o.get("server", "label"), "--db", db)
	default:
		return unknown("dsmcert has -add, -list and -delete")
	}
	a.note("certkdb runs the line unchanged, too: certkdb dsmcert …")
	return nil
}
