package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	stdpem "encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudflare/cfssl/api/info"
	"github.com/cloudflare/cfssl/api/signhandler"
	cfconfig "github.com/cloudflare/cfssl/config"
	"github.com/cloudflare/cfssl/signer/local"
	"github.com/rogpeppe/go-internal/testscript"
)

// issuingCmds are the script commands that run what a CA needs besides its database.
func issuingCmds() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){"responder": cmdResponder, "cfsslserve": cmdCFSSLServe}
}

// cmdResponder runs openssl ocsp as a responder until the end of the script, and puts its port into $PORT:
// responder index.txt ca.pem signer.pem signer.key.
func cmdResponder(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: responder index ca.pem signer.pem signer.key")
	}
	cmd := exec.Command("openssl", "ocsp", "-index", ts.MkAbs(args[0]), "-CA", ts.MkAbs(args[1]), "-rsigner", ts.MkAbs(args[2]),
		"-rkey", ts.MkAbs(args[3]), "-port", "0", "-ndays", "2")
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { stop(cmd) })
	for lines := bufio.NewScanner(out); lines.Scan(); { // ACCEPT [::]:43207 PID=12190
		if address, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
			address, _, _ = strings.Cut(address, " ")
			_, port, err := net.SplitHostPort(address)
			ts.Check(err)
			ts.Setenv("PORT", port)
			return
		}
	}
	ts.Fatalf("openssl ocsp does not listen")
}

// cmdCFSSLServe runs a CA behind cfssl's protocol until the end of the script, and puts its URL into $CFSSL: "program" is
// cfssl serve, "handlers" are the handlers that it is made of, of the version in go.mod, in this process, "tls" are these behind TLS, with
// the server's certificate in server.pem.
func cmdCFSSLServe(ts *testscript.TestScript, neg bool, args []string) {
	start := map[string]func(ts *testscript.TestScript, cert, key, config string) string{
		"program": cfsslProgram, "handlers": cfsslHandlers, "tls": cfsslTLS,
	}
	if neg || len(args) != 4 || start[args[0]] == nil {
		ts.Fatalf("usage: cfsslserve program|handlers|tls ca.pem ca.key config.json")
	}
	ts.Setenv("CFSSL", start[args[0]](ts, ts.MkAbs(args[1]), ts.MkAbs(args[2]), ts.MkAbs(args[3])))
}

func cfsslProgram(ts *testscript.TestScript, cert, key, config string) string {
	for range 5 { // it wants the port by number, and somebody may take it in between
		port, err := freePort()
		ts.Check(err)
		cmd := exec.Command(
			"cfssl",
			"serve",
			"-address",
			"127.0.0.1",
			"-port",
			strconv.Itoa(port),
			"-ca",
			cert,
			"-ca-key",
			key,
			"-config",
			config,
		)
		ts.Check(cmd.Start())
		ts.Defer(func() { stop(cmd) })
		if url := fmt.Sprintf("http://127.0.0.1:%d", port); answers(url) {
			return url
		}
	}
	ts.Fatalf("cfssl serve does not answer")
	return ""
}

// answers waits until somebody accepts connections.
func answers(url string) bool {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if response, err := http.Get(url); err == nil {
			return response.Body.Close() == nil
		}
	}
	return false
}

func cfsslHandlers(ts *testscript.TestScript, cert, key, config string) string {
	server := httptest.NewServer(cfsslMux(ts, cert, key, config))
	ts.Defer(server.Close)
	return server.URL
}

func cfsslTLS(ts *testscript.TestScript, cert, key, config string) string {
	server := httptest.NewUnstartedServer(cfsslMux(ts, cert, key, config))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are to fail
	server.StartTLS()
	ts.Defer(server.Close)
	text := stdpem.EncodeToMemory(&stdpem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	ts.Check(os.WriteFile(ts.MkAbs("server.pem"), text, 0o644))
	return server.URL
}

func cfsslMux(ts *testscript.TestScript, cert, key, config string) *http.ServeMux {
	policy, err := cfconfig.LoadFile(config)
	ts.Check(err)
	authority, err := local.NewSignerFromFile(cert, key, policy.Signing)
	ts.Check(err)
	sign, err := signhandler.NewHandlerFromSigner(authority)
	ts.Check(err)
	authSign, err := signhandler.NewAuthHandlerFromSigner(authority)
	ts.Check(err)
	about, err := info.NewHandler(authority)
	ts.Check(err)
	mux := http.NewServeMux()
	mux.Handle("/api/v1/cfssl/info", about)
	mux.Handle("/api/v1/cfssl/sign", sign)
	mux.Handle("/api/v1/cfssl/authsign", authSign)
	return mux
}

// issuingCA makes a database with a root CA under the label "root", and returns its path.
func issuingCA(t *testing.T) string {
	t.Helper()
	db := stashed(t)
	certkdb(t, "create", "root", "--db", db, "--is-ca", "--cn", "Example Root")
	return db
}

// issuedBy returns the serial numbers of what the CA "root" issued.
func issuedBy(t *testing.T, db string) []string {
	t.Helper()
	var list struct {
		Certificates []struct {
			Serial string `json:"serial"`
		} `json:"certificates"`
	}
	if err := json.Unmarshal([]byte(certkdb(t, "issued", "--db", db, "--ca", "root", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	var serials []string
	for _, c := range list.Certificates {
		serials = append(serials, c.Serial)
	}
	return serials
}

// requestFile writes a request for a new key, with the common name and further names, and returns its path.
func requestFile(t *testing.T, subject pkix.Name, extensions ...pkix.Extension) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject, ExtraExtensions: extensions}, key)
	if err != nil {
		t.Fatal(err)
	}
	return writeRequest(t, der)
}

func writeRequest(t *testing.T, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "request.csr")
	if err := os.WriteFile(path, stdpem.EncodeToMemory(&stdpem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// serialIn returns the serial number of the certificate in a file, as certkdb writes it.
func serialIn(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := stdpem.Decode(data)
	if block == nil {
		t.Fatalf("%s: no PEM", path)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(c.SerialNumber.Bytes())
}

// A serial number is found however it is written; one in sixteen begins with a zero, which some programs leave out.
func TestIssued_serialAsOthersWriteIt(t *testing.T) {
	t.Parallel()
	db, folder, out := issuingCA(t), t.TempDir(), t.TempDir()
	request, err := os.ReadFile(requestFile(t, pkix.Name{CommonName: "www.example.com"}))
	if err != nil {
		t.Fatal(err)
	}
	for n := range 32 {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.csr", n)), request, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	serial := ""
	for serial == "" { // one round in eight finds none
		certkdb(t, "sign", folder, "--db", db, "--ca", "root", "--out", out, "--force")
		for _, s := range issuedBy(t, db) {
			if s[0] == '0' {
				serial = s
			}
		}
	}
	upper := strings.ToUpper(serial)
	for _, text := range []string{
		serial, serial[1:], upper, "0x" + serial, "0X" + upper[1:], "00" + serial,
		"00:" + upper[:2] + ":" + upper[2:],
	} {
		if got := certkdb(t, "issued", "--db", db, "--ca", "root", "--serial", text, "-o", "jsonl"); !strings.Contains(got, serial) {
			t.Errorf("--serial %s: %s", text, got)
		}
	}
	if code, _ := exitOf(t, "issued", "--db", db, "--ca", "root", "--serial", "0"); code != 3 {
		t.Errorf("--serial 0: exit code %d, want 3", code)
	}
}

// Processes that sign at the same time wait for each other: each certificate has a serial number of its own, and all of
// them are recorded.
func TestSign_atOnceKeepsAllRecords(t *testing.T) {
	t.Parallel()
	const processes, each = 4, 5
	db, folder := issuingCA(t), t.TempDir()
	request := requestFile(t, pkix.Name{CommonName: "www.example.com"})
	var wg sync.WaitGroup
	for p := range processes {
		wg.Go(func() {
			for n := range each {
				out := filepath.Join(folder, fmt.Sprintf("%d-%d.crt", p, n))
				if code, said := exitOf(t, "sign", request, "--db", db, "--ca", "root", "--out", out, "--lock-timeout", "5m"); code != 0 {
					t.Errorf("sign: exit code %d: %s", code, said)
				}
			}
		})
	}
	wg.Wait()
	recorded := map[string]bool{}
	for _, serial := range issuedBy(t, db) {
		recorded[serial] = true
	}
	if len(recorded) != processes*each {
		t.Errorf("%d serial numbers are recorded, want %d", len(recorded), processes*each)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.crt"))
	if err != nil || len(files) != processes*each {
		t.Fatalf("%d certificates, %v", len(files), err)
	}
	for _, file := range files {
		if serial := serialIn(t, file); !recorded[serial] {
			t.Errorf("%s: serial number %s is not recorded", filepath.Base(file), serial)
		}
	}
	certkdb(t, "check", "--db", db)
}

// A process that is killed while it signs leaves the record, from which the certificate can be had, or nothing. What it
// wrote into a file is recorded in any case, and no half file is there.
func TestSign_killedLeavesRecordOrNothing(t *testing.T) {
	t.Parallel()
	const kills, seed = 40, 20261122
	db, folder := issuingCA(t), t.TempDir()
	request := requestFile(t, pkix.Name{CommonName: "www.example.com"})
	random := mathrand.New(mathrand.NewPCG(seed, 0))
	start := time.Now()
	certkdb(t, "sign", request, "--db", db, "--ca", "root", "--out", filepath.Join(folder, "whole.crt"))
	usual, killed, recorded, before := time.Since(start), 0, 0, 1
	for n := 0; killed < kills; n++ {
		if n > 5*kills {
			t.Fatalf("only %d of %d processes could be killed", killed, n)
		}
		out := filepath.Join(folder, fmt.Sprintf("%03d.crt", n))
		cmd := exec.Command("certkdb", "sign", request, "--db", db, "--ca", "root", "--out", out)
		start = time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(random.Int64N(int64(usual*5/4))), func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		serials := issuedBy(t, db)
		added := len(serials) - before
		before = len(serials)
		_, missing := os.Stat(out)
		switch {
		case added < 0 || added > 1:
			t.Fatalf("process %d added %d records", n, added)
		case err == nil && (added != 1 || missing != nil):
			t.Fatalf("process %d ended well: %d records, %v", n, added, missing)
		case missing == nil && !slices.Contains(serials, serialIn(t, out)):
			t.Fatalf("process %d wrote a certificate that is not recorded", n)
		}
		if err == nil {
			usual = (3*usual + time.Since(start)) / 4
			continue
		}
		killed++
		recorded += added
	}
	certkdb(t, "check", "--db", db)
	first := issuedBy(t, db)[0]
	if pem := certkdb(t, "issued", "--db", db, "--ca", "root", "--serial", first, "-o", "pem"); !strings.HasPrefix(
		pem,
		"-----BEGIN CERTIFICATE-----",
	) {
		t.Errorf("serial number %s: the record gives no certificate: %q", first, pem)
	}
	if pems := certkdb(t, "issued", "--db", db, "--ca", "root", "-o", "pem"); strings.Count(pems, "BEGIN CERTIFICATE") != before {
		t.Errorf("%d certificates of %d records", strings.Count(pems, "BEGIN CERTIFICATE"), before)
	}
	t.Logf("%d killed, of which %d left a record; seed %d", killed, recorded, seed)
}

// Names with NUL show one thing to one program and another to the next (CVE-2009-2408); a key of 16 384 bits keeps
// everybody busy who verifies with it.
func TestSign_refusesNULAndHugeKeys(t *testing.T) {
	t.Parallel()
	db := issuingCA(t)
	san := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: []byte("\x30\x1a\x82\x18www.example.com\x00evil.tld")}
	for name, c := range map[string]struct{ request, reason string }{
		"NUL in the subject":    {requestFile(t, pkix.Name{CommonName: "www.example.com\x00.evil.tld"}), "control character"},
		"NUL in a DNS name":     {requestFile(t, pkix.Name{CommonName: "www.example.com"}, san), "character that is not allowed there"},
		"RSA of 16 384 bits":    {writeRequest(t, hugeRSA(t, 16384)), "an RSA key of 16384 bits; 2048 to 8192 are certified"},
		"RSA of a million bits": {writeRequest(t, hugeRSA(t, 1<<20)), "an RSA key of 1048576 bits"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, said := exitOf(t, "sign", c.request, "--db", db, "--ca", "root", "--preserve")
			if code != 8 || !strings.Contains(said, c.reason) || strings.Contains(said, "\x00") {
				t.Errorf("exit code %d, %q; want 8 because of %q", code, said, c.reason)
			}
		})
	}
}

// hugeRSA makes a request for an RSA key of so many bits. Its size is refused before its signature is looked at, which
// is not one.
func hugeRSA(t *testing.T, bits int) []byte {
	t.Helper()
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	n.SetBit(n, 0, 1)
	key, err := asn1.Marshal(struct{ N, E *big.Int }{n, big.NewInt(65537)})
	if err != nil {
		t.Fatal(err)
	}
	null := asn1.RawValue{Tag: asn1.TagNull}
	type algorithm struct {
		ID     asn1.ObjectIdentifier
		Params asn1.RawValue
	}
	info, err := asn1.Marshal(struct {
		Version int
		Subject pkix.RDNSequence
		SPKI    struct {
			Algorithm algorithm
			Key       asn1.BitString
		}
		Attributes asn1.RawValue
	}{
		Subject: pkix.Name{CommonName: "www.example.com"}.ToRDNSequence(),
		SPKI: struct {
			Algorithm algorithm
			Key       asn1.BitString
		}{algorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, null}, asn1.BitString{Bytes: key, BitLength: len(key) * 8}},
		Attributes: asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, bits/8)
	der, err := asn1.Marshal(struct {
		Info      asn1.RawValue
		Algorithm algorithm
		Signature asn1.BitString
	}{
		asn1.RawValue{FullBytes: info},
		algorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, null},
		asn1.BitString{Bytes: signature, BitLength: bits},
	})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// IBM's sequence for a server with a certificate of a CA, in certkdb's commands, works in a fresh folder and ends in a
// verified handshake. Run again it makes nothing twice.
func TestProvision_caSignedTwice(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("the script builds the server and client of its handshake: ", err)
	}
	program, err := exec.LookPath("certkdb")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	const label = "localhost SP CA Signed Cert"
	run := func() (said, issued, labels string) {
		cmd := exec.Command("scripts/provision/server-ca-signed", folder)
		cmd.Env = append(os.Environ(), "CERTKDB="+program)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out), certkdb(t, "issued", "--db", filepath.Join(folder, "ca.ckdb"), "--ca", "SP Intermediate CA", "-o", "jsonl"),
			certkdb(t, "list", "--db", filepath.Join(folder, "cert.ckdb"), "-o", "name")
	}
	first, issued, labels := run()
	if !strings.Contains(first, "$ certkdb request") || !strings.Contains(first, label+": valid") {
		t.Errorf("the first run said\n%s", first)
	}
	if labels != "SP Intermediate CA Cert\nSP Root CA Cert\n"+label+"\n" {
		t.Errorf("the labels are\n%s", labels)
	}
	shown := certkdb(t, "show", label, "--db", filepath.Join(folder, "cert.ckdb"), "--json")
	for _, want := range []string{
		`"default":true`, `"key_type":"rsa2048"`, `"dns":["localhost"]`, "digitalSignature, keyEncipherment, keyAgreement",
		"clientAuth, serverAuth", `"subject":"CN=localhost,OU=Spectrum Protect,O=IBM"`,
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("the certificate has no %s:\n%s", want, shown)
		}
	}
	second, again, same := run()
	if strings.Contains(second, "$ certkdb request") || !strings.Contains(second, label+": valid") {
		t.Errorf("the second run said\n%s", second)
	}
	if again != issued || same != labels {
		t.Errorf("the second run made something: %s\n%s", again, same)
	}
	// A run that ended behind the request goes on with it.
	certkdb(t, "delete", label, "--db", filepath.Join(folder, "cert.ckdb"))
	certkdb(t, "request", label, "--db", filepath.Join(folder, "cert.ckdb"), "--cn", "localhost", "--san", "ip:127.0.0.1")
	if third, _, same := run(); strings.Contains(third, "$ certkdb request") || !strings.Contains(third, label+": valid") || same != labels {
		t.Errorf("the run after an interrupted one said\n%s", third)
	}
	for _, db := range []string{"ca.ckdb", "cert.ckdb"} {
		certkdb(t, "check", "--db", filepath.Join(folder, db))
	}
	if _, err := os.Stat(filepath.Join(folder, "server.key")); err == nil {
		t.Error("the private key stays in the folder")
	}
}
