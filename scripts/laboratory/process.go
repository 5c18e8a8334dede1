//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// process is a running server.
type process struct {
	cmd    *exec.Cmd
	log    string        // the file with what it says
	signal os.Signal     // what ends it quickly
	ended  chan struct{} // closed when it has ended
}

// spawn starts a server in its folder, in a process group of its own.
func (l *lab) spawn(name string, signal os.Signal, command ...string) (*process, error) {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return nil, err
	}
	said, err := os.OpenFile(filepath.Join(l.folderOf(name), "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer said.Close()
	p := &process{cmd: exec.Command(path, command[1:]...), log: said.Name(), signal: signal, ended: make(chan struct{})}
	p.cmd.Dir = l.folderOf(name)
	p.cmd.Stdout, p.cmd.Stderr = said, said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// end ends a server and what it started.
func (p *process) end() {
	_ = p.cmd.Process.Signal(p.signal)
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // children that remain
	<-p.ended
}

// said is the end of what a server said.
func (p *process) said() string {
	text, _ := os.ReadFile(p.log)
	return string(text[max(0, len(text)-4000):])
}

// ready waits until a server answers on its ports.
func (p *process) ready(ports ...int) error {
	deadline := time.Now().Add(patience / 2)
	for _, port := range ports {
		for !listens(port) {
			select {
			case <-p.ended:
				return fmt.Errorf("it ended too early:\n%s", p.said())
			case <-time.After(10 * time.Millisecond):
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("it does not listen on port %d:\n%s", port, p.said())
			}
		}
	}
	return nil
}

// saying waits until a server has said a text, and returns what follows on the line.
func (p *process) saying(text string) (string, error) {
	for deadline := time.Now().Add(patience / 2); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		said, err := os.ReadFile(p.log)
		if err != nil {
			return "", err
		}
		if _, rest, found := bytes.Cut(said, []byte(text)); found {
			if line, _, whole := bytes.Cut(rest, []byte("\n")); whole {
				return string(line), nil
			}
		}
		select {
		case <-p.ended:
			return "", fmt.Errorf("it ended too early:\n%s", p.said())
		default:
		}
	}
	return "", fmt.Errorf("it does not say %q:\n%s", text, p.said())
}

func listens(port int) bool {
	conn, err := net.DialTimeout("tcp", loopback(port), time.Second)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePort finds a port below those that the system gives to outgoing connections, so that only another server can take it.
func freePort() (int, error) {
	var last error
	for range 50 {
		port := 12000 + rand.IntN(20000)
		listener, err := net.Listen("tcp", loopback(port))
		if err == nil {
			return port, listener.Close()
		}
		last = err
	}
	return 0, fmt.Errorf("no free port: %w", last)
}

// withPorts tries to start a server on free ports, again on others if it fails, because somebody may take one in between.
func withPorts(n int, start func(ports []int) (*process, error)) (*process, []int, error) {
	var last error
	for range 3 {
		ports := make([]int, n)
		for i := range ports {
			port, err := freePort()
			if err != nil {
				return nil, nil, err
			}
			ports[i] = port
		}
		p, err := start(ports)
		if err == nil {
			if err = p.ready(ports...); err == nil {
				return p, ports, nil
			}
			p.end()
		}
		if last = err; errors.Is(err, exec.ErrNotFound) {
			break
		}
	}
	return nil, nil, last
}

// as makes a command run as another user of the system where it would run as its administrator, and gives that user the files.
func as(name string, command []string, files ...string) ([]string, error) {
	if os.Geteuid() != 0 {
		return command, nil
	}
	account, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(account.Gid)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if err := os.Chown(file, uid, gid); err != nil {
			return nil, err
		}
	}
	return append([]string{"setpriv", "--reuid=" + account.Uid, "--regid=" + account.Gid, "--clear-groups"}, command...), nil
}
