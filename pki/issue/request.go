package issue

import (
	"crypto"
	"crypto/rand"
	"fmt"
	"io"
	"math/big"
	"time"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/key"
	"certkdb/pki/lint"
	"certkdb/pki/name"
)

// DefaultDays is the validity of what is issued without Days and NotAfter, unless the profile says another.
const DefaultDays = 365

// defaultKeyType is made where none is asked for.
const defaultKeyType = "p256"

// Request says what a certificate shall be. The zero value of each field but Subject and SANs leaves the choice to
// the profile.
type Request struct {
	// Subject may be empty if there are SANs.
	Subject name.Name
	// SANs are the subject alternative names, made by [ParseSAN] or taken from a certificate. A certificate that is no
	// CA's and has none gets one from its common name if that is a host name or an IP address: current programs do
	// not look for host names in the subject (RFC 9525, 2).
	SANs []cert.GeneralName
	// AddCommonName gives a server's certificate the common name as an alternative name even if there are others:
	// a host named there is meant, and the CA/Browser Forum's rules (7.1.4.3) want it.
	AddCommonName bool
	// KeyType is one of key.Types(); "" is p256. It is not used if there is a Key.
	KeyType string
	// Key is used instead of making a new one.
	Key *key.Private
	// Profile is the zero Profile for [ServerProfile], or for [CAProfile] with IsCA.
	Profile Profile
	// IsCA makes any profile one for a CA.
	IsCA bool
	// MaxPathLen is how many CAs may follow; nil means no limit.
	MaxPathLen *int
	// Permitted and Excluded are the name constraints of a CA (RFC 5280, 4.2.1.10), made by [ParseConstraint].
	Permitted, Excluded []cert.GeneralName
	// Days counts from NotBefore, or from now. NotAfter rules it out.
	Days int
	// NotBefore is a little before now if it is zero, for clocks that are late.
	NotBefore, NotAfter time.Time
	// KeyUsages and ExtKeyUsages replace those of the profile, by the names of [KeyUsageNames] and [ExtKeyUsageNames]
	// or, for extended ones, dotted identifiers.
	KeyUsages, ExtKeyUsages []string
	// Policies are dotted identifiers.
	Policies []string
	// CRLURLs, OCSPURLs and IssuerURLs say where to learn of revocation and where the issuer's certificate is.
	CRLURLs, OCSPURLs, IssuerURLs []string
	// Extensions are put in as they are; they replace what would have been made under their identifiers.
	Extensions []cert.Extension
	// Serial is 128 random bits if it is nil (RFC 5280, 4.1.2.2 allows 20 bytes; CA/Browser rules want 64 bits).
	Serial *big.Int
	// Signature is what is signed with, for programs that need another algorithm than the usual one of the key: one of
	// [SignatureNames], "" for the usual one.
	Signature string
	// UntilCA ends the validity with that of the CA, if it is to be longer, also where Days or NotAfter were asked for.
	UntilCA bool
	// AllowWeak makes and certifies RSA keys of 1024 bits too, for tests of old programs.
	AllowWeak bool
	// FIPS refuses what is not approved under FIPS 140-3, also when the module is off.
	FIPS bool
	// Rand is crypto/rand's if it is nil. Go's key generation does not take it.
	Rand io.Reader
	// Lint is what checks the certificate where the profile demands it; without it, such a profile issues nothing.
	Lint lint.Program
	// Now is the clock; nil is time.Now.
	Now func() time.Time

	// publicKey is that of a PKCS #10 request, whose private key is elsewhere.
	publicKey crypto.PublicKey
	// renews is the certificate in whose place the new one comes.
	renews *cert.Certificate
	// keyID is the subject key identifier that a request asks for.
	keyID []byte
}

// Issued is what came of a request.
type Issued struct {
	// Certificate is DER.
	Certificate []byte
	// Key is the private key of the certificate; empty if only the author of the PKCS #10 request has it.
	Key key.Private
	// Notes say what was decided without being asked for, for people: "dns:a.example taken from the common name".
	Notes []string
}

func (r *Request) now() time.Time {
	if r.Now != nil {
		return r.Now().UTC()
	}
	return time.Now().UTC()
}

func (r *Request) random() io.Reader {
	if r.Rand != nil {
		return r.Rand
	}
	return rand.Reader
}

func (r *Request) isCA() bool { return r.IsCA || r.Profile.IsCA }

// profile is the request's profile with its defaults.
func (r *Request) profile() Profile {
	p := r.Profile
	if p.Name == "" && len(p.Usages) == 0 {
		p = ServerProfile()
		if r.IsCA {
			p = CAProfile()
		}
	}
	p.IsCA = r.isCA()
	return p
}

// makeKey returns the private key to certify and its usable form.
func (r *Request) makeKey() (key.Private, crypto.Signer, error) {
	if r.Key != nil {
		signer, err := r.Key.Signer()
		if err != nil {
			return key.Private{}, nil, err
		}
		return *r.Key, signer, r.checkKey(signer.Public())
	}
	if err := checkFIPSModule(r.FIPS); err != nil {
		return key.Private{}, nil, err
	}
	signer, err := r.generate()
	if err != nil {
		return key.Private{}, nil, err
	}
	private, err := key.FromGo(signer)
	return private, signer, err
}

// maxDays is more than there are until the year 9999, and far from where dates overflow.
const maxDays = 10_000 * 366

// validity returns the period of the certificate. issuerEnd is when the issuer's own ends, zero if there is none.
func (r *Request) validity(p Profile, issuerEnd time.Time) (from, to time.Time, notes []string, err error) {
	if r.Days > maxDays {
		return from, to, nil, fmt.Errorf("%w: certificates end in the year 9999 (RFC 5280, 4.1.2.5), before %d days are over", pki.ErrArgument,
			r.Days)
	}
	now := r.now()
	from, to = r.NotBefore.UTC(), r.NotAfter.UTC()
	if r.NotBefore.IsZero() {
		from = p.NotBefore
	}
	start := from
	if from.IsZero() {
		start, from = now, now.Add(-p.backdate())
	}
	from = from.Truncate(time.Second)
	asked := true
	switch {
	case !r.NotAfter.IsZero():
	case r.Days != 0:
		to = start.AddDate(0, 0, r.Days)
		// Who asks for as many days as the CA has, a moment after the CA was made, means until its end.
		asked = issuerEnd.IsZero() || to.Sub(issuerEnd) > 24*time.Hour
	case !p.NotAfter.IsZero():
		to, asked = p.NotAfter, false
	case p.Validity != 0 && p.Backdate != 0:
		to, asked = from.Add(p.Validity), false // as cfssl counts
	case p.Validity != 0:
		to, asked = start.Add(p.Validity), false
	default:
		to, asked = start.AddDate(0, 0, DefaultDays), false
	}
	to = to.Truncate(time.Second)
	if r.Days < 0 || !to.After(from) {
		return from, to, nil, fmt.Errorf("%w: a certificate valid from %s to %s would never be valid", pki.ErrArgument, stamp(from), stamp(to))
	}
	if to.Year() > 9999 {
		return from, to, nil, fmt.Errorf("%w: certificates end in the year 9999 (RFC 5280, 4.1.2.5), not in %d", pki.ErrArgument, to.Year())
	}
	if !issuerEnd.IsZero() && to.After(issuerEnd) {
		if asked && !r.UntilCA || !issuerEnd.After(from) {
			return from, to, nil, fmt.Errorf("%w: it would end at %s, after its CA's certificate, which ends at %s; ask for less", pki.ErrRefused,
				stamp(to), stamp(issuerEnd))
		}
		to, notes = issuerEnd, []string{"the validity ends with that of the CA"}
	}
	if to.Before(now) {
		notes = append(notes, "it has expired already")
	}
	return from, to, notes, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// serial returns the serial number: positive and of at most 20 bytes.
func (r *Request) serial() (*big.Int, error) {
	if r.Serial != nil {
		if r.Serial.Sign() <= 0 || r.Serial.BitLen() > 159 {
			return nil, fmt.Errorf("%w: a serial number is positive and has at most 20 bytes (RFC 5280, 4.1.2.2)", pki.ErrArgument)
		}
		return r.Serial, nil
	}
	return randomSerial(r.random())
}

func randomSerial(random io.Reader) (*big.Int, error) {
	var b [16]byte
	for {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return nil, fmt.Errorf("making a serial number: %w", err)
		}
		if n := new(big.Int).SetBytes(b[:]); n.Sign() > 0 {
			return n, nil
		}
	}
}
