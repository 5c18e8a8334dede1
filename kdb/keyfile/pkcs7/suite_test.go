package pkcs7_test

import (
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/keyfiletest"
	"certkdb/kdb/keyfile/pkcs7"
)

func TestCodec(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{"der", "pem"} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			keyfiletest.Run(t, pkcs7.Codec(), keyfiletest.Traits{
				Kinds: []kdb.Kind{kdb.KindTrusted}, Profile: profile, Unprotected: true, AutoLabels: true, Public: true,
			})
		})
	}
}
