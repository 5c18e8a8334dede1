package seen

import "os"

// replacements are what somebody may put in the place of the file.
func replacements(target string) map[string]func(path string) error {
	return map[string]func(path string) error{"a link": func(path string) error { return os.Symlink(target, path) }}
}
