// Package dsmcert is the command line of IBM Storage Protect's dsmcert: it keeps the certificates that a backup-archive
// client trusts.
//
//	dsmcert -add -server SP01 -file cert256.arm
//	dsmcert -list
//	dsmcert -delete -server SP01
//
// IBM documents only -add with -server and -file. The words "successfully" and "Certificate imported" in its output are
// what IBM's Ansible playbooks and public scripts look for; the rest of the texts, the exit codes and the other actions are
// unconfirmed and done in the obvious way.
package dsmcert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/inspect"
)

const usageText = `Usage:
  dsmcert -add -server NAME -file PATH    import a server's certificate
  dsmcert -list                           list the certificates
  dsmcert -delete -server NAME            remove a certificate
`

// request is a parsed command line.
type request struct {
	action       string // "add", "list", "delete" or "help"
	server, file string
}

// Main runs dsmcert with the arguments after its name and returns its exit status.
func Main(ctx context.Context, env *op.Env, args []string) int {
	err := run(ctx, env, args)
	if err == nil || errors.Is(err, op.ErrOutputClosed) {
		return 0
	}
	if ctx.Err() != nil && !errors.Is(err, context.Canceled) {
		err = context.Cause(ctx)
	}
	return printError(env.Stderr, err)
}

func run(ctx context.Context, env *op.Env, args []string) error {
	r, err := parse(args)
	if err != nil {
		return err
	}
	found := existing(env)
	switch r.action {
	case "help":
		_, err = io.WriteString(env.Stdout, usageText)
		return err
	case "add":
		return add(ctx, env, found, r)
	}
	if found == "" { // it is not there yet, and another one is not the client's
		found = place(env, clientFolders)
	}
	s, err := op.Open(ctx, env, database(found))
	if err != nil {
		return err
	}
	defer s.Close()
	if r.action == "list" {
		return list(ctx, s, found)
	}
	return remove(ctx, s, found, r)
}

// database is the client's key database, or the default one.
func database(path string) op.DB { return op.DB{Location: path, LockTimeout: op.DefaultLockTimeout} }

// parse reads the arguments. The names of options are taken in any case, as GSKit's tools do (unconfirmed for dsmcert).
func parse(args []string) (request, error) {
	var r request
	for i := 0; i < len(args); i++ {
		option := strings.ToLower(args[i])
		switch option {
		case "-add", "-list", "-delete", "-help", "-?", "--help":
			action := map[string]string{"-?": "help", "--help": "help"}[option]
			if action == "" {
				action = option[1:]
			}
			if r.action != "" && r.action != action {
				return r, fmt.Errorf("%w: -%s and %s exclude each other", op.ErrUsage, r.action, args[i])
			}
			r.action = action
		case "-server", "-label", "-file": // -label is in one note only; it names the same thing
			if i+1 == len(args) {
				return r, fmt.Errorf("%w: option %s needs a value", op.ErrUsage, args[i])
			}
			i++
			if option == "-file" {
				r.file = args[i]
			} else {
				r.server = args[i]
			}
		default:
			return r, unknownOption(args[i])
		}
	}
	return r, r.complete()
}

// unknownOption names a character that a document made of a hyphen: it looks like one.
func unknownOption(word string) error {
	first, _ := utf8.DecodeRuneInString(word)
	if name := op.TypographicName(first); name != "" {
		return fmt.Errorf("%w: %q begins with %q (U+%04X, %s) in place of an ordinary hyphen", op.ErrUsage, word, first, first, name)
	}
	return fmt.Errorf("%w: there is no option %q", op.ErrUsage, word)
}

// complete reports what the action lacks.
func (r request) complete() error {
	switch {
	case r.action == "":
		return fmt.Errorf("%w: one of -add, -list, -delete is needed", op.ErrUsage)
	case (r.action == "add" || r.action == "delete") && r.server == "":
		return fmt.Errorf("%w: -%s needs -server NAME", op.ErrUsage, r.action)
	case r.action == "add" && r.file == "":
		return fmt.Errorf("%w: -add needs -file PATH", op.ErrUsage)
	}
	return nil
}

// add imports a certificate under the server's name, and further ones of the file under their subjects. If there is no database, it makes
// one whose password nobody knows, with a stash: IBM's where the client is installed, else the default one.
func add(ctx context.Context, env *op.Env, found string, r request) error {
	o := entries.Add{
		Files: []string{r.file}, Label: r.server, LabelFirst: true, LabelBySubject: true, SkipKnown: true, CertificatesOnly: true,
		Trust: true, Retrust: true,
	}
	added, found, err := importFile(ctx, env, found, o)
	if err != nil {
		return err
	}
	err = changeIndex(ctx, env, found, func(list []indexed) []indexed {
		own := indexed{r.server, r.server}
		isMissing := !slices.Contains(list, own) && added.Actions[0].Label == r.server // after an -add that was killed
		if !added.HasChanged() && !isMissing {
			return list
		}
		return append(without(list, r.server, r.server), own)
	})
	return errors.Join(report(env.Stdout, r.server, added), err)
}

// report says what became of each certificate.
func report(w io.Writer, server string, added entries.Added) error {
	text := fmt.Sprintf("Certificate imported successfully for server %q.\n", server)
	if !added.HasChanged() {
		text = fmt.Sprintf("The certificate for server %q is in the key database already; nothing to do, finished successfully.\n", server)
	}
	for i, a := range added.Actions {
		switch {
		case i == 0:
		case a.Action == entries.ActionAdded:
			text += fmt.Sprintf("A further certificate of the file was imported as %q.\n", a.Label)
		default:
			text += fmt.Sprintf("A further certificate of the file is in the key database already, as %q.\n", a.Label)
		}
	}
	_, err := io.WriteString(w, text)
	return err
}

// importFile opens the database or makes it, and returns where it is.
func importFile(ctx context.Context, env *op.Env, found string, o entries.Add) (entries.Added, string, error) {
	if found == "" {
		if path := place(env, clientFolders); path != "" {
			added, err := create(ctx, env, path, o)
			return added, path, err
		}
	}
	added, err := importInto(ctx, env, found, o)
	if found != "" || op.ClassOf(err) != op.ClassDatabaseNotFound {
		return added, found, err
	}
	unlock, err := databases.Alone(ctx, env, database(""))
	if err != nil {
		return added, "", err
	}
	defer unlock()
	added, err = importInto(ctx, env, "", o) // another process may have made it meanwhile
	if op.ClassOf(err) == op.ClassDatabaseNotFound {
		made := databases.Init{DB: database(""), NewPassword: op.NewPassword{Generate: true}, Stash: true, IsAlone: true}
		added, err = databases.RunNew(ctx, env, made, false, o)
	}
	return added, "", err
}

// importInto opens a database that is there.
func importInto(ctx context.Context, env *op.Env, found string, o entries.Add) (entries.Added, error) {
	s, err := op.Open(ctx, env, database(found))
	if err != nil {
		return entries.Added{}, err
	}
	defer s.Close()
	return op.One(ctx, s, o)
}

// create makes the files that IBM's client makes: PKCS #12 as GSKit writes it, a stash, and the index that add writes.
func create(ctx context.Context, env *op.Env, path string, o entries.Add) (entries.Added, error) {
	missing := missingFolders(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return entries.Added{}, fmt.Errorf("making the folder of %q: %w", path, op.UnwrapPath(err))
	}
	unlock, err := databases.Alone(ctx, env, database(path))
	if err != nil {
		return entries.Added{}, err
	}
	defer unlock()
	if _, err := os.Lstat(path); err == nil { // another process made it meanwhile
		return importInto(ctx, env, path, o)
	}
	made := databases.Init{
		DB: database(path), Type: "pkcs12", Profile: "gskit", NewPassword: op.NewPassword{Generate: true}, Stash: true, IsAlone: true,
	}
	added := entries.Added{}
	isFirst := !hasIndex(path)
	if isFirst { // before the database, which would have none if this process was killed
		err = writeIndex(env, path, nil)
	}
	if err == nil {
		added, err = databases.RunNew(ctx, env, made, false, o)
	}
	if err != nil {
		if _, exists := os.Lstat(path); isFirst && exists != nil {
			_ = os.Remove(indexPath(path))
		}
		for _, folder := range missing {
			_ = os.Remove(folder) // it stays if there is something in it
		}
	}
	if _, ok := readIndex(path); err == nil && !isFirst && ok {
		err = writeIndex(env, path, nil) // it tells of a database that was deleted
	}
	return added, err
}

// missingFolders are the folders above a path that are not there, the deepest first.
func missingFolders(path string) (missing []string) {
	for folder := filepath.Dir(path); ; folder = filepath.Dir(folder) {
		if _, err := os.Lstat(folder); err == nil || folder == filepath.Dir(folder) {
			return missing
		}
		missing = append(missing, folder)
	}
}

func list(ctx context.Context, s *op.Session, found string) error {
	index, _ := readIndex(found)
	servers := map[string]string{}
	for _, i := range index {
		servers[i.label] = i.server
	}
	return inspect.List{}.Run(ctx, s, func(entries []op.Entry) error {
		for _, e := range entries {
			if _, err := io.WriteString(s.Env.Stdout, op.PrintableText(describe(e, servers[e.Label]))); err != nil {
				return err
			}
		}
		return nil
	})
}

// describe is an entry of the list, with the server's name if the index has another one than the label.
func describe(e op.Entry, server string) string {
	text := e.Label + "\n"
	if server != "" && server != e.Label {
		text += "    Server : " + server + "\n"
	}
	until := "-"
	if e.NotAfter != nil {
		until = e.NotAfter.Format("2006-01-02")
	}
	return text + fmt.Sprintf("    Subject : %s\n    Issuer : %s\n    Not After : %s\n    SHA256 : %s\n",
		e.Subject, e.Issuer, until, e.SHA256)
}

// remove deletes the certificate of a server.
func remove(ctx context.Context, s *op.Session, found string, r request) error {
	index, _ := readIndex(found)
	label := labelOf(index, r.server)
	leave := func(list []indexed) []indexed { return without(list, r.server, label) }
	if _, err := op.One(ctx, s, entries.Delete{Labels: []string{label}, CertificatesOnly: true}); err != nil {
		if op.ClassOf(err) == op.ClassLabelNotFound && len(leave(index)) < len(index) { // after a -delete that was killed
			err = errors.Join(err, changeIndex(ctx, s.Env, found, leave))
		}
		return err
	}
	err := changeIndex(ctx, s.Env, found, leave)
	_, printed := fmt.Fprintf(s.Env.Stdout, "The certificate for server %q was deleted successfully.\n", r.server)
	return errors.Join(printed, err)
}
