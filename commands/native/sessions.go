package native

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
	"certkdb/commands/op/sessions"
	"certkdb/kdb"
	"certkdb/pki/session"
)

const sessionText = "Reads a client options file (dsm.sys, dsm.opt) or that of a server or storage agent (dsmserv.opt, dsmsta.opt), and\n" +
	"prints for each peer and level: whether there is a session, its TLS versions, whether object data is encrypted, how the peer's\n" +
	"certificate comes into the key database, and the port. Numbers refer to the reasons below the table. Each names IBM's document\n" +
	"and says whether it is stated there, inferred or unconfirmed. --use-case prints one of IBM's eight use cases as a checklist.\n\n"

// contactFlags are the options that session and connect have in common.
type contactFlags struct {
	file    string
	options sessions.Options
}

func (f *contactFlags) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "options", Usage: "the options `FILE`: dsm.sys, dsm.opt", Destination: &f.file},
		&cli.StringFlag{
			Name: "server", Destination: &f.options.Server,
			Usage: "the `NAME` of a server in dsm.sys; else the default one",
		},
		&cli.StringFlag{Name: "server-level", Usage: "the peer's `LEVEL`, such as 8.1.13", Destination: &f.options.ServerLevel},
		&cli.StringFlag{
			Name: "client-level", Destination: &f.options.ClientLevel,
			Usage: "the `LEVEL` of the program whose options these are; else a current one",
		},
		&cli.StringFlag{
			Name: "server-options", Destination: &f.options.ServerOptions,
			Usage: "the server's own options `FILE`, to check the port against",
		},
		&cli.BoolFlag{Name: "node-ldap", Usage: "the node authenticates with an LDAP directory", Destination: &f.options.LDAP},
		&cli.BoolFlag{Name: "strict", Usage: "SESSIONSECURITY is STRICT", Destination: &f.options.Strict},
		&cli.BoolFlag{Name: "admin", Usage: "an administrative session", Destination: &f.options.Admin},
	}
}

func (f *contactFlags) read() sessions.Options {
	f.options.File = f.file
	return f.options
}

func (f *contactFlags) contact(o sessions.Connect) sessions.Contact {
	return sessions.Contact{Connect: o, Options: f.read()}
}

func sessionCommand(env *op.Env) *cli.Command {
	var f contactFlags
	var o sessions.Checklist
	return &cli.Command{
		Name: "session", Category: groupSessions, Usage: "tell from the options files of Storage Protect how sessions are secured, and why",
		Description: sessionText + examples("certkdb session --options dsm.sys",
			"certkdb session --options dsm.sys --server vault --server-level 8.1.9 --json",
			"certkdb session --options dsm.sys --server vault --use-case 6", "certkdb session --options dsmserv.opt"),
		Flags: append(f.flags(),
			&cli.BoolFlag{Name: "ca-signed", Usage: "a CA signed the peer's certificate", Destination: &f.options.CASigned},
			&cli.BoolFlag{Name: "define-ssl", Usage: "DEFINE SERVER has SSL=YES", Destination: &f.options.DefineSSL},
			&cli.IntFlag{Name: "use-case", Usage: "print use case `N`, 1 to 8, as a checklist", Destination: &o.Number},
			&cli.BoolFlag{Name: "encrypt-all", Usage: "with --use-case: all data transfers shall be encrypted", Destination: &o.EncryptAll},
		),
		Action: func(c *cli.Context) error {
			if _, err := arguments(c); err != nil {
				return err
			}
			s, err := databaseThere(c, env)
			if err != nil {
				return err
			}
			if s != nil {
				defer s.Close()
			}
			warn := func() {
				if s != nil {
					warnUnverified(env, s)
				}
			}
			if o.Options = f.read(); c.IsSet("use-case") {
				checked, err := o.Run(c.Context, env, s)
				warn()
				if err != nil {
					return err
				}
				return emit(c, env, "session-checklist", checked, func(w io.Writer) { printChecklist(w, checked) })
			}
			ruled, err := sessions.Rules{Options: o.Options}.Run(c.Context, env, s)
			warn()
			if err != nil {
				return err
			}
			return emit(c, env, "session", ruled, func(w io.Writer) { printRuled(w, ruled) })
		},
	}
}

// databaseThere opens the database; nil if none is named and there is no default one.
func databaseThere(c *cli.Context, env *op.Env) (*op.Session, error) {
	s, err := openDatabase(c, env)
	if err != nil && c.String(flagDB) == "" && (errors.Is(err, kdb.ErrNoDatabase) || isCode(err, op.NoDefaultDatabase)) {
		return nil, nil
	}
	return s, err
}

func isCode(err error, code op.Code) bool {
	p, ok := errors.AsType[*op.Problem](err)
	return ok && p.Code == code
}

func printRuled(w io.Writer, ruled sessions.Ruled) {
	head := fmt.Sprintf("%s (%s)", ruled.File, ruled.Kind)
	if ruled.Server != "" {
		head += fmt.Sprintf(", server %q", ruled.Server)
	}
	fmt.Fprintln(w, op.Printable(head))
	for _, text := range ruled.Warnings {
		fmt.Fprintln(w, op.Printable("warning: "+text))
	}
	if len(ruled.Unknown) > 0 {
		fmt.Fprintln(w, op.Printable("without a meaning for sessions: "+strings.Join(ruled.Unknown, ", ")))
	}
	if !ruled.Database {
		fmt.Fprintln(w, "there is no key database, so no certificate is taken for present")
	}
	fmt.Fprintln(w)
	reasons := map[session.Rule]int{}
	for i, r := range ruled.Reasons {
		reasons[r.Rule] = i + 1
	}
	printRulings(w, ruled.Sessions, reasons)
	printPorts(w, ruled.Ports)
	printTasks(w, ruled.Sessions, reasons)
	fmt.Fprintln(w, "\nreasons")
	for i, r := range ruled.Reasons {
		fmt.Fprintf(w, "%3d %s\n    %s [%s]\n", i+1, r.Text, r.Source, r.Standing)
	}
}

func printRulings(w io.Writer, list []sessions.Ruling, reasons map[session.Rule]int) {
	t := terminal.NewTable(w)
	t.Row("PEER", "NAME", "LEVEL", "SESSION", "ENCRYPTED", "TLS", "OBJECT DATA", "CERTIFICATE", "PORT", "FIPS")
	for _, r := range list {
		cells := []string{r.Role, orDash(r.Name), levelText(r)}
		for _, a := range r.Answers() {
			cells = append(cells, a.Value+numbers(a.Because, reasons))
		}
		t.Row(cells...)
	}
	t.Flush()
}

func levelText(r sessions.Ruling) string {
	switch {
	case r.From == "" && r.Before == "":
		return "any"
	case r.From == "":
		return "before " + r.Before
	case r.Before == "":
		return "from " + r.From
	}
	return r.From + ", before " + r.Before
}

// numbers are those of the reasons.
func numbers(rules []session.Rule, reasons map[session.Rule]int) string {
	if len(rules) == 0 {
		return ""
	}
	var list []string
	for _, rule := range rules {
		list = append(list, fmt.Sprint(reasons[rule]))
	}
	return " [" + strings.Join(slices.Compact(list), ",") + "]"
}

func printPorts(w io.Writer, ports []sessions.Port) {
	if len(ports) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := terminal.NewTable(w)
	t.Row("LEVEL", "PORT", "SESSIONS", "BEGIN")
	for _, p := range ports {
		t.Row("from "+p.Level, fmt.Sprint(p.Port), both(p.Client, "client", p.Admin, "admin"), both(p.Plain, "plain", p.TLS, "TLS"))
	}
	t.Flush()
}

func both(first bool, one string, second bool, other string) string {
	switch {
	case first && second:
		return one + ", " + other
	case first:
		return one
	case second:
		return other
	}
	return "-"
}

// printTasks lists what is to be done, each thing once with the sessions that need it.
func printTasks(w io.Writer, list []sessions.Ruling, reasons map[session.Rule]int) {
	title := "\nto do\n"
	for _, r := range list {
		for _, task := range r.Todo {
			line := fmt.Sprintf("%s %s: %s%s", r.Role, levelText(r), task.Text, numbers([]session.Rule{task.Because}, reasons))
			fmt.Fprintf(w, "%s    %s\n", title, op.Printable(line))
			title = ""
		}
	}
	title = "\noptions without an effect\n"
	for _, r := range list {
		for _, i := range r.Ignored {
			line := fmt.Sprintf("%s %s: %s in line %d%s", r.Role, levelText(r), i.Option, i.Line, numbers([]session.Rule{i.Because}, reasons))
			fmt.Fprintf(w, "%s    %s\n", title, op.Printable(line))
			title = ""
		}
	}
}

func printChecklist(w io.Writer, checked sessions.Checked) {
	fmt.Fprintf(w, "use case %d: %s\n", checked.Number, checked.Title)
	if !checked.Database {
		fmt.Fprintln(w, "there is no key database, so no certificate is taken for present")
	}
	t := terminal.NewDetails(w)
	for _, s := range checked.Steps {
		text := s.Text
		if s.Server != "" {
			text = s.Server + ": " + text
		}
		if s.Standing != session.Stated {
			text += fmt.Sprintf(" [%s]", s.Standing)
		}
		t.Row(string(s.State), text)
	}
	t.Flush()
}
