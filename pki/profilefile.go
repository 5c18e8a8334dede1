package pki

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/zmap/zlint/v3/lint"
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
		return nil, fmt.Errorf("%w: %w", ErrParse, err)
	}
	signing, _ := memberOf(all, "signing").(map[string]any)
	profiles, _ := memberOf(signing, "profiles").(map[string]any)
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

// checkMembers looks for unknown members in a profile, or in the object that is its member within.
func checkMembers(within string, object map[string]any) error {
	known := profileMembers()[within]
	for _, member := range slices.Sorted(maps.Keys(object)) {
		i := slices.IndexFunc(known, func(name string) bool { return strings.EqualFold(name, member) })
		if i < 0 {
			return fmt.Errorf("%w: cfssl knows no member %q; %s", ErrParse, member, meant(member, known))
		}
		inner, isObject := object[member].(map[string]any)
		if _, has := profileMembers()[known[i]]; within != "" || !has || !isObject {
			continue
		}
		if err := checkMembers(known[i], inner); err != nil {
			return fmt.Errorf("%s: %w", member, err)
		}
	}
	return nil
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

// lintWord replaces a number in lint_error_level by zlint's word for it. The levels below "pass" would refuse every certificate; cfssl calls
// them reserved.
func lintWord(profile map[string]any) error {
	for member, value := range profile {
		if !strings.EqualFold(member, "lint_error_level") {
			continue
		}
		level, known := lint.StatusLabelToLintStatus[fmt.Sprint(value)]
		if number, isNumber := value.(json.Number); isNumber {
			n, err := strconv.Atoi(number.String())
			level, known = lint.LintStatus(n), err == nil && n >= 0 && n <= int(lint.Fatal)
		}
		if !known || level != lint.Reserved && level < lint.Pass {
			return fmt.Errorf("%w: lint_error_level %v; there are 0 for no linting and 3 to 7", ErrParse, value)
		}
		profile[member] = level.String()
	}
	return nil
}

// lintProfile refuses a certificate for which the profile's linting finds more than it lets pass.
func (p Profile) lintProfile(der []byte) error {
	if p.lintAbove == lint.Reserved {
		return nil
	}
	results, err := zlintResults(der, p.lintRules)
	if err != nil {
		return err
	}
	var broken []string
	for _, name := range slices.Sorted(maps.Keys(results)) {
		if results[name].Status > p.lintAbove {
			broken = append(broken, name)
		}
	}
	if len(broken) > 0 {
		return fmt.Errorf("%w: profile %s lints what it issues, and the certificate breaks %s", ErrRefused, p.Name, strings.Join(broken, ", "))
	}
	return nil
}
