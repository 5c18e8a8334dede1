// Command certkdb-lint checks certificates with zlint. certkdb starts it for lint and --lint; it is a program of its own
// because zlint's rules and its list of public suffixes take longer to initialise than most of certkdb's commands take to run.
//
// It reads requests from standard input and answers each on standard output, one JSON object a line, until its input ends:
//
//	{"certificate":"MIIB…","sources":["RFC5280"]}
//	{"linter":"zlint v3.7.3","findings":[{"rule":"e_…","severity":6,"source":"RFC5280","section":"…","what":"…","detail":"…"}]}
//
// Package certkdb/pki/lint is the other side of the pipe.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"
)

// What a request may cost. A certificate that needs more than this is an attack.
const (
	maxRequest = 8 << 20 // bytes
	maxTime    = 30 * time.Second
	softMemory = 256 << 20 // from here on the collector works harder
	hardMemory = 1 << 30
)

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintf(os.Stderr, "certkdb-lint: %s; certkdb starts this program, it has no options\n", linterName())
		os.Exit(2)
	}
	debug.SetMemoryLimit(softMemory)
	err := limitMemory(hardMemory)
	if err == nil {
		err = serve(os.Stdin, os.Stdout, func() {
			fmt.Fprintf(os.Stderr, "certkdb-lint: no result after %s\n", maxTime)
			os.Exit(1)
		})
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "certkdb-lint: %v\n", err)
		os.Exit(1)
	}
}

// serve answers requests until there are no more. It calls late when one takes too long.
func serve(r io.Reader, w io.Writer, late func()) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxRequest)
	for lines.Scan() {
		timer := time.AfterFunc(maxTime, late)
		line, err := json.Marshal(reply(lines.Bytes()))
		timer.Stop()
		if err == nil {
			_, err = w.Write(append(line, '\n'))
		}
		if err != nil {
			return fmt.Errorf("writing an answer: %w", err)
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("reading a request: it is longer than %d bytes", maxRequest)
	} else if err != nil {
		return fmt.Errorf("reading a request: %w", err)
	}
	return nil
}

// request asks for the findings of one certificate. Without Sources all rules apply.
type request struct {
	Certificate   []byte   `json:"certificate"`
	Sources       []string `json:"sources"`
	IgnoreSources []string `json:"ignore_sources"`
	Ignore        []string `json:"ignore"`
}

// answer has the rules that the certificate breaks, or says why there are none to tell.
type answer struct {
	Linter   string    `json:"linter"`
	Findings []finding `json:"findings"`
	// Error is what is wrong: "request", "rules" or "certificate"; Text says it in words.
	Error string `json:"error,omitempty"`
	Text  string `json:"text,omitempty"`
}

// finding is a rule that the certificate breaks. Severity is zlint's number: 4 notice, 5 warning, 6 error, 7 fatal.
type finding struct {
	Rule     string `json:"rule"`
	Severity int    `json:"severity"`
	Source   string `json:"source"`
	Section  string `json:"section"`
	What     string `json:"what"`
	Detail   string `json:"detail,omitempty"`
}

func reply(line []byte) answer {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return refuse("request", err)
	}
	rules, err := choose(asked)
	if err != nil {
		return refuse("rules", err)
	}
	findings, err := findings(asked.Certificate, rules)
	if err != nil {
		return refuse("certificate", err)
	}
	return answer{Linter: linterName(), Findings: findings}
}

func refuse(what string, err error) answer {
	return answer{Linter: linterName(), Error: what, Text: err.Error()}
}
