package native

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"certkdb/commands/lintprogram"
	"certkdb/commands/op"
	"certkdb/commands/op/issuing"
	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

var errCause = errors.New("cause")

func TestRender(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err           error
		message, hint string
	}{
		{op.Need(op.FieldCA), "wrong usage: --ca LABEL is missing", ""},
		{op.Need(op.FieldLabels, op.FieldAll), "wrong usage: LABEL or --all is missing", ""},
		{op.Exclusive(op.FieldSubject, op.FieldDN), "wrong usage: the subject and --dn exclude each other", ""},
		{&op.Dependent{Field: op.FieldAll, Needs: op.FieldTo}, "wrong usage: --all needs --to", ""},
		{
			&op.Invalid{Field: op.FieldPolicy, Value: "x", Reason: "why", Wanted: "for example y"},
			`wrong usage: --policy "x": why`, "for example y",
		},
		{fmt.Errorf("signing: %w", &op.Invalid{Field: op.FieldDays, Value: 0, Reason: "why"}), "signing: wrong usage: --days 0: why", ""},
		{&op.NotFound{Label: "x"}, `label "x": no such label`, "see the labels with: certkdb list"},
		{&op.NotFound{Label: "x", Where: "the input"}, `label "x": no such label in the input`, ""},
		{&op.Exists{Label: "x"}, `label "x": label exists already`, "replace it with --replace, or choose another label"},
		{
			&op.Exists{Label: "x", Found: "another key", Ensure: true}, `label "x": label exists already, and is not what is asked for: another key`,
			"replace it with a new one with --replace, or choose another label",
		},
		{&op.WrongKind{Label: "x", Reason: "why"}, `label "x": wrong usage: why`, ""},
		{
			&op.WrongKind{Label: "x", Wanted: kdb.KindPersonal, Reason: "why"}, `label "x": wrong usage: why`,
			"see the personal ones with: certkdb list --kind personal",
		},
		{
			&issuing.RemoteDecides{Fields: []op.Field{op.FieldDays}}, "wrong usage: a remote CA decides about --days itself",
			"leave it out, or choose one of the server's profiles with --ca-remote-profile NAME",
		},
		{
			&op.Problem{Code: op.StoreAsFile, Location: "a b.p12", Err: errCause}, "cause",
			"name an entry of it: validate and lint take LABEL --db 'a b.p12'; or export its certificate: " +
				"certkdb export LABEL --db 'a b.p12' --out FILE",
		},
		{
			fmt.Errorf("opening: %w", &kdb.ForeignFormat{Name: "thing", Convert: "convert it"}),
			"opening: the format is not supported: it is a thing", "convert it",
		},
		{
			&kdb.OpenError{Location: "x.p12", Err: fmt.Errorf("%w: %w", kdb.ErrCorrupt, kdb.ErrEmpty)},
			`opening "x.p12": database damaged: there is nothing in the file`,
			"put a backup copy of the file in its place; if there is none, remove it, and create it with: certkdb init --db x.p12; " +
				"or create it with what is in a file: certkdb copy --all --db FILE --to x.p12",
		},
		{errors.Join(errCause, errors.New("other")), "cause; other", ""},
		{withHint(op.Mark(op.FileExists, errCause), "do this"), "cause", "do this"},
		{
			&op.Problem{Code: op.SystemTrust, Location: "/a b/key.ckdb", Err: errCause}, "cause",
			"run it as root, and name the database: sudo certkdb export --db '/a b/key.ckdb' …",
		},
		{
			&op.Problem{Code: op.NoNSS, Location: "a b", Err: errCause}, "cause",
			"make a database there first: mkdir -p 'a b' && certutil -N -d 'sql:a b' --empty-password",
		},
		{&op.Problem{Code: op.NoProfileChosen, Found: "a, b", Err: errCause}, "cause", "choose a profile of the file with --profile: a, b"},
		{fmt.Errorf("reading: %w", context.Canceled), "interrupted", ""},
		{
			fmt.Errorf("deleting: %w", &kdb.Limit{Reason: "it is only read", Way: kdb.WayCopy}),
			"deleting: not possible in this kind of database: it is only read", "copy the entries with: certkdb copy --all --to NEW.pem",
		},
		{
			&kdb.Limit{Reason: "more", Way: kdb.WayAdd}, "not possible in this kind of database: more",
			"add what is in the file to another database with: certkdb add FILE",
		},
		{
			&kdb.Limit{Reason: "less", Way: kdb.WayWrite}, "not possible in this kind of database: less",
			"write the certificates to a file with: certkdb export LABEL --chain --out FILE.p7b",
		},
		{
			fmt.Errorf("adding: %w", op.Mark(op.PassesInvalid, kdb.ErrEncryption)), "adding: unsupported encryption",
			"leave out what cannot be read, without an error, with --skip-invalid; or " + convertHint,
		},
		{
			op.Mark(op.PassesUnsupported, kdb.ErrEncryption), "unsupported encryption",
			"leave out what is not supported, without an error, with --skip-unsupported; or " + convertHint,
		},
		{
			&kdb.StashError{Path: "key.sth", Err: fs.ErrPermission}, `with the stash file "key.sth": permission denied`,
			"run as the owner of the file, or change its owner and mode",
		},
		{op.InterruptedAt(context.Canceled, op.ProgressNone), "interrupted; nothing was changed", ""},
		{op.InterruptedAt(context.Canceled, op.ProgressStored), "interrupted; the database is up to date, but files may be missing", ""},
	} {
		if message, hint := render(c.err); message != c.message || hint != c.hint {
			t.Errorf("%T: %q, %q; want %q, %q", c.err, message, hint, c.message, c.hint)
		}
	}
}

// TestRender_everyProblemHasAHint: what is marked with a code is marked so that something can be said about it.
func TestRender_everyProblemHasAHint(t *testing.T) {
	t.Parallel()
	hints := map[string]op.Code{}
	for code := op.NoDatabase; code <= op.NotValid; code++ {
		p := &op.Problem{Code: code, Label: "my label", Location: "my file", Found: "11", Err: errCause}
		message, hint := render(fmt.Errorf("doing something: %w", p))
		if message != "doing something: cause" || hint == "" {
			t.Errorf("code %d: %q, %q", code, message, hint)
		}
		if other, taken := hints[hint]; taken {
			t.Errorf("codes %d and %d have the same hint %q", other, code, hint)
		}
		hints[hint] = code
		if strings.Contains(hint, "my ") && !strings.Contains(hint, "'my ") {
			t.Errorf("code %d: a shell would split %q", code, hint)
		}
	}
	if _, hint := render(&op.Problem{Code: op.NotValid, Found: "a remedy", Err: errCause}); hint != "a remedy" {
		t.Errorf("the remedy became %q", hint)
	}
}

func TestRender_everyFeatureHasAHint(t *testing.T) {
	t.Parallel()
	for _, feature := range []op.Feature{
		op.FeatureSlots, op.FeatureStash, op.FeatureRekey, op.FeatureCompaction, op.FeatureBackup, op.FeatureLog, op.FeatureRecords,
	} {
		if _, hint := render(&op.Unsupported{Feature: feature}); !strings.Contains(hint, "native database") {
			t.Errorf("%s: %q", feature, hint)
		}
	}
}

func TestRender_everyPasswordHasAnOption(t *testing.T) {
	t.Parallel()
	for _, field := range []op.Field{
		op.FieldPassword, op.FieldNewPassword, op.FieldInPassword, op.FieldOutPassword, op.FieldToPassword, op.FieldCAPassword,
		op.FieldKeyPassword,
	} {
		_, hint := render(&op.Problem{Code: op.NoPassword, Found: string(field), Err: kdb.ErrNoPassword})
		if !strings.HasPrefix(hint, "give it with --"+string(field)+" file:PATH") {
			t.Errorf("%s: %q", field, hint)
		}
		opens := field == op.FieldPassword || field == op.FieldInPassword
		if strings.Contains(hint, "an empty password is file:/dev/null") != opens {
			t.Errorf("%s: %q", field, hint)
		}
	}
}

func TestRender_hintsOfClasses(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"a copy of the stash": sealed.ErrStashForm, "openssl pkey -in FILE": kdb.ErrEncryption,
		"certkdb rename LABEL NEW --db FILE": kdb.ErrLabel,
		"with: certkdb stash create; or":     &kdb.StashError{Path: "key.sth", Err: kdb.ErrPassword},
		"with file:/dev/null":                &kdb.StashError{Path: "key.sth", Err: kdb.ErrEmptyPassword},
		"chmod 600":                          sealed.ErrStashMode,
		"help passwords":                     kdb.ErrPassword, "--lock-timeout": kdb.ErrLocked, "again": kdb.ErrChanged,
		"certkdb show --file": kdb.ErrVersion, "certkdb check": kdb.ErrCorrupt, "owner": fs.ErrPermission, "certkdb-lint": lintprogram.ErrMissing,
		"certkdb copy LABEL --to FILE": kdb.ErrDatabaseExists, "file in the folder": &fs.PathError{Op: "read", Path: "x", Err: syscall.EISDIR},
	} {
		if _, hint := render(fmt.Errorf("doing something: %w", err)); !strings.Contains(hint, want) {
			t.Errorf("%v: %q", err, hint)
		}
	}
}

// TestExitCodes: they are the interface of scripts.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	for want, errs := range map[int][]error{
		1:           {errCause},
		2:           {op.ErrUsage, op.Need(op.FieldTo), &op.WrongKind{}, &issuing.RemoteDecides{}, kdb.ErrLabel, kdb.ErrUnsupported},
		3:           {kdb.ErrNotFound, &op.NotFound{}, kdb.ErrNoDatabase, fs.ErrNotExist},
		4:           {kdb.ErrExists, &op.Exists{}, kdb.ErrDatabaseExists, fs.ErrExist},
		5:           {kdb.ErrNoPassword, kdb.ErrPassword},
		6:           {kdb.ErrLocked, kdb.ErrChanged},
		7:           {kdb.ErrParse, kdb.ErrEncryption},
		8:           {op.ErrFindings, op.ErrInvalid},
		9:           {op.ErrExpired},
		10:          {op.ErrNetwork},
		11:          {fs.ErrPermission},
		12:          {kdb.ErrCorrupt, kdb.ErrVersion, &kdb.ForeignFormat{}},
		exitChanged: {detailedExit{}},
		130:         {context.Canceled},
	} {
		for _, err := range errs {
			if got := exitCode(fmt.Errorf("doing something: %w", err)); got != want {
				t.Errorf("%v exits with %d, want %d", err, got, want)
			}
		}
	}
}

func TestPrintError(t *testing.T) {
	t.Parallel()
	err := op.Mark(op.FileExists, fmt.Errorf("writing %q: %w", "a\"b", fs.ErrExist))
	var text, asJSON, silent bytes.Buffer
	printError(&text, err, 4, false)
	want := "certkdb: error: writing \"a\\\"b\": file already exists\ncertkdb: hint: replace it with --force\n"
	if text.String() != want {
		t.Errorf("%q", text.String())
	}
	printError(&asJSON, err, 4, true)
	var got map[string]map[string]any
	if err := json.Unmarshal(asJSON.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want = `map[error:map[code:file_exists exit:4 hint:replace it with --force message:writing "a\"b": file already exists]]`
	if fmt.Sprint(got) != want {
		t.Errorf("%v", got)
	}
	printError(&silent, fmt.Errorf("%w", detailedExit{}), exitChanged, false)
	if silent.Len() > 0 {
		t.Errorf("%q", silent.String())
	}
}
