// Package path builds and validates certification paths: all of RFC 5280, section 6, and the search for the certificates
// that form a path (RFC 4158).
//
// It takes the place of x509.Verify, which does not cover the standard (policies, directory name constraints, self-issued
// certificates, name comparison, CRLs, RSASSA-PSS keys) and does not say why it rejects a chain. Package key verifies the
// signatures. The package does no input or output and has no clock: everything it needs is in [Options].
//
//	result := path.Validate(leaf, path.Options{
//		Roots: path.Anchors(roots...), Intermediates: others, Time: now, Host: "example.com", Purpose: path.ServerAuth,
//	})
//	for _, attempt := range result.Attempts {
//		for _, failure := range attempt.Failures {
//			fmt.Println(failure) // the certificate, the reason, the rule and its section, and a remedy
//		}
//	}
package path

import (
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/oid"
)

// Profile says how much more than path validation is wanted.
type Profile uint8

// The profiles.
const (
	// RFC5280 is path validation as in section 6.
	RFC5280 Profile = iota
	// StrictRFC5280 also refuses what section 4 forbids CAs to issue, such as a CA without a key identifier.
	StrictRFC5280
	// WebPKI is StrictRFC5280 and the CA/Browser Forum's Baseline Requirements for TLS servers.
	WebPKI
)

// String returns the name that a command line uses.
func (p Profile) String() string {
	return [...]string{"rfc5280", "rfc5280-strict", "webpki"}[p]
}

// Profiles are the names of the profiles.
func Profiles() []string {
	var names []string
	for p := RFC5280; p <= WebPKI; p++ {
		names = append(names, p.String())
	}
	return names
}

// ParseProfile is the inverse of [Profile.String].
func ParseProfile(s string) (Profile, bool) {
	for p := RFC5280; p <= WebPKI; p++ {
		if p.String() == s {
			return p, true
		}
	}
	return 0, false
}

// Purposes are identifiers of extended key usages (RFC 5280, 4.2.1.12).
const (
	ServerAuth      = oid.ServerAuth
	ClientAuth      = oid.ClientAuth
	CodeSigning     = oid.CodeSigning
	EmailProtection = oid.EmailProtection
	TimeStamping    = oid.TimeStamping
	OCSPSigning     = oid.OCSPSigning
	AnyUsage        = oid.AnyExtendedKeyUsage
)

// Anchor is a trust anchor given as a certificate (RFC 5280, 6.1.1 (d)). What the certificate restricts, policies apart,
// is honoured as RFC 5937 describes, unless the flags say otherwise.
type Anchor struct {
	Certificate *cert.Certificate
	// IgnoreTime accepts the anchor before and after its validity.
	IgnoreTime bool
	// IgnoreExtensions takes nothing but the name and the key from the certificate.
	IgnoreExtensions bool
	// Policies processes the policy extensions of the anchor too (RFC 5937, 3.2). RFC 5280 alone does not.
	Policies bool
	// RequireBasicConstraints refuses an anchor without that extension. It has no effect with IgnoreExtensions.
	RequireBasicConstraints bool
}

// Anchors makes anchors of certificates, everything in them honoured.
func Anchors(certificates ...*cert.Certificate) []Anchor {
	list := make([]Anchor, len(certificates))
	for i, c := range certificates {
		list[i] = Anchor{Certificate: c}
	}
	return list
}

// Policies are the policy inputs of RFC 5280, 6.1.1 (c), (e), (f), (g). The zero value accepts any policy.
type Policies struct {
	Initial          []string // user-initial-policy-set, dotted; empty stands for any
	ExplicitPolicy   bool     // initial-explicit-policy
	InhibitMapping   bool     // initial-policy-mapping-inhibit
	InhibitAnyPolicy bool     // initial-any-policy-inhibit
}

// Weak says which weak algorithms and keys are accepted. The zero value accepts RSA keys from 1024 bits and
// signatures with SHA-1 and better: what RFC 5280 implementations must process. See also [Modern].
type Weak struct {
	MinRSA   int  // least bits of an RSA modulus; 0 is 1024
	MinHash  int  // least bits of a signature's digest; 0 is 160 (SHA-1)
	AllowDSA bool // accept signatures by DSA keys
}

// Modern accepts RSA keys from 2048 bits and SHA-2 or better.
func Modern() Weak { return Weak{MinRSA: 2048, MinHash: 224} }

// Options are the inputs of a validation.
type Options struct {
	Roots         []Anchor
	Intermediates []*cert.Certificate
	// Time is the moment of the validation. It must be given: the package has no clock.
	Time time.Time

	// Host is a DNS name or an IP address that the certificate must be for; "" if none. CommonNameHost looks for it
	// in the common name when there is no subject alternative name of its kind, as long ago (RFC 9525 forbids it).
	Host           string
	CommonNameHost bool
	// Emails are addresses that the certificate must all be for.
	Emails []string
	// Purpose is the extended key usage that is wanted, "" or AnyUsage for any. StrictPurpose wants it named in the
	// certificate, not implied, and with the criticality and key usages that its standard asks for.
	Purpose       string
	StrictPurpose bool
	// UsageForPurpose refuses a key usage that is not consistent with the purpose (RFC 5280, 4.2.1.12). Libraries that only build paths
	// leave this to the handshake.
	UsageForPurpose bool
	// KeyUsage are key usages that the certificate must all have, if it has the extension.
	KeyUsage cert.KeyUsage
	// Critical are further extensions that the caller processes when they are critical.
	Critical []string

	Policies Policies
	// Subtrees are the initial permitted and excluded subtrees; nil if none (RFC 5280, 6.1.1 (h), (i)).
	Subtrees *cert.NameConstraints

	// CRLs are used if RequireCRLs is set: then each certificate but the anchor needs a valid one.
	CRLs        []*cert.CRL
	RequireCRLs bool

	Profile Profile
	Weak    Weak
	// PartialChain accepts the certificate itself, whatever it is, if it is among the Roots. Any other root may end a
	// chain anyway, self-signed or not, as long as it is a CA: an anchor is what the caller trusts.
	PartialChain bool

	Limits Limits
}

// Limits bound the work of one validation. A zero field is its default.
type Limits struct {
	// Depth is the greatest number of intermediate certificates that are not self-issued; the default is 20.
	// NoIntermediates stands for 0.
	Depth           int
	NoIntermediates bool
	Chains          int // chains tried to the end; 64
	Steps           int // steps of the search; 4096
	Signatures      int // signatures computed; 512
	Names           int // names compared with constraints; 1 << 20
	PolicyNodes     int // nodes of the policy graph; 4096
}

// withDefaults fills the zero fields.
func (l Limits) withDefaults() Limits {
	for field, value := range map[*int]int{
		&l.Depth: 20, &l.Chains: 64, &l.Steps: 4096, &l.Signatures: 512, &l.Names: 1 << 20, &l.PolicyNodes: 4096,
	} {
		if *field <= 0 {
			*field = value
		}
	}
	if l.NoIntermediates {
		l.Depth = 0
	}
	return l
}

// Validate looks for a valid chain from leaf to one of the roots. For many certificates use a [Validator].
func Validate(leaf *cert.Certificate, o Options) Result {
	return NewValidator(o).Validate(leaf)
}
