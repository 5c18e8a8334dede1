// Command benchmark is the measuring part of scripts/bench: whole processes, the median of several runs, and for
// comparisons the programs in turn, so that both meet the same weather on the machine.
//
//	benchmark SCRATCH-FOLDER BUNDLE NUMBER [PART…]
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "benchmark: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return errors.New("usage: benchmark SCRATCH-FOLDER BUNDLE NUMBER [PART…]")
	}
	n, err := strconv.Atoi(args[2])
	if err != nil || n < 1 || n > 99_999_999 {
		return fmt.Errorf("%q is no number of certificates", args[2])
	}
	bundle, err := filepath.Abs(args[1])
	if err != nil {
		return err
	}
	b := &bench{folder: args[0]}
	fmt.Printf("%s/%s, %d processors, %s\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	return errors.Join(b.prepare(bundle), b.parts(n, args[3:]))
}

// parts measures all parts, or those that are named.
func (b *bench) parts(n int, wanted []string) (err error) {
	for _, part := range []struct {
		name string
		do   func() error
	}{
		{"start", b.starts},
		{"peers", b.peers},
		{"stores", b.stores},
		{"issuing", b.issuing},
		{"disk", b.disk},
		{"hostile", b.hostile},
		{"readers", b.withReaders},
		{"scale", func() error { return b.scale(n) }},
	} {
		if len(wanted) == 0 || slices.Contains(wanted, part.name) {
			err = errors.Join(err, part.do())
		}
	}
	return err
}

// prepare makes what several parts need: a database of the system's roots, a password, and certificates.
func (b *bench) prepare(bundle string) error {
	return errors.Join(
		b.all(newDatabase("roots.ckdb"), []string{"certkdb", "add", "--db", "roots.ckdb", bundle}),
		os.WriteFile(filepath.Join(b.folder, "pw"), []byte("changeit\n"), 0o600),
		writeBundle(filepath.Join(b.folder, "thousand.pem"), thousand))
}

// bench runs programs in a folder.
type bench struct{ folder string }

// sample is what a process took: time by the clock, time of the processors, and memory at its peak.
type sample struct {
	wall, cpu time.Duration
	peak      int64
}

// once runs a program; its output is thrown away.
func (b *bench) once(command ...string) (sample, error) { return b.run(0, command...) }

// run runs a program that ends with this exit code.
func (b *bench) run(exit int, command ...string) (sample, error) {
	cmd := exec.Command(command[0], command[1:]...)
	if command[0] == "certkdb" || command[0] == "empty" {
		cmd.Path, cmd.Err = filepath.Join(b.folder, command[0]), nil
	}
	cmd.Dir = b.folder
	var said strings.Builder
	cmd.Stderr = &said
	start := time.Now()
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != exit {
		return sample{}, fmt.Errorf("running %q: %v, want exit code %d: %s", command, err, exit, said.String())
	}
	state := cmd.ProcessState
	return sample{time.Since(start), state.UserTime() + state.SystemTime(), peak(state)}, nil
}

// all runs programs one after the other.
func (b *bench) all(commands ...[]string) error {
	for _, command := range commands {
		if _, err := b.once(command...); err != nil {
			return err
		}
	}
	return nil
}

// How often a command is timed; the short ones oftener.
const (
	runs      = 11
	shortRuns = 101
)

// step is something that is timed in each round.
type step func(round int) (sample, error)

// command is a step that runs a program, with arguments that depend on the round.
func (b *bench) command(arguments func(round int) []string) step {
	return func(round int) (sample, error) { return b.once(arguments(round)...) }
}

// always is a step that runs the same command in every round.
func (b *bench) always(command ...string) step {
	return func(int) (sample, error) { return b.once(command...) }
}

// here is a step that this process does itself.
func here(do func() error) step {
	return func(int) (sample, error) {
		cpu, start := ownCPU(), time.Now()
		err := do()
		return sample{wall: time.Since(start), cpu: ownCPU() - cpu}, err
	}
}

// inTurn does the steps in turn and returns the medians of each.
func inTurn(steps ...step) ([]sample, error) { return rounds(runs, steps...) }

// rounds does the steps in turn, n times. The first round only warms up.
func rounds(n int, steps ...step) ([]sample, error) {
	wall, cpu := make([][]time.Duration, len(steps)), make([][]time.Duration, len(steps))
	for round := range n + 1 {
		for i, do := range steps {
			s, err := do(round)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				wall[i], cpu[i] = append(wall[i], s.wall), append(cpu[i], s.cpu)
			}
		}
	}
	medians := make([]sample, len(steps))
	for i := range steps {
		medians[i] = sample{wall: median(wall[i]), cpu: median(cpu[i])}
	}
	return medians, nil
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

// ratio compares a by b, by the clock and, for machines that are busy with other things, by the time of the processors.
func ratio(a, b sample) string {
	return fmt.Sprintf("%.2f (%.2f of processor time)", a.wall.Seconds()/b.wall.Seconds(), a.cpu.Seconds()/b.cpu.Seconds())
}

// without is what is left of a sample when another one, such as the start-up, is taken away.
func (s sample) without(o sample) sample {
	return sample{wall: s.wall - o.wall, cpu: s.cpu - o.cpu}
}

// installed says whether all of the programs are there, and which one is not.
func installed(programs ...string) bool {
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			fmt.Printf("%-34s left out: there is no %s\n", "", program)
			return false
		}
	}
	return true
}

func newDatabase(name string) []string {
	return []string{"certkdb", "init", "--db", name, "--generate-password", "--stash"}
}

// starts compares what a program costs that does hardly anything.
func (b *bench) starts() error {
	if !installed("openssl") {
		return nil
	}
	times, err := rounds(shortRuns, b.always("certkdb", "version"), b.always("openssl", "version"), b.always("empty"))
	if err != nil {
		return err
	}
	fmt.Printf("%-34s %s, openssl %s, an empty Go program %s: %s times the time of openssl (goal: at most 1.3)\n", "version",
		both(times[0]), both(times[1]), both(times[2]), ratio(times[0], times[1]))
	return nil
}

// peers compares with other programs on the system's root certificates.
func (b *bench) peers() (err error) {
	list := []string{"certkdb", "list", "--db", "roots.ckdb"}
	const what = "list of the system's roots"
	if installed("certutil", "pk12util") {
		err = errors.Join(err, b.all(
			[]string{"certkdb", "copy", "--db", "roots.ckdb", "--all", "--to", "roots.p12", "--to-password", "file:pw"},
			[]string{"mkdir", "nss"},
			[]string{"certutil", "-N", "-d", "sql:nss", "--empty-password"},
			[]string{"pk12util", "-i", "roots.p12", "-d", "sql:nss", "-w", "pw", "-K", ""},
		))
		err = errors.Join(err, b.faster(what, list, []string{"certutil", "-L", "-d", "sql:nss"}, 5))
	}
	if installed("keytool") {
		err = errors.Join(err, b.all([]string{"certkdb", "copy", "--db", "roots.ckdb", "--all", "--to", "roots.jks", "--to-password", "file:pw"}))
		err = errors.Join(err, b.faster(what, list, []string{"keytool", "-list", "-keystore", "roots.jks", "-storepass:file", "pw"}, 25))
	}
	if installed("openssl") {
		err = errors.Join(err, b.create())
	}
	return err
}

// faster prints how many times faster a command is than a peer's.
func (b *bench) faster(what string, own, peer []string, goal float64) error {
	times, err := rounds(2*runs, b.always(own...), b.always(peer...))
	if err != nil {
		return err
	}
	fmt.Printf(
		"%-34s %s, %s %s: %s times as fast (goal: at least %.0f)\n",
		what,
		both(times[0]),
		peer[0],
		both(times[1]),
		ratio(times[1], times[0]),
		goal,
	)
	return nil
}

// create makes a P-256 key with its certificate, in a database and in two files.
func (b *bench) create() error {
	times, err := rounds(4*runs,
		b.command(func(round int) []string {
			return []string{"certkdb", "create", fmt.Sprintf("web%d", round), "--db", "roots.ckdb", "--cn", "www.example.com"}
		}),
		b.always("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
			"-keyout", "web.key", "-out", "web.crt", "-subj", "/CN=www.example.com", "-days", "365"))
	if err != nil {
		return err
	}
	fmt.Printf("%-34s %s, openssl %s: %s times its time (goal: at most 1)\n", "create with a P-256 key",
		both(times[0]), both(times[1]), ratio(times[0], times[1]))
	return nil
}

func ms(s sample) string { return fmt.Sprintf("%.1f ms", s.wall.Seconds()*1000) }

// both is the time by the clock and that of the processors.
func both(s sample) string { return fmt.Sprintf("%s (%.1f)", ms(s), s.cpu.Seconds()*1000) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func mib(bytes int64) string {
	if bytes == 0 {
		return "not measured"
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}
