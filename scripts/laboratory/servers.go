//go:build linux

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// lab is a folder with its servers; as JSON it is the state that status and the tests read.
type lab struct {
	Folder  string   `json:"folder"`
	Servers []server `json:"servers"`

	certkdb   string // the program
	mu        sync.Mutex
	processes []*process
	standIn   net.Listener // of this program
}

// server is one address of a server. One process may have several.
type server struct {
	Name     string `json:"name"`
	Address  string `json:"address,omitempty"`  // empty if it was left out, and What says why
	StartTLS string `json:"starttls,omitempty"` // as connect names the protocol
	Process  int    `json:"process,omitempty"`
	Log      string `json:"log,omitempty"`
	What     string `json:"what"`
}

func (l *lab) path(name string) string     { return filepath.Join(l.Folder, name) }
func (l *lab) folderOf(name string) string { return l.path(name) }

func (s server) port() int {
	_, text, _ := net.SplitHostPort(s.Address)
	port, _ := strconv.Atoi(text)
	return port
}

// named finds a server by its name.
func (l *lab) named(name string) (server, error) {
	for _, s := range l.Servers {
		if s.Name == name {
			return s, nil
		}
	}
	return server{}, fmt.Errorf("the lab has no server %q", name)
}

// add remembers a server that answers.
func (l *lab) add(p *process, name string, port int, starttls, what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Servers = append(l.Servers, server{
		Name: name, Address: net.JoinHostPort("localhost", strconv.Itoa(port)), StartTLS: starttls, Process: p.cmd.Process.Pid,
		Log: p.log, What: what,
	})
}

func (l *lab) keep(p *process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.processes = append(l.processes, p)
}

// end ends all servers at once.
func (l *lab) end() {
	var group sync.WaitGroup
	if l.standIn != nil {
		_ = l.standIn.Close()
	}
	for _, p := range l.processes {
		group.Go(p.end)
	}
	group.Wait()
	l.processes = nil
}

// build makes the certificates and starts the servers.
func (l *lab) build() error {
	c := certs{l}
	if err := errors.Join(c.authority(), c.servers()); err != nil {
		return err
	}
	for _, s := range openSSLServers() {
		if err := l.openSSL(s); err != nil {
			return fmt.Errorf("starting %s: %w", s.name, err)
		}
	}
	return together(map[string]func() error{
		"slapd": l.slapd, "nginx": l.nginx, "postgres": l.postgres, "mariadb": l.mariadb, "dovecot": l.dovecot, "mldsa": l.mldsa,
	})
}

// together starts servers at the same time and waits for all.
func together(starts map[string]func() error) error {
	failures := make(chan error, len(starts))
	for name, start := range starts {
		go func() {
			err := start()
			if err != nil {
				err = fmt.Errorf("starting %s: %w", name, err)
			}
			failures <- err
		}()
	}
	var all error
	for range starts {
		all = errors.Join(all, <-failures)
	}
	return all
}

// servers issues a certificate for each server.
func (c certs) servers() error {
	for _, name := range []string{"slapd", "nginx", "postgres", "mariadb", "dovecot"} {
		if err := c.issue(name, true); err != nil {
			return err
		}
	}
	for _, s := range openSSLServers() {
		var err error
		if s.selfSigned {
			err = c.storageProtect(s.name)
		} else {
			err = c.issue(s.name, false)
		}
		if err != nil {
			return err
		}
	}
	if err := c.exchange("sp-source", "sp-target"); err != nil {
		return err
	}
	if err := c.issue("mldsa", true, "--key-type", "mldsa65"); err != nil {
		return err
	}
	return c.all("crl --ca sub --out " + c.path("sp-server/"+served))
}

// served is the file that sp-server serves by HTTP, a revocation list.
const served = "sub.crl"

// openSSLServer is a setting of openssl s_server.
type openSSLServer struct {
	name, what             string
	options                []string
	selfSigned, incomplete bool
}

func openSSLServers() []openSSLServer {
	return []openSSLServer{
		{name: "sp-source", what: "stands for a Storage Protect server with its self-signed certificate", selfSigned: true},
		{name: "sp-target", what: "stands for the server that it replicates to", selfSigned: true},
		{name: "sp-server", what: "stands for a Storage Protect server with a certificate signed by a CA"},
		{name: "tls12", what: "TLS 1.2 only", options: []string{"-tls1_2"}},
		{name: "legacy", what: "TLS 1.0 and 1.1 only", options: []string{"-cipher", "DEFAULT:@SECLEVEL=0", "-no_tls1_2", "-no_tls1_3"}},
		{
			name: "client-certificate", what: "requires a client certificate of the lab's CA",
			options: []string{"-CAfile", "../trust/root.crt", "-Verify", "3", "-verify_return_error"},
		},
		{name: "incomplete-chain", what: "does not send the certificate of its issuer", incomplete: true},
	}
}

// openSSL runs openssl s_server, which serves the files of its folder by HTTP. The system chooses the port.
func (l *lab) openSSL(s openSSLServer) error {
	command := []string{"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "server.crt", "-key", "server.key", "-WWW"}
	if !s.incomplete && !s.selfSigned {
		command = append(command, "-cert_chain", "../trust/issuer.crt")
	}
	p, err := l.spawn(s.name, syscall.SIGTERM, append(command, s.options...)...)
	if err != nil {
		return err
	}
	l.keep(p)
	text, err := p.saying("ACCEPT 127.0.0.1:")
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	l.add(p, s.name, port, "", "openssl s_server: "+s.what)
	return nil
}

// mldsa has a certificate with an ML-DSA key. Before version 3.5 OpenSSL does not know them; this program then stands in with crypto/tls.
func (l *lab) mldsa() error {
	known, err := exec.Command("openssl", "list", "-signature-algorithms").Output()
	if err == nil && strings.Contains(strings.ToUpper(string(known)), "ML-DSA-65") {
		return l.openSSL(openSSLServer{name: "mldsa", what: "ML-DSA-65 (RFC 9881)"})
	}
	pair, err := tls.LoadX509KeyPair(l.path("mldsa/server.crt"), l.path("mldsa/server.key"))
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13})
	if err != nil {
		return err
	}
	go serve(listener)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.standIn = listener
	_, port, err := net.SplitHostPort(listener.Addr().String())
	l.Servers = append(l.Servers, server{
		Name: "mldsa", Address: "localhost:" + port, Process: os.Getpid(),
		What: "crypto/tls, because this OpenSSL has no ML-DSA: ML-DSA-65 (RFC 9881)",
	})
	return err
}

func serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			_, _ = conn.Read(make([]byte, 1)) // makes the handshake
		}()
	}
}
