package sessions

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"certkdb/commands/op"
	"certkdb/commands/op/input"
	"certkdb/pki/probe"
)

// Target is a server to connect to.
type Target struct {
	Address    string         // host:port
	ServerName string         // to ask for and to compare with the certificate; "" is the host of Address
	StartTLS   probe.Protocol // "" for none
}

// name is what the server's certificate must be for.
func (t Target) name() string {
	if t.ServerName != "" {
		return strings.TrimSuffix(t.ServerName, ".")
	}
	host, _, _ := net.SplitHostPort(t.Address)
	return strings.TrimSuffix(host, ".")
}

// check refuses what cannot be an address or a protocol.
func (t Target) check() error {
	host, port, err := net.SplitHostPort(t.Address)
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || n == 0 || host == "" || strings.ContainsAny(host, "/ @") {
		return &op.Invalid{
			Field: op.FieldTargets, Value: shorten(t.Address), Reason: "not a host and a port",
			Wanted: "write it like www.example.com:443 or [::1]:636",
		}
	}
	if t.StartTLS != "" && !slices.Contains(probe.Protocols(), t.StartTLS) {
		return &op.Invalid{
			Field: op.FieldStartTLS, Value: shorten(string(t.StartTLS)), Reason: "unknown protocol", Wanted: "use " + op.Choice(Protocols()),
		}
	}
	return nil
}

// Protocols are the names of those in which a client can ask for TLS.
func Protocols() []string {
	var names []string
	for _, p := range probe.Protocols() {
		names = append(names, string(p))
	}
	return names
}

// maxTargets is the size of a file of targets.
const maxTargets = 16 << 20

// ReadTargets reads a file with a server a line: host:port, and behind it a protocol for STARTTLS if it needs one. Empty lines and
// lines that begin with # do not count. "-" is standard input. Each gets what common says otherwise.
func ReadTargets(env *op.Env, file string, common Target) ([]Target, error) {
	data, err := input.ReadFile(env, file, maxTargets)
	if err != nil {
		return nil, err
	}
	if data, err = io.ReadAll(op.Decoded(bytes.NewReader(data))); err != nil {
		return nil, fmt.Errorf("reading %q: %w", file, err)
	}
	var list []Target
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		t := common
		t.Address = words[0]
		if len(words) > 1 {
			t.StartTLS = probe.Protocol(words[1])
		}
		err := t.check()
		if len(words) > 2 {
			err = fmt.Errorf("%w: more than an address and a protocol", op.ErrUsage)
		}
		if err != nil {
			return nil, fmt.Errorf("reading %q: line %d: %w", file, number, err)
		}
		list = append(list, t)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("reading %q: %w: it names no server", file, op.ErrUsage)
	}
	return list, nil
}
