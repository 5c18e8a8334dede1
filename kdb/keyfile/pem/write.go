package pem

import (
	stdpem "encoding/pem"

	"certkdb/kdb/keyfile"
	"certkdb/pki/key"
)

// typeOfKind is the type that OpenSSL writes for a kind.
var typeOfKind = [...]string{
	Certificate: "CERTIFICATE", Request: "CERTIFICATE REQUEST", PrivateKey: "PRIVATE KEY", EncryptedKey: "ENCRYPTED PRIVATE KEY",
	OpenSSHKey: "OPENSSH PRIVATE KEY", PublicKey: "PUBLIC KEY", RevocationSet: "X509 CRL", PKCS7: "PKCS7", PKCS12: "PKCS12",
}

// Encode returns DER in the PEM armour of its kind, in OpenSSL's layout: 64 characters a line. Parameters and other kinds have no
// type of their own, so it is nil for these.
func Encode(kind Kind, der []byte) []byte {
	if int(kind) >= len(typeOfKind) || typeOfKind[kind] == "" {
		return nil
	}
	return stdpem.EncodeToMemory(&stdpem.Block{Type: typeOfKind[kind], Bytes: der})
}

// Traditional is key.Traditional as an item. The error wraps kdb.ErrUnsupported or kdb.ErrParse.
func Traditional(pkcs8 []byte) (Item, error) {
	typ, der, err := key.Traditional(pkcs8)
	return Item{Kind: PrivateKey, Type: typ, DER: der}, keyfile.KeyError(err)
}
