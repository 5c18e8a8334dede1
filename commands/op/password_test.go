package op_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// typist is a terminal at which a person types the lines, one for each question.
type typist struct {
	lines   []string
	prompts []string
}

func (t *typist) ReadPassword(prompt string) ([]byte, error) {
	t.prompts = append(t.prompts, prompt)
	if len(t.lines) == 0 {
		return nil, errFailed
	}
	line := t.lines[0]
	t.lines = t.lines[1:]
	return []byte(line), nil
}

func (t *typist) Close() error { return nil }

// world is an environment with variables and, unless it is nil, a typist.
func world(vars map[string]string, stdin string, person *typist) *op.Env {
	env := optest.Env()
	env.Getenv = func(name string) string { return vars[name] }
	env.Stdin = strings.NewReader(stdin)
	if person != nil {
		env.Terminal = func() (op.Terminal, error) { return person, nil }
	}
	return env
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPassword_comesFromItsSource(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "pw", "from file\r\nsecond line\n")
	vars := map[string]string{"PW": "from variable", "CERTKDB_PASSWORD_FILE": file, "CREDENTIALS_DIRECTORY": filepath.Dir(file)}
	for _, c := range []struct {
		rule   string
		source op.Source
		vars   map[string]string
		person *typist
		want   string
	}{
		{"the first line of a file", op.FromFile(file), nil, nil, "from file"},
		{"a variable", op.FromEnv("PW"), vars, nil, "from variable"},
		{"the first line of standard input", op.FromStdin(), nil, nil, "from stdin"},
		{"a credential", op.FromCredential("pw"), vars, nil, "from file"},
		{"the password itself", op.FromBytes([]byte("given")), nil, nil, "given"},
		{"a person", op.FromPrompt(), vars, &typist{lines: []string{"typed"}}, "typed"},
		{"by default the file that the environment names", op.Source{}, vars, &typist{lines: []string{"typed"}}, "from file"},
		{"by default without such a file a person", op.Source{}, nil, &typist{lines: []string{"typed"}}, "typed"},
	} {
		var seen []byte
		p := op.Password{Source: c.source, Seen: func(p []byte) { seen = p }}
		got, err := p.Read(world(c.vars, "from stdin\n", c.person), "key.ckdb")
		if string(got) != c.want || err != nil || string(seen) != c.want {
			t.Errorf("%s: %q, %v, seen %q; want %q", c.rule, got, err, seen, c.want)
		}
		if c.person != nil && len(c.person.prompts) > 0 && c.person.prompts[0] != "Password of key.ckdb: " {
			t.Errorf("%s: prompts %q", c.rule, c.person.prompts)
		}
	}
}

func TestPassword_missing(t *testing.T) {
	t.Parallel()
	long := writeFile(t, "long", strings.Repeat("x", 4097))
	credentials := map[string]string{"CREDENTIALS_DIRECTORY": "/run"}
	for _, c := range []struct {
		rule     string
		password op.Password
		vars     map[string]string
		code     op.Code
		found    string
		err      error
	}{
		{"no terminal", op.Password{}, nil, op.NoPassword, "password", kdb.ErrNoPassword},
		{"no terminal for another parameter", op.Password{Field: op.FieldInPassword}, nil, op.NoPassword, "in-password", kdb.ErrNoPassword},
		{"no terminal", op.Password{Source: op.FromPrompt()}, nil, op.NoPassword, "password", kdb.ErrNoPassword},
		{"no such variable", op.Password{Source: op.FromEnv("NONE")}, nil, 0, "", kdb.ErrNoPassword},
		{"no such file", op.Password{Source: op.FromFile("/none/pw")}, nil, 0, "", fs.ErrNotExist},
		{"no such file in a variable", op.Password{}, map[string]string{"CERTKDB_PASSWORD_FILE": "/none/pw"}, 0, "", fs.ErrNotExist},
		{"no stash", op.Password{Source: op.FromStash()}, nil, 0, "", kdb.ErrNoPassword},
		{"no credentials", op.Password{Source: op.FromCredential("pw")}, nil, op.NoCredentials, "", kdb.ErrNoPassword},
		{"a credential elsewhere", op.Password{Source: op.FromCredential("../pw")}, credentials, 0, "", op.ErrUsage},
		{"an empty one", op.Password{Source: op.FromBytes(nil)}, nil, op.EmptyPassword, "", kdb.ErrNoPassword},
		{"one that is too long", op.Password{Source: op.FromFile(long)}, nil, 0, "", kdb.ErrPassword},
		{"a file that is not open", op.Password{Source: op.FromFD(60000)}, nil, 0, "", nil},
	} {
		got, err := c.password.Read(world(c.vars, "", nil), "key.ckdb")
		p, marked := errors.AsType[*op.Problem](err)
		if err == nil || got != nil || c.err != nil && !errors.Is(err, c.err) || marked != (c.code != 0) {
			t.Errorf("%s: %q, %v", c.rule, got, err)
		}
		if marked && (p.Code != c.code || p.Found != c.found) {
			t.Errorf("%s: code %d, found %q", c.rule, p.Code, p.Found)
		}
	}
}

func TestPassword_emptyWhereThatIsAllowed(t *testing.T) {
	t.Parallel()
	p := op.Password{Source: op.FromBytes(nil), AllowEmpty: true}
	if got, err := p.Read(world(nil, "", nil), "x"); len(got) > 0 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestDBOptions_openingMayUseAnEmptyPassword: foreign files have one, but none is made with one.
func TestDBOptions_openingMayUseAnEmptyPassword(t *testing.T) {
	t.Parallel()
	env := world(nil, "", nil)
	o, err := op.DB{Password: op.Password{Source: op.FromBytes(nil)}}.Options(ctx, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Password(ctx, "x"); err != nil {
		t.Errorf("opening: %v", err)
	}
	if _, err := o.NewPassword(ctx, "x"); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("setting: %v", err)
	}
}

func TestDBOptions_stash(t *testing.T) {
	t.Parallel()
	for source, want := range map[*op.Source]bool{
		{}: false, new(op.FromStash()): false, new(op.FromFile("x")): true, new(op.FromPrompt()): true,
	} {
		o, err := op.DB{Password: op.Password{Source: *source}}.Options(ctx, world(nil, "", nil))
		if err != nil || o.NoStash != want {
			t.Errorf("%+v: no stash %v, %v", *source, o.NoStash, err)
		}
	}
}

func TestForKeys_marksTheError(t *testing.T) {
	t.Parallel()
	ask := op.DB{}
	o, err := ask.Options(ctx, world(nil, "", nil))
	if err != nil {
		t.Fatal(err)
	}
	_, err = op.ForKeys(o.Password)(ctx, "x.pem")
	p, ok := errors.AsType[*op.Problem](err)
	if !ok || p.Code != op.NoKeyPassword || !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("%#v, %v", p, err)
	}
	if got, err := op.ForKeys(op.Fixed([]byte("pw")))(ctx, "x.pem"); string(got) != "pw" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestNewPassword_isTypedTwice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lines []string
		want  string
		code  op.Code
	}{
		{[]string{"same", "same"}, "same", 0},
		{[]string{"same", "other"}, "", op.PasswordsDiffer},
		{[]string{"same"}, "", 0},
	} {
		person := &typist{lines: c.lines}
		got, err := op.NewPassword{Password: op.Password{Source: op.FromPrompt()}}.Get(world(nil, "", person), "key.ckdb")
		p, marked := errors.AsType[*op.Problem](err)
		if string(got) != c.want || (err == nil) != (c.want != "") || marked != (c.code != 0) || marked && p.Code != c.code {
			t.Errorf("%q: %q, %v", c.lines, got, err)
		}
		if want := "New password of key.ckdb: |The same again: "; strings.Join(person.prompts, "|") != want {
			t.Errorf("prompts %q", person.prompts)
		}
	}
}

func TestNewPassword_isMade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := op.NewPassword{Generate: true, OutFile: filepath.Join(dir, "pw")}
	first, err := n.Get(world(nil, "", nil), "x")
	if err != nil || !regexp.MustCompile(`^[a-z2-7]{52}$`).Match(first) {
		t.Fatalf("%q, %v", first, err)
	}
	if written, err := os.ReadFile(n.OutFile); string(written) != string(first)+"\n" || err != nil {
		t.Errorf("the file holds %q, %v", written, err)
	}
	_, err = n.Get(world(nil, "", nil), "x")
	if p, ok := errors.AsType[*op.Problem](err); !ok || p.Code != op.SecretExists || !errors.Is(err, fs.ErrExist) {
		t.Errorf("again: %v", err)
	}
	n.OutFile = ""
	if second, err := n.Get(world(nil, "", nil), "x"); err != nil || string(second) == string(first) {
		t.Errorf("another: %q, %v", second, err)
	}
}

func TestNewPassword_contradictions(t *testing.T) {
	t.Parallel()
	given := op.Password{Source: op.FromStdin(), Field: op.FieldNewPassword}
	for _, c := range []struct {
		rule string
		n    op.NewPassword
		want string
	}{
		{"nothing", op.NewPassword{}, ""},
		{"a source", op.NewPassword{Password: given}, ""},
		{"made", op.NewPassword{Generate: true}, ""},
		{
			"a source, and made",
			op.NewPassword{Password: given, Generate: true},
			"wrong usage: new-password and generate-password exclude each other",
		},
		{"a file for none", op.NewPassword{Password: given, OutFile: "x"}, "wrong usage: password-out needs generate-password"},
	} {
		got := ""
		if err := c.n.Check(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.rule, got, c.want)
		}
		if _, err := c.n.Get(world(nil, "", nil), "x"); c.want != "" && !errors.Is(err, op.ErrUsage) {
			t.Errorf("%s: Get %v", c.rule, err)
		}
		if c.n.Wanted() != (c.n.Generate || c.n.Given()) {
			t.Errorf("%s: wanted is %v", c.rule, c.n.Wanted())
		}
	}
}

// Notepad and PowerShell write a byte order mark, and PowerShell UTF-16: neither belongs to the password.
func TestPassword_encodings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule, content, want string
		err                 error
	}{
		{"UTF-8", "p\u00e4ss\r\nnext\n", "p\u00e4ss", nil},
		{"no end of line", "pass", "pass", nil},
		{"one character", "p", "p", nil},
		{"Latin-1 stays", "p\xe4ss\n", "p\xe4ss", nil},
		{"UTF-8 with a mark", "\xef\xbb\xbfpass\r\nnext", "pass", nil},
		{"UTF-16, little end first", "\xff\xfep\x00\xe4\x00\r\x00\n\x00n\x00", "p\u00e4", nil},
		{"UTF-16, little end first, no end of line", "\xff\xfep\x00", "p", nil},
		{"UTF-16, big end first", "\xfe\xff\x00p\x00\xe4\x00\r\x00\n\x00n", "p\u00e4", nil},
		{"UTF-16 with the byte of a newline in a character", "\xfe\xff\x01\x0a\x00p\x00\n", "\u010ap", nil},
		{"UTF-16 without a mark", "p\x00a\x00\r\x00\n\x00", "", kdb.ErrPassword},
		{"UTF-16, big end first, without a mark", "\x00p\x00a\x00\n", "", kdb.ErrPassword},
		{"a mark alone", "\xef\xbb\xbf\n", "", kdb.ErrNoPassword},
		{"too long as UTF-8", "\xff\xfe" + strings.Repeat("p\x00", 4097), "", kdb.ErrPassword},
	} {
		file := writeFile(t, "pw", c.content)
		vars := map[string]string{"CERTKDB_PASSWORD_FILE": file, "CREDENTIALS_DIRECTORY": filepath.Dir(file)}
		for _, source := range []op.Source{{}, op.FromFile(file), op.FromStdin(), op.FromCredential(filepath.Base(file))} {
			env := world(vars, c.content, nil)
			got, err := op.Password{Source: source}.Read(env, "key.ckdb")
			if string(got) != c.want || !errors.Is(err, c.err) {
				t.Errorf("%s: %q, %v, want %q", c.rule, got, err, c.want)
			}
		}
	}
}
