package native

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/inspect"
	"certkdb/commands/op/issuing"
	"certkdb/commands/op/sessions"
	"certkdb/commands/op/trust"
	"certkdb/kdb"
	"certkdb/pki/issue"
	"certkdb/pki/key"
	"certkdb/pki/lint"
	"certkdb/pki/path"
)

// wordsOf are the words that an option of a command takes, from the code that reads them; nil if it takes anything else. A list takes
// several of them with commas between. The command is named with those above it.
func wordsOf(env *op.Env, command, option string) (words []string, list bool) {
	switch option {
	case flagColumns:
		if command == "issued" {
			return columnNames(issuedColumns()), true
		}
		return columnNames(entryColumns()), true
	case "ku":
		return issue.KeyUsageNames(), true
	case "eku":
		return append(issue.ExtKeyUsageNames(), issue.Purposes()...), true
	case "san":
		if slices.Contains([]string{"create", "request", "sign"}, command) { // others look for a text in it
			return withColons(issue.SANTypes()), false
		}
	case "permit", "exclude":
		return withColons(issue.ConstraintTypes()), false
	case flagOutput:
		return formatsOf(command), false
	case "profile":
		return profilesOf(env, command), false
	}
	return choices(env, command, option), false
}

// choices are the words of options that take one word.
func choices(env *op.Env, command, option string) []string {
	switch option {
	case "key-type":
		return key.Types()
	case "sort":
		return inspect.SortFields()
	case "kind":
		return inspect.Kinds()
	case "purpose":
		return inspect.Purposes()
	case "reason":
		return issuing.Reasons()
	case "existing":
		return entries.ExistingRules()
	case "starttls":
		return sessions.Protocols()
	case "min-tls":
		return tlsVersionNames()
	case "type":
		return kdb.Creatable(env.Drivers)
	case "expect":
		return inspect.Expectations(env.Drivers)
	case "format":
		if command == "crl" {
			return []string{formatPEM, formatDER}
		}
		return entries.Formats(env.Drivers)
	case "to", "from":
		if command == "export" {
			return trust.Kinds()
		}
	}
	return nil
}

// profilesOf are what --profile means: rules, purposes of certificates, or how a key store is written.
func profilesOf(env *op.Env, command string) []string {
	var names []string
	switch command {
	case "validate":
		return path.Profiles()
	case "lint":
		return lint.RuleSets()
	case "create", "request", "sign":
		for _, p := range issue.Profiles() {
			names = append(names, p.Name)
		}
		return names
	}
	for i := range env.Drivers {
		names = append(names, env.Drivers[i].Profiles...)
	}
	return names
}

func withColons(words []string) []string {
	for i := range words {
		words[i] += ":"
	}
	return words
}

// sourcesOf are the beginnings of password sources.
func sourcesOf() []string {
	var words []string
	for _, form := range passwordForms {
		kind, _, valued := strings.Cut(form, ":")
		if valued {
			kind += ":"
		}
		words = append(words, kind)
	}
	return words
}

// placeholder is what an option's value is called in its help: FILE, LABEL, SRC …
func placeholder(f cli.Flag) string {
	documented, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return ""
	}
	_, rest, _ := strings.Cut(documented.GetUsage(), "`")
	name, _, _ := strings.Cut(rest, "`")
	return name
}
