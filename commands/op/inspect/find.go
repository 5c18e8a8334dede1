package inspect

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"os"
	"slices"
	"strings"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki/cert"
)

// Find looks for entries by any part of what is in them.
type Find struct {
	// Text is part of a label, a name, a serial number, or the beginning of a fingerprint of a certificate, its key or one of its chain.
	Text string
	Filter
}

// Found is an entry with the database that has it, and what it was found by.
type Found struct {
	op.Entry
	Location string `json:"location"`
	// Matched names the fields that fit, as in JSON: label, subject, issuer, sans, serial, sha256, sha1, spki_sha256, chain.
	Matched []string `json:"matched"`
}

// FoundEntries are the results of a search.
type FoundEntries struct {
	Entries []Found `json:"entries"`
}

// Incomplete is the error of a search that found nothing.
func (f FoundEntries) Incomplete() error {
	if len(f.Entries) == 0 {
		return op.ErrNothingFound
	}
	return nil
}

// Prepare reads what is looked for. Text that names a file stands for the keys in it.
func (o *Find) Prepare(ctx context.Context, env *op.Env) error {
	if o.Text == "" && !o.Chooses() {
		return op.Need(op.FieldText)
	}
	if info, err := os.Stat(o.Text); err == nil && info.Mode().IsRegular() && o.Key == "" {
		if keys, err := keysIn(ctx, env, o.Text); err == nil {
			o.Text, o.Key, o.keys = "", o.Text, keys
		}
	}
	return o.prepare(ctx, env)
}

// Run searches one database, after Prepare.
func (o *Find) Run(ctx context.Context, s *op.Session) ([]Found, error) {
	var found []Found
	now := s.Env.Now()
	err := s.View(ctx, func(tx kdb.Tx) error {
		found = nil
		for summary, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
			matched, err := o.matched(tx, &summary)
			if err != nil {
				return err
			}
			if len(matched) > 0 {
				found = append(found, Found{Entry: op.NewEntry(&summary, now), Location: s.Location, Matched: matched})
			}
		}
		return nil
	})
	return found, err
}

// matched are the fields of an entry that fit.
func (o *Find) matched(tx kdb.Tx, s *kdb.Summary) ([]string, error) {
	var matched []string
	if o.Chooses() {
		fits, err := o.fits(tx, s)
		if !fits || err != nil {
			return nil, err
		}
		matched = o.given()
	}
	if o.Text == "" {
		return matched, nil
	}
	texts, err := o.matchedText(tx, s)
	if len(texts) == 0 || err != nil {
		return nil, err
	}
	return append(matched, texts...), nil
}

// given are the fields that a filter names.
func (f *Filter) given() []string {
	var names []string
	for name, text := range map[string]string{
		"subject": f.Subject, "issuer": f.Issuer, "sans": f.SAN, "serial": f.Serial, "sha256": f.Fingerprint, "spki_sha256": f.Key,
	} {
		if text != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// leastDigits is how many digits of a fingerprint are enough to be taken for one.
const leastDigits = 6

func (o *Find) matchedText(tx kdb.Tx, s *kdb.Summary) ([]string, error) {
	var matched []string
	text := strings.ToLower(o.Text)
	has := func(value string) bool { return strings.Contains(strings.ToLower(value), text) }
	for _, field := range []struct {
		name string
		fits bool
	}{
		{"label", has(s.Label)}, {"subject", has(s.Subject)}, {"issuer", has(s.Issuer)}, {"sans", slices.ContainsFunc(namesOf(s), has)},
	} {
		if field.fits {
			matched = append(matched, field.name)
		}
	}
	digits := hexDigits(o.Text)
	if digits != "" && strings.TrimLeft(digits, "0") == strings.TrimLeft(s.Serial, "0") {
		matched = append(matched, "serial")
	}
	if len(digits) < leastDigits {
		return matched, nil
	}
	d, err := digestsOf(tx, s)
	if err != nil {
		return nil, err
	}
	for _, digest := range []struct{ name, value string }{{"sha256", d.sha256}, {"sha1", d.sha1}, {"spki_sha256", d.key}} {
		if strings.HasPrefix(digest.value, digits) {
			matched = append(matched, digest.name)
		}
	}
	inChain, err := chainHas(tx, s, digits)
	if inChain {
		matched = append(matched, "chain")
	}
	return matched, err
}

// chainHas says whether a certificate behind the entry's own has a fingerprint that begins with these digits, or the serial number.
func chainHas(tx kdb.Tx, s *kdb.Summary, digits string) (bool, error) {
	if s.ChainLength < 2 {
		return false, nil
	}
	entry, err := tx.Entry(s.Label)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(entry.Certificates[1:], func(der []byte) bool {
		old := sha1.Sum(der)
		c, err := cert.Parse(der)
		return strings.HasPrefix(op.Digest(der), digits) || strings.HasPrefix(hex.EncodeToString(old[:]), digits) ||
			err == nil && (strings.TrimLeft(c.SerialHex(), "0") == strings.TrimLeft(digits, "0") || strings.HasPrefix(op.Digest(c.RawSPKI), digits))
	}), nil
}
