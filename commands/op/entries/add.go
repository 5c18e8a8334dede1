package entries

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/input"
	"certkdb/kdb"
)

// Add puts the contents of files into the database, all of it or nothing.
type Add struct {
	op.DB
	Files []string // "-" is standard input
	Label string   // for the one entry in the input
	// LabelFirst gives Label to the first of several entries; the others keep theirs.
	LabelFirst bool
	// CertificatesOnly refuses inputs with private keys.
	CertificatesOnly bool
	Only             string // only the entry with this label in the input
	Replace          bool
	SkipInvalid      bool
	NoTrust          bool
	InPassword       op.Password // of inputs that are databases or encrypted keys
	// Init makes the database if it is not there, once the input has proved to be good; nil makes none.
	Init *databases.Init
}

// Added tells what became of each entry of the input.
type Added struct {
	Changed
}

// Counts sums up in a sentence: "150 entries: 148 added, 2 unchanged".
func (a Added) Counts() string {
	counts := map[string]int{}
	var order []string
	for _, action := range a.Actions {
		if counts[action.Action] == 0 {
			order = append(order, action.Action)
		}
		counts[action.Action]++
	}
	text := fmt.Sprintf("%d entries:", len(a.Actions))
	for i, name := range order {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(" %d %s", counts[name], name)
	}
	return text
}

// Run adds. It looks first whether there is anything to add, so that adding again changes not even the file's time.
func (o Add) Run(ctx context.Context, env *op.Env) (Added, error) {
	in, err := input.Files{Names: o.Files, Password: o.InPassword, KeyPassword: o.KeyPassword, LockTimeout: o.LockTimeout, Lenient: o.SkipInvalid}.Open(ctx, env)
	if err != nil {
		return Added{}, err
	}
	defer in.Close()
	if err := o.init(ctx, env, in); err != nil {
		return Added{}, err
	}
	db, err := o.Open(ctx, env)
	if err != nil {
		return Added{}, err
	}
	defer db.Close()
	for {
		added, err := o.attempt(ctx, db, in)
		missing, ok := errors.AsType[input.PasswordMissing](err)
		if !ok {
			return added, err
		}
		if err := in.Ask(missing.Where); err != nil { // while nothing is locked
			return added, err
		}
	}
}

// init makes a database that is not there. A bad input leaves none behind.
func (o Add) init(ctx context.Context, env *op.Env, in *input.Input) error {
	location, err := o.Path(env)
	if err != nil || o.Init == nil {
		return err
	}
	if exists, err := kdb.Exists(ctx, env.Drivers, location); exists || err != nil {
		return err
	}
	for _, err := range o.wanted(in.Entries()) {
		if err != nil {
			return err
		}
	}
	_, err = o.Init.Run(ctx, env)
	return err
}

// attempt adds, unless a password turns out to be missing.
func (o Add) attempt(ctx context.Context, db kdb.Database, in *input.Input) (Added, error) {
	var added Added
	err := db.View(ctx, func(tx kdb.Tx) error { return o.addAll(unchanging{tx}, in, &added.Changed) })
	if !errors.Is(err, errChanges) {
		return added, err
	}
	err = db.Update(ctx, "add", func(tx kdb.Tx) error {
		added = Added{}
		return o.addAll(tx, in, &added.Changed)
	})
	return added, err
}

// errChanges says that there is something to add.
var errChanges = errors.New("something is to be added")

// unchanging is a transaction that ends at the first change.
type unchanging struct{ kdb.Tx }

func (unchanging) Put(kdb.Entry) error { return errChanges }

// addAll puts every entry of the input.
func (o Add) addAll(tx kdb.Tx, in *input.Input, changed *Changed) error {
	for entry, err := range o.wanted(in.Entries()) {
		if err != nil && o.SkipInvalid && errors.Is(err, kdb.ErrParse) {
			changed.note(Action{Action: "skipped", Reason: err.Error()})
			continue
		}
		if err != nil {
			return err
		}
		if err := put(tx, entry, o.Replace, changed); err != nil {
			return err
		}
	}
	if o.Only != "" && len(changed.Actions) == 0 {
		return fmt.Errorf("label %q: %w in the input", o.Only, kdb.ErrNotFound)
	}
	return nil
}

// wanted yields the entries that were asked for, with the label and the trust that were asked for.
func (o Add) wanted(entries iter.Seq2[kdb.Entry, error]) iter.Seq2[kdb.Entry, error] {
	return func(yield func(kdb.Entry, error) bool) {
		n := 0
		for entry, err := range entries {
			if err == nil && o.Only != "" && entry.Label != o.Only {
				continue
			}
			if err == nil {
				n++
				err = o.adapt(&entry, n)
			}
			if !yield(entry, err) {
				return
			}
		}
	}
}

func (o Add) adapt(entry *kdb.Entry, n int) error {
	if o.CertificatesOnly && entry.Kind != kdb.KindTrusted {
		return fmt.Errorf("%w: the input has a private key, and only certificates are expected", op.ErrUsage)
	}
	if o.NoTrust {
		entry.Trusted = false
	}
	if o.Label == "" || n > 1 && o.LabelFirst {
		return nil
	}
	if n > 1 {
		return op.WithHint(fmt.Errorf("%w: --label names one entry, and the input has several", op.ErrUsage),
			"leave --label out, or choose one of them with --only")
	}
	entry.Label = o.Label
	return nil
}

// put stores an entry unless it is there already with the same content; with other content it needs replace.
func put(tx kdb.Tx, entry kdb.Entry, replace bool, changed *Changed) error {
	action := Action{Label: entry.Label, Action: "added", Kind: entry.Kind.String(), SHA256: op.HexDigest(entry.Fingerprint())}
	old, err := tx.Summary(entry.Label)
	switch {
	case errors.Is(err, kdb.ErrNotFound):
	case err != nil:
		return err
	default:
		same, err := sameContent(tx, &old, &entry)
		if err != nil {
			return err
		}
		if same {
			action.Action, action.Label = "unchanged", old.Label
			changed.note(action)
			return nil
		}
		if !replace {
			return op.WithHint(fmt.Errorf("label %q: %w with other content", entry.Label, kdb.ErrExists),
				"replace it with --replace, or choose another label with --label")
		}
		action.Action = "replaced"
	}
	if err := tx.Put(entry); err != nil {
		if entry.Kind == kdb.KindPersonal && len(entry.Certificates) == 0 && errors.Is(err, kdb.ErrUnsupported) {
			err = op.WithHint(err, "a private key is kept with its certificate: put that beside it with certkdb receive, or name only the other labels")
		}
		return err
	}
	now, err := tx.Summary(entry.Label)
	if action.Label = now.Label; err != nil {
		return err
	}
	if action.Action == "replaced" {
		action.Reason, err = LostMarks(tx, &old)
	}
	action.Reason = cmp.Or(action.Reason, notKept(&entry, &now))
	changed.note(action)
	return err
}

// notKept says which marks of a new entry this kind of database has no place for; "" if it keeps all.
func notKept(entry *kdb.Entry, now *kdb.Summary) string {
	trusted, isDefault := entry.Trusted && !now.Trusted, entry.Default && !now.Default
	switch {
	case trusted && isDefault:
		return "this kind of database keeps neither that it is trusted nor that it is the default entry"
	case trusted:
		return "this kind of database does not keep that it is trusted"
	case isDefault:
		return "this kind of database does not keep that it is the default entry"
	}
	return ""
}

// sameContent compares what an entry holds. Trust is not content: adding a certificate again does not trust it again.
func sameContent(tx kdb.Tx, old *kdb.Summary, entry *kdb.Entry) (bool, error) {
	if old.Kind == kdb.KindPersonal && entry.Kind == kdb.KindTrusted && len(entry.Certificates) == 1 {
		return old.SHA256 == entry.Fingerprint(), nil // the certificate of a key that is here
	}
	if old.Kind != entry.Kind || old.SHA256 != entry.Fingerprint() || old.ChainLength < len(entry.Certificates) {
		return false, nil
	}
	if len(entry.Certificates) > 1 || old.ChainLength > 1 {
		have, err := tx.Entry(entry.Label)
		if err != nil {
			return false, err
		}
		// Formats that keep each certificate once show the issuers that they have besides.
		return slices.EqualFunc(have.Certificates[:len(entry.Certificates)], entry.Certificates, slices.Equal), nil
	}
	if entry.Kind == kdb.KindSecretKey {
		key, err := tx.Key(entry.Label)
		return slices.Equal(key, entry.Key), err
	}
	return true, nil // a certificate or request has one private key
}
