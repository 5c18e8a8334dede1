package commands_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb/atomicfile"
)

// completed runs the answer to a completion script and returns the words that are offered.
func completed(t *testing.T, dir string, words ...string) (found []string) {
	t.Helper()
	code, out, _ := run(atomicfile.NoSync{}, dir, append([]string{"__complete", "zsh"}, words...)...)
	if code != 0 || out == "" {
		t.Fatalf("completing %q: exit code %d, %q", words, code, out)
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	for _, line := range lines[1:] {
		word, _, _ := strings.Cut(line, "\t")
		found = append(found, word)
	}
	return found
}

// completedCommands are all commands and subcommands, as words.
func completedCommands(t *testing.T, dir string) (all [][]string) {
	names := completed(t, dir, "")
	for _, name := range names {
		below := completed(t, dir, name, "")
		if !slices.Contains([]string{"slots", "stash", "completion"}, name) {
			all = append(all, []string{name})
			continue
		}
		for _, sub := range below {
			all = append(all, []string{name, sub})
		}
	}
	return all
}

// fixed are command lines that refuse a value of an option, which stands at the end. A good value meets
// another error, or does no harm.
func fixed() []string {
	return []string{
		"list --db DIR/k.ckdb --kind", "list --db DIR/k.ckdb --sort", "list --db DIR/k.ckdb --columns",
		"issued --db DIR/k.ckdb --ca ca --columns",
		"create x --db DIR/k.ckdb --cn x --ca nosuch --key-type", "create x --db DIR/k.ckdb --ca nosuch --cn x --profile",
		"create x --db DIR/k.ckdb --ca ca --cn x --dry-run --ku", "create x --db DIR/k.ckdb --ca ca --cn x --dry-run --eku",
		"create x --db DIR/k.ckdb --ca ca --cn x --dry-run --san", "create x --db DIR/k.ckdb --is-ca --ca nosuch --cn x --permit",
		"create x --db DIR/k.ckdb --is-ca --ca nosuch --cn x --exclude",
		"request x --db DIR/k.ckdb --cn x --out DIR/k.ckdb --key-type", "request x --db DIR/k.ckdb --cn x --out DIR/k.ckdb --profile",
		"request x --db DIR/k.ckdb --cn x --dry-run --ku", "request x --db DIR/k.ckdb --cn x --dry-run --eku",
		"request x --db DIR/k.ckdb --cn x --dry-run --san", "request x --db DIR/k.ckdb --cn x --is-ca --dry-run --permit",
		"request x --db DIR/k.ckdb --cn x --is-ca --dry-run --exclude",
		"sign DIR/r.csr --db DIR/k.ckdb --ca ca --dry-run --profile", "sign DIR/r.csr --db DIR/k.ckdb --ca ca --dry-run --ku",
		"sign DIR/r.csr --db DIR/k.ckdb --ca ca --dry-run --eku", "sign DIR/r.csr --db DIR/k.ckdb --ca ca --dry-run --san",
		"sign DIR/r.csr --db DIR/k.ckdb --ca ca --dry-run --is-ca --permit", "sign DIR/r.csr --db DIR/k.ckdb --ca ca --dry-run --is-ca --exclude",
		"renew ca --db DIR/k.ckdb --ca nosuch --key-type", "revoke ca --db DIR/k.ckdb --ca ca --dry-run --reason",
		"crl --db DIR/k.ckdb --ca nosuch --format", "export ca --db DIR/k.ckdb --format", "copy ca --db DIR/k.ckdb --to DIR/y.ckdb --existing",
		"copy ca --db DIR/k.ckdb --to DIR/new.p12 --to-password file:DIR/pw --dry-run --profile",
		"copy nosuch --db DIR/k.ckdb --to DIR/new.x --to-password file:DIR/pw --dry-run --type", "init --db DIR/new.x --dry-run --type",
		"init --db DIR/new.p12 --dry-run --password file:DIR/pw --profile",
		"export ca --db DIR/k.ckdb --out DIR/new.p12 --out-password file:DIR/pw --dry-run --profile", "validate ca --db DIR/k.ckdb --purpose",
		"validate ca --db DIR/k.ckdb --profile", "lint ca --db DIR/k.ckdb --profile", "connect 127.0.0.1:1 --db DIR/k.ckdb --starttls",
		"connect x --db DIR/k.ckdb --min-tls", "show --file DIR/pw --expect", "export ca --db DIR/nosuch.ckdb --dry-run --to",
		"export ca --db DIR/nosuch.ckdb --dry-run --from",
	}
}

// TestCompletion_fixedValues: every option that takes one of some words completes to exactly those that the command accepts, and the error
// about any other names them.
func TestCompletion_fixedValues(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pw"), []byte("changeit\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"init --db DIR/k.ckdb --generate-password --stash", "create ca --db DIR/k.ckdb --is-ca --cn CA --key-type ed25519",
		"request r --db DIR/k.ckdb --cn r --out DIR/r.csr --key-type ed25519",
	} {
		if code, _, text := run(atomicfile.NoSync{}, dir, strings.Fields(line)...); code != 0 {
			t.Fatalf("%s: %s", line, text)
		}
	}
	lines := map[string]string{} // by command and option
	for _, line := range fixed() {
		words := strings.Fields(line)
		lines[words[0]+" "+words[len(words)-1]] = line
	}
	for _, command := range completedCommands(t, dir) {
		options := completed(t, dir, append(slices.Clone(command), "-")...)
		for _, option := range options {
			words := completed(t, dir, append(slices.Clone(command), option, "")...)
			key := strings.Join(command, " ") + " " + option
			line, known := lines[key]
			switch {
			case option == "--help" || !strings.HasPrefix(option, "--") || words == nil:
			case slices.Contains(words, "file:"): // sources of passwords
			case slices.Contains([]string{"--ca", "--cert", "--renew", "--label", "--only", "--save"}, option): // labels
			case option == "--output":
				line := strings.Join(command, " ") + " x --output"
				if slices.Contains(options, "--db") {
					line = strings.Join(command, " ") + " x --db DIR/nosuch.ckdb --output"
				}
				checkFixed(t, dir, line, words)
			case !known:
				t.Errorf("%s takes %q: fixed has no line for it", key, words)
			default:
				words := completed(t, dir, append(strings.Fields(line), "")...) // what comes before may narrow it
				checkFixed(t, dir, line, words)
			}
		}
	}
}

func checkFixed(t *testing.T, dir, line string, words []string) {
	t.Helper()
	said := func(word string) string {
		_, out, text := run(atomicfile.NoSync{}, dir, strings.Fields(line+" "+word)...)
		return strings.ReplaceAll(strings.ReplaceAll(out+text, word, "WORD"), strings.ToLower(word), "WORD")
	}
	refused := said("nosuchword")
	if strings.HasSuffix(words[0], ":") {
		refused = said("nosuchword:x")
	}
	for _, word := range words {
		if !strings.Contains(refused, strings.TrimSuffix(word, ":")) {
			t.Errorf("%s: a wrong word is not told that there is %s: %s", line, word, refused)
		}
		if accepted := said(word); accepted == refused || strings.Contains(accepted, "there is no such") {
			t.Errorf("%s %s: %s", line, word, accepted)
		}
	}
}
