package path

import (
	"fmt"
	"slices"

	"certkdb/pki/cert"
)

// policyGraph is the valid_policy_graph of RFC 9618, which replaces the tree of RFC 5280, 6.1.2: a tree grows
// exponentially with mappings, the graph has at most one node for each policy and depth.
type policyGraph struct {
	levels []map[string]*policyNode
	nodes  int
	limit  int
}

type policyNode struct {
	policy   string
	expected []string // expected_policy_set
	parents  []*policyNode
	children int
}

// policyState is what RFC 5280, 6.1.2 (a), (d), (e), (f) initialise.
type policyState struct {
	graph    *policyGraph // nil is the NULL graph
	explicit int
	mapping  int
	inhibit  int
}

func newPolicyState(p Policies, n, limit int) *policyState {
	s := &policyState{explicit: n + 1, mapping: n + 1, inhibit: n + 1}
	root := &policyNode{policy: cert.AnyPolicy, expected: []string{cert.AnyPolicy}}
	s.graph = &policyGraph{levels: []map[string]*policyNode{{cert.AnyPolicy: root}}, limit: limit}
	if p.ExplicitPolicy {
		s.explicit = 0
	}
	if p.InhibitMapping {
		s.mapping = 0
	}
	if p.InhibitAnyPolicy {
		s.inhibit = 0
	}
	return s
}

// process is RFC 5280, 6.1.3 (d) to (f) as RFC 9618, 5.3 rewrites it. policies is nil if the extension is absent;
// anyAllowed says that anyPolicy counts in this certificate.
func (s *policyState) process(policies []cert.Policy, anyAllowed bool) error {
	switch {
	case policies == nil:
		s.graph = nil
	case s.graph != nil:
		if err := s.graph.grow(policies, anyAllowed); err != nil {
			return err
		}
		s.settle()
	}
	if s.explicit == 0 && s.graph == nil {
		return fmt.Errorf("an explicit policy is required and no policy is valid for the whole chain")
	}
	return nil
}

// settle turns a graph without leaves into the NULL graph.
func (s *policyState) settle() {
	s.graph.prune()
	if len(s.graph.last()) == 0 {
		s.graph = nil
	}
}

func (g *policyGraph) last() map[string]*policyNode { return g.levels[len(g.levels)-1] }

func (g *policyGraph) grow(policies []cert.Policy, anyAllowed bool) error {
	above := g.last()
	expected := byExpected(above)
	level := make(map[string]*policyNode, len(policies))
	g.levels = append(g.levels, level)
	hasAny := false
	for _, p := range policies {
		if p.ID == cert.AnyPolicy {
			hasAny = true
			continue
		}
		parents := expected[p.ID]
		if root := above[cert.AnyPolicy]; len(parents) == 0 && root != nil {
			parents = []*policyNode{root}
		}
		if len(parents) > 0 {
			g.add(level, p.ID, parents)
		}
	}
	if hasAny && anyAllowed {
		for p, parents := range expected {
			if level[p] == nil {
				g.add(level, p, parents)
			}
		}
	}
	if g.nodes > g.limit {
		return fmt.Errorf("the policy graph has more than %d nodes", g.limit)
	}
	return nil
}

func (g *policyGraph) add(level map[string]*policyNode, policy string, parents []*policyNode) {
	level[policy] = &policyNode{policy: policy, expected: []string{policy}, parents: parents}
	g.nodes++
	for _, p := range parents {
		p.children++
	}
}

// byExpected lists the nodes of a level by the policies that they expect below them.
func byExpected(level map[string]*policyNode) map[string][]*policyNode {
	index := make(map[string][]*policyNode, len(level))
	for _, node := range level {
		for _, p := range node.expected {
			if list := index[p]; len(list) == 0 || list[len(list)-1] != node {
				index[p] = append(list, node)
			}
		}
	}
	return index
}

// prune deletes the nodes above the last level that have no children (6.1.3 (d)(3)).
func (g *policyGraph) prune() {
	for i := len(g.levels) - 2; i >= 0; i-- {
		for policy, node := range g.levels[i] {
			if node.children == 0 {
				g.remove(g.levels[i], policy)
			}
		}
	}
}

func (g *policyGraph) remove(level map[string]*policyNode, policy string) {
	for _, parent := range level[policy].parents {
		parent.children--
	}
	delete(level, policy)
}

// apply is the part of RFC 5280, 6.1.4 (a), (b) that treats the policy mappings of a CA.
func (s *policyState) apply(mappings []cert.PolicyMapping) error {
	targets := map[string][]string{}
	for _, m := range mappings {
		if m.Issuer == cert.AnyPolicy || m.Subject == cert.AnyPolicy {
			return fmt.Errorf("a policy mapping has anyPolicy in it")
		}
		targets[m.Issuer] = append(targets[m.Issuer], m.Subject)
	}
	if s.graph == nil {
		return nil
	}
	level := s.graph.last()
	for issuer, subjects := range targets {
		switch {
		case s.mapping == 0:
			if level[issuer] != nil {
				s.graph.remove(level, issuer)
			}
		case level[issuer] != nil:
			level[issuer].expected = subjects
		case level[cert.AnyPolicy] != nil:
			s.graph.add(level, issuer, level[cert.AnyPolicy].parents)
			level[issuer].expected = subjects
		}
	}
	s.settle()
	return nil
}

// count is RFC 5280, 6.1.4 (h) to (j): the counters after a certificate that is followed by another.
func (s *policyState) count(selfIssued bool, pc cert.PolicyConstraints, inhibitAny int) {
	if !selfIssued {
		s.explicit, s.mapping, s.inhibit = max(0, s.explicit-1), max(0, s.mapping-1), max(0, s.inhibit-1)
	}
	if pc.RequireExplicit >= 0 {
		s.explicit = min(s.explicit, pc.RequireExplicit)
	}
	if pc.InhibitMapping >= 0 {
		s.mapping = min(s.mapping, pc.InhibitMapping)
	}
	if inhibitAny >= 0 {
		s.inhibit = min(s.inhibit, inhibitAny)
	}
}

// finish is RFC 5280, 6.1.5 (a), (b), (g): it returns the user-constrained policy set.
func (s *policyState) finish(p Policies, pc cert.PolicyConstraints) ([]string, error) {
	s.explicit = max(0, s.explicit-1)
	if pc.RequireExplicit == 0 {
		s.explicit = 0
	}
	set := s.userConstrained(p.Initial)
	if s.explicit == 0 && len(set) == 0 {
		return nil, fmt.Errorf("an explicit policy is required and no acceptable policy is valid for the whole chain")
	}
	return set, nil
}

// userConstrained is RFC 9618, 5.5.
func (s *policyState) userConstrained(initial []string) []string {
	if s.graph == nil {
		return nil
	}
	authority := map[string]bool{}
	for _, level := range s.graph.levels {
		for policy, node := range level {
			if policy != cert.AnyPolicy && slices.ContainsFunc(node.parents, isAnyNode) {
				authority[policy] = true
			}
		}
	}
	hasAny := s.graph.last()[cert.AnyPolicy] != nil
	if len(initial) == 0 || slices.Contains(initial, cert.AnyPolicy) {
		if hasAny {
			authority[cert.AnyPolicy] = true
		}
		return sortedKeys(authority)
	}
	set := map[string]bool{}
	for _, p := range initial {
		if authority[p] || hasAny {
			set[p] = true
		}
	}
	return sortedKeys(set)
}

func isAnyNode(n *policyNode) bool { return n.policy == cert.AnyPolicy }

func sortedKeys(set map[string]bool) []string {
	list := make([]string, 0, len(set))
	for key := range set {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}
