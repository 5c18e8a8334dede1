package issuing

import (
	"slices"
	"strings"
	"time"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/name"
)

// indexLine is the record of a certificate in the file in which openssl ca keeps its own and which openssl ocsp answers from (-index):
// status, end, revocation with its reason, serial number, file and subject, separated by tabs. It has no specification but openssl-ca(1)
// and apps/ca.c.
func indexLine(r kdb.Issued, now time.Time) string {
	subject, end := r.Subject, r.NotAfter
	if c, err := cert.Parse(r.Certificate); err == nil {
		subject, end = indexSubject(c.Subject), c.NotAfter
	}
	status, revoked := "V", ""
	switch {
	case !r.RevokedAt.IsZero():
		status, revoked = "R", indexTime(r.RevokedAt)+indexReason(cert.Reason(r.Reason).String())
	case now.After(end):
		status = "E"
	}
	return strings.Join([]string{status, indexTime(end), revoked, strings.ToUpper(r.Serial), "unknown", subject}, "\t") + "\n"
}

func indexSubject(subject name.Name) string {
	var text strings.Builder
	for _, rdn := range subject.RDNs {
		for _, a := range rdn {
			text.WriteString("/" + a.String())
		}
	}
	return text.String()
}

// indexTime is a UTCTime, or from 2050 on a GeneralizedTime.
func indexTime(t time.Time) string {
	if t.Year() >= 2050 {
		return t.UTC().Format("20060102150405Z")
	}
	return t.UTC().Format("060102150405Z")
}

// indexReason is left out where openssl has no word for it: it refuses the whole file otherwise.
func indexReason(reason string) string {
	known := []string{
		"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation", "certificateHold",
	}
	if slices.Contains(known, reason) {
		return "," + reason
	}
	return ""
}
