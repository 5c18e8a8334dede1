package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
)

// scale measures on n certificates.
func (b *bench) scale(n int) error {
	fmt.Printf("\n%d certificates\n", n)
	if err := writeBundle(filepath.Join(b.folder, "many.pem"), n); err != nil {
		return err
	}
	if err := b.all(newDatabase("many.ckdb"), newDatabase("copied.ckdb")); err != nil {
		return err
	}
	err := b.bulk(n, "many.ckdb", []task{
		{"add of one bundle", "at least 50000/s on two processors, at most 200 MiB", []string{"add", "--trust", "many.pem"}},
		{"add of the same again", "at most 200 MiB", []string{"add", "--trust", "many.pem"}},
		{"list -o jsonl", "at least 100000/s, at most 64 MiB", []string{"list", "-o", "jsonl"}},
		{"list -o name", "at most 64 MiB", []string{"list", "-o", "name"}},
		{"export --all", "at most 64 MiB", []string{"export", "--all", "--out", "all.pem"}},
		{"copy --all to a new database", "at most 200 MiB", []string{"copy", "--all", "--to", "copied.ckdb"}},
		{"check", "at most 200 MiB", []string{"check"}},
	})
	if err != nil {
		return err
	}
	return errors.Join(b.flat(), b.oneMore(), b.fileSize("many.ckdb"), b.keysOnly(), b.growth(n), b.cores(n), b.whole(n))
}

// task is a command on all entries.
type task struct {
	what, goal string
	command    []string
}

// bulk does the tasks on a database of n entries.
func (b *bench) bulk(n int, db string, tasks []task) error {
	for _, t := range tasks {
		s, err := b.once(append([]string{"certkdb", "--db", db}, t.command...)...)
		if err != nil {
			return err
		}
		fmt.Printf("%-34s %s (%s of processor time), %.0f/s, peak memory %s (goal: %s)\n", t.what, seconds(s.wall), seconds(s.cpu),
			float64(n)/s.wall.Seconds(), mib(s.peak), t.goal)
	}
	return nil
}

// whole measures the commands that rewrite, copy or rescue a whole database of n entries.
func (b *bench) whole(n int) error {
	return b.bulk(n, "many.ckdb", []task{
		{"backup", "at least 50000/s on two processors, at most 200 MiB", []string{"backup", "backup.ckdb", "--with-stash"}},
		{"rekey", "at least 25000/s on two processors, at most 200 MiB", []string{"rekey"}},
		{"recover", "at least 25000/s on two processors, at most 200 MiB", []string{"recover", "--to", "recovered.ckdb"}},
		{"restore", "at least 25000/s on two processors, at most 200 MiB", []string{"restore", "backup.ckdb", "--force"}},
	})
}

// keysOnly compares listing the labels, which are the keys of records, with listing what the records hold.
func (b *bench) keysOnly() error {
	list := func(format string) step { return b.always("certkdb", "--db", "many.ckdb", "list", "-o", format) }
	times, err := inTurn(list("name"), list("jsonl"))
	if err != nil {
		return err
	}
	fmt.Printf("%-34s %s, list -o jsonl %s: %s times its time (goal: at most 0.5)\n", "list -o name, which opens no entry",
		both(times[0]), both(times[1]), ratio(times[0], times[1]))
	return nil
}

// growth compares the memory for n entries with that for a tenth of them.
func (b *bench) growth(n int) error {
	small := max(1, n/10)
	if err := writeBundle(filepath.Join(b.folder, "tenth.pem"), small); err != nil {
		return err
	}
	if err := b.all(newDatabase("tenth.ckdb"), []string{"certkdb", "--db", "tenth.ckdb", "add", "tenth.pem"}); err != nil {
		return err
	}
	large, err := b.once("certkdb", "--db", "many.ckdb", "check")
	if err != nil {
		return err
	}
	tenth, err := b.once("certkdb", "--db", "tenth.ckdb", "check")
	if err != nil {
		return err
	}
	fmt.Printf("%-34s %s, of %d entries %s: %.2f times that (goal: at most 2)\n", "peak memory of check", mib(large.peak), small,
		mib(tenth.peak), float64(large.peak)/float64(max(1, tenth.peak)))
	return nil
}

// cores imports with one processor, two, four and so on, up to all. The rates mean something on a quiet machine only.
func (b *bench) cores(n int) error {
	var first float64
	for procs := 1; procs <= runtime.NumCPU(); procs *= 2 {
		db := fmt.Sprintf("cores%d.ckdb", procs)
		if err := b.all(newDatabase(db)); err != nil {
			return err
		}
		s, err := b.once("env", fmt.Sprintf("GOMAXPROCS=%d", procs), filepath.Join(b.folder, "certkdb"), "--db", db, "add", "--trust", "many.pem")
		if err != nil {
			return err
		}
		rate := float64(n) / s.wall.Seconds()
		fmt.Printf("%-34s %.0f/s, %s of processor time", fmt.Sprintf("add of one bundle with GOMAXPROCS=%d", procs), rate, seconds(s.cpu))
		if procs == 1 {
			first = rate
			fmt.Println()
			continue
		}
		fmt.Printf(": %.2f times the rate of one (goal for two: at least 1.4)\n", rate/first)
	}
	return nil
}

// oneMore adds one certificate to the full database and one to an empty one.
func (b *bench) oneMore() error {
	err := b.all([]string{"certkdb", "create", "one", "--db", "roots.ckdb", "--cn", "one more"},
		[]string{"certkdb", "export", "one", "--db", "roots.ckdb", "--out", "one.pem"})
	for round := range runs + 1 {
		err = errors.Join(err, b.all(newDatabase(fmt.Sprintf("empty%d.ckdb", round))))
	}
	if err != nil {
		return err
	}
	times, err := inTurn(
		b.command(func(round int) []string {
			return []string{"certkdb", "add", "--db", "many.ckdb", "one.pem", "--label", fmt.Sprintf("one more %d", round)}
		}),
		b.command(func(round int) []string {
			return []string{"certkdb", "add", "--db", fmt.Sprintf("empty%d.ckdb", round), "one.pem"}
		}))
	if err != nil {
		return err
	}
	fmt.Printf("%-34s %s, to an empty database %s: %s times its time (goal: at most 2)\n", "add of one more",
		ms(times[0]), ms(times[1]), ratio(times[0], times[1]))
	return nil
}
