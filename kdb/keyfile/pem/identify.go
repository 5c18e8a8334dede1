package pem

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"certkdb/kdb/keyfile/ber"
	"certkdb/pki/key"
	"certkdb/pki/key/openssh"
)

// kindOfType says what the type of a PEM block promises (RFC 7468, and OpenSSL's pem.h).
func kindOfType(typ string) Kind {
	switch typ {
	case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
		return Certificate
	case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
		return Request
	case "ENCRYPTED PRIVATE KEY":
		return EncryptedKey
	case "OPENSSH PRIVATE KEY":
		return OpenSSHKey
	case "PUBLIC KEY", "RSA PUBLIC KEY":
		return PublicKey
	case "X509 CRL":
		return RevocationSet
	case "PKCS7", "PKCS #7 SIGNED DATA", "CMS":
		return PKCS7
	case "PKCS12":
		return PKCS12
	}
	switch {
	case strings.HasSuffix(typ, "PRIVATE KEY"):
		return PrivateKey
	case strings.HasSuffix(typ, "PARAMETERS"):
		return Parameters
	}
	return Other
}

// identify compares the content with what the armour promises, takes the trust settings off a TRUSTED CERTIFICATE, and gives the
// kind to what has no armour.
func (i *Item) identify() error {
	switch {
	case i.Kind == Other && kindOfType(strings.ToUpper(i.Type)) != Other:
		return fmt.Errorf("its type %q is not in capitals, as programs look for it", i.Type)
	case i.Kind == Other && i.Type != "":
		return nil // the content of an unknown type can be anything (PGP's has a checksum, for example)
	case i.Kind == OpenSSHKey:
		return checkOpenSSH(i.DER)
	case i.Kind == PrivateKey && i.encryptedHeaders():
		i.Kind = EncryptedKey
		return nil // the content is ciphertext
	}
	n, err := ber.Length(i.DER)
	if err != nil {
		return err
	}
	found := classify(i.DER[:n])
	if err := i.agree(found); err != nil {
		return err
	}
	if rest := i.DER[n:]; len(rest) > 0 {
		return i.trailing(i.DER[:n:n], rest)
	}
	if i.Type == "EC PARAMETERS" {
		return key.CheckECParameters(i.DER)
	}
	return nil
}

// agree settles what the item is when armour and content are both known.
func (i *Item) agree(found Kind) error {
	switch {
	case i.Type == "" && found == Other:
		return errors.New("a SEQUENCE that is not a certificate, key, request, revocation list, PKCS #7 or PKCS #12")
	case i.Type == "" || i.Kind == found:
		i.Kind = found
	case i.Kind == Certificate && found == PKCS7:
		i.Kind = found // Netscape's armour for chains
	case i.Kind == PrivateKey && found == EncryptedKey, i.Kind == EncryptedKey && found == PrivateKey:
		i.Kind = found
	case !isSigned(found) && slices.Contains([]Kind{Parameters, PrivateKey, PublicKey}, i.Kind):
		// There are key formats and parameters whose shape is not known here; reading the key will tell.
	default:
		return fmt.Errorf("the content is not a %s%s", i.Kind, butIs(found))
	}
	return nil
}

// isSigned says that the content has the shape of what somebody signed, which no key has.
func isSigned(found Kind) bool {
	return found == Certificate || found == Request || found == RevocationSet
}

func butIs(found Kind) string {
	if found == Other {
		return ""
	}
	return fmt.Sprintf(", but a %s", found)
}

// trailing deals with what follows the element in a PEM block.
func (i *Item) trailing(der, rest []byte) error {
	if i.Kind == PKCS7 && len(rest) <= 2 {
		i.DER = der // old encoders filled the last group of base64 with bytes in place of '='
		return nil
	}
	if i.Kind != Certificate || i.Type != "TRUSTED CERTIFICATE" {
		return fmt.Errorf("%d bytes follow the %s", len(rest), i.Kind)
	}
	aux, err := parseAux(rest)
	if err != nil {
		return err
	}
	i.DER, i.Aux = der, aux
	if i.Label == "" {
		i.Label = aux.Alias
	}
	return nil
}

// encryptedHeaders recognises the headers of a traditional encrypted key (RFC 1421, 4.6.1.1).
func (i *Item) encryptedHeaders() bool {
	return strings.Contains(i.Header("Proc-Type"), "ENCRYPTED") || i.Header("DEK-Info") != ""
}

func checkOpenSSH(data []byte) error {
	if !strings.HasPrefix(string(data[:min(len(data), len(openssh.Magic))]), openssh.Magic) {
		return errors.New("the content is not an OpenSSH private key")
	}
	return nil
}

func isKey(k Kind) bool { return k == PrivateKey || k == EncryptedKey || k == OpenSSHKey }
