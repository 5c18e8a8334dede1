package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"certkdb/commands/lintprogram/linttest"
)

// entryFields are what every JSON of an entry with a certificate has.
const entryFields = "label kind trusted default subject issuer serial not_before not_after expires_in_seconds status key_type ca " +
	"sha256 has_private_key chain_length added_at "

// jsonGolden are commands, one after the other in one folder, with the schema and the fields of their JSON. Scripts rely on
// them: fields are added to this table, never renamed or removed.
var jsonGolden = []struct{ command, schema, fields string }{
	{"init --password file:pw --stash", "init", "changed location format id stash_file"},
	{
		"create web --cn www.example.com --san ip:192.0.2.7 --san email:a@example.com --san uri:http://example.com --san dns:example.com " +
			"--default", "create",
		entryFields + "sans.dns[] sans.ip[] sans.email[] sans.uri[]",
	},
	{"create root --is-ca --cn Root --days 3650", "create", entryFields},
	{"trust root", "trust", "changed actions[].action actions[].label actions[].kind actions[].sha256"},
	{"create sub --is-ca --ca root --path-len 0 --cn Sub", "create", entryFields},
	{"create api --ca sub --cn api.example.com", "create", entryFields + "sans.dns[] notes[]"},
	{
		"info",
		"info",
		"location format version id created_at entries size_bytes read_only fips_140_3_module slots[].id slots[].kind slots[].kdf " +
			"slots[].created_at facts[].name facts[].title facts[].value",
	},
	{"list", "list", strings.ReplaceAll(" "+strings.TrimSpace(entryFields), " ", " entries[].")},
	{"list --with-pem", "list", "entries[].certificates_pem[] entries[].sans.dns[] entries[].sans.ip[] entries[].sans.email[] " +
		"entries[].sans.uri[]"},
	{"list nothing*", "list", "entries[]"},
	{
		"show web",
		"show",
		entryFields + "has_private_key certificates[].pem certificates[].version certificates[].subject certificates[].issuer " +
			"certificates[].serial " +
			"certificates[].serial_decimal certificates[].not_before certificates[].not_after certificates[].key_type " +
			"certificates[].signature_algorithm " +
			"certificates[].sha1 certificates[].sha256 certificates[].spki_sha256 certificates[].extensions[].name " +
			"certificates[].extensions[].value certificates[].extensions[].critical",
	},
	{
		"validate api --host api.example.com",
		"validate",
		"valid results[].name results[].valid results[].chains[].anchored results[].chains[].failures[] " +
			"results[].chains[].certificates[].label results[].chains[].certificates[].subject results[].chains[].certificates[].sha256",
	},
	{
		"request shop --cn shop.example.com --out shop.csr",
		"request",
		"label kind status key_type sha256 file request_pem sans.dns[] added_at",
	},
	{
		"sign shop.csr --ca sub --days 90 --out shop.crt",
		"sign",
		"certificates[].request certificates[].file certificates[].subject certificates[].serial certificates[].not_after certificates[].sha256",
	},
	{"receive shop.crt", "receive", entryFields + "complete"},
	{"renew api", "renew", entryFields + "changed new_key replaced_sha256 signed_by"},
	{"revoke shop --ca sub --reason superseded", "revoke", "changed serial subject reason revoked_at issued_at not_after sha256 status"},
	{"crl --ca sub --out sub.crl", "crl", "changed number this_update next_update revoked file"},
	{
		"issued --ca sub",
		"issued",
		"certificates[].serial certificates[].subject certificates[].issued_at certificates[].not_after certificates[].status " +
			"certificates[].sha256 certificates[].reason certificates[].revoked_at",
	},
	{"lint api", "lint", "profile errors findings[]"},
	{"export web --out web.crt", "export", "file contents[].type contents[].count"},
	{"add web.crt --label partner", "add", "changed actions[].action actions[].label actions[].kind actions[].sha256"},
	{"rename partner partner2", "rename", "changed actions[].action actions[].label actions[].new_label actions[].kind"},
	{"distrust partner2", "distrust", "changed actions[].action actions[].label actions[].kind actions[].sha256"},
	{"default api", "default", "changed actions[].action actions[].label actions[].kind actions[].sha256"},
	{"delete partner2", "delete", "changed actions[].action actions[].label actions[].kind actions[].sha256"},
	{
		"copy --all --key --to copy.ckdb --to-password file:pw", "copy",
		"changed actions[].action actions[].label actions[].kind actions[].sha256 actions[].has_private_key",
	},
	{"check", "check", "location ok problems[]"},
	{"slots list", "slots", "slots[].id slots[].name slots[].kind slots[].kdf slots[].created_at slots[].by"},
	{"slots add --password file:pw --new-password file:pw2", "slots.add", "changed id name"},
	{"slots remove password-2", "slots.remove", "changed id name"},
	{"passwd --password file:pw --new-password file:pw2", "passwd", "changed location"},
	{"stash remove", "stash", "changed action file"},
	{"stash create --password file:pw2", "stash", "changed action file"},
	{"rekey --password file:pw2", "rekey", "changed location"},
	{"compact", "compact", "changed bytes_before bytes_after"},
	{"backup backup.ckdb", "backup", "changed location size_bytes opens_with[].slot opens_with[].kind"},
	{"restore backup.ckdb --password file:pw2", "restore", "changed source_location location id entries"},
	{"find api", "find", "entries[].label entries[].matched[] entries[].location"},
	{"compare api api", "compare", "same a.location a.label b.location b.label differences[] equal_entries"},
	{"create --from servers.txt --ca sub", "create.from", "changed entries[].label entries[].changed entries[].notes[] entries[].sha256"},
	{"export api --out-dir tls", "export.folder", "changed notes[] files[].label files[].type files[].file files[].state"},
	{
		"export root --to system --root image", "export.trust",
		"changed targets[].kind targets[].place targets[].actions[].action targets[].actions[].label targets[].notes[]",
	},
	{
		"deploy api --key d.key --cert d.crt", "deploy",
		"changed deployments[].label deployments[].files[].form deployments[].files[].file deployments[].files[].state deployments[].notes[]",
	},
	{"deploy --list", "deploy.list", "deployments[].label deployments[].targets[].files[].form deployments[].targets[].files[].file"},
	{"deploy api --forget", "deploy.forget", "changed label targets[].files[].form targets[].files[].file"},
	{"issued --ca sub --take-over sub.crl", "take-over", "changed recorded revoked foreign next_number"},
	{"show --file web.crt", "show-file", "file format items[].type items[].line items[].sha256 items[].subject items[].spki_sha256"},
	{
		"recover key.ckdb --to recovered.ckdb", "recover",
		"changed source_location location entries expected verified missing[] altered[] left_out[]",
	},
	{"link .", "link", "changed folder linked[] removed[] kept[] unchanged[]"},
	{"unlink .", "unlink", "changed folder linked[] removed[] kept[] unchanged[]"},
	{"completion install bash --root image", "completion.install", "changed action shell file"},
	{
		"session --options dsm.sys", "session",
		"file kind server warnings[] unknown_options[] database sessions[].peer sessions[].name sessions[].session.value " +
			"sessions[].session.because[] sessions[].todo[].action",
	},
	{"session --options dsm.sys --use-case 1", "session-checklist", "number title source database done steps[].state steps[].text"},
	{
		"log", "log", "records[].number records[].recorded_at records[].operation records[].label records[].sha256 records[].user " +
			"records[].host records[].slot records[].slot_name",
	},
	{"version", "version", "version go platform"},
}

func TestJSON_fieldsAreNeverRenamed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"pw": "secret\n", "pw2": "another\n", "servers.txt": "db.example.com 192.0.2.7\n",
		"dsm.sys": "SErvername s1\n  TCPServeraddress a.example.com\n  TCPPort 1500\n  SSL yes\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(folder, "image/usr/local/share/ca-certificates"), 0o755); err != nil {
		t.Fatal(err)
	}
	linter, err := linttest.Build()
	if err != nil {
		t.Fatal(err)
	}
	path := "PATH=" + linter + string(filepath.ListSeparator) + os.Getenv("PATH")
	for _, want := range jsonGolden {
		cmd := exec.Command("certkdb", append(strings.Fields(want.command), "--json")...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), path, "CERTKDB_DB=key.ckdb", "CERTKDB_PASSWORD_FILE=")
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v: %s", want.command, err, said.String())
			continue
		}
		var object map[string]any
		if err := json.Unmarshal(out, &object); err != nil || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%s: not one JSON object on one line: %v: %s", want.command, err, out)
			continue
		}
		schema, _ := object["schema"].(string)
		if !strings.HasPrefix(schema, "certkdb.") || !strings.HasSuffix(schema, "/v1") ||
			want.schema != "" && schema != "certkdb."+want.schema+"/v1" {
			t.Errorf("%s: schema %q", want.command, schema)
		}
		have := fieldPaths(object, "")
		for _, field := range strings.Fields(want.fields) {
			if !slices.Contains(have, field) {
				t.Errorf("%s: no field %s in %s", want.command, field, out)
			}
		}
	}
}

// Every published schema is that of a result in the table, or in a script, where the program in tests compares them.
func TestJSON_everySchemaIsChecked(t *testing.T) {
	t.Parallel()
	scripts := map[string]string{
		"connect": "connect_many.txtar", "explain": "explain.txtar", "stash.reveal": "stash_reveal.txtar",
	}
	for _, schema := range strings.Fields(certkdb(t, "schema")) {
		if slices.ContainsFunc(jsonGolden, func(g struct{ command, schema, fields string }) bool { return g.schema == schema }) {
			continue
		}
		text, err := os.ReadFile(filepath.Join("testdata/script", scripts[schema]))
		line := regexp.MustCompile(`certkdb ` + strings.ReplaceAll(schema, ".", " ") + ` .*--json`)
		if err != nil || !line.Match(text) {
			t.Errorf("no test compares a result with the schema %s: %v", schema, err)
		}
	}
}

// fieldPaths are the fields of a JSON value as in a.b[].c; a list is one even when it is empty.
func fieldPaths(value any, path string) []string {
	switch value := value.(type) {
	case map[string]any:
		var paths []string
		for name, member := range value {
			paths = append(paths, fieldPaths(member, strings.TrimPrefix(path+"."+name, "."))...)
		}
		return paths
	case []any:
		paths := []string{path + "[]"}
		for _, member := range value {
			paths = append(paths, fieldPaths(member, path+"[]")...)
		}
		return paths
	}
	return []string{path}
}

// Every command that the program offers can be looked up, and its help has examples. A dialect's own help has its usage.
func TestHelp_everyCommandHasExamples(t *testing.T) {
	t.Parallel()
	var commands []string
	for line := range strings.Lines(certkdb(t, "__complete", "zsh", "")) {
		if name, _, described := strings.Cut(line, "\t"); described {
			commands = append(commands, name)
		}
	}
	if len(commands) < 25 || !slices.Contains(commands, "add") {
		t.Fatalf("the commands are %q", commands)
	}
	overview := certkdb(t, "help")
	for _, name := range commands {
		if !strings.Contains(overview, "\n  "+name+" ") {
			t.Errorf("certkdb help does not name %s", name)
		}
		help := certkdb(t, "help", name)
		for line := range strings.Lines(help) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 100 {
				t.Errorf("certkdb help %s: %d columns: %s", name, n, line)
			}
		}
		if !strings.Contains(help, "Usage: certkdb "+name) {
			t.Errorf("certkdb help %s has no usage:\n%s", name, help)
		}
		if !strings.Contains(help, "Examples:\n  ") {
			t.Errorf("certkdb help %s has no examples:\n%s", name, help)
		}
	}
}
