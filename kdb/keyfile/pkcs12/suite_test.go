package pkcs12_test

import (
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/keyfiletest"
	"certkdb/kdb/keyfile/pkcs12"
)

func TestCodec_suite(t *testing.T) {
	t.Parallel()
	all := []kdb.Kind{kdb.KindTrusted, kdb.KindPersonal, kdb.KindRequest, kdb.KindSecretKey}
	for profile, encryption := range map[string]string{
		"2023":   "PBES2: AES-256-CBC, PBKDF2 with HMAC-SHA-256, 10000 iterations",
		"legacy": "pbeWithSHAAnd3-KeyTripleDES-CBC, PKCS #12 with SHA-1, 2048 iterations",
	} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			keyfiletest.Run(t, pkcs12.Codec(), keyfiletest.Traits{
				Kinds: all, Profile: profile, Defaults: true, Distrust: true, PersonalTrust: true, Encryption: encryption,
			})
		})
	}
	t.Run("passwordless", func(t *testing.T) {
		t.Parallel()
		keyfiletest.Run(t, pkcs12.Codec(), keyfiletest.Traits{
			Kinds: all[:3], Profile: "passwordless", Password: []byte{}, Unprotected: true, Defaults: true, Distrust: true, PersonalTrust: true,
			Encryption: keyfile.NotEncrypted,
		})
	})
}
