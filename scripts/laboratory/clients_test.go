//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The rows are those of "Table 1. SSL clients and servers in the Tivoli Storage Manager environment".
const (
	clientServer = "client to server"
	serverServer = "server to server"
	storageAgent = "client through a storage agent"
	serverLDAP   = "server to LDAP server"
	opsCenter    = "Operations Center to server"
	reporting    = "reporting to server"
	others       = "other servers"
)

// client makes the command of a client that trusts a file.
type client func(b *bench, t *testing.T, s server, trust string) *exec.Cmd

// handshakes are those of the lab.
func (b *bench) handshakes() []handshake {
	const unknown = "unable to get local issuer certificate"
	list := []handshake{
		{clientServer, "sp-source", "connect with dsm.sys", connectOptions, "trust/dsmcert.kdb", "trust/stranger.kdb", "dsmcert -add"},
		{clientServer, "sp-source", "s_client", sClient, "sp-source/cert256.arm", "sp-target/cert256.arm", "verify error"},
		{serverServer, "sp-target", "connect", connect, "sp-source/cert.kdb", "trust/stranger.kdb", "self-signed"},
		{serverServer, "sp-source", "connect", connect, "sp-target/cert.kdb", "trust/stranger.kdb", "self-signed"},
		{serverServer, "sp-target", "s_client", sClient, "sp-source/peers.pem", "sp-target/peers.pem", "verify error"},
		{serverServer, "sp-source", "s_client", sClient, "sp-target/peers.pem", "sp-source/peers.pem", "verify error"},
	}
	// What the lab's CA signed is trusted with its root, in each kind of file, and not with that of strangers.
	for _, h := range []handshake{
		{clientServer, "sp-server", "connect", connect, ".kdb", "", "is not among the trusted certificates"},
		{clientServer, "sp-server", "s_client", sClient, ".crt", "", unknown},
		{clientServer, "sp-server", "gnutls-cli", gnutlsCLI, ".crt", "", "The certificate is NOT trusted. The certificate issuer is unknown"},
		{clientServer, "sp-server", "NSS", nss, ".crt", "", "SEC_ERROR_UNKNOWN_ISSUER"},
		{storageAgent, "agent", "connect", connect, ".kdb", "", "is not among the trusted certificates"},
		{storageAgent, "agent", "curl", curl, ".crt", "", unknown},
		{serverLDAP, "ldap", "connect", connect, ".kdb", "", "is not among the trusted certificates"},
		{serverLDAP, "ldap", "ldapsearch", ldapsearch, ".crt", "", "ldap_start_tls: Connect error"},
		{serverLDAP, "ldaps", "ldapsearch", ldapsearch, ".crt", "", "Can't contact LDAP server"},
		{opsCenter, "sp-server", "Java with a .jks", keytool, ".jks", "", "PKIX path building failed"},
		{opsCenter, "sp-server", "Java with a .p12", keytool, ".p12", "", "PKIX path building failed"},
		{opsCenter, "sp-server", "connect", connect, ".jks", "", "is not among the trusted certificates"},
		{reporting, "sp-server", "curl", curl, ".crt", "", unknown},
		{reporting, "sp-server", "connect", connect, ".p12", "", "is not among the trusted certificates"},
		{others, "https", "curl", curl, ".crt", "", unknown},
		{others, "postgres", "psql", psql, ".crt", "", "certificate verify failed"},
		{others, "mariadb", "mariadb", mariadb, ".crt", "", unknown},
		{others, "imap", "curl", curl, ".crt", "", unknown},
		{others, "imaps", "curl", curl, ".crt", "", unknown},
		{others, "smtp", "curl", curl, ".crt", "", unknown},
		{others, "smtps", "curl", curl, ".crt", "", unknown},
		{others, "tls12", "s_client", sClient, ".crt", "", unknown},
	} {
		h.right, h.wrong = "trust/root"+h.right, "trust/stranger"+h.right
		list = append(list, h)
	}
	return list
}

// connect is the program, with the trust of a database.
func connect(b *bench, _ *testing.T, s server, trust string) *exec.Cmd {
	args := []string{"connect", s.Address, "--db", trust, "--timeout", "60s"}
	if extension := filepath.Ext(trust); extension == ".jks" || extension == ".p12" {
		args = append(args, "--password", "file:"+b.path("trust/password"))
	}
	if s.StartTLS != "" {
		args = append(args, "--starttls", s.StartTLS)
	}
	return exec.Command(b.certkdb, args...)
}

// connectOptions is the program with the options file of a client that does not accept certificates by itself.
func connectOptions(b *bench, t *testing.T, s server, trust string) *exec.Cmd {
	text := fmt.Sprintf("SERVERNAME %s\n TCPSERVERADDRESS localhost\n TCPPORT %d\n SSLACCEPTCERTFROMSERV No\n", s.Name, s.port())
	file := filepath.Join(t.TempDir(), "dsm.sys")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return exec.Command(b.certkdb, "connect", "--options", file, "--db", trust, "--timeout", "60s")
}

func sClient(_ *bench, _ *testing.T, s server, trust string) *exec.Cmd {
	return exec.Command("openssl", "s_client", "-CAfile", trust, "-verify_return_error", "-connect", s.Address)
}

func gnutlsCLI(_ *bench, _ *testing.T, s server, trust string) *exec.Cmd {
	return exec.Command("gnutls-cli", "--x509cafile="+trust, s.Address)
}

// nss is tstclnt, with the trust in a database made by certutil.
func nss(_ *bench, t *testing.T, s server, trust string) *exec.Cmd {
	folder := "sql:" + t.TempDir()
	for _, args := range [][]string{{"-N", "--empty-password"}, {"-A", "-n", "lab", "-t", "C,,", "-i", trust}} {
		if out, err := exec.Command("certutil", append(args, "-d", folder)...).CombinedOutput(); err != nil {
			t.Fatalf("certutil %q: %v\n%s", args, err, out)
		}
	}
	return exec.Command("tstclnt", "-4", "-Q", "-d", folder, "-h", "localhost", "-p", fmt.Sprint(s.port()))
}

// curl speaks HTTP, IMAP and SMTP.
func curl(_ *bench, _ *testing.T, s server, trust string) *exec.Cmd {
	args := []string{"-sS", "--fail", "--max-time", "60", "--noproxy", "*", "--cacert", trust}
	switch s.Name {
	case "imap", "imaps":
		args = append(args, "--ssl-reqd", "-X", "CAPABILITY", s.Name+"://"+s.Address)
	case "smtp", "smtps":
		args = append(args, "--ssl-reqd", "-X", "NOOP", s.Name+"://"+s.Address)
	case "https":
		args = append(args, "https://"+s.Address)
	default:
		args = append(args, "https://"+s.Address+"/"+served)
	}
	return exec.Command("curl", args...)
}

func psql(_ *bench, _ *testing.T, s server, trust string) *exec.Cmd {
	cmd := exec.Command("psql", "--no-psqlrc", "--host=localhost", fmt.Sprintf("--port=%d", s.port()), "--username=lab",
		"--dbname=postgres", "--command=select 1")
	cmd.Env = append(os.Environ(), "PGSSLMODE=verify-full", "PGSSLROOTCERT="+trust)
	return cmd
}

func mariadb(_ *bench, _ *testing.T, s server, trust string) *exec.Cmd {
	return exec.Command("mariadb", "--no-defaults", "--host=localhost", "--protocol=tcp", fmt.Sprintf("--port=%d", s.port()),
		"--ssl-ca="+trust, "--ssl-verify-server-cert", "--execute=select 1")
}

// ldapsearch gets an address, because OpenLDAP's library replaces localhost by the name of the machine.
func ldapsearch(_ *bench, _ *testing.T, s server, trust string) *exec.Cmd {
	args := []string{"-x", "-b", "", "-s", "base", "-H", fmt.Sprintf("%s://127.0.0.1:%d", s.Name, s.port())}
	if s.StartTLS != "" {
		args = append(args, "-ZZ")
	}
	cmd := exec.Command("ldapsearch", args...)
	cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+trust)
	return cmd
}

// keytool is a TLS client of Java that needs no compiler: it fetches a revocation list by HTTPS, and verifies as all of Java does.
func keytool(b *bench, t *testing.T, s server, trust string) *exec.Cmd {
	password, err := os.ReadFile(b.path("trust/password"))
	if err != nil {
		t.Fatal(err)
	}
	property := func(name, value string) string { return "-J-Djavax.net.ssl." + name + "=" + value }
	kind := map[string]string{".jks": "JKS", ".p12": "PKCS12"}[filepath.Ext(trust)]
	return exec.Command("keytool", "-printcrl", "-file", "https://"+s.Address+"/"+served, property("trustStore", trust),
		property("trustStoreType", kind), property("trustStorePassword", strings.TrimSpace(string(password))))
}
