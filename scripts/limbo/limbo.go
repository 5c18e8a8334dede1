// Package limbo reads test suites for path validation in the schema of x509-limbo
// (https://github.com/C2SP/x509-limbo) and turns a case into the options of package path.
//
// In addition to the schema it knows the fields of collections that extend it: x_tier (core, strict, option, …), x_policy
// (the policy inputs), x_source (who wrote the case; absent in limbo itself) and more features. A case's options come
// from these fields alone, never from its name or its expected result.
package limbo

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// Suite is a file of cases.
type Suite struct {
	Version int    `json:"version"`
	Cases   []Case `json:"testcases"`
}

// Case is one chain to be validated and what should come out. The fields are those of the schema.
type Case struct {
	ID                string        `json:"id"`
	Description       string        `json:"description"`
	Features          []string      `json:"features"`
	ValidationKind    string        `json:"validation_kind"` // SERVER or CLIENT
	Trusted           []string      `json:"trusted_certs"`
	Untrusted         []string      `json:"untrusted_intermediates"`
	Peer              string        `json:"peer_certificate"`
	CRLs              []string      `json:"crls"`
	ValidationTime    *time.Time    `json:"validation_time"` // nil: now
	KeyUsage          []string      `json:"key_usage"`
	ExtendedKeyUsage  []string      `json:"extended_key_usage"`
	ExpectedResult    string        `json:"expected_result"` // SUCCESS or FAILURE
	ExpectedPeerName  *PeerName     `json:"expected_peer_name"`
	ExpectedPeerNames []PeerName    `json:"expected_peer_names"`
	MaxChainDepth     *int          `json:"max_chain_depth"`
	Tier              string        `json:"x_tier"`
	Soft              bool          `json:"x_soft"`
	Source            string        `json:"x_source"`
	Policy            *PolicyInputs `json:"x_policy"`
}

// PeerName is a name that the peer's certificate must have.
type PeerName struct {
	Kind  string `json:"kind"` // DNS, IP, RFC822
	Value string `json:"value"`
}

// PolicyInputs are the inputs of RFC 5280, 6.1.1, or the policies that should come out.
type PolicyInputs struct {
	Initial          []string `json:"initial_policy_set"`
	ExplicitPolicy   bool     `json:"explicit_policy"`
	InhibitMapping   bool     `json:"inhibit_policy_mapping"`
	InhibitAnyPolicy bool     `json:"inhibit_any_policy"`
	ExpectedSet      string   `json:"expected_user_constrained_policy_set"`
}

// maxSuite bounds the size of a file.
const maxSuite = 1 << 28

// Load reads a suite.
func Load(r io.Reader) (*Suite, error) {
	var s Suite
	if err := json.NewDecoder(io.LimitReader(r, maxSuite)).Decode(&s); err != nil {
		return nil, fmt.Errorf("reading a suite of validation cases: %w", err)
	}
	return &s, nil
}

// WantsSuccess says whether the chain should be valid.
func (c *Case) WantsSuccess() bool { return c.ExpectedResult == "SUCCESS" }

// Has reports whether the case has a feature.
func (c *Case) Has(feature string) bool {
	for _, f := range c.Features {
		if f == feature {
			return true
		}
	}
	return false
}

// Run validates the case at its time, or at now if it has none. A certificate that cannot be read makes the chain
// invalid, which the error explains.
func (c *Case) Run(now time.Time) (path.Result, error) {
	o, err := c.Options(now)
	if err != nil {
		return path.Result{}, err
	}
	leaf, err := readCertificate(c.Peer)
	if err != nil {
		return path.Result{}, fmt.Errorf("reading the peer's certificate: %w", err)
	}
	v := path.NewValidator(o)
	result := v.Validate(leaf)
	for _, host := range c.hosts() {
		if host != o.Host && result.Valid {
			result = v.ValidateHost(leaf, host)
		}
	}
	for i, usage := range c.ExtendedKeyUsage {
		if o.Purpose = purposeID(usage); i > 0 && result.Valid {
			result = path.Validate(leaf, o)
		}
	}
	return result, nil
}

// Options are the options that the case asks for, with the first of several hosts. Certificates and CRLs that cannot be read are
// left out: they are unusable, which need not matter. It is an error if no trusted certificate can be read.
func (c *Case) Options(now time.Time) (path.Options, error) {
	o := path.Options{Time: now, Purpose: c.purpose(), Profile: c.profile(), Weak: c.weak()}
	if c.ValidationTime != nil {
		o.Time = *c.ValidationTime
	}
	var unreadable error
	for _, text := range c.Trusted {
		root, err := readCertificate(text)
		if err == nil {
			o.Roots = append(o.Roots, c.anchor(root))
		} else {
			unreadable = err
		}
	}
	if len(o.Roots) == 0 && unreadable != nil {
		return o, fmt.Errorf("reading the trusted certificates: %w", unreadable)
	}
	for _, text := range c.Untrusted {
		if x, err := readCertificate(text); err == nil {
			o.Intermediates = append(o.Intermediates, x)
		}
	}
	for _, text := range c.CRLs {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			continue
		}
		if l, err := cert.ParseCRL(block.Bytes); err == nil {
			o.CRLs = append(o.CRLs, l)
		}
	}
	o.RequireCRLs = len(c.CRLs) > 0
	o.KeyUsage = c.keyUsage()
	o.PartialChain = c.Has("partial-chain")
	o.StrictPurpose = c.Has("strict-eku") || c.Has("cabf-purpose")
	o.CommonNameHost = c.Has("cn-hostname")
	c.setNames(&o)
	c.setDepth(&o)
	c.setPolicies(&o)
	return o, nil
}

func readCertificate(text string) (*cert.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("it is no PEM")
	}
	return cert.Parse(block.Bytes)
}

// anchor reads the features ta-*: how much of a trusted certificate counts.
func (c *Case) anchor(root *cert.Certificate) path.Anchor {
	a := path.Anchor{Certificate: root}
	for _, f := range c.Features {
		switch {
		case f == "ta-expiry-ignored":
			a.IgnoreTime, a.IgnoreExtensions = true, true
		case strings.HasPrefix(f, "ta-trusted_anchor"):
			a.IgnoreTime = !strings.Contains(f, "expiration")
			a.IgnoreExtensions = !strings.Contains(f, "and_constraints") && !strings.Contains(f, "with_constraints")
			a.Policies = !a.IgnoreExtensions
			a.RequireBasicConstraints = strings.Contains(f, "require_basic_constraints")
		}
	}
	return a
}

// profile is what the tier and the features ask for. The strict cases of limbo itself are about the CA/Browser Forum's
// profile unless a feature says that the two standards disagree; soft ones are not about a profile.
func (c *Case) profile() path.Profile {
	switch {
	case c.Has("rfc5280-incompatible-with-webpki") || c.Has("x509-strict") || c.Has("malformed"):
		return path.StrictRFC5280
	case c.Tier == "strict" && c.Source == "" && !c.Soft:
		return path.WebPKI
	}
	return path.RFC5280
}

// purpose is the first extended key usage. Limbo's own cases mean the TLS peer's if they name none.
func (c *Case) purpose() string {
	switch {
	case len(c.ExtendedKeyUsage) > 0:
		return purposeID(c.ExtendedKeyUsage[0])
	case c.Source != "":
		return path.AnyUsage
	case c.ValidationKind == "CLIENT":
		return path.ClientAuth
	}
	return path.ServerAuth
}

// purposeID is the identifier of an extended key usage that may be given by its name.
func purposeID(usage string) string {
	ids := map[string]string{
		"serverAuth": path.ServerAuth, "clientAuth": path.ClientAuth, "codeSigning": path.CodeSigning,
		"emailProtection": path.EmailProtection, "timeStamping": path.TimeStamping, "OCSPSigning": path.OCSPSigning,
		"anyExtendedKeyUsage": path.AnyUsage,
	}
	if id := ids[usage]; id != "" {
		return id
	}
	return usage // dotted
}

func (c *Case) keyUsage() cert.KeyUsage {
	bits := map[string]cert.KeyUsage{
		"digitalSignature": cert.DigitalSignature, "contentCommitment": cert.ContentCommitment,
		"keyEncipherment": cert.KeyEncipherment, "dataEncipherment": cert.DataEncipherment, "keyAgreement": cert.KeyAgreement,
		"keyCertSign": cert.KeyCertSign, "cRLSign": cert.CRLSign, "encipherOnly": cert.EncipherOnly, "decipherOnly": cert.DecipherOnly,
	}
	var usage cert.KeyUsage
	for _, u := range c.KeyUsage {
		usage |= bits[u]
	}
	return usage
}

// weak reads the features about algorithms. auth-level-N are OpenSSL's security levels.
func (c *Case) weak() path.Weak {
	w := path.Weak{AllowDSA: c.Has("dsa")}
	if c.Has("digest-policy") || c.Source == "" {
		w.MinHash = 224 // limbo's own cases are about the TLS of today, which has no SHA-1
	}
	for _, f := range c.Features {
		level, ok := strings.CutPrefix(f, "auth-level-")
		if n, err := strconv.Atoi(level); ok && err == nil {
			w = authLevel(n)
		}
	}
	return w
}

func authLevel(n int) path.Weak {
	switch n {
	case 0:
		return path.Weak{MinRSA: 1, MinHash: 1, AllowDSA: true}
	case 1:
		return path.Weak{MinRSA: 1024, MinHash: 224, AllowDSA: true}
	case 2:
		return path.Weak{MinRSA: 2048, MinHash: 224}
	}
	return path.Weak{MinRSA: 3072, MinHash: 256}
}

func (c *Case) setNames(o *path.Options) {
	if hosts := c.hosts(); len(hosts) > 0 {
		o.Host = hosts[0]
	}
	for _, n := range c.names() {
		if n.Kind == "RFC822" {
			o.Emails = append(o.Emails, n.Value)
		}
	}
}

func (c *Case) names() []PeerName {
	names := slices.Clone(c.ExpectedPeerNames)
	if c.ExpectedPeerName != nil {
		names = append(names, *c.ExpectedPeerName)
	}
	return names
}

func (c *Case) hosts() []string {
	var hosts []string
	for _, n := range c.names() {
		if n.Kind == "DNS" || n.Kind == "IP" {
			hosts = append(hosts, n.Value)
		}
	}
	return hosts
}

func (c *Case) setDepth(o *path.Options) {
	if c.MaxChainDepth == nil {
		return
	}
	o.Limits.Depth = *c.MaxChainDepth
	o.Limits.NoIntermediates = *c.MaxChainDepth == 0
}

// setPolicies spells out PKITS' names for policies, which stand in section 3 of its document.
func (c *Case) setPolicies(o *path.Options) {
	if c.Policy == nil {
		return
	}
	o.Policies = path.Policies{
		ExplicitPolicy: c.Policy.ExplicitPolicy, InhibitMapping: c.Policy.InhibitMapping, InhibitAnyPolicy: c.Policy.InhibitAnyPolicy,
	}
	for _, p := range c.Policy.Initial {
		if number, ok := strings.CutPrefix(p, "NIST-test-policy-"); ok {
			p = "2.16.840.1.101.3.2.1.48." + number
		}
		if p == "anyPolicy" {
			p = cert.AnyPolicy
		}
		o.Policies.Initial = append(o.Policies.Initial, p)
	}
}
