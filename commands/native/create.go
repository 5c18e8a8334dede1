package native

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/issuing"
	"certkdb/kdb"
	"certkdb/pki/hosts"
)

func createCommand(env *op.Env) *cli.Command {
	var o issuing.Create
	var lists specLists
	var from string
	flags := append(authorityFlags(env, &o.CA),
		&cli.StringFlag{
			Name: "from", Usage: "create one for each line of this `FILE`: the names of a server; - is standard input", Destination: &from,
		},
		&cli.BoolFlag{Name: "replace", Usage: "replace an entry that has the label", Destination: &o.Replace},
		yesFlag(),
		&cli.BoolFlag{Name: "ensure", Usage: "do nothing if the entry already matches; dates are not compared", Destination: &o.Ensure},
		&cli.BoolFlag{Name: "default", Usage: "make it the default entry", Destination: &o.Default},
	)
	flags = append(append(flags, changeFlags()...), subjectFlags(&o.Spec, &lists)...)
	flags = append(append(flags, useFlags(&o.Spec, &lists)...), timeFlags(&o.Spec)...)
	return &cli.Command{
		Name: "create", Category: groupIssuing, Usage: "create a private key and its certificate, self-signed or signed by a CA in the database",
		ArgsUsage: "[LABEL]",
		Description: "Without --ca the certificate is self-signed. Without --san a server certificate is valid for its common name, if it is\n" +
			"a host name or an address. What a CA signs is recorded in its database; see: certkdb issued.\n" +
			"Use --ensure in scripts that run repeatedly: if the entry differs, that is an error, or with --replace a new certificate is\n" +
			"made. To replace a certificate before it expires: certkdb renew LABEL --before 30d.\n\n" +
			"With --from FILE, each line has the names of a server, DNS names and addresses, separated by spaces or commas. The first is\n" +
			"the label and the common name. Empty lines and comments (#) are ignored. Either all are created, or none. With --ensure,\n" +
			"lines can be added to the file, and the command repeated.\n\n" +
			examples(
				"certkdb create web --cn www.example.com",
				"certkdb create web --cn www.example.com --san dns:example.com --san ip:192.0.2.7 --days 90",
				"certkdb create root --is-ca --dn 'CN=Example Root,O=Example,C=US' --key-type p384 --days 3650",
				"certkdb create sub --ca root --is-ca --path-len 0 --permit dns:example.com --cn 'Example Issuing CA'",
				"certkdb create api --ca sub --cn api.example.com --profile peer --ensure",
				"certkdb create --from servers.txt --ca sub --days 90 --ensure",
				"certkdb create job --ca sub --cn job.example.com --not-after 12h --must-staple",
				"certkdb create card --ca sub --profile client --cn Alice --san upn:alice@example.com --extension 1.3.6.1.4.1.311.20.2=UTF8:text",
			),
		Flags: flags,
		Action: func(c *cli.Context) error {
			lists.into(&o.Spec)
			o.CA.DB.LockTimeout = c.Duration(flagLockTimeout)
			if err := checkValues(c); err != nil {
				return err
			}
			if from != "" {
				return createFrom(c, env, o, from)
			}
			return createOne(env, o)(c)
		},
	}
}

// createOne creates the certificate of a label.
func createOne(env *op.Env, o issuing.Create) cli.ActionFunc {
	return change(env, "create", func(c *cli.Context, args []string) (op.Operation[issuing.Made], error) {
		if len(args) == 0 {
			return o, usage(c, "LABEL or --from is missing")
		}
		o.Label = args[0]
		return o, nil
	}, printMade)
}

// madeAll tells of the certificates for a list.
type madeAll struct {
	Changed bool           `json:"changed"`
	Entries []issuing.Made `json:"entries"`
}

// HasChanged says whether any of them is new.
func (m madeAll) HasChanged() bool { return m.Changed }

// createFrom creates a certificate for each line of a file, all in one transaction.
func createFrom(c *cli.Context, env *op.Env, o issuing.Create, from string) error {
	for _, name := range []string{"cn", "dn", "san", "default"} {
		if c.IsSet(name) {
			return usage(c, "--from and --%s exclude each other", name)
		}
	}
	if c.Args().Present() {
		return usage(c, "LABEL and --from exclude each other: the labels are in the file")
	}
	servers, err := readServers(env, from)
	if err != nil {
		return err
	}
	return action(env, "create.from", func(c *cli.Context, _ []string) (made madeAll, err error) {
		s, err := openDatabase(c, env)
		if err != nil {
			return made, err
		}
		defer s.Close()
		made.Entries = make([]issuing.Made, len(servers))
		steps := make([]op.Step, len(servers))
		for i, names := range servers {
			one := o
			one.Label, one.Spec.CommonName, one.Spec.SANs = names[0], names[0], sansOf(names)
			steps[i] = op.Do(one, &made.Entries[i])
		}
		if err := op.Run(c.Context, s, "create", steps...); err != nil {
			return made, err
		}
		warnUnverified(env, s)
		made.Changed = slices.ContainsFunc(made.Entries, issuing.Made.HasChanged)
		return made, nil
	}, func(w io.Writer, made madeAll) {
		for _, m := range made.Entries {
			printMade(w, m)
		}
	})(c)
}

// readServers reads the names of a server in each line.
func readServers(env *op.Env, from string) (servers [][]string, err error) {
	var in io.Reader = env.Stdin
	if from != "-" {
		f, err := os.Open(from)
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", from, op.UnwrapPath(err))
		}
		defer f.Close()
		in = f
	}
	lines := bufio.NewScanner(op.Decoded(in))
	known := map[string]int{}
	n := 1
	for ; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		names := strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == ',' })
		if len(names) == 0 {
			continue
		}
		if other, twice := known[names[0]]; twice {
			return nil, fmt.Errorf("reading %q: line %d: %w: %q is in line %d already", from, n, kdb.ErrParse, names[0], other)
		}
		known[names[0]] = n
		if err := checkNames(names); err != nil {
			return nil, fmt.Errorf("reading %q: line %d: %w: %w", from, n, kdb.ErrParse, err)
		}
		servers = append(servers, names)
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("reading %q: line %d: %w: it is longer than 64 KiB", from, n, kdb.ErrParse)
	case err != nil:
		return nil, fmt.Errorf("reading %q: %w", from, op.UnwrapPath(err))
	}
	if len(servers) == 0 {
		return nil, fmt.Errorf("reading %q: %w: there is no name in it", from, kdb.ErrParse)
	}
	return servers, nil
}

// checkNames refuses names that no certificate could have.
func checkNames(names []string) error {
	if err := kdb.CheckLabel(names[0]); err != nil {
		return err
	}
	for _, name := range names {
		if _, err := netip.ParseAddr(name); err == nil {
			continue
		}
		host, err := hosts.PatternToASCII(name)
		if err != nil {
			return err
		}
		// Host names do not end in a number, else they could not be told from addresses (RFC 1123, 2.1).
		if _, err := strconv.ParseUint(host[strings.LastIndexByte(host, '.')+1:], 10, 64); err == nil && strings.Contains(host, ".") {
			return fmt.Errorf("%q is neither a host name nor an IP address", name)
		}
	}
	return nil
}

// sansOf are alternative names as options have them.
func sansOf(names []string) []string {
	var sans []string
	for _, name := range names {
		kind := "dns:"
		if _, err := netip.ParseAddr(name); err == nil {
			kind = "ip:"
		}
		sans = append(sans, kind+name)
	}
	return sans
}
