package native

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/inspect"
	"certkdb/kdb"
)

// stores are the databases of a list.
type stores struct {
	c         *cli.Context
	env       *op.Env
	locations []string
	print     entryPrinter

	found      int
	unverified []error
	failed     []error // of several databases, those that cannot be read do not keep the others from being listed
	output     error   // nothing more can be printed
}

// listAll lists the databases one after the other.
func (l *stores) listAll(o inspect.List) error {
	for _, location := range l.locations {
		warning, err := l.listOne(location, o)
		switch {
		case l.output != nil:
			return l.output
		case err != nil && (len(l.locations) == 1 || l.c.Context.Err() != nil):
			return err
		case err != nil:
			l.failed = append(l.failed, err)
		}
		if warning != nil {
			l.unverified = append(l.unverified, warning)
		}
	}
	return nil
}

// end prints the warnings and returns the last of the errors of several databases.
func (l *stores) end() error {
	warnings := l.unverified
	if n := len(l.failed); n > 1 {
		warnings = append(warnings, l.failed[:n-1]...)
	}
	for _, warning := range warnings {
		if l.env.Warn != nil {
			l.env.Warn(warning)
		}
	}
	if n := len(l.failed); n > 0 {
		return l.failed[n-1]
	}
	return nil
}

// listOne lists one of the databases with the first of the passwords that fits. One of several databases may need none of them, because it
// has a stash. The warning says that it was read unverified.
func (l *stores) listOne(location string, o inspect.List) (warning, first error) {
	sources := allOf(l.c, flagPassword)
	if len(l.locations) > 1 && sources[0] != "" && databases.HasStash(location) {
		sources = slices.Concat(sources, []string{"stash"})
	}
	for _, source := range sources {
		warning, err := l.listWith(location, source, o)
		if !errors.Is(err, kdb.ErrPassword) && !errors.Is(err, kdb.ErrNoPassword) {
			return warning, err
		}
		first = cmp.Or(first, err)
	}
	return nil, first
}

// listWith lists a database with a password. No entry is read with one that does not fit.
func (l *stores) listWith(location, source string, o inspect.List) (warning, err error) {
	db, err := databaseWith(l.c, l.env, location, source)
	if err != nil {
		return nil, err
	}
	s, err := op.Open(l.c.Context, l.env, db)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	err = o.Run(l.c.Context, s, func(chunk []op.Entry) error {
		l.found += len(chunk)
		for i := range chunk {
			if len(l.locations) > 1 {
				chunk[i].Database = location
			}
		}
		l.output = l.print.print(chunk)
		return l.output
	})
	if err == nil {
		err = warnOfDamage(l.c, l.env, s, "kept and not shown")
	}
	if err == nil {
		warnShortened(l.env, s)
	}
	return s.Unverified(), err
}

// expanded replaces patterns, which a shell leaves alone in quotes, by the names of the files that match.
func expanded(locations []string) []string {
	var all []string
	for _, location := range locations {
		if _, err := os.Lstat(location); err != nil && strings.ContainsAny(location, "*?[") {
			if files, err := filepath.Glob(location); err == nil && len(files) > 0 {
				all = append(all, files...)
				continue
			}
		}
		all = append(all, location)
	}
	return all
}
