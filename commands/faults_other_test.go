//go:build !linux

package commands_test

import (
	"fmt"
	"syscall"
	"testing"

	"certkdb/kdb/atomicfile/atomicfiletest"
)

// others ends the command at each call of atomicfile.FS: that call and all after it fail. The calls that do not go through atomicfile.FS
// are met on Linux.
func (tr *trial) others(t *testing.T) {
	for n, call := range tr.calls {
		tr.restore(t, tr.template, tr.dir)
		code, _, text := run(&atomicfiletest.Disk{Fail: atomicfiletest.From(n+1, syscall.EIO), Unnamed: true}, tr.dir, tr.args...)
		tr.judge(t, fmt.Sprintf("a kill at call %d, %s", n+1, call), code, text)
	}
}
