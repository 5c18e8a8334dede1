package keyfile_test

import (
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/keyfiletest"
)

func TestToyCodec(t *testing.T) {
	t.Parallel()
	keyfiletest.Run(t, toy(), keyfiletest.Traits{
		Kinds:    []kdb.Kind{kdb.KindTrusted, kdb.KindPersonal, kdb.KindRequest, kdb.KindSecretKey},
		Defaults: true, PersonalTrust: true, Distrust: true,
	})
}
