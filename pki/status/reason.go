package status

import (
	"fmt"
	"strings"

	"certkdb/pki"
	"certkdb/pki/cert"
)

// ParseReason reads the name of one of [cert.RevocationReasons], in any case and with or without hyphens; "" is unspecified.
func ParseReason(text string) (cert.Reason, error) {
	wanted := strings.ReplaceAll(text, "-", "")
	if wanted == "" {
		return cert.Unspecified, nil
	}
	var names []string
	for _, r := range cert.RevocationReasons() {
		if strings.EqualFold(r.String(), wanted) {
			return r, nil
		}
		names = append(names, r.String())
	}
	return 0, fmt.Errorf("%w: no reason %q for a revocation, there are %s", pki.ErrArgument, text, strings.Join(names, ", "))
}
