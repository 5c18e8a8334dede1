// Package trust makes other programs trust the trusted certificates of a database: through the anchors of the operating system, the key
// store of Java, or a database of NSS.
//
//	done, err := trust.Change{Labels: []string{"corp-root"}, Targets: []trust.Target{{Kind: trust.System}}}.Run(ctx, s)
//
// What is put there has a name that is made of the label and the fingerprint. Only such names are ever replaced or removed, and only if the
// certificate is the one that the name says. macOS and Windows keep certificates without names: there, removing a certificate also removes
// one that the system had before. Private keys never leave.
package trust

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// Kind is a kind of place where programs look for trusted certificates.
type Kind string

// The kinds of places.
const (
	System Kind = "system" // the operating system's
	Java   Kind = "java"   // cacerts of a Java runtime
	NSS    Kind = "nss"    // of Firefox, Chromium and others
)

// Target is a place. Place is a file or folder; "" is the usual one.
type Target struct {
	Kind  Kind   `json:"kind"`
	Place string `json:"place,omitempty"`
}

// Kinds are the names of the kinds of places.
func Kinds() []string { return []string{string(System), string(Java), string(NSS)} }

// ParseTarget reads KIND or KIND:PLACE.
func ParseTarget(field op.Field, text string) (Target, error) {
	kind, place, _ := strings.Cut(text, ":")
	t := Target{Kind: Kind(strings.ToLower(kind)), Place: place}
	if !slices.Contains(Kinds(), string(t.Kind)) {
		return t, &op.Invalid{Field: field, Value: text, Reason: "unknown kind of trust store", Wanted: "use system, java[:FILE] or nss[:FOLDER]"}
	}
	return t, nil
}

// Change installs the entries in all targets, or removes them.
type Change struct {
	Labels  []string
	All     bool // every trusted entry
	Remove  bool
	Targets []Target
	// Root is the folder in which the system to change is mounted, "" for the one that runs.
	Root string
	// Password is that of a Java key store, else "changeit", or of an NSS database. It is read once for all targets.
	Password op.Password

	password password
}

// password returns the password of a target, nil if none is given.
type password func(target string) ([]byte, error)

// readOnce reads a password when the first target needs it; forget clears it.
func readOnce(env *op.Env, p op.Password) (read password, forget func()) {
	var text []byte
	return func(target string) (_ []byte, err error) {
		if text == nil && p.Given() {
			text, err = p.Read(env, target)
		}
		return text, err
	}, func() { clear(text) }
}

// Changed tells what was done in each target.
type Changed struct {
	Targets []Outcome `json:"targets"`
}

// Outcome tells about one target.
type Outcome struct {
	Target
	Actions []Action `json:"actions"`
	Notes   []string `json:"notes"`
	Error   string   `json:"error,omitempty"`

	err error
}

// Err is what went wrong, nil if nothing did. Error is its text.
func (o *Outcome) Err() error { return o.err }

// Action tells about one name in a target.
type Action struct {
	Action string `json:"action"` // "installed", "removed" or "unchanged"
	Label  string `json:"label"`
	Name   string `json:"name,omitempty"`
}

// The actions.
const (
	Installed = "installed"
	Removed   = "removed"
	Unchanged = "unchanged"
)

// HasChanged says whether anything was changed, or would be.
func (c Changed) HasChanged() bool {
	return slices.ContainsFunc(c.Targets, func(o Outcome) bool {
		return slices.ContainsFunc(o.Actions, func(a Action) bool { return a.Action != Unchanged })
	})
}

// Incomplete is the first error among the targets.
func (c Changed) Incomplete() error {
	for _, o := range c.Targets {
		if o.err != nil {
			return o.err
		}
	}
	return nil
}

// anchor is a certificate to install, or with nothing but a label one to remove.
type anchor struct {
	label string
	der   []byte
}

// prefix begins the names of all certificates of a label.
func (a *anchor) prefix() string {
	readable := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, a.label)
	sum := sha256.Sum256([]byte(a.label))
	return fmt.Sprintf("certkdb-%.40s-%x-", readable, sum[:4])
}

func (a *anchor) name() string { return a.prefix() + fingerprint(a.der) }

// fingerprint is the end of a name: the first 8 bytes of the certificate's SHA-256.
func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:8])
}

// isOurs says whether a name is one of ours, and the certificate with it the right one.
func isOurs(name string, der []byte) bool {
	return strings.HasPrefix(name, "certkdb-") && strings.HasSuffix(name, "-"+fingerprint(der))
}

// store is where certificates are installed.
type store interface {
	// list returns our names in it.
	list(ctx context.Context, anchors []anchor) ([]string, error)
	// change adds certificates and removes names. It returns notes for people.
	change(ctx context.Context, add []anchor, remove []string) (notes []string, err error)
}

// Run changes the targets. What goes wrong with one is in the result, and the others are changed all the same.
func (c Change) Run(ctx context.Context, s *op.Session) (Changed, error) {
	anchors, err := c.anchors(ctx, s)
	if err != nil {
		return Changed{}, err
	}
	var done Changed
	var forget func()
	c.password, forget = readOnce(s.Env, c.Password)
	defer forget()
	for _, t := range c.Targets {
		o := Outcome{Target: t, Actions: []Action{}}
		if o.err = c.runOne(ctx, s, &o, anchors); o.err != nil {
			o.err = fmt.Errorf("%s trust store: %w", t.Kind, c.rights(t, s.Location, o.err))
			o.Error = o.err.Error()
		}
		done.Targets = append(done.Targets, o)
		if ctx.Err() != nil {
			return done, op.InterruptedAt(ctx.Err(), op.ProgressPart)
		}
	}
	return done, nil
}

// rights marks an error of a target as one of missing rights to change the running system. location is the database: root has another one
// by default.
func (c Change) rights(t Target, location string, err error) error {
	if t != (Target{Kind: System}) || c.Root != "" || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if full, err := filepath.Abs(location); err == nil {
		location = full
	}
	return &op.Problem{Code: op.SystemTrust, Location: location, Err: err}
}

// anchors reads the certificates. A label to remove need not be in the database any more.
func (c Change) anchors(ctx context.Context, s *op.Session) ([]anchor, error) {
	if c.All == (len(c.Labels) > 0) {
		return nil, op.Need(op.FieldLabels, op.FieldAll)
	}
	var anchors []anchor
	err := s.View(ctx, func(tx kdb.Tx) error {
		labels := c.Labels
		for summary, err := range tx.Summaries("") {
			if !c.All {
				break
			}
			if err != nil {
				return err
			}
			if summary.Trusted && summary.ChainLength > 0 {
				labels = append(labels, summary.Label)
			}
		}
		anchors = nil
		for _, label := range labels {
			e, err := tx.Entry(label)
			switch {
			case errors.Is(err, kdb.ErrNotFound) && c.Remove:
				anchors = append(anchors, anchor{label: label})
				continue
			case errors.Is(err, kdb.ErrNotFound):
				return &op.NotFound{Label: label}
			case err != nil:
				return err
			case !c.Remove && (!e.Trusted || len(e.Certificates) == 0):
				return &op.WrongKind{
					Label: label, Kind: e.Kind, Reason: "only trusted certificates are installed, and it is not trusted",
					Untrusted: len(e.Certificates) > 0,
				}
			case len(e.Certificates) == 0:
				anchors = append(anchors, anchor{label: label})
				continue
			}
			anchors = append(anchors, anchor{label: label, der: e.Certificates[0]})
		}
		return nil
	})
	return anchors, err
}

// runOne changes one target: of each label it then has the certificate of the database and no other, or none.
func (c Change) runOne(ctx context.Context, s *op.Session, o *Outcome, anchors []anchor) error {
	st, err := c.open(s.Env, o)
	if err != nil {
		return err
	}
	names, err := st.list(ctx, anchors)
	if err != nil {
		return err
	}
	var add []anchor
	var remove []string
	for _, a := range anchors {
		there := false
		for _, name := range names {
			switch {
			case !strings.HasPrefix(name, a.prefix()):
			case !c.Remove && name == a.name():
				there = true
			default:
				remove = append(remove, name)
				o.Actions = append(o.Actions, Action{Removed, a.label, name})
			}
		}
		switch {
		case there:
			o.Actions = append(o.Actions, Action{Unchanged, a.label, a.name()})
		case !c.Remove:
			add = append(add, a)
			o.Actions = append(o.Actions, Action{Installed, a.label, a.name()})
		case !slices.ContainsFunc(o.Actions, func(b Action) bool { return b.Label == a.label }):
			o.Actions = append(o.Actions, Action{Action: Unchanged, Label: a.label})
		}
	}
	if s.DryRun || len(add)+len(remove) == 0 {
		return nil
	}
	if o.Notes, err = st.change(ctx, add, remove); err != nil {
		o.Actions = []Action{}
	}
	return err
}

// within resolves a path below the root: symbolic links lead to places below the root too. More of them than the system follows are an
// error: it would follow them from where this stopped, out of the root.
func within(root, path string) (string, error) {
	if root == "" {
		return path, nil
	}
	done := "/"
	parts := strings.Split(filepath.ToSlash(path), "/")
	for links := 0; len(parts) > 0; {
		part := parts[0]
		parts = parts[1:]
		next := filepath.Join(done, part) // also for ".."
		target, err := os.Readlink(filepath.Join(root, next))
		if err != nil {
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("resolving %q below %q: more than %d symbolic links", path, root, maxLinks)
		}
		if filepath.IsAbs(target) {
			done = "/"
		}
		parts = append(strings.Split(filepath.ToSlash(target), "/"), parts...)
	}
	return filepath.Join(root, done), nil
}

// maxLinks bounds how many symbolic links are followed, as the system does.
const maxLinks = 40
