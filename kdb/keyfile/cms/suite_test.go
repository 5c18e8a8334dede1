package cms_test

import (
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/cms"
	"certkdb/kdb/keyfile/keyfiletest"
)

func TestCodec(t *testing.T) {
	t.Parallel()
	keyfiletest.Run(t, cms.Codec(), keyfiletest.Traits{
		Encryption: "PBES2: AES-256-CBC, PBKDF2 with HMAC-SHA-384, 4096 iterations",
		Kinds:      []kdb.Kind{kdb.KindTrusted, kdb.KindPersonal, kdb.KindRequest, kdb.KindSecretKey},
		Defaults:   true,
		Distrust:   true,
		NoChains:   true,
	})
}
