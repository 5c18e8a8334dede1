package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// suiteTimeout is how long the program may take for a whole suite of chains, which has thousands of cases.
const suiteTimeout = 4 * time.Minute

// verdict is the program's answer on one case: a line of validate --suite.
type verdict struct {
	ID       string   `json:"id"`
	Tier     string   `json:"tier"`
	Features []string `json:"features"`
	Expected string   `json:"expected"`
	Actual   string   `json:"actual"`
	Reason   string   `json:"reason"`
}

// chainScores counts the verdicts by suite and tier, and by feature.
type chainScores struct {
	mu     sync.Mutex
	counts map[chainKey]*chainCount
}

// chainKey names a line of the report; without a suite it is one of all cases with a feature.
type chainKey struct{ suite, tier, feature string }

type chainCount struct{ agreed, scored, falseAccepts, falseRejects int }

// chains scores a suite of certificate chains, in one run of the program.
func (s *scorer) chains(r *row) ([]problem, error) {
	o, err := s.program.once(call{args: []string{"validate", "--suite", s.path(r)}, limit: suiteTimeout})
	if err != nil {
		return nil, err
	}
	if fault := o.fault(); fault != "" {
		return []problem{r.problem("%s", fault)}, nil
	}
	if o.exit != 0 {
		return []problem{r.problem("exit code %d: %s", o.exit, firstLine(o.stderr))}, nil
	}
	var problems []problem
	for line := range strings.Lines(o.stdout) {
		var v verdict
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			return nil, fmt.Errorf("reading a verdict: %w", err)
		}
		s.chainScores.add(strings.TrimSuffix(path.Base(r.Path), ".json"), &v)
		if v.Actual != v.Expected {
			problems = append(problems, problem{r.Path, v.ID, "it says " + v.Actual + ", not " + v.Expected + ": " + v.Reason})
		}
	}
	return problems, nil
}

func (c *chainScores) add(suite string, v *verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[chainKey]*chainCount{}
	}
	keys := []chainKey{{suite, cmp.Or(v.Tier, "-"), ""}}
	for _, feature := range v.Features {
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
		case v.Actual == v.Expected:
			n.agreed++
		case v.Actual == "SUCCESS":
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
