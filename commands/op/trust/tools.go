package trust

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"

	"certkdb/commands/op"
)

// tool are the command lines of a system that keeps certificates by themselves, without names: what identifies one there is its
// fingerprint. So a certificate that the system had before counts as installed.
type tool struct {
	find   func(der []byte) []string // succeeds if it is there
	add    func(file string) []string
	remove func(der []byte, file string) [][]string
}

// keychain is where macOS keeps what the administrator trusts.
const keychain = "/Library/Keychains/System.keychain"

// toolOf returns the command lines of an operating system, by its name in Go: darwin (security(1)) or windows (certutil).
func toolOf(system string) tool {
	hash := func(der []byte) string { return fmt.Sprintf("%X", sha1.Sum(der)) } // the thumbprint of both
	if system == "darwin" {
		return tool{
			find: func(der []byte) []string {
				return []string{"sh", "-c", fmt.Sprintf("security find-certificate -a -Z %s | grep -q %X", keychain, sha256.Sum256(der))}
			},
			add: func(file string) []string {
				return []string{"security", "add-trusted-cert", "-d", "-r", "trustRoot", "-k", keychain, file}
			},
			remove: func(der []byte, file string) [][]string {
				return [][]string{
					{"security", "remove-trusted-cert", "-d", file}, {"security", "delete-certificate", "-Z", hash(der), keychain},
				}
			},
		}
	}
	return tool{
		find:   func(der []byte) []string { return []string{"certutil", "-store", "Root", hash(der)} },
		add:    func(file string) []string { return []string{"certutil", "-f", "-addstore", "Root", file} },
		remove: func(der []byte, _ string) [][]string { return [][]string{{"certutil", "-delstore", "Root", hash(der)}} },
	}
}

// commandStore is a store that is changed by the system's own tool.
type commandStore struct {
	env    *op.Env
	tool   tool
	byName map[string]anchor
}

func (c *commandStore) list(ctx context.Context, anchors []anchor) (names []string, err error) {
	c.byName = map[string]anchor{}
	for _, a := range anchors {
		if len(a.der) == 0 {
			continue
		}
		_, err := c.env.Command(ctx, nil, c.tool.find(a.der)...)
		if _, missing := errors.AsType[*op.CommandError](err); missing {
			continue
		}
		if err != nil {
			return nil, err
		}
		c.byName[a.name()] = a
		names = append(names, a.name())
	}
	return names, nil
}

func (c *commandStore) change(ctx context.Context, add []anchor, remove []string) ([]string, error) {
	for _, a := range add {
		if err := withFile(pemOf(a.der), func(file string) error { return c.runAll(ctx, c.tool.add(file)) }); err != nil {
			return nil, err
		}
	}
	for _, name := range remove {
		der := c.byName[name].der
		if err := withFile(pemOf(der), func(file string) error { return c.runAll(ctx, c.tool.remove(der, file)...) }); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (c *commandStore) runAll(ctx context.Context, commands ...[]string) error {
	for _, argv := range commands {
		if _, err := c.env.Command(ctx, nil, argv...); err != nil {
			return err
		}
	}
	return nil
}

func pemOf(der []byte) []byte { return []byte(op.PEMString("CERTIFICATE", der)) }

// withFile calls do with a file of mode 0600 that has some content.
func withFile(content []byte, do func(file string) error) error {
	f, err := os.CreateTemp("", "certkdb-*.crt")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return do(f.Name())
}
