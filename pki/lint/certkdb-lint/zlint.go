package main

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
)

// maxDetail is how much of a certificate a finding repeats.
const maxDetail = 1000

// retired are names of rules in zlint v3.5.0 that newer versions renamed or dropped. Profile files may still ignore them.
var retired = map[string]string{
	"e_ext_authority_key_identifier_missing": "",
	"w_ct_sct_policy_count_unsatisfied":      "n_ct_sct_policy_count_unsatisfied",
	"w_qcstatem_qctype_web":                  "e_qcstatem_qctype_web",
}

// choose returns the rules that a request is about.
func choose(asked request) (lint.Registry, error) {
	sources, err := sourceList(asked.Sources)
	if err != nil {
		return nil, err
	}
	ignored, err := sourceList(asked.IgnoreSources)
	if err != nil {
		return nil, err
	}
	options := lint.FilterOptions{IncludeSources: sources, ExcludeSources: ignored}
	for _, name := range asked.Ignore {
		if current, old := retired[name]; old {
			name = current
		}
		if name != "" {
			options.ExcludeNames = append(options.ExcludeNames, name)
		}
	}
	return lint.GlobalRegistry().Filter(options)
}

func sourceList(names []string) (sources lint.SourceList, err error) {
	for _, name := range names {
		var source lint.LintSource
		source.FromString(name)
		if source == lint.UnknownLintSource && name != string(lint.RFC6960) { // FromString does not know it
			return nil, fmt.Errorf("no rules have the source %q", name)
		}
		sources = append(sources, lint.LintSource(name))
	}
	return sources, nil
}

// findings returns the rules that a certificate breaks, the worst first.
func findings(der []byte, rules lint.Registry) ([]finding, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	found := []finding{}
	for name, result := range zlint.LintCertificateEx(c, rules).Results {
		if result.Status < lint.Notice {
			continue
		}
		rule := result.LintMetadata
		found = append(found, finding{
			Rule: name, Severity: int(result.Status), Source: string(rule.Source), Section: rule.Citation, What: rule.Description,
			Detail: cut(result.Details),
		})
	}
	slices.SortFunc(found, func(a, b finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), strings.Compare(a.Rule, b.Rule))
	})
	return found, nil
}

func cut(detail string) string {
	if len(detail) <= maxDetail {
		return detail
	}
	return strings.ToValidUTF8(detail[:maxDetail], "") + "…"
}

// linterName is the linter and its version, as the program was built with.
func linterName() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/zmap/zlint/v3" {
				return "zlint " + module.Version
			}
		}
	}
	return "zlint"
}
