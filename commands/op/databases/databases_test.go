package databases_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

var ctx = context.Background()

func newPassword(text string) op.NewPassword {
	return op.NewPassword{Password: op.Password{Source: op.FromBytes([]byte(text))}}
}

// problem is the code of an error, 0 if it has none.
func problem(err error) op.Code {
	if p, ok := errors.AsType[*op.Problem](err); ok {
		return p.Code
	}
	return 0
}

// opens says whether a password opens a database.
func opens(t *testing.T, s *op.Session, path, password string) bool {
	t.Helper()
	other, err := op.Open(ctx, s.Env, op.DB{Location: path, Password: op.Password{Source: op.FromBytes([]byte(password))}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	err = other.View(ctx, func(kdb.Tx) error { return nil })
	if err != nil && !errors.Is(err, kdb.ErrPassword) {
		t.Fatal(err)
	}
	return err == nil
}

// inFile opens a native database in a file.
func inFile(t *testing.T) (*op.Session, string) {
	t.Helper()
	path := optest.Store(t, "a.ckdb", optest.Secret("aes"))
	s, err := op.Open(ctx, optest.Env(), op.DB{Location: path, Password: optest.Secrets()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, path
}

// try performs an act in a dry run, which must leave the file alone, and then in earnest.
func try[R any](t *testing.T, s *op.Session, path string, a op.Act[R]) (R, error) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s.DryRun = true
	_, dryErr := op.Perform(ctx, s, a)
	s.DryRun = false
	after, err := os.ReadFile(path)
	if err != nil || string(after) != string(before) {
		t.Errorf("%T: a dry run changed the file, %v", a, err)
	}
	result, err := op.Perform(ctx, s, a)
	if dryErr != nil && err == nil {
		t.Errorf("%T: the dry run failed: %v", a, dryErr)
	}
	return result, err
}

func TestActs_onPasswords(t *testing.T) {
	t.Parallel()
	s, path := inFile(t)
	added, err := try(t, s, path, databases.AddSlot{NewPassword: newPassword("second"), Cost: kdb.CostTest})
	if err != nil || added.ID != 2 || !added.HasChanged() || !opens(t, s, path, "second") || !opens(t, s, path, optest.Password) {
		t.Errorf("adding: %+v, %v", added, err)
	}
	done, err := try(t, s, path, databases.Passwd{NewPassword: newPassword("third"), Cost: kdb.CostTest})
	if err != nil || done.Location != path || opens(t, s, path, optest.Password) || !opens(t, s, path, "third") {
		t.Errorf("changing: %+v, %v", done, err)
	}
	slots, err := databases.ListSlots{}.Run(ctx, s)
	if err != nil || len(slots.Slots) != 2 {
		t.Fatalf("slots %+v, %v", slots, err)
	}
	removed, err := try(t, s, path, databases.RemoveSlot{Slot: "2"})
	if err != nil || removed.ID != 2 || opens(t, s, path, "second") || !opens(t, s, path, "third") {
		t.Errorf("removing: %+v, %v", removed, err)
	}
	_, err = try(t, s, path, databases.RemoveSlot{Slot: "password-2"})
	if problem(err) != op.NoSlot || !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("removing it again: %v", err)
	}
}

func TestActs_onFiles(t *testing.T) {
	t.Parallel()
	s, path := inFile(t)
	to := filepath.Join(filepath.Dir(path), "copy.ckdb")
	copied, err := try(t, s, path, databases.Backup{Out: op.Output{Path: to}})
	if err != nil || copied.To != to || copied.Size == 0 || !opens(t, s, to, optest.Password) {
		t.Errorf("backup: %+v, %v", copied, err)
	}
	taken := optest.File(t, "taken", "mine")
	if _, err = try(t, s, path, databases.Backup{Out: op.Output{Path: taken}}); problem(err) != op.FileExists {
		t.Errorf("over an existing file: %v", err)
	}
	compacted, err := try(t, s, path, databases.Compact{})
	if err != nil || compacted.Before == 0 || compacted.After == 0 || compacted.HasChanged() != (compacted.After != compacted.Before) {
		t.Errorf("compact: %+v, %v", compacted, err)
	}
	rekeyed := databases.Rekey{Passwords: func() [][]byte { return [][]byte{[]byte(optest.Password)} }, Cost: kdb.CostTest}
	if _, err = try(t, s, path, rekeyed); err != nil || !opens(t, s, path, optest.Password) {
		t.Errorf("rekey: %v", err)
	}
	if _, err = try(t, s, path, databases.AddSlot{NewPassword: newPassword("second"), Cost: kdb.CostTest}); err != nil {
		t.Fatal(err)
	}
	_, err = try(t, s, path, rekeyed)
	if problem(err) != op.SlotsDropped || !opens(t, s, path, "second") {
		t.Errorf("rekey with a slot that cannot be kept: %v", err)
	}
	rekeyed.DropSlots = true
	if _, err = try(t, s, path, rekeyed); err != nil || opens(t, s, path, "second") || !opens(t, s, path, optest.Password) {
		t.Errorf("rekey without it: %v", err)
	}
	optest.Expect(t, s, "aes=secret-key")
}

func TestStash(t *testing.T) {
	t.Parallel()
	s, path := inFile(t)
	made, err := try(t, s, path, databases.CreateStash{})
	if err != nil || made.Action != databases.StashCreated {
		t.Fatalf("%+v, %v", made, err)
	}
	if _, err := os.Stat(made.Path); err != nil {
		t.Error(err)
	}
	removed, err := try(t, s, path, databases.RemoveStash{})
	if err != nil || removed.Path != made.Path || removed.Action != databases.StashRemoved {
		t.Errorf("%+v, %v", removed, err)
	}
	if _, err := os.Stat(made.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the stash is there: %v", err)
	}
}

// TestFeatures_thatADatabaseDoesNotHave: the error names them, before a password is asked for.
func TestFeatures_thatADatabaseDoesNotHave(t *testing.T) {
	t.Parallel()
	s := optest.Kind(t, "jks")
	for feature, run := range map[op.Feature]func() error{
		op.FeatureSlots: func() error {
			_, err := op.Perform(ctx, s, databases.AddSlot{})
			_, err2 := op.Perform(ctx, s, databases.RemoveSlot{Slot: "1"})
			_, err3 := databases.ListSlots{}.Run(ctx, s)
			if err == nil || err2 == nil {
				return nil
			}
			return err3
		},
		op.FeatureStash: func() error {
			if _, err := op.Perform(ctx, s, databases.RemoveStash{}); err == nil {
				return nil
			}
			_, err := op.Perform(ctx, s, databases.CreateStash{})
			return err
		},
		op.FeatureRekey:      func() error { _, err := op.Perform(ctx, s, databases.Rekey{}); return err },
		op.FeatureCompaction: func() error { _, err := op.Perform(ctx, s, databases.Compact{}); return err },
		op.FeatureBackup:     func() error { _, err := op.Perform(ctx, s, databases.Backup{}); return err },
		op.FeatureLog:        func() error { return databases.Log{}.Run(ctx, s, nil) },
		op.FeaturePassword:   func() error { _, err := op.Perform(ctx, s, databases.Passwd{}); return err },
	} {
		err := run()
		if e, ok := errors.AsType[*op.Unsupported](err); !ok || e.Feature != feature || e.Format != "jks" || e.Location != "key.ckdb" {
			t.Errorf("%s: %v", feature, err)
		}
	}
}

func TestPasswd_contradictionsAreFoundFirst(t *testing.T) {
	t.Parallel()
	s, _ := optest.Sealed(t)
	n := newPassword("x")
	n.OutFile = "y"
	for what, a := range map[string]func() error{
		"passwd": func() error { _, err := databases.Passwd{NewPassword: n}.Plan(ctx, s); return err },
		"slots":  func() error { _, err := databases.AddSlot{NewPassword: n}.Plan(ctx, s); return err },
	} {
		if e, ok := errors.AsType[*op.Dependent](a()); !ok || e.Field != op.FieldPasswordOut {
			t.Errorf("%s: %v", what, a())
		}
	}
}

func TestLog_inChunksAfterANumber(t *testing.T) {
	t.Parallel()
	s, _ := optest.Sealed(t, optest.Secret("a"), optest.Secret("b"))
	for after, want := range map[uint64]string{0: "create , test a, test b", 2: "test b", 9: ""} {
		var lines []string
		err := databases.Log{After: after}.Run(ctx, s, func(records []databases.LogRecord) error {
			for _, r := range records {
				if r.User != "alice" || r.Host != "server" || !r.Time.Equal(optest.Now) {
					t.Errorf("%+v", r)
				}
				lines = append(lines, r.Operation+" "+r.Label)
			}
			return nil
		})
		if got := strings.Join(lines, ", "); got != want || err != nil {
			t.Errorf("after %d: %s, %v; want %s", after, got, err, want)
		}
	}
	stop := errors.New("stop")
	if err := (databases.Log{}).Run(ctx, s, func([]databases.LogRecord) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a reader that stops: %v", err)
	}
}

func TestInfo(t *testing.T) {
	t.Parallel()
	s, _ := optest.Sealed(t, optest.Secret("a"))
	info, err := databases.Info{}.Run(ctx, s)
	if err != nil || info.Format != "ckdb" || len(info.ID) != 32 || len(info.Slots) != 1 || !info.Created.Equal(optest.Now) {
		t.Errorf("%+v, %v", info, err)
	}
	if info.Entries == nil || *info.Entries != 1 {
		t.Errorf("%v entries", info.Entries)
	}
}

// findings is a database whose check finds something.
type findings struct {
	kdb.Database
	list []kdb.Problem
	err  error
}

func (f findings) Check(_ context.Context, report func(kdb.Problem)) error {
	for _, p := range f.list {
		report(p)
	}
	return f.err
}

func TestCheck_judges(t *testing.T) {
	t.Parallel()
	damage := kdb.Problem{Where: "label", What: "odd"}
	closed, note := damage, damage
	closed.Severity, note.Severity = kdb.Closed, kdb.Note
	for _, c := range []struct {
		rule  string
		list  []kdb.Problem
		fail  error
		found string // problems, notes, OK
		code  op.Code
		err   error
	}{
		{"sound", nil, nil, "0 0 true", 0, nil},
		{"notes are no harm", []kdb.Problem{note}, nil, "0 1 true", 0, nil},
		{"damage", []kdb.Problem{damage, note}, nil, "1 1 false", op.Damaged, kdb.ErrCorrupt},
		{"keys with other passwords", []kdb.Problem{closed}, nil, "1 0 false", op.ClosedKeys, kdb.ErrPassword},
		{"damage is worse than those", []kdb.Problem{closed, damage}, nil, "2 0 false", op.Damaged, kdb.ErrCorrupt},
		{"not even a check", nil, kdb.ErrCorrupt, "0 0 false", op.Unreadable, kdb.ErrCorrupt},
		{"a wrong password", nil, kdb.ErrPassword, "0 0 false", 0, kdb.ErrPassword},
	} {
		s := op.Attach(optest.Env(), "x", findings{optest.New(t).Database(), c.list, c.fail})
		checked, err := databases.Check{}.Run(ctx, s)
		found := fmt.Sprint(len(checked.Problems), len(checked.Notes), checked.OK)
		if found != c.found || problem(err) != c.code || !errors.Is(err, c.err) || checked.Problems == nil {
			t.Errorf("%s: %s, %v", c.rule, found, err)
		}
	}
}

func TestCheck_ofADamagedDatabase(t *testing.T) {
	t.Parallel()
	s, store := optest.Sealed(t, optest.NewCA(t, "Root").Trusted("root"))
	records := store.Records()
	for key := range records {
		if strings.HasSuffix(key, "root") {
			records[key][len(records[key])-1] ^= 1
		}
	}
	store.Replace(records)
	checked, err := databases.Check{}.Run(ctx, s)
	if problem(err) != op.Damaged || checked.OK || len(checked.Problems) == 0 {
		t.Errorf("%+v, %v", checked, err)
	}
}

// TestActs_again: what is as it should be is left alone, and the result says so.
func TestActs_again(t *testing.T) {
	t.Parallel()
	s, path := inFile(t)
	add := databases.AddSlot{Name: "two", NewPassword: newPassword("second"), Cost: kdb.CostTest}
	if added, err := try(t, s, path, add); err != nil || !added.HasChanged() {
		t.Fatalf("%+v, %v", added, err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := try(t, s, path, add); err != nil || again.HasChanged() || again.ID != 2 || again.Name != "two" {
		t.Errorf("a slot again: %+v, %v", again, err)
	}
	add.Name = ""
	if again, err := try(t, s, path, add); err != nil || again.HasChanged() || again.Name != "two" {
		t.Errorf("without its name: %+v, %v", again, err)
	}
	add.Name = "three"
	if _, err := try(t, s, path, add); !errors.Is(err, kdb.ErrExists) {
		t.Errorf("the same password under another name: %v", err)
	}
	add.Name, add.NewPassword = "two", newPassword("other")
	if _, err := try(t, s, path, add); !errors.Is(err, kdb.ErrExists) {
		t.Errorf("another password under the same name: %v", err)
	}
	if again, err := try(t, s, path, databases.Passwd{NewPassword: newPassword(optest.Password), Cost: kdb.CostTest}); err != nil ||
		again.HasChanged() {
		t.Errorf("the same password: %+v, %v", again, err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed, %v", err)
	}
	if done, err := try(t, s, path, databases.Passwd{NewPassword: newPassword(optest.Password)}); err != nil || !done.HasChanged() {
		t.Errorf("another key derivation: %+v, %v", done, err)
	}
}

// TestPasswd_again: the old password no longer opens a database whose password was changed before.
func TestPasswd_again(t *testing.T) {
	t.Parallel()
	ca := optest.NewCA(t, "Root")
	for _, name := range []string{"a.ckdb", "a.p12", "a.jks", "a.pem"} {
		path := optest.Store(t, name, ca.Issue(t, "web").Personal("web"))
		change := func(from, to string) (databases.Done, error) {
			s, err := op.Open(ctx, optest.Env(), op.DB{Location: path, Password: op.Password{Source: op.FromBytes([]byte(from))}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			return try(t, s, path, databases.Passwd{NewPassword: newPassword(to), Cost: kdb.CostTest})
		}
		if done, err := change(optest.Password, "new"); err != nil || !done.HasChanged() {
			t.Errorf("%s: %+v, %v", name, done, err)
		}
		if done, err := change(optest.Password, "new"); err != nil || done.HasChanged() {
			t.Errorf("%s again: %+v, %v", name, done, err)
		}
		if _, err := change(optest.Password, "third"); !errors.Is(err, kdb.ErrPassword) {
			t.Errorf("%s with two wrong passwords: %v", name, err)
		}
	}
}
