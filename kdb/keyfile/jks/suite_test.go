package jks_test

import (
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/jks"
	"certkdb/kdb/keyfile/keyfiletest"
)

func TestCodec(t *testing.T) {
	t.Parallel()
	keyfiletest.Run(t, jks.JKS(), keyfiletest.Traits{
		Encryption: "Sun's key protector (XOR with SHA-1, 1.3.6.1.4.1.42.2.17.1.1)",
		Kinds:      []kdb.Kind{kdb.KindTrusted, kdb.KindPersonal},
		FoldsCase:  true,
	})
}
