package commands_test

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb/store/boltread"
)

// erasing is a command that removes secrets from a native database.
type erasing struct {
	before  []string // commands before it
	command string
	file    string // the database that it changes; "" is key.ckdb
	removed string // the keys of the records that it removes or replaces, with spaces between them
}

// common is how many bytes at the start of a record may be the same in another one.
const common = 20

// TestErase_removedMeansGone: after a command that removes a private key, a secret key or a key slot, nothing of the old record is in the
// file.
func TestErase_removedMeansGone(t *testing.T) {
	t.Parallel()
	k := kind{
		file: "key.ckdb", create: strings.Fields("--generate-password --password-out DIR/old.pw --stash"),
		generated: true, receives: true, second: true,
	}
	template := k.prepare(t)
	for what, test := range erasings() {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dir := copyOf(t, template)
			if err := os.WriteFile(filepath.Join(dir, "aes.pw"), []byte("the-new-one\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, command := range test.before {
				mustRun(t, dir, k.arguments(command)...)
			}
			path := filepath.Join(dir, k.file)
			if test.file != "" {
				path = filepath.Join(dir, test.file)
			}
			before, whole := secrets(t, path), contentsOf(t, path)
			mustRun(t, dir, k.arguments(test.command)...)
			after := secrets(t, path)
			var removed []string
			for _, key := range slices.Sorted(maps.Keys(before)) {
				if after[key] != before[key] {
					removed = append(removed, key)
				}
				if len(before[key]) < 2*common || !bytes.Contains(whole, []byte(before[key])) {
					t.Errorf("%s with %d bytes was not in the file", key, len(before[key]))
				}
			}
			if got := strings.Join(removed, " "); got != test.removed {
				t.Errorf("removed are %q, not %q", got, test.removed)
			}
			now := contentsOf(t, path)
			for _, key := range removed {
				if bytes.Contains(now, []byte(before[key][common:])) {
					t.Errorf("%s is still in the file", key)
				}
			}
		})
	}
}

// erasings are the commands that remove secrets. Slot 1 is of the first password, 2 of the stash, 3 of the second password.
func erasings() map[string]erasing {
	random := " --generate-password --password-out DIR/new.pw"
	toCopy := []string{
		"copy web --to DIR/copy.ckdb --to-password file:DIR/old.pw",
		"create web --replace --yes --cn web.example.com --key-type ed25519",
	}
	return map[string]erasing{
		"renew":          {command: "renew web", removed: "k/web"},
		"add --replace":  {command: "add DIR/root.pem --label web --replace --yes", removed: "k/web"},
		"create":         {command: "create web --replace --yes --cn web.example.com --key-type ed25519", removed: "k/web"},
		"request":        {command: "request web --replace --yes --cn web.example.com --key-type ed25519 --out DIR/web.csr", removed: "k/web"},
		"copy":           {toCopy, "copy web --to DIR/copy.ckdb --to-password file:DIR/old.pw --existing replace", "copy.ckdb", "k/web"},
		"delete":         {command: "delete web", removed: "k/web"},
		"delete request": {command: "delete wait", removed: "k/wait"},
		"rename":         {command: "rename web www", removed: "k/web"},
		"passwd":         {command: "passwd" + random, removed: "slot/00000001"},
		"stash remove":   {command: "stash remove", removed: "slot/00000002"},
		"rekey":          {command: "rekey --drop-slots", removed: "k/ca k/wait k/web slot/00000001 slot/00000002 slot/00000003"},
		"compact":        {command: "compact"},
		"receive --renew": {
			[]string{"request --renew web --out DIR/web.csr", "sign DIR/web.csr --ca ca --out DIR/web.crt"},
			"receive DIR/web.crt", "", "k/web k/web.renewal",
		},
		"restore": {
			[]string{"backup DIR/backup.ckdb", "renew web", "slots add --name third --generate-password --password-out DIR/third.pw"},
			"restore DIR/backup.ckdb --force", "", "k/web slot/00000004",
		},
		"secret key": {
			[]string{
				"gsk8capicmd_64 -keydb -create -db DIR/aes.p12 -pw the-new-one -type pkcs12",
				"gsk8capicmd_64 -secretkey -create -db DIR/aes.p12 -pw the-new-one -label aes -size 32",
				"add DIR/aes.p12 --in-password file:DIR/aes.pw",
			},
			"delete aes", "", "k/aes",
		},
		"stash create": {command: "stash create", removed: "slot/00000002"},
		"slots remove": {command: "slots remove second", removed: "slot/00000003"},
	}
}

// secrets are the records of a database's keys and key slots.
func secrets(t *testing.T, path string) map[string]string {
	t.Helper()
	data := contentsOf(t, path)
	snap, err := boltread.Open(context.Background(), bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	records := make(map[string]string)
	for _, prefix := range []string{"k/", "slot/"} {
		for r, err := range snap.Scan(prefix, "") {
			if err != nil {
				t.Fatal(err)
			}
			records[string(r.Key)] = string(r.Value)
		}
	}
	return records
}

// contentsOf are the bytes of a file.
func contentsOf(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
