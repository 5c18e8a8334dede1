package key

import "sync"

import "certkdb/pki/oid"

// otherAlgorithm names the algorithms whose keys are kept as they are: nothing here looks into them.
func otherAlgorithm(id string) string {
	switch id {
	case "1.2.643.2.2.19": // RFC 4491
		return "gost2001"
	case "1.2.643.7.1.1.1.1": // RFC 9215
		return "gost2012-256"
	case "1.2.643.7.1.1.1.2":
		return "gost2012-512"
	case "1.2.112.0.2.0.34.101.45.2.1": // STB 34.101.45
		return "bign"
	case "1.2.840.113549.1.9.16.3.17": // RFC 8708
		return "hsslms"
	case "1.3.6.1.5.5.7.6.34": // RFC 9802
		return "xmss"
	case "1.3.6.1.5.5.7.6.35":
		return "xmssmt"
	}
	return slhdsa(id)
}

// slhdsa names the twelve SLH-DSA parameter sets, RFC 9909, section 3; "" for all else.
func slhdsa(id string) string {
	const arc = "2.16.840.1.101.3.4.3."
	if len(id) != len(arc)+2 || id[:len(arc)] != arc {
		return ""
	}
	switch id[len(arc):] {
	case "20":
		return "slhdsa-sha2-128s"
	case "21":
		return "slhdsa-sha2-128f"
	case "22":
		return "slhdsa-sha2-192s"
	case "23":
		return "slhdsa-sha2-192f"
	case "24":
		return "slhdsa-sha2-256s"
	case "25":
		return "slhdsa-sha2-256f"
	case "26":
		return "slhdsa-shake-128s"
	case "27":
		return "slhdsa-shake-128f"
	case "28":
		return "slhdsa-shake-192s"
	case "29":
		return "slhdsa-shake-192f"
	case "30":
		return "slhdsa-shake-256s"
	case "31":
		return "slhdsa-shake-256f"
	}
	return ""
}

// curve is a named elliptic curve.
type curve struct {
	name string
	bits int // of the field
}

// namedCurve knows the curves of RFC 5480, SEC 2, RFC 5639, WAP-WTLS and the Chinese standard by their identifiers.
func namedCurve(id string) (curve, bool) {
	switch id {
	case oid.P256:
		return curve{"p256", 256}, true
	case oid.P384:
		return curve{"p384", 384}, true
	case oid.P521:
		return curve{"p521", 521}, true
	case oid.P224:
		return curve{"p224", 224}, true
	case "1.2.840.10045.3.1.1":
		return curve{"p192", 192}, true
	case oid.Secp256k1:
		return curve{"secp256k1", 256}, true
	case "1.2.156.10197.1.301":
		return curve{"sm2", 256}, true
	}
	c, ok := rareCurves()[id]
	return c, ok
}

// rareCurves is only read.
var rareCurves = sync.OnceValue(func() map[string]curve {
	return map[string]curve{
		"1.3.132.0.6": {"secp112r1", 112}, "1.3.132.0.7": {"secp112r2", 112},
		"1.3.132.0.28": {"secp128r1", 128}, "1.3.132.0.29": {"secp128r2", 128},
		"1.3.132.0.9": {"secp160k1", 160}, "1.3.132.0.8": {"secp160r1", 160}, "1.3.132.0.30": {"secp160r2", 160},
		"1.3.132.0.31": {"secp192k1", 192}, "1.3.132.0.32": {"secp224k1", 224},
		"1.2.840.10045.3.1.2": {"prime192v2", 192}, "1.2.840.10045.3.1.3": {"prime192v3", 192},
		"1.2.840.10045.3.1.4": {"prime239v1", 239}, "1.2.840.10045.3.1.5": {"prime239v2", 239},
		"1.2.840.10045.3.1.6": {"prime239v3", 239},
		"1.3.132.0.4":         {"sect113r1", 113}, "1.3.132.0.5": {"sect113r2", 113},
		"1.3.132.0.22": {"sect131r1", 131}, "1.3.132.0.23": {"sect131r2", 131},
		"1.3.132.0.1": {"sect163k1", 163}, "1.3.132.0.2": {"sect163r1", 163}, "1.3.132.0.15": {"sect163r2", 163},
		"1.3.132.0.24": {"sect193r1", 193}, "1.3.132.0.25": {"sect193r2", 193},
		"1.3.132.0.26": {"sect233k1", 233}, "1.3.132.0.27": {"sect233r1", 233}, "1.3.132.0.3": {"sect239k1", 239},
		"1.3.132.0.16": {"sect283k1", 283}, "1.3.132.0.17": {"sect283r1", 283},
		"1.3.132.0.36": {"sect409k1", 409}, "1.3.132.0.37": {"sect409r1", 409},
		"1.3.132.0.38": {"sect571k1", 571}, "1.3.132.0.39": {"sect571r1", 571},
		"1.3.36.3.3.2.8.1.1.1": {"brainpoolP160r1", 160}, "1.3.36.3.3.2.8.1.1.2": {"brainpoolP160t1", 160},
		"1.3.36.3.3.2.8.1.1.3": {"brainpoolP192r1", 192}, "1.3.36.3.3.2.8.1.1.4": {"brainpoolP192t1", 192},
		"1.3.36.3.3.2.8.1.1.5": {"brainpoolP224r1", 224}, "1.3.36.3.3.2.8.1.1.6": {"brainpoolP224t1", 224},
		"1.3.36.3.3.2.8.1.1.7": {"brainpoolP256r1", 256}, "1.3.36.3.3.2.8.1.1.8": {"brainpoolP256t1", 256},
		"1.3.36.3.3.2.8.1.1.9": {"brainpoolP320r1", 320}, "1.3.36.3.3.2.8.1.1.10": {"brainpoolP320t1", 320},
		"1.3.36.3.3.2.8.1.1.11": {"brainpoolP384r1", 384}, "1.3.36.3.3.2.8.1.1.12": {"brainpoolP384t1", 384},
		"1.3.36.3.3.2.8.1.1.13": {"brainpoolP512r1", 512}, "1.3.36.3.3.2.8.1.1.14": {"brainpoolP512t1", 512},
		"2.23.43.1.4.1": {"wtls1", 113}, "2.23.43.1.4.3": {"wtls3", 163}, "2.23.43.1.4.4": {"wtls4", 113},
		"2.23.43.1.4.5": {"wtls5", 163}, "2.23.43.1.4.6": {"wtls6", 112}, "2.23.43.1.4.7": {"wtls7", 160},
		"2.23.43.1.4.8": {"wtls8", 112}, "2.23.43.1.4.9": {"wtls9", 160}, "2.23.43.1.4.10": {"wtls10", 233},
		"2.23.43.1.4.11": {"wtls11", 233}, "2.23.43.1.4.12": {"wtls12", 224},
	}
})
