package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What somebody types who does not know the program yet is answered with what to type instead, and with the documented exit code.
func TestMistakes_areAnsweredWithTheRemedy(t *testing.T) {
	t.Parallel()
	folder := newcomersFolder(t)
	for _, c := range []struct {
		line   string // words are separated by bars
		code   int
		remedy string // part of what is on standard error
	}{
		// Files where commands, labels or databases are meant.
		{"web.crt", 2, "see what is in the file with: certkdb show web.crt"},
		{"validate|web.crt", 3, "give it with --file web.crt"},
		{"revoke|web.crt|--ca|ca", 3, "give it with --file web.crt"},
		{"delete|web.crt", 3, "add it first with: certkdb add web.crt"},
		{"renew|web.crt", 3, "add it first with: certkdb add web.crt"},
		{"list|web.crt", 2, "certkdb list --db web.crt"},
		{"init|new.p12", 2, "name the database with --db new.p12"},
		{"info|web.crt", 2, "name the database with --db web.crt"},
		{"check|extra", 2, "see: certkdb help check"},
		{"add|a|folder/web|cert.crt", 3, "a name with spaces needs quotes: 'a folder/web cert.crt'"},
		{"list|a|folder/web|cert.crt", 2, "a name with spaces needs quotes: 'a folder/web cert.crt'"},
		{"add|nosuch.crt|web.crt", 3, `reading "nosuch.crt": file does not exist`},
		{"add|a folder", 1, "name a file in the folder; add takes several"},
		{"list|--db|a folder", 1, "name a file in the folder"},
		{"list|--db|text", 12, "name a key store, or a file with PEM blocks"},
		{"sign|web.crt|--ca|ca", 7, "a request is made with certkdb request, or openssl req; a certificate is renewed with: certkdb renew"},
		{"receive|web.csr", 7, "it holds a certificate request, but no certificate and no private key: a CA has to sign it first"},
		// Folders and files as outputs.
		{"export|web|--out|a folder", 2, "it is a folder; name a file in it"},
		{"crl|--ca|ca|--out|a folder|--force", 2, "it is a folder; name a file in it"},
		{"request|q|--cn|q|--out|nosuch/q.csr", 3, "make the folder first: mkdir -p nosuch"},
		{"backup|nosuch/b.ckdb", 3, "make the folder first: mkdir -p nosuch"},
		{"link|nosuch", 3, "make the folder first: mkdir -p nosuch"},
		{"export|web|--out-dir|web.crt", 2, `writing to "web.crt": wrong usage: it is not a folder`},
		{"export|web|--out|web.crt", 4, "replace it with --force"},
		// Options of other programs, in other forms, and in word processors' writing.
		{"export|-in|web.crt|-out|x.pem", 2, `did you mean "--db"?`},
		{"copy|--from|web.crt|--to|x.p12", 2, `did you mean "--db"?`},
		{"validate|-in|web.crt", 2, `did you mean "--file"?`},
		{"add|-in|web.crt", 2, "name the file without an option"},
		{"x509|-in|web.crt|-text", 2, "certkdb explain -- openssl x509 …"},
		{"-in|web.crt|-text", 2, "the command comes first"},
		{"explain|keytool|-list", 2, "certkdb explain -- LINE"},
		{"list|–expiring|30d", 2, "write it with hyphens: --expiring"},
		{"list|—expiring=30d", 2, "write it with hyphens: --expiring=30d"},
		{"—list", 2, `did you mean "list"?`},
		{"list|-v", 2, "there is no option -v"},
		{"list|--format|json", 2, `did you mean "--output"?`},
		{"export|web|-outform|der", 2, `did you mean "--format"?`},
		{"list|--json=maybe", 2, `invalid boolean value "maybe" for --json`},
		{"list|--password|secret", 2, "write file:PATH, env:VAR"},
		{"list|--expiring|60", 2, "write 90d, 12h, 2w or 1y"},
		{"log|--last|five", 2, "write a whole number, without a unit: --last 30"},
		{"create|x|--cn|x|--days|90d", 2, "write a whole number, without a unit: --days 30"},
		{"create|x|--cn|x|--ip|192.0.2.7", 2, `did you mean "--san"?`},
		{"create|x|--cn|x|--country|DE", 2, `did you mean "--c"?`},
		{"create|x|--cn|x|--key-type|RSA2048", 2, `did you mean "rsa2048"? Or use one of`},
		{"create|x|--cn|CN=x,O=Example", 2, "give a whole name with --dn"},
		{"create|x|--cn|/CN=x", 2, "give a whole name with --dn"},
		{"create|x|--dn|/XY=x/O=Example", 2, `"XY" is not a known attribute type`},
		{"create|x|--cn|x|--ca|web", 8, "a CA is created with: certkdb create LABEL --is-ca"},
		{"export|web|--out|x.p12", 5, "or prompt, or in a file that $CERTKDB_PASSWORD_FILE names"},
		// A label that begins like that is one after two hyphens.
		{"show|--|–expiring", 3, "see the labels with: certkdb list"},
	} {
		code, stderr := mistaken(t, folder, strings.Split(c.line, "|")...)
		if code != c.code || !strings.Contains(stderr, c.remedy) {
			t.Errorf("certkdb %s: exit code %d, want %d and %q:\n%s", c.line, code, c.code, c.remedy, stderr)
		}
	}
}

// What is too large is an input that cannot be read, not wrong usage.
func TestMistakes_tooLarge(t *testing.T) {
	t.Parallel()
	folder := newcomersFolder(t)
	if code, stderr := mistaken(t, folder, "init", "--db", "large.p12", "--profile", "passwordless"); code != 0 {
		t.Fatal(stderr)
	}
	if err := os.WriteFile(filepath.Join(folder, "large.txt"), bytes.Repeat([]byte("name"), 2<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(folder, "large.p12"), 2<<30); err != nil {
		t.Fatal(err)
	}
	for line, what := range map[string]string{
		"list|--db|large.p12":                      "it is larger than 1 GiB",
		"copy|--all|--db|large.p12|--to|new.jks":   "it is larger than 1 GiB",
		"create|x|--cn|x|--profile-file|large.txt": "it is larger than 4 MiB",
		"create|--from|large.txt":                  "line 1: cannot be parsed: it is longer than 64 KiB",
		"connect|--options|large.txt":              "it is larger than 4194304 bytes",
	} {
		code, stderr := mistaken(t, folder, strings.Split(line, "|")...)
		if code != 7 || !strings.Contains(stderr, what) {
			t.Errorf("certkdb %s: exit code %d, want 7 and %q:\n%s", line, code, what, stderr)
		}
	}
}

// newcomersFolder has a database with a CA and a server, the server's certificate, and what else somebody names by mistake.
func newcomersFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "a folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "text"), []byte("words\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"init|--generate-password|--stash", "create|ca|--is-ca|--cn|CA", "create|web|--ca|ca|--cn|www.example.com", "export|web|--out|web.crt",
		"export|web|--out|a folder/web cert.crt", "request|shop|--cn|shop.example.com|--out|web.csr",
	} {
		if code, stderr := mistaken(t, folder, strings.Split(line, "|")...); code != 0 {
			t.Fatalf("certkdb %s: exit code %d\n%s", line, code, stderr)
		}
	}
	return folder
}

// mistaken runs the program in a folder, with German for a language and no terminal, and returns its exit code and standard error.
func mistaken(t *testing.T, folder string, args ...string) (int, string) {
	t.Helper()
	cmd := exec.Command("certkdb", args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "HOME="+folder, "XDG_STATE_HOME="+filepath.Join(folder, "state"), "CERTKDB_DB=key.ckdb",
		"CERTKDB_PASSWORD_FILE=", "LC_ALL=de_DE.UTF-8", "LANGUAGE=de")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), stderr.String()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, stderr.String()
}
