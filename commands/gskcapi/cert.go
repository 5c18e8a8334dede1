package gskcapi

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/inspect"
	"certkdb/commands/op/issuing"
)

// add adds the certificates of a file as signers. The first one gets the label, the others their subject.
func (p *program) add() error {
	trust := true
	if p.has("trust") {
		var err error
		if trust, err = readTruth(p.given["trust"]); err != nil {
			return &failure{status: 65, why: "-trust is enable or disable"}
		}
	}
	if err := p.checkFormat(); err != nil {
		return err
	}
	o := entries.Add{
		Files: []string{p.given["file"]}, Label: p.label(), LabelFirst: true, LabelBySubject: true, CertificatesOnly: true, IgnoreKeys: true,
		Trust: trust, NoTrust: !trust,
	}
	return p.with(func(s *op.Session) error { return p.put(s, o, duplicateCertificate) })
}

// label is the one that is given, without blanks around it.
func (p *program) label() string { return strings.TrimSpace(p.given["label"]) }

func (p *program) checkFormat() error {
	switch strings.ToLower(p.given["format"]) {
	case "", "ascii", "binary":
		return nil
	}
	return &failure{status: 65, why: fmt.Sprintf("-format is ascii or binary, not %q", p.given["format"])}
}

// put adds entries. Other than certkdb, GSKit refuses what is there already, under its own or another label: duplicate is the status then.
func (p *program) put(s *op.Session, o op.Operation[entries.Added], duplicate int, more ...op.Step) error {
	checked := entries.Checked(o, func(added entries.Added, had map[string]string) error { return refuseDuplicates(added, had, duplicate) })
	var added entries.Added
	return op.Run(p.ctx, s, "", append([]op.Step{op.Do(checked, &added)}, more...)...)
}

// refuseDuplicates finds what is there already. An import fails only if nothing in it is new, or its key is there under another label.
func refuseDuplicates(added entries.Added, labels map[string]string, status int) error {
	for _, a := range added.Actions {
		other, known := labels[a.SHA256]
		switch {
		case a.Action == entries.ActionUnchanged && status == duplicateImport:
		case a.Action == entries.ActionUnchanged:
			return &failure{status: 23, why: fmt.Sprintf("the database has %q already", a.Label)}
		case known:
			return &failure{status: status, why: fmt.Sprintf("the database has the certificate of %q already, under the label %q", a.Label, other)}
		}
	}
	if len(added.Actions) == 0 {
		return &failure{status: 93, why: "the file holds no certificate"}
	}
	if !added.HasChanged() {
		return &failure{status: status, why: "the database has all of it already"}
	}
	return nil
}

// The statuses for what is there already.
const (
	duplicateCertificate = 21
	duplicateImport      = 26
)

// mustBe refuses a label whose entry is of another kind: requests are not seen by -cert, nor certificates by -certreq.
func (p *program) mustBe(s *op.Session, label string, kinds ...string) error {
	shown, err := inspect.Show{Label: label}.Run(p.ctx, s)
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		if shown.Kind.String() == kind {
			return nil
		}
	}
	return &op.NotFound{Label: label}
}

// delete removes an entry of one of the kinds.
func (p *program) delete(kinds ...string) error {
	return p.with(func(s *op.Session) error {
		if err := p.mustBe(s, p.label(), kinds...); err != nil {
			return err
		}
		_, err := op.One(p.ctx, s, entries.Delete{Labels: []string{p.label()}})
		return err
	})
}

func (p *program) remove() error        { return p.delete(personal, trusted, secretKey) }
func (p *program) removeRequest() error { return p.delete(request) }
func (p *program) removeSecret() error  { return p.delete(secretKey) }

func (p *program) rename() error {
	return p.with(func(s *op.Session) error {
		_, err := op.One(p.ctx, s, entries.Rename{Label: p.label(), NewLabel: strings.TrimSpace(p.given["new_label"])})
		return err
	})
}

func (p *program) setDefault() error {
	return p.with(func(s *op.Session) error {
		_, err := op.One(p.ctx, s, entries.SetDefault{Label: p.label()})
		return err
	})
}

// modify sets the trust of a signer, the only thing that can be modified.
func (p *program) modify() error {
	trust, err := readTruth(p.given["trust"])
	if err != nil {
		return &failure{status: 65, why: "-trust is enable or disable"}
	}
	return p.with(func(s *op.Session) error {
		if p.mustBe(s, p.label(), personal) == nil { // it is trusted as long as it is here
			if !trust {
				return notSupported("-trust disable for a personal certificate")
			}
			return nil
		}
		if err := p.mustBe(s, p.label(), trusted); err != nil {
			return err
		}
		_, err := op.One(p.ctx, s, entries.SetTrust{Labels: []string{p.label()}, Trusted: trust})
		return err
	})
}

// extract writes a certificate to a file, over one that is there.
func (p *program) extract() error {
	if err := p.checkFormat(); err != nil {
		return err
	}
	o := entries.Export{Labels: []string{p.label()}, Format: entries.FormatPEM, Out: p.requestFile()}
	if strings.EqualFold(p.given["format"], "binary") {
		o.Format = entries.FormatDER
	}
	return p.with(func(s *op.Session) error {
		if err := p.mustBe(s, p.label(), personal, trusted); err != nil {
			return err
		}
		_, err := o.Run(p.ctx, s)
		return err
	})
}

// out is an output file. A hyphen is an ordinary name here.
func (p *program) out(option string) op.Output {
	path := p.given[option]
	if path == "-" {
		path = "./-"
	}
	return op.Output{Path: path, Force: true}
}

// receive takes the certificate for a request. Without its whole chain the certificate is stored all the same, with an error.
func (p *program) receive() error {
	isDefault, err := p.isDefault()
	if err != nil {
		return err
	}
	if err := p.checkFormat(); err != nil {
		return err
	}
	return p.with(func(s *op.Session) error {
		o := issuing.Receive{Files: []string{p.given["file"]}, Label: p.label(), Default: isDefault, TrustOwn: true}
		received, err := op.One(p.ctx, s, o)
		if err == nil && !received.Complete {
			err = &failure{
				status: 146,
				why: fmt.Sprintf(
					"the certificate was received as %q, but its issuer is missing or not trusted: %s; add it with -cert -add",
					received.Label,
					cmp.Or(received.Missing, received.UntrustedRoot),
				),
			}
		}
		return err
	})
}

func (p *program) isDefault() (bool, error) {
	if !p.has("default_cert") {
		return false, nil
	}
	isDefault, err := readTruth(p.given["default_cert"])
	if err != nil {
		return false, &failure{status: 65, why: "-default_cert is yes or no"}
	}
	return isDefault, nil
}

// validate checks chains by RFC 5280 as strictly as GSKit's -validate does.
func (p *program) validate() error {
	return p.with(func(s *op.Session) error {
		labels := []string{p.label()}
		if labels[0] == "" {
			found, err := p.entriesOf(s, personal, trusted)
			if err != nil {
				return err
			}
			labels = nil
			for _, e := range found {
				labels = append(labels, e.Label)
			}
			if len(labels) == 0 {
				return nil
			}
		}
		result, err := inspect.Validate{Labels: labels, MaxDepth: -1, AllowWeak: true, TrustOwn: true}.Run(p.ctx, s)
		if err != nil && !result.Valid && len(result.Results) > 0 {
			return &failure{status: validationStatus(result), why: err.Error(), err: err}
		}
		return err
	})
}

// validationStatus is that of the first failure.
func validationStatus(result inspect.Validated) int {
	for _, r := range result.Results {
		for _, chain := range r.Chains {
			for _, f := range chain.Failures {
				return ruleStatus(f.Rule)
			}
		}
		if !r.Valid {
			return 146
		}
	}
	return 43
}

// ruleStatus is the status for a rule of package path that was broken.
func ruleStatus(rule string) int {
	switch rule {
	case "basic-constraints", "path-length":
		return 52
	case "validity":
		return 47
	case "revoked":
		return 55
	case "no-issuer", "untrusted", "name-chaining", "depth":
		return 146
	}
	return 43
}

// writeText writes a text file over one that is there; secret ones are for their owner alone.
func (p *program) writeText(out op.Output, secret bool, text string) error {
	return out.Write(p.env, secret, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

// startsWithPEM says that a file is text with an armour.
func startsWithPEM(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, _ := io.ReadFull(f, head) // a shorter file is no error
	return strings.Contains(string(head[:n]), "-----BEGIN ")
}
