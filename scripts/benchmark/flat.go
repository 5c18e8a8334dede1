package main

import (
	"fmt"
	"path/filepath"
)

// few is how many entries the small database has that the large one is compared with.
const few = 100

// flat measures what should take as long in the large database as in a small one. Both get a CA below a root, and what it issued.
func (b *bench) flat() error {
	err := writeBundle(filepath.Join(b.folder, "few.pem"), few)
	if err == nil {
		err = b.all(newDatabase("few.ckdb"), []string{"certkdb", "add", "--db", "few.ckdb", "few.pem"})
	}
	for _, db := range []string{"few.ckdb", "many.ckdb"} {
		if err != nil {
			return err
		}
		err = b.all(
			[]string{"certkdb", "create", "root", "--db", db, "--is-ca", "--cn", "Flat Root"},
			[]string{"certkdb", "trust", "root", "--db", db},
			[]string{"certkdb", "create", "sub", "--db", db, "--is-ca", "--ca", "root", "--cn", "Flat Sub"},
			[]string{"certkdb", "create", "leaf", "--db", db, "--ca", "sub", "--cn", "leaf.example.com"})
	}
	for _, command := range [][]string{
		{"validate", "leaf"}, {"show", "leaf"}, {"renew", "leaf"}, {"list", "lea*"}, {"info"},
	} {
		if err == nil {
			err = b.compareSizes(command)
		}
	}
	return err
}

func (b *bench) compareSizes(command []string) error {
	on := func(db string) []string { return append([]string{"certkdb", "--db", db}, command...) }
	times, err := rounds(3*runs, b.always(on("many.ckdb")...), b.always(on("few.ckdb")...))
	if err != nil {
		return err
	}
	s, err := b.once(on("many.ckdb")...)
	fmt.Printf("%-34s %s, with %d entries %s: %s times its time (limit: 1.3), peak memory %s (limit: 64 MiB)\n", command[0]+" with so many",
		both(times[0]), few, both(times[1]), ratio(times[0], times[1]), mib(s.peak))
	return err
}
