package explain_test

import (
	"errors"
	"strings"
	"testing"

	"certkdb/commands/explain"
)

var dialects = []string{"dsmcert", "gsk8capicmd_64", "runmqakm", "gskcmd"}

func TestLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ line, want string }{
		{"gsk8capicmd_64 -keydb -create -db key.kdb -pw S3cret -stash", "init --db key.kdb --new-password file:db.pw --stash"},
		{"/usr/bin/gsk8capicmd_64 -keydb -create -db server.p12 -genpw -pqc false", "init --db server.p12 --generate-password --stash"},
		{"gsk8capicmd_64 -keydb -create -db a.kdb -pw S3cret -pqc false", "init --db a.kdb --profile 4 --new-password file:db.pw"},
		{"gsk8capicmd_64 -keydb -changepw -db a.kdb -stashed -new_pw S3cret", "passwd --db a.kdb --new-password file:out.pw"},
		{"gsk8capicmd_64 -keydb -stashpw -db a.kdb -pw S3cret", "stash create --db a.kdb --password file:db.pw"},
		{
			"gskcmd -keydb -convert -pw S3cret -db a.jks -old_format jks -target a.kdb -new_format cms",
			"copy --all --key --db a.jks --password file:db.pw --to a.kdb --type cms --to-password file:out.pw",
		},
		{"gsk8capicmd_64 -cert -list personal -db a.kdb -stashed", "list --kind personal --db a.kdb"},
		{"gsk8capicmd_64 -cert -list -db a.kdb -pw S3cret", "list --db a.kdb --password file:db.pw"},
		{"gsk8capicmd_64 -cert -add -db a.kdb -stashed -label 'my CA' -file ca.arm", "add ca.arm --label 'my CA' --db a.kdb"},
		{"gsk8capicmd_64 -cert -details -file cert256.arm", "show --file cert256.arm"},
		{"runmqakm -cert -details -db a.kdb -stashed -label x", "show x --db a.kdb"},
		{
			"runmqakm -cert -create -db a.kdb -stashed -label x -dn 'CN=h,O=IBM' -san_dnsname h,h2 -size 4096 -expire 90 -default_cert yes",
			"create x --dn CN=h,O=IBM --san dns:h --san dns:h2 --key-type rsa4096 --days 90 --default --db a.kdb",
		},
		{"runmqakm -cert -extract -db a.kdb -stashed -label x -target x.arm", "export x --out x.arm --format pem --db a.kdb"},
		{
			"runmqakm -cert -import -file T.p12 -pw S3cret -type pkcs12 -target T.kdb -target_stashed -target_type cms",
			"add T.p12 --in-password file:in.pw --db T.kdb",
		},
		{
			"runmqakm -cert -export -db a.kdb -stashed -label x -target x.p12 -target_pw S3cret",
			"copy x --key --db a.kdb --to x.p12 --to-password file:out.pw",
		},
		{"runmqakm -cert -receive -db a.kdb -stashed -file x.crt -default_cert yes", "receive x.crt --default --db a.kdb"},
		{"runmqakm -cert -rename -db a.kdb -stashed -label x -new_label y", "rename x y --db a.kdb"},
		{"runmqakm -cert -modify -db a.kdb -stashed -label x -trust disable", "distrust x --db a.kdb"},
		{"runmqakm -cert -validate -db a.kdb -stashed", "validate --db a.kdb"},
		{
			"runmqakm -cert -sign -db ca.p12 -pw S3cret -file r.csr -label CA -target r.crt -expire 30 -preserve",
			"sign r.csr --ca CA --out r.crt --days 30 --preserve --db ca.p12 --password file:db.pw",
		},
		{
			"runmqakm -certreq -create -db a.kdb -stashed -label r -dn CN=r -size 384 -sigalg SHA384WithECDSA -file r.csr",
			"request r --dn CN=r --key-type p384 --out r.csr --db a.kdb",
		},
		{"runmqakm -certreq -list -db a.kdb -stashed", "list --kind request --db a.kdb"},
		{"sudo dsmcert -add -server SP01 -file a.arm", "add a.arm --label SP01 --db /opt/tivoli/tsm/client/ba/bin/dsmcert.kdb"},
		{
			"sudo keytool -genkeypair -alias sudo -keyalg EC -dname CN=ca -ext BC:critical=ca:true,pathlen:0 -ext san:critical=ip:192.0.2.7 " +
				"-ext ku=keyCertSign -sigalg SHA512withECDSA -keystore a.p12",
			"create sudo --dn CN=ca --key-type p256 --is-ca --path-len 0 --san ip:192.0.2.7 --ku keyCertSign --db a.p12",
		},
		{"gsk8capicmd_64 -cert -list -expiry 30 -db k.kdb", "list --expiring 30d --db k.kdb"},
		{"keytool -list -keystore a.p12 -storepass S3cret", "list --db a.p12 --password file:db.pw"},
		{
			"keytool -genkeypair -alias web -keyalg EC -dname CN=web -ext san=dns:web -validity 90 -keystore a.p12 -storepass S3cret",
			"create web --dn CN=web --key-type p256 --days 90 --san dns:web --db a.p12 --password file:db.pw",
		},
		{
			"keytool -importcert -noprompt -alias root -file root.pem -keystore a.jks -storepass S3cret",
			"add root.pem --label root --db a.jks --password file:db.pw",
		},
		{
			"keytool -importkeystore -srckeystore a.jks -srcstorepass S3cret -destkeystore b.p12 -deststoretype PKCS12 -deststorepass S3cret",
			"copy --all --key --db a.jks --password file:in.pw --to b.p12 --type pkcs12 --to-password file:out.pw",
		},
		{"keytool -exportcert -rfc -alias a -file a.pem -keystore a.jks", "export a --out a.pem --format pem --db a.jks"},
		{"keytool -delete -alias a -keystore a.jks -storepass S3cret", "delete a --db a.jks --password file:db.pw"},
		{"keytool -printcert -file a.crt", "show --file a.crt"},
		{
			"openssl pkcs12 -export -inkey k.pem -in c.pem -name web -out a.p12 -passout pass:S3cret",
			"init --db a.p12 --new-password file:out.pw; add c.pem k.pem --label web --db a.p12 --password file:out.pw",
		},
		{
			"openssl pkcs12 -in a.p12 -passin pass:S3cret -nodes -out a.pem",
			"export LABEL --combined --db a.p12 --password file:db.pw --out a.pem",
		},
		{"openssl pkcs12 -in a.p12 -nokeys -out a.pem", "export --all --db a.p12 --out a.pem"},
		{"openssl x509 -in a.crt -noout -checkend 604800", "list --db a.crt --expiring 7d --check"},
		{"openssl x509 -checkend 3601 -noout -in a.crt", "list --db a.crt --expiring 3601s --check"},
		{"openssl x509 -in a.crt -noout -checkhost www.example", "validate --file a.crt --host www.example"},
		{"openssl rsa -in a.key -noout -check", "show --file a.key"},
		{
			"openssl rsa -in a.key -passin pass:S3cret -out b.key -traditional",
			"export LABEL --key --db a.key --password file:db.pw --out b.key --traditional",
		},
		{"openssl ec -aes256 -in a.key -out b.key", "export LABEL --key --db a.key --out b.key --out-password file:out.pw"},
		{"openssl pkey -in a.key -text -noout", "show --file a.key"},
		{"openssl crl -in a.crl -noout -nextupdate", "show --file a.crl"},
		{
			"openssl genrsa -aes256 -passout pass:S3cret -out a.key 4096",
			"init --db key.ckdb --generate-password --stash; " +
				"request server --cn www.example.com --key-type rsa4096 --out server.csr --db key.ckdb; " +
				"export server --key --out a.key --db key.ckdb --out-password file:out.pw",
		},
		{
			"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384",
			"init --db key.ckdb --generate-password --stash; " +
				"request server --cn www.example.com --key-type p384 --out server.csr --db key.ckdb",
		},
		{"openssl x509 -in a.crt -noout -enddate", "show --file a.crt"},
		{"openssl req -in a.csr -noout -text", "show --file a.csr"},
		{
			"openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -subj /C=US/O=Corp/CN=a -days 30 -addext subjectAltName=DNS:a",
			"init --db key.ckdb --generate-password --stash; " +
				"create server --dn /C=US/O=Corp/CN=a --key-type rsa2048 --san dns:a --days 30 --db key.ckdb; " +
				"export server --out c.pem --format pem --db key.ckdb; export server --key --out k.pem --format pem --db key.ckdb",
		},
		{
			"openssl verify -CAfile root.pem -untrusted sub.pem -verify_hostname a leaf.pem",
			"validate --file leaf.pem --file sub.pem --trust root.pem --only-trust --host a",
		},
		{
			"openssl s_client -connect h:389 -starttls ldap -servername n -CAfile ca.pem -brief",
			"connect h:389 --db ca.pem --servername n --starttls ldap",
		},
		{
			"openssl x509 -req -in a.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out a.crt -days 30",
			"init --db ca.ckdb --generate-password --stash; add ca.pem ca.key --label ca --db ca.ckdb; " +
				"sign a.csr --ca ca --db ca.ckdb --out a.crt --days 30",
		},
		{"certutil -A -d sql:nss -n root -t C,, -i root.pem", "add root.pem --label root --db key.ckdb"},
		{"certutil -A -d sql:nss -n peer -t ,, -i peer.pem -f pw", "add peer.pem --label peer --no-trust --db key.ckdb --password file:db.pw"},
		{"certutil -L -d sql:nss", "list --db key.ckdb"},
		{"certutil -D -d nss -n root", "delete root --db key.ckdb"},
		{"pk12util -i a.p12 -d sql:nss -W S3cret", "add a.p12 --db key.ckdb --in-password file:in.pw"},
		{"pk12util -o a.p12 -n web -d sql:nss -W S3cret", "copy web --key --db key.ckdb --to a.p12 --type pkcs12 --to-password file:out.pw"},
	} {
		answer, err := explain.Line([]string{c.line}, dialects)
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		var commands []string
		for _, s := range answer.Steps {
			commands = append(commands, strings.TrimPrefix(s.Command, "certkdb "))
		}
		if got := strings.Join(commands, "; "); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.line, got, c.want)
		}
		if text := strings.Join(append(commands, answer.Notes...), "\n"); strings.Contains(text, "S3cret") {
			t.Errorf("%s: the password comes out again: %s", c.line, text)
		}
	}
}

func TestLine_unknown(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"", "curl https://a", "openssl", "openssl speed", "keytool -genseckey -alias a", "gsk8capicmd_64 -random -create -length 9", "dsmcert",
		"certutil", "pk12util", "openssl verify", "openssl s_client -quiet", "openssl x509 -req -in a.csr -signkey k.pem",
		"openssl rsa", "openssl rsa -in a.key -pubout", "openssl ecparam -list_curves", "openssl genpkey -algorithm DSA",
		"runmqakm -cert -lits -db a.kdb", "runmqakm -cert -add -db a.kdb -crypto x -file y", "runmqakm -cert -add -?",
	} {
		if answer, err := explain.Line([]string{line}, dialects); !errors.Is(err, explain.ErrUnknown) {
			t.Errorf("%q: %+v, %v", line, answer, err)
		}
	}
}

func TestLine_quoting(t *testing.T) {
	t.Parallel()
	words := []string{"runmqakm", "-cert", "-delete", "-db", "a b.kdb", "-label", "it's $HOME"}
	answer, err := explain.Line(words, dialects)
	if want := `certkdb delete 'it'\''s $HOME' --db 'a b.kdb'`; err != nil || answer.Steps[0].Command != want {
		t.Errorf("%v, %v", answer.Steps, err)
	}
	again, err := explain.Line([]string{`runmqakm -cert -delete -db "a b.kdb" -label 'it'\''s $HOME'`}, dialects)
	if err != nil || again.Steps[0].Command != answer.Steps[0].Command {
		t.Errorf("in one argument: %v, %v", again.Steps, err)
	}
}
