package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	stdpem "encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// bundleSize is how many certificates one transaction of these tests adds.
const bundleSize = 5

// bundle writes a file with so many certificates, whose labels begin with name, and returns its path.
func bundle(t *testing.T, folder, name string, size int) string {
	t.Helper()
	var pem bytes.Buffer
	for i := range size {
		stdpem.Encode(&pem, &stdpem.Block{Type: "CERTIFICATE", Bytes: selfSigned(t, fmt.Sprintf("%s-%d", name, i))})
	}
	path := filepath.Join(folder, name+".pem")
	if err := os.WriteFile(path, pem.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// selfSigned makes a certificate that is the same in every run.
func selfSigned(t *testing.T, name string) []byte {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	key := ed25519.NewKeyFromSeed(seed[:])
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(seed[:8]), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Unix(1700000000, 0), NotAfter: time.Unix(4000000000, 0),
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// exitOf runs the program and returns its exit code and what it wrote to standard error.
func exitOf(t *testing.T, args ...string) (int, string) {
	t.Helper()
	cmd := exec.Command("certkdb", args...)
	var said strings.Builder
	cmd.Stderr = &said
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), said.String()
}

// crash is a database that gets bundles by processes which are killed.
type crash struct {
	t       *testing.T
	random  *rand.Rand
	folder  string
	db      string
	usual   time.Duration // how long adding takes, as seen so far
	bundles map[string]bool
}

// A process that is killed while it adds leaves all of its transaction or nothing, and nothing that was acknowledged is
// lost. The points of time are random, with a fixed seed.
func TestAdd_killedLeavesAllOrNothing(t *testing.T) {
	t.Parallel()
	const lanes, kills, seed = 4, 50, 20261122
	t.Logf("%d processes are killed, seed %d", lanes*kills, seed)
	for lane := range lanes {
		t.Run(fmt.Sprint(lane), func(t *testing.T) {
			t.Parallel()
			c := &crash{
				t: t, random: rand.New(rand.NewPCG(seed, uint64(lane))), folder: t.TempDir(), db: stashed(t),
				usual: 50 * time.Millisecond, bundles: map[string]bool{},
			}
			killed, whole := 0, 0
			for n := 0; killed < kills; n++ {
				if n > 4*kills {
					t.Fatalf("only %d of %d processes could be killed", killed, n)
				}
				if c.add(fmt.Sprintf("b%03d", n)) {
					killed++
				}
				certkdb(t, "check", "--db", c.db)
				if killed%5 == 0 { // what is lost or half stays so
					whole = c.verify()
				}
			}
			t.Logf("%d killed, %d others, %d transactions are there", killed, len(c.bundles)-killed, whole)
		})
	}
}

// add adds a bundle in a process of its own and kills it at a random point; false if it was faster.
func (c *crash) add(name string) (killed bool) {
	cmd := exec.Command("certkdb", "add", "--db", c.db, bundle(c.t, c.folder, name, bundleSize))
	start := time.Now()
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	time.AfterFunc(c.moment(), func() { cmd.Process.Kill() })
	err := cmd.Wait()
	c.bundles[name] = err == nil
	if err == nil {
		c.usual = (3*c.usual + time.Since(start)) / 4
		return false
	}
	if code := cmd.ProcessState.ExitCode(); code != -1 {
		c.t.Fatalf("adding %s: exit code %d", name, code)
	}
	c.usual += c.usual / 50
	return true
}

// moment is how long after its start a process is killed: anywhere until the usual end, but half of them in the second
// half of that time, in which it writes.
func (c *crash) moment() time.Duration {
	part := c.random.Float64()
	if c.random.IntN(2) == 0 {
		part = (1 + part) / 2
	}
	return time.Duration(part * float64(c.usual))
}

// verify wants every acknowledged bundle and no part of one; it returns how many are there.
func (c *crash) verify() (whole int) {
	c.t.Helper()
	found := map[string]int{}
	for label := range strings.Lines(certkdb(c.t, "list", "--db", c.db, "-o", "name")) {
		name, _, _ := strings.Cut(label, "-")
		found[name]++
	}
	for name, acknowledged := range c.bundles {
		if n := found[name]; n != bundleSize && (n != 0 || acknowledged) {
			c.t.Fatalf("%s: %d of %d certificates, acknowledged: %v", name, n, bundleSize, acknowledged)
		}
	}
	return len(found)
}

// crowd runs the commands at the same time and returns their exit codes.
func crowd(t *testing.T, commands [][]string) []int {
	t.Helper()
	codes := make([]int, len(commands))
	var all sync.WaitGroup
	for i, args := range commands {
		all.Go(func() {
			var said string
			if codes[i], said = exitOf(t, args...); strings.Contains(said, "goroutine ") {
				t.Errorf("%q: %s", args, said)
			}
		})
	}
	all.Wait()
	return codes
}

const crowdSize = 16

// Sixteen processes that add at once all succeed, or say that the database is locked; nothing of those that succeeded is
// lost and nothing of the others is there.
func TestAdd_byManyProcesses(t *testing.T) {
	t.Parallel()
	db, folder := stashed(t), t.TempDir()
	var commands [][]string
	for i := range crowdSize {
		commands = append(commands, []string{"add", "--db", db, bundle(t, folder, fmt.Sprintf("p%02d", i), bundleSize)})
	}
	c := &crash{t: t, db: db, bundles: map[string]bool{}}
	for i, code := range crowd(t, commands) {
		if code != 0 && code != 6 {
			t.Errorf("process %d: exit code %d", i, code)
		}
		c.bundles[fmt.Sprintf("p%02d", i)] = code == 0
	}
	certkdb(t, "check", "--db", db)
	if whole := c.verify(); whole < 1 {
		t.Errorf("%d transactions succeeded", whole)
	}
	for name, acknowledged := range c.bundles {
		if !acknowledged && strings.Contains(certkdb(t, "list", "--db", db, "-o", "name"), name+"-") {
			t.Errorf("%s is there, though its process failed", name)
		}
	}
}

// Of sixteen processes that add different certificates under one label one wins; with the same certificate nobody loses.
func TestAdd_sameLabelByManyProcesses(t *testing.T) {
	t.Parallel()
	db, folder := stashed(t), t.TempDir()
	var differ, same [][]string
	for i := range crowdSize {
		path := filepath.Join(folder, fmt.Sprintf("c%02d.der", i))
		if err := os.WriteFile(path, selfSigned(t, filepath.Base(path)), 0o600); err != nil {
			t.Fatal(err)
		}
		differ = append(differ, []string{"add", "--db", db, "--label", "one", path})
		same = append(same, []string{"add", "--db", db, "--label", "other", filepath.Join(folder, "c00.der")})
	}
	won := 0
	for i, code := range crowd(t, differ) {
		switch code {
		case 0:
			won++
		case 4, 6:
		default:
			t.Errorf("process %d: exit code %d", i, code)
		}
	}
	if won != 1 {
		t.Errorf("%d processes added their certificate under one label", won)
	}
	for i, code := range crowd(t, same) {
		if code != 0 && code != 6 {
			t.Errorf("process %d: exit code %d for a certificate that is there already", i, code)
		}
	}
	if got := certkdb(t, "list", "--db", db, "-o", "name"); got != "one\nother\n" {
		t.Errorf("the labels are %q", got)
	}
	if log := certkdb(t, "log", "--db", db, "-o", "jsonl"); strings.Count(log, `"operation":"add"`) != 2 {
		t.Errorf("the log has other than two additions:\n%s", log)
	}
	certkdb(t, "check", "--db", db)
}
