// Package lint has the types of zlint's package of the same name that cfssl needs to read a profile. A profile's level, its ignored
// rules and sources stay in the fields that cfssl reads; certkdb/pki/lint applies them.
package lint

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// LintStatus is how a certificate fares with a rule, from zlint's lint/result.go.
type LintStatus int

// Those that cfssl names, and the worst.
const (
	Reserved LintStatus = 0
	Fatal    LintStatus = 7
)

// LintResult is how a certificate fared with a rule.
type LintResult struct{ Status LintStatus }

// labels are zlint's words, at the index of the status.
var labels = []string{"reserved", "NA", "NE", "pass", "info", "warn", "error", "fatal"}

// UnmarshalJSON reads zlint's word.
func (s *LintStatus) UnmarshalJSON(data []byte) error {
	var label string
	if err := json.Unmarshal(data, &label); err != nil {
		return err
	}
	i := slices.Index(labels, label)
	if i < 0 {
		return fmt.Errorf("bad LintStatus JSON value: %s", data)
	}
	*s = LintStatus(i)
	return nil
}

// LintSource is where a rule comes from, from zlint's lint/source.go.
type LintSource string

// UnknownLintSource is what FromString makes of a name that is not in zlint's list.
const UnknownLintSource LintSource = "Unknown"

var sources = []LintSource{
	"RFC3279", "RFC5280", "RFC5480", "RFC5891", "RFC6960", "RFC6962", "RFC8813", "CABF_BR", "CABF_CS_BR", "CABF_SMIME_BR", "CABF_EV",
	"Mozilla", "Apple", "Chrome", "Community", "ETSI_ESI",
}

// FromString reads the name of a source.
func (s *LintSource) FromString(name string) {
	*s = LintSource(strings.TrimSpace(name))
	if !slices.Contains(sources, *s) {
		*s = UnknownLintSource
	}
}

// SourceList is a list of sources.
type SourceList []LintSource

// FilterOptions say which rules of a registry remain.
type FilterOptions struct {
	ExcludeNames   []string
	ExcludeSources SourceList
}

// Empty tells whether all remain.
func (f FilterOptions) Empty() bool { return len(f.ExcludeNames)+len(f.ExcludeSources) == 0 }

// Registry would hold the rules.
type Registry interface {
	Filter(FilterOptions) (Registry, error)
}

// GlobalRegistry returns the registry, which is empty.
func GlobalRegistry() Registry { return empty{} }

type empty struct{}

// Filter returns the registry as it is. certkdb-lint refuses unknown names of rules.
func (e empty) Filter(FilterOptions) (Registry, error) { return e, nil }
