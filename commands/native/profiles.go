package native

import "github.com/urfave/cli/v2"

// flagSkip leaves out what a format cannot hold.
const flagSkip = "skip-unsupported"

// profileFlag chooses how a new database of a foreign format is written.
func profileFlag(name *string) cli.Flag {
	return &cli.StringFlag{
		Name: "profile", Usage: "how a PKCS #12 file is written: `NAME`, see certkdb help profiles", Destination: name,
	}
}
