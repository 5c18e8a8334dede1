package gskcapi

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/entries"
)

// kinds are the names of database types, and what they are called in package kdb.
var kinds = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"cms": "cms", "kdb": "cms", "pkcs12": "pkcs12", "p12": "pkcs12", "pfx": "pkcs12", "jks": "jks", "jceks": "jceks", "ckdb": "ckdb",
	}
})

// suffixes say what a new file is if nothing else does.
var suffixes = sync.OnceValue(func() map[string]string {
	return map[string]string{
		".kdb": "cms", ".p12": "pkcs12", ".pfx": "pkcs12", ".jks": "jks", ".jceks": "jceks", ".ckdb": "ckdb",
	}
})

// kind is the type of a new database: that of the option, else by the suffix, else otherwise.
func (p *program) kind(option, path, otherwise string) (string, error) {
	if !p.has(option) {
		if kind := suffixes()[strings.ToLower(filepath.Ext(path))]; kind != "" {
			return kind, nil
		}
		return otherwise, nil
	}
	kind := kinds()[strings.ToLower(p.given[option])]
	if kind == "" {
		return "", &failure{status: 134, why: fmt.Sprintf("there is no database type %q", p.given[option])}
	}
	return kind, nil
}

// profile is the version of a new CMS database: 6, or 4 for those that cannot read it.
func (p *program) profile(kind string) (string, error) {
	if !p.has("pqc") || kind != "cms" {
		return "", nil
	}
	pqc, err := readTruth(p.given["pqc"])
	if err == nil && !pqc {
		return "4", nil
	}
	return "", err
}

// location is the path of a database. The Java tool adds the suffix of a CMS database that is named without.
func (p *program) location() string {
	path := p.given["db"]
	if p.layout == java && filepath.Ext(path) == "" && kinds()[strings.ToLower(p.given["type"])] != "jks" {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return path + ".kdb"
		}
	}
	return path
}

// source is where a password comes from: the option, the stash, or a person.
func (p *program) source(password, stashed string) op.Source {
	switch {
	case p.has(password):
		return op.FromBytes([]byte(p.given[password]))
	case p.has(stashed):
		return op.FromStash()
	}
	return op.FromPrompt()
}

func (p *program) db() op.DB {
	return op.DB{Location: p.location(), Password: op.Password{Source: p.source("pw", "stashed")}, LockTimeout: op.DefaultLockTimeout}
}

func (p *program) open() (*op.Session, error) {
	if _, err := p.kind("type", "", ""); err != nil {
		return nil, err
	}
	return op.Open(p.ctx, p.env, p.db())
}

// with opens the database for fn.
func (p *program) with(fn func(*op.Session) error) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Verify(p.ctx); err != nil { // the tools need the password for everything
		return err
	}
	if p.namesEntry() {
		if err := p.resolve(s); err != nil {
			return err
		}
	}
	return fn(s)
}

// days reads -expire.
func (p *program) days(otherwise, most int) (int, error) {
	if !p.has("expire") {
		return otherwise, nil
	}
	days, err := strconv.Atoi(p.given["expire"])
	if err != nil || days < 0 || days > most {
		return 0, &failure{status: 65, why: fmt.Sprintf("-expire %q is not a number of days from 0 to %d", p.given["expire"], most)}
	}
	return days, nil
}

// maxDays is the limit of -expire (unconfirmed: 7300 days in IBM's guide for passwords).
const maxDays = 36500

// newPassword gets the password for a new database or a changed one, and holds it against the rules.
func (p *program) newPassword(option, what string) ([]byte, error) {
	password := []byte(p.given[option])
	switch {
	case p.has("genpw"):
		return generate(genpwLength, true), nil
	case !p.has(option):
		asked := op.NewPassword{Password: op.Password{Source: op.FromPrompt()}}
		var err error
		if password, err = asked.Get(p.env, what); err != nil {
			return nil, err
		}
	}
	if len(password) == 0 {
		return nil, &failure{status: 130, why: "the password is empty"}
	}
	if p.has("strong") {
		return password, checkStrong(password)
	}
	return password, nil
}

// genpwLength is how long generated passwords are (unconfirmed).
const genpwLength = 28

// createDB makes a database with its stash, empty or with the certificates of the public CAs.
func (p *program) createDB() error {
	if _, err := p.days(0, maxDays); err != nil {
		return err
	}
	if p.has("genpw") && !p.stashes() {
		return &failure{status: 65, why: "-genpw needs -stash: nobody would know the password"}
	}
	path := p.location()
	o, err := p.newDatabase("type", path, "cms")
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return &failure{status: 9, why: fmt.Sprintf("%q exists", path)}
	}
	password, err := p.newPassword("pw", path)
	if err != nil {
		return err
	}
	defer clear(password)
	o.NewPassword.Source = op.FromBytes(password)
	stale := []string{".rdb", ".crl", ".sth"}
	if err := p.inPlaceOf(stale, o, func() error { return p.make(o) }); err != nil {
		return err
	}
	return p.expireNew(o)
}

// newDatabase is a database to be made at a path, without its password.
func (p *program) newDatabase(option, path, otherwise string) (databases.Init, error) {
	o := databases.Init{DB: op.DB{Location: path, LockTimeout: op.DefaultLockTimeout}, Stash: p.stashes(), OldStash: p.has("v1stash")}
	var err error
	if o.Type, err = p.kind(option, path, otherwise); err == nil {
		o.Profile, err = p.profile(o.Type)
	}
	return o, err
}

// make makes the database, with the certificates of the public CAs on demand. They are tried first, so that a failure leaves no empty
// database.
func (p *program) make(o databases.Init) error {
	if p.has("populate") {
		_, err := databases.RunNew(p.ctx, p.env, o, false, publicCAs(p.env.Now(), systemBundle(p.env, systemBundles)))
		return err
	}
	s, _, err := o.Run(p.ctx, p.env)
	if err != nil {
		return err
	}
	return s.Close()
}

// expireNew says when the password of a new database expires.
func (p *program) expireNew(o databases.Init) error {
	if o.Type != "cms" || !p.has("expire") {
		return nil
	}
	s, err := op.Open(p.ctx, p.env, op.DB{
		Location: o.DB.Location, Password: op.Password{Source: o.NewPassword.Source}, LockTimeout: op.DefaultLockTimeout,
	})
	if err != nil {
		return err
	}
	defer s.Close()
	return p.expirePassword(s, "cms")
}

// expirePassword makes the password of a CMS database expire after -expire days, 0 or none being never; the other kinds have no place for
// that.
func (p *program) expirePassword(s *op.Session, format string) error {
	days, err := p.days(0, maxDays)
	if err != nil || format != "cms" {
		return err
	}
	var at time.Time
	if days > 0 {
		at = p.env.Now().AddDate(0, 0, days)
	}
	_, err = op.Perform(p.ctx, s, databases.ExpirePassword{At: at})
	return err
}

// inPlaceOf makes a database where companions of an old one may lie, which would stand in its way: without their .kdb they are stale. They
// are renamed, because a request in them may still be wanted, and so is the stash of another database if the new one is to have a stash.
func (p *program) inPlaceOf(stale []string, o databases.Init, create func() error) error {
	path := o.DB.Location
	base := strings.TrimSuffix(path, filepath.Ext(path))
	var moved []string
	defer func() {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			for _, file := range moved {
				_ = os.Rename(file+".old", file) // else it keeps its new name
			}
		}
	}()
	aside := func(endings []string) error {
		for _, ending := range endings {
			switch err := os.Rename(base+ending, base+ending+".old"); {
			case errors.Is(err, fs.ErrNotExist):
			case err != nil:
				return &failure{status: 8, why: fmt.Sprintf("%q is in the way: %v", base+ending, op.UnwrapPath(err))}
			default:
				moved = append(moved, base+ending)
			}
		}
		return nil
	}
	if _, err := os.Lstat(path); err == nil || o.Type != "cms" && hasSibling(base) {
		stale = nil
	}
	if err := p.undoKilled(path, base, stale); err != nil {
		return err
	}
	if err := aside(stale); err != nil {
		return err
	}
	err := create()
	if _, exists := os.Lstat(path); o.Stash && op.ClassOf(err) == op.ClassDatabaseExists && exists != nil {
		if err = aside([]string{".sth"}); err == nil {
			err = create()
		}
	}
	return err
}

// undoKilled removes the files that an attempt to make the database has left: they are no old ones.
func (p *program) undoKilled(path, base string, stale []string) error {
	if stale == nil {
		return nil
	}
	pieces := []op.Piece{{Path: path}, {Path: base + ".rdb"}, {Path: base + ".crl"}, {Path: base + ".sth"}}
	return op.FinishTogether(p.ctx, p.env, op.DefaultLockTimeout, pieces)
}

// hasSibling says that there is a database of the same name, to which a stash may belong.
func hasSibling(base string) bool {
	return slices.ContainsFunc([]string{".kdb", ".p12", ".pfx", ".jks"}, func(ending string) bool {
		_, err := os.Lstat(base + ending)
		return err == nil
	})
}

// stashes says that a stash is to be made; -v1stash makes one that versions of GSKit before 8.0.50.69 read.
func (p *program) stashes() bool {
	return p.has("stash") || p.has("v1stash") || p.action.name == "create" && p.has("stashed")
}

func (p *program) deleteDB() error {
	return p.with(func(s *op.Session) error {
		_, err := op.Perform(p.ctx, s, databases.Remove{})
		return err
	})
}

// changePassword sets a password, which may be the old one. A stash with the old password gets the new one.
func (p *program) changePassword() error {
	if _, err := p.days(0, maxDays); err != nil {
		return err
	}
	return p.with(func(s *op.Session) error {
		if _, err := (databases.Passwd{}).Plan(p.ctx, s); err != nil {
			return err
		}
		password, err := p.newPassword("target_pw", s.Location)
		if err != nil {
			return err
		}
		defer clear(password)
		o := databases.Passwd{NewPassword: op.NewPassword{Password: op.Password{Source: op.FromBytes(password)}}}
		if _, err := op.Perform(p.ctx, s, o); err != nil {
			return err
		}
		format, err := s.Kind()
		if err == nil {
			err = p.expirePassword(s, format)
		}
		if err != nil || !p.stashes() {
			return err
		}
		_, err = op.Perform(p.ctx, s, databases.CreateStash{Old: p.has("v1stash")})
		return err
	})
}

func (p *program) stash() error {
	return p.with(func(s *op.Session) error {
		_, err := op.Perform(p.ctx, s, databases.CreateStash{Old: p.has("v1stash")})
		return err
	})
}

// expiry shows when the password expires, 0 being never.
func (p *program) expiry() error {
	return p.with(func(s *op.Session) error {
		if _, err := (databases.Passwd{}).Plan(p.ctx, s); err != nil {
			return err
		}
		format, err := s.Kind()
		if err != nil {
			return err
		}
		var at time.Time
		if format == "cms" {
			if at, err = (databases.PasswordExpiry{}).Run(p.ctx, s); err != nil {
				return err
			}
		}
		if at.IsZero() {
			return p.print("Password expiry: 0\n")
		}
		return p.print("Password expiry: " + clock(at) + "\n")
	})
}

// types are the database types that can be made (the layout is unconfirmed).
func (p *program) types() error {
	var out bytes.Buffer
	for _, kind := range []string{"CMS", "PKCS12", "JKS", "CKDB"} {
		fmt.Fprintln(&out, kind)
	}
	return p.print(out.String())
}

// convert copies everything into a new database.
func (p *program) convert() error {
	if _, err := p.days(0, maxDays); err != nil {
		return err
	}
	return p.with(func(s *op.Session) error {
		target, err := p.convertTarget()
		if err != nil {
			return err
		}
		o, err := p.newDatabase("target_type", target, "")
		if err != nil {
			return err
		}
		password, err := p.passwordLike(s)
		if err != nil {
			return err
		}
		defer clear(password)
		o.NewPassword.Source = op.FromBytes(password)
		from, err := p.converted(s, o.Type)
		if err != nil {
			return err
		}
		var copied entries.Added
		err = p.inPlaceOf([]string{".rdb", ".crl"}, o, func() (err error) {
			copied, err = from.CopyTo(p.ctx, o, true)
			return err
		})
		if err == nil {
			err = p.expireNew(o)
		}
		if err != nil {
			return err
		}
		return copied.Incomplete()
	})
}

// converted is what goes into the new database: everything, but for requests, which only some kinds of database hold. GSKit has them in
// the .rdb, which it does not convert.
func (p *program) converted(s *op.Session, kind string) (entries.Copy, error) {
	requests, err := p.entriesOf(s, request)
	if err != nil || len(requests) == 0 || kind == "cms" || kind == "ckdb" {
		return entries.Copy{From: s, All: true, CAKeys: true}, err
	}
	labels, err := p.exported(s, []string{personal, trusted, secretKey})
	return entries.Copy{From: s, Labels: labels, CAKeys: true}, err
}

// convertTarget is the path of the new database: by default that of the old one with the suffix of the new type.
func (p *program) convertTarget() (string, error) {
	kind, err := p.kind("target_type", "", "")
	if err != nil || p.has("target") {
		return p.given["target"], err
	}
	for _, suffix := range []string{".kdb", ".p12", ".jks", ".jceks", ".ckdb"} {
		if suffixes()[suffix] == kind {
			return strings.TrimSuffix(p.given["db"], filepath.Ext(p.given["db"])) + suffix, nil
		}
	}
	return "", &failure{status: 134}
}

// passwordLike is the password of a new database: the one that is given, else that of the old database.
func (p *program) passwordLike(s *op.Session) ([]byte, error) {
	if p.has("target_pw") {
		return p.newPassword("target_pw", p.given["target"])
	}
	password, err := databases.PasswordOf(p.ctx, s)
	if err == nil && len(password) == 0 {
		return p.newPassword("target_pw", p.given["target"])
	}
	return slices.Clone(password), err
}
