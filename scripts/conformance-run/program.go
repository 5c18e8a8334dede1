package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// program is the program under test.
type program struct {
	path  string
	limit time.Duration

	runs, slowest, largest atomic.Int64
	// alone lets a run that took too long be repeated while nothing else runs.
	alone sync.RWMutex
}

// maxMemory is what no run may need.
const maxMemory = 1 << 30

// outcome is what one run did.
type outcome struct {
	exit           int
	stdout, stderr string
	took           time.Duration
	memory         int64
	hung           bool
}

// fault says what no input may cause; "" if it did not happen.
func (o *outcome) fault() string {
	switch {
	case o.hung:
		return fmt.Sprintf("it ran longer than %v", o.took.Round(time.Second))
	case strings.Contains(o.stderr, "\ngoroutine "):
		return "it panicked: " + firstLine(o.stderr)
	case o.memory > maxMemory:
		return fmt.Sprintf("it took %d MiB", o.memory>>20)
	case o.exit < 0:
		return "it was killed by a signal"
	case strings.Contains(o.stderr, "wrong usage"):
		return "it did not understand the call: " + firstLine(o.stderr)
	}
	return ""
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// call is one run of the program.
type call struct {
	args []string
	// password is given on standard input; nil gives none. keys are given by further file descriptors.
	password *string
	keys     []string
	// limit is the program's, if it is zero.
	limit time.Duration
}

// run runs the program. A run that exceeds the time limit is repeated alone, since others may have taken the processors.
func (p *program) run(c call) (*outcome, error) {
	p.alone.RLock()
	o, err := p.once(c)
	p.alone.RUnlock()
	if err == nil && o.hung {
		p.alone.Lock()
		defer p.alone.Unlock()
		o, err = p.once(c)
	}
	return o, err
}

func (p *program) once(c call) (*outcome, error) {
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(c.limit, p.limit))
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path, c.args...)
	detach(cmd) // no terminal to ask for a password
	cmd.Env = []string{"HOME=" + os.DevNull, "XDG_DATA_HOME=" + os.DevNull, "XDG_STATE_HOME=" + os.DevNull, "TZ=UTC"}
	if c.password != nil {
		cmd.Args = append(cmd.Args, "--in-password", "stdin")
		cmd.Stdin = strings.NewReader(*c.password + "\n")
	}
	for i, key := range c.keys {
		r, err := pipe(key)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		cmd.Args = append(cmd.Args, "--in-key-password", fmt.Sprintf("fd:%d", 3+i))
		cmd.ExtraFiles = append(cmd.ExtraFiles, r)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	started := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	o := &outcome{exit: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String(), took: time.Since(started)}
	o.memory, o.hung = maxRSS(cmd.ProcessState), ctx.Err() != nil
	p.note(o)
	return o, nil
}

func (p *program) note(o *outcome) {
	p.runs.Add(1)
	raise(&p.slowest, int64(o.took))
	raise(&p.largest, o.memory)
}

func raise(max *atomic.Int64, n int64) {
	for old := max.Load(); n > old && !max.CompareAndSwap(old, n); old = max.Load() {
	}
}

// pipe returns the reading end of a pipe that holds one line, which is short enough for the pipe's buffer.
func pipe(line string) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	_, err = w.WriteString(line + "\n")
	return r, errors.Join(err, w.Close())
}

// item is a piece of a file as the program shows it.
type item struct {
	Type            string `json:"type"`
	Label           string `json:"label"`
	LocalKeyID      string `json:"local_key_id"`
	SHA256          string `json:"sha256"`
	KeyType         string `json:"key_type"`
	SPKI            string `json:"spki_sha256"`
	TrustedKeyUsage bool   `json:"trusted_key_usage"`
	Locked          bool   `json:"locked"`
	Algorithm       string `json:"algorithm"`
	Certificates    []struct {
		SHA256 string `json:"sha256"`
	} `json:"certificates"`
}

// shown is the program's description of a file.
type shown struct {
	Schema string `json:"schema"`
	Format string `json:"format"`
	Items  []item `json:"items"`
}

func (o *outcome) shown() (shown, error) {
	var s shown
	if err := json.Unmarshal([]byte(o.stdout), &s); err != nil {
		return s, fmt.Errorf("its output is no JSON: %w", err)
	}
	if s.Schema != "certkdb.show-file/v1" {
		return s, fmt.Errorf("its output has the schema %q", s.Schema)
	}
	return s, nil
}
