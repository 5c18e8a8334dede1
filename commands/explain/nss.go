package explain

import (
	"strings"
)

const nssNote = "the files of NSS (cert9.db, key4.db) are not read: bring the entries over by pk12util -o and certkdb add"

// certutil translates a line of NSS's certutil.
func (a *answer) certutil(args []string) error {
	o := parse(args, []string{"A", "L", "D", "N", "S", "R", "V", "K", "a", "r", "x", "2", "C", "M", "empty-password"}, false)
	db := func(args ...string) []string {
		return append(append(args, "--db", "key.ckdb"), a.secret("--password", databasePassword, o.has("f"))...)
	}
	a.note(nssNote)
	switch {
	case o.has("N"):
		a.step("init", "--db", "key.ckdb", "--generate-password", "--stash")
	case o.has("A"):
		args := []string{"add", o.get("i"), "--label", o.get("n")}
		if !strings.Contains(o.get("t"), "C") && !strings.Contains(o.get("t"), "T") && !strings.Contains(o.get("t"), "P") {
			args = append(args, "--no-trust")
		}
		a.step(db(args...)...)
		a.note("certutil takes the first certificate of a bundle, certkdb all of them; trust is one mark, not three")
	case o.has("L") && o.has("n") && o.has("a"):
		a.step(db(append([]string{"export", o.get("n"), "--format", "pem"}, flag("--out", o.get("o"))...)...)...)
	case o.has("L") && o.has("n"):
		a.step(db("show", o.get("n"))...)
	case o.has("L"):
		a.step(db("list")...)
	case o.has("K"):
		a.step(db("list", "--kind", "personal")...)
	case o.has("D"):
		a.step(db("delete", o.get("n"))...)
	case o.has("M"):
		a.step(db(map[bool]string{true: "trust", false: "distrust"}[strings.ContainsAny(o.get("t"), "CTP")], o.get("n"))...)
	case o.has("V"):
		a.step(db("validate", o.get("n"))...)
	case o.has("S"):
		args := append([]string{"create", o.get("n"), "--dn", o.get("s")}, flag("--ca", o.get("c"))...)
		for _, name := range items(o.get("8"), "dns:") {
			args = append(args, "--san", name)
		}
		if o.has("2") || o.has("x") && o.has("C") {
			args = append(args, "--is-ca")
		}
		a.step(db(args...)...)
		a.note("-v counts months, --days days")
	case o.has("R"):
		a.step(db("request", "server", "--dn", o.get("s"), "--out", o.get("o"))...)
	default:
		return unknown("certutil's commands that are known are -A, -L, -D, -K, -M, -N, -R, -S and -V")
	}
	return nil
}

// pk12util translates a line of NSS's pk12util.
func (a *answer) pk12util(args []string) error {
	o := parse(args, nil, false)
	a.note(nssNote)
	switch {
	case o.has("i"):
		a.step(append([]string{"add", o.get("i"), "--db", "key.ckdb"}, a.secret("--in-password", sourcePassword, o.has("W", "w"))...)...)
	case o.has("o"):
		a.step(append([]string{"copy", o.get("n"), "--key", "--db", "key.ckdb", "--to", o.get("o"), "--type", "pkcs12"},
			a.secret("--to-password", targetPassword, o.has("W", "w"))...)...)
	case o.has("l"):
		a.step(append([]string{"list", "--db", o.get("l")}, a.secret("--password", sourcePassword, o.has("W", "w"))...)...)
	default:
		return unknown("pk12util's commands that are known are -i, -o and -l")
	}
	return nil
}
