package lint

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Gate is what a cfssl profile demands of what it issues: lint_error_level, ignored_lints and ignored_lint_sources. The zero Gate lets
// everything pass.
type Gate struct {
	above int // findings of a higher severity are not issued; 0 for no linting
	rules rules
}

// NewGate makes the gate of a profile out of the fields that cfssl reads.
func NewGate(above int, ignored, ignoredSources []string) Gate {
	return Gate{above, rules{Ignore: ignored, IgnoreSources: ignoredSources}}
}

// Broken names the rules for which the gate does not let a certificate pass, in the order of the alphabet.
func (g Gate) Broken(program Program, der []byte) ([]string, error) {
	if g.above == 0 {
		return nil, nil
	}
	findings, err := program.findings(der, g.rules)
	if err != nil {
		return nil, err
	}
	var broken []string
	for _, f := range findings {
		if int(f.Severity) > g.above {
			broken = append(broken, f.Name)
		}
	}
	slices.Sort(broken)
	return broken, nil
}

// levels are zlint's words for the values of lint_error_level, at their numbers. Those below "pass" would refuse every certificate; cfssl
// calls them reserved.
var levels = []string{"reserved", "", "", "pass", "info", "warn", "error", "fatal"}

// Level is zlint's word for the value of lint_error_level: cfssl's documentation has numbers, and its parser wants the words.
func Level(value any) (word string, ok bool) {
	word = fmt.Sprint(value)
	if number, isNumber := value.(json.Number); isNumber {
		n, err := strconv.Atoi(number.String())
		if err != nil || n < 0 || n >= len(levels) {
			return "", false
		}
		word = levels[n]
	}
	return word, word != "" && slices.Contains(levels, word)
}
