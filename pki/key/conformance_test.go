package key_test

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/pki/key"
)

// conformanceDir finds the third-party test data, or skips the test where it is absent.
func conformanceDir(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("CERTKDB_CONFORMANCE"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "shared", "conformance", "public")
		if _, err := os.Stat(filepath.Join(found, "MANIFEST.tsv")); err == nil {
			return found
		}
	}
	t.Skip("no conformance data here")
	return ""
}

// row is a line of the data's MANIFEST.tsv.
type row struct{ path, kind, password, expected, tier string }

func manifest(t testing.TB, dir string, kinds ...string) []row {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "MANIFEST.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		for _, kind := range kinds {
			if f[1] == kind {
				rows = append(rows, row{f[0], f[1], f[2], f[4], f[5]})
			}
		}
	}
	return rows
}

// plainDER returns the DER of a file that is DER or PEM without encryption; nil for what other packages read.
func plainDER(data []byte) []byte {
	for rest := data; ; {
		block, more := pem.Decode(rest)
		if block == nil {
			break
		}
		rest = more
		if strings.Contains(block.Type, "PARAMETERS") {
			continue
		}
		if block.Headers["DEK-Info"] != "" || strings.HasPrefix(block.Type, "OPENSSH") || block.Type == "CERTIFICATE" {
			return nil
		}
		return block.Bytes
	}
	if len(data) > 0 && data[0] == 0x30 {
		return data
	}
	// Bare base64 is PEM to some tools.
	if der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(data))); err == nil {
		return der
	}
	return nil
}

func TestReadPrivate_conformance(t *testing.T) {
	t.Parallel()
	dir := conformanceDir(t)
	read, skipped := 0, 0
	for _, r := range manifest(t, dir, "key", "pubkey") {
		data, err := os.ReadFile(filepath.Join(dir, r.path))
		if err != nil {
			t.Fatal(err)
		}
		der := plainDER(data)
		if der == nil {
			skipped++
			continue
		}
		k, err := key.ReadPrivate(der)
		if errors.Is(err, key.ErrEncrypted) {
			skipped++
			continue
		}
		typ := k.Type
		if err != nil {
			var spki []byte
			if spki, _ = key.ReadPublic(der); spki != nil {
				err, typ = nil, key.DescribePublic(spki).Type
			}
		}
		switch {
		case r.expected == "parse" && err != nil:
			t.Errorf("%s (%s): %v", r.path, r.tier, err)
		case r.expected == "refuse" && err == nil:
			t.Errorf("%s (%s): taken as %s, must be refused", r.path, r.tier, typ)
		case r.expected == "either":
			t.Logf("%s (%s): %s %v", r.path, r.tier, typ, err)
		default:
			read++
		}
		if err == nil && strings.HasPrefix(typ, "unknown") {
			t.Errorf("%s: %s", r.path, typ)
		}
	}
	t.Logf("%d as expected, %d for other packages", read, skipped)
}
