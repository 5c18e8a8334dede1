package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// serverCmds are the script commands that run TLS servers on loopback: "serve openssl web.crt web.key" starts one, waits
// until it accepts and puts its port into $PORT. It runs until the end of the script.
func serverCmds() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){"serve": cmdServe}
}

func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	start := map[string]func(ts *testscript.TestScript, cert, key string) (port int, err error){
		"openssl": serveOpenSSL, "nginx": serveNginx, "go": serveGo,
	}
	if neg || len(args) != 3 || start[args[0]] == nil {
		ts.Fatalf("usage: serve openssl|nginx|go certificate key")
	}
	port, err := start[args[0]](ts, ts.MkAbs(args[1]), ts.MkAbs(args[2]))
	ts.Check(err)
	ts.Setenv("PORT", strconv.Itoa(port))
}

// serveOpenSSL lets the system choose the port, which s_server prints.
func serveOpenSSL(ts *testscript.TestScript, cert, key string) (int, error) {
	cmd := exec.Command("openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", cert, "-key", key, "-www")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ts.Defer(func() { stop(cmd) })
	said := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said += lines.Text() + "\n"
		if address, ok := strings.CutPrefix(lines.Text(), "ACCEPT 127.0.0.1:"); ok {
			return strconv.Atoi(address)
		}
	}
	return 0, fmt.Errorf("openssl s_server ended: %s", said)
}

// serveNginx tries some ports, because nginx wants one by number and somebody may take it in between.
func serveNginx(ts *testscript.TestScript, cert, key string) (port int, err error) {
	for range 5 {
		if port, err = freePort(); err != nil {
			return 0, err
		}
		if err = startNginx(ts, port, cert, key); err == nil {
			return port, nil
		}
	}
	return 0, err
}

const nginxConfig = `daemon off;
master_process off;
pid nginx.pid;
error_log nginx.log;
events {}
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	server {
		listen 127.0.0.1:%d ssl;
		ssl_certificate %q;
		ssl_certificate_key %q;
		ssl_protocols TLSv1.2 TLSv1.3;
		return 200 "served by nginx\n";
	}
}
`

func startNginx(ts *testscript.TestScript, port int, cert, key string) error {
	folder := ts.MkAbs(fmt.Sprintf("nginx-%d", port))
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	config := filepath.Join(folder, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nginxConfig, port, cert, key), 0o600); err != nil {
		return err
	}
	cmd := exec.Command("nginx", "-e", "nginx.log", "-p", folder, "-c", config)
	if err := cmd.Start(); err != nil {
		return err
	}
	var early error
	ended := make(chan struct{})
	go func() {
		early = cmd.Wait()
		close(ended)
	}()
	ts.Defer(func() {
		cmd.Process.Kill()
		<-ended
	})
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		select {
		case <-ended:
			log, _ := os.ReadFile(filepath.Join(folder, "nginx.log"))
			return fmt.Errorf("nginx ended too early: %v: %s", early, log)
		default:
		}
		if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return conn.Close()
		}
	}
	return fmt.Errorf("nginx does not listen on port %d", port)
}

// serveGo is crypto/tls: it makes the handshake and hangs up.
func serveGo(ts *testscript.TestScript, cert, key string) (int, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return 0, err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		return 0, err
	}
	ts.Defer(func() { listener.Close() })
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			go func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(20 * time.Second))
				fmt.Fprintln(conn, "served by crypto/tls")
			}()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// stop ends a process that nobody else waits for.
func stop(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}
