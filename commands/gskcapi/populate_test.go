package gskcapi

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/optest"
)

// TestPublicCAs_comeWithTheProgram: all of them are CAs that were valid on the date of the bundle, which is that of the module and of
// COMPAT.md.
func TestPublicCAs_comeWithTheProgram(t *testing.T) {
	t.Parallel()
	date, err := time.Parse(time.DateOnly, bundleDate)
	if err != nil {
		t.Fatal(err)
	}
	found := publicCAs(optest.Env().Now(), "").Certificates
	if len(found) < 100 {
		t.Errorf("%d certificates", len(found))
	}
	for _, der := range found {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if c.NotAfter.Before(date) || c.NotBefore.After(date) || c.Version == 3 && !c.IsCA {
			t.Errorf("%s is valid from %s to %s, CA %t", c.Subject, c.NotBefore, c.NotAfter, c.IsCA)
		}
	}
	for file, want := range map[string]string{
		"../../go.mod": "x509roots/fallback v0.0.0-" + strings.ReplaceAll(bundleDate, "-", ""), "COMPAT.md": "of " + bundleDate,
	} {
		if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s has no %q, %v", file, want, err)
		}
	}
}

func TestPublicCAs_fillADatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key.p12")
	init := databases.Init{DB: op.DB{Location: path}, Type: "pkcs12", NewPassword: op.NewPassword{Password: optest.Secrets()}}
	added, err := databases.RunNew(context.Background(), optest.Env(), init, false, publicCAs(optest.Env().Now(), ""))
	if err != nil || len(added.Actions) != len(publicCAs(optest.Env().Now(), "").Certificates) {
		t.Fatalf("%d entries, %v", len(added.Actions), err)
	}
	for _, a := range added.Actions {
		if a.Action != "added" || !strings.Contains(a.Label, "=") {
			t.Errorf("%+v", a)
		}
	}
}

func TestSystemBundle_places(t *testing.T) {
	t.Parallel()
	given, system := optest.File(t, "given.pem", "x"), optest.File(t, "system.pem", "x")
	for want, variable := range map[string]string{given: given, system: "", "": t.TempDir()} {
		env := optest.Env()
		env.Getenv = func(string) string { return variable }
		places := []string{filepath.Dir(system), system}
		if want == "" {
			places = places[:1]
		}
		if got := systemBundle(env, places); got != want {
			t.Errorf("$SSL_CERT_FILE is %q: %q, want %q", variable, got, want)
		}
	}
}
