package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// layers says what the packages below a folder must not import, directly: the arrows of the architecture point down. A prefix
// in allow is an exception.
var layers = []struct {
	folder      string
	deny, allow []string
}{
	{folder: "certkdb/pki", deny: []string{"certkdb/kdb", "certkdb/commands", "os", "github.com/urfave/cli"}},
	// Inside pki: readers, then issuers and path, then issue, then status. lint stands beside them.
	{folder: "certkdb/pki/cert", deny: pkiAbove},
	{folder: "certkdb/pki/key", deny: pkiAbove},
	{folder: "certkdb/pki/name", deny: pkiAbove},
	{folder: "certkdb/pki/oid", deny: pkiAbove},
	{folder: "certkdb/pki/pbe", deny: pkiAbove},
	{folder: "certkdb/pki/issuers", deny: pkiAbove},
	{folder: "certkdb/pki/hosts", deny: pkiAbove},
	{folder: "certkdb/pki/path", deny: []string{"certkdb/pki/issue", "certkdb/pki/status", "certkdb/pki/lint"}},
	{folder: "certkdb/pki/issue", deny: []string{"certkdb/pki/status"}},
	{folder: "certkdb/pki/lint", deny: []string{"certkdb/pki/issue", "certkdb/pki/status", "certkdb/pki/path"}},
	{
		folder: "certkdb/kdb",
		deny:   []string{"certkdb/commands", "certkdb/pki", "github.com/cloudflare/cfssl", "github.com/urfave/cli", "net/http"},
		// Of pki the databases use the readers alone.
		allow: []string{"certkdb/pki/cert", "certkdb/pki/issuers", "certkdb/pki/key", "certkdb/pki/name", "certkdb/pki/oid", "certkdb/pki/pbe"},
	},
	{folder: "certkdb/kdb/atomicfile", deny: []string{"certkdb"}, allow: []string{"certkdb/kdb/atomicfile"}},
	{folder: "certkdb/kdb/internal/lockfile", deny: []string{"certkdb"}},
	{folder: "certkdb/kdb/keyfile/document", deny: []string{"certkdb/kdb/keyfile"}, allow: []string{"certkdb/kdb/keyfile/document"}},
	{folder: "certkdb/kdb/sealed", deny: []string{"certkdb/kdb/store/boltstore", "certkdb/kdb/keyfile"}},
	{folder: "certkdb/commands/native", deny: []string{"certkdb/commands/dsmcert", "go.etcd.io", "github.com/cloudflare/cfssl"}},
	{folder: "certkdb/commands/op", deny: []string{"github.com/urfave/cli", "certkdb/commands/dsmcert", "certkdb/commands/native", "go.etcd.io", "github.com/cloudflare/cfssl"}},
	{folder: "certkdb/commands/op/input", deny: operations},
	{folder: "certkdb/commands/op/databases", deny: operations},
	{folder: "certkdb/commands/op/entries", deny: operations, allow: []string{"certkdb/commands/op/databases"}},
	{folder: "certkdb/commands/op/inspect", deny: operations},
	{folder: "certkdb/commands/op/issuing", deny: operations, allow: []string{"certkdb/commands/op/entries"}},
	{folder: "certkdb/commands/dsmcert", deny: []string{"certkdb/commands/native", "certkdb/kdb", "certkdb/pki", "github.com/urfave/cli"}},
}

// pkiAbove decide; what reads and orders for them knows nothing of that.
var pkiAbove = []string{"certkdb/pki/path", "certkdb/pki/issue", "certkdb/pki/status", "certkdb/pki/lint"}

// operations are the packages of operations, side by side above package op.
var operations = []string{
	"certkdb/commands/op/databases", "certkdb/commands/op/entries", "certkdb/commands/op/inspect", "certkdb/commands/op/issuing",
}

// owners are libraries and the packages that may import each: mostly one.
var owners = map[string]string{
	"github.com/cloudflare/cfssl":      "certkdb/pki/issue",
	"github.com/zmap/":                 "",
	"go.etcd.io/bbolt":                 "certkdb/kdb/store/boltstore",
	"github.com/urfave/cli":            "certkdb/commands/native",
	"software.sslmate.com":             "",
	"github.com/pavlo-v-chernykh/":     "certkdb/kdb/keyfile/jks",
	"golang.org/x/crypto/ssh":          "certkdb/pki/key/openssh",
	"github.com/cloudflare/circl":      "certkdb/pki/key",
	"golang.org/x/crypto/argon2":       "certkdb/kdb/sealed",
	"github.com/pkg/errors":            "",
	"github.com/rogpeppe/go-internal/": "certkdb",
}

func TestLayers_arrowsPointDown(t *testing.T) {
	t.Parallel()
	for name, imports := range importsOf(t) {
		for _, imported := range imports {
			for _, l := range layers {
				if below(name, l.folder) && hasPrefix(imported, l.deny) && !hasPrefix(imported, l.allow) {
					t.Errorf("%s imports %s, which is not below it", name, imported)
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
