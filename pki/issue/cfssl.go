package issue

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"certkdb/pki"
	"certkdb/pki/key"
	"certkdb/pki/lint"

	"github.com/cloudflare/cfssl/api"
	"github.com/cloudflare/cfssl/auth"
	"github.com/cloudflare/cfssl/config"
	"github.com/cloudflare/cfssl/csr"
	cferr "github.com/cloudflare/cfssl/errors"
	"github.com/cloudflare/cfssl/info"
	"github.com/cloudflare/cfssl/log"
	"github.com/cloudflare/cfssl/signer"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
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
		return nil, fmt.Errorf("making a key of type %q: %w: %w; there are %s", keyType, pki.ErrArgument, err, strings.Join(key.Types(), ", "))
	}
	signing, ok := made.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("making a key of type %q: %w: it cannot sign", keyType, pki.ErrArgument)
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
		return algorithm, fmt.Errorf("%w: a key of type %T cannot sign certificates", pki.ErrRefused, k.Public())
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
		return fmt.Errorf("applying profile %s: %w", p.Name, cfsslError(pki.ErrRefused, err))
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
		CopyExtensions: in.CopyExtensions, Names: in.NameWhitelist, NotBefore: in.NotBefore.UTC(), NotAfter: in.NotAfter.UTC(),
		gate: lint.NewGate(int(in.LintErrLevel), in.ExcludeLints, in.ExcludeLintSources),
	}
	p.notes, p.impossible = leftOut(name, in)
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
		p.remote = &Remote{URL: in.RemoteServer, Profile: name, auth: in.RemoteProvider}
		if name == defaultProfile {
			p.remote.Profile = "" // the server's own
		}
	}
	return p
}

// leftOut says what of a profile is the business of a server (cfssl serve), and what cannot be done here, so that it is not issued without.
func leftOut(name string, in *config.SigningProfile) (notes []string, impossible string) {
	if in.RemoteServer != "" {
		return nil, ""
	}
	if in.AuthKeyName != "" || in.PrevAuthKeyName != "" {
		notes = append(notes, "profile "+name+" has an auth_key, which is for requests to a server; here the CA's database decides who signs")
	}
	switch {
	case len(in.CTLogServers) > 0:
		impossible = "its certificates go to Certificate Transparency logs (ct_log_servers), which is not done here"
	case in.CSRWhitelist != nil && !in.CSRWhitelist.PublicKey:
		impossible = "its CSRWhitelist leaves the public key out, so that there is nothing to certify"
	case in.ClientProvidesSerialNumbers:
		impossible = "its requests bring the serial numbers (ClientProvidesSerialNumbers), which is not possible here"
	}
	return notes, impossible
}

// inherit takes from the default profile the URLs that a profile lacks, as cfssl does when it issues.
func inherit(p, from *config.SigningProfile) {
	if p.RemoteServer != "" || from.RemoteServer != "" {
		return
	}
	p.CRL, p.OCSP = cmp.Or(p.CRL, from.CRL), cmp.Or(p.OCSP, from.OCSP)
	if p.IssuerURL == nil {
		p.IssuerURL = from.IssuerURL
	}
}

const defaultProfile = "default"

// readConfig reads a cfssl configuration file. Its default profile has the name "default".
func readConfig(text []byte) ([]Profile, error) {
	silence()
	text, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), text) // Windows writes UTF-16, and UTF-8 with a byte order mark
	if err != nil {
		return nil, fmt.Errorf("%w: %w", pki.ErrParse, err)
	}
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) { // LoadConfig does not survive the JSON value null
		return nil, fmt.Errorf("%w: it is not a JSON object", pki.ErrParse)
	}
	file, err := splitConfig(text)
	if err != nil {
		return nil, err
	}
	var profiles []Profile
	var broken []string
	for _, name := range slices.Sorted(maps.Keys(file.profiles)) {
		cfg, err := file.load(name)
		if err != nil {
			profiles = append(profiles, Profile{Name: name, broken: err})
			broken = append(broken, fmt.Sprintf("profile %q of the file cannot be used: %v", name, err))
			continue
		}
		profile := cfg.Signing.Profiles[name]
		inherit(profile, cfg.Signing.Default)
		profiles = append(profiles, fromCFSSL(name, profile))
	}
	if cfg, err := file.load(""); err != nil {
		profiles = append(profiles, Profile{Name: defaultProfile, broken: err})
	} else {
		profiles = append(profiles, fromCFSSL(defaultProfile, cfg.Signing.Default))
	}
	for i := range profiles {
		profiles[i].notes = append(profiles[i].notes, broken...)
	}
	return profiles, nil
}

// load has cfssl read one profile with the default one, or that one alone: a fault in a profile that nobody asked for does not matter.
func (f *configFile) load(name string) (*config.Config, error) {
	text, err := f.with(name)
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadConfig(text)
	if err != nil {
		return nil, configError(err)
	}
	profile := cfg.Signing.Default
	if name != "" {
		profile = cfg.Signing.Profiles[name]
	}
	if profile == nil {
		return nil, fmt.Errorf("%w: the profile is not an object", pki.ErrParse)
	}
	return cfg, nil
}

// configError is an error of cfssl's about a configuration, as a sentence.
func configError(err error) error {
	if e, ok := errors.AsType[*cferr.Error](err); ok {
		return fmt.Errorf("%w: %s", pki.ErrParse, strings.TrimPrefix(e.Message, "failed to unmarshal configuration: "))
	}
	return fmt.Errorf("%w: %w", pki.ErrParse, err)
}

// checkValues refuses what cfssl cannot use in a profile, and says which member it is, which cfssl does not. named says that it is not the
// default profile, which may be there for its URLs alone.
func checkValues(value any, named bool) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var p config.SigningProfile
	if err := json.Unmarshal(text, &p); err != nil {
		return configError(valueError(err))
	}
	if _, _, unknown := p.Usages(); len(unknown) > 0 {
		known := slices.Sorted(maps.Keys(config.KeyUsage))
		known = slices.AppendSeq(known, slices.Values(slices.Sorted(maps.Keys(config.ExtKeyUsage))))
		return fmt.Errorf("%w: no usage is called %q; %s", pki.ErrParse, unknown[0], meant(unknown[0], known))
	}
	if p.RemoteName != "" || p.AuthRemote.RemoteName != "" {
		return nil // another CA decides
	}
	if named && len(p.Usage) == 0 {
		return fmt.Errorf("%w: it has no usages", pki.ErrParse)
	}
	return cmp.Or(checkLength("expiry", p.ExpiryString), checkLength("backdate", cmp.Or(p.BackdateString, "0")))
}

// valueError is a sentence about a value that has another type than its member.
func valueError(err error) error {
	e, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok || e.Field == "" {
		return err
	}
	wanted := map[reflect.Kind]string{
		reflect.String: "a string", reflect.Bool: "true or false", reflect.Int: "a number", reflect.Slice: "a list",
	}[e.Type.Kind()]
	return fmt.Errorf("%s is not %s", e.Field, cmp.Or(wanted, "an object"))
}

// checkLength refuses a length of time that Go does not read.
func checkLength(member, text string) error {
	if text == "" {
		return fmt.Errorf("%w: it has no %s, such as 8760h", pki.ErrParse, member)
	}
	if _, err := time.ParseDuration(text); err != nil {
		return fmt.Errorf("%w: %s is %q: a length of time is in hours, minutes and seconds, such as 8760h or 1h30m", pki.ErrParse, member, text)
	}
	return nil
}

// authKey makes what authenticates requests out of a key in hexadecimal.
func authKey(key string) (provider, error) {
	if _, err := hex.DecodeString(key); err != nil || key == "" { // auth.New would take file: and env: too
		return nil, fmt.Errorf("%w: the authentication key is not hexadecimal", pki.ErrArgument)
	}
	return auth.New(key, nil)
}

// remoteRequest makes the body for the endpoints sign and, with a provider, authsign of a cfssl server.
func remoteRequest(request []byte, profile, label string, auth provider) (body []byte, endpoint string, err error) {
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request})
	body, err = json.Marshal(signer.SignRequest{Request: string(text), Profile: profile, Label: label})
	if err != nil || auth == nil {
		return body, "sign", err
	}
	token, err := auth.Token(body)
	if err != nil {
		return nil, "", err
	}
	body, err = json.Marshal(authenticated{Timestamp: time.Now().Unix(), Token: token, Request: body})
	return body, "authsign", err
}

// remoteInfo makes the body for the endpoint info.
func remoteInfo(profile, label string) ([]byte, error) {
	return json.Marshal(info.Req{Profile: profile, Label: label})
}

// provider authenticates requests to a remote CA, authenticated is such a request.
type (
	provider      = auth.Provider
	authenticated = auth.AuthenticatedRequest
)

// remoteAnswer reads the certificate in a cfssl server's answer.
func remoteAnswer(body []byte) ([]byte, error) {
	var answer struct {
		api.Response
		Result struct {
			Certificate string `json:"certificate"`
		} `json:"result"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%w: the answer is not JSON: %w", pki.ErrParse, err)
	}
	if !answer.Success && len(answer.Errors) > 0 {
		return nil, fmt.Errorf("%w: %s (cfssl error %d)", pki.ErrRefused, answer.Errors[0].Message, answer.Errors[0].Code)
	}
	block, _ := pem.Decode([]byte(answer.Result.Certificate))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%w: the answer has no certificate", pki.ErrParse)
	}
	return block.Bytes, nil
}
