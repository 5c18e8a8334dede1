package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// layers are the packages of each part, from the bottom to the top. A package imports only what is in a line above its own here: the
// arrows point down, and those in one line know nothing of each other. A new package is put into the lowest line that it fits.
var layers = map[string][]string{
	"certkdb/pki": {
		". oid hosts spelling",
		"key name pbe exchange session",
		"cert key/openssh",
		"issuers lint probe",
		"path",
		"issue",
		"status issue/issuetest",
	},
	"certkdb/kdb": {
		"internal/lockfile store keyfile/ber keyfile/pem/armour",
		"atomicfile seen",
		". atomicfile/atomicfiletest store/storetest",
		"memory kdbtest keyfile/document store/boltread",
		"sealed store/boltstore keyfile keyfile/jks/javaser",
		"keyfile/stash keyfile/pkcs7 keyfile/keyfiletest",
		"keyfile/cms keyfile/pkcs12 keyfile/jks keyfile/pem",
	},
	"certkdb/commands": {
		"op lintprogram",
		"op/input op/databases op/deploy op/links op/optest op/trust lintprogram/linttest",
		"op/entries op/inspect",
		"op/issuing op/sessions",
		"dsmcert gskcapi",
		"explain native/terminal",
		"native",
		".",
	},
}

// denied says what the packages below a folder must not import, directly: other parts, and libraries. A prefix in allow is an exception,
// and except is a package for tests that may.
var denied = []struct {
	folder, except string
	deny, allow    []string
}{
	{folder: "certkdb/pki", deny: []string{"certkdb/kdb", "certkdb/commands", "github.com/urfave/cli"}},
	{folder: "certkdb/pki", deny: []string{"os"}, except: "certkdb/pki/issue/issuetest"},
	{
		folder: "certkdb/kdb",
		deny:   []string{"certkdb/commands", "certkdb/pki", "github.com/cloudflare/cfssl", "github.com/urfave/cli", "net/http"},
		// Of pki the databases use the readers alone.
		allow: []string{"certkdb/pki/cert", "certkdb/pki/issuers", "certkdb/pki/key", "certkdb/pki/name", "certkdb/pki/oid", "certkdb/pki/pbe"},
	},
	{folder: "certkdb/kdb/sealed", deny: []string{"certkdb/kdb/store/boltstore", "certkdb/kdb/keyfile"}}, // any store will do
	{folder: "certkdb/commands/op", deny: []string{"github.com/urfave/cli", "go.etcd.io", "github.com/cloudflare/cfssl"}},
	{folder: "certkdb/commands/dsmcert", deny: []string{"certkdb/kdb", "certkdb/pki", "github.com/urfave/cli"}},
	{folder: "certkdb/commands/gskcapi", deny: []string{"certkdb/kdb", "certkdb/pki", "github.com/urfave/cli"}},
	{folder: "certkdb/commands/explain", deny: []string{"certkdb/kdb", "certkdb/pki", "github.com/urfave/cli"}},
	{folder: "certkdb/commands/native/terminal", deny: []string{"certkdb/kdb", "certkdb/pki", "github.com/urfave/cli"}},
}

// owners are libraries and the packages that may import each: mostly one.
var owners = map[string]string{
	"github.com/cloudflare/cfssl":      "certkdb/pki/issue",
	"github.com/zmap/":                 "",
	"go.etcd.io/bbolt":                 "certkdb/kdb/store/boltstore",
	"github.com/urfave/cli":            "certkdb/commands/native",
	"software.sslmate.com":             "",
	"github.com/pavlo-v-chernykh/":     "certkdb/kdb/keyfile/jks",
	"github.com/cloudflare/circl":      "certkdb/pki/key",
	"golang.org/x/crypto/ssh":          "",
	"golang.org/x/crypto/argon2":       "certkdb/kdb/sealed",
	"golang.org/x/crypto/x509roots":    "certkdb/commands/gskcapi",
	"github.com/pkg/errors":            "",
	"github.com/rogpeppe/go-internal/": "certkdb",
}

func TestLayers_arrowsPointDown(t *testing.T) {
	t.Parallel()
	heights := heightsOf(t)
	for name, imports := range importsOf(t) {
		part := partOf(name)
		height, listed := heights[name]
		if part != "" && !listed {
			t.Errorf("%s has no layer; put it into the table of layers", name)
		}
		for _, imported := range imports {
			if part != "" && part == partOf(imported) && heights[imported] >= height {
				t.Errorf("%s imports %s, which is not in a layer below it", name, imported)
			}
			for _, l := range denied {
				if below(name, l.folder) && name != l.except && hasPrefix(imported, l.deny) && !hasPrefix(imported, l.allow) {
					t.Errorf("%s imports %s, which it must not know", name, imported)
				}
			}
			for library, owner := range owners {
				if strings.HasPrefix(imported, library) && !slices.Contains(strings.Fields(owner), name) {
					t.Errorf("%s imports %s; only %q may", name, imported, owner)
				}
			}
		}
	}
}

// partOf is the part of the program that a package belongs to, "" for none.
func partOf(name string) string {
	for part := range layers {
		if below(name, part) {
			return part
		}
	}
	return ""
}

// heightsOf returns the layer of each package in the table.
func heightsOf(t *testing.T) map[string]int {
	t.Helper()
	heights := map[string]int{}
	for part, lines := range layers {
		for height, line := range lines {
			for _, name := range strings.Fields(line) {
				name = strings.TrimSuffix(part+"/"+name, "/.")
				if _, twice := heights[name]; twice {
					t.Errorf("%s is in two layers", name)
				}
				heights[name] = height
			}
		}
	}
	return heights
}

// What a command line is called is known in the front ends alone: no text below them names a command or an option.
func TestTexts_nameNoCommand(t *testing.T) {
	t.Parallel()
	command := regexp.MustCompile(`"[^"\n]*\bcertkdb (?:add|backup|check|compact|copy|create|delete|export|info|init|list|passwd|receive|` +
		`rekey|renew|request|revoke|show|sign|slots|stash|trust|validate)\b|"[^"\n]* --[a-z][a-z-]+`)
	for _, part := range []string{"kdb", "pki", "commands/op"} {
		err := fs.WalkDir(os.DirFS("."), part, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, found := range command.FindAll(text, -1) {
				if !bytes.Contains(found, []byte("basenc ")) { // the option of another program
					t.Errorf("%s: %s", path, found)
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// An object identifier that two packages need stands in pki/oid.
func TestOIDs_standOnce(t *testing.T) {
	t.Parallel()
	literal := regexp.MustCompile(`"(?:[01](?:\.\d+){4,}|2\.\d+(?:\.\d+){2,})"`)
	homes := map[string]string{}
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		folder := filepath.Dir(path)
		for _, dotted := range literal.FindAllString(string(text), -1) {
			if home, known := homes[dotted]; known && home != folder {
				t.Errorf("%s: %s is also in %s", path, dotted, home)
			}
			homes[dotted] = folder
		}
		return err
	})
	if err != nil || len(homes) < 200 {
		t.Errorf("%d identifiers, %v", len(homes), err)
	}
}

func below(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

func hasPrefix(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return below(name, p) })
}

// importsOf lists what the packages of the module import, without their tests.
func importsOf(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...").Output()
	if err != nil {
		t.Fatalf("listing the packages: %v", err)
	}
	imports := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		imports[words[0]] = words[1:]
	}
	return imports
}
