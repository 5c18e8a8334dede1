package trust

import (
	"bytes"
	"cmp"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// open finds the store of a target.
func (c Change) open(env *op.Env, o *Outcome) (store, error) {
	switch o.Kind {
	case Java:
		path, err := c.cacerts(env, o.Place)
		o.Place = path
		return &javaStore{env, path, c.password}, err
	case NSS:
		folder := cmp.Or(o.Place, filepath.Join(env.Home, ".pki", "nssdb"))
		var err error
		o.Place, err = within(c.Root, strings.TrimPrefix(folder, "sql:"))
		return &nssStore{env: env, folder: o.Place, password: c.password}, err
	}
	if o.Place+c.Root == "" && (runtime.GOOS == "darwin" || runtime.GOOS == "windows") {
		return &commandStore{env: env, tool: toolOf(runtime.GOOS)}, nil
	}
	return c.openFolder(env, o)
}

// folders are where the distributions of Linux look for anchors, and what makes their programs see a change.
func folders() [][]string {
	return [][]string{
		{"/etc/pki/ca-trust/source/anchors", "update-ca-trust"},          // Red Hat, Fedora
		{"/etc/pki/trust/anchors", "update-ca-certificates"},             // SUSE
		{"/etc/ca-certificates/trust-source/anchors", "update-ca-trust"}, // Arch
		{"/usr/local/share/ca-certificates", "update-ca-certificates"},   // Debian, Alpine
	}
}

func (c Change) openFolder(env *op.Env, o *Outcome) (store, error) {
	var wanted string
	if o.Place != "" {
		var err error
		if wanted, err = within(c.Root, o.Place); err != nil {
			return nil, err
		}
	}
	for _, f := range folders() {
		path, err := within(c.Root, f[0])
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(path); wanted == "" && err == nil && info.IsDir() || wanted == path {
			o.Place = path
			return &folderStore{env: env, path: path, root: c.Root, update: f[1]}, nil
		}
	}
	if wanted != "" {
		o.Place = wanted
		return &folderStore{env: env, path: o.Place, root: c.Root}, nil
	}
	return nil, fmt.Errorf("%w: no folder of trust anchors is known here; is the package ca-certificates installed?", fs.ErrNotExist)
}

// folderStore is a folder with a certificate in each file.
type folderStore struct {
	env                *op.Env
	path, root, update string
}

func (f *folderStore) list(context.Context, []anchor) (names []string, err error) {
	files, err := os.ReadDir(f.path)
	for _, file := range files {
		name, isCertificate := strings.CutSuffix(file.Name(), ".crt")
		if !isCertificate || !file.Type().IsRegular() {
			continue
		}
		data, _ := os.ReadFile(filepath.Join(f.path, file.Name())) // a file that cannot be read is not ours
		if block, _ := pem.Decode(data); block != nil && isOurs(name, block.Bytes) {
			names = append(names, name)
		}
	}
	return names, err
}

func (f *folderStore) change(ctx context.Context, add []anchor, remove []string) (notes []string, err error) {
	var written []string
	defer func() {
		if err != nil { // so that the next attempt is not taken for done
			for _, path := range written {
				_ = os.Remove(path)
			}
		}
	}()
	for _, a := range add {
		path := filepath.Join(f.path, a.name()+".crt")
		if err := f.write(path, a.der); err != nil {
			return nil, err
		}
		written = append(written, path)
	}
	for _, name := range remove {
		if err := os.Remove(filepath.Join(f.path, name+".crt")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if f.update == "" {
		return nil, nil
	}
	if f.root != "" {
		return []string{fmt.Sprintf("run %s in the system below %q to make its programs see the change", f.update, f.root)}, nil
	}
	if len(remove) > 0 && f.update == "update-ca-certificates" {
		// Without the option, the links to what was removed stay in /etc/ssl/certs.
		if _, err := f.env.Command(ctx, nil, f.update, "--fresh"); err == nil {
			return nil, nil
		}
	}
	_, err = f.env.Command(ctx, nil, f.update)
	return nil, err
}

// write writes a certificate. In an image, a link in place of the file could lead out of it.
func (f *folderStore) write(path string, der []byte) error {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("writing %q: it is a link, a folder or a device, not a regular file", path)
	}
	out := op.Output{Path: path, Force: true, Rights: op.Rights{Mode: "0644"}}
	return out.Write(f.env, false, func(w io.Writer) error { return pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: der}) })
}

// cacerts is the key store of a Java runtime.
func (c Change) cacerts(env *op.Env, place string) (string, error) {
	if place != "" {
		return within(c.Root, place)
	}
	home := env.Getenv("JAVA_HOME")
	if home == "" {
		return "", op.Mark(op.NoJava, fmt.Errorf("%w: JAVA_HOME is not set", op.ErrUsage))
	}
	var err error
	for _, below := range []string{"lib/security/cacerts", "jre/lib/security/cacerts"} {
		var path string
		if path, err = within(c.Root, filepath.Join(home, below)); err != nil {
			return "", err
		}
		if _, err = os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%q has no cacerts: %w", home, op.UnwrapPath(err))
}

// javaStore is a key store of Java, in any format that Java knows.
type javaStore struct {
	env      *op.Env
	path     string
	password password
}

// with opens the key store.
func (j *javaStore) with(ctx context.Context, do func(kdb.Database) error) error {
	driver, err := kdb.Recognise(j.env.Drivers, j.path)
	if errors.Is(err, kdb.ErrNoDatabase) {
		return &op.Problem{Code: op.NoTrustStore, Location: j.path, Err: err}
	}
	if err != nil {
		return err
	}
	ask := func(context.Context, string) ([]byte, error) {
		password, err := j.password(j.path)
		if password == nil && err == nil {
			password = []byte("changeit")
		}
		return bytes.Clone(password), err
	}
	db, err := driver.Open(ctx, j.path, kdb.Options{Password: ask, LockTimeout: op.DefaultLockTimeout})
	if err != nil {
		return err
	}
	defer db.Close()
	return do(db)
}

func (j *javaStore) list(ctx context.Context, _ []anchor) (names []string, err error) {
	err = j.with(ctx, func(db kdb.Database) error {
		return db.View(ctx, func(tx kdb.Tx) error {
			for s, err := range tx.Summaries("certkdb-") {
				if err != nil {
					return err
				}
				if !strings.HasPrefix(s.Label, "certkdb-") {
					break
				}
				e, err := tx.Entry(s.Label)
				if err != nil {
					return err
				}
				if e.Kind == kdb.KindTrusted && isOurs(e.Label, e.Certificates[0]) {
					names = append(names, e.Label)
				}
			}
			return nil
		})
	})
	return names, err
}

func (j *javaStore) change(ctx context.Context, add []anchor, remove []string) ([]string, error) {
	return nil, j.with(ctx, func(db kdb.Database) error {
		return db.Update(ctx, "export", func(tx kdb.Tx) error {
			for _, a := range add {
				e := kdb.Entry{Label: a.name(), Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{a.der}, Added: j.env.Now()}
				if err := tx.Put(e); err != nil {
					return err
				}
			}
			for _, name := range remove {
				if err := tx.Delete(name); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// nssStore is a database of NSS, changed by its own tool.
type nssStore struct {
	env      *op.Env
	folder   string
	password password
	others   map[string]string // certificates under names that are not ours
}

// certutil runs the tool. The password, if there is one, is its standard input, so that a kill leaves no file behind; Windows, which has no
// /dev/stdin, needs one.
func (n *nssStore) certutil(ctx context.Context, args ...string) (output []byte, err error) {
	argv := append([]string{"certutil", args[0], "-d", "sql:" + n.folder}, args[1:]...)
	password, err := n.password(n.folder)
	if err != nil {
		return nil, err
	}
	if password == nil {
		return n.env.Command(ctx, nil, argv...)
	}
	if runtime.GOOS != "windows" {
		return n.env.Command(ctx, password, append(argv, "-f", "/dev/stdin")...)
	}
	err = withFile(password, func(file string) error {
		output, err = n.env.Command(ctx, nil, append(argv, "-f", file)...)
		return err
	})
	return output, err
}

func (n *nssStore) list(ctx context.Context, _ []anchor) (names []string, err error) {
	if _, err := os.Stat(n.folder); err != nil {
		return nil, &op.Problem{Code: op.NoNSS, Location: n.folder, Err: fmt.Errorf("%q: %w", n.folder, op.UnwrapPath(err))}
	}
	listing, err := n.certutil(ctx, "-L")
	if errors.Is(err, exec.ErrNotFound) {
		return nil, op.Mark(op.NoCertutil, err)
	}
	if err != nil {
		return nil, err
	}
	n.others = map[string]string{}
	for line := range strings.Lines(string(listing)) {
		name, isEntry := nickname(line)
		if !isEntry {
			continue
		}
		text, err := n.certutil(ctx, "-L", "-n", name, "-a")
		if err != nil {
			return nil, err
		}
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			if isOurs(name, block.Bytes) {
				names = append(names, name)
			} else {
				n.others[string(block.Bytes)] = name
			}
		}
	}
	return names, nil
}

// nickname reads a line of a listing: the name, then the trust attributes, such as "C,,", after blanks.
func nickname(line string) (name string, ok bool) {
	line = strings.TrimSpace(line)
	i := strings.LastIndexByte(line, ' ')
	if i < 0 || strings.Count(line[i:], ",") != 2 || strings.Contains(line[i:], "/") {
		return "", false
	}
	return strings.TrimSpace(line[:i]), true
}

func (n *nssStore) change(ctx context.Context, add []anchor, remove []string) ([]string, error) {
	for _, a := range add {
		// NSS keeps a certificate once: adding it would change the trust of the entry that somebody else made.
		if other, there := n.others[string(a.der)]; there {
			return nil, op.Classify(fmt.Errorf("it has the certificate of label %q already, under the name %q", a.label, other), fs.ErrExist)
		}
		err := withFile(pemOf(a.der), func(file string) error {
			_, err := n.certutil(ctx, "-A", "-n", a.name(), "-t", "C,,", "-a", "-i", file)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, name := range remove {
		if _, err := n.certutil(ctx, "-D", "-n", name); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
