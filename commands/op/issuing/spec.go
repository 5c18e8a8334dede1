package issuing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
	"strings"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/key"
	"certkdb/pki/lint"
	"certkdb/pki/name"
	"certkdb/pki/oid"
)

// lint refuses what a CA is about to give out, if it was asked to.
func (s Spec) lint(ctx context.Context, env *op.Env, der []byte) error {
	if !s.Lint {
		return nil
	}
	findings, err := env.Linter(ctx).Check(der, "rfc5280")
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.Severity >= lint.Error {
			return fmt.Errorf("%w: the linter refuses the certificate: %s", op.ErrFindings, f)
		}
	}
	return nil
}

// Spec says what a certificate or a request for one is to contain. Everything that is left out comes from the profile.
type Spec struct {
	DN string // the whole subject, RFC 4514; instead of the parts of it that follow
	// Parts of the subject, most general first as X.500 wants them.
	Country, State, Locality, Organization, Unit, CommonName string
	SANs                                                     []string // TYPE:VALUE, or several, see [issue.SplitNames]
	KeyType                                                  string
	Days                                                     int // 0 is the profile's
	NotBefore, NotAfter                                      string
	Profile                                                  string
	ProfileFile                                              string // a configuration of cfssl with further profiles
	IsCA                                                     bool
	PathLen                                                  int // below 0 is no limit
	Permit, Exclude                                          []string
	KeyUsages, ExtKeyUsages, Policies                        []string
	CRLURLs, OCSPURLs, IssuerURLs                            []string
	Extensions                                               []string // OID=VALUE, see [issue.ParseExtension]
	MustStaple                                               bool     // clients insist on a stapled OCSP response (RFC 7633)
	// Plain makes a certificate that says nothing about what it is good for, instead of a profile's.
	Plain bool
	// Signature is what is signed with, see [issue.Request.Signature]; "" is the usual algorithm of the key.
	Signature string
	// Serial is the serial number of the one certificate that is signed; nil is a random one.
	Serial *big.Int
	// UntilCA ends the validity with that of the CA rather than to refuse a longer one.
	UntilCA bool
	// Weak allows RSA keys of 1024 bits.
	Weak bool
	FIPS bool // refuse what is not approved under FIPS 140-3
	Lint bool // refuse what the linter calls an error
}

// request makes the request for package pki.
func (s Spec) request(env *op.Env) (issue.Request, error) {
	profile, err := s.profile()
	if err != nil {
		return issue.Request{}, err
	}
	r := issue.Request{
		KeyType: s.KeyType, Days: s.Days, Profile: profile, IsCA: s.IsCA, KeyUsages: s.KeyUsages, ExtKeyUsages: s.ExtKeyUsages,
		Policies: s.Policies, CRLURLs: s.CRLURLs, OCSPURLs: s.OCSPURLs, IssuerURLs: s.IssuerURLs, FIPS: s.FIPS, Now: env.Now,
		AddCommonName: !s.Plain,
		Signature:     s.Signature, Serial: s.Serial, AllowWeak: s.Weak, UntilCA: s.UntilCA,
	}
	if s.PathLen >= 0 {
		r.MaxPathLen = &s.PathLen
	}
	if err := checkKeyType(s.KeyType); err != nil && !(s.Weak && s.KeyType == "rsa1024") {
		return r, err
	}
	if s.Days < 0 {
		return r, &op.Invalid{Field: op.FieldDays, Value: s.Days, Reason: "a certificate is valid for at least a day"}
	}
	if s.Days != 0 && s.NotAfter != "" {
		return r, op.Exclusive(op.FieldDays, op.FieldNotAfter)
	}
	if err := s.times(env, &r); err != nil {
		return r, err
	}
	if err := s.extensions(&r); err != nil {
		return r, err
	}
	if r.Subject, err = s.subject(); err != nil {
		return r, err
	}
	return r, s.names(&r)
}

// never is the end of certificates that have none (RFC 5280, 4.1.2.5).
const never = "never"

// times reads the dates. The end may be a length of time, which counts from the beginning.
func (s Spec) times(env *op.Env, r *issue.Request) (err error) {
	if r.NotBefore, err = op.ParseTime(op.FieldNotBefore, s.NotBefore); err != nil {
		return err
	}
	if s.NotAfter == never {
		r.NotAfter = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
		return nil
	}
	if length, err := op.ParseLength(s.NotAfter); err == nil && length > 0 {
		from := r.NotBefore
		if from.IsZero() {
			from = env.Now()
		}
		r.NotAfter = from.Add(length)
		return nil
	}
	r.NotAfter, err = op.ParseTime(op.FieldNotAfter, s.NotAfter)
	if invalid, ok := errors.AsType[*op.Invalid](err); ok && invalid.Wanted == "" {
		invalid.Wanted = "a length of time such as 90d or 12h, and the word never, are possible too"
	}
	return err
}

// extensions reads the further extensions.
func (s Spec) extensions(r *issue.Request) error {
	if s.MustStaple {
		r.Extensions = append(r.Extensions, issue.MustStaple())
	}
	for _, text := range s.Extensions {
		e, err := issue.ParseExtension(text)
		if err != nil {
			return &op.Invalid{Field: op.FieldExtension, Err: op.PKIError(err)}
		}
		if slices.ContainsFunc(r.Extensions, func(have cert.Extension) bool { return have.ID == e.ID }) {
			return &op.Invalid{Field: op.FieldExtension, Value: text, Reason: "a certificate has each extension once (RFC 5280, 4.2)"}
		}
		r.Extensions = append(r.Extensions, e)
	}
	return nil
}

// names reads alternative names and name constraints.
func (s Spec) names(r *issue.Request) error {
	for _, list := range []struct {
		field op.Field
		texts []string
		into  *[]cert.GeneralName
		parse func(string) (cert.GeneralName, error)
	}{
		{op.FieldSAN, s.SANs, &r.SANs, issue.ParseSAN},
		{op.FieldPermit, s.Permit, &r.Permitted, issue.ParseConstraint},
		{op.FieldExclude, s.Exclude, &r.Excluded, issue.ParseConstraint},
	} {
		for _, texts := range list.texts {
			for _, text := range issue.SplitNames(texts) {
				n, err := list.parse(text)
				if err != nil {
					return &op.Invalid{Field: list.field, Err: op.PKIError(err)}
				}
				*list.into = append(*list.into, n)
			}
		}
	}
	return nil
}

// maxProfileFile bounds what is read of a file of profiles.
const maxProfileFile = 4 << 20

func readProfileFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxProfileFile+1))
	if err == nil && len(data) > maxProfileFile {
		err = fmt.Errorf("%w: it is larger than 4 MiB", kdb.ErrParse)
	}
	return data, err
}

func (s Spec) profile() (issue.Profile, error) {
	if s.Plain && !s.IsCA {
		return issue.PlainProfile(), nil
	}
	var own []issue.Profile
	if s.ProfileFile != "" {
		data, err := readProfileFile(s.ProfileFile)
		if err != nil {
			return issue.Profile{}, fmt.Errorf("reading %q: %w", s.ProfileFile, op.UnwrapPath(err))
		}
		if own, err = issue.ReadProfiles(data); err != nil {
			return issue.Profile{}, op.PKIError(fmt.Errorf("reading the profiles in %q: %w", s.ProfileFile, err))
		}
	}
	wanted := s.Profile
	switch {
	case wanted != "":
	case s.IsCA:
		wanted = "ca"
	case s.ProfileFile != "":
		wanted = "default" // the file's, as in cfssl
	default:
		wanted = "server"
	}
	profile, err := issue.ProfileNamed(wanted, own...)
	if errors.Is(err, pki.ErrParse) {
		err = fmt.Errorf("reading the profiles in %q: %w", s.ProfileFile, err)
	}
	if err == nil && s.Profile == "" && profile.SaysNothing() && len(own) > 1 {
		var names []string
		for _, p := range own {
			if p.Name != wanted {
				names = append(names, p.Name)
			}
		}
		return profile, &op.Problem{
			Code: op.NoProfileChosen, Location: s.ProfileFile, Found: strings.Join(names, ", "),
			Err: &op.Invalid{Field: op.FieldProfileFile, Value: s.ProfileFile, Reason: "its default profile has no usages"},
		}
	}
	return profile, op.PKIError(err)
}

// named says that the spec names a subject or an alternative name.
func (s Spec) named() bool {
	return s.DN != "" || s.hasParts() || len(s.SANs) > 0
}

func (s Spec) hasParts() bool {
	return s.Country+s.State+s.Locality+s.Organization+s.Unit+s.CommonName != ""
}

// isWholeName says that a common name is probably a whole one, as in CN=www.example.com,O=Example or /O=Example/CN=www.example.com.
func isWholeName(common string) bool {
	return len(common) > 3 && strings.EqualFold(common[:3], "cn=") || strings.HasPrefix(common, "/") && strings.Contains(common, "=")
}

func (s Spec) subject() (name.Name, error) {
	if s.DN != "" {
		if s.hasParts() {
			return name.Name{}, op.Exclusive(op.FieldDN, op.FieldCommonName)
		}
		subject, err := name.ParseString(s.DN)
		if err != nil {
			return subject, &op.Invalid{Field: op.FieldDN, Err: err}
		}
		for _, rdn := range subject.RDNs {
			for _, a := range rdn {
				if len(a.Raw) <= 2 { // tag and length
					return subject, &op.Invalid{Field: op.FieldDN, Value: s.DN, Reason: name.ShortName(a.Type) + " is empty"}
				}
			}
		}
		return subject, nil
	}
	if isWholeName(s.CommonName) {
		return name.Name{}, &op.Invalid{
			Field: op.FieldCommonName, Value: s.CommonName, Reason: "this is a whole name, not only a common name",
		}
	}
	var subject name.Name
	for _, part := range []name.Attribute{
		{Type: oid.CountryName, Value: s.Country},
		{Type: oid.StateOrProvinceName, Value: s.State},
		{Type: oid.LocalityName, Value: s.Locality},
		{Type: oid.OrganizationName, Value: s.Organization},
		{Type: oid.OrganizationalUnitName, Value: s.Unit},
		{Type: name.CommonName, Value: s.CommonName},
	} {
		if part.Value != "" {
			subject.RDNs = append(subject.RDNs, name.RDN{part})
		}
	}
	return subject, nil
}

func checkKeyType(keyType string) error {
	if keyType == "" {
		return nil
	}
	for _, known := range key.Types() {
		if keyType == known {
			return nil
		}
	}
	return &op.Invalid{
		Field: op.FieldKeyType, Value: keyType, Reason: "there is no such type", Wanted: "use one of " + strings.Join(key.Types(), " "),
	}
}

// choice is a field, and whether it is given.
type choice struct {
	field op.Field
	given bool
}

func givenOf(choices []choice) (fields []op.Field) {
	for _, c := range choices {
		if c.given {
			fields = append(fields, c.field)
		}
	}
	return fields
}

// serversChoice are the fields that a server decides (cfssl serve): its protocol has no place for them, nor has a request.
func (s Spec) serversChoice() []op.Field {
	return givenOf([]choice{
		{op.FieldDays, s.Days != 0},
		{op.FieldNotBefore, s.NotBefore != ""},
		{op.FieldNotAfter, s.NotAfter != ""},
		{op.FieldPolicy, len(s.Policies) > 0},
		{op.FieldCRLURL, len(s.CRLURLs) > 0},
		{op.FieldOCSPURL, len(s.OCSPURLs) > 0},
		{op.FieldIssuerURL, len(s.IssuerURLs) > 0},
	})
}

// requestersChoice are the fields that stand in a request, and cannot be changed when a server signs it.
func (s Spec) requestersChoice() []op.Field {
	return givenOf([]choice{
		{op.FieldSubject, s.DN != "" || s.hasParts()},
		{op.FieldSAN, len(s.SANs) > 0},
		{op.FieldIsCA, s.IsCA},
		{op.FieldPathLen, s.PathLen >= 0},
		{op.FieldPermit, len(s.Permit) > 0},
		{op.FieldExclude, len(s.Exclude) > 0},
		{op.FieldKeyUsage, len(s.KeyUsages) > 0},
		{op.FieldExtKeyUsage, len(s.ExtKeyUsages) > 0},
		{op.FieldExtension, len(s.Extensions) > 0},
		{op.FieldMustStaple, s.MustStaple},
		{op.FieldProfile, s.Profile != "" && s.ProfileFile == ""},
	})
}

// RemoteDecides says that fields are given about which a remote CA decides.
type RemoteDecides struct{ Fields []op.Field }

// Text implements op.Worded.
func (e *RemoteDecides) Text(name func(op.Field) string) string {
	var names []string
	for _, f := range e.Fields {
		names = append(names, name(f))
	}
	return fmt.Sprintf("%s: a remote CA decides about %s itself", op.ErrUsage, strings.Join(names, ", "))
}

func (e *RemoteDecides) Error() string { return e.Text(func(f op.Field) string { return string(f) }) }

func (e *RemoteDecides) Unwrap() error { return op.ErrUsage }

// refuse refuses fields that a remote CA would not hear of.
func refuse(fields []op.Field) error {
	if len(fields) == 0 {
		return nil
	}
	return &RemoteDecides{fields}
}
