package entries

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/input"
	"certkdb/kdb"
)

// Copy puts entries of another database into the one of the session: those with the labels, all, or what is trusted.
type Copy struct {
	From   *op.Session
	Labels []string
	All    bool
	// Trusted copies the certificates that are trusted, whatever the kind of their entries, without keys and chains.
	Trusted bool
	// Certificates copies certificates without keys and chains. They stay trusted, or not.
	Certificates bool
	// CAKeys allows that private keys of CAs are copied.
	CAKeys  bool
	Replace bool
	// SkipUnsupported leaves out entries that the target cannot hold, lists them as skipped, and calls that a success.
	SkipUnsupported bool
	// SkipDamaged leaves out what cannot be read, of all or of what is trusted, and lists it. The result is then incomplete, with an error
	// that wraps kdb.ErrCorrupt.
	SkipDamaged bool
	// Existing says what becomes of an entry whose label the target has with other content; "" is an error, or with Replace that it is
	// replaced.
	Existing Existing
	// Brief is that of Add, for a copy that holds only a part of the entries in memory at a time.
	Brief bool
}

// Existing is what is done about a label that the target has already with other content.
type Existing string

// What is done about such a label: the target's entry stays, the copy takes its place, or the copy gets a number behind its label.
const (
	ExistingKeep    Existing = "keep"
	ExistingReplace Existing = "replace"
	ExistingRename  Existing = "rename"
)

// ExistingRules are what an Existing may be.
func ExistingRules() []string {
	return []string{string(ExistingKeep), string(ExistingReplace), string(ExistingRename)}
}

// replacing is the rule of a switch that has entries replaced.
func replacing(on bool) Existing {
	if on {
		return ExistingReplace
	}
	return ""
}

// check refuses any other.
func (e Existing) check() error {
	if e == "" || slices.Contains(ExistingRules(), string(e)) {
		return nil
	}
	return &op.Invalid{Field: op.FieldExisting, Value: string(e), Wanted: op.Choice(ExistingRules())}
}

// Plan reads the entries, or of many in a native database what has to be known before they are copied. Before private keys are copied, that
// is noted in the audit log of the database that they come from; not if nothing in the target changes.
func (o Copy) Plan(ctx context.Context, s *op.Session) (op.Plan[Added], error) {
	if err := o.check(); err != nil {
		return op.Plan[Added]{}, err
	}
	if err := o.Existing.check(); err != nil {
		return op.Plan[Added]{}, err
	}
	info, err := s.Database().Info(ctx)
	if err != nil {
		return op.Plan[Added]{}, err
	}
	streams, err := o.streams(ctx, info.Format)
	if err != nil {
		return op.Plan[Added]{}, err
	}
	var source selection
	if streams {
		source, err = o.stream(ctx)
	} else {
		source, err = o.hold(ctx, info.Format)
	}
	return op.Plan[Added]{
		Name: "copy", Close: source.close, Streams: streams,
		BeforeChange: func(ctx context.Context) error { return o.noteKeys(ctx, source.keys) },
		Apply: func(tx kdb.Tx) (Added, error) {
			run := copying{Copy: o, env: s.Env, number: source.number, guard: s.Guard, brief: o.Brief && streams}
			run.All = o.All || o.SkipDamaged
			added, err := run.all(tx, source.each, func(entry *kdb.Entry, action *Action) {
				action.PrivateKey = action.Action.changes() && len(entry.Key) > 0 && entry.Kind != kdb.KindSecretKey
				action.Reason = join(action.Reason, cmp.Or(source.records[entry.Label], readers(info.Format, entry)))
				if action.Action.changes() {
					action.Reason = join(action.Reason, source.completed[entry.Label])
				}
			})
			if err != nil {
				return added, err
			}
			return added, noteTwins(tx, info.Format, added.Actions)
		},
	}, err
}

// selection is the entries that a plan copies, and what it knows of them.
type selection struct {
	// each calls fn with each entry and its key, as often as it is called itself, and adds to left what cannot be read.
	each    func(left *leftOut, fn func(*kdb.Entry) error) error
	number  int               // of the entries
	close   func()            // clears the keys
	keys    []string          // the labels of the entries with keys
	records map[string]string // what recorded says of a label
	// completed says with which issuers the chain of a label was completed.
	completed map[string]string
}

// hold reads the entries into memory.
func (o Copy) hold(ctx context.Context, target string) (selection, error) {
	from, err := o.source(ctx)
	if err != nil {
		return selection{}, err
	}
	defer from.close() // what is held in memory closes without error
	entries, closed, err := o.read(ctx, from)
	all := selection{number: len(entries), close: func() { op.ClearKeys(entries) }}
	if err == nil {
		err = o.trustLess(ctx, entries, target)
	}
	if err != nil {
		return all, err
	}
	o.warnOfKept(ctx)
	all.each = func(left *leftOut, fn func(*kdb.Entry) error) error {
		*left = closed.clone()
		for i := range entries {
			if err := fn(&entries[i]); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range entries {
		if entries[i].Key != nil && target != "pkcs7" { // which cannot hold any
			all.keys = append(all.keys, entries[i].Label)
		}
	}
	err = from.View(ctx, func(tx kdb.Tx) (err error) {
		if all.records, err = recorded(tx, entries); err == nil && target != kdb.Native {
			all.completed, err = complete(tx, entries, o.From.Env.Now())
		}
		return err
	})
	if target == "cms" || target == "pkcs12" { // which have a certificate once, for all chains, under the label that it gets first
		slices.SortStableFunc(entries, func(a, b kdb.Entry) int { return min(len(a.Key), 1) - min(len(b.Key), 1) })
	}
	return all, err
}

// put stores an entry, and does what was asked for about a label that is there.
func (o Copy) put(tx kdb.Tx, entry kdb.Entry, changed *Changed, guard *op.Guard) error {
	label, key := entry.Label, entry.Key
	for n := 2; ; n++ {
		entry.Key = bytes.Clone(key) // the database may clear it
		err := put(tx, entry, cmp.Or(replacing(o.Replace), o.Existing), changed, guard)
		var exists *op.Exists
		switch {
		case err == nil:
			return noteDistrusted(tx, &entry, changed)
		case !errors.As(err, &exists) || o.Existing == "" || exists.Twin && o.Existing != ExistingRename:
			return err
		case o.Existing == ExistingKeep:
			changed.note(Action{
				Label: label, Action: ActionSkipped, Kind: entry.Kind, SHA256: op.HexDigest(entry.Fingerprint()),
				Reason: "the target has other content under this label, which stays",
			})
			return nil
		}
		entry.Label = fmt.Sprintf("%s (%d)", label, n)
	}
}

// noteDistrusted says of a trusted certificate that was in the target already that it is not trusted there.
func noteDistrusted(tx kdb.Tx, entry *kdb.Entry, changed *Changed) error {
	a := &changed.Actions[len(changed.Actions)-1]
	if a.Action != ActionUnchanged || !entry.Trusted {
		return nil
	}
	now, err := tx.Summary(a.Label)
	if err == nil && now.Kind == kdb.KindTrusted && !now.Trusted {
		a.Reason = "it is not trusted in the target"
	}
	return err
}

// check refuses what contradicts itself.
func (o Copy) check() error {
	if err := oneOf(o.Labels, o.All, o.Trusted); err != nil {
		return err
	}
	switch {
	case o.SkipDamaged && len(o.Labels) > 0:
		return op.Exclusive(op.FieldLabels, op.FieldSkipDamaged)
	case o.CAKeys && o.Trusted:
		return op.Exclusive(op.FieldKey, op.FieldTrusted)
	case o.CAKeys && o.Certificates:
		return op.Exclusive(op.FieldKey, op.FieldCertificates)
	}
	return nil
}

// oneOf says that entries have to be chosen in one of three ways.
func oneOf(labels []string, all, trusted bool) error {
	var given []op.Field
	for _, way := range []struct {
		field op.Field
		given bool
	}{{op.FieldLabels, len(labels) > 0}, {op.FieldAll, all}, {op.FieldTrusted, trusted}} {
		if way.given {
			given = append(given, way.field)
		}
	}
	switch len(given) {
	case 0:
		return op.Need(op.FieldLabels, op.FieldAll, op.FieldTrusted)
	case 1:
		return nil
	}
	return op.Exclusive(given...)
}

// CopyTo copies into a database that may have to be made first. newOnly refuses one that exists.
func (o Copy) CopyTo(ctx context.Context, to databases.Init, newOnly bool) (Added, error) {
	if to.DB.Location == "" {
		return Added{}, op.Need(op.FieldTo)
	}
	if to.DB.Location == op.Stdin {
		return Added{}, fmt.Errorf("%w: entries are copied to a file, not to standard output", op.ErrUsage)
	}
	if kdb.Same(o.From.Location, to.DB.Location) {
		return Added{}, fmt.Errorf("%w: source and target are the same file %q", op.ErrUsage, to.DB.Location)
	}
	if done, found, err := o.toNew(ctx, to, newOnly); err != nil || !found {
		return done, err
	}
	target, err := o.From.Other(ctx, to.DB)
	if err != nil {
		return Added{}, err
	}
	defer target.Close()
	return op.One(ctx, target, o)
}

// toNew copies into a database that it makes, unless there is one: found. Another process may be making it, for the same entries.
func (o Copy) toNew(ctx context.Context, to databases.Init, newOnly bool) (done Added, found bool, err error) {
	env := o.From.Env
	if !to.NewPassword.Wanted() {
		to.NewPassword.Source, to.NewPassword.Field = to.DB.Password.Source, cmp.Or(to.DB.Password.Field, to.NewPassword.Field)
	}
	exists, err := kdb.Exists(ctx, env.Drivers, to.DB.Location)
	if err == nil && !exists && !newOnly && !o.From.DryRun && !to.NewPassword.Waits(env) {
		var unlock func()
		if unlock, err = databases.Alone(ctx, env, to.DB); err != nil {
			return done, false, err
		}
		defer unlock()
		to.IsAlone = true
		exists, err = kdb.Exists(ctx, env.Drivers, to.DB.Location)
	}
	if err != nil || exists && !newOnly {
		return Added{}, exists, err
	}
	done, err = databases.RunNew(ctx, env, to, o.From.DryRun, o)
	if found = errors.Is(err, kdb.ErrDatabaseExists) && !newOnly; found { // where folders are not locked
		err = nil
	}
	return done, found, err
}

// join puts two reasons into one; either may be "".
func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// RecordsStay is the reason of an action about a CA whose records are not copied.
const RecordsStay = "the records of what it issued and revoked stay in the source only"

// recorded says of CAs that have issued something that the record of it, revocations and numbers of lists included, is not copied.
func recorded(tx kdb.Tx, entries []kdb.Entry) (map[string]string, error) {
	notes := map[string]string{}
	registry, ok := tx.(kdb.Registry)
	if !ok {
		return notes, nil
	}
	for i := range entries {
		entry := &entries[i]
		if entry.Kind != kdb.KindPersonal || len(entry.Certificates) == 0 {
			continue
		}
		issuer, err := op.IssuerID(entry.Certificates[0])
		if err != nil {
			continue // what cannot be read has issued nothing
		}
		for _, err := range registry.AllIssued(issuer) {
			if err != nil {
				return notes, err
			}
			notes[entry.Label] = RecordsStay
			break
		}
	}
	return notes, nil
}

// readers says which programs read a post-quantum key in a format that others were first to read; "" if there is nothing to say.
func readers(format string, entry *kdb.Entry) string {
	if entry.Kind != kdb.KindPersonal {
		return ""
	}
	s, err := kdb.Summarize(entry)
	if err != nil || !strings.HasPrefix(s.KeyType, "mldsa") {
		return ""
	}
	switch format { // RFC 9881; JEP 497
	case "jks":
		return "Java uses ML-DSA keys from version 24 on"
	case "pkcs12":
		return "OpenSSL uses ML-DSA keys from version 3.5 on, Java from 24"
	case "cms":
		return "GSKit is not known to use ML-DSA keys"
	}
	return ""
}

// read reads the entries. Among all, those whose keys do not open are left out.
func (o Copy) read(ctx context.Context, from intact) (entries []kdb.Entry, closed leftOut, err error) {
	closed = from.left
	err = from.View(ctx, func(tx kdb.Tx) (err error) {
		if o.Certificates || o.Trusted {
			entries, err = o.certificates(tx)
			return err
		}
		skip := func(s kdb.Summary, err error) bool {
			return from.damaged[s.Label] || o.leave(&closed, &s, err)
		}
		entries, err = op.ReadEntries(tx, o.Labels, o.All, skip)
		return err
	})
	if o.SkipDamaged {
		entries = from.without(entries, &closed)
	}
	switch {
	case err != nil:
		return entries, closed, err
	case len(entries) == 0:
		err = o.nothing(closed)
	case !o.CAKeys:
		err = refuseCAKeys(entries)
	}
	return entries, closed, err
}

// nothing is the error of a copy of no entry, which would make a database of nothing; nil if the source is empty.
func (o Copy) nothing(left leftOut) error {
	if o.Trusted && len(left.errs) == 0 {
		return op.Classify(errors.New("no entry is trusted"), kdb.ErrNotFound)
	}
	return cmp.Or(left.err(len(left.errs), op.PassesUnsupported), errors.Join(left.passed...))
}

// leave notes among all entries one that cannot be read, and says whether the copy goes on. Under SkipUnsupported, a secret key of no
// bytes, which no database can hold, and a key under a cipher that is not supported are left out without error.
func (o Copy) leave(left *leftOut, s *kdb.Summary, err error) bool {
	if o.SkipUnsupported && (errors.Is(err, op.ErrEmptySecret) || unsupported(err)) {
		left.pass(s, err)
		return true
	}
	return o.All && left.note(s.Label, s.Kind, err, unreadable)
}

// trustLess trusts only self-signed certificates of a source that has no marks, such as a PEM file, as adding that file does.
func (o Copy) trustLess(ctx context.Context, entries []kdb.Entry, target string) error {
	source, err := o.From.Database().Info(ctx)
	if err != nil || trustsAll(target) || !slices.Contains([]string{"pem", "der", "pkcs7"}, source.Format) {
		return err
	}
	for i := range entries {
		if e := &entries[i]; e.Kind == kdb.KindTrusted {
			e.Trusted = e.Trusted && input.SelfSigned(e)
		}
	}
	return nil
}

// certificates reads entries as certificates without keys and chains. Among all, entries that have no certificate are left out.
func (o Copy) certificates(tx kdb.Tx) (entries []kdb.Entry, err error) {
	labels := o.Labels
	if len(labels) == 0 {
		for s, err := range tx.Summaries("") {
			if err != nil {
				return nil, err
			}
			if s.ChainLength > 0 && (s.Trusted || !o.Trusted) {
				labels = append(labels, s.Label)
			}
		}
	}
	for _, label := range labels {
		s, err := op.MustHave(tx, label)
		if err != nil {
			return nil, err
		}
		if s.ChainLength == 0 {
			return nil, &op.WrongKind{Label: label, Kind: s.Kind, Reason: fmt.Sprintf("a %s has no certificate", s.Kind)}
		}
		e, err := tx.Entry(label)
		if err != nil {
			return nil, err
		}
		entries = append(entries, kdb.Entry{Label: e.Label, Kind: kdb.KindTrusted, Trusted: s.Trusted, Certificates: e.Certificates[:1]})
	}
	return entries, nil
}

// refuseCAKeys refuses to copy the private key of a CA: who has it can issue certificates in its name.
func refuseCAKeys(entries []kdb.Entry) error {
	for i := range entries {
		e := &entries[i]
		if e.Kind != kdb.KindPersonal || len(e.Key) == 0 {
			continue
		}
		if s, err := kdb.Summarize(e); err == nil && s.CA {
			return caKey(e.Label)
		}
	}
	return nil
}

func caKey(label string) error {
	err := fmt.Errorf("%w: label %q is a CA, and its private key would leave the database", op.ErrUsage, label)
	return &op.Problem{Code: op.CAKey, Label: label, Err: err}
}

// noteKeys notes in the source which keys are copied, before they are.
func (o Copy) noteKeys(ctx context.Context, labels []string) error {
	if len(labels) == 0 {
		return nil
	}
	err := op.ReadKeys(ctx, o.From, "copy-key", func(tx kdb.Tx) error {
		for _, label := range labels {
			if err := tx.Audit("copy-key", label); err != nil {
				return err
			}
		}
		return nil
	})
	if o.SkipDamaged && errors.Is(err, kdb.ErrCorrupt) {
		return nil // so damaged that nothing can be noted in it
	}
	return err
}
