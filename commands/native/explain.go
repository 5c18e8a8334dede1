package native

import (
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"certkdb/commands/explain"
	"certkdb/commands/op"
)

func explainCommand(env *op.Env, dialects []string) *cli.Command {
	return &cli.Command{
		Name: "explain", Category: groupOperations, Usage: "translate another tool's command line into certkdb's", ArgsUsage: "LINE…",
		Description: "Prints the commands of certkdb that do the same as a line for gsk8capicmd and its relatives, dsmcert, keytool, openssl\n" +
			"(pkcs12, x509, req, verify, s_client, crl, pkcs7, rsa, ec, pkey, genrsa, genpkey, ecparam), certutil or pk12util, and says what\n" +
			"differs. Nothing is run. Passwords in the line are not repeated: the translation reads them from files.\n\n" +
			examples(
				"certkdb explain -- keytool -list -keystore trust.p12 -storepass changeit",
				"certkdb explain -- gsk8capicmd_64 -cert -add -db key.kdb -stashed -label root -file root.arm",
				"certkdb explain -- 'openssl verify -CAfile root.pem server.pem'",
			),
		Action: action(env, "explain", func(c *cli.Context, args []string) (explain.Answer, error) {
			answer, err := explain.Line(args, dialects)
			if errors.Is(err, explain.ErrUnknown) {
				return answer, usage(c, "%w", err)
			}
			return answer, err
		}, printAnswer),
	}
}

// printAnswer prints commands that can be run as they are: the notes are comments of the shell.
func printAnswer(w io.Writer, answer explain.Answer) {
	for _, step := range answer.Steps {
		fmt.Fprintln(w, step.Command)
	}
	for _, note := range answer.Notes {
		fmt.Fprintf(w, "# %s\n", note)
	}
}
