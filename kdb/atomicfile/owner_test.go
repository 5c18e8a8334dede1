//go:build unix

package atomicfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"certkdb/kdb/atomicfile"
	"certkdb/kdb/atomicfile/atomicfiletest"
)

// owned is a file of somebody else.
type owned struct {
	fs.FileInfo
	stat syscall.Stat_t
}

func (o *owned) Sys() any { return &o.stat }

// otherFile describes a file of mode 0664 that belongs to another user and group.
func otherFile(t *testing.T) fs.FileInfo {
	t.Helper()
	path := filepath.Join(t.TempDir(), "old")
	must(t, os.WriteFile(path, nil, 0o600))
	must(t, os.Chmod(path, 0o664))
	info, err := os.Stat(path)
	must(t, err)
	o := &owned{FileInfo: info}
	o.stat.Uid, o.stat.Gid = uint32(os.Getuid())+4711, uint32(os.Getgid())+4711
	return o
}

func TestKeep_groupRightsGoWithTheGroup(t *testing.T) {
	t.Parallel()
	both := func(_ int, call string) error {
		if call == "chown a~" {
			return syscall.EPERM
		}
		return nil
	}
	disk := &atomicfiletest.Disk{Fail: both}
	temp, err := atomicfile.New(disk, filepath.Join(t.TempDir(), "a"))
	must(t, err)
	defer temp.Discard()
	if err := temp.KeepInfo(otherFile(t)); !errors.Is(err, atomicfile.ErrOwner) || !errors.Is(err, syscall.EPERM) {
		t.Errorf("Keep = %v, want ErrOwner", err)
	}
	if info, err := temp.File().Stat(); err != nil || info.Mode().Perm() != 0o604 {
		t.Errorf("the mode is %v, %v: another group has gained rights", info.Mode(), err)
	}
	if calls := []string{"create a~", "chown a~", "chown a~", "chmod a~"}; !slices.Equal(disk.Calls(), calls) {
		t.Errorf("calls %q, want %q", disk.Calls(), calls)
	}
}

func TestKeep_sameOwnerIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	must(t, os.WriteFile(path, nil, 0o600))
	must(t, os.Chmod(path, 0o640))
	info, err := os.Stat(path)
	must(t, err)
	disk := &atomicfiletest.Disk{Fail: atomicfiletest.Every("chown", syscall.EPERM)}
	temp, err := atomicfile.New(disk, path)
	must(t, err)
	defer temp.Discard()
	must(t, temp.KeepInfo(info))
	if info, err := temp.File().Stat(); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}

func TestKeep_failedModeIsAnError(t *testing.T) {
	t.Parallel()
	disk := &atomicfiletest.Disk{Fail: atomicfiletest.Every("chmod", syscall.EPERM)}
	temp, err := atomicfile.New(disk, filepath.Join(t.TempDir(), "a"))
	must(t, err)
	defer temp.Discard()
	if err := temp.KeepInfo(otherFile(t)); !errors.Is(err, syscall.EPERM) || errors.Is(err, atomicfile.ErrOwner) {
		t.Errorf("Keep = %v, want EPERM alone", err)
	}
}
