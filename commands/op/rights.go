package op

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"runtime"
	"strconv"

	"certkdb/kdb/atomicfile"
)

// Rights are what a person wants of an output file, as text; "" leaves it as it is.
type Rights struct {
	Mode  string // octal
	Owner string // a name or a number
	Group string
}

// rights are what a file is to have. A mode of 0 and an owner or group of -1 stay.
type rights struct {
	mode     fs.FileMode
	uid, gid int
}

// Check says whether the rights can be understood.
func (r Rights) Check() error {
	_, err := r.parse()
	return err
}

func (r Rights) parse() (rights, error) {
	parsed := rights{uid: -1, gid: -1}
	if r.Mode != "" {
		mode, err := strconv.ParseUint(r.Mode, 8, 32)
		if err != nil || mode&0o600 == 0 || mode > 0o777 {
			return parsed, &Invalid{Field: FieldMode, Value: r.Mode, Reason: "a mode is an octal number such as 0640"}
		}
		parsed.mode = fs.FileMode(mode)
	}
	if (r.Owner != "" || r.Group != "") && runtime.GOOS == "windows" {
		return parsed, &Invalid{Field: FieldOwner, Reason: "files get their owner from their folder here"}
	}
	var err error
	if r.Owner != "" {
		parsed.uid, err = number(r.Owner, FieldOwner, func() (string, error) {
			u, err := user.Lookup(r.Owner)
			if err != nil {
				return "", err
			}
			return u.Uid, nil
		})
	}
	if err == nil && r.Group != "" {
		parsed.gid, err = number(r.Group, FieldGroup, func() (string, error) {
			g, err := user.LookupGroup(r.Group)
			if err != nil {
				return "", err
			}
			return g.Gid, nil
		})
	}
	return parsed, err
}

// number is that of a user or group, by its name or the number itself.
func number(value string, field Field, lookUp func() (string, error)) (int, error) {
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return int(n), nil
	}
	id, err := lookUp()
	if err != nil {
		return -1, &Invalid{Field: field, Value: value, Reason: "there is no such " + string(field)}
	}
	n, err := strconv.Atoi(id)
	return n, err
}

// forFile adds what a file needs without being told: a new one its mode, and a secret that no one else can read it.
func (r Rights) forFile(old fs.FileInfo, secret bool) rights {
	wanted, err := r.parse()
	if err != nil {
		return wanted // unreachable: Check comes first
	}
	switch {
	case wanted.mode != 0:
	case secret && (old == nil || old.Mode().Perm()&0o007 != 0):
		wanted.mode = 0o600
	case old == nil:
		wanted.mode = 0o644
	}
	return wanted
}

// has says whether a file has the rights already.
func (r rights) has(info fs.FileInfo) bool {
	uid, gid := ownerOf(info)
	return (r.mode == 0 || info.Mode().Perm() == r.mode) && (r.uid < 0 || r.uid == uid) && (r.gid < 0 || r.gid == gid)
}

// set sets the owner before the mode, so that nobody may read the file in between who may not read it in the end.
func (r rights) set(chmod func(fs.FileMode) error, chown func(uid, gid int) error) error {
	if r.uid >= 0 || r.gid >= 0 {
		if err := chown(r.uid, r.gid); err != nil {
			return fmt.Errorf("setting its owner: %w", err)
		}
	}
	if r.mode != 0 {
		return chmod(r.mode)
	}
	return nil
}

// setRights sets the rights of a file that is going to be overwritten. They may only become narrower before it has its new content, so a
// mode that is wanted is set in full.
func setRights(disk atomicfile.FS, path string, r rights) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return r.set(
		func(mode fs.FileMode) error { return disk.Chmod(f, mode) },
		func(uid, gid int) error { return disk.Chown(f, uid, gid) },
	)
}
