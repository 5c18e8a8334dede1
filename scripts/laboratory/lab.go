//go:build linux

// Command laboratory starts TLS servers of other projects on loopback, with certificates issued by certkdb, so that handshakes can be
// tried and tested: slapd, nginx, PostgreSQL, MariaDB, Dovecot and openssl s_server, sound and broken ones. scripts/lab runs it.
//
//	scripts/lab start [FOLDER]     starts the servers and prints where they are
//	scripts/lab status [FOLDER]    prints it again
//	scripts/lab stop [FOLDER]      ends them and removes the folder
//
// A supervisor owns the servers, as their parent, and holds a lock on the folder while it lives: nothing but what it started is ever
// ended. README.md lists the servers. It is for Linux, where Debian's packages are.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

const usage = "usage: scripts/lab start|stop|status [FOLDER]"

// patience is how long servers may take to start or end, on a busy machine too.
const patience = 2 * time.Minute

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	commands := map[string]func(string) error{"start": start, "stop": stop, "status": status, "supervise": supervise}
	if len(args) == 0 || len(args) > 2 || commands[args[0]] == nil {
		return errors.New(usage)
	}
	folder := filepath.Join(os.TempDir(), "certkdb-lab")
	if len(args) == 2 {
		folder = args[1]
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	return commands[args[0]](folder)
}

// The files of a lab in its folder.
const (
	stateFile = "lab.json" // where the servers are; written when all of them answer
	lockFile  = "lock"     // locked by the supervisor, with its process number
	logFile   = "lab.log"  // what the supervisor says
)

// start runs a supervisor that outlives this process, and waits until its servers answer.
func start(folder string) error {
	if err := os.Mkdir(folder, 0o711); err != nil {
		return fmt.Errorf("%w; is the lab running? See: scripts/lab status", err)
	}
	said, err := os.Create(filepath.Join(folder, logFile))
	if err != nil {
		return err
	}
	defer said.Close()
	program, err := os.Executable()
	if err != nil {
		return err
	}
	supervisor := exec.Command(program, "supervise", folder)
	supervisor.Stdout, supervisor.Stderr = said, said
	supervisor.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := supervisor.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- supervisor.Wait() }()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(folder, stateFile)); err == nil {
			return status(folder)
		}
		select {
		case err := <-ended:
			text, _ := os.ReadFile(said.Name())
			return fmt.Errorf("the servers did not start (%w); the logs are in %s:\n%s", err, folder, text)
		default:
		}
	}
	return errors.Join(fmt.Errorf("the servers do not answer within %s", patience), stop(folder))
}

// supervise starts the servers, waits until it is told to end, and then ends them and removes the folder.
func supervise(folder string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	lock, err := os.OpenFile(filepath.Join(folder, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%s is in use: %w", folder, err)
	}
	if _, err := fmt.Fprint(lock, os.Getpid()); err != nil {
		return err
	}
	l := &lab{Folder: folder, certkdb: program("CERTKDB", "certkdb")}
	defer l.end()
	if err := l.build(); err != nil {
		return err
	}
	state, err := json.MarshalIndent(l, "", "\t")
	if err != nil {
		return err
	}
	if err := writeWhole(filepath.Join(folder, stateFile), state); err != nil {
		return err
	}
	<-signals
	l.end()
	return os.RemoveAll(folder)
}

// program is the value of an environment variable, or a name to look up.
func program(variable, name string) string {
	if path := os.Getenv(variable); path != "" {
		return path
	}
	return name
}

func writeWhole(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// errNotRunning is about a folder whose lock nobody holds.
var errNotRunning = errors.New("the lab is not running")

// supervisorOf is the process number of the supervisor. It is that process for certain, because it holds the lock.
func supervisorOf(folder string) (int, error) {
	lock, err := os.Open(filepath.Join(folder, lockFile))
	if errors.Is(err, os.ErrNotExist) {
		return 0, errNotRunning
	}
	if err != nil {
		return 0, err
	}
	defer lock.Close()
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil {
		return 0, errNotRunning
	}
	text, err := os.ReadFile(lock.Name())
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// stop tells the supervisor to end and waits until it has. A folder that a killed supervisor left is removed.
func stop(folder string) error {
	pid, err := supervisorOf(folder)
	if errors.Is(err, errNotRunning) {
		if _, err := os.Stat(filepath.Join(folder, lockFile)); err != nil {
			return errNotRunning
		}
		return os.RemoveAll(folder)
	}
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	return fmt.Errorf("process %d does not end within %s", pid, patience)
}

func status(folder string) error {
	if _, err := supervisorOf(folder); err != nil {
		return err
	}
	l, err := readState(folder)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SERVER\tADDRESS\tSTARTTLS\tPROCESS\tWHAT")
	for _, s := range l.Servers {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", s.Name, dash(s.Address), dash(s.StartTLS), s.Process, s.What)
	}
	fmt.Fprintf(t, "\ncertificates and trust stores are in %s\n", filepath.Join(folder, "trust"))
	return t.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func readState(folder string) (*lab, error) {
	text, err := os.ReadFile(filepath.Join(folder, stateFile))
	if err != nil {
		return nil, err
	}
	l := &lab{}
	return l, json.Unmarshal(text, l)
}
