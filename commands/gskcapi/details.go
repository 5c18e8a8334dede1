package gskcapi

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
)

// details shows a certificate of a database, or of a file.
func (p *program) details() error {
	if !p.has("file") {
		return p.with(p.showEntry)
	}
	if p.has("db") {
		return &failure{status: 65, why: "-db and -file exclude each other"}
	}
	found, err := inspect.Inspect{File: p.given["file"], Password: op.Password{Source: op.FromBytes(nil), AllowEmpty: true}}.Run(p.ctx, p.env)
	if isStore(found.Format) { // GSKit shows the default entry of a key database, too
		p.given["db"] = p.given["file"]
		return p.with(p.showEntry)
	}
	if err != nil {
		return err
	}
	for _, item := range found.Items {
		if len(item.Certificates) > 0 {
			return p.print(describe(p.given["file"], &item.Certificates[0], true))
		}
	}
	return &failure{status: 93, why: fmt.Sprintf("%q holds no certificate", p.given["file"])}
}

// isStore says that a file is a database, and no file of certificates.
func isStore(format string) bool {
	switch format {
	case "", "pem", "der", "base64", "pkcs7":
		return false
	}
	return true
}

func (p *program) showEntry(s *op.Session) error {
	label := p.label()
	if label == "" {
		var err error
		if label, err = p.defaultLabel(s); err != nil {
			return err
		}
	}
	shown, err := inspect.Show{Label: label}.Run(p.ctx, s)
	if err != nil {
		return err
	}
	if len(shown.Certificates) == 0 {
		return &op.NotFound{Label: label}
	}
	keeps, err := p.keepsTrust(s, []op.Entry{shown.Entry})
	if err != nil {
		return err
	}
	if p.called != "" {
		label = p.called
	}
	return p.print(describe(label, &shown.Certificates[0], shown.Trusted || !keeps || shown.HasKey))
}

// defaultLabel is that of the default entry, or of the only personal one.
func (p *program) defaultLabel(s *op.Session) (string, error) {
	found, err := p.entriesOf(s, personal)
	if err != nil {
		return "", err
	}
	for _, e := range found {
		if e.Default || len(found) == 1 {
			return e.Label, nil
		}
	}
	return "", &failure{status: 110, why: "the database has no default certificate; name one with -label"}
}

// getDefault shows the default certificate (the layout is unconfirmed: it is that of -details).
func (p *program) getDefault() error {
	return p.with(func(s *op.Session) error {
		found, err := p.entriesOf(s, personal)
		if err != nil {
			return err
		}
		for _, e := range found {
			if e.Default {
				p.given["label"] = e.Label
				return p.showEntry(s)
			}
		}
		return &failure{status: 110, why: "the database has no default certificate"}
	})
}

// describe writes a certificate as GSKit does. Scripts count its first lines: Label to Not After are 1 to 8.
func describe(label string, c *inspect.Certificate, trusted bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Label : %s\nKey Size : %d\nVersion : X509 V%d\nSerial : %s\nIssuer : %s\nSubject : %s\nNot Before : %s\nNot After : %s\n",
		quoted(label), c.Raw.KeyBits, c.Version, serial(c.Serial), quoted(c.Issuer), quoted(c.Subject), clock(c.NotBefore), clock(c.NotAfter))
	publicKey(&b, &c.Raw, c.KeyType)
	fingerprints(&b, &c.Raw)
	if len(c.Extensions) > 0 {
		b.WriteString("Extensions\n")
		extensions(&b, c, "    ")
	}
	signature(&b, c)
	status := "Disabled"
	if trusted {
		status = "Enabled"
	}
	fmt.Fprintf(&b, "Trust Status : %s\n", status)
	return b.String()
}

// describeRequest writes a request as GSKit does.
func describeRequest(label string, c *inspect.Certificate) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Label : %s\nKey Size : %d\nSubject : %s\n", quoted(label), c.Raw.KeyBits, quoted(c.Subject))
	publicKey(&b, &c.Raw, c.KeyType)
	sum := sha1.Sum(c.Raw.DER)
	b.WriteString("Fingerprint : \n")
	hexLines(&b, sum[:])
	b.WriteString("Attributes\n")
	if len(c.Extensions) > 0 {
		b.WriteString("    Extension Reqs\n        Extensions\n")
		extensions(&b, c, "            ")
	}
	signature(&b, c)
	return b.String()
}

// serial keeps the sign byte, as DER has it.
func serial(hex string) string {
	if len(hex)%2 == 1 {
		hex = "0" + hex
	}
	if hex != "" && strings.ContainsRune("89abcdef", rune(hex[0])) {
		hex = "00" + hex
	}
	return hex
}

func publicKey(b *strings.Builder, raw *inspect.Raw, keyType string) {
	b.WriteString("Public Key\n")
	hexLines(b, raw.SPKI)
	fmt.Fprintf(b, "Public Key Type : %s (%s)\n", keyName(keyType), raw.KeyOID)
}

// keyName is what GSKit calls the kinds of keys; of those but RSA the names are unconfirmed.
func keyName(keyType string) string {
	switch {
	case strings.HasPrefix(keyType, "rsapss"):
		return "RSASSAPSS"
	case strings.HasPrefix(keyType, "rsa"):
		return "RSA"
	case strings.HasPrefix(keyType, "dsa"):
		return "DSA"
	case strings.HasPrefix(keyType, "p") && keyType != "", strings.HasPrefix(keyType, "secp"), strings.HasPrefix(keyType, "ec"):
		return "EC_ecPublicKey"
	}
	return keyType
}

func fingerprints(b *strings.Builder, raw *inspect.Raw) {
	s1, m5, s256 := sha1.Sum(raw.DER), md5.Sum(raw.DER), sha256.Sum256(raw.DER)
	for _, f := range []struct {
		name string
		sum  []byte
	}{{"SHA1", s1[:]}, {"MD5", m5[:]}, {"SHA256", s256[:]}} {
		fmt.Fprintf(b, "Fingerprint : %s : \n", f.name)
		hexLines(b, f.sum)
	}
	pin := sha256.Sum256(raw.SPKI) // RFC 7469, 2.4
	fmt.Fprintf(b, "Fingerprint : HPKP : \n    %s\n", base64.StdEncoding.EncodeToString(pin[:]))
}

// hexLines writes 16 bytes a line.
func hexLines(b *strings.Builder, data []byte) {
	for len(data) > 0 {
		n := min(16, len(data))
		fmt.Fprintf(b, "    % X\n", data[:n])
		data = data[n:]
	}
}

// extensionNames are GSKit's names of extensions.
var extensionNames = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"subjectKeyIdentifier": "SubjectKeyIdentifier", "authorityKeyIdentifier": "AuthorityKeyIdentifier",
	}
})

// sanNames are GSKit's names of alternative names.
var sanNames = sync.OnceValue(func() map[string]string {
	return map[string]string{"dns": "dNSName", "ip": "iPAddress", "email": "rfc822Name", "uri": "uniformResourceIdentifier"}
})

// extensions writes them in words; the layout of those but key identifiers and alternative names is unconfirmed.
func extensions(b *strings.Builder, c *inspect.Certificate, indent string) {
	for _, e := range c.Extensions {
		name := e.Name
		if other, ok := extensionNames()[name]; ok {
			name = other
		}
		if e.Critical {
			name += " [critical]"
		}
		fmt.Fprintf(b, "%s%s\n", indent, name)
		switch e.Name {
		case "subjectAltName":
			for _, n := range c.Raw.SAN {
				kind := n[0]
				if other, ok := sanNames()[kind]; ok {
					kind = other
				}
				fmt.Fprintf(b, "%s%s: %s\n", indent, kind, n[1])
			}
		case "subjectKeyIdentifier":
			fmt.Fprintf(b, "%skeyIdentifier:\n", indent)
			hexLines(b, c.Raw.SubjectKeyID)
		case "authorityKeyIdentifier":
			fmt.Fprintf(b, "%skeyIdentifier:\n", indent)
			hexLines(b, c.Raw.AuthorityKeyID)
			fmt.Fprintf(b, "%sauthorityIdentifier:\n%sauthorityCertSerialNumber:\n", indent, indent)
		default:
			fmt.Fprintf(b, "%s%s\n", indent, e.Value)
		}
	}
}

func signature(b *strings.Builder, c *inspect.Certificate) {
	fmt.Fprintf(b, "Signature Algorithm : %s (%s)\nValue\n", signatureName(c.SignatureAlgorithm), c.Raw.SignatureOID)
	hexLines(b, c.Raw.Signature)
}

// signatureName turns the name of an algorithm into GSKit's: sha256WithRSAEncryption is SHA256WithRSASignature.
func signatureName(name string) string {
	if hash, ok := strings.CutSuffix(name, "WithRSAEncryption"); ok {
		return strings.ToUpper(hash) + "WithRSASignature"
	}
	if hash, ok := strings.CutPrefix(name, "ecdsa-with-"); ok {
		return "EC_ecdsa_with_" + hash
	}
	return name
}

func (p *program) requestDetails() error {
	return p.with(func(s *op.Session) error {
		shown, err := p.pending(s)
		if err != nil {
			return err
		}
		return p.print(describeRequest(p.given["label"], shown.Request))
	})
}

// pending finds the request that -label names.
func (p *program) pending(s *op.Session) (inspect.Shown, error) {
	shown, err := inspect.Show{Label: p.given["label"]}.Run(p.ctx, s)
	if err == nil && shown.Request == nil {
		err = &op.NotFound{Label: p.given["label"]}
	}
	return shown, err
}
