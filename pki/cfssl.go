package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"certkdb/pki/key"

	"github.com/cloudflare/cfssl/config"
	"github.com/cloudflare/cfssl/csr"
	cferr "github.com/cloudflare/cfssl/errors"
	"github.com/cloudflare/cfssl/log"
	"github.com/cloudflare/cfssl/signer"
)

// silence keeps cfssl from writing to the standard error, which belongs to the program. Its log level is a variable of
// the package, so that this is done once, before the first call.
var silence = sync.OnceFunc(func() { log.Level = log.LevelFatal + 1 })

// cfsslError turns cfssl's errors, whose text is JSON, into sentences. kind is the sentinel to wrap.
func cfsslError(kind, err error) error {
	var e *cferr.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%w: %w", kind, err)
	}
	var text struct {
		Message string `json:"message"`
	}
	if json.Unmarshal([]byte(e.Message), &text) == nil && text.Message != "" { // a server's error within the client's
		return fmt.Errorf("%w: %s (cfssl error %d)", kind, text.Message, e.ErrorCode)
	}
	return fmt.Errorf("%w: %s (cfssl error %d)", kind, e.Message, e.ErrorCode)
}

// generateKey makes a key of one of key.Types.
func generateKey(keyType string) (crypto.Signer, error) {
	silence()
	request := csr.KeyRequest{A: keyType}
	if n, ok := strings.CutPrefix(keyType, "rsa"); ok {
		request.A = "rsa"
		request.S, _ = strconv.Atoi(n)
	} else if n, ok := strings.CutPrefix(keyType, "p"); ok {
		request.A = "ecdsa"
		request.S, _ = strconv.Atoi(n)
	}
	made, err := request.Generate()
	if err != nil {
		return nil, fmt.Errorf("making a key of type %q: %w: %w; there are %s", keyType, ErrArgument, err, strings.Join(key.Types(), ", "))
	}
	signing, ok := made.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("making a key of type %q: %w: it cannot sign", keyType, ErrArgument)
	}
	return signing, nil
}

// signatureAlgorithm chooses the algorithm for signing with a key. Where cfssl would use SHA-1, for keys below today's
// sizes, it is SHA-256.
func signatureAlgorithm(k crypto.Signer) (x509.SignatureAlgorithm, error) {
	algorithm := signer.DefaultSigAlgo(k)
	switch k.Public().(type) {
	case *rsa.PublicKey:
		if algorithm == x509.SHA1WithRSA {
			return x509.SHA256WithRSA, nil
		}
	case *ecdsa.PublicKey:
		if algorithm == x509.ECDSAWithSHA1 {
			return x509.ECDSAWithSHA256, nil
		}
	}
	if algorithm == x509.UnknownSignatureAlgorithm {
		return algorithm, fmt.Errorf("%w: a key of type %T cannot sign certificates", ErrRefused, k.Public())
	}
	return algorithm, nil
}

// fill lets cfssl put into the template what profile and public key decide: usages, validity, basic constraints, subject
// key identifier, URLs, policies.
func fill(template *x509.Certificate, p Profile, from, to time.Time) error {
	silence()
	profile, err := p.cfssl()
	if err != nil {
		return err
	}
	if err := signer.FillTemplate(template, profile, profile, from, to); err != nil {
		return fmt.Errorf("applying profile %s: %w", p.Name, cfsslError(ErrRefused, err))
	}
	return nil
}

// cfssl returns the profile as cfssl knows it.
func (p Profile) cfssl() (*config.SigningProfile, error) {
	out := &config.SigningProfile{
		Usage: p.Usages, CRL: p.CRLURL, OCSP: p.OCSPURL, IssuerURL: p.IssuerURLs, OCSPNoCheck: p.OCSPNoCheck,
		Expiry: p.Validity, Backdate: p.Backdate, CAConstraint: config.CAConstraint{IsCA: p.IsCA},
	}
	if p.MaxPathLen != nil {
		out.CAConstraint.MaxPathLen, out.CAConstraint.MaxPathLenZero = *p.MaxPathLen, *p.MaxPathLen == 0
	}
	for _, policy := range p.Policies {
		id, err := parseOID(policy.ID)
		if err != nil {
			return nil, err
		}
		cfpolicy := config.CertificatePolicy{ID: config.OID(id)}
		for _, url := range policy.CPS {
			cfpolicy.Qualifiers = append(cfpolicy.Qualifiers, config.CertificatePolicyQualifier{Type: "id-qt-cps", Value: url})
		}
		for _, notice := range policy.Notices {
			cfpolicy.Qualifiers = append(cfpolicy.Qualifiers, config.CertificatePolicyQualifier{Type: "id-qt-unotice", Value: notice})
		}
		out.Policies = append(out.Policies, cfpolicy)
	}
	return out, nil
}

// fromCFSSL is the inverse of [Profile.cfssl] for a profile that was read from a file.
func fromCFSSL(name string, in *config.SigningProfile) Profile {
	p := Profile{
		Name: name, Usages: in.Usage, IsCA: in.CAConstraint.IsCA, Validity: in.Expiry, Backdate: in.Backdate,
		CRLURL: in.CRL, OCSPURL: in.OCSP, IssuerURLs: in.IssuerURL, OCSPNoCheck: in.OCSPNoCheck,
		CopyExtensions: in.CopyExtensions, Names: in.NameWhitelist,
	}
	if n := in.CAConstraint.MaxPathLen; n > 0 || in.CAConstraint.MaxPathLenZero {
		p.MaxPathLen = &n
	}
	for _, id := range in.AllowedExtensions {
		p.AllowedExtensions = append(p.AllowedExtensions, asn1.ObjectIdentifier(id).String())
	}
	if w := in.CSRWhitelist; w != nil {
		p.Take = &Take{Subject: w.Subject, DNSNames: w.DNSNames, IPAddresses: w.IPAddresses, EmailAddresses: w.EmailAddresses, URIs: w.URIs}
	}
	for _, policy := range in.Policies {
		out := Policy{ID: asn1.ObjectIdentifier(policy.ID).String()}
		for _, q := range policy.Qualifiers {
			if q.Type == "id-qt-cps" {
				out.CPS = append(out.CPS, q.Value)
			} else {
				out.Notices = append(out.Notices, q.Value)
			}
		}
		p.Policies = append(p.Policies, out)
	}
	if in.RemoteServer != "" {
		p.remote = &remoteProfile{signing: in}
	}
	return p
}

// remoteProfile is what a profile of a remote CA needs beyond its name.
type remoteProfile struct{ signing *config.SigningProfile }
