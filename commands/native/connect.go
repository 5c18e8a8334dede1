package native

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
	"certkdb/commands/op/sessions"
	"certkdb/pki/probe"
)

const connectText = "Makes a TLS handshake with each server, judges its certificate as validate does, by what the database trusts, and\n" +
	"says what is wrong and what to do about it on which side. A trusted certificate of the server itself is enough. TLS 1.2 and 1.3 are\n" +
	"used; older versions are only reported. No data is sent.\n\n" +
	"--save stores the server's certificate if it is valid, or, as a trusted one, if it has the fingerprint of --fingerprint.\n" +
	"--accept is trust on first use: a certificate for which nothing but trust is missing is stored as trusted under the server's\n" +
	"name. A changed certificate is then refused. --options takes the address and the rules from a client options file of Storage\n" +
	"Protect, first contact included.\n\n" +
	"Exits with 10 if a handshake failed, 8 if a certificate was refused, 9 if one has expired, or will within --expiring TIME. Of\n" +
	"several servers the first of these counts. -o csv and -o jsonl print a line for each server, -o name the addresses of those that are\n" +
	"not in order.\n\n"

func connectCommand(env *op.Env) *cli.Command {
	var f connectFlags
	return &cli.Command{
		Name: "connect", Category: groupSessions, ArgsUsage: "[HOST:PORT…]",
		Usage: "make TLS handshakes with servers, and explain what is wrong",
		Description: connectText + examples("certkdb connect www.example.com:443",
			"certkdb connect www.example.com:443 --db /etc/ssl/certs/ca-certificates.crt", "certkdb connect mail.example.com:587 --starttls smtp",
			"certkdb connect db.example.com:5432 --starttls postgres --cert client", "certkdb connect --targets servers.txt --expiring 30d -o csv",
			"certkdb connect vault.example.com:1500 --accept", "certkdb connect vault.example.com:1500 --save vault --fingerprint 5891b5b5…",
			"certkdb connect --options dsm.sys --server vault"),
		Flags:  append(changeFlags(), f.flags()...),
		Action: connectIn(env, func(c *cli.Context, args []string) (sessions.Connected, error) { return f.run(c, env, args) }),
	}
}

// connectFlags are the options of connect that need work before they are parameters.
type connectFlags struct {
	o                                        sessions.Connect
	contact                                  contactFlags
	starttls, serverName, minTLS, alpn, file string
	expiring                                 string
}

func (f *connectFlags) flags() []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{
			Name: "starttls", Destination: &f.starttls,
			Usage: "ask for TLS in `PROTOCOL`: ldap, smtp, imap, pop3, ftp, postgres, mysql, xmpp, sieve, nntp",
		},
		&cli.StringFlag{
			Name: "servername", Destination: &f.serverName,
			Usage: "the `NAME` to ask for, and to find in the certificate; else HOST",
		},
		&cli.DurationFlag{
			Name: "timeout", Destination: &f.o.Timeout, Value: probe.DefaultTimeout,
			Usage: "how long each server may take: a `TIME` such as 5s",
		},
		&cli.StringFlag{
			Name: "cert", Destination: &f.o.Certificate,
			Usage: "show servers that ask for it the personal certificate `LABEL`",
		},
		&cli.StringFlag{Name: "min-tls", Usage: "the lowest `VERSION` to accept: 1.2 or 1.3", Destination: &f.minTLS},
		&cli.StringFlag{
			Name: "alpn", Destination: &f.alpn,
			Usage: "application protocols to offer: `NAME,NAME`, such as h2,http/1.1",
		},
		&cli.StringFlag{
			Name: "targets", Destination: &f.file,
			Usage: "a `FILE` with a server a line: HOST:PORT, or HOST:PORT PROTOCOL for STARTTLS; - is standard input",
		},
		&cli.StringFlag{
			Name: "expiring", Aliases: []string{"watch-expiry"}, Destination: &f.expiring,
			Usage: "exit with 9 if a server's certificate expires within a `TIME` such as 30d",
		},
		&cli.StringFlag{Name: "save", Usage: "store the server's certificate under `LABEL`", Destination: &f.o.Keep.Label},
		&cli.StringFlag{
			Name: "fingerprint", Destination: &f.o.Keep.Fingerprint,
			Usage: "with --save: trust the certificate if this is its `SHA256`, else refuse it",
		},
		&cli.BoolFlag{
			Name: "replace", Destination: &f.o.Keep.Replace,
			Usage: "with --save: replace the entry that has the label",
		},
		&cli.BoolFlag{
			Name: "accept", Destination: &f.o.Keep.Accept,
			Usage: "trust on first use: store an unknown certificate under the server's name",
		},
		&cli.BoolFlag{
			Name: "save-chain", Destination: &f.o.Keep.Chain,
			Usage: "with --save or --accept: store the CAs that the server sent, too, without trusting them",
		},
	}, f.contact.flags()...)
}

func (f *connectFlags) run(c *cli.Context, env *op.Env, args []string) (connected sessions.Connected, err error) {
	if err := f.prepare(env, args); err != nil {
		return connected, err
	}
	s, err := openDatabase(c, env)
	if err != nil {
		return connected, err
	}
	defer s.Close()
	f.o.Progress = func(done, total int) { env.Advance(op.UnitServers, done, total) }
	if f.contact.file == "" {
		connected, err = f.o.Run(c.Context, s)
	} else {
		connected, err = f.contact.contact(f.o).Run(c.Context, s)
	}
	warnUnverified(env, s)
	for _, r := range connected.Targets {
		addRemedies(r, c.String(flagDB))
	}
	return connected, err
}

// tlsVersions are those of --min-tls.
var tlsVersions = [...]struct {
	name   string
	number uint16
}{{"1.2", tls.VersionTLS12}, {"1.3", tls.VersionTLS13}}

func tlsVersionNames() []string {
	var names []string
	for _, v := range tlsVersions {
		names = append(names, v.name)
	}
	return names
}

// tlsVersion is the number of a version, 0 for "".
func tlsVersion(name string) (uint16, error) {
	for _, v := range tlsVersions {
		if v.name == name {
			return v.number, nil
		}
	}
	if name == "" {
		return 0, nil
	}
	return 0, &op.Invalid{Field: op.FieldMinTLS, Value: name, Reason: "use " + op.Choice(tlsVersionNames())}
}

// prepare makes parameters of the options.
func (f *connectFlags) prepare(env *op.Env, args []string) (err error) {
	common := sessions.Target{ServerName: f.serverName, StartTLS: probe.Protocol(f.starttls)}
	for _, address := range args {
		t := common
		t.Address = address
		f.o.Targets = append(f.o.Targets, t)
	}
	if f.file != "" {
		more, err := sessions.ReadTargets(env, f.file, common)
		if err != nil {
			return err
		}
		f.o.Targets = append(f.o.Targets, more...)
	}
	if f.contact.file != "" && len(f.o.Targets) > 0 {
		return &op.Conflict{Fields: []op.Field{op.FieldOptions}, Reason: "the options file names the server"}
	}
	if f.alpn != "" {
		f.o.ALPN = strings.Split(f.alpn, ",")
	}
	if f.o.MinVersion, err = tlsVersion(f.minTLS); err != nil {
		return err
	}
	f.o.Keep.Save = f.o.Keep.Label != ""
	f.o.Expiring, err = op.ParseLength(f.expiring)
	return err
}

func printConnected(w io.Writer, connected sessions.Connected) {
	if len(connected.Targets) == 1 {
		printResult(w, connected.Targets[0])
		for _, text := range connected.Warnings {
			fmt.Fprintln(w, op.Printable("  warning: in the options file, "+text))
		}
		return
	}
	t := terminal.NewTable(w)
	t.Row("SERVER", "STATUS", "PROTOCOL", "EXPIRES", "CAUSE")
	for _, r := range connected.Targets {
		cause, expires := "", ""
		if len(r.Findings) > 0 {
			cause = r.Findings[0].Cause
		}
		if len(r.Chain) > 0 && r.Chain[0].NotAfter != nil {
			expires = r.Chain[0].NotAfter.Format(time.DateOnly)
		}
		t.Row(r.Address, string(r.Status), orDash(r.Protocol), orDash(expires), orDash(cause))
	}
	t.Flush()
	n := connected.Counts
	fmt.Fprintf(w, "%d servers: %d ok, %d with warnings, %d expired, %d refused, %d failed\n",
		n.Total, n.OK, n.Warning, n.Expired, n.Refused, n.Failed)
}

// printResult tells of one server: the cause and the remedy first.
func printResult(w io.Writer, r *sessions.Result) {
	head := "ok"
	if len(r.Findings) > 0 {
		head = r.Findings[0].Cause
	}
	if r.Status == sessions.StatusWarning {
		head = "ok, but " + head
	}
	fmt.Fprintln(w, op.Printable(r.Address+": "+head))
	for i, f := range r.Findings {
		if i > 0 {
			fmt.Fprintln(w, op.Printable("also: "+f.Cause))
		}
		if f.Remedy != "" {
			fmt.Fprintln(w, op.Printable("remedy: "+f.Remedy))
		}
	}
	for _, a := range r.Stored {
		fmt.Fprintln(w, actionLine(a))
	}
	if v := r.Validation; v != nil && v.Valid {
		printNotes(w, v.Notes)
	}
	printHandshake(w, r)
	if len(r.Chain) > 0 {
		fmt.Fprintln(w, "  the server sent")
	}
	for i, c := range r.Chain {
		fmt.Fprintln(w, op.Printable(fmt.Sprintf("    %d %s%s", i, orDash(c.Subject), sentNotes(c))))
	}
}

func sentNotes(c sessions.Sent) string {
	text := ""
	if c.NotAfter != nil {
		text += ", until " + c.NotAfter.Format(time.DateOnly)
	}
	if c.Label != "" {
		text += fmt.Sprintf(" (label %q)", c.Label)
	}
	switch {
	case c.Superfluous:
		text += " (not needed)"
	case c.Root:
		text += " (a root, which need not be sent)"
	}
	return text
}

func printHandshake(w io.Writer, r *sessions.Result) {
	t := terminal.NewDetails(w)
	line := func(name, value string) {
		if value != "" {
			t.Row("  "+name, value)
		}
	}
	line("peer", r.PeerAddress)
	line("protocol", r.Protocol)
	line("cipher suite", r.CipherSuite)
	exchange := r.KeyExchange
	switch {
	case exchange == "":
	case r.Hybrid:
		exchange += " (post-quantum, hybrid)"
	case r.PostQuantum:
		exchange += " (post-quantum)"
	default:
		exchange += " (not post-quantum)"
	}
	line("key exchange", exchange)
	line("ALPN", r.ALPN)
	if r.Request != nil {
		line("client certificate", "wanted from "+cmp.Or(strings.Join(r.Request.Issuers, "; "), "any CA"))
	}
	if v := r.Validation; v != nil && v.OCSP != nil {
		line("stapled OCSP", fmt.Sprintf("%s, of %s", v.OCSP.Status, v.OCSP.ThisUpdate.Format(time.RFC3339)))
	}
	if r.TrustedBy != "" {
		line("trusted by", fmt.Sprintf("label %q", r.TrustedBy))
	}
	if len(r.Chain) > 0 {
		line("SHA-256", r.Chain[0].SHA256)
	}
	t.Flush()
}
