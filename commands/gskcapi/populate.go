package gskcapi

import (
	"os"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
)

// bundleDate is the date of the bundle that comes with the program, Mozilla's list of roots as golang.org/x/crypto/x509roots has it.
const bundleDate = "2026-10-30"

// systemBundles are where systems keep the certificates of public CAs: Debian, Red Hat, SUSE, Alpine, BSD, AIX's open-source tools.
var systemBundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
	"/usr/local/share/certs/ca-root-nss.crt", "/opt/freeware/etc/ssl/certs/ca-bundle.crt", "/var/ssl/certs/ca-bundle.crt",
}

// systemBundle is the file that $SSL_CERT_FILE names, or the first of the places where there is one, "" if there is none.
func systemBundle(env *op.Env, places []string) string {
	for _, path := range append([]string{env.Getenv("SSL_CERT_FILE")}, places...) {
		if info, err := os.Stat(path); path != "" && err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// publicCAs adds the certificates of a bundle that have not expired, "" being the one that comes with the program.
func publicCAs(now time.Time, file string) entries.Add {
	o := entries.Add{LabelBySubject: true, CertificatesOnly: true, SkipInvalid: true, ValidAfter: now, Trust: true}
	if file != "" {
		o.Files = []string{file}
		return o
	}
	for root := range bundle.Roots() {
		if root.Constraint == nil { // Mozilla trusts only older certificates of the others, which a key database cannot say
			o.Certificates = append(o.Certificates, root.Certificate)
		}
	}
	return o
}
