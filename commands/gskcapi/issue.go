package gskcapi

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/issuing"
)

// create makes a key and a certificate for it: self-signed, or signed by a CA of the same database.
func (p *program) create() error {
	if version := p.given["x509version"]; version != "" && version != "3" {
		return notSupported("-x509version %s: certificates are of version 3", version)
	}
	if !p.has("dn") {
		return &failure{status: 65, why: "option -dn is missing"}
	}
	o := issuing.Create{CA: issuing.Authority{Label: strings.TrimSpace(p.given["ca_label"]), Old: true}}
	var err error
	if o.Spec, err = p.spec(); err != nil {
		return err
	}
	if o.Default, err = p.isDefault(); err != nil {
		return err
	}
	if p.has("ca") {
		if o.Spec.IsCA, err = readTruth(p.given["ca"]); err != nil {
			return &failure{status: 65, why: "-ca is true or false"}
		}
	}
	if o.Spec.NotBefore, o.Spec.NotAfter, err = p.validity(); err != nil {
		return err
	}
	if o.Label = p.label(); o.Label == "" {
		o.Label = o.Spec.DN
	}
	return p.with(func(s *op.Session) error {
		_, err := op.One(p.ctx, s, o)
		return err
	})
}

// defaultDays is the validity of certificates (ibm.com/support/pages/node/217885).
const defaultDays = 365

// validity begins a day before now, so that it holds where clocks are late, and ends -expire days after now.
func (p *program) validity() (notBefore, notAfter string, err error) {
	days, err := p.days(defaultDays, maxDays)
	if err == nil && days == 0 {
		err = &failure{status: 65, why: "-expire 0: a certificate is valid for a day at least"}
	}
	now := p.env.Now().UTC()
	return now.AddDate(0, 0, -1).Format(time.RFC3339), now.AddDate(0, 0, days).Format(time.RFC3339), err
}

// spec is what the options say of a certificate or request.
func (p *program) spec() (issuing.Spec, error) {
	s := issuing.Spec{
		Plain: true, UntilCA: true, PathLen: -1, DN: trimDN(p.given["dn"]), KeyUsages: p.items("ku"), ExtKeyUsages: p.items("eku"),
		Policies: p.items("certpolicy"),
	}
	for _, names := range [][2]string{{"san_dnsname", "dns:"}, {"san_emailaddr", "email:"}, {"san_ipaddr", "ip:"}} {
		for _, name := range p.items(names[0]) {
			s.SANs = append(s.SANs, names[1]+name)
		}
	}
	var elliptic bool
	var err error
	if s.Signature, elliptic, err = p.signature(); err == nil {
		s.KeyType, s.Weak, err = p.keyType(elliptic)
	}
	return s, err
}

// items are the values of a list, which may have blanks around its commas.
func (p *program) items(option string) []string {
	var items []string
	for item := range strings.SplitSeq(p.given[option], ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// trimDN takes the blanks around the commas and equals signs of a name, as GSKit does. Commas that are escaped or quoted are none.
func trimDN(dn string) string {
	var parts []string
	for _, part := range splitDN(dn) {
		if kind, value, ok := strings.Cut(part, "="); ok {
			part = strings.TrimSpace(kind) + "=" + strings.TrimSpace(value)
		}
		parts = append(parts, strings.TrimSpace(part))
	}
	return strings.Join(parts, ",")
}

func splitDN(dn string) []string {
	var parts []string
	start, quoted := 0, false
	for i := 0; i < len(dn); i++ {
		switch {
		case dn[i] == '\\':
			i++
		case dn[i] == '"':
			quoted = !quoted
		case dn[i] == ',' && !quoted:
			parts = append(parts, dn[start:i])
			start = i + 1
		}
	}
	return append(parts, dn[start:])
}

// deprecated are names of algorithms that say less than they mean (IBM MQ 8.0: "deprecated abbreviations").
var deprecated = sync.OnceValue(func() map[string]string {
	return map[string]string{"sha3withrsa": "sha384withrsa", "sha5withrsa": "sha512withrsa", "sha2withrsa": "sha256withrsa"}
})

// signature reads -sigalg, whose values GSKit writes in many ways: sha256, SHA256_WITH_RSA, SHA256WithRSA, EC_ecdsa_with_SHA256. elliptic
// says that it needs a key on an elliptic curve.
func (p *program) signature() (name string, elliptic bool, err error) {
	given := p.given["sigalg"]
	text := strings.ReplaceAll(strings.ToLower(given), "_", "")
	if other, ok := deprecated()[text]; ok {
		text = other
	}
	if hash, ok := strings.CutPrefix(text, "ececdsawith"); ok {
		text = hash + "withecdsa"
	}
	hash, with, _ := strings.Cut(text, "with")
	if hash == "sha" {
		hash = "sha1"
	}
	if pss, ok := strings.CutSuffix(hash, "rsassapss"); ok { // SHA256RSASSAPSS, or RSASSAPSS alone
		hash, with = pss, "rsassapss"
	}
	if hash == "" && with != "" {
		hash = "sha256"
	}
	switch {
	case given == "":
		return "", false, nil
	case !slices.Contains([]string{"sha1", "sha256", "sha384", "sha512"}, hash):
		return "", false, p.noSignature(given)
	case with == "" || with == "rsa":
		return hash, false, nil
	case with == "ecdsa":
		return hash, true, nil
	case with == "rsassapss" && hash != "sha1":
		return hash + "-pss", false, nil
	}
	return "", false, p.noSignature(given)
}

func (p *program) noSignature(given string) error {
	return &failure{
		status: 133,
		why:    fmt.Sprintf("-sigalg %q: certificates are signed with SHA-1, SHA-256, SHA-384 and SHA-512 by RSA, RSASSA-PSS and ECDSA", given),
	}
}

// keyType reads -size. The default is 2048 bits, as GSKit has it today (unconfirmed), for elliptic curves 256.
func (p *program) keyType(elliptic bool) (name string, weak bool, err error) {
	size := strings.TrimSpace(p.given["size"])
	switch {
	case elliptic && (size == "" || size == "256" || size == "384" || size == "521"):
		return map[string]string{"": "p256", "256": "p256", "384": "p384", "521": "p521"}[size], false, nil
	case elliptic:
		return "", false, &failure{status: 41, why: fmt.Sprintf("-size %q: keys on elliptic curves have 256, 384 or 521 bits", size)}
	case size == "":
		return "rsa2048", false, nil
	case slices.Contains([]string{"1024", "2048", "3072", "4096"}, size):
		return "rsa" + size, size == "1024", nil
	}
	return "", false, &failure{status: 41, why: fmt.Sprintf("-size %q: RSA keys have 1024, 2048, 3072 or 4096 bits", size)}
}

// sign issues a certificate for a request.
func (p *program) sign() error {
	if err := p.checkFormat(); err != nil {
		return err
	}
	spec, err := p.spec()
	if err != nil {
		return err
	}
	spec.KeyType, spec.Weak = "", true // the key is that of the request
	if spec.NotBefore, spec.NotAfter, err = p.validity(); err != nil {
		return err
	}
	if spec.Serial, err = p.serialNumber(); err != nil {
		return err
	}
	o := issuing.Sign{
		Spec:     spec,
		CA:       issuing.Authority{Label: p.label(), Old: true},
		Files:    []string{p.given["file"]},
		Preserve: p.has("preserve"),
		DER:      strings.EqualFold(p.given["format"], "binary"),
		Out:      p.out("target"),
	}
	return p.with(func(s *op.Session) error {
		_, err := op.One(p.ctx, s, o)
		return err
	})
}

// serialNumber reads -sernum of the Java tool, a number in decimal or, behind 0x, in hexadecimal digits; nil is a random one.
func (p *program) serialNumber() (*big.Int, error) {
	if !p.has("sernum") {
		return nil, nil
	}
	base, digits := 10, p.given["sernum"]
	if hex, ok := strings.CutPrefix(strings.ToLower(digits), "0x"); ok {
		base, digits = 16, hex
	}
	n, ok := new(big.Int).SetString(digits, base)
	if !ok || n.Sign() <= 0 || n.BitLen() > 159 { // RFC 5280, 4.1.2.2
		return nil, &failure{status: 65, why: fmt.Sprintf("-sernum %q is not a positive number of at most 20 bytes", p.given["sernum"])}
	}
	return n, nil
}

// armours of requests: GSKit writes the older one (RFC 7468, 7).
const (
	armour    = "CERTIFICATE REQUEST-----"
	oldArmour = "NEW CERTIFICATE REQUEST-----"
)

// request makes a key and a request, which goes to a file, too.
func (p *program) request() error {
	if !p.has("dn") {
		return &failure{status: 65, why: "option -dn is missing"}
	}
	spec, err := p.spec()
	if err != nil {
		return err
	}
	out := p.requestFile()
	if err := out.Check(p.env); err != nil {
		return err
	}
	return p.with(func(s *op.Session) error {
		if format, err := s.Kind(); err != nil || format == "jks" {
			return firstError(err, func() error { return p.requestInJKS(s, spec, out) })
		}
		made, err := op.One(p.ctx, s, issuing.Request{Spec: spec, Label: p.label()})
		if err != nil {
			return err
		}
		return p.writeText(out, false, strings.ReplaceAll(made.PEM, " "+armour, " "+oldArmour))
	})
}

// requestInJKS makes a request in a Java key store, which has no place for one: as with keytool the key gets a self-signed certificate, and
// -cert -receive puts that of the CA in its place.
func (p *program) requestInJKS(s *op.Session, spec issuing.Spec, out op.Output) (err error) {
	if spec.NotBefore, spec.NotAfter, err = p.validity(); err != nil {
		return err
	}
	if _, err = op.One(p.ctx, s, issuing.Create{Spec: spec, Label: p.label()}); err != nil {
		return err
	}
	_, err = issuing.RequestAgain{Label: p.label(), Signature: spec.Signature, Out: out}.Run(p.ctx, s)
	return err
}

// requestFile is the file that a request or a certificate is written to: -target, or -file.
func (p *program) requestFile() op.Output {
	if p.has("file") {
		return p.out("file")
	}
	return p.out("target")
}

func (p *program) extractRequest() error {
	if err := p.checkFormat(); err != nil {
		return err
	}
	return p.with(func(s *op.Session) error {
		shown, err := p.pending(s)
		if err != nil {
			return err
		}
		if strings.EqualFold(p.given["format"], "binary") {
			return p.writeText(p.requestFile(), false, string(shown.Request.Raw.DER))
		}
		return p.writeText(p.requestFile(), false, strings.ReplaceAll(shown.RequestPEM, " "+armour, " "+oldArmour))
	})
}

// requestAgain makes a request for the key of a certificate that is here. As in GSKit it does not show in -certreq -list.
func (p *program) requestAgain() error {
	signature, _, err := p.signature()
	if err != nil {
		return err
	}
	return p.with(func(s *op.Session) error {
		_, err := issuing.RequestAgain{Label: p.label(), Signature: signature, Out: p.requestFile()}.Run(p.ctx, s)
		return err
	})
}
