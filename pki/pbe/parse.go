package pbe

import (
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certkdb/pki/oid"
)

// parseScheme reads the AlgorithmIdentifier of an encryption and bounds what it asks for.
func parseScheme(algorithm []byte) (*scheme, error) {
	id, parameters, err := readAlgorithm(algorithm)
	if err != nil {
		return nil, err
	}
	if id == oidPBES2 {
		return parsePBES2(parameters)
	}
	if c, ok := pkcs12()[id]; ok {
		s, err := readSalted(parameters, c.digest)
		return &scheme{oid: id, name: c.name, kdf: pkcs12KDF{salted: s}, cipher: c.cipher}, inScheme(c.name, err)
	}
	if id == oidGSKit {
		c := gskitScheme
		s, err := readSalted(parameters, c.digest)
		return &scheme{oid: id, name: c.name, kdf: pkcs12KDF{s, true}, cipher: c.cipher}, inScheme(c.name, err)
	}
	if c, ok := pbes1()[id]; ok {
		s, err := readSalted(parameters, c.digest)
		return &scheme{oid: id, name: c.name, kdf: pbkdf1{s}, cipher: c.cipher, split: true}, inScheme(c.name, err)
	}
	return nil, unsupported("encryption", id)
}

func inScheme(name string, err error) error {
	if err != nil {
		return fmt.Errorf("reading the parameters of %s: %w", name, err)
	}
	return nil
}

// readAlgorithm splits an AlgorithmIdentifier.
func readAlgorithm(der []byte) (id string, parameters cryptobyte.String, err error) {
	a, err := oid.ParseAlgorithm(der)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrParse, err)
	}
	return a.OID, a.Params, nil
}

// readSalted reads PBEParameter or pkcs-12PbeParams: a salt and a count of iterations.
func readSalted(parameters cryptobyte.String, d *oid.Digest) (salted, error) {
	var body cryptobyte.String
	s := salted{digest: d}
	if !parameters.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1Bytes(&s.salt, asn1.OCTET_STRING) {
		return s, fmt.Errorf("%w: no salt", ErrParse)
	}
	if err := s.readIterations(&body); err != nil {
		return s, err
	}
	if !body.Empty() || !parameters.Empty() {
		return s, errTrailing
	}
	return s, checkSalt(s.salt)
}

// errTrailing is data after the parameters that a standard has.
var errTrailing = fmt.Errorf("%w: data follows the parameters", ErrParse)

// readMAC reads the AlgorithmIdentifier of an HMAC, whose parameters are NULL or absent (RFC 8018, B.1.2).
func readMAC(der []byte, use string) (*oid.Digest, error) {
	id, parameters, err := readAlgorithm(der)
	if err != nil {
		return nil, err
	}
	d := hmacByOID(id)
	if d == nil {
		return nil, unsupported(use, id)
	}
	if len(parameters) > 0 && string(parameters) != "\x05\x00" {
		return nil, fmt.Errorf("%w: HMAC-%s has parameters other than NULL", ErrParse, d)
	}
	return d, nil
}

func (s *salted) readIterations(in *cryptobyte.String) error {
	count, err := readCount(in, "iterations")
	if err != nil {
		return err
	}
	s.iterations = count
	return checkIterations(count)
}

func checkIterations(count int) error {
	if count > MaxIterations {
		return fmt.Errorf("%w: %d iterations, at most %d are done", ErrLimit, count, MaxIterations)
	}
	return nil
}

func checkSalt(salt []byte) error {
	if len(salt) > maxSalt {
		return fmt.Errorf("%w: a salt of %d bytes, at most %d are read", ErrLimit, len(salt), maxSalt)
	}
	return nil
}

// readCount reads a positive number; what does not fit in 62 bits counts as over the limit.
func readCount(in *cryptobyte.String, what string) (int, error) {
	var n int64
	rest := *in
	if rest.ReadASN1Integer(&n) && n > 0 && n < 1<<62 {
		*in = rest
		return int(n), nil
	}
	var raw cryptobyte.String
	if in.ReadASN1(&raw, asn1.INTEGER) && len(raw) > 7 && raw[0] < 0x80 {
		return 0, fmt.Errorf("%w: %s is a number of %d bits", ErrLimit, what, 8*len(raw))
	}
	return 0, fmt.Errorf("%w: %s is not a positive number", ErrParse, what)
}

// parsePBES2 reads PBES2-params (RFC 8018, appendix A.4).
func parsePBES2(parameters cryptobyte.String) (*scheme, error) {
	var body, function, encryption cryptobyte.String
	if !parameters.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1Element(&function, asn1.SEQUENCE) ||
		!body.ReadASN1Element(&encryption, asn1.SEQUENCE) || !body.Empty() || !parameters.Empty() {
		return nil, fmt.Errorf("reading the parameters of PBES2: %w", ErrParse)
	}
	k, keyLength, err := parseKDF(function)
	if err != nil {
		return nil, inScheme("PBES2", err)
	}
	s := &scheme{oid: oidPBES2, name: "PBES2", kdf: k}
	if err := s.parseCipher(encryption, keyLength); err != nil {
		return nil, inScheme("PBES2", err)
	}
	if keyLength != 0 && keyLength != s.cipher.keyLen {
		return nil, fmt.Errorf("%w: PBES2 derives %d bytes for %s", ErrParse, keyLength, s.cipher.name)
	}
	return s, nil
}

// parseKDF reads the key derivation function of PBES2 or PBMAC1; keyLength is 0 if its parameters do not say.
func parseKDF(algorithm []byte) (k kdf, keyLength int, err error) {
	id, parameters, err := readAlgorithm(algorithm)
	if err != nil {
		return nil, 0, err
	}
	var body cryptobyte.String
	known := id == oidPBKDF2 || id == oidScrypt
	if known && !parameters.ReadASN1(&body, asn1.SEQUENCE) {
		return nil, 0, fmt.Errorf("%w: no parameters of %s", ErrParse, nameOf(id))
	}
	switch id {
	case oidPBKDF2:
		p, err := parsePBKDF2(body)
		return p, p.keyLength, err
	case oidScrypt:
		p, err := parseScrypt(body)
		return p, p.keyLength, err
	}
	return nil, 0, unsupported("key derivation", id)
}

// parsePBKDF2 reads PBKDF2-params (RFC 8018, appendix A.2). The PRF is HMAC-SHA-1 by default.
func parsePBKDF2(body cryptobyte.String) (k pbkdf2KDF, err error) {
	k.digest = sha1Digest
	if !body.ReadASN1Bytes(&k.salt, asn1.OCTET_STRING) {
		return k, fmt.Errorf("%w: PBKDF2 without a salt, or with one from another source", ErrParse)
	}
	if err := checkSalt(k.salt); err != nil {
		return k, err
	}
	if err := k.readIterations(&body); err != nil {
		return k, err
	}
	if body.PeekASN1Tag(asn1.INTEGER) {
		if k.keyLength, err = readKeyLength(&body); err != nil {
			return k, err
		}
	}
	if body.Empty() {
		return k, nil
	}
	k.digest, err = readMAC(body, "pseudo-random function of PBKDF2")
	return k, err
}

func readKeyLength(in *cryptobyte.String) (int, error) {
	n, err := readCount(in, "the key length")
	if err == nil && n > maxMACKey {
		return 0, fmt.Errorf("%w: a key of %d bytes, at most %d are derived", ErrLimit, n, maxMACKey)
	}
	return n, err
}

// parseScrypt reads scrypt-params (RFC 7914, section 7).
func parseScrypt(body cryptobyte.String) (k scryptKDF, err error) {
	if !body.ReadASN1Bytes(&k.salt, asn1.OCTET_STRING) {
		return k, fmt.Errorf("%w: scrypt without a salt", ErrParse)
	}
	if err := checkSalt(k.salt); err != nil {
		return k, err
	}
	for _, field := range []struct {
		to   *int
		name string
	}{{&k.n, "scrypt's N"}, {&k.r, "scrypt's r"}, {&k.p, "scrypt's p"}} {
		if *field.to, err = readCount(&body, field.name); err != nil {
			return k, err
		}
	}
	if !body.Empty() {
		if k.keyLength, err = readKeyLength(&body); err != nil {
			return k, err
		}
	}
	if !body.Empty() {
		return k, errTrailing
	}
	return k, k.check()
}

// check bounds memory and work; the divisions keep the products from overflowing.
func (k scryptKDF) check() error {
	switch {
	case k.n < 2 || k.n&(k.n-1) != 0:
		return fmt.Errorf("%w: scrypt's N is %d, no power of two", ErrParse, k.n)
	case k.n > MaxMemory/128/k.r:
		return fmt.Errorf("%w: scrypt with N=%d, r=%d needs more than %d MiB", ErrLimit, k.n, k.r, MaxMemory>>20)
	case k.p > MaxWork/4/k.r/(k.n+8):
		return fmt.Errorf("%w: scrypt with N=%d, r=%d, p=%d is too much work", ErrLimit, k.n, k.r, k.p)
	}
	return nil
}

// parseCipher reads the encryption scheme of PBES2 (RFC 8018, appendix B.2; RFC 5084 for GCM).
func (s *scheme) parseCipher(algorithm []byte, keyLength int) error {
	id, parameters, err := readAlgorithm(algorithm)
	if err != nil {
		return err
	}
	if id == oidRC2CBC {
		return s.parseRC2(parameters, keyLength)
	}
	var ok bool
	if s.cipher, ok = cipherByOID(id); !ok {
		return unsupported("cipher of PBES2", id)
	}
	if s.cipher.mode == modeGCM {
		return s.parseGCM(parameters)
	}
	return s.readIV(parameters)
}

func (s *scheme) readIV(parameters cryptobyte.String) error {
	if !parameters.ReadASN1Bytes(&s.iv, asn1.OCTET_STRING) || !parameters.Empty() || len(s.iv) != s.cipher.block {
		return fmt.Errorf("%w: %s without an initialization vector of %d bytes", ErrParse, s.cipher.name, s.cipher.block)
	}
	return nil
}

// parseGCM reads GCMParameters, whose tag has 12 bytes by default, or the bare nonce that some programs write.
func (s *scheme) parseGCM(parameters cryptobyte.String) error {
	s.tagSize = 16
	body := parameters
	if parameters.PeekASN1Tag(asn1.SEQUENCE) {
		s.tagSize = 12
		parameters.ReadASN1(&body, asn1.SEQUENCE)
	}
	if !body.ReadASN1Bytes(&s.iv, asn1.OCTET_STRING) || len(s.iv) == 0 || len(s.iv) > 64 {
		return fmt.Errorf("%w: %s without a nonce", ErrParse, s.cipher.name)
	}
	if !body.Empty() && !body.ReadASN1Integer(&s.tagSize) || s.tagSize < 12 || s.tagSize > 16 {
		return fmt.Errorf("%w: %s with a tag of %d bytes", ErrParse, s.cipher.name, s.tagSize)
	}
	if !body.Empty() {
		return errTrailing
	}
	if len(s.iv) != 12 && s.tagSize != 16 {
		return fmt.Errorf("%w: %s with a nonce of %d and a tag of %d bytes", ErrUnsupported, s.cipher.name, len(s.iv), s.tagSize)
	}
	return nil
}

// parseRC2 reads RC2-CBC-Parameter (RFC 8018, appendix B.2.3): the version stands for the effective bits.
func (s *scheme) parseRC2(parameters cryptobyte.String, keyLength int) error {
	bits := 32
	body := parameters
	if parameters.PeekASN1Tag(asn1.SEQUENCE) {
		parameters.ReadASN1(&body, asn1.SEQUENCE)
	}
	if body.PeekASN1Tag(asn1.INTEGER) {
		var version int
		if !body.ReadASN1Integer(&version) {
			return fmt.Errorf("%w: bad version of RC2", ErrParse)
		}
		bits = rc2Bits(version)
	}
	if bits < 1 || bits > 1024 || keyLength > 128 {
		return fmt.Errorf("%w: RC2 with %d effective bits and a key of %d bytes", ErrParse, bits, keyLength)
	}
	if keyLength == 0 {
		keyLength = (bits + 7) / 8
	}
	s.cipher = rc2Kind(keyLength, bits)
	return s.readIV(body)
}

func rc2Bits(version int) int {
	switch {
	case version == 160:
		return 40
	case version == 120:
		return 64
	case version == 58:
		return 128
	case version >= 256:
		return version
	}
	return 0
}
