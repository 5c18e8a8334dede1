package gskcapi

import (
	"fmt"
	"slices"
	"strings"
)

// complete checks the options against the action's table.
func (p *program) complete() error {
	known := slices.Concat(modifiers, p.action.more)
	for _, u := range p.action.usage {
		known = append(known, u.names()...)
	}
	for name := range p.given {
		if why := options()[name].unsupported; why != "" {
			return notSupported("option -%s: %s", name, why)
		}
		if !slices.Contains(known, name) {
			return &failure{status: 80, why: fmt.Sprintf("option -%s does not belong to -%s -%s", name, p.object, p.action.name)}
		}
	}
	for _, u := range p.action.usage {
		if u.need == required && !slices.ContainsFunc(u.names(), p.has) {
			return &failure{status: 65, why: fmt.Sprintf("option %s is missing", u.option)}
		}
	}
	for _, pair := range [][2]string{{"pw", "stashed"}, {"target_pw", "target_stashed"}, {"pw", "genpw"}, {"populate", "empty"}} {
		if p.has(pair[0]) && p.has(pair[1]) && !p.meansOther(pair[1]) {
			return &failure{status: 65, why: fmt.Sprintf("-%s and -%s exclude each other", pair[0], pair[1])}
		}
	}
	if p.action.name == "list" && p.filter != "" && !slices.Contains(filters, p.filter) {
		return &failure{status: 65, why: fmt.Sprintf("-list shows %s, not %q", strings.Join(filters, ", "), p.filter)}
	}
	return nil
}

// meansOther says that -stashed means something else than the source of the password: the stash of a new database, and for an import the
// password of the target where that of the source is given.
func (p *program) meansOther(option string) bool {
	return option == "stashed" && (p.action.name == "import" && !p.has("target_pw") || p.object == "keydb" && p.action.name == "create")
}

// usage is the block that IBM's tool prints behind each failure, and for -?.
func (p *program) usage() string {
	var b strings.Builder
	switch {
	case p.object == "" || p.object == "help":
		b.WriteString("-Command usage-\n")
		for _, object := range objectNames() {
			line := fmt.Sprintf("%-21s %s", object, strings.Join(actionNames(strings.TrimPrefix(object, "-")), " "))
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	case p.action == nil:
		fmt.Fprintf(&b, "-Command usage-\n-%-20s %s\n", p.object, strings.Join(actionNames(p.object), " "))
	default:
		b.WriteString("-Command usage-\n")
		if p.action.lead != "" {
			b.WriteString(p.action.lead + "\n")
		}
		for _, u := range p.action.usage {
			fmt.Fprintf(&b, "%s\n", strings.TrimRight(fmt.Sprintf("%-21s %s %s", u.option, u.need, u.note), " "))
		}
	}
	return b.String()
}

// names are the canonical names of the options that a line of the usage is about.
func (u use) names() []string {
	var names []string
	for word := range strings.SplitSeq(u.option, "|") {
		names = append(names, canonical(strings.TrimSpace(word)))
	}
	return names
}
