package atomicfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// ErrUnfinished says that a change is decided and not all files have it yet: Recover will complete it.
var ErrUnfinished = errors.New("the change is stored, but not all of its files could be replaced yet")

// ErrJournal says that a journal is not one: FORMAT.md.
var ErrJournal = errors.New("the journal of an interrupted change cannot be used")

const (
	journalName = "journal"
	journalHead = "certkdb journal 1 "
	maxJournal  = 64 << 10
	maxActions  = 16
	// absent stands for the digest of a file that does not exist.
	absent = "-"
	// digestOfNothing is that of an empty file, which stands for one that is to be made where there are no links.
	digestOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// journal says what is to be done to complete a change.
type journal struct {
	kind    string // replace or create
	at      string // its own path
	main    string // the main file
	actions []action
}

// action is what is to be done with one file.
type action struct {
	verb      string // rename, write or remove
	path      string // the file
	temp      string // the new content; "" for remove
	old, next string // SHA-256 of the content before and after
}

// encode writes the journal.
func (j *journal) encode() []byte {
	var b bytes.Buffer
	b.WriteString(journalHead + j.kind + "\n")
	for _, a := range j.actions {
		temp := absent
		if a.temp != "" {
			temp = strconv.Quote(filepath.Base(a.temp))
		}
		fmt.Fprintf(&b, "%s %s %s %s %s\n", a.verb, strconv.Quote(nameFrom(j.main, a.path)), temp, a.old, a.next)
	}
	sum := sha256.Sum256(b.Bytes())
	fmt.Fprintf(&b, "sum %x\n", sum)
	return b.Bytes()
}

// nameFrom is the name of a file as seen from the folder of the main file, with slashes: two files of one change may have the same name in
// two folders. A file on another volume of Windows has its absolute path.
func nameFrom(main, path string) string {
	folder := filepath.Dir(main)
	if filepath.Dir(path) == folder {
		return filepath.Base(path)
	}
	from, errFrom := filepath.Abs(folder)
	to, errTo := filepath.Abs(path)
	if errFrom != nil || errTo != nil {
		return filepath.ToSlash(path)
	}
	name, err := filepath.Rel(from, to)
	if err != nil {
		name = to
	}
	return filepath.ToSlash(name)
}

// decodeJournal reads the journal at a path. It says something about the given paths and no others; the first is the main file.
func decodeJournal(data []byte, at string, paths []string) (*journal, error) {
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	kind, isHead := strings.CutPrefix(lines[0], journalHead)
	if !isHead || kind != "replace" && kind != "create" || len(lines) < 3 || len(lines) > maxActions+2 {
		return nil, ErrJournal
	}
	j := &journal{kind: kind, at: at, main: paths[0]}
	for _, line := range lines[1 : len(lines)-1] {
		a, err := decodeAction(line, at, paths)
		if err != nil || slices.ContainsFunc(j.actions, func(b action) bool { return a.path == b.path }) {
			return nil, ErrJournal
		}
		j.actions = append(j.actions, a)
	}
	if !bytes.Equal(j.encode(), data) { // also the sum
		return nil, ErrJournal
	}
	return j, nil
}

func decodeAction(line, at string, paths []string) (a action, err error) {
	verb, rest, _ := strings.Cut(line, " ")
	name, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return a, err
	}
	fields := strings.TrimPrefix(rest[len(name):], " ")
	temp := absent
	if verb == "remove" {
		fields = strings.TrimPrefix(fields, absent+" ")
	} else if temp, err = strconv.QuotedPrefix(fields); err != nil {
		return a, err
	} else {
		fields = strings.TrimPrefix(fields[len(temp):], " ")
	}
	a.verb = verb
	a.old, a.next, _ = strings.Cut(fields, " ")
	if name, err = strconv.Unquote(name); err != nil {
		return a, err
	}
	i := slices.IndexFunc(paths, func(path string) bool { return nameFrom(paths[0], path) == name })
	if i < 0 || !isDigest(a.old) || !isDigest(a.next) {
		return a, ErrJournal
	}
	a.path = paths[i]
	return a, a.decodeTemp(temp, at)
}

// decodeTemp checks the name of the file with the new content: one that this package gives to temporary files of that path.
func (a *action) decodeTemp(quoted, at string) error {
	if a.verb == "remove" {
		if a.next != absent {
			return ErrJournal
		}
		return nil
	}
	name, err := strconv.Unquote(quoted)
	if err != nil {
		return err
	}
	folder := filepath.Dir(a.path)
	prefix := "." + filepath.Base(a.path) + mark
	if strings.HasPrefix(filepath.Base(at), awayName) {
		folder = filepath.Dir(at)
		prefix = filepath.Base(awayPrefix(folder, a.path))
	}
	end, found := strings.CutPrefix(name, prefix)
	if !found || a.verb != "rename" && a.verb != "write" || a.next == absent || !isSuffix(end) {
		return ErrJournal
	}
	a.temp = filepath.Join(folder, name)
	return nil
}

func isSuffix(s string) bool {
	return s == suffix(0) || len(s) == len(suffix(maxAttempts)) && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

func isDigest(s string) bool {
	return s == absent || len(s) == 2*sha256.Size && strings.Trim(s, "0123456789abcdef") == ""
}

// digestOf returns the SHA-256 of a regular file, absent if there is none.
func digestOf(path string) (string, error) {
	f, err := openOld(path)
	if err != nil || f == nil {
		return absent, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", bare(err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// digest fills in the digests of the file and of its new content.
func (a *action) digest() (err error) {
	if a.old, err = digestOf(a.path); err == nil && a.temp != "" {
		a.next, err = digestOf(a.temp)
	}
	return err
}

// publish writes the journal down to the disk. Who may read the main file may read the journal.
func (j *journal) publish(disk FS, main string) (*Temp, error) {
	t, err := create(disk, j.at, j.at+"-")
	if err != nil {
		return nil, err
	}
	if old, err := openOld(main); err == nil && old != nil {
		_ = t.Keep(old)
		old.Close()
	}
	if _, err = t.Write(j.encode()); err == nil {
		err = t.Publish()
	}
	if err != nil {
		if hasName(t.file, j.at) { // the folder could not be synced
			_ = disk.Remove(j.at)
		}
		t.Discard()
		return nil, err
	}
	return t, nil
}

// perform does what is still to be done. An error after the first file was changed wraps ErrUnfinished.
func (j *journal) perform(disk FS) error {
	for i := range j.actions {
		a := &j.actions[i]
		err := a.perform(disk)
		if a.verb == "rename" && cannotReplace(err, a.path) {
			if err = j.change(disk, i); err == nil {
				err = a.perform(disk)
			}
		}
		if err != nil && i == 0 && !errors.Is(err, ErrUnfinished) {
			return bare(err)
		}
		if err != nil {
			return fmt.Errorf("%w: %q: %w", ErrUnfinished, a.path, bare(err))
		}
	}
	var folders []string
	for _, a := range j.actions {
		folders = append(folders, filepath.Dir(a.path))
	}
	if err := syncFolders(disk, folders...); err != nil {
		return fmt.Errorf("%w: %w", ErrUnfinished, err)
	}
	return nil
}

// change notes that a file cannot be replaced, and is going to be overwritten.
func (j *journal) change(disk FS, i int) error {
	j.actions[i].verb = "write"
	t, err := create(disk, j.at, j.at+"-")
	if err != nil {
		return err
	}
	defer t.Discard()
	if _, err := t.Write(j.encode()); err != nil {
		return err
	}
	return t.Replace()
}

// perform does one action, unless it was done before.
func (a *action) perform(disk FS) error {
	if now, err := digestOf(a.path); err == nil && now == a.next {
		return nil
	}
	switch a.verb {
	case "rename":
		return disk.Rename(a.temp, a.path)
	case "write":
		return overwrite(disk, a.temp, a.path)
	}
	if err := disk.Remove(a.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// overwrite copies the content of one file into another. If that fails, the other gets its content back, or the error wraps ErrUnfinished.
func overwrite(disk FS, from, to string) error {
	source, err := os.OpenFile(from, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_RDWR|noFollow, 0)
	if err != nil {
		return err
	}
	defer target.Close()
	before, err := io.ReadAll(target)
	if err != nil {
		return err
	}
	if err := pour(disk, target, source); err != nil {
		if back := pour(disk, target, bytes.NewReader(before)); back != nil {
			return fmt.Errorf("%w: %w", ErrUnfinished, bare(err))
		}
		return err
	}
	return nil
}

// pour makes the content of a file that of a reader, down to the disk.
func pour(disk FS, target *os.File, source io.Reader) error {
	if _, err := target.Seek(0, io.SeekStart); err != nil {
		return err
	}
	n, err := io.Copy(through{disk, target}, source)
	if err == nil {
		err = disk.Truncate(target, n)
	}
	if err == nil {
		err = disk.Sync(target)
	}
	return err
}

// through writes to a file by way of the disk.
type through struct {
	disk FS
	file *os.File
}

func (t through) Write(data []byte) (int, error) { return t.disk.Write(t.file, data) }

// remove removes the journal, and then the copies of what was overwritten.
func (j *journal) remove(disk FS) {
	if disk.Remove(j.at) != nil {
		return // the next command does it
	}
	for i, a := range j.actions {
		if a.verb != "write" {
			continue
		}
		if i == 0 {
			_ = disk.SyncFolder(filepath.Dir(j.at)) // a journal that came back would overwrite what is written next
		}
		_ = disk.Remove(a.temp)
	}
}

// syncFolders syncs folders, each once.
func syncFolders(disk FS, folders ...string) error {
	slices.Sort(folders)
	for _, folder := range slices.Compact(folders) {
		if err := disk.SyncFolder(folder); err != nil {
			return bare(err)
		}
	}
	return nil
}

// awayName begins the names of files that stand in a temporary folder because their own cannot be written.
const awayName = "certkdb-"

// awayPrefix begins the names of the temporary files of a path in another folder.
func awayPrefix(folder, path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		absolute = path
	}
	sum := sha256.Sum256([]byte(absolute))
	return filepath.Join(folder, fmt.Sprintf("%s%d-%x-", awayName, os.Geteuid(), sum[:12]))
}

// awayFolders are the folders for temporary files, the first one survives a restart.
func awayFolders() []string {
	folders := []string{os.TempDir()}
	if lasting := "/var/tmp"; runtime.GOOS != "windows" && folders[0] != lasting {
		folders = append([]string{lasting}, folders...)
	}
	return folders
}

// createAway makes the temporary file of a path in a temporary folder.
func createAway(disk FS, path string) (t *Temp, err error) {
	for _, folder := range awayFolders() {
		if t, err = create(disk, path, awayPrefix(folder, path)); err == nil {
			return t, nil
		}
	}
	return nil, err
}

// journalPath is where the journal of a main file is.
func journalPath(main string) string {
	folder, name := filepath.Split(main)
	return folder + "." + name + mark + journalName
}

// journalPaths are the places where it may be. In the temporary folders, where anybody may make files, those of others are no journals.
func journalPaths(main string) []string {
	places := []string{journalPath(main)}
	for _, folder := range awayFolders() {
		at := awayPrefix(folder, main) + journalName
		if info, err := os.Lstat(at); err == nil && ours(info) {
			places = append(places, at)
		}
	}
	return places
}
