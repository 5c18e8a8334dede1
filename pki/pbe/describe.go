package pbe

import (
	"strconv"
)

// Description tells people what an encryption or a MAC is made of.
type Description struct {
	Name       string // "PBES2", "pbeWithSHAAnd3-KeyTripleDES-CBC", "PBMAC1", "HMAC-SHA-256"
	OID        string // dotted
	KDF        string // "PBKDF2", "PBKDF1", "PKCS #12", "scrypt (N=16384, r=8, p=1)"
	PRF        string // "HMAC-SHA-256", or the digest of PBKDF1 and PKCS #12; "" for scrypt
	Cipher     string // "AES-256-CBC"; "" for a MAC
	Iterations int    // N for scrypt
	Memory     int    // bytes that scrypt needs
	// Weak says that cipher or digest are broken or outdated, or that there are fewer than 1000 iterations (NIST SP
	// 800-132, section 5.2).
	Weak bool
}

// minIterations is what NIST SP 800-132 calls the least.
const minIterations = 1000

// String is one line: "PBES2: AES-256-CBC, PBKDF2 with HMAC-SHA-256, 10000 iterations".
func (d Description) String() string {
	line := d.Name
	if d.Cipher != "" && d.OID == oidPBES2 {
		line += ": " + d.Cipher
	}
	if d.Memory > 0 {
		return line + ", " + d.KDF
	}
	return line + ", " + d.KDF + " with " + d.PRF + ", " + plural(d.Iterations, "iteration")
}

// Describe tells what an AlgorithmIdentifier asks for. Of an algorithm that is not supported the identifier and, where
// it is known, the name are filled in along with the error.
func Describe(algorithm []byte) (Description, error) {
	s, err := parseScheme(algorithm)
	if err != nil {
		id, _, _ := readAlgorithm(algorithm)
		return Description{OID: id, Name: nameOf(id)}, err
	}
	d := Description{Name: s.name, OID: s.oid, Cipher: s.cipher.name}
	s.kdf.describe(&d)
	d.Weak = s.cipher.weak || d.Iterations < minIterations
	return d, nil
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

// PBMAC1 says whether a MAC is PBMAC1 (RFC 9579).
func (d Description) PBMAC1() bool { return d.OID == oidPBMAC1 }
