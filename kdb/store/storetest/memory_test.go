package storetest_test

import (
	"testing"

	"certkdb/kdb/store"
	"certkdb/kdb/store/storetest"
)

func TestMemory_conforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) store.Store { return storetest.NewMemory() })
}

// TestMemory_conformsWithLimits is the suite on a store that has every limit, as one over a network has.
func TestMemory_conformsWithLimits(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) store.Store {
		return &storetest.Memory{Max: store.Limits{Key: 400, Value: 4 << 20, Ops: 128, Bytes: 6 << 20}}
	})
}
