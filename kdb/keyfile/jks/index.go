package jks

import "strings"

// index finds records without looking at each of them. It is made when it is needed first, goes on with every record that is
// added, and is dropped by every other change of labels and aliases.
type index struct {
	labels  map[string]*record   // those that are shown
	aliases map[string][]*record // all, by their alias in lower case
}

func (c *container) index() *index {
	if c.found == nil {
		c.found = &index{labels: make(map[string]*record, len(c.records)), aliases: make(map[string][]*record, len(c.records))}
		for _, r := range c.records {
			c.found.add(r)
		}
	}
	return c.found
}

func (x *index) add(r *record) {
	alias := strings.ToLower(r.alias)
	x.aliases[alias] = append(x.aliases[alias], r)
	if r.hidden == "" {
		x.labels[r.label] = r
	}
}
