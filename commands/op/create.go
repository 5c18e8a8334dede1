package op

import (
	"context"
	"errors"
	"fmt"
	"time"

	"certkdb/kdb"
	"certkdb/pki"
	"certkdb/pki/key"
	"certkdb/pki/name"
)

// Create makes a private key and its certificate under a label.
type Create struct {
	DB
	Label      string
	CommonName string
	DN         string   // the whole subject, RFC 4514; instead of CommonName
	SANs       []string // TYPE:VALUE
	KeyType    string
	Days       int
	Profile    string
	Replace    bool
	Default    bool
}

// Made tells of a new certificate.
type Made struct {
	Entry
	Notes []string `json:"notes,omitempty"`
}

// Run makes it. The database is asked first whether the label is free, and nothing is locked while the key is made.
func (o Create) Run(ctx context.Context, env *Env) (Made, error) {
	request, err := o.request(env)
	if err != nil {
		return Made{}, err
	}
	db, err := o.Open(ctx, env)
	if err != nil {
		return Made{}, err
	}
	defer db.Close()
	if err := db.View(ctx, o.free); err != nil {
		return Made{}, err
	}
	issued, err := pki.SelfSigned(request)
	if err != nil {
		return Made{}, pkiError(err)
	}
	made := Made{Notes: issued.Notes}
	err = db.Update(ctx, "create", func(tx kdb.Tx) error {
		if err := o.free(tx); err != nil {
			return err
		}
		entry := kdb.Entry{
			Label: o.Label, Kind: kdb.KindPersonal, Default: o.Default,
			Certificates: [][]byte{issued.Certificate}, Key: issued.Key.PKCS8,
		}
		if err := tx.Put(entry); err != nil {
			return err
		}
		s, err := tx.Summary(o.Label)
		made.Entry = newEntry(&s, env.Now())
		return err
	})
	return made, err
}

// free reports a label that is taken.
func (o Create) free(tx kdb.Tx) error {
	_, err := tx.Summary(o.Label)
	switch {
	case errors.Is(err, kdb.ErrNotFound):
		return nil
	case err == nil && !o.Replace:
		return WithHint(fmt.Errorf("label %q: %w", o.Label, kdb.ErrExists), "replace it with --replace, or choose another label")
	}
	return err
}

func (o Create) request(env *Env) (pki.Request, error) {
	if err := kdb.CheckLabel(o.Label); err != nil {
		return pki.Request{}, err
	}
	profile, err := pki.ProfileNamed(o.Profile)
	if err != nil {
		return pki.Request{}, pkiError(err)
	}
	if err := checkKeyType(o.KeyType); err != nil {
		return pki.Request{}, err
	}
	if o.Days < 1 {
		return pki.Request{}, fmt.Errorf("%w: --days %d: a certificate is valid for a day at least", ErrUsage, o.Days)
	}
	r := pki.Request{KeyType: o.KeyType, Days: o.Days, Profile: profile, Now: func() time.Time { return env.Now() }}
	if r.Subject, err = o.subject(); err != nil {
		return pki.Request{}, err
	}
	for _, text := range o.SANs {
		san, err := pki.ParseSAN(text)
		if err != nil {
			return pki.Request{}, pkiError(err)
		}
		r.SANs = append(r.SANs, san)
	}
	return r, nil
}

func (o Create) subject() (name.Name, error) {
	switch {
	case o.CommonName != "" && o.DN != "":
		return name.Name{}, fmt.Errorf("%w: --cn and --dn exclude each other", ErrUsage)
	case o.CommonName == "" && o.DN == "" && len(o.SANs) == 0:
		return name.Name{}, fmt.Errorf("%w: the certificate has no name: use --cn, --dn or --san", ErrUsage)
	case o.DN != "":
		subject, err := name.ParseString(o.DN)
		if err != nil {
			return subject, fmt.Errorf("%w: --dn %q: %w", ErrUsage, o.DN, err)
		}
		return subject, nil
	case o.CommonName == "":
		return name.Name{}, nil
	}
	return name.Name{RDNs: []name.RDN{{{Type: name.CommonName, Value: o.CommonName}}}}, nil
}

func checkKeyType(keyType string) error {
	for _, known := range key.Types() {
		if keyType == known {
			return nil
		}
	}
	return WithHint(fmt.Errorf("%w: there is no key type %q", ErrUsage, keyType), fmt.Sprintf("use one of %v", key.Types()))
}

// pkiError gives errors of pki their place among the errors of operations.
func pkiError(err error) error {
	switch {
	case errors.Is(err, pki.ErrArgument), errors.Is(err, pki.ErrFIPS):
		return fmt.Errorf("%w: %w", ErrUsage, err)
	case errors.Is(err, pki.ErrParse):
		return fmt.Errorf("%w: %w", kdb.ErrParse, err)
	case errors.Is(err, pki.ErrRefused):
		return fmt.Errorf("%w: %w", ErrFindings, err)
	}
	return err
}
