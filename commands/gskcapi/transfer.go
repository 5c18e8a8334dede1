package gskcapi

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/entries"
)

// export copies an entry, or all of them, to another database, which is made if it is not there.
func (p *program) export() error { return p.exportOf(personal, trusted, secretKey) }

func (p *program) exportSecret() error { return p.exportOf(secretKey) }

func (p *program) exportOf(kinds ...string) error {
	return p.with(func(s *op.Session) error {
		labels, err := p.exported(s, kinds)
		if err != nil {
			return err
		}
		to, err := p.newDatabase("target_type", p.given["target"], "pkcs12")
		if err != nil {
			return err
		}
		to.Stash = false
		password, made, err := p.targetPassword(to.DB.Location)
		if err != nil {
			return err
		}
		defer clear(password)
		to.DB.Password.Source = p.source("target_pw", "target_stashed")
		if made {
			to.NewPassword.Source = op.FromBytes(password)
		}
		copied, err := entries.Copy{From: s, Labels: labels, CAKeys: true}.CopyTo(p.ctx, to, false)
		if err != nil {
			return err
		}
		if !copied.HasChanged() {
			return &failure{status: 21, why: "the target has all of it already"}
		}
		return p.renameExported(to, labels)
	})
}

// exported are the labels to be exported. Without -label all entries are; requests stay.
func (p *program) exported(s *op.Session, kinds []string) ([]string, error) {
	if p.label() != "" {
		return []string{p.label()}, p.mustBe(s, p.label(), kinds...)
	}
	found, err := p.entriesOf(s, kinds...)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &failure{status: 117, why: "there is nothing to export"}
	}
	var labels []string
	for _, e := range found {
		labels = append(labels, e.Label)
	}
	return labels, nil
}

// targetPassword gets the password for a target that has to be made.
func (p *program) targetPassword(target string) (password []byte, made bool, err error) {
	if _, err := os.Stat(target); !errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if p.has("target_stashed") {
		return nil, false, &failure{status: 6, id: "CTGSK3026W", text: fmt.Sprintf("The key file %q does not exist or cannot be read.", target)}
	}
	password, err = p.newPassword("target_pw", target)
	return password, true, err
}

// renameExported gives an exported entry its -new_label.
func (p *program) renameExported(to databases.Init, labels []string) error {
	renamed := strings.TrimSpace(p.given["new_label"])
	if renamed == "" {
		return nil
	}
	if len(labels) != 1 {
		return &failure{status: 21, why: "-new_label is for one entry; name it with -label"}
	}
	s, err := op.Open(p.ctx, p.env, to.DB)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = op.One(p.ctx, s, entries.Rename{Label: labels[0], NewLabel: renamed})
	return err
}

// importFrom copies an entry, or all of them, from another database into one that is there. The source is named by -db or -file.
func (p *program) importFrom() error {
	if p.has("db") == p.has("file") {
		return &failure{status: 65, why: "the source is named by -db or by -file"}
	}
	if p.has("file") {
		p.given["db"] = p.given["file"]
	}
	source := p.location()
	if _, err := p.kind("type", "", ""); err != nil {
		return err
	}
	if p.has("type") && startsWithPEM(source) {
		return &failure{
			status: 17,
			why:    fmt.Sprintf("%q is PEM, not %s: use -cert -add for certificates", source, strings.ToUpper(p.given["type"])),
		}
	}
	if _, err := os.Stat(source); err != nil {
		return &failure{status: 6, id: "CTGSK3026W", text: fmt.Sprintf("The key file %q does not exist or cannot be read.", source)}
	}
	if err := p.askOnce(source); err != nil {
		return err
	}
	o := entries.Add{
		Files: []string{source}, SkipKnown: true, Label: strings.TrimSpace(p.given["new_label"]), Trust: startsWithPEM(source),
		InPassword: op.Password{Source: p.source("pw", "stashed"), Field: op.FieldInPassword, AllowEmpty: true},
	}
	if !startsWithPEM(source) {
		if err := p.with(func(s *op.Session) error { return p.choose(s, &o) }); err != nil {
			return err
		}
	}
	return p.importInto(o)
}

// choose says which entries of the source are imported, and under which labels those that have none there. A new label is for the entry
// that -label names, or for the one that it can be meant for.
func (p *program) choose(s *op.Session, o *entries.Add) error {
	found, err := p.entriesOf(s, personal, trusted, secretKey)
	if err != nil {
		return err
	}
	if o.Labels, err = p.nameless(s, found); err != nil {
		return err
	}
	switch {
	case p.label() != "":
		o.Only = p.label() // the session has resolved it
	case o.Label != "":
		o.Only, err = onlyEntry(found)
	}
	return err
}

// askOnce asks for the password of a source that is opened several times.
func (p *program) askOnce(source string) error {
	if p.has("pw") || p.has("stashed") && p.sourceHasStash() || startsWithPEM(source) {
		return nil
	}
	password, err := op.Password{Source: op.FromPrompt(), AllowEmpty: true}.Read(p.env, source)
	p.given["pw"] = string(password)
	return err
}

// onlyEntry is the label of the one personal entry, or of the one entry at all.
func onlyEntry(found []op.Entry) (string, error) {
	personals := slices.DeleteFunc(slices.Clone(found), func(e op.Entry) bool { return e.Kind.String() != personal })
	for _, some := range [][]op.Entry{personals, found} {
		if len(some) == 1 {
			return some[0].Label, nil
		}
	}
	return "", &failure{status: 21, why: "-new_label is for one entry, and the source has several; name one with -label"}
}

// importInto opens the target and adds.
func (p *program) importInto(o entries.Add) error {
	target := op.DB{
		Location:    p.given["target"],
		Password:    op.Password{Source: p.targetSource()},
		LockTimeout: op.DefaultLockTimeout,
	}
	if _, err := p.kind("target_type", "", ""); err != nil {
		return err
	}
	s, err := op.Open(p.ctx, p.env, target)
	if op.ClassOf(err) == op.ClassDatabaseNotFound {
		return &failure{status: 6, id: "CTGSK3026W", text: fmt.Sprintf("The key file %q does not exist or cannot be read.", target.Location)}
	}
	if err != nil {
		return err
	}
	defer s.Close()
	return p.notImported(p.put(s, o, duplicateImport))
}

// targetSource is where the password of an import's target comes from. -stashed, which is about the source, means the target as well if
// nothing else does.
func (p *program) targetSource() op.Source {
	if p.has("stashed") && !p.has("target_pw") {
		return op.FromStash()
	}
	return p.source("target_pw", "target_stashed")
}

// sourceHasStash says that -stashed can be about the source of an import.
func (p *program) sourceHasStash() bool {
	source := p.location()
	_, err := os.Stat(strings.TrimSuffix(source, filepath.Ext(source)) + ".sth")
	return err == nil
}

// notImported is the message about a duplicate in an import (ibm-messaging/mq-container, issue 568).
func (p *program) notImported(err error) error {
	if f, ok := errors.AsType[*failure](err); ok && f.status == duplicateImport {
		f.id, f.text = "CTGSK3046W", fmt.Sprintf("The key file %q could not be imported.", p.given["db"])
	}
	return err
}
