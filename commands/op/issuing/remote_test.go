package issuing_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/issuing"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// serveCA is a server that signs as cfssl serve does, with the CA's key. It counts what it signed.
func serveCA(t *testing.T, ca *optest.Identity) (url string, signed *int) {
	t.Helper()
	signed = new(int)
	answer := func(w http.ResponseWriter, der []byte) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"success": true, "result": map[string]string{"certificate": op.PEMString("CERTIFICATE", der)},
			"errors": []string{}, "messages": []string{},
		})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/cfssl/info", func(w http.ResponseWriter, _ *http.Request) { answer(w, ca.Certificate) })
	mux.HandleFunc("/api/v1/cfssl/sign", func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Request string `json:"certificate_request"`
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			t.Error(err)
		}
		block, _ := pem.Decode([]byte(asked.Request))
		*signed++
		answer(w, ca.Receive(t, block.Bytes))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, signed
}

// profileFile has a profile that leaves signing to a remote CA.
func profileFile(t *testing.T, url string) string {
	t.Helper()
	return optest.File(t, "cfssl.json", `{"signing": {"default": {"usages": ["server auth"], "expiry": "24h"}, "profiles": {"there": {
		"usages": ["server auth"], "expiry": "24h", "remote": "ca"}}}, "remotes": {"ca": "`+url+`"}}`)
}

// TestRemote_signs: what a remote CA signs is stored and written like what a CA of the database does, but for the records. A dry run asks
// for nothing to be signed.
func TestRemote_signs(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Remote CA")
	url, signed := serveCA(t, root)
	remote := issuing.Authority{Remote: url}
	s, _ := optest.Sealed(t, optest.NewCA(t, "Other").Trusted("other"))
	web := issuing.Create{Label: "web", Spec: issuing.Spec{CommonName: "web.example", KeyType: "p256", PathLen: -1}, CA: remote, Default: true}

	s.DryRun = true
	if made := one(t, s, web); !made.Changed || *signed != 0 || len(made.Notes) != 1 {
		t.Errorf("a dry run: %+v, %d are signed", made, *signed)
	}
	s.DryRun = false
	optest.Expect(t, s, "other=trusted+")
	made := one(t, s, web)
	if !made.Changed || made.Issuer != "CN=Remote CA" || *signed != 1 {
		t.Errorf("%+v, %d are signed", made, *signed)
	}
	optest.Expect(t, s, "other=trusted+ web=personal*")
	web.Ensure = true
	if again := one(t, s, web); again.Changed || *signed != 1 {
		t.Errorf("again: %+v, %d are signed", again, *signed)
	}

	renewed := one(t, s, issuing.Renew{Label: "web", CA: remote})
	if !renewed.Changed || renewed.Issuer != url || renewed.SHA256 == made.SHA256 || *signed != 2 {
		t.Errorf("%+v, %d are signed", renewed, *signed)
	}
	optest.Expect(t, s, "other=trusted+ web=personal*")

	folder := t.TempDir()
	csr, crt := filepath.Join(folder, "api.csr"), filepath.Join(folder, "api.crt")
	one(t, s, issuing.Request{Label: "api", Spec: spec("api.example"), Out: op.Output{Path: csr}})
	done := one(t, s, issuing.Sign{
		CA: remote, Files: []string{csr}, Out: op.Output{Path: crt}, Spec: issuing.Spec{PathLen: -1}, Chain: true,
	})
	text, err := os.ReadFile(crt)
	if err != nil || len(done.Certificates) != 1 || done.Certificates[0].Subject != "CN=api.example" || *signed != 3 {
		t.Errorf("%+v, %v", done, err)
	}
	if block, _ := pem.Decode(text); block == nil {
		t.Errorf("the file is %s", text)
	} else if c, err := x509.ParseCertificate(block.Bytes); err != nil || c.Issuer.CommonName != "Remote CA" {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestRemote_byProfile: a profile may leave signing to a remote CA, whose address it has.
func TestRemote_byProfile(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Remote CA")
	url, signed := serveCA(t, root)
	there := issuing.Spec{CommonName: "web.example", KeyType: "p256", PathLen: -1, ProfileFile: profileFile(t, url), Profile: "there"}
	s := optest.New(t, optest.NewCA(t, "Root").Personal("root"))
	if made := one(t, s, issuing.Create{Label: "web", Spec: there}); made.Issuer != "CN=Remote CA" || *signed != 1 {
		t.Errorf("%+v, %d are signed", made, *signed)
	}
	_, err := op.One(ctx, s, issuing.Create{Label: "api", Spec: there, CA: issuing.Authority{Label: "root"}})
	if p, ok := errors.AsType[*op.Problem](err); !ok || p.Code != op.ProfileIsRemote || !errors.Is(err, op.ErrUsage) {
		t.Errorf("by a CA of the database: %v", err)
	}
	there.Days = 30
	_, err = op.One(ctx, s, issuing.Create{Label: "api", Spec: there})
	if e, ok := errors.AsType[*issuing.RemoteDecides](err); !ok || len(e.Fields) != 1 || e.Fields[0] != op.FieldDays {
		t.Errorf("with a number of days: %v", err)
	}
}

// TestRemote_refuses: what a remote CA decides cannot be asked for, and it is not asked when the request is wrong.
func TestRemote_refuses(t *testing.T) {
	t.Parallel()
	url, signed := serveCA(t, optest.NewCA(t, "Remote CA"))
	remote := issuing.Authority{Remote: url}
	s := optest.New(t, optest.NewCA(t, "Root").Personal("root"))
	csr := filepath.Join(t.TempDir(), "api.csr")
	one(t, s, issuing.Request{Label: "api", Spec: spec("api.example"), Out: op.Output{Path: csr}})
	name := func(o issuing.Spec) issuing.Spec {
		o.CommonName, o.PathLen = "web.example", -1
		return o
	}
	create := func(o issuing.Spec, ca issuing.Authority) error {
		_, err := op.One(ctx, s, issuing.Create{Label: "web", Spec: o, CA: ca})
		return err
	}
	for field, o := range map[op.Field]issuing.Spec{
		op.FieldDays: {Days: 3}, op.FieldNotBefore: {NotBefore: "2027-01-01"}, op.FieldNotAfter: {NotAfter: "2029-01-01"},
		op.FieldPolicy: {Policies: []string{"1.2.3"}}, op.FieldCRLURL: {CRLURLs: []string{"http://x/"}},
		op.FieldOCSPURL: {OCSPURLs: []string{"http://x/"}}, op.FieldIssuerURL: {IssuerURLs: []string{"http://x/"}},
	} {
		err := create(name(o), remote)
		e, ok := errors.AsType[*issuing.RemoteDecides](err)
		if !ok || len(e.Fields) != 1 || e.Fields[0] != field || !errors.Is(err, op.ErrUsage) {
			t.Errorf("%s: %v", field, err)
		}
	}
	everything := issuing.Spec{
		DN: "CN=x", SANs: []string{"dns:x"}, IsCA: true, PathLen: 1, Permit: []string{"dns:x"}, Exclude: []string{"dns:y"},
		KeyUsages: []string{"digitalSignature"}, ExtKeyUsages: []string{"serverAuth"}, Extensions: []string{"1.2.3=DER:0500"}, MustStaple: true,
		Profile: "client", Days: 3,
	}
	_, err := op.One(ctx, s, issuing.Sign{CA: remote, Files: []string{csr}, Spec: everything, Preserve: true})
	if e, ok := errors.AsType[*issuing.RemoteDecides](err); !ok || len(e.Fields) != 13 || !strings.Contains(e.Error(), string(op.FieldSAN)) {
		t.Errorf("everything that a request has: %v", err)
	}
	_, err = op.One(ctx, s, issuing.Renew{Label: "root", CA: remote, Days: 3})
	if e, ok := errors.AsType[*issuing.RemoteDecides](err); !ok || e.Fields[0] != op.FieldDays {
		t.Errorf("renewed for some days: %v", err)
	}
	_, err = op.One(ctx, s, issuing.Renew{Label: "root", CA: remote, Revoke: true, ReuseKey: true})
	if e, ok := errors.AsType[*op.Conflict](err); !ok || !slices.Equal(e.Fields, []op.Field{op.FieldCARemote, op.FieldRevoke}) {
		t.Errorf("renewed and revoked: %v", err)
	}
	for rule, ca := range map[string]issuing.Authority{
		"two CAs": {Remote: url, Label: "root"}, "a CA in a database": {Remote: url, DB: op.DB{Location: "x"}},
		"no URL of a server": {Remote: "ftp://x"}, "a key that is no key": {Remote: url, RemoteKey: optest.Secrets()},
	} {
		if err := create(name(issuing.Spec{}), ca); !errors.Is(err, op.ErrUsage) {
			t.Errorf("%s: %v", rule, err)
		}
	}
	if err := create(name(issuing.Spec{}), issuing.Authority{Remote: url + "/elsewhere"}); op.ClassOf(err) != op.ClassNetwork {
		t.Errorf("no server: %v", err)
	}
	lost := issuing.Authority{Remote: url, RemoteKey: op.Password{Source: op.FromFile("/none/x")}}
	if err := create(name(issuing.Spec{}), lost); err == nil {
		t.Error("the key's file does not exist, and there is no error")
	}
	optest.Expect(t, s, "api=request root=personal")
	if *signed > 0 {
		t.Errorf("%d are signed", *signed)
	}
}

// TestRemote_failsInTheDatabase: an error of the database reaches the caller.
func TestRemote_failsInTheDatabase(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Remote CA")
	url, _ := serveCA(t, root)
	optest.EachFailure(t, func() *op.Session { return optest.New(t, root.Trusted("root"), optest.Secret("aes")) },
		failing(issuing.Create{
			Label: "web", Spec: issuing.Spec{CommonName: "x", KeyType: "p256", PathLen: -1}, CA: issuing.Authority{Remote: url},
		}))
}

// TestLint_refuses: with Lint, nothing is stored or written that the linter calls an error, also by a remote CA.
func TestLint_refuses(t *testing.T) {
	t.Parallel()
	url, _ := serveCA(t, optest.NewCA(t, "Remote CA"))
	s := optest.New(t, optest.NewCA(t, "Root").Personal("root"))
	csr := filepath.Join(t.TempDir(), "api.csr")
	one(t, s, issuing.Request{Label: "api", Spec: spec("api.example"), Out: op.Output{Path: csr}})
	answer := ""
	s.Env.Lint = func(context.Context, []byte) ([]byte, error) { return []byte(answer), nil }
	for _, ca := range []issuing.Authority{{}, {Label: "root"}, {Remote: url}} {
		linted := issuing.Spec{CommonName: "web.example", KeyType: "p256", PathLen: -1, Lint: true}
		signed := issuing.Sign{CA: ca, Files: []string{csr}, Spec: issuing.Spec{PathLen: -1, Lint: true}}
		for want, text := range map[error]string{
			op.ErrFindings: `{"findings":[{"severity":6,"rule":"e_x"}]}`, kdb.ErrParse: `{"error":"certificate"}`,
		} {
			answer = text
			if _, err := op.One(ctx, s, issuing.Create{Label: "web", Spec: linted, CA: ca}); !errors.Is(err, want) {
				t.Errorf("create, %+v: %v", ca, err)
			}
			if ca.Label+ca.Remote == "" {
				continue
			}
			if _, err := op.One(ctx, s, issuing.Sign{CA: ca, Files: signed.Files, Spec: signed.Spec}); !errors.Is(err, want) {
				t.Errorf("sign, %+v: %v", ca, err)
			}
			if _, err := op.One(ctx, s, issuing.Renew{Label: "root", CA: ca, Lint: true}); !errors.Is(err, want) {
				t.Errorf("renew, %+v: %v", ca, err)
			}
		}
		optest.Expect(t, s, "api=request root=personal")
		answer = `{"findings":[{"severity":5,"rule":"w_x"}]}`
		one(t, s, issuing.Create{Label: "web", Spec: linted, CA: ca, Replace: true})
		optest.Expect(t, s, "api=request root=personal web=personal")
		optest.Change(t, s, func(tx kdb.Tx) error { return tx.Delete("web") })
	}
}
