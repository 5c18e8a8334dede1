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
		Kinds:    []kdb.Kind{kdb.KindTrusted, kdb.KindPersonal, kdb.KindRequest, kdb.KindSecretKey},
		Defaults: true,
		Distrust: true,
		NoChains: true,
	})
}
