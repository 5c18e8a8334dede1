package op

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"certkdb/kdb"
)

// Stdin is the location that stands for standard input.
const Stdin = "-"

// StdinName is the name of standard input in messages.
const StdinName = "standard input"

// maxPiped bounds what is kept of a pipe, and maxUnknown what is kept of one in which nothing begins that can be read.
const (
	maxPiped   = 1 << 30
	maxUnknown = 16 << 20
)

// Recognise finds the driver of the existing database at a location: a file, [Stdin], or a pipe that the shell made for this command
// (<(…)). What was read out of a pipe is kept for the next time. Other pipes, and devices, are refused: nobody may ever write to them.
func (e *Env) Recognise(location string) (*kdb.Driver, error) {
	if _, read := e.piped[location]; !read && location != Stdin && !isPassed(location) {
		return kdb.Recognise(e.Drivers, location)
	}
	data, err := e.Piped(location)
	if err != nil {
		return nil, err
	}
	return kdb.RecogniseData(e.Drivers, Named(location), data)
}

// RecogniseInput is Recognise for a file that a command takes as its input: any pipe is read.
func (e *Env) RecogniseInput(path string) (*kdb.Driver, error) {
	if info, err := os.Stat(path); err == nil && kdb.Irregular(info) {
		if _, err := e.Piped(path); err != nil {
			return nil, err
		}
	}
	return e.Recognise(path)
}

// isPassed says whether a location is a pipe among the open files that the program was started with.
func isPassed(location string) bool {
	switch folder := filepath.Dir(location); {
	case location == "/dev/stdin", folder == "/dev/fd", folder == "/proc/self/fd":
		info, err := os.Stat(location)
		return err == nil && info.Mode()&os.ModeNamedPipe != 0
	}
	return false
}

// Piped reads standard input or a pipe to its end, once.
func (e *Env) Piped(location string) ([]byte, error) {
	if data, ok := e.piped[location]; ok {
		return data, nil
	}
	r, name := e.Stdin, StdinName
	if location != Stdin {
		name = fmt.Sprintf("%q", location)
		f, err := os.Open(location)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, UnwrapPath(err))
		}
		defer f.Close()
		r = f
	}
	data, err := e.readPipe(r)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, UnwrapPath(err))
	}
	if e.piped == nil {
		e.piped = map[string][]byte{}
	}
	e.piped[location] = data
	return data, nil
}

// readPipe reads to the end of a pipe, if there is one: what never ends, such as /dev/zero, is not kept until the bound for large bundles.
func (e *Env) readPipe(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxUnknown))
	if err != nil || len(data) < maxUnknown {
		return data, err
	}
	if !e.isKnown(data) {
		return nil, fmt.Errorf("%w: no certificate, key or key store begins within 16 MiB", kdb.ErrParse)
	}
	data, err = io.ReadAll(io.LimitReader(io.MultiReader(bytes.NewReader(data), r), maxPiped+1))
	if err == nil && len(data) > maxPiped {
		return nil, fmt.Errorf("%w: more than 1 GiB; write it to a file and name that", kdb.ErrParse)
	}
	return data, err
}

// isKnown says whether something begins in the data that may be larger than they are: DER, PEM blocks or a key store. The driver of PEM
// files takes any text, because a certificate may come after it.
func (e *Env) isKnown(data []byte) bool {
	const sequence = 0x30
	if data[0] == sequence || bytes.Contains(data, []byte("-----BEGIN ")) {
		return true
	}
	driver, err := kdb.RecogniseData(e.Drivers, "", data)
	return err == nil && driver.Name != "pem"
}

// Named is a location for messages.
func Named(location string) string {
	if location == Stdin {
		return StdinName
	}
	return location
}

// stdinTaken is the error about a password on standard input, if a database or a file was read from there.
func (e *Env) stdinTaken() error {
	if _, taken := e.piped[Stdin]; !taken {
		return nil
	}
	return fmt.Errorf("%w: standard input is the file already, so the password cannot come from there", ErrUsage)
}
