package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"certkdb/scripts/limbo"
)

// verdict is what path validation says on one case.
type verdict struct {
	id, tier         string
	features         []string
	expected, actual string
	reason           string
}

// chainScores counts the verdicts by suite and tier, and by feature.
type chainScores struct {
	mu     sync.Mutex
	counts map[chainKey]*chainCount
}

// chainKey names a line of the report; without a suite it is one of all cases with a feature.
type chainKey struct{ suite, tier, feature string }

type chainCount struct{ agreed, scored, falseAccepts, falseRejects int }

// chains scores a suite of certificate chains. The program has no options for all that its cases ask for, so package path is called
// directly.
func (s *scorer) chains(r *row) ([]problem, error) {
	f, err := os.Open(s.path(r))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	suite, err := limbo.Load(f)
	if err != nil {
		return []problem{r.problem("%v", err)}, nil
	}
	var problems []problem
	for i := range suite.Cases {
		v := judgeCase(&suite.Cases[i])
		s.chainScores.add(strings.TrimSuffix(path.Base(r.Path), ".json"), &v)
		if v.actual != v.expected {
			problems = append(problems, problem{r.Path, v.id, "it says " + v.actual + ", not " + v.expected + ": " + v.reason})
		}
	}
	return problems, nil
}

func judgeCase(c *limbo.Case) verdict {
	v := verdict{id: c.ID, tier: c.Tier, features: c.Features, expected: c.ExpectedResult, actual: "SUCCESS"}
	result, err := c.Run(time.Now())
	if err == nil {
		err = result.Err()
	}
	if err != nil {
		v.actual, v.reason = "FAILURE", err.Error()
	}
	return v
}

func (c *chainScores) add(suite string, v *verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[chainKey]*chainCount{}
	}
	keys := []chainKey{{suite, cmp.Or(v.tier, "-"), ""}}
	for _, feature := range v.features {
		keys = append(keys, chainKey{feature: feature})
	}
	for _, key := range keys {
		n := c.counts[key]
		if n == nil {
			n = &chainCount{}
			c.counts[key] = n
		}
		n.scored++
		switch {
		case v.actual == v.expected:
			n.agreed++
		case v.actual == "SUCCESS":
			n.falseAccepts++
		default:
			n.falseRejects++
		}
	}
}

// print writes a line for each suite and tier, and for each feature.
func (c *chainScores) print(w io.Writer) {
	keys := slices.SortedFunc(maps.Keys(c.counts), func(a, b chainKey) int {
		return cmp.Or(strings.Compare(b.suite, a.suite), strings.Compare(a.tier, b.tier), strings.Compare(a.feature, b.feature))
	})
	for _, key := range keys {
		n := c.counts[key]
		name := fmt.Sprintf("chains %-16s %-13s", key.suite, key.tier)
		if key.suite == "" {
			name = fmt.Sprintf("chains with %-25s", key.feature)
		}
		fmt.Fprintf(w, "%s %5d of %d, %d falsely accepted, %d falsely refused\n", name, n.agreed, n.scored, n.falseAccepts, n.falseRejects)
	}
}
