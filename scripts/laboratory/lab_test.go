//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"certkdb/commands/op/optest"
)

// TestMain makes the test binary be the program when the test calls it as such.
func TestMain(m *testing.M) {
	if os.Getenv("CERTKDB_LAB") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(optest.Main(m))
}

// A peer that the lab needs, and the Debian package that has it.
var needs = map[string]string{
	"openssl": "openssl", "nginx": "nginx-light", "slapd": "slapd", "ldapsearch": "ldap-utils", "psql": "postgresql",
	"mariadbd": "mariadb-server-core", "mariadb": "mariadb-client-core", "dovecot": "dovecot-imapd dovecot-submissiond",
	"curl": "curl", "gnutls-cli": "gnutls-bin", "certutil": "libnss3-tools", "keytool": "default-jre-headless", "setpriv": "util-linux",
}

// TestLab starts the lab once and has every client of IBM's table of SSL clients and servers make handshakes with trust exported by
// certkdb: accepted with the right trust, refused with another. Then it stops the lab, of which nothing stays.
func TestLab(t *testing.T) {
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	for name, packages := range needs {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed: apt-get install %s", name, packages)
		}
	}
	if found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); err != nil || len(found) == 0 {
		t.Skip("PostgreSQL's server is not installed: apt-get install postgresql")
	}
	b := startBench(t)
	t.Run("handshakes", func(t *testing.T) {
		for _, h := range b.handshakes() {
			t.Run(h.row+"/"+h.server+"/"+h.name, func(t *testing.T) {
				t.Parallel()
				b.check(t, h)
			})
		}
		t.Run(storageAgent+"/agent verifies the server", func(t *testing.T) {
			t.Parallel()
			b.agentVerifies(t)
		})
		t.Run(serverLDAP+"/provision", func(t *testing.T) {
			t.Parallel()
			b.provisionDirectory(t)
		})
		t.Run("many targets", func(t *testing.T) {
			t.Parallel()
			b.manyTargets(t)
		})
		t.Run("500 targets", func(t *testing.T) {
			t.Parallel()
			b.crowd(t)
		})
		t.Run("client certificate", func(t *testing.T) {
			t.Parallel()
			b.clientCertificates(t)
		})
	})
	b.stop(t)
}

// bench is a running lab with the programs that the test needs.
type bench struct {
	*lab
	program string // the lab
}

func startBench(t *testing.T) *bench {
	t.Helper()
	certkdb := buildCertkdb(t)
	t.Setenv("CERTKDB", certkdb)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent, err := os.MkdirTemp("", "lab-") // not t.TempDir, whose folders other accounts cannot enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	if err := os.Chmod(parent, 0o711); err != nil {
		t.Fatal(err)
	}
	b := &bench{program: self}
	folder := filepath.Join(parent, "lab")
	t.Cleanup(func() { b.runLab("stop", folder) })
	if out, err := b.runLab("start", folder); err != nil {
		t.Fatalf("starting the lab: %v\n%s", err, out)
	}
	if b.lab, err = readState(folder); err != nil {
		t.Fatal(err)
	}
	b.certkdb = certkdb
	return b
}

func (b *bench) runLab(args ...string) (string, error) {
	cmd := exec.Command(b.program, args...)
	cmd.Env = append(os.Environ(), "CERTKDB_LAB=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// stop ends the lab, and wants nothing of it to stay.
func (b *bench) stop(t *testing.T) {
	t.Helper()
	out, err := b.runLab("status", b.Folder)
	if err != nil || strings.Count(out, "localhost:") != len(b.Servers) {
		t.Errorf("status: %v\n%s", err, out)
	}
	if out, err := b.runLab("start", b.Folder); err == nil || !strings.Contains(out, "is the lab running?") {
		t.Errorf("a second lab in the same folder: %v\n%s", err, out)
	}
	if out, err := b.runLab("stop", b.Folder); err != nil {
		t.Errorf("stopping: %v\n%s", err, out)
	}
	for _, s := range b.Servers {
		if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", s.Process)); err == nil && s.Log != "" {
			t.Errorf("%s, process %d, is still there: %s", s.Name, s.Process, name)
		}
		if listens(s.port()) {
			t.Errorf("%s still listens on %s", s.Name, s.Address)
		}
	}
	if _, err := os.Stat(b.Folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder stays: %v", err)
	}
	if out, err := b.runLab("stop", b.Folder); err == nil || !strings.Contains(out, "not running") {
		t.Errorf("stopping it again: %v\n%s", err, out)
	}
}

// handshake is a client and a server: with right it succeeds, with wrong it fails and says so.
type handshake struct {
	row, server, name string
	client            client
	right, wrong      string // trust, a file of the lab
	says              string // what the client says of wrong trust, a regular expression
}

// check makes the handshake with both.
func (b *bench) check(t *testing.T, h handshake) {
	t.Helper()
	s, err := b.named(h.server)
	if err != nil {
		t.Fatal(err)
	}
	cmd := h.client(b, t, s, b.path(h.right))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("with %s: %v\n%s\n%s\nthe server's log ends with\n%s", h.right, cmd, err, out, tail(s.Log))
	}
	cmd = h.client(b, t, s, b.path(h.wrong))
	out, err := cmd.CombinedOutput()
	if err == nil || !regexp.MustCompile(h.says).Match(out) {
		t.Errorf("with %s it must fail and say %q: %v: %v\n%s\nthe server's log ends with\n%s", h.wrong, h.says, cmd, err, out, tail(s.Log))
	}
}

func tail(log string) string {
	return (&process{log: log}).said()
}

// agentVerifies has the storage agent be a TLS client of the server while it is the TLS server of a client: the agent that does not
// trust the server's CA answers its client that it has no connection.
func (b *bench) agentVerifies(t *testing.T) {
	t.Helper()
	s, err := b.named("agent-distrusting")
	if err != nil {
		t.Fatal(err)
	}
	out, err := curl(b, t, s, b.path("trust/root.crt")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "502") || !strings.Contains(tail(s.Log), "upstream SSL certificate verify error") {
		t.Errorf("%v\n%s\n%s", err, out, tail(s.Log))
	}
}

// provisionDirectory runs the example for a directory with slapd.
func (b *bench) provisionDirectory(t *testing.T) {
	t.Helper()
	s, err := b.named("ldap")
	if err != nil {
		t.Fatal(err)
	}
	said := provision(t, "ldap-directory", t.TempDir(), b.certkdb, "LDAP="+s.Address, "LDAP_CA="+b.path("trust/root.crt"))
	if !strings.Contains(said, "is not among the trusted") || !strings.Contains(said, s.Address+": ok\n") {
		t.Errorf("it said\n%s", said)
	}
}

// manyTargets has connect judge all servers in one call.
func (b *bench) manyTargets(t *testing.T) {
	t.Helper()
	list := ""
	for _, s := range b.Servers {
		list += s.Address + " " + s.StartTLS + "\n"
	}
	judge := func(trust string) string {
		cmd := exec.Command(b.certkdb, "connect", "--db", b.path(trust), "--targets", "-", "--timeout", "60s")
		cmd.Stdin = strings.NewReader(list)
		out, err := cmd.Output()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 10 {
			t.Errorf("%v", err)
		}
		return string(out)
	}
	last := fmt.Sprintf("%d servers: 0 ok, 0 with warnings, 0 expired, %d refused, 2 failed", len(b.Servers), len(b.Servers)-2)
	if out := judge("trust/stranger.crt"); !strings.Contains(out, last) {
		t.Errorf("with the wrong trust there is no %q in\n%s", last, out)
	}
	out := judge("trust/root.crt")
	for _, want := range []string{
		`legacy: failed .*the server speaks nothing newer than TLS 1.1, and TLS 1.2 or later is wanted`,
		`client-certificate: failed .*the server requires a client certificate`,
		`incomplete-chain: refused .*the server does not send the certificate of the issuer "CN=Lab Issuing CA"`,
		`sp-source: refused .*self-signed`, `tls12: ok +TLS 1.2`, `mldsa: ok +TLS 1.3`, `imap: ok +TLS 1.3`, `smtp: ok +TLS 1.3`,
		`ldap: ok +TLS 1.3`, `postgres: ok +TLS 1.3`, `mariadb: ok +TLS 1.3`,
		fmt.Sprintf(`%d servers: %d ok, 0 with warnings, 0 expired, 3 refused, 2 failed`, len(b.Servers), len(b.Servers)-5),
	} {
		name, rest, found := strings.Cut(want, ": ")
		if s, err := b.named(name); found && err == nil {
			want = s.Address + " +" + rest
		}
		if !regexp.MustCompile("(?m)^" + want).MatchString(out) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// crowd has connect judge 500 servers in one call, with bounded memory and sockets.
func (b *bench) crowd(t *testing.T) {
	t.Helper()
	s, err := b.named("https")
	if err != nil {
		t.Fatal(err)
	}
	const servers, maxSockets, maxMiB = 500, 256, 200
	cmd := exec.Command(b.certkdb, "connect", "--db", b.path("trust/root.crt"), "--targets", "-", "--timeout", "60s")
	cmd.Stdin = strings.NewReader(strings.Repeat(s.Address+"\n", servers))
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	most := 0
	for running := true; running; {
		select {
		case err = <-ended:
			running = false
		case <-time.After(5 * time.Millisecond):
			most = max(most, sockets(cmd.Process.Pid))
		}
	}
	if err != nil || !strings.Contains(out.String(), fmt.Sprintf("%d servers: %[1]d ok", servers)) {
		t.Errorf("%v\n%.2000s\n%s", err, out.String(), tail(s.Log))
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	t.Logf("%d sockets, %d MiB", most, usage.Maxrss>>10)
	if most > maxSockets || usage.Maxrss>>10 > maxMiB {
		t.Errorf("%d sockets at a time, of %d; %d MiB, of %d", most, maxSockets, usage.Maxrss>>10, maxMiB)
	}
}

// sockets counts those that a process has open.
func sockets(pid int) (n int) {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid)) // none when it has ended
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}

// clientCertificates has a server that wants one.
func (b *bench) clientCertificates(t *testing.T) {
	t.Helper()
	s, err := b.named("client-certificate")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ label, says string }{
		{"", "the server requires a client certificate"},
		{"client", `^localhost:\d+: ok\n`},
		{"outsider", `the server refuses the client certificate "outsider"`},
	} {
		args := []string{"connect", "--db", b.path("ca.ckdb"), s.Address, "--timeout", "60s"}
		if c.label != "" {
			args = append(args, "--cert", c.label)
		}
		out, err := exec.Command(b.certkdb, args...).Output()
		if (err == nil) != (c.label == "client") || !regexp.MustCompile(c.says).Match(out) {
			t.Errorf("with certificate %q: %v\n%s\n%s", c.label, err, out, tail(s.Log))
		}
	}
}

// A lab whose supervisor was killed leaves a folder, which stop removes; no process number from it is trusted.
func TestStop_killedSupervisor(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "lab")
	if err := stop(folder); !errors.Is(err, errNotRunning) {
		t.Errorf("without a folder: %v", err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	bystander := exec.Command("sleep", "60")
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		bystander.Process.Kill()
		bystander.Wait()
	}()
	if err := os.WriteFile(filepath.Join(folder, lockFile), fmt.Append(nil, bystander.Process.Pid), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := stop(folder); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder stays: %v", err)
	}
	if err := bystander.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("a process of somebody else was ended: %v", err)
	}
}

// Bad command lines are refused before anything starts.
func TestRun_usage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"begin"}, {"start", "a", "b"}} {
		if err := run(args); err == nil || err.Error() != usage {
			t.Errorf("run %q: %v", args, err)
		}
	}
}
