package oid

// Public key algorithms.
const (
	RSA       = "1.2.840.113549.1.1.1"    // RFC 8017, A.1
	RSAOAEP   = "1.2.840.113549.1.1.7"    // RFC 8017, A.2.1
	RSAPSS    = "1.2.840.113549.1.1.10"   // RFC 8017, A.2.3; also a signature algorithm
	X500RSA   = "2.5.8.1.1"               // X.509 Annex H, in very old certificates
	EC        = "1.2.840.10045.2.1"       // RFC 5480, 2.1.1
	ECDH      = "1.3.132.1.12"            // RFC 5480, 2.1.2
	ECMQV     = "1.3.132.1.13"            // RFC 5480, 2.1.2
	X25519    = "1.3.101.110"             // RFC 8410, 3
	X448      = "1.3.101.111"             // RFC 8410, 3
	Ed25519   = "1.3.101.112"             // RFC 8410, 3; also a signature algorithm
	Ed448     = "1.3.101.113"             // RFC 8410, 3; also a signature algorithm
	DSA       = "1.2.840.10040.4.1"       // RFC 3279, 2.3.2
	OIWDSA    = "1.3.14.3.2.12"           // OIW, in very old certificates
	DH        = "1.2.840.113549.1.3.1"    // PKCS #3
	X942DH    = "1.2.840.10046.2.1"       // RFC 3279, 2.3.3
	MLDSA44   = "2.16.840.1.101.3.4.3.17" // RFC 9881, 2; also a signature algorithm
	MLDSA65   = "2.16.840.1.101.3.4.3.18" // likewise
	MLDSA87   = "2.16.840.1.101.3.4.3.19" // likewise
	MLKEM512  = "2.16.840.1.101.3.4.4.1"  // RFC 9935, 3
	MLKEM768  = "2.16.840.1.101.3.4.4.2"  // likewise
	MLKEM1024 = "2.16.840.1.101.3.4.4.3"  // likewise
)

// Elliptic curves that Go has, and secp256k1 (RFC 5480, 2.1.1.1; SEC 2).
const (
	P224      = "1.3.132.0.33"
	P256      = "1.2.840.10045.3.1.7"
	P384      = "1.3.132.0.34"
	P521      = "1.3.132.0.35"
	Secp256k1 = "1.3.132.0.10"
	// PrimeField is the type of field that explicit parameters over a prime have (RFC 3279, 2.3.5).
	PrimeField = "1.2.840.10045.1.1"
	// BinaryField is the type of those over a field of characteristic two.
	BinaryField = "1.2.840.10045.1.2"
	// MGF1 is the mask generation function of RSASSA-PSS (RFC 8017, B.2.1).
	MGF1 = "1.2.840.113549.1.1.8"
)
