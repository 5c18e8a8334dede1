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
	"strings"

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
	db := op.DB{Location: existing(env), LockTimeout: op.DefaultLockTimeout}
	switch r.action {
	case "help":
		_, err = io.WriteString(env.Stdout, usageText)
		return err
	case "add":
		return add(ctx, env, db, r)
	}
	s, err := op.Open(ctx, env, db)
	if err != nil {
		return err
	}
	defer s.Close()
	if r.action == "list" {
		return list(ctx, s)
	}
	return remove(ctx, s, r)
}

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
			return r, fmt.Errorf("%w: there is no option %q", op.ErrUsage, args[i])
		}
	}
	return r, r.complete()
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

// add imports a certificate under the server's name. If there is no database, it creates one with a random password that is not kept, and
// a stash, as dsmcert does.
func add(ctx context.Context, env *op.Env, db op.DB, r request) error {
	added, err := importFile(ctx, env, db, entries.Add{Files: []string{r.file}, Label: r.server, LabelFirst: true, CertificatesOnly: true})
	if err != nil {
		return err
	}
	if !added.HasChanged() {
		_, err = fmt.Fprintf(
			env.Stdout,
			"The certificate for server %q is in the key database already; nothing to do, finished successfully.\n",
			r.server,
		)
		return err
	}
	_, err = fmt.Fprintf(env.Stdout, "Certificate imported successfully for server %q.\n", r.server)
	return err
}

func importFile(ctx context.Context, env *op.Env, db op.DB, o entries.Add) (entries.Added, error) {
	s, err := op.Open(ctx, env, db)
	if op.ClassOf(err) == op.ClassDatabaseNotFound {
		return databases.RunNew(ctx, env, databases.Init{DB: db, NewPassword: op.NewPassword{Generate: true}, Stash: true}, false, o)
	}
	if err != nil {
		return entries.Added{}, err
	}
	defer s.Close()
	return op.One(ctx, s, o)
}

func list(ctx context.Context, s *op.Session) error {
	return inspect.List{}.Run(ctx, s, func(entries []op.Entry) error {
		for _, e := range entries {
			until := "-"
			if e.NotAfter != nil {
				until = e.NotAfter.Format("2006-01-02")
			}
			_, err := fmt.Fprintf(
				s.Env.Stdout,
				"%s\n    Subject : %s\n    Not After : %s\n    SHA256 : %s\n",
				e.Label,
				e.Subject,
				until,
				e.Fingerprints.SHA256,
			)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func remove(ctx context.Context, s *op.Session, r request) error {
	if _, err := op.One(ctx, s, entries.Delete{Labels: []string{r.server}}); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.Env.Stdout, "The certificate for server %q was deleted successfully.\n", r.server)
	return err
}
