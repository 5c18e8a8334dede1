package op

import "crypto/fips140"

// FIPSEnabled tells whether Go's FIPS 140-3 module is in use (GODEBUG=fips140=on).
func FIPSEnabled() bool {
	return fips140.Enabled()
}
