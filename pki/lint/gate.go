package lint

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/zmap/zlint/v3/lint"
)

// Gate is what a cfssl profile demands of what it issues: lint_error_level and ignored_lints. The zero Gate lets everything pass.
type Gate struct {
	above lint.LintStatus // what is worse is not issued; Reserved for no linting
	rules lint.Registry
}

// NewGate makes the gate of a profile out of the fields that cfssl reads.
func NewGate(above lint.LintStatus, rules lint.Registry) Gate { return Gate{above, rules} }

// Broken names the rules for which the gate does not let a certificate pass.
func (g Gate) Broken(der []byte) ([]string, error) {
	if g.above == lint.Reserved {
		return nil, nil
	}
	found, err := results(der, g.rules)
	if err != nil {
		return nil, err
	}
	var broken []string
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if found[name].Status > g.above {
			broken = append(broken, name)
		}
	}
	return broken, nil
}

// Level is zlint's word for the value of lint_error_level: cfssl's documentation has numbers, and its parser wants the words. The levels
// below "pass" would refuse every certificate; cfssl calls them reserved.
func Level(value any) (word string, ok bool) {
	level, ok := lint.StatusLabelToLintStatus[fmt.Sprint(value)]
	if number, isNumber := value.(json.Number); isNumber {
		n, err := strconv.Atoi(number.String())
		level, ok = lint.LintStatus(n), err == nil && n >= 0 && n <= int(lint.Fatal)
	}
	if !ok || level != lint.Reserved && level < lint.Pass {
		return "", false
	}
	return level.String(), true
}
