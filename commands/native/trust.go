package native

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/trust"
)

// trustFlags are the options of export that make other programs trust certificates.
func trustFlags(env *op.Env, o *trust.Change) []cli.Flag {
	store := func(field op.Field, remove bool, about string) cli.Flag {
		return &cli.StringSliceFlag{Name: string(field), Usage: about, Action: func(c *cli.Context, stores []string) error {
			if remove && len(o.Targets) > 0 {
				return usage(c, "--to and --from exclude each other")
			}
			for _, text := range stores {
				t, err := trust.ParseTarget(field, text)
				if err != nil {
					return err
				}
				o.Targets, o.Remove = append(o.Targets, t), remove
			}
			return nil
		}}
	}
	return inCategory("Trust stores", []cli.Flag{
		store(op.FieldTo, false, "install trusted certificates in a `STORE`: system, java[:FILE] or nss[:FOLDER]"),
		store(op.FieldFrom, true, "remove them from a `STORE`"),
		&cli.StringFlag{Name: "root", Usage: "change the system that is below `FOLDER`, such as an image", Destination: &o.Root},
		&cli.BoolFlag{Name: flagDetailed, Usage: "exit with 20 if a trust store or file changed, with 0 if there was nothing to do"},
		passwordFlag(env, &o.Password, op.FieldToPassword, "where the trust store's password comes from (java: changeit)"),
	})
}

// installTrust is the action of export --to and --from.
func installTrust(env *op.Env, o *trust.Change) cli.ActionFunc {
	return action(env, "export.trust", func(c *cli.Context, args []string) (trust.Changed, error) {
		for _, name := range []string{"out", "key", "combined", "chain", "format"} {
			if c.IsSet(name) {
				return trust.Changed{}, usage(c, "--%s is for files, not for trust stores", name)
			}
		}
		o.Labels, o.All = args, c.Bool("all") || c.Bool("trusted")
		s, err := openDatabase(c, env)
		if err != nil {
			return trust.Changed{}, err
		}
		defer s.Close()
		changed, err := o.Run(c.Context, s)
		warnUnverified(env, s)
		return changed, err
	}, printTrust)
}

func printTrust(w io.Writer, done trust.Changed) {
	for _, t := range done.Targets {
		for _, a := range t.Actions {
			fmt.Fprintf(w, "%s: %s %q\n", t.Kind, a.Action, a.Label)
		}
		if t.Error != "" {
			fmt.Fprintf(w, "%s: failed: %s\n", t.Kind, op.Printable(t.Error))
			if hint := hintFor(t.Err()); hint != "" {
				fmt.Fprintf(w, "  remedy: %s\n", op.Printable(hint))
			}
		}
		printNotes(w, t.Notes)
	}
}
