package native

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
	"certkdb/commands/op/deploy"
)

// deploying are the options of deploy that choose what it does.
type deploying struct{ list, forget bool }

func deployCommand(env *op.Env) *cli.Command {
	var o deploy.Deploy
	var how deploying
	all := action(env, "deploy", func(c *cli.Context, args []string) (deploy.Deployed, error) {
		if len(args) > 0 {
			o.Label = args[0]
		}
		s, err := openDatabase(c, env)
		if err != nil {
			return deploy.Deployed{}, err
		}
		defer s.Close()
		deployed, err := o.Run(c.Context, s)
		warnUnverified(env, s)
		return deployed, err
	}, printDeployed)
	return &cli.Command{
		Name: "deploy", Category: groupOperations, Usage: "write a certificate and its key to a server's files, and reload the server",
		ArgsUsage: "[LABEL]",
		Description: "LABEL may be left out if the database has one private key only, as a PKCS #12 file from somebody else.\n\n" +
			"All files are prepared first, then take their places in one step, a key before its certificate, and only if something\n" +
			"has changed. After that --reload runs once, in the system's shell (sh -c). If it fails, so does deploy, although the\n" +
			"files are in place, and the next deploy runs it again. Files with private keys have mode 0600 unless --mode says\n" +
			"otherwise.\n\n" +
			"A native database remembers where an entry is deployed, and how: after a renewal, deploy --all brings all servers up to\n" +
			"date. With the same files again, the new options replace the old ones. Other kinds of databases cannot remember it.\n" +
			"--check changes nothing and exits with 8 if a file is missing or is not what the database has.\n\n" +
			examples(
				"certkdb deploy web --key /etc/nginx/web.key --fullchain /etc/nginx/web.crt --reload 'nginx -s reload'",
				"certkdb deploy --db colleague.p12 --key /etc/nginx/web.key --fullchain /etc/nginx/web.crt",
				"certkdb deploy web --combined /etc/haproxy/web.pem --group haproxy --mode 0640",
				"certkdb deploy web --p12 /etc/app/web.p12 --out-password file:/etc/app/p12.pw",
				"certkdb renew web && certkdb deploy --all",
				"certkdb deploy --all --check",
				"certkdb deploy --list",
				"certkdb deploy web --forget",
			),
		Flags: deployFlags(env, &o, &how),
		Action: func(c *cli.Context) error {
			switch {
			case how.list && how.forget:
				return usage(c, "--list and --forget exclude each other")
			case how.list:
				return listDeployments(c, env)
			case how.forget:
				return forgetDeployments(c, env)
			}
			return all(c)
		},
	}
}

func deployFlags(env *op.Env, o *deploy.Deploy, how *deploying) []cli.Flag {
	flags := changeFlags()
	for _, f := range []struct {
		form  deploy.Form
		usage string
	}{
		{deploy.FormKey, "write the private key to `FILE`"},
		{deploy.FormCert, "write the certificate, without its issuers, to `FILE`"},
		{deploy.FormChain, "write the certificates of the issuers to `FILE`"},
		{deploy.FormFullChain, "write the certificate and its issuers to `FILE`"},
		{deploy.FormCombined, "write private key, certificate and issuers to `FILE`"},
		{deploy.FormPKCS12, "write a PKCS #12 `FILE`"},
		{deploy.FormJKS, "write a Java key store to `FILE`"},
	} {
		flags = append(flags, &cli.StringSliceFlag{
			Name: string(f.form), Usage: f.usage,
			Action: func(_ *cli.Context, paths []string) error {
				for _, path := range paths {
					o.Files = append(o.Files, deploy.File{Form: f.form, Path: path})
				}
				return nil
			},
		})
	}
	return append(flags,
		&cli.StringFlag{Name: "mode", Usage: "the files' rights, an octal `NUMBER` such as 0640", Destination: &o.Mode},
		&cli.StringFlag{Name: "owner", Usage: "the files' owner: `USER`", Destination: &o.Owner},
		&cli.StringFlag{Name: "group", Usage: "the files' group: `GROUP`", Destination: &o.Group},
		passwordFlag(env, &o.OutPassword, op.FieldOutPassword, "where the password of key stores comes from"),
		&cli.StringFlag{Name: "reload", Usage: "`COMMAND` for the shell to run if a file has changed", Destination: &o.Reload},
		&cli.BoolFlag{Name: "no-remember", Usage: "do not remember this for --all", Destination: &o.Forgetful},
		&cli.BoolFlag{Name: "all", Usage: "deploy everything that the database remembers", Destination: &o.All},
		&cli.BoolFlag{Name: "check", Usage: "only compare the files with the database; exit with 8 if they differ", Destination: &o.Compare},
		&cli.BoolFlag{Name: "list", Usage: "list what the database remembers", Destination: &how.list},
		&cli.BoolFlag{Name: "forget", Usage: "forget where the entry is deployed; the files stay", Destination: &how.forget},
	)
}

func listDeployments(c *cli.Context, env *op.Env) error {
	return read(env, "deploy.list", func(c *cli.Context, s *op.Session, args []string) (deploy.Listed, error) {
		return deploy.List{Label: strings.Join(args, "")}.Run(c.Context, s)
	}, func(w io.Writer, listed deploy.Listed) {
		t := terminal.NewTable(w)
		t.Row("LABEL", "FORM", "FILE", "RELOAD")
		for _, r := range listed.Deployments {
			for _, target := range r.Targets {
				for _, f := range target.Files {
					t.Row(r.Label, string(f.Form), f.Path, orDash(reloadText(target)))
				}
			}
		}
		t.Flush()
	})(c)
}

// reloadText is the command of a target, with what is still to be done.
func reloadText(t deploy.Target) string {
	if t.Pending {
		return t.Reload + " (pending)"
	}
	return t.Reload
}

func forgetDeployments(c *cli.Context, env *op.Env) error {
	if c.Args().Len() == 0 {
		return usage(c, "LABEL is missing")
	}
	return change(env, "deploy.forget", func(_ *cli.Context, args []string) (op.Operation[deploy.Forgotten], error) {
		return deploy.Forget{Label: args[0]}, nil
	}, func(w io.Writer, f deploy.Forgotten) {
		if !f.HasChanged() {
			fmt.Fprintf(w, "unchanged %q: it is not deployed\n", f.Label)
			return
		}
		fmt.Fprintf(w, "forgot where %q is deployed; the files stay\n", f.Label)
	})(c)
}

func printDeployed(w io.Writer, done deploy.Deployed) {
	if len(done.Deployments) == 0 {
		fmt.Fprintln(w, "the database remembers no deployments")
	}
	for _, d := range done.Deployments {
		for _, f := range d.Files {
			fmt.Fprintf(w, "%s %s of %q: %q\n", f.State, f.Form, d.Label, f.Path)
		}
		if r := d.Reload; r != nil && r.Done {
			fmt.Fprintf(w, "ran %s\n", op.Printable(r.Command))
		} else if r != nil && d.Error == "" {
			fmt.Fprintf(w, "would run %s\n", op.Printable(r.Command))
		}
		if d.Error != "" {
			fmt.Fprintf(w, "failed: %s\n", op.Printable(d.Error))
		}
		printNotes(w, d.Notes)
	}
}
