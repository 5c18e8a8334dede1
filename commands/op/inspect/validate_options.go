package inspect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"certkdb/commands/op"
	"certkdb/commands/op/input"
	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/oid"
	"certkdb/pki/path"
)

// Purposes are the names that Validate.Purpose may have.
func Purposes() []string { return issue.Purposes() }

// purposeNamed is the identifier that a name stands for, or itself if it is one; "" if it is neither.
func purposeNamed(name string) string {
	if id := issue.PurposeNamed(name); id != "" {
		return id
	}
	if _, err := oid.Encode(name); err != nil {
		return ""
	}
	return name
}

func (o Validate) options(env *op.Env) (path.Options, error) {
	options := path.Options{
		Time: env.Now(), PartialChain: o.PartialChain, Limits: path.Limits{Depth: max(o.MaxDepth, 0), NoIntermediates: o.MaxDepth == 0},
		UsageForPurpose: true,
	}
	if o.MaxDepth < -1 {
		return options, &op.Invalid{Field: op.FieldMaxDepth, Value: o.MaxDepth, Reason: "a chain has 0 intermediate certificates or more"}
	}
	at, err := op.ParseTime(op.FieldAt, o.At)
	if err != nil {
		return options, err
	}
	if !at.IsZero() {
		options.Time = at
	}
	if o.OnlyThese && len(o.Trust) == 0 {
		return options, op.Mark(op.NothingTrusted, &op.Conflict{Fields: []op.Field{op.FieldOnlyTrust}, Reason: "nothing is trusted then"})
	}
	for _, set := range []func(*path.Options) error{o.setPolicies, o.setName, o.setPurpose, o.setProfile} {
		if err := set(&options); err != nil {
			return options, err
		}
	}
	if !o.AllowWeak {
		options.Weak = path.Modern()
	}
	return options, o.readCRLs(env, &options)
}

func (o Validate) setPolicies(options *path.Options) error {
	options.Policies = path.Policies{
		Initial: slices.Clone(o.Policies), ExplicitPolicy: o.ExplicitPolicy, InhibitMapping: o.InhibitMapping, InhibitAnyPolicy: o.InhibitAny,
	}
	for i, p := range o.Policies {
		if p == "any" {
			options.Policies.Initial[i] = cert.AnyPolicy
		} else if _, err := oid.Encode(p); err != nil {
			return &op.Invalid{Field: op.FieldPolicy, Value: p, Reason: "not a dotted identifier", Wanted: "for example 2.23.140.1.2.1, or any"}
		}
	}
	return nil
}

// setName tells the forms of --host apart.
func (o Validate) setName(options *path.Options) error {
	if strings.Contains(o.Host, "@") {
		options.Emails = []string{o.Host}
		return nil
	}
	options.Host = o.Host
	_, err := netip.ParseAddr(strings.Trim(o.Host, "[]"))
	if err != nil && strings.ContainsAny(o.Host, "/: \t") {
		return &op.Invalid{
			Field: op.FieldHost, Value: o.Host, Reason: "not a host name, IP address or e-mail address",
			Wanted: "give the name alone, without scheme, port and path",
		}
	}
	return nil
}

// setPurpose takes a name's usual purpose if none is given.
func (o Validate) setPurpose(options *path.Options) error {
	switch {
	case o.Purpose == "" && len(options.Emails) > 0:
		options.Purpose = path.EmailProtection
	case o.Purpose == "" && o.Host != "":
		options.Purpose = path.ServerAuth
	case o.Purpose != "":
		if options.Purpose = purposeNamed(o.Purpose); options.Purpose == "" {
			return &op.Invalid{
				Field: op.FieldPurpose, Value: o.Purpose, Reason: "use " + strings.Join(Purposes(), ", ") + " or a dotted identifier",
			}
		}
	}
	return nil
}

func (o Validate) setProfile(options *path.Options) error {
	if o.Profile == "" {
		return nil
	}
	var known bool
	if options.Profile, known = path.ParseProfile(o.Profile); !known {
		return &op.Invalid{Field: op.FieldProfile, Value: o.Profile, Reason: "use " + op.Choice(path.Profiles())}
	}
	return nil
}

func (o Validate) readCRLs(env *op.Env, options *path.Options) error {
	for _, file := range o.CRLs {
		var failed error
		before := len(options.CRLs)
		err := input.EachItem(env, file, func(item pem.Item) {
			if item.Kind != pem.RevocationSet || failed != nil {
				return
			}
			var list *cert.CRL
			if list, failed = cert.ParseCRL(item.DER); failed == nil {
				options.CRLs = append(options.CRLs, list)
			}
		})
		if err == nil && failed != nil {
			err = fmt.Errorf("reading %q: %w: %w", file, kdb.ErrParse, failed)
		}
		if err == nil && len(options.CRLs) == before {
			err = fmt.Errorf("reading %q: %w: no revocation list is in it", file, kdb.ErrParse)
		}
		if err != nil {
			return err
		}
	}
	options.RequireCRLs = len(o.CRLs) > 0
	return nil
}
