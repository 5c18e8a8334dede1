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
