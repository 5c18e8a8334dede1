package main

import (
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// pbeFile is a file of Wycheproof's tests of PBES2 (schema pbe_test_schema.json).
type pbeFile struct {
	Algorithm  string `json:"algorithm"`
	TestGroups []struct {
		Tests []pbeTest `json:"tests"`
	} `json:"testGroups"`
}

type pbeTest struct {
	ID         int    `json:"tcId"`
	Password   string `json:"password"`
	Salt       string `json:"salt"`
	Iterations int    `json:"iterationCount"`
	IV         string `json:"iv"`
	Ciphertext string `json:"ct"`
	Result     string `json:"result"`
}

// wycheproof wraps the ciphertexts into encrypted private keys. What is in them is no key, so the program refuses each in any case;
// but with the right password it says that this is no key (exit code 7), not that the password is wrong (5).
func (s *scorer) wycheproof(r *row) ([]problem, error) {
	var file pbeFile
	if err := readJSON(s.path(r), &file); err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	var problems []problem
	for _, group := range file.TestGroups {
		for _, t := range group.Tests {
			text, err := s.pbe(filepath.Join(scratch, "key.der"), file.Algorithm, &t)
			if err != nil {
				return problems, fmt.Errorf("test %d: %w", t.ID, err)
			}
			if text != "" {
				problems = append(problems, problem{r.path, fmt.Sprintf("test-%d", t.ID), text})
			}
		}
	}
	return problems, nil
}

func (s *scorer) pbe(path, algorithm string, t *pbeTest) (string, error) {
	der, err := t.wrap(algorithm)
	if err != nil {
		return "", err
	}
	password, err := hex.DecodeString(t.Password)
	if err != nil {
		return "", err
	}
	text := string(password)
	if strings.ContainsAny(text, "\r\n\x00") {
		return "", nil // a password is a line
	}
	if err := os.WriteFile(path, der, 0o600); err != nil {
		return "", err
	}
	o, err := s.program.run(call{args: []string{"show", "--json", "--file", path}, password: &text})
	if err != nil {
		return "", err
	}
	const wrongPassword = 5
	switch fault := o.fault(); {
	case fault != "":
		return fault, nil
	case t.Result == "valid" && o.exit == wrongPassword:
		return "the right password is refused: " + firstLine(o.stderr), nil
	case t.Result == "invalid" && o.exit == 0:
		return "it was not refused", nil
	}
	return "", nil
}

// The object identifiers of PBES2 (RFC 8018, appendices A and B).
var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidHMAC   = map[string]asn1.ObjectIdentifier{
		"Sha1": {1, 2, 840, 113549, 2, 7}, "Sha224": {1, 2, 840, 113549, 2, 8}, "Sha256": {1, 2, 840, 113549, 2, 9},
		"Sha384": {1, 2, 840, 113549, 2, 10}, "Sha512": {1, 2, 840, 113549, 2, 11},
	}
	oidAES = map[string]asn1.ObjectIdentifier{
		"128": {2, 16, 840, 1, 101, 3, 4, 1, 2}, "192": {2, 16, 840, 1, 101, 3, 4, 1, 22}, "256": {2, 16, 840, 1, 101, 3, 4, 1, 42},
	}
)

type algorithmIdentifier struct {
	ID         asn1.ObjectIdentifier
	Parameters any
}

// wrap makes an EncryptedPrivateKeyInfo of a test; the algorithm is named as "PbeWithHmacSha256AndAes_128".
func (t *pbeTest) wrap(algorithm string) ([]byte, error) {
	hmac, aes, ok := strings.Cut(strings.TrimPrefix(algorithm, "PbeWithHmac"), "AndAes_")
	if !ok || oidHMAC[hmac] == nil || oidAES[aes] == nil {
		return nil, fmt.Errorf("the algorithm %q has no rule here", algorithm)
	}
	salt, err1 := hex.DecodeString(t.Salt)
	iv, err2 := hex.DecodeString(t.IV)
	ciphertext, err3 := hex.DecodeString(t.Ciphertext)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	type pbkdf2 struct {
		Salt       []byte
		Iterations int
		PRF        algorithmIdentifier
	}
	type pbes2 struct{ KDF, Cipher algorithmIdentifier }
	prf := algorithmIdentifier{oidHMAC[hmac], asn1.NullRawValue}
	return asn1.Marshal(struct {
		Algorithm  algorithmIdentifier
		Ciphertext []byte
	}{
		algorithmIdentifier{oidPBES2, pbes2{
			KDF:    algorithmIdentifier{oidPBKDF2, pbkdf2{salt, t.Iterations, prf}},
			Cipher: algorithmIdentifier{oidAES[aes], iv},
		}},
		ciphertext,
	})
}
