package gskcapi

import (
	"maps"
	"slices"
)

// action is what can be done to an object.
type action struct {
	name  string
	lead  string // a first line of the usage
	usage []use
	more  []string // options that are taken and that no usage of GSKit has
	run   func(*program) error
}

// use is a line of an action's usage: an option, or several of which one is meant.
type use struct {
	option string
	need   need
	note   string
}

type need string

const (
	required need = "Required"
	optional need = "Optional"
)

// Usage lines that several actions have. The notes are those of GSKit 8.0.50 where they are known.
var (
	useDB       = use{"-db | -crypto", required, ""}
	useToken    = use{"-tokenlabel", optional, "if -crypto present"}
	usePassword = use{"-pw | -stashed", optional, ""}
	useType     = use{"-type", optional, "<cms | kdb | pkcs12 | p12>"}
	useLabel    = use{"-label", required, ""}
	mayLabel    = use{"-label", optional, ""}
	useFile     = use{"-file", required, ""}
	useTarget   = use{"-target", required, ""}
	useFormat   = use{"-format", optional, "<ascii | binary>"}
	useDefault  = use{"-default_cert", optional, "<yes | no> [Deprecated]"}
	useSigalg   = use{"-sig_alg | -sigalg", optional, "<sha1 | sha256 | sha384 | sha512, with RSA, RSASSAPSS or ECDSA>"}
	useExpire   = use{"-expire", optional, ""}
	secondary   = []use{
		{"-secondarydb", optional, "if -crypto present"},
		{"-secondarydbpw", optional, "if -secondarydb present"},
		{"-secondarydbtype", optional, "if -secondarydb present"},
	}
	targetDB = []use{
		{"-target_pw | -target_stashed", optional, ""},
		{"-target_type", optional, "<cms | kdb | pkcs12 | p12>"},
		{"-new_label", optional, ""},
		{"-pqc", optional, "<true | false>"},
	}
	certificate = []use{
		{"-dn | -template", optional, ""},
		{"-size", optional, ""},
		useSigalg,
		{"-san_dnsname", optional, ""},
		{"-san_emailaddr", optional, ""},
		{"-san_ipaddr", optional, ""},
		{"-certpolicy", optional, ""},
		{"-eku", optional, "<ocspSigning, timeStamping, emailProtection, codeSigning, clientAuth, serverAuth, SSLStepUpApproval, any>"},
		{
			"-ku",
			optional,
			"<digitalSignature, nonRepudiation, keyEncipherment, dataEncipherment, keyAgreement, keyCertSign, cRLSign, encipherOnly, decipherOnly>",
		},
	}
)

// database is how an action opens its database, and what else it takes.
func database(more ...use) []use {
	return slices.Concat([]use{useDB, useToken, usePassword, useType}, more, secondary)
}

// objects are the actions of each object.
func objects() map[string][]*action {
	return map[string][]*action{
		"keydb": keydbActions(), "cert": certActions(), "certreq": certreqActions(), "secretkey": secretkeyActions(),
		"random":  {{name: "create", usage: []use{{"-length", required, "<1 - 125>"}, {"-strong", optional, ""}}, run: (*program).random}},
		"version": {{name: "version", run: (*program).version}},
		"help":    {{name: "help", run: func(p *program) error { return p.print(p.usage()) }}},
	}
}

func certActions() []*action {
	create := slices.Concat([]use{mayLabel}, certificate, []use{
		useExpire,
		{"-x509version", optional, "<1 | 2 | 3>"},
		useDefault,
		{"-ca", optional, "<true | false>"},
		{"-ca_label", optional, ""},
		{"-pqcdemo | -pqcdemor", optional, ""},
	})
	details := []use{
		{"-db | -crypto | -file", required, ""}, useToken, usePassword, useType, mayLabel, {"-file", optional, ""}, useFormat,
	}
	sign := slices.Concat([]use{useFile, useLabel, useTarget, useExpire, useFormat, {"-preserve", optional, ""}}, certificate)
	return []*action{
		{name: "add", usage: database(useFile, mayLabel, useFormat, use{"-trust", optional, "<enable | disable>"}), run: (*program).add},
		{name: "create", usage: database(create...), run: (*program).create},
		{name: "delete", usage: database(useLabel), run: (*program).remove},
		{name: "details", usage: slices.Concat(details, secondary), more: []string{"showoid"}, run: (*program).details},
		{
			name: "export", usage: database(slices.Concat([]use{mayLabel, useTarget}, targetDB)...), more: []string{"encryption"},
			run: (*program).export,
		},
		{name: "extract", usage: database(useLabel, use{"-target | -file", required, ""}, useFormat), run: (*program).extract},
		{name: "getdefault", usage: database(), run: (*program).getDefault},
		{
			name: "import",
			usage: slices.Concat(
				[]use{{"-db | -file | -crypto", required, ""}, useToken, usePassword, useType, mayLabel, useTarget},
				targetDB,
				secondary,
			),
			run: (*program).importFrom,
		},
		{
			name:  "list",
			lead:  "-list                 Optional <all | personal | ca>",
			usage: database(use{"-expiry", optional, ""}, use{"-rfc3339", optional, ""}),
			more:  []string{"label"},
			run:   (*program).list,
		},
		{name: "modify", usage: database(useLabel, use{"-trust", required, "<enable | disable>"}), run: (*program).modify},
		{name: "receive", usage: database(useFile, useFormat, useDefault, mayLabel), run: (*program).receive},
		{name: "rename", usage: database(useLabel, use{"-new_label", required, ""}), run: (*program).rename},
		{name: "setdefault", usage: database(useLabel), run: (*program).setDefault},
		{name: "sign", usage: database(sign...), more: []string{"sernum"}, run: (*program).sign},
		{name: "validate", usage: database(mayLabel), run: (*program).validate},
	}
}

func keydbActions() []*action {
	stash := use{"-stash", optional, ""}
	pqc := use{"-pqc", optional, "<true | false>"}
	v1 := use{"-v1stash", optional, ""}
	db := use{"-db", required, ""}
	return []*action{
		{
			name:  "changepw",
			usage: []use{db, usePassword, {"-new_pw", optional, ""}, useType, stash, useExpire, v1},
			run:   (*program).changePassword,
		},
		{name: "convert", usage: []use{
			db, usePassword,
			{"-old_format", optional, "<cms | kdb | pkcs12 | p12>"},
			{"-new_db | -target", optional, ""},
			{"-new_pw", optional, ""},
			{"-new_format", required, "<cms | kdb | pkcs12 | p12>"},
			stash, useExpire, pqc, v1,
		}, run: (*program).convert},
		{name: "create", usage: []use{
			db, {"-pw | -genpw", optional, ""}, useType, useExpire, stash, {"-populate | -empty", optional, ""}, {"-prompt", optional, ""}, pqc, v1,
		}, more: []string{"stashed"}, run: (*program).createDB},
		{name: "delete", usage: []use{db, usePassword, useType}, run: (*program).deleteDB},
		{name: "expiry", usage: []use{db, usePassword, useType}, run: (*program).expiry},
		{name: "list", usage: []use{}, run: (*program).types},
		{name: "stashpw", usage: []use{db, usePassword, useType, v1, stash}, run: (*program).stash},
	}
}

func certreqActions() []*action {
	create := slices.Concat([]use{useLabel, {"-file | -target", required, ""}}, certificate)
	return []*action{
		{name: "create", usage: database(create...), run: (*program).request},
		{name: "delete", usage: database(useLabel), run: (*program).removeRequest},
		{name: "details", usage: database(useLabel), run: (*program).requestDetails},
		{name: "extract", usage: database(useLabel, use{"-target | -file", required, ""}, useFormat), run: (*program).extractRequest},
		{name: "list", usage: database(), run: (*program).listRequests},
		{name: "recreate", usage: database(useLabel, use{"-target | -file", required, ""}, useSigalg), run: (*program).requestAgain},
	}
}

func secretkeyActions() []*action {
	return []*action{
		{name: "add", usage: database(useLabel, useFile, useFormat), run: (*program).addSecret},
		{name: "create", usage: database(useLabel, use{"-size", required, "in bytes"}), run: (*program).createSecret},
		{name: "delete", usage: database(useLabel), run: (*program).removeSecret},
		{name: "export", usage: database(slices.Concat([]use{useLabel, useTarget}, targetDB)...), run: (*program).exportSecret},
		{name: "extract", usage: database(useLabel, useTarget, useFormat), run: (*program).extractSecret},
		{
			name: "import",
			usage: slices.Concat(
				[]use{{"-db | -file | -crypto", required, ""}, useToken, usePassword, useType, useLabel, useTarget},
				targetDB,
				secondary,
			),
			run: (*program).importFrom,
		},
	}
}

// objectNames are the objects with their hyphens, in the order of the help.
func objectNames() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(objects())) {
		names = append(names, "-"+name)
	}
	return names
}

func actionNames(object string) []string {
	var names []string
	for _, a := range objects()[object] {
		if a.name != object {
			names = append(names, "-"+a.name)
		}
	}
	return names
}

func findAction(object, name string) *action {
	for _, a := range objects()[object] {
		if a.name == name {
			return a
		}
	}
	return nil
}

// firstAction is that of an object that has one.
func firstAction(object string) *action {
	if actions := objects()[object]; len(actions) == 1 {
		return actions[0]
	}
	return nil
}
