package commands

import (
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
)

func createCommand(env *op.Env) *cli.Command {
	var o op.Create
	var sans cli.StringSlice
	return &cli.Command{
		Name: "create", Category: groupIssuing, Usage: "make a private key and its self-signed certificate", ArgsUsage: "LABEL",
		Description: "The certificate is self-signed. Key types: rsa2048 rsa3072 rsa4096 p256 p384 p521 ed25519 mldsa44 mldsa65 mldsa87.\n" +
			"Without --san a server certificate is valid for its common name, when that is a host's name or an address.\n\n" +
			examples("certkdb create web --cn www.example.com", "certkdb create web --cn www.example.com --san dns:example.com --san ip:192.0.2.7 --days 90",
				"certkdb create ca --dn 'CN=Example Root,O=Example,C=US' --profile ca --key-type p384 --days 3650"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "cn", Usage: "the common `NAME` of the subject", Destination: &o.CommonName},
			&cli.StringFlag{Name: "dn", Usage: "the whole subject: a distinguished `NAME` of RFC 4514", Destination: &o.DN},
			&cli.StringSliceFlag{Name: "san", Usage: "a subject alternative name, `TYPE:VALUE`: dns, ip, email or uri; may be repeated", Destination: &sans},
			&cli.StringFlag{Name: "key-type", Usage: "`TYPE` of the key", Value: "p256", Destination: &o.KeyType},
			&cli.IntFlag{Name: "days", Usage: "valid for `N` days", Value: 365, Destination: &o.Days},
			&cli.StringFlag{Name: "profile", Usage: "what the certificate is for: `NAME` is server, client or ca", Value: "server", Destination: &o.Profile},
			&cli.BoolFlag{Name: "replace", Usage: "replace an entry that has the label", Destination: &o.Replace},
			&cli.BoolFlag{Name: "default", Usage: "make it the default entry", Destination: &o.Default},
		},
		Action: func(c *cli.Context) error {
			args, err := exactly(c, "LABEL")
			if err != nil {
				return err
			}
			o.DB, o.Label, o.SANs = database(c), args[0], sans.Value()
			made, err := o.Run(c.Context, env)
			if err != nil {
				return err
			}
			return emit(c, env, "create", made, func(w io.Writer) {
				fmt.Fprintf(w, "created %q: %s, %s, valid until %s\n", made.Label, made.Subject, made.KeyType, made.NotAfter.Format(time.DateOnly))
			})
		},
	}
}
