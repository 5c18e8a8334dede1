package session

import (
	"maps"
	"slices"
)

// Rules lists all rules by name.
func Rules() []Rule { return slices.Sorted(maps.Keys(sources())) }
