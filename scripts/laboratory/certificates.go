//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// selfSigned is the label of the certificate that a Storage Protect server makes for itself.
const selfSigned = "TSM Server SelfSigned SHA Key"

// certs issues the certificates of the lab with certkdb. Each server has its own, in server.crt and server.key in its folder.
type certs struct{ *lab }

func (c certs) run(args ...string) error {
	cmd := exec.Command(c.certkdb, args...)
	cmd.Env = append(os.Environ(), "CERTKDB_DB="+c.path("ca.ckdb"), "CERTKDB_PASSWORD_FILE=", "PASSWORDDIR="+c.path("trust"),
		"XDG_STATE_HOME="+c.path("state")) // nothing is noted in the home of the person who starts the lab
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("certkdb %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// all runs commands, a string each, whose words blanks separate; _ in a word is a blank.
func (c certs) all(commands ...string) error {
	for _, command := range commands {
		words := strings.Fields(command)
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], "_", " ")
		}
		if err := c.run(words...); err != nil {
			return err
		}
	}
	return nil
}

// authority makes a root, a CA below it, and a root of strangers, and exports the trust in each kind of file that clients read.
func (c certs) authority() error {
	trust := c.path("trust")
	if err := os.Mkdir(trust, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(trust, "password"), []byte("changeit\n"), 0o644); err != nil {
		return err
	}
	err := c.all("init --generate-password --stash",
		"init --db "+filepath.Join(trust, "dsmcert.kdb")+" --type pkcs12 --generate-password --stash",
		"create root --is-ca --cn Lab_Root --days 3650", "trust root",
		"create sub --is-ca --ca root --path-len 0 --cn Lab_Issuing_CA --days 3600",
		"export sub --out "+filepath.Join(trust, "issuer.crt"),
		"create stranger --is-ca --cn Stranger_Root --days 3650",
		"create client --ca sub --cn node1 --profile client",
		"create outsider --ca stranger --cn outsider --profile client")
	for _, root := range []string{"root", "stranger"} {
		if err != nil {
			return err
		}
		file := filepath.Join(trust, root)
		err = c.all("export "+root+" --out "+file+".crt",
			"copy --db "+file+".crt --all --to "+file+".jks --to-password file:"+filepath.Join(trust, "password"),
			"copy --db "+file+".crt --all --to "+file+".p12 --to-password file:"+filepath.Join(trust, "password"),
			"init --db "+file+".kdb --generate-password --stash",
			"add --db "+file+".kdb "+file+".crt --label Lab_trust")
	}
	return err
}

// issue makes the certificate of a server; with chain, the server has its issuer's too.
func (c certs) issue(name string, chain bool, options ...string) error {
	folder := c.folderOf(name)
	if err := os.MkdirAll(folder, 0o711); err != nil {
		return err
	}
	create := []string{"create", name, "--ca", "sub", "--cn", "localhost", "--san", "dns:localhost", "--san", "ip:127.0.0.1"}
	create = append(create, options...)
	certificate := []string{"export", name, "--out", filepath.Join(folder, "server.crt")}
	if chain {
		certificate = append(certificate, "--chain")
	}
	if err := c.run(create...); err != nil {
		return err
	}
	if err := c.run(certificate...); err != nil {
		return err
	}
	return c.run("export", name, "--key", "--out", filepath.Join(folder, "server.key"))
}

// storageProtect makes the key database of a Storage Protect server with the certificate that it signs itself, in IBM's own words, and
// gives its clients the certificate.
func (c certs) storageProtect(name string) error {
	folder := c.folderOf(name)
	if err := os.MkdirAll(folder, 0o711); err != nil {
		return err
	}
	db, arm := filepath.Join(folder, "cert.kdb"), filepath.Join(folder, "cert256.arm")
	for _, args := range [][]string{
		{"gsk8capicmd_64", "-keydb", "-create", "-db", db, "-pw", "lab-Passw0rd", "-stash"},
		{
			"gsk8capicmd_64", "-cert", "-create", "-db", db, "-stashed", "-label", selfSigned, "-size", "2048", "-expire", "3650", "-dn",
			"CN=TSM Self-Signed Certificate,OU=TSM Network,O=TSM,C=US",
		},
		{"gsk8capicmd_64", "-cert", "-extract", "-db", db, "-stashed", "-label", selfSigned, "-target", arm},
		{"export", "--db", db, selfSigned, "--out", filepath.Join(folder, "server.crt")},
		{"export", "--db", db, selfSigned, "--key", "--out", filepath.Join(folder, "server.key")},
		{"dsmcert", "-add", "-server", name, "-file", arm},
	} {
		if err := c.run(args...); err != nil {
			return err
		}
	}
	return nil
}

// exchange imports the certificate of each of two servers into the key database of the other, as for replication, and exports what each
// then trusts.
func (c certs) exchange(one, other string) error {
	for _, pair := range [][2]string{{one, other}, {other, one}} {
		db, arm := filepath.Join(c.folderOf(pair[0]), "cert.kdb"), filepath.Join(c.folderOf(pair[1]), "cert256.arm")
		err := c.run("gsk8capicmd_64", "-cert", "-add", "-db", db, "-stashed", "-label", pair[1], "-file", arm)
		if err == nil {
			err = c.run("export", "--db", db, pair[1], "--out", filepath.Join(c.folderOf(pair[0]), "peers.pem"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
