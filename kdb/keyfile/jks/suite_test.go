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
		Kinds:     []kdb.Kind{kdb.KindTrusted, kdb.KindPersonal},
		FoldsCase: true,
	})
}
