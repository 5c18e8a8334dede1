package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/scripts/conformancedata"
)

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
