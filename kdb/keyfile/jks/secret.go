package jks

import (
	"fmt"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/jks/javaser"
)

// sealedKey is a secret key of a JCEKS store, still sealed.
type sealedKey struct {
	parameters pbeParameters
	content    []byte
}

// readSealedKey finds the sealed key in a serialised javax.crypto.SealedObject. The error wraps kdb.ErrParse or kdb.ErrUnsupported.
func readSealedKey(stream []byte) (sealedKey, error) {
	o, err := javaser.Parse(stream)
	if err != nil {
		return sealedKey{}, err
	}
	if !o.Is("javax.crypto.SealedObject") {
		return sealedKey{}, fmt.Errorf("%w: a Java object of class %q", kdb.ErrUnsupported, o.Classes)
	}
	if alg := o.Text("sealAlg"); alg != "PBEWithMD5AndTripleDES" {
		return sealedKey{}, fmt.Errorf("%w: a Java object sealed with %q", kdb.ErrEncryption, alg)
	}
	p, err := readPBE(o.Bytes("encodedParams"))
	if err != nil {
		return sealedKey{}, fmt.Errorf("reading a Java object sealed with PBEWithMD5AndTripleDES (%s): %w", oidSunJCEKS, err)
	}
	return sealedKey{p, o.Bytes("encryptedContent")}, nil
}

// secretKey is an opened secret key with Java's name of its algorithm.
type secretKey struct {
	algorithm string
	key       []byte
}

// open decrypts the key. The error wraps kdb.ErrPassword or kdb.ErrUnsupported.
func (s sealedKey) open(password []byte) (secretKey, error) {
	wrong := fmt.Errorf("opening a secret key under %s (PBEWithMD5AndTripleDES): %w", oidSunJCEKS, kdb.ErrPassword)
	plain, ok := s.parameters.open(s.content, password)
	if !ok {
		return secretKey{}, wrong
	}
	o, err := javaser.Parse(plain)
	if err != nil {
		return secretKey{}, wrong // so it looks when the padding was right by accident
	}
	return readSecretKey(o)
}

// readSecretKey takes the key out of the forms that Java's providers serialise keys in.
func readSecretKey(o *javaser.Object) (secretKey, error) {
	switch {
	case o.Is("javax.crypto.spec.SecretKeySpec"):
		return secretKey{o.Text("algorithm"), o.Bytes("key")}, nil
	case o.Is("java.security.KeyRep"):
		return secretKey{o.Text("algorithm"), o.Bytes("encoded")}, nil
	case o.Is("com.sun.crypto.provider.DESKey"):
		return secretKey{"DES", o.Bytes("key")}, nil
	case o.Is("com.sun.crypto.provider.DESedeKey"):
		return secretKey{"DESede", o.Bytes("key")}, nil
	}
	return secretKey{}, fmt.Errorf("reading a secret key: %w: a Java object of class %q", kdb.ErrUnsupported, o.Classes)
}
