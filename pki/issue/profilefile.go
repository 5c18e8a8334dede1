package issue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"certkdb/pki"
	"certkdb/pki/lint"
)

// profileMembers are what a profile of a configuration file may have: the names that cfssl's config.SigningProfile reads. Encoding/json
// ignores other ones, so that a misspelt white list would allow everything; here they are refused.
func profileMembers() map[string][]string {
	return map[string][]string{
		"": {
			"usages", "issuer_urls", "ocsp_url", "crl_url", "ca_constraint", "ocsp_no_check", "expiry", "backdate", "auth_key", "prev_auth_key",
			"copy_extensions", "remote", "auth_remote", "not_before", "not_after", "name_whitelist", "ct_log_servers", "allowed_extensions",
			"cert_store", "lint_error_level", "ignored_lints", "ignored_lint_sources", "policies", "CSRWhitelist", "ClientProvidesSerialNumbers",
		},
		"ca_constraint": {"is_ca", "max_path_len", "max_path_len_zero"},
		"auth_remote":   {"remote", "auth_key"},
		"policies":      {"ID", "Qualifiers"},
		"Qualifiers":    {"Type", "Value"},
		"CSRWhitelist": {
			"Subject", "PublicKeyAlgorithm", "PublicKey", "SignatureAlgorithm", "DNSNames", "IPAddresses", "EmailAddresses", "URIs",
		},
	}
}

// configFile is a configuration before cfssl reads it.
type configFile struct {
	all      map[string]any
	signing  map[string]any
	profiles map[string]any // by name
	fallback any            // the default profile
}

// splitConfig reads the JSON of a configuration.
func splitConfig(text []byte) (*configFile, error) {
	f := &configFile{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&f.all); err != nil {
		at := int64(len(text))
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = min(max(e.Offset-1, 0), at)
		}
		return nil, fmt.Errorf("%w: line %d: %w", pki.ErrParse, lineAt(text, at), err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: something follows the JSON object", pki.ErrParse)
	}
	if err := checkTwice(text); err != nil {
		return nil, err
	}
	signing, isObject := memberOf(f.all, "signing").(map[string]any)
	if !isObject {
		return nil, fmt.Errorf("%w: it has no member signing that is an object", pki.ErrParse)
	}
	profiles := memberOf(signing, "profiles")
	f.signing, f.fallback = signing, memberOf(signing, "default")
	if f.profiles, isObject = profiles.(map[string]any); !isObject && profiles != nil {
		return nil, fmt.Errorf("%w: the member profiles is not an object", pki.ErrParse)
	}
	if _, found := f.profiles[""]; found {
		return nil, fmt.Errorf("%w: a profile has an empty name", pki.ErrParse)
	}
	return f, errors.Join(checkSpellings(f.all), checkSpellings(f.signing))
}

// checkTwice refuses objects in which a member is there twice: encoding/json would read the last one and say nothing (RFC 8259, section 4
// leaves it open). The text is known to be JSON.
func checkTwice(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	var open []map[string]bool // the members of the objects around the current place; nil for a list
	atName := false
	for {
		token, err := decoder.Token()
		if err != nil { // the end
			return nil
		}
		switch token {
		case json.Delim('{'):
			open = append(open, map[string]bool{})
		case json.Delim('['):
			open = append(open, nil)
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		default:
			member, _ := token.(string)
			if atName && open[len(open)-1][member] {
				return fmt.Errorf("%w: line %d: the member %q is there twice", pki.ErrParse, lineAt(text, decoder.InputOffset()), member)
			} else if atName {
				open[len(open)-1][member] = true
				atName = false
				continue
			}
		}
		atName = len(open) > 0 && open[len(open)-1] != nil
	}
}

// lineAt is the number of the line in which a place in a text is.
func lineAt(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:offset], []byte("\n"))
}

// with returns the configuration with one named profile and the default one, or with that alone, as cfssl reads it: its documentation has
// numbers for lint_error_level, and its parser zlint's words. Members that nobody would look at are refused.
func (f *configFile) with(name string) ([]byte, error) {
	signing := map[string]any{}
	fallback := f.fallback
	if err := checkProfile(fallback, false); err != nil {
		if name == "" {
			return nil, err
		}
		fallback = urlsOf(fallback)
	}
	if fallback != nil {
		signing["default"] = fallback
	}
	if name != "" {
		if _, ok := f.profiles[name].(map[string]any); !ok {
			return nil, fmt.Errorf("%w: it is not a JSON object", pki.ErrParse) // cfssl does not survive null
		}
		if err := checkProfile(f.profiles[name], true); err != nil {
			return nil, err
		}
		signing["profiles"] = map[string]any{name: f.profiles[name]}
	}
	all := map[string]any{}
	for member, value := range f.all {
		if !strings.EqualFold(member, "signing") {
			all[member] = value
		}
	}
	all["signing"] = signing
	return json.Marshal(all)
}

// urlsOf is a default profile with nothing but what others take from it.
func urlsOf(fallback any) map[string]any {
	profile, _ := fallback.(map[string]any)
	kept := map[string]any{"usages": []string{"signing"}, "expiry": "1h"}
	for _, member := range []string{"issuer_urls", "ocsp_url", "crl_url"} {
		if value := memberOf(profile, member); value != nil {
			kept[member] = value
		}
	}
	return kept
}

// checkProfile refuses a profile that cfssl would misread or refuse without saying why. Named profiles need usages.
func checkProfile(value any, named bool) error {
	profile, _ := value.(map[string]any)
	if profile == nil {
		return nil // cfssl has a default profile of its own
	}
	if err := checkMembers("", profile); err != nil {
		return err
	}
	if err := lintWord(profile); err != nil {
		return err
	}
	if err := checkDates(profile); err != nil {
		return err
	}
	return checkValues(profile, named)
}

// memberOf finds a member as encoding/json does: whatever the case of its name.
func memberOf(object map[string]any, name string) any {
	for key, value := range object {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return nil
}

// checkSpellings refuses members that differ by case alone: encoding/json reads both into one, and here only one would be looked at.
func checkSpellings(object map[string]any) error {
	seen := map[string]string{}
	for _, member := range slices.Sorted(maps.Keys(object)) {
		folded := strings.ToLower(member)
		if other, twice := seen[folded]; twice {
			return fmt.Errorf("%w: the members %q and %q are the same", pki.ErrParse, other, member)
		}
		seen[folded] = member
	}
	return nil
}

// checkMembers looks for unknown members in a profile, or in the object that is its member within.
func checkMembers(within string, object map[string]any) error {
	if err := checkSpellings(object); err != nil {
		return err
	}
	known := profileMembers()[within]
	for _, member := range slices.Sorted(maps.Keys(object)) {
		i := slices.IndexFunc(known, func(name string) bool { return strings.EqualFold(name, member) })
		if i < 0 {
			return fmt.Errorf("%w: cfssl knows no member %q; %s", pki.ErrParse, member, meant(member, known))
		}
		if _, has := profileMembers()[known[i]]; !has {
			continue
		}
		for _, inner := range objectsIn(object[member]) {
			if err := checkMembers(known[i], inner); err != nil {
				return fmt.Errorf("%s: %w", member, err)
			}
		}
	}
	return nil
}

// objectsIn is a value that is an object, or a list of them.
func objectsIn(value any) (objects []map[string]any) {
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	for _, item := range list {
		if object, ok := item.(map[string]any); ok {
			objects = append(objects, object)
		}
	}
	return objects
}

// meant names the one of the known names that is written nearly so, or all of them.
func meant(text string, known []string) string {
	letters := func(s string) string {
		list := []byte(strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(s)))
		slices.Sort(list)
		return string(list)
	}
	word, _, several := strings.Cut(text, " ")
	var begins []string
	for _, name := range known {
		if letters(text) == letters(name) {
			return "it is " + name
		}
		if several && len(word) > 3 && strings.HasPrefix(name, word+" ") {
			begins = append(begins, name)
		}
	}
	if len(begins) == 1 {
		return "it is " + begins[0]
	}
	return "there are " + strings.Join(known, ", ")
}

// lintWord writes lint_error_level as cfssl's parser wants it.
func lintWord(profile map[string]any) error {
	for member, value := range profile {
		if !strings.EqualFold(member, "lint_error_level") {
			continue
		}
		word, ok := lint.Level(value)
		if !ok {
			return fmt.Errorf("%w: lint_error_level %v; there are 0 for no linting and 3 to 7", pki.ErrParse, value)
		}
		profile[member] = word
	}
	return nil
}

// checkDates refuses what is not a time, and an end before the beginning, at which cfssl panics.
func checkDates(profile map[string]any) error {
	var from, to time.Time
	for _, end := range []struct {
		member string
		into   *time.Time
	}{{"not_before", &from}, {"not_after", &to}} {
		value := memberOf(profile, end.member)
		if value == nil {
			continue
		}
		var err error
		if *end.into, err = time.Parse(time.RFC3339, fmt.Sprint(value)); err != nil {
			return fmt.Errorf("%w: %s is %q, not a time such as 2030-01-31T00:00:00Z", pki.ErrParse, end.member, fmt.Sprint(value))
		}
	}
	if !from.IsZero() && !to.IsZero() && !to.After(from) {
		return fmt.Errorf("%w: not_after %s is not after not_before %s", pki.ErrParse, stamp(to), stamp(from))
	}
	return nil
}

// lintProfile refuses a certificate for which the profile's linting finds more than it lets pass.
func (p Profile) lintProfile(program lint.Program, der []byte) error {
	broken, err := p.gate.Broken(program, der)
	if err != nil {
		return err
	}
	if len(broken) > 0 {
		return fmt.Errorf("%w: profile %s lints what it issues, and the certificate breaks %s", pki.ErrRefused, p.Name,
			strings.Join(broken, ", "))
	}
	return nil
}
