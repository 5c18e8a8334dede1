package native

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/pki/spelling"
)

func didYouMean(word string) string { return fmt.Sprintf("did you mean %q?", word) }

// unknownCommand is the error about a word that is not a command.
func unknownCommand(commands []*cli.Command, word string) error {
	err := fmt.Errorf("%w: there is no command %q", op.ErrUsage, word)
	if tool := toolOf(word); tool != "" {
		return withHint(err, fmt.Sprintf("it looks like a line for %s; translate it with: certkdb explain -- %s %s …", tool, tool, word))
	}
	var names []string
	for _, c := range commands {
		if !c.Hidden {
			names = append(names, c.Names()...)
		}
	}
	if meant := synonym(word); slices.Contains(names, strings.Fields(meant + " -")[0]) {
		return withHint(err, didYouMean(meant)+" All commands: certkdb help")
	}
	if near := spelling.Nearest(names, word); near != "" {
		return withHint(err, didYouMean(near)+" All commands: certkdb help")
	}
	if isFile(word) {
		return withHint(err, "see what is in the file with: certkdb show "+op.Quote(word))
	}
	return withHint(err, "see all commands: certkdb help")
}

// unknownBelow is the error about a word that is not a command of a group.
func unknownBelow(commands []*cli.Command, group, word string) error {
	names := commandNames(commands)
	err := fmt.Errorf("%w: there is no command \"%s %s\"", op.ErrUsage, group, word)
	hint := fmt.Sprintf("use %s; see: certkdb help %s", op.Choice(names), group)
	if near := spelling.Nearest(names, word); near != "" {
		hint = didYouMean(group+" "+near) + " Or " + hint
	}
	return withHint(err, hint)
}

// synonyms are words of other tools, with the commands that do it here.
const synonyms = `
verify=validate check-chain=validate inspect=show cat=show print=show view=show get=show describe=show info-cert=show printcert=show
dump=show decode=show asn1parse=show generate=create gen=create new=create make=create keygen=create genkey=create genkeypair=create
selfsign=create csr=request certreq=request req=request gencsr=request convert=copy cp=copy migrate=copy sync=copy merge=copy
importkeystore=copy extract=export save=export write=export dump-key=export exportcert=export status=info state=info stat=info
search=find grep=find lookup=find locate=find diff=compare cmp=compare erase=delete remove=delete del=delete drop=delete unset=delete
put=add load=add insert=add store=add importcert=add update=add install=export mv=rename move=rename changealias=rename
password=passwd storepasswd=passwd chpass=passwd changepassword=passwd probe=connect s_client=connect scan=connect ping=connect
test=check fsck=check audit=log history=log logs=log journal=log repair=recover salvage=recover setup=init initdb=init mkdb=init
rotate=renew reissue=renew reenew=renew gencrl=crl createcrl=crl ocsp=validate vacuum=compact shrink=compact gc=compact
expiring=list expiry=list expired=list entries=list certs=list certificates=list ca=create sign-csr=sign accept=receive
reload=deploy publish=deploy push=deploy unrevoke=revoke lint-cert=lint zlint=lint slot=slots keyslots=slots unlock=stash
manual=man docs=help usage=help translate=explain revert=restore snapshot=backup report=list cert=show trustanchor=trust untrust=distrust
key-slots=slots unstash=stash
`

// synonym is the command that a word of another tool stands for, "" for none.
func synonym(word string) string {
	for _, pair := range strings.Fields(synonyms) {
		if theirs, ours, _ := strings.Cut(pair, "="); strings.EqualFold(theirs, word) {
			return ours
		}
	}
	return ""
}

// toolOf is the program that a line was probably written for, by its first word.
func toolOf(word string) string {
	switch strings.ToLower(word) {
	case "x509", "pkcs12", "pkcs7", "pkcs8", "rsa", "ec", "genrsa", "genpkey", "pkey":
		return "openssl"
	case "-keystore", "-importcert", "-importkeystore", "-exportcert", "-genkeypair", "-printcert", "-storepass", "-alias":
		return "keytool"
	case "-cert", "-keydb", "-certreq", "-secretkey":
		return "gsk8capicmd_64"
	}
	return ""
}

// strayOption is the error about an option where no command stands before or after it: mostly a line of another program.
func strayOption(line []string, option string) error {
	err := fmt.Errorf("%w: there is no option %s", op.ErrUsage, option)
	for _, word := range line {
		if tool := toolOf(word); tool != "" {
			return withHint(err, fmt.Sprintf("it looks like a line for %s; translate it with: certkdb explain -- %s …", tool, tool))
		}
	}
	if near := spelling.Nearest(optionNames(commonFlags("")), option); near != "" {
		return withHint(err, didYouMean(near)+" See: certkdb help")
	}
	return withHint(err, "the command comes first; see: certkdb help")
}

// otherOption is what an option of another tool is called here.
func otherOption(written string) string {
	switch written {
	case "keystore", "database", "dbname", "store":
		return flagDB
	case "storepass", "pw", "passin":
		return flagPassword
	case "alias", "name":
		return "label"
	case "outfile", "target", "output-file":
		return "out"
	case "overwrite", "f":
		return "force"
	case "subj", "dname":
		return "dn"
	case "validity":
		return "days"
	case "keyalg", "size", "algorithm":
		return "key-type"
	case "ext", "subject-alt-name", "dns", "ip", "altname":
		return "san"
	case "country":
		return "c"
	case "organization", "org":
		return "o"
	case "organizational-unit", "unit":
		return "ou"
	case "format", "outform":
		return flagOutput
	case "n", "check-only", "noop":
		return flagDryRun
	}
	return ""
}

func commandNames(commands []*cli.Command) []string {
	return wordsIn(commandCandidates(commands))
}

// optionNames are the long names of options, with hyphens.
func optionNames(flags []cli.Flag) []string {
	return slices.DeleteFunc(wordsIn(optionCandidates(flags)), func(name string) bool { return len(name) < 4 })
}

func wordsIn(candidates []candidate) []string {
	words := make([]string, len(candidates))
	for i, c := range candidates {
		words[i] = c.word
	}
	return words
}
