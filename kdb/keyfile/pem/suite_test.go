package pem_test

import (
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/keyfiletest"
	"certkdb/kdb/keyfile/pem"
)

func TestCodec(t *testing.T) {
	t.Parallel()
	keyfiletest.Run(t, pem.FastCodec(), keyfiletest.Traits{
		Encryption:  "PBES2: AES-256-CBC, PBKDF2 with HMAC-SHA-256, ",
		Kinds:       []kdb.Kind{kdb.KindTrusted, kdb.KindPersonal, kdb.KindRequest},
		Unprotected: true,
	})
}
