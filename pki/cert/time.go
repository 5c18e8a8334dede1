package cert

import (
	"errors"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

func (c *Certificate) readValidity(from *cryptobyte.String) error {
	var seq cryptobyte.String
	if !from.ReadASN1(&seq, asn1.SEQUENCE) {
		return errors.New("its validity is not a SEQUENCE")
	}
	var err error
	var form1, form2 timeForm
	generalized1 := seq.PeekASN1Tag(asn1.GeneralizedTime)
	if c.NotBefore, form1, err = readTime(&seq); err != nil {
		return err
	}
	generalized2 := seq.PeekASN1Tag(asn1.GeneralizedTime)
	if c.NotAfter, form2, err = readTime(&seq); err != nil {
		return err
	}
	if !seq.Empty() {
		return errors.New("its validity is not two times")
	}
	c.times = min(form1, form2)
	c.earlyForm = generalized1 && c.NotBefore.Year() < 2050 || generalized2 && c.NotAfter.Year() < 2050
	switch c.times {
	case timeBad:
		c.odd("a validity time cannot be read")
	case timeLoose:
		c.odd("a validity time is not written as RFC 5280 4.1.2.5 wants")
	}
	return nil
}

// timeForm says how well a time is written.
type timeForm uint8

const (
	timeBad    timeForm = iota // the digits make no sense
	timeLoose                  // BER: without seconds, with an offset or with a fraction
	timeStrict                 // as RFC 5280 wants: with seconds, in UTC
)

// readTime reads a Time (RFC 5280, 4.1.2.5). A time of the right type whose digits make no sense is zero, as OpenSSL
// too keeps such certificates.
func readTime(from *cryptobyte.String) (t time.Time, form timeForm, err error) {
	var content cryptobyte.String
	var tag asn1.Tag
	if !from.ReadAnyASN1(&content, &tag) || tag != asn1.UTCTime && tag != asn1.GeneralizedTime {
		return t, timeBad, errors.New("its validity has something that is not a UTCTime or GeneralizedTime")
	}
	t, form = decodeTime(content, tag == asn1.GeneralizedTime)
	return t, form, nil
}

// decodeTime reads YYMMDDhhmm[ss](Z|+hhmm|-hhmm), or YYYY for a GeneralizedTime, which may have fractions too.
func decodeTime(text []byte, generalized bool) (time.Time, timeForm) {
	year, month, day, rest, ok := decodeDate(text, generalized)
	if !ok || len(rest) < 5 {
		return time.Time{}, timeBad
	}
	hour, ok1 := twoDigits(rest)
	minute, ok2 := twoDigits(rest[2:])
	rest = rest[4:]
	second, strict := twoDigits(rest)
	if strict {
		rest = rest[2:]
	}
	if generalized && len(rest) > 1 && (rest[0] == '.' || rest[0] == ',') {
		rest, strict = skipFraction(rest), false
	}
	offset, ok3 := decodeZone(rest)
	if !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, timeBad
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if t.Day() != day || t.Month() != time.Month(month) {
		return time.Time{}, timeBad // such as 31 June
	}
	if strict && len(rest) == 1 {
		return t, timeStrict
	}
	return t.Add(-offset), timeLoose
}

func decodeDate(text []byte, generalized bool) (year, month, day int, rest []byte, ok bool) {
	century := 0
	if generalized {
		var ok bool
		if century, ok = twoDigits(text); !ok {
			return 0, 0, 0, nil, false
		}
		text = text[2:]
	}
	if len(text) < 6 {
		return 0, 0, 0, nil, false
	}
	year, ok1 := twoDigits(text)
	month, ok2 := twoDigits(text[2:])
	day, ok3 := twoDigits(text[4:])
	switch {
	case generalized:
		year += 100 * century
	case year < 50: // RFC 5280, 4.1.2.5.1
		year += 2000
	default:
		year += 1900
	}
	return year, month, day, text[6:], ok1 && ok2 && ok3
}

func twoDigits(text []byte) (int, bool) {
	if len(text) < 2 || text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9' {
		return 0, false
	}
	return int(text[0]-'0')*10 + int(text[1]-'0'), true
}

func skipFraction(text []byte) []byte {
	text = text[1:]
	for len(text) > 0 && text[0] >= '0' && text[0] <= '9' {
		text = text[1:]
	}
	return text
}

// decodeZone reads Z or an offset from UTC.
func decodeZone(text []byte) (time.Duration, bool) {
	if len(text) == 1 && text[0] == 'Z' {
		return 0, true
	}
	if len(text) != 5 || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	hours, ok1 := twoDigits(text[1:])
	minutes, ok2 := twoDigits(text[3:])
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if text[0] == '-' {
		offset = -offset
	}
	return offset, ok1 && ok2 && hours < 24 && minutes < 60
}
