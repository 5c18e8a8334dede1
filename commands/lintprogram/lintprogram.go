// Package lintprogram runs certkdb-lint, the program with zlint's rules, and talks to it over pipes. It starts it at the first request and
// keeps it for the following ones; the program ends when this one does, because its input ends then.
package lintprogram

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"certkdb/pki/lint"
)

// name is the program's.
const name = "certkdb-lint"

// ErrMissing says that the program is neither in the folder of this one nor in PATH.
var ErrMissing = fmt.Errorf("%w: the program %s is missing", lint.ErrUnavailable, name)

// Limits for the program. It has its own; these apply if it does not keep them.
const (
	maxAnswer = 8 << 20 // bytes
	maxTime   = time.Minute
	maxStderr = 4096 // bytes that an error message can come from
)

// Program is certkdb-lint. The zero value is ready for use, by several goroutines.
type Program struct {
	// Path is where the program is; "" looks in the folder of this one, then in PATH.
	Path string
	// Timeout is how long an answer may take; 0 is a minute.
	Timeout time.Duration

	mu      sync.Mutex
	running *process
}

// Ask hands a request to the program and returns its answer. A program that does not answer in time is killed, and so is it when ctx ends.
func (p *Program) Ask(ctx context.Context, request []byte) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p.running == nil {
		running, err := start(p.Path)
		if err != nil {
			return nil, err
		}
		p.running = running
	}
	answer, err := p.running.ask(ctx, request, cmp.Or(p.Timeout, maxTime))
	if err != nil {
		p.running = nil // it has been stopped; the next request starts another
	}
	return answer, err
}

// process is a program that runs.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *head
}

func start(path string) (*process, error) {
	path, err := find(path)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path)
	cmd.Env = []string{} // passwords may be in the environment
	cmd.WaitDelay = time.Second
	p := &process{cmd: cmd, stderr: &head{}}
	cmd.Stderr = p.stderr
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: starting %s: %w", lint.ErrUnavailable, path, err)
	}
	return p, nil
}

// find returns the path of the program: path, or where it is installed.
func find(path string) (string, error) {
	if path != "" {
		return path, nil
	}
	file := name
	if runtime.GOOS == "windows" {
		file += ".exe"
	}
	if own, err := os.Executable(); err == nil {
		if own, err = filepath.EvalSymlinks(own); err == nil {
			neighbour := filepath.Join(filepath.Dir(own), file)
			if info, err := os.Stat(neighbour); err == nil && info.Mode().IsRegular() {
				return neighbour, nil
			}
		}
	}
	found, err := exec.LookPath(name)
	if err != nil {
		return "", ErrMissing
	}
	return found, nil
}

// ask sends a line and waits for one. The process is dead when it returns an error.
func (p *process) ask(ctx context.Context, request []byte, timeout time.Duration) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	stop := context.AfterFunc(limited, func() { p.cmd.Process.Kill() })
	defer stop()
	_, err := p.in.Write(append(request, '\n'))
	var answer []byte
	if err == nil {
		answer, err = readLine(p.out)
	}
	if err == nil {
		return answer, nil
	}
	p.cmd.Process.Kill()
	waited := p.cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case limited.Err() != nil:
		return nil, fmt.Errorf("%w: %s did not answer within %s", lint.ErrUnavailable, name, timeout)
	case p.stderr.line() != "":
		return nil, fmt.Errorf("%w: %s: %s", lint.ErrUnavailable, name, p.stderr.line())
	case errors.Is(err, errTooLong):
		return nil, fmt.Errorf("%w: reading the answer of %s: %w", lint.ErrUnavailable, name, err)
	case waited != nil:
		return nil, fmt.Errorf("%w: %s: %w", lint.ErrUnavailable, name, waited)
	}
	return nil, fmt.Errorf("%w: %s ended without an answer", lint.ErrUnavailable, name)
}

var errTooLong = fmt.Errorf("it is longer than %d bytes", maxAnswer)

// readLine reads up to the end of a line.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxAnswer {
			return nil, errTooLong
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// head keeps the beginning of what is written to it.
type head struct{ buffer bytes.Buffer }

func (h *head) Write(p []byte) (int, error) {
	h.buffer.Write(p[:min(len(p), maxStderr-h.buffer.Len())])
	return len(p), nil
}

// line is the first line.
func (h *head) line() string {
	line, _, _ := strings.Cut(h.buffer.String(), "\n")
	return strings.TrimPrefix(line, name+": ")
}
