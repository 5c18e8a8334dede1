package status_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/issue/issuetest"
	"certkdb/pki/status"
)

func TestCRL_othersReadIt(t *testing.T) {
	t.Parallel()
	for _, keyType := range []string{"rsa2048", "p256", "ed25519", "mldsa44"} {
		t.Run(keyType, func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			ca, root := issuetest.NewCA(t, issue.Request{KeyType: keyType})
			revoked := issuetest.Issue(t, ca, issue.Request{Subject: issuetest.Name(t, "CN=revoked.example")})
			good := issuetest.Issue(t, ca, issue.Request{Subject: issuetest.Name(t, "CN=good.example")})
			r, _ := issuetest.Parse(t, revoked.Certificate)
			der, err := status.CRL{
				Number: big.NewInt(4096), NextUpdate: now.AddDate(0, 0, 7),
				Revoked: []status.Entry{{Serial: r.Serial, Time: now, Reason: cert.KeyCompromise}, {Serial: big.NewInt(77), Time: now}},
			}.Sign(ca)
			if err != nil {
				t.Fatal(err)
			}
			list, err := cert.ParseCRL(der)
			if err != nil {
				t.Fatal(err)
			}
			if list.Number.Int64() != 4096 || !bytes.Equal(list.AKI, ca.Certificate().SKI) || len(list.Revoked) != 2 ||
				list.Revoked[0].Reason != cert.KeyCompromise || len(list.Revoked[1].Extensions) != 0 ||
				list.Extension(cert.IDIssuingDistribution) != nil {
				t.Errorf("%+v", list)
			}
			goes, err := x509.ParseRevocationList(der)
			if err != nil {
				t.Fatal(err)
			}
			_, issuer := issuetest.Parse(t, root.Certificate)
			if err := goes.CheckSignatureFrom(issuer); err != nil {
				t.Error(err)
			}
			if keyType == "mldsa44" {
				return // OpenSSL knows it from 3.5 on
			}
			dir := t.TempDir()
			issuetest.WritePEM(t, dir, "crl.pem", "X509 CRL", der)
			issuetest.WritePEM(t, dir, "ca.pem", "CERTIFICATE", root.Certificate)
			issuetest.WritePEM(t, dir, "revoked.pem", "CERTIFICATE", revoked.Certificate)
			issuetest.WritePEM(t, dir, "good.pem", "CERTIFICATE", good.Certificate)
			out := issuetest.MustTool(t, dir, "openssl", "crl", "-in", "crl.pem", "-CAfile", "ca.pem", "-noout", "-text")
			for _, want := range []string{"verify OK", "Key Compromise", "X509v3 CRL Number", "4096", "X509v3 Authority Key Identifier"} {
				if !strings.Contains(out, want) {
					t.Errorf("openssl does not show %q in\n%s", want, out)
				}
			}
			issuetest.MustTool(t, dir, "openssl", "verify", "-crl_check", "-x509_strict", "-CAfile", "ca.pem", "-CRLfile", "crl.pem", "good.pem")
			out, err = issuetest.Tool(t, dir, "openssl", "verify", "-crl_check", "-CAfile", "ca.pem", "-CRLfile", "crl.pem", "revoked.pem")
			if err == nil || !strings.Contains(out, "certificate revoked") {
				t.Errorf("%v\n%s", err, out)
			}
			issuetest.MustTool(t, dir, "certtool", "--crl-info", "--infile", "crl.pem")
		})
	}
}

func TestCRL_refusals(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ca, _ := issuetest.NewCA(t, issue.Request{})
	noCRL, _ := issuetest.NewCA(t, issue.Request{KeyUsages: []string{"keyCertSign"}})
	week := now.AddDate(0, 0, 7)
	for _, c := range []struct {
		rule string
		ca   *issue.CA
		l    status.CRL
		kind error
		word string
	}{
		{"no number", ca, status.CRL{NextUpdate: week}, pki.ErrArgument, "5.2.3"},
		{"next before this", ca, status.CRL{Number: big.NewInt(1), NextUpdate: now.AddDate(0, 0, -1)}, pki.ErrArgument, "not after"},
		{"no next", ca, status.CRL{Number: big.NewInt(1)}, pki.ErrArgument, "not after"},
		{"no list signing", noCRL, status.CRL{Number: big.NewInt(1), NextUpdate: week}, pki.ErrRefused, "cRLSign"},
		{
			"a serial number twice", ca,
			status.CRL{Number: big.NewInt(1), NextUpdate: week, Revoked: []status.Entry{{Serial: big.NewInt(5)}, {Serial: big.NewInt(5)}}},
			pki.ErrArgument, "repeated",
		},
		{"no serial number", ca, status.CRL{Number: big.NewInt(1), NextUpdate: week, Revoked: []status.Entry{{}}}, pki.ErrArgument, "missing"},
		{
			"a reason for deltas", ca,
			status.CRL{Number: big.NewInt(1), NextUpdate: week, Revoked: []status.Entry{{Serial: big.NewInt(5), Reason: cert.RemoveFromCRL}}},
			pki.ErrArgument, "removeFromCRL",
		},
		{
			"no reason at all", ca,
			status.CRL{Number: big.NewInt(1), NextUpdate: week, Revoked: []status.Entry{{Serial: big.NewInt(5), Reason: 7}}},
			pki.ErrArgument, "reason 7",
		},
	} {
		if _, err := c.l.Sign(c.ca); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: %v", c.rule, err)
		}
	}
}

func TestParseReason(t *testing.T) {
	t.Parallel()
	for _, reason := range cert.RevocationReasons() {
		text := reason.String()
		for _, spelled := range []string{text, strings.ToLower(text), strings.ToUpper(text)} {
			if r, err := status.ParseReason(spelled); err != nil || r.String() != text {
				t.Errorf("%s: %v, %v", spelled, r, err)
			}
		}
	}
	if r, err := status.ParseReason("key-compromise"); r != cert.KeyCompromise || err != nil {
		t.Error(r, err)
	}
	if r, err := status.ParseReason(""); r != cert.Unspecified || err != nil {
		t.Error(r, err)
	}
	for _, bad := range []string{"removeFromCRL", "bored", "7"} {
		if _, err := status.ParseReason(bad); !errors.Is(err, pki.ErrArgument) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
