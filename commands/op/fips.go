package op

import "crypto/fips140"

// fipsEnabled tells whether Go's FIPS 140-3 module is in use (GODEBUG=fips140=on).
func fipsEnabled() bool {
	return fips140.Enabled()
}
