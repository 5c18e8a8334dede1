package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/scripts/conformancedata"
)

// knownDisagreements are the cases, as "file case", of which testdata/conformance-known.tsv says why another verdict is given.
func knownDisagreements(t *testing.T) map[string]bool {
	t.Helper()
	data, err := os.ReadFile("testdata/conformance-known.tsv")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		if fields := strings.SplitN(strings.TrimSpace(line), "\t", 3); len(fields) == 3 && fields[2] != "" && line[0] != '#' {
			known[fields[0]+" "+fields[1]] = true
		}
	}
	return known
}

// The suites of other projects, through the program: all of the core agrees, and nothing is accepted that should be refused,
// but for what is explained.
func TestValidate_suites(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(conformancedata.Folder(t), "chains", "*.json"))
	if err != nil || len(files) == 0 {
		t.Skip("the conformance data has no suites")
	}
	known := knownDisagreements(t)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			agreed, all := map[string]int{}, map[string]int{}
			for line := range strings.Lines(certkdb(t, "validate", "--suite", file)) {
				var v struct{ ID, Tier, Expected, Actual, Reason string }
				if err := json.Unmarshal([]byte(line), &v); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				all[v.Tier]++
				explained := known["chains/"+filepath.Base(file)+" "+v.ID]
				switch {
				case v.Expected == v.Actual:
					agreed[v.Tier]++
				case v.Actual == "SUCCESS" && !explained:
					t.Errorf("%s (%s) is accepted", v.ID, v.Tier)
				case v.Tier == "core" && !explained:
					t.Errorf("%s (core) is refused: %s", v.ID, v.Reason)
				}
			}
			for tier, n := range all {
				t.Logf("%s: %d of %d agree", tier, agreed[tier], n)
				if 100*agreed[tier] < 95*n && tier != "undetermined" {
					t.Errorf("%s: %d of %d agree, fewer than 95 %%", tier, agreed[tier], n)
				}
			}
			if len(all) == 0 {
				t.Error("no verdicts")
			}
		})
	}
}

// ML-DSA keys come as a seed or as the expanded key (RFC 9881, 6): of both there are keys with certificates of others, and both
// sign.
func TestMLDSA_seedAndExpandedKeysSign(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(conformancedata.Folder(t), "pq", "lamps-wg-dilithium-certificates")
	for _, level := range []string{"44", "65", "87"} {
		for _, form := range []string{"seed", "expanded"} {
			t.Run(level+"-"+form, func(t *testing.T) {
				t.Parallel()
				key, err := os.ReadFile(filepath.Join(folder, "ML-DSA-"+level+"-"+form+".priv"))
				if err != nil {
					t.Skip(err)
				}
				cert, err := os.ReadFile(filepath.Join(folder, "ML-DSA-"+level+".crt"))
				if err != nil {
					t.Skip(err)
				}
				file := filepath.Join(t.TempDir(), "key.pem")
				if err := os.WriteFile(file, append(key, cert...), 0o600); err != nil {
					t.Fatal(err)
				}
				db := stashed(t)
				certkdb(t, "add", file, "--db", db, "--label", "pq")
				if shown := certkdb(t, "show", "pq", "--db", db, "--json"); !strings.Contains(shown, `"kind":"personal"`) || !strings.Contains(shown, `"key_type":"mldsa`+level+`"`) {
					t.Fatalf("shown as %s", shown)
				}
				if said := certkdb(t, "renew", "pq", "--db", db, "--reuse-key"); !strings.Contains(said, "with the same key, signed by itself") {
					t.Errorf("renewing: %s", said)
				}
				certkdb(t, "trust", "pq", "--db", db)
				certkdb(t, "validate", "pq", "--db", db)
			})
		}
	}
}
