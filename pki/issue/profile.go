package issue

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"certkdb/pki"
	"certkdb/pki/lint"
)

// Profile is what a kind of certificate has in common: a cfssl signing profile.
type Profile struct {
	Name string
	// Usages are the key usages and extended key usages by cfssl's names ("digital signature", "server auth").
	Usages []string
	// IsCA makes a CA's certificate; MaxPathLen is how many CAs may follow, nil for no limit.
	IsCA       bool
	MaxPathLen *int
	// Validity is how long a certificate is valid if nobody says otherwise; 0 is DefaultDays.
	Validity time.Duration
	// Backdate is how long before now it begins; 0 is five minutes, as in cfssl.
	Backdate time.Duration
	// CRLURL, OCSPURL and IssuerURLs are used where the request has none.
	CRLURL, OCSPURL string
	IssuerURLs      []string
	Policies        []Policy
	// OCSPNoCheck adds the extension of RFC 6960, 4.2.2.2.1, for OCSP responders.
	OCSPNoCheck bool
	// CopyExtensions takes from a PKCS #10 request the extensions that do not decide what the certificate is good for.
	CopyExtensions bool
	// AllowedExtensions are the identifiers of those that are taken in any case; cfssl takes them from its clients, which stand for the
	// request here.
	AllowedExtensions []string
	// Names must match every common name and email address of the subject and every alternative name of any kind; nil allows all.
	Names *regexp.Regexp
	// Take says what is taken from a PKCS #10 request; nil takes subject and alternative names of all kinds.
	Take *Take

	// NotBefore and NotAfter are used where the request says nothing, instead of Backdate and Validity.
	NotBefore, NotAfter time.Time

	noKeyUsage bool // leaves the extension out, for renewals of what had none
	remote     *Remote
	gate       lint.Gate
	notes      []string // what the file says and is left to others
	impossible string   // why nothing can be issued by it here
	broken     error    // why the file's profile could not be read
}

// Take says which parts of a PKCS #10 request go into the certificate (cfssl's CSR whitelist).
type Take struct {
	Subject, DNSNames, IPAddresses, EmailAddresses, URIs bool
}

// Policy is a certificate policy with its qualifiers (RFC 5280, 4.2.1.4).
type Policy struct {
	ID string // dotted
	// CPS are URLs of practice statements, Notices texts to show.
	CPS, Notices []string
}

const defaultBackdate = 5 * time.Minute

func (p Profile) backdate() time.Duration {
	if p.Backdate != 0 {
		return p.Backdate
	}
	return defaultBackdate
}

// ServerProfile is for TLS servers.
func ServerProfile() Profile {
	return Profile{Name: "server", Usages: []string{"digital signature", "key encipherment", "server auth"}}
}

// CAProfile is for certification authorities.
func CAProfile() Profile {
	return Profile{Name: "ca", Usages: []string{"digital signature", "cert sign", "crl sign"}, IsCA: true, Validity: 3650 * 24 * time.Hour}
}

// PlainProfile is for certificates that say nothing about what they are good for, as GSKit makes them.
func PlainProfile() Profile {
	return Profile{Name: "plain", Usages: []string{"digital signature"}, noKeyUsage: true} // cfssl wants a usage
}

// Profiles returns the profiles that need no file. Key encipherment goes to RSA keys alone.
func Profiles() []Profile {
	return []Profile{
		ServerProfile(),
		{Name: "client", Usages: []string{"digital signature", "key encipherment", "client auth"}},
		{Name: "peer", Usages: []string{"digital signature", "key encipherment", "server auth", "client auth"}},
		CAProfile(),
		{Name: "code", Usages: []string{"digital signature", "code signing"}},
		{Name: "email", Usages: []string{"digital signature", "content commitment", "key encipherment", "email protection"}},
		{Name: "ocsp", Usages: []string{"digital signature", "ocsp signing"}, OCSPNoCheck: true},
		{Name: "timestamp", Usages: []string{"digital signature", "timestamping"}},
	}
}

// ProfileNamed finds a profile among profiles, and then among [Profiles].
func ProfileNamed(wanted string, profiles ...Profile) (Profile, error) {
	all := slices.Concat(profiles, Profiles())
	names := make([]string, 0, len(all))
	for _, p := range all {
		if p.Name == wanted && p.broken != nil {
			return p, fmt.Errorf("profile %q: %w", p.Name, p.broken)
		}
		if p.Name == wanted {
			return p, nil
		}
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return Profile{}, fmt.Errorf("%w: no profile %q, there are %s", pki.ErrArgument, wanted, strings.Join(names, ", "))
}

// ReadProfiles reads the profiles of a cfssl configuration file (the JSON that cfssl serve -config takes): those under
// their names, and the default one as "default", from which the others take the URLs that they lack. Members that cfssl does not have
// are errors of their profile, which [ProfileNamed] returns; the others can be used.
func ReadProfiles(config []byte) ([]Profile, error) {
	profiles, err := readConfig(config)
	if err != nil {
		return nil, fmt.Errorf("reading profiles: %w", err)
	}
	return profiles, nil
}

// SaysNothing tells a profile that cannot issue: it has no usages and leaves signing to nobody else.
func (p Profile) SaysNothing() bool { return len(p.Usages) == 0 && p.remote == nil }

// Remote returns the remote CA that a profile of a configuration file names, if it names one.
func (p Profile) Remote() (Remote, bool) {
	if p.remote == nil {
		return Remote{}, false
	}
	return *p.remote, true
}
