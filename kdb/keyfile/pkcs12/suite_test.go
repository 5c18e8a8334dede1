package pkcs12_test

import (
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/keyfiletest"
	"certkdb/kdb/keyfile/pkcs12"
)

func TestCodec_suite(t *testing.T) {
	t.Parallel()
	all := []kdb.Kind{kdb.KindTrusted, kdb.KindPersonal, kdb.KindRequest, kdb.KindSecretKey}
	for _, profile := range []string{"2023", "legacy"} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			keyfiletest.Run(t, pkcs12.Codec(), keyfiletest.Traits{Kinds: all, Profile: profile, Defaults: true, Distrust: true, PersonalTrust: true})
		})
	}
	t.Run("passwordless", func(t *testing.T) {
		t.Parallel()
		keyfiletest.Run(t, pkcs12.Codec(), keyfiletest.Traits{
			Kinds: all[:3], Profile: "passwordless", Password: []byte{}, Unprotected: true, Defaults: true, Distrust: true, PersonalTrust: true,
		})
	})
}
