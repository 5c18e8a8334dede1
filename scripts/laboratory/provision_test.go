//go:build linux

package main

import (
	"crypto/sha256"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every example in scripts/provision goes from an empty folder to verified handshakes, and changes nothing when it runs again.
func TestProvision(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"openssl", "keytool", "curl"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip("the examples and their servers need it: ", err)
		}
	}
	certkdb := buildCertkdb(t)
	examples := map[string][]string{ // what each says, first and again
		"server-self-signed":   {"(?s)with cert256.arm.*: ok\n.*Verification: OK", "Verification: OK"},
		"server-ca-signed":     {"verified localhost: TLS 1.3", "verified localhost: TLS 1.3"},
		"client-by-hand":       {"(?s)remedy: .*dsmcert -add -server vault.*after the import.*: ok\n", "(?s)after the import.*: ok\n"},
		"client-first-contact": {"(?s): ok\nadded \"vault\".*CERTIFICATE HAS CHANGED", "(?s): ok\n.*CERTIFICATE HAS CHANGED"},
		"server-to-server":     {"(?s)the source.*: ok\n.*the target.*: ok\n", "(?s)the source.*: ok\n.*the target.*: ok\n"},
		"storage-agent":        {"(: ok\n(?s:.*)){4}", "(: ok\n(?s:.*)){4}"},
		"ldap-directory":       {"(?s)is not among the trusted.*the server verifies.*: ok\n", "(?s)the server verifies.*: ok\n"},
		"operations-center":    {"(: ok\n(?s:.*)and by Java\n(?s:.*)){2}", "(: ok\n(?s:.*)and by Java\n(?s:.*)){2}"},
		"reporting-agent":      {"(?s): ok\n.*and by curl", "(?s): ok\n.*and by curl"},
		"renew":                {"(?s)renewed .*(still accepts.*: ok\n.*){2}(the server.*: ok\n.*){2}", "(?s)not due.*(the server.*: ok\n.*){2}"},
		"recover-client":       {"(?s)HAS CHANGED.*there again.*: ok\nadded \"vault\"", "(?s)there again.*: ok\n"},
	}
	files, err := filepath.Glob("../provision/*")
	if err != nil || len(files) != len(examples)+1 {
		t.Errorf("%v: examples without a test in %q", err, files)
	}
	for name, says := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			var before map[string][sha256.Size]byte
			for i, want := range says {
				if said := provision(t, name, folder, certkdb); !regexp.MustCompile(want).MatchString(said) {
					t.Fatalf("run %d does not say %q, but\n%s", i+1, want, said)
				}
				after := contents(t, folder)
				if i > 0 && !maps.Equal(before, after) {
					t.Errorf("the second run changed something:\n%x\n%x", before, after)
				}
				before = after
			}
		})
	}
}

// buildCertkdb builds the program.
func buildCertkdb(t *testing.T) string {
	t.Helper()
	certkdb := filepath.Join(t.TempDir(), "certkdb")
	if out, err := exec.Command("go", "build", "-o", certkdb, "../..").CombinedOutput(); err != nil {
		t.Fatalf("building certkdb: %v\n%s", err, out)
	}
	return certkdb
}

// provision runs an example and returns what it said.
func provision(t *testing.T, name, folder, certkdb string, variables ...string) string {
	t.Helper()
	cmd := exec.Command("../provision/"+name, folder)
	cmd.Env = append(os.Environ(), "CERTKDB="+certkdb)
	cmd.Env = append(cmd.Env, variables...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// contents are the files that an example makes, but those that tell of one run. No private key may be in clear among them.
func contents(t *testing.T, folder string) map[string][sha256.Size]byte {
	t.Helper()
	files := map[string][sha256.Size]byte{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), "PRIVATE KEY-----") {
			t.Errorf("a private key stays in %s", path)
		}
		switch name := filepath.Base(path); {
		case name == "server.log" || name == "dsm.sys" || strings.HasSuffix(name, ".lock"):
		case name == "cert.ckdb": // its audit log has each export of the key
		default:
			files[path] = sha256.Sum256(data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
