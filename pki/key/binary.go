package key

import (
	"fmt"
	"strings"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// binaryFields are the fields of characteristic two over which curves are standardised (X9.62, J.4; SEC 2, 3; RFC 2409, 6.3): the degree
// and the middle exponents of the reduction polynomial. Whether another polynomial is irreducible takes arithmetic that is of no use here.
const binaryFields = "|113 9|131 2 3 8|155 62|163 1 2 8|163 3 6 7|176 1 2 43|185 69|191 9|193 15|208 1 2 83|233 74|239 36|239 158" +
	"|272 1 3 56|283 5 7 12|304 1 2 11|359 68|368 1 2 85|409 87|431 120|571 2 5 10|"

// checkBinaryField refuses explicit parameters over a field of a standard size whose polynomial is not the standard one. The data are the
// content of ECParameters (RFC 3279, 2.3.5); other fields, and what is not understood, are not judged.
func checkBinaryField(in cryptobyte.String) error {
	var field, id, parameters, terms cryptobyte.String
	var degree, exponent int
	if !in.SkipASN1(cbasn1.INTEGER) || !in.ReadASN1(&field, cbasn1.SEQUENCE) || !field.ReadASN1(&id, cbasn1.OBJECT_IDENTIFIER) ||
		!field.ReadASN1(&parameters, cbasn1.SEQUENCE) || !parameters.ReadASN1Integer(&degree) ||
		!parameters.SkipASN1(cbasn1.OBJECT_IDENTIFIER) {
		return nil
	}
	if name, err := oid.Decode(id); err != nil || name != oid.BinaryField {
		return nil
	}
	polynomial := fmt.Sprint("|", degree)
	if !strings.Contains(binaryFields, polynomial+" ") {
		return nil
	}
	if terms = parameters; terms.PeekASN1Tag(cbasn1.SEQUENCE) && !parameters.ReadASN1(&terms, cbasn1.SEQUENCE) { // a pentanomial
		return nil
	}
	for terms.ReadASN1Integer(&exponent) {
		polynomial += fmt.Sprint(" ", exponent)
	}
	if !strings.Contains(binaryFields, polynomial+"|") {
		return malformed("explicit parameters over a field of %d bits with another polynomial than the standards have", degree)
	}
	return nil
}
