package inspect

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"certkdb/commands/op"
	"certkdb/commands/op/input"
	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/issuers"
	"certkdb/pki/name"
	"certkdb/pki/path"
)

// Validate builds and validates the chains of certificates from what the database trusts.
type Validate struct {
	Labels         []string
	Files          []string // certificates with their chains, which are not trusted
	Untrusted      []string // files with certificates that may be in the chains, and are not trusted for that
	Host           string   // a DNS name, an IP address or an e-mail address that the certificate must be for
	Purpose        string   // "server", "client", "code", "email", "timestamp", "ocsp", "any", or a dotted identifier
	At             string   // a time; "" is now
	CRLs           []string
	OCSP           string // a file with a response, the URL of a responder, or "certificate" for the one that the certificate names
	Policies       []string
	ExplicitPolicy bool
	InhibitMapping bool
	InhibitAny     bool
	MaxDepth       int // intermediate certificates; -1 is the default
	PartialChain   bool
	Profile        string
	AllowWeak      bool     // accept SHA-1 signatures and RSA keys from 1024 bits, which RFC 5280 knows
	Trust          []string // files with further trust anchors
	// TrustOwn trusts the self-signed certificates of personal entries too, as GSKit does.
	TrustOwn  bool
	OnlyThese bool // trust those alone, not the database
}

// Validated tells of all the certificates.
type Validated struct {
	Valid   bool         `json:"valid"`
	Results []Validation `json:"results"`
}

// Validation is the answer for one certificate.
type Validation struct {
	Name     string      `json:"name"` // the label or file
	Valid    bool        `json:"valid"`
	Policies []string    `json:"policies"`
	Chains   []Attempt   `json:"chains"` // the valid one, or those that were tried
	Limit    string      `json:"limit,omitempty"`
	OCSP     *OCSPAnswer `json:"ocsp,omitempty"`
	Notes    []string    `json:"notes"` // about a valid chain
	// Lacking are the certificates of a valid chain that a file lacks and the database has, the one to be validated first.
	Lacking []Step `json:"-"`
}

// Attempt is a chain that was tried.
type Attempt struct {
	Certificates []Step    `json:"certificates"`
	Anchored     bool      `json:"anchored"`
	Failures     []Failure `json:"failures"`
}

// Step is a certificate of a chain.
type Step struct {
	Subject string `json:"subject"`
	Label   string `json:"label,omitempty"` // under which the database has it
	SHA256  string `json:"sha256"`
}

// Failure is a rule that a certificate of a chain broke.
type Failure struct {
	Position int    `json:"position"` // 0 is the certificate that was asked for
	Subject  string `json:"subject"`
	Label    string `json:"label,omitempty"`
	Rule     string `json:"rule"`
	Section  string `json:"section"`
	Reason   string `json:"reason"`
	Remedy   string `json:"remedy,omitempty"`
	// Untrusted is a label of the database, if the only failure is that it is not trusted.
	Untrusted string `json:"-"`
	// Lacks is the name of an issuer whose certificate a file lacks, "" for none, and At where that can be had.
	Lacks, At string `json:"-"`
}

// subject of a validation: a certificate and what came with it.
type candidate struct {
	name   string
	chain  [][]byte
	isFile bool
	notes  []string
}

// NeedsDatabase says whether Run reads the database; else the session needs none ([op.Nothing]).
func (o Validate) NeedsDatabase() bool { return len(o.Labels) > 0 || !o.OnlyThese }

// Run validates. If a certificate is not valid, the error wraps [op.ErrInvalid] and the result says why. With any other error there is no
// result: a certificate is valid only if its CA's records do not say that it was revoked, and these are read last.
func (o Validate) Run(ctx context.Context, s *op.Session) (Validated, error) {
	options, err := o.options(s.Env)
	if err != nil {
		return Validated{}, err
	}
	if len(o.Labels)+len(o.Files) == 0 {
		return Validated{}, op.Need(op.FieldLabels, op.FieldFile)
	}
	list, labels, err := o.gather(ctx, s, &options)
	if err != nil {
		return Validated{}, err
	}
	validator := path.NewValidator(options)
	validated := Validated{Valid: true}
	var chains [][]*cert.Certificate
	above := issuers.NewPool(options.Time)
	for i, c := range list {
		s.Env.Advance(op.UnitCertificates, i, len(list))
		leaf, err := cert.Parse(c.chain[0])
		if err != nil {
			return Validated{}, fmt.Errorf("%s: %w: %w", c.name, kdb.ErrParse, err)
		}
		result := validator.Validate(leaf)
		v := o.describe(c.name, result, labels)
		v.Notes = slices.Concat(c.notes, notesAbout(result.Chain), chainNotes(result.Chain, options.Purpose))
		if lacking := c.lacking(above, result.Chain); len(o.Untrusted) == 0 && len(lacking) > 0 {
			v.Lacking = steps(append(result.Chain[:1:1], lacking...), labels)
		}
		if err := o.checkOCSP(ctx, s.Env, &v, result, options, labels); err != nil {
			return Validated{}, err
		}
		validated.Results = append(validated.Results, v)
		chains = append(chains, result.Chain)
	}
	if err := checkRecords(ctx, s, options.Time, validated.Results, chains, labels); err != nil {
		return Validated{}, err
	}
	for i := range validated.Results {
		validated.Valid = validated.Valid && validated.Results[i].Valid
	}
	return validated, validated.verdict()
}

// verdict is an error that names the first reason of the first certificate that is not valid, for users who see only the error.
func (v Validated) verdict() error {
	var first error
	bad := 0
	for _, r := range v.Results {
		if r.Valid {
			continue
		}
		if bad++; bad == 1 {
			first = r.reason()
		}
	}
	if bad > 1 {
		return fmt.Errorf("%w (the first of %d)", first, bad)
	}
	return first
}

// refuse takes the validity from the chain that was valid. It then comes first: it explains more than those that led nowhere.
func (v *Validation) refuse(f Failure) {
	if last := len(v.Chains) - 1; v.Valid {
		v.Valid = false
		v.Chains = slices.Insert(v.Chains[:last:last], 0, v.Chains[last])
	}
	v.Chains[0].Failures = append(v.Chains[0].Failures, f)
}

// reason is the failure that is shown first: a list that is missing matters less than what is known.
func (v Validation) reason() error {
	for _, a := range v.Chains {
		if len(a.Failures) == 0 {
			continue
		}
		known := slices.IndexFunc(a.Failures, func(f Failure) bool { return f.Rule != string(path.RuleNoCRL) })
		f := a.Failures[max(known, 0)]
		err := fmt.Errorf("%w: %s: certificate %d: %s", op.ErrInvalid, v.Name, f.Position, f.Reason)
		return &op.Problem{Code: op.NotValid, Label: f.Untrusted, Found: f.Remedy, Err: err}
	}
	return fmt.Errorf("%w: %s: %s", op.ErrInvalid, v.Name, v.Limit)
}

// gather reads the certificates to be validated, and puts anchors and intermediates into the options: of the database those that may be in
// their chains. labels tells under which label the database has a certificate; there need be none.
func (o Validate) gather(ctx context.Context, s *op.Session, options *path.Options) ([]candidate, map[[32]byte]string, error) {
	var files []candidate
	for _, file := range o.Files {
		chain, err := input.ReadCertificates(s.Env, file)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, inFile(file, chain))
	}
	var untrusted candidate
	for _, file := range o.Untrusted {
		given, err := input.ReadCertificates(s.Env, file)
		if err != nil {
			return nil, nil, err
		}
		untrusted.chain = append(untrusted.chain, given...)
	}
	labels := map[[32]byte]string{}
	var list []candidate
	err := s.View(ctx, func(tx kdb.Tx) (err error) {
		if list, err = o.named(tx); err == nil {
			list = append(list, files...)
			err = o.fromDatabase(tx, namesIn(append(slices.Clip(list), untrusted), options.CRLs), options, labels)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	for _, c := range list[:len(list)-len(files)] {
		labels[sha256.Sum256(c.chain[0])] = c.name // another entry may have it too
	}
	for _, c := range list {
		options.Intermediates = append(options.Intermediates, op.ParseAll(c.chain[1:])...)
	}
	options.Intermediates = append(options.Intermediates, op.ParseAll(untrusted.chain)...)
	for _, file := range o.Trust {
		anchors, err := input.ReadCertificates(s.Env, file)
		if err != nil {
			return nil, nil, err
		}
		options.Roots = append(options.Roots, path.Anchors(op.ParseAll(anchors)...)...)
	}
	return list, labels, nil
}

// lacking are the certificates of a chain that a file lacks, but for the root, which its readers have. The pool knows the roots of earlier
// files.
func (c candidate) lacking(pool *issuers.Pool, chain []*cert.Certificate) (found []*cert.Certificate) {
	for _, above := range chain[min(1, len(chain)):] {
		isGiven := slices.ContainsFunc(c.chain, func(der []byte) bool { return bytes.Equal(der, above.Raw) })
		if c.isFile && !isGiven && !pool.SelfSigned(above) {
			found = append(found, above)
		}
	}
	return found
}

func steps(chain []*cert.Certificate, labels map[[32]byte]string) (described []Step) {
	for _, c := range chain {
		sum := sha256.Sum256(c.Raw)
		described = append(described, Step{Subject: c.Subject.String(), Label: labels[sum], SHA256: op.HexDigest(sum)})
	}
	return described
}

// inFile takes the first certificate that is not a CA's for the one to validate: chains come in any order, and their end is what is meant.
func inFile(file string, chain [][]byte) candidate {
	for i, der := range chain {
		if c, err := cert.Parse(der); err == nil && !c.IsCA {
			found := candidate{name: file, chain: slices.Concat(chain[i:i+1], chain[:i], chain[i+1:]), isFile: true}
			if i > 0 {
				found.notes = []string{fmt.Sprintf("the file begins with another certificate, and this one is its number %d: "+
					"servers such as nginx want it first, else its key does not match", i+1)}
			}
			return found
		}
	}
	return candidate{name: file, chain: chain, isFile: true}
}

// named reads the entries that are to be validated.
func (o Validate) named(tx kdb.Tx) ([]candidate, error) {
	var list []candidate
	entries, err := op.EntriesNamed(tx, o.Labels)
	for _, e := range entries {
		if len(e.Certificates) == 0 {
			return nil, fmt.Errorf("label %q: %w: it has no certificate to validate", e.Label, op.ErrUsage)
		}
		list = append(list, candidate{name: e.Label, chain: e.Certificates})
	}
	return list, err
}

// namesIn are the names at which the search for chains may begin: those of the certificates and of the issuers of revocation lists.
func namesIn(list []candidate, crls []*cert.CRL) []name.Name {
	var names []name.Name
	for _, c := range list {
		for _, certificate := range op.ParseAll(c.chain) {
			names = append(names, certificate.Subject, certificate.Issuer)
		}
	}
	for _, crl := range crls {
		names = append(names, crl.Issuer)
	}
	return names
}

// fromDatabase takes the trusted certificates that may be in a chain as anchors, and the others as intermediates.
func (o Validate) fromDatabase(tx kdb.Tx, names []name.Name, options *path.Options, labels map[[32]byte]string) error {
	take := func(s *kdb.Summary) bool {
		labels[s.SHA256] = s.Label
		return o.trustsOwn(s) || op.HasIssuers(s)
	}
	return op.EachAbove(tx, names, take, func(f *op.Found) error {
		o.addTo(options, &f.Summary, f.Certificates)
		return nil
	})
}

// trustsOwn tells the self-signed certificates that are trusted because their keys are here.
func (o Validate) trustsOwn(s *kdb.Summary) bool {
	return o.TrustOwn && op.IsOwnRoot(s)
}

// addTo puts the certificates of an entry into the options.
func (o Validate) addTo(options *path.Options, s *kdb.Summary, certificates []*cert.Certificate) {
	if (s.Trusted || o.trustsOwn(s)) && !o.OnlyThese && len(certificates) > 0 {
		options.Roots = append(options.Roots, path.Anchors(certificates[0])...)
	}
	options.Intermediates = append(options.Intermediates, certificates...)
}

func (o Validate) describe(name string, r path.Result, labels map[[32]byte]string) Validation {
	v := Validation{Name: name, Valid: r.Valid, Policies: r.Policies, Limit: r.Limit, Chains: []Attempt{}}
	for _, a := range r.Attempts {
		v.Chains = append(v.Chains, o.describeAttempt(a, labels))
	}
	return v
}

func (o Validate) describeAttempt(a path.Attempt, labels map[[32]byte]string) Attempt {
	attempt := Attempt{Anchored: a.Anchored, Certificates: steps(a.Chain, labels), Failures: []Failure{}}
	for _, f := range a.Failures {
		failure := Failure{Position: f.Position, Rule: string(f.Rule), Section: f.Rule.Section(), Reason: f.Reason, Remedy: f.Remedy.String()}
		if f.Remedy.Action == path.AddIssuer {
			failure.Lacks, failure.At = f.Remedy.Subject, f.Remedy.URL
		}
		if f.Certificate != nil {
			failure.Subject, failure.Label = f.Certificate.Subject.String(), labels[sha256.Sum256(f.Certificate.Raw)]
			if f.Rule == path.RuleUntrusted && failure.Label != "" && !o.OnlyThese {
				failure.Untrusted = failure.Label
			}
		}
		attempt.Failures = append(attempt.Failures, failure)
	}
	return attempt
}
