package op

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxLinks bounds how many symbolic links are followed, as the system does.
const maxLinks = 40

// follow resolves symbolic links, also one to a file that does not exist yet. If the path stands for an open file of this process, such
// as /dev/stdout, descriptor is its number, else -1.
func follow(path string) (resolved string, descriptor int) {
	for range maxLinks {
		folder, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return path, -1
		}
		path = filepath.Join(folder, filepath.Base(path))
		if n, err := strconv.ParseUint(filepath.Base(path), 10, 16); err == nil && isDescriptors(folder) {
			return path, int(n)
		}
		target, err := os.Readlink(path)
		if err != nil {
			return path, -1
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(folder, target)
		}
		path = target
	}
	return path, -1
}

// isDescriptors says that a folder holds the open files of this process.
func isDescriptors(folder string) bool {
	own := fmt.Sprintf("/proc/%d/", os.Getpid())
	return folder == "/dev/fd" || strings.HasPrefix(folder, own) && filepath.Base(folder) == "fd"
}

// Protect notes files that no output of this run may replace: databases in use, with all that belongs to them. Some may not exist yet.
func (e *Env) Protect(paths ...string) {
	for _, path := range paths {
		if path == "" {
			continue
		}
		resolved, _ := follow(path)
		e.protected = append(e.protected, protectedFile{path, resolved})
	}
}

// refuse says that an output would replace a file that is protected, under whatever name.
func (e *Env) refuse(path string) error {
	info, err := os.Stat(path)
	for _, p := range e.protected {
		same := path == p.resolved
		if now, errProtected := os.Stat(p.resolved); err == nil && errProtected == nil {
			same = same || os.SameFile(info, now)
		}
		if same {
			return Mark(OverDatabase, fmt.Errorf("%w: it is %q, which is in use", ErrUsage, p.path))
		}
	}
	return nil
}
