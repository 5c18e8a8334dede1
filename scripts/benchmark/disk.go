package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// disk measures what crash-safe writing takes: how often commands wait for the disk, and how large a file is.
func (b *bench) disk() error {
	fmt.Println()
	if err := b.initTime(); err != nil {
		return err
	}
	if !installed("strace") {
		return nil
	}
	if err := b.all(
		newDatabase("asked.ckdb"), []string{"certkdb", "--db", "asked.ckdb", "create", "ca", "--is-ca", "--cn", "CA"},
		[]string{"certkdb", "--db", "asked.ckdb", "export", "ca", "--out", "anchor.pem"},
	); err != nil {
		return err
	}
	for _, c := range syncLimits() {
		n, err := b.syncs(c.command)
		if err != nil {
			return err
		}
		fmt.Printf("%-34s waits %d times for the disk (limit: %d)\n", c.what, n, c.most)
	}
	if !installed("certutil") {
		return nil
	}
	if err := b.all([]string{"mkdir", "synced.nss"}, []string{"certutil", "-N", "-d", "sql:synced.nss", "--empty-password"}); err != nil {
		return err
	}
	n, err := b.syncs([]string{"certutil", "-A", "-d", "sql:synced.nss", "-n", "x", "-t", "C,,", "-a", "-i", "thousand.pem"})
	fmt.Printf("%-34s waits %d times for the disk\n", "certutil -A", n)
	return err
}

// syncLimit is how often a command may wait for the disk.
type syncLimit struct {
	what    string
	command []string
	most    int
}

// syncLimits are commands in an order in which each finds what it needs.
func syncLimits() []syncLimit {
	own := func(arguments ...string) []string {
		return append([]string{"certkdb", "--db", "synced.ckdb"}, arguments...)
	}
	return []syncLimit{
		{"init with a stash", newDatabase("synced.ckdb"), 6},
		{"create", own("create", "web", "--cn", "web"), 3},
		{"add", own("add", "thousand.pem"), 3},
		{"rename of a key, with overwriting", own("rename", "web", "www"), 6},
		{"list", own("list"), 0},
		{"check", own("check"), 0},
		{"export to a file", own("export", "www", "--out", "www.pem"), 2},
		{"delete of a key, with overwriting", own("delete", "www"), 6},
		{"request", own("request", "app", "--cn", "app", "--out", "app.csr"), 5},
		{"sign", []string{"certkdb", "--db", "asked.ckdb", "sign", "app.csr", "--ca", "ca", "--out", "app.crt"}, 5},
		{"receive", own("receive", "app.crt"), 3},
		{"add of an untrusted root", own("add", "anchor.pem", "--no-trust", "--label", "anchor"), 3},
		{"trust", own("trust", "anchor"), 3},
		{"slots add", own("slots", "add", "--new-password", "file:pw", "--name", "second"), 3},
		{"slots remove, with overwriting", own("slots", "remove", "second"), 6},
		{"passwd of a first password", own("passwd", "--new-password", "file:pw"), 3},
		{"passwd, with overwriting", own("passwd", "--generate-password", "--password-out", "synced.pw"), 8},
		{"stash create", own("stash", "create"), 9},
		{"backup", own("backup", "copy.ckdb", "--with-stash"), 5},
		{"restore", own("restore", "copy.ckdb", "--force"), 3},
		{"recover", own("recover", "--to", "recovered-synced.ckdb"), 5},
		{"compact", own("compact"), 3},
		{"rekey", own("rekey", "--password-file", "synced.pw"), 12},
	}
}

// syncs counts the system calls of a command that wait for the disk.
func (b *bench) syncs(command []string) (int, error) {
	trace := []string{"strace", "-f", "-qq", "-o", "trace", "-e", "trace=fsync,fdatasync,msync,sync_file_range,syncfs"}
	if command[0] == "certkdb" {
		command = append([]string{filepath.Join(b.folder, "certkdb")}, command[1:]...)
	}
	_, err := b.once(append(trace, command...)...)
	text, errRead := os.ReadFile(filepath.Join(b.folder, "trace"))
	n := 0
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "sync") && !strings.Contains(line, "resumed") {
			n++
		}
	}
	return n, errors.Join(err, errRead)
}

// initTime makes a database that a generated password opens, and one that a stash opens.
func (b *bench) initTime() error {
	name := func(kind string, round int) string { return fmt.Sprintf("%s%d.ckdb", kind, round) }
	steps := []step{
		b.command(func(round int) []string {
			return []string{"certkdb", "init", "--db", name("random", round), "--generate-password", "--password-out", name("random", round) + ".pw"}
		}),
		b.command(func(round int) []string { return newDatabase(name("stashed", round)) }),
		b.always("certkdb", "version"),
	}
	if installed("certutil") {
		steps = append(steps, b.command(func(round int) []string {
			return []string{"sh", "-c", fmt.Sprintf("mkdir nss%d && exec certutil -N -d sql:nss%d -f pw", round, round)}
		}))
	}
	times, err := inTurn(steps...)
	if err != nil {
		return err
	}
	for i, what := range []string{"init --generate-password", "init --stash"} {
		fmt.Printf("%-34s %s: %s times the start of the program (limit: 3)", what, both(times[i]), ratio(times[i], times[2]))
		if len(times) > 3 {
			fmt.Printf(", certutil -N %s: %s times its time", both(times[3]), ratio(times[i], times[3]))
		}
		fmt.Println()
	}
	return nil
}

// fileSize compares the file after an import with what compact makes of it.
func (b *bench) fileSize(db string) error {
	size := func() (int64, error) {
		info, err := os.Stat(filepath.Join(b.folder, db))
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
	before, err := size()
	if err != nil {
		return err
	}
	s, err := b.once("certkdb", "compact", "--db", db)
	if err != nil {
		return err
	}
	fmt.Printf("%-34s %s (%s of processor time), peak memory %s (limit: 64 MiB)\n", "compact", seconds(s.wall), seconds(s.cpu), mib(s.peak))
	after, err := size()
	fmt.Printf("%-34s %s, after compact %s: %.2f times that (limit: 1.1)\n", "file after the import", mib(before), mib(after),
		float64(before)/float64(after))
	return err
}

// hostile opens a database with sixteen key slots, each of a password of its own, with a wrong one.
func (b *bench) hostile() error {
	const slots = 16
	password := func(i int) (source string, err error) {
		name := fmt.Sprintf("slot%d.pw", i)
		return "file:" + name, os.WriteFile(filepath.Join(b.folder, name), fmt.Appendf(nil, "password %d\n", i), 0o600)
	}
	first, err := password(0)
	if err == nil {
		err = b.all([]string{"certkdb", "init", "--db", "slots.ckdb", "--new-password", first})
	}
	for i := 1; i < slots && err == nil; i++ {
		var next string
		if next, err = password(i); err == nil {
			err = b.all([]string{"certkdb", "slots", "add", "--db", "slots.ckdb", "--password", first, "--new-password", next})
		}
	}
	wrong, errWrong := password(slots)
	if err = errors.Join(err, errWrong); err != nil {
		return err
	}
	s, err := b.run(passwordExit, "certkdb", "list", "--db", "slots.ckdb", "--password", wrong)
	fmt.Printf("%-34s %s (%s of processor time), peak memory %s (limit: 1 s of processor time, 256 MiB)\n",
		"wrong password for 16 slots", seconds(s.wall), seconds(s.cpu), mib(s.peak))
	return err
}

// passwordExit is the exit code for a wrong password.
const passwordExit = 5
