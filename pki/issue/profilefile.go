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

// checkConfig refuses members of profiles that nobody would look at, and returns the text as cfssl reads it: its documentation has numbers
// for lint_error_level, and its parser zlint's words.
func checkConfig(text []byte) ([]byte, error) {
	var all map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&all); err != nil {
		return nil, fmt.Errorf("%w: %w", pki.ErrParse, err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: something follows the JSON object", pki.ErrParse)
	}
	signing, _ := memberOf(all, "signing").(map[string]any)
	profiles, _ := memberOf(signing, "profiles").(map[string]any)
	if err := errors.Join(checkSpellings(all), checkSpellings(signing)); err != nil {
		return nil, err
	}
	byName := map[string]any{"default": memberOf(signing, "default")}
	maps.Copy(byName, profiles)
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		profile, _ := byName[name].(map[string]any)
		if err := checkMembers("", profile); err != nil {
			return nil, fmt.Errorf("profile %q: %w", name, err)
		}
		if err := lintWord(profile); err != nil {
			return nil, fmt.Errorf("profile %q: %w", name, err)
		}
		if err := checkDates(profile); err != nil {
			return nil, fmt.Errorf("profile %q: %w", name, err)
		}
	}
	return json.Marshal(all)
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

// meant names the member that is written nearly so, or all of them.
func meant(member string, known []string) string {
	plain := strings.NewReplacer("_", "", "-", "")
	for _, name := range known {
		if strings.EqualFold(plain.Replace(member), plain.Replace(name)) {
			return "it is " + name
		}
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

// checkDates refuses an end before the beginning, at which cfssl panics.
func checkDates(profile map[string]any) error {
	from, errFrom := time.Parse(time.RFC3339, fmt.Sprint(memberOf(profile, "not_before")))
	to, errTo := time.Parse(time.RFC3339, fmt.Sprint(memberOf(profile, "not_after")))
	if errFrom == nil && errTo == nil && !to.After(from) { // cfssl refuses what is not a time
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
