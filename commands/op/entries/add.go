package entries

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/input"
	"certkdb/kdb"
)

// Add puts the contents of files into the database, all of it or nothing.
type Add struct {
	Files        []string // "-" is standard input
	Certificates [][]byte // DER, in addition to the files
	Label        string   // for the one entry in the input
	// LabelFirst gives Label to the first of several entries; the others keep theirs.
	LabelFirst bool
	// LabelBySubject gives the other certificates their subjects as labels, as GSKit does, and a number behind a subject that is taken.
	LabelBySubject bool
	// Labels are other labels for entries of the input, by the ones that they have there.
	Labels map[string]string
	// SkipKnown leaves out certificates without keys that the database has already, under whatever label; with LabelFirst, not the first.
	SkipKnown bool
	// CertificatesOnly refuses inputs with private keys.
	CertificatesOnly bool
	IgnoreKeys       bool   // pass over the private keys in files that are no databases
	Only             string // only the entry with this label in the input
	Replace          bool
	SkipInvalid      bool
	// Exclusive makes the input the list of what is trusted: certificates that are trusted and not in the input are deleted, personal ones
	// are no longer trusted, and one of the input that was distrusted is trusted again.
	Exclusive bool
	// LeaveOut leaves out what cannot be read in a key store, such as a private key with another password, and adds the rest.
	LeaveOut   bool
	ValidAfter time.Time // leave out certificates that end before this time; zero takes all
	// Brief lists of many entries only those that there is something to say about; the others are counted.
	Brief bool
	// Trust trusts all certificates without keys, NoTrust none. With neither, those become trusted that are self-signed, and those that
	// a key store marks as trusted. A database that cannot mark certificates trusts all that it has.
	Trust, NoTrust bool
	// Retrust goes with Trust: certificates that are there, and not trusted, become trusted too.
	Retrust    bool
	InPassword op.Password // of inputs that are databases or encrypted keys
}

// Added tells what became of each entry of the input.
type Added struct {
	Changed
	incomplete error
	omitted    map[ActionName]int // see Add.Brief
	trusted    int                // of these
	untrusted  int
	keys       int
}

// Incomplete is the error for entries that were left out, which the result lists as skipped.
func (a Added) Incomplete() error { return a.incomplete }

// Plan implements op.Operation.
func (o Add) Plan(ctx context.Context, s *op.Session) (op.Plan[Added], error) {
	if o.Trust && o.NoTrust {
		return op.Plan[Added]{}, op.Exclusive(op.FieldTrust, op.FieldNoTrust)
	}
	if err := o.checkExclusive(); err != nil {
		return op.Plan[Added]{}, err
	}
	info, err := s.Database().Info(ctx)
	if err != nil {
		return op.Plan[Added]{}, err
	}
	var left leftOut
	files := input.Files{
		Names: o.Files, Certificates: o.Certificates, Password: o.InPassword, KeyPassword: s.Source.KeyPassword,
		LockTimeout: s.Source.LockTimeout, Lenient: o.SkipInvalid, IgnoreKeys: o.IgnoreKeys,
		Trust: o.Trust || trustsAll(info.Format) && !o.NoTrust,
	}
	if o.LeaveOut {
		files.LeaveOut = func(s kdb.Summary, err error) bool {
			if o.Only != "" {
				return s.Label != o.Only // what is asked for by name is not left out
			}
			if o.SkipInvalid && invalid(err) {
				left.pass(&s, err)
				return true
			}
			return left.note(s.Label, s.Kind, err, unreadable)
		}
	}
	in, err := files.Open(ctx, s.Env)
	if err != nil {
		return op.Plan[Added]{}, err
	}
	return op.Plan[Added]{Name: "add", Close: in.Close, Apply: func(tx kdb.Tx) (added Added, err error) {
		if info.Format == kdb.Native {
			defer o.collectLess(in)()
		}
		listed := newTrustList(o.Exclusive)
		err = o.addAll(tx, s, in, &added, listed)
		if err == nil {
			err = listed.enforce(tx, &added, s.Guard)
		}
		if err == nil {
			added.leave(left, op.PassesInvalid)
			err = noteTwins(tx, info.Format, added.Actions)
		}
		if missing, ok := errors.AsType[input.PasswordMissing](err); ok {
			err = op.Pause{Resume: func(context.Context) error { return in.Ask(missing.Where) }}
		}
		return added, err
	}}, nil
}

// collectLess lets the heap grow further until garbage is collected, while entries go into a native database, which keeps few of them in
// memory. It returns what undoes that. Unless the whole input or its result is in memory, up to streamingMemory is used: with a million
// certificates this saves some seconds of processor time.
func (o Add) collectLess(in *input.Input) (undo func()) {
	percent, limit := debug.SetGCPercent(streamingGC), debug.SetMemoryLimit(-1)
	if o.Brief && in.Streams() && (o.Label == "" || o.LabelFirst) {
		debug.SetGCPercent(streamingFreely)
		debug.SetMemoryLimit(min(limit, streamingMemory))
	}
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// streamingGC and streamingFreely are percentages by which the heap grows until garbage is collected; streamingMemory is in bytes.
const (
	streamingGC     = 150
	streamingFreely = 400
	streamingMemory = 150 << 20
)

// trustsAll says whether a format trusts all certificates without keys.
func trustsAll(format string) bool {
	return slices.Contains([]string{"pem", "pkcs7", "jks"}, format)
}

// addAll puts every entry of the input.
func (o Add) addAll(tx kdb.Tx, s *op.Session, in *input.Input, added *Added, listed *trustList) error {
	known, err := o.known(tx)
	if err != nil {
		return err
	}
	wanted, err := o.single(o.wanted(in.Entries(adopter(tx))))
	if err != nil {
		return err
	}
	n := 0
	for entry, err := range wanted {
		n++
		s.Env.Advance(op.UnitEntries, n, 0)
		if err != nil && o.SkipInvalid && invalid(err) {
			added.note(Action{Action: ActionSkipped, Reason: err.Error()})
			continue
		}
		if _, bad := errors.AsType[*input.BadPiece](err); bad {
			return op.Mark(op.PassesInvalid, err)
		}
		if err != nil {
			return err
		}
		listed.add(&entry)
		if label, ok := known[entry.Fingerprint()]; ok && entry.Kind == kdb.KindTrusted && !(o.LabelFirst && entry.Label == o.Label) {
			added.note(Action{Label: label, Action: ActionUnchanged, Kind: entry.Kind, SHA256: op.HexDigest(entry.Fingerprint())})
			continue
		}
		if o.LabelBySubject && entry.Label != o.Label {
			if entry.Label, err = freeLabel(tx, &entry); err != nil {
				return err
			}
		}
		if err := put(tx, entry, replacing(o.Replace), &added.Changed, s.Guard); err != nil {
			return inInput(err)
		}
		if known != nil {
			known[entry.Fingerprint()] = entry.Label
		}
		if err := o.trusting(tx, &entry, added); err != nil {
			return err
		}
		if o.Brief {
			added.omitLast()
		}
	}
	if o.Only != "" && added.Count() == 0 {
		return &op.NotFound{Label: o.Only, Where: "the input"}
	}
	return nil
}

// wanted yields the entries that were asked for, with the label and the trust that were asked for.
func (o Add) wanted(entries iter.Seq2[kdb.Entry, error]) iter.Seq2[kdb.Entry, error] {
	return func(yield func(kdb.Entry, error) bool) {
		n := 0
		for entry, err := range entries {
			if err == nil && (o.Only != "" && entry.Label != o.Only || o.endsBefore(&entry)) {
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

func (o Add) endsBefore(entry *kdb.Entry) bool {
	if o.ValidAfter.IsZero() {
		return false
	}
	s, err := kdb.Summarize(entry)
	return err == nil && !s.NotAfter.IsZero() && s.NotAfter.Before(o.ValidAfter)
}

func (o Add) adapt(entry *kdb.Entry, n int) error {
	if o.CertificatesOnly && entry.Kind != kdb.KindTrusted {
		return fmt.Errorf("%w: the input has a private key, and only certificates are expected", op.ErrUsage)
	}
	if o.NoTrust {
		entry.Trusted = false
	}
	if o.Label == "" || n > 1 || !o.LabelFirst {
		if label, ok := o.Labels[entry.Label]; ok {
			entry.Label = label
			return nil
		}
		return o.labelBySubject(entry)
	}
	entry.Label = o.Label
	return nil
}

// single gives the label that was asked for to the one entry of the input, or to the only one with a private key: what comes along are
// certificates of CAs. The others keep theirs.
func (o Add) single(entries iter.Seq2[kdb.Entry, error]) (iter.Seq2[kdb.Entry, error], error) {
	if o.Label == "" || o.LabelFirst {
		return entries, nil
	}
	var all []kdb.Entry
	var errs []error
	var keys, labels []int
	for entry, err := range entries {
		if err == nil {
			labels = append(labels, len(all))
			if entry.Kind != kdb.KindTrusted {
				keys = append(keys, len(all))
			}
		}
		all, errs = append(all, entry), append(errs, err)
		if err != nil && !o.SkipInvalid {
			return nil, err
		}
	}
	if len(keys) == 1 {
		labels = keys
	}
	if len(labels) > 1 {
		return nil, o.several(all, errs)
	}
	if len(labels) == 1 {
		all[labels[0]].Label = o.Label
	}
	return func(yield func(kdb.Entry, error) bool) {
		for i := range all {
			if !yield(all[i], errs[i]) {
				return
			}
		}
	}, nil
}

// several is the error about a label for more than one entry. It tells the labels of the input, which nobody knows who has not added it.
func (o Add) several(all []kdb.Entry, errs []error) error {
	const most = 10
	var labels []string
	for i := range all {
		if errs[i] == nil {
			labels = append(labels, strconv.Quote(all[i].Label))
		}
	}
	text := strings.Join(labels[:min(most, len(labels))], ", ")
	if len(labels) > most {
		text += fmt.Sprintf(" and %d more", len(labels)-most)
	}
	return &op.Problem{
		Code: op.SeveralEntries,
		Err:  &op.Invalid{Field: op.FieldLabel, Value: o.Label, Reason: "it is for one entry, and the input has " + text},
	}
}

// known are the labels of the certificates that the database has, if they are to be left out.
func (o Add) known(tx kdb.Tx) (map[[32]byte]string, error) {
	if !o.SkipKnown {
		return nil, nil
	}
	return certificates(tx)
}

// certificates are the labels of the certificates that the database has, by their fingerprints.
func certificates(tx kdb.Tx) (map[[32]byte]string, error) {
	labels := map[[32]byte]string{}
	for s, err := range tx.Summaries("") {
		if err != nil {
			return nil, err
		}
		if s.ChainLength > 0 {
			labels[s.SHA256] = s.Label
		}
	}
	return labels, nil
}

func (o Add) labelBySubject(entry *kdb.Entry) error {
	if !o.LabelBySubject || len(entry.Certificates) == 0 {
		return nil
	}
	s, err := kdb.Summarize(entry)
	if err == nil && s.Subject != "" && kdb.CheckNewLabel(s.Subject) == nil { // else it keeps what it has
		entry.Label = s.Subject
	}
	return err
}

// freeLabel is the label of an entry with a number behind it if another certificate has that subject: CAs have been renewed under theirs.
func freeLabel(tx kdb.Tx, entry *kdb.Entry) (string, error) {
	for n := 1; ; n++ {
		label := entry.Label
		if n > 1 {
			label = fmt.Sprintf("%s (%d)", label, n)
		}
		old, err := tx.Summary(label)
		if errors.Is(err, kdb.ErrNotFound) || err == nil && old.SHA256 == entry.Fingerprint() {
			return label, nil
		}
		if err != nil {
			return "", err
		}
	}
}

// put stores an entry unless it is there already with the same content; with other content it needs ExistingReplace. An entry with the same
// certificate and key, but another chain, gets the new chain, unless what exists is to be kept.
func put(tx kdb.Tx, entry kdb.Entry, existing Existing, changed *Changed, guard *op.Guard) error {
	action := Action{Label: entry.Label, Action: ActionAdded, Kind: entry.Kind, SHA256: op.HexDigest(entry.Fingerprint())}
	joined := false  // the key of a certificate that is there
	renewed := false // a certificate for the key that is there
	old, err := tx.Summary(entry.Label)
	switch {
	case errors.Is(err, kdb.ErrNotFound):
		if err := kdb.CheckNewLabel(entry.Label); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		same, err := sameContent(tx, &old, &entry)
		if err != nil {
			return err
		}
		joined = old.Kind == kdb.KindTrusted && entry.Kind == kdb.KindPersonal && old.SHA256 == entry.Fingerprint()
		if same {
			action.Action, action.Label = ActionUnchanged, old.Label
			changed.note(action)
			return nil
		}
		if existing != ExistingKeep && old.Kind == kdb.KindPersonal && entry.Kind == old.Kind && old.ChainLength > 0 &&
			old.SHA256 == entry.Fingerprint() {
			return rechain(tx, &old, &entry, action, existing == ExistingReplace, changed)
		}
		if !joined && old.Label != entry.Label && changed.stored[old.Label] { // --replace is not about what comes along
			return &op.Exists{Label: entry.Label, Found: "other content, of an entry that comes along: the labels differ in case alone", Twin: true}
		}
		if existing != ExistingReplace && !joined {
			return &op.Exists{Label: entry.Label, Found: "other content"}
		}
		entry.Trusted = entry.Trusted || joined && old.Trusted
		if renewed, err = takeKey(tx, &old, &entry); err != nil {
			return err
		}
		action.Kind = entry.Kind
		action.Action, action.PrivateKey = ActionReplaced, joined
		if err := guardKey(tx, &old, &entry, guard); err != nil {
			return err
		}
	}
	store := tx.Put
	if renewed {
		store = func(entry kdb.Entry) error { return certify(tx, &entry) }
	}
	if err := store(entry); err != nil {
		return notStored(&entry, err)
	}
	now, err := tx.Summary(entry.Label)
	if action.Label = now.Label; err != nil {
		return err
	}
	changed.store(tx, now.Label)
	switch {
	case joined:
		action.Action = ActionAdded
	case action.Action == ActionReplaced:
		action.Reason, err = LostMarks(tx, &old)
	}
	action.Reason = cmp.Or(action.Reason, notKept(&entry, &now))
	action.Trusted = now.Trusted && !old.Trusted
	changed.note(action)
	return err
}

// NotTrusted is the reason of an action about a certificate that is stored and not trusted.
const NotTrusted = "it is not trusted"

// notStored adds to an error of storing an entry what is special about the entry.
func notStored(entry *kdb.Entry, err error) error {
	switch {
	case !errors.Is(err, kdb.ErrUnsupported):
		return err
	case entry.Kind == kdb.KindPersonal && len(entry.Certificates) == 0:
		return &op.Problem{Code: op.KeyWithoutCertificate, Label: entry.Label, Err: err}
	case entry.Kind == kdb.KindTrusted && !entry.Trusted:
		return &op.Problem{Code: op.NotTrusted, Label: entry.Label, Err: err}
	}
	return err
}

// inInput marks an error of storing an entry of an input by what can be done about it there.
func inInput(err error) error {
	p, ok := errors.AsType[*op.Problem](err)
	switch {
	case ok && p.Code == op.KeyWithoutCertificate:
		return op.Mark(op.LoneKey, err)
	case errors.Is(err, kdb.ErrLabel):
		return op.Mark(op.BadInputLabel, err)
	}
	return err
}

// notKept says which marks of a new entry this kind of database cannot store; "" if it keeps all.
func notKept(entry *kdb.Entry, now *kdb.Summary) string {
	trusted, isDefault := entry.Trusted && !now.Trusted, entry.Default && !now.Default
	switch {
	case trusted && isDefault:
		return "this kind of database can mark it neither as trusted nor as the default entry"
	case trusted:
		return "this kind of database cannot mark it as trusted"
	case isDefault:
		return "this kind of database cannot mark it as the default entry"
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
		// Formats that keep each certificate once also show the issuers that they have.
		return slices.EqualFunc(have.Certificates[:len(entry.Certificates)], entry.Certificates, slices.Equal), nil
	}
	if entry.Kind == kdb.KindSecretKey || entry.Kind == kdb.KindPersonal && len(entry.Certificates) == 0 {
		key, err := tx.Key(entry.Label) // the fingerprint does not tell
		return slices.Equal(key, entry.Key), err
	}
	return true, nil // a certificate or request has one private key
}
