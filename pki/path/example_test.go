package path_test

import (
	"fmt"
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

func ExampleValidate() {
	// A certificate without an issuer that anybody trusts; certificates come from cert.Parse.
	var stranger cert.Certificate
	result := path.Validate(&stranger, path.Options{Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Purpose: path.ServerAuth})
	fmt.Println(result.Valid, result.Attempts[0].Failures[0].Rule, result.Attempts[0].Failures[0].Rule.Section())
	// Output: false untrusted RFC 5280, 6.1.1 (d)
}
