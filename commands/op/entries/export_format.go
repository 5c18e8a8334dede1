package entries

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// Format is that of an export; one that is not among the constants is the name of a kind of database.
type Format string

// The formats of exports.
const (
	FormatPEM      Format = "pem"
	FormatDER      Format = "der"
	FormatPKCS7    Format = "pkcs7"     // PEM, certificates with their chains
	FormatPKCS7DER Format = "pkcs7-der" // the same in DER
	FormatSSH      Format = "ssh"       // public keys
)

// Formats are the names that Export.Format may have: those of files, then the other kinds of databases.
func Formats(drivers []kdb.Driver) []string {
	names := []string{string(FormatPEM), string(FormatDER), string(FormatPKCS7), string(FormatPKCS7DER), string(FormatSSH)}
	for _, kind := range kdb.Creatable(drivers) {
		if !slices.Contains(names, kind) {
			names = append(names, kind)
		}
	}
	return names
}

// fileFormats are the meanings of extensions of output files that are not databases. Both forms of PKCS #7 occur as .p7b, and all
// programs read both; .p7c is DER (RFC 8551, 3.2.1).
var fileFormats = sync.OnceValue(func() map[string]Format {
	return map[string]Format{
		".pem": FormatPEM, ".crt": FormatPEM, ".arm": FormatPEM, ".key": FormatPEM, ".cer": FormatDER, ".der": FormatDER,
		".p7b": FormatPKCS7, ".p7c": FormatPKCS7DER, ".pub": FormatSSH,
	}
})

// formatAliases are other names of formats.
var formatAliases = sync.OnceValue(func() map[Format]Format {
	return map[Format]Format{"p7b": FormatPKCS7, "p7c": FormatPKCS7DER, "openssh": FormatSSH, "pub": FormatSSH}
})

// formatByName goes by the extension of the file.
func (o Export) formatByName(env *op.Env) Format {
	extension := strings.ToLower(filepath.Ext(o.Out.Path))
	if format, ok := fileFormats()[extension]; ok {
		return format
	}
	for _, d := range env.Drivers {
		for _, e := range d.Extensions {
			if e == extension {
				return Format(d.Name)
			}
		}
	}
	return FormatPEM
}
