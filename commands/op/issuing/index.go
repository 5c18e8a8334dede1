package issuing

import (
	"slices"
	"strings"
	"time"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/name"
)

// The words of an index for a key that was compromised with the time since when, which follows as a GeneralizedTime.
const (
	keyTime   = "keyTime"
	caKeyTime = "CAkeyTime"
)

// The layouts of times in an index.
const (
	utcTime         = "060102150405Z"
	generalizedTime = "20060102150405Z"
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
		status, revoked = "R", indexTime(r.RevokedAt)+indexReason(&r)
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
		return t.UTC().Format(generalizedTime)
	}
	return t.UTC().Format(utcTime)
}

// indexReason is left out where openssl has no word for it: it refuses the whole file otherwise. Of the invalidity dates, openssl keeps
// those of compromised keys.
func indexReason(r *kdb.Issued) string {
	known := []string{
		"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation", "certificateHold",
	}
	reason := cert.Reason(r.Reason)
	since := "," + r.InvalidSince.UTC().Format(generalizedTime)
	switch {
	case reason == cert.KeyCompromise && !r.InvalidSince.IsZero():
		return "," + keyTime + since
	case reason == cert.CACompromise && !r.InvalidSince.IsZero():
		return "," + caKeyTime + since
	case slices.Contains(known, reason.String()):
		return "," + reason.String()
	}
	return ""
}
