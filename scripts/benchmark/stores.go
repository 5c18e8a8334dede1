package main

import (
	"crypto/sha512"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// stores measures on foreign key stores: listing the system's roots against keytool, filling a PKCS #12 file, and opening a
// CMS database against hashing its bytes, which verifying it takes at least.
func (b *bench) stores() error {
	fmt.Println()
	password := []string{"--password", "file:pw"}
	var err error
	if installed("keytool") {
		for _, store := range []string{"trust.p12", "trust.jks"} {
			err = errors.Join(err,
				b.all([]string{"certkdb", "copy", "--db", "roots.ckdb", "--all", "--to", store, "--to-password", "file:pw"}),
				b.faster("list of the roots in "+store, append([]string{"certkdb", "list", "--db", store}, password...),
					[]string{"keytool", "-list", "-keystore", store, "-storepass:file", "pw"}, 20))
		}
		err = errors.Join(err, b.fill())
	}
	return errors.Join(err, b.cms(), b.dialect(), b.many())
}

// thousand is how many certificates go into one store.
const thousand = 1000

// fill imports many certificates into a PKCS #12 file with one call; keytool takes one a call, and is timed for a few.
func (b *bench) fill() error {
	if err := writeBundle(filepath.Join(b.folder, "one-root.pem"), 1); err != nil {
		return err
	}
	if err := b.all([]string{"certkdb", "init", "--db", "thousand.p12", "--new-password", "file:pw"}); err != nil {
		return err
	}
	own, err := b.once("certkdb", "add", "--db", "thousand.p12", "--password", "file:pw", "thousand.pem")
	if err != nil {
		return err
	}
	const few = 5
	var peer time.Duration
	for i := range few {
		s, err := b.once("keytool", "-importcert", "-noprompt", "-keystore", "peer.p12", "-storetype", "PKCS12", "-storepass:file", "pw",
			"-alias", fmt.Sprint(i), "-file", filepath.Join(b.folder, "one-root.pem"))
		if err != nil {
			return err
		}
		peer += s.wall
	}
	all := peer / few * thousand
	fmt.Printf(
		"%-34s %.2f s, keytool one by one some %.0f s: %.0f times as fast (goal: at least 100)\n",
		"import of 1000 into a .p12",
		own.wall.Seconds(),
		all.Seconds(),
		all.Seconds()/own.wall.Seconds(),
	)
	return nil
}

// cms lists a CMS database of a thousand entries, with its password, and hashes its bytes as its integrity check does.
func (b *bench) cms() error {
	err := b.all([]string{"certkdb", "init", "--db", "thousand.kdb", "--new-password", "file:pw"},
		[]string{"certkdb", "add", "--db", "thousand.kdb", "--password", "file:pw", "thousand.pem"})
	if err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(b.folder, "thousand.kdb"))
	if err != nil {
		return err
	}
	hash := here(func() error {
		sha512.Sum384(data)
		return nil
	})
	times, err := inTurn(b.always("certkdb", "list", "--db", "thousand.kdb", "--password", "file:pw"), b.always("certkdb", "version"), hash)
	if err != nil {
		return err
	}
	fmt.Printf(
		"%-34s %s, of it start-up %s; hashing its bytes %s: %s times that without start-up (goal: at most 3)\n",
		"list of a CMS database of 1000",
		ms(times[0]),
		ms(times[1]),
		ms(times[2]),
		ratio(times[0].without(times[1]), times[2]),
	)
	return nil
}

// dialect measures what IBM's command line costs against certkdb's own.
func (b *bench) dialect() error {
	if err := os.WriteFile(filepath.Join(b.folder, "bench.pw"), []byte("bench"), 0o600); err != nil {
		return err
	}
	native := []string{"--db", "thousand.kdb", "--password", "file:bench.pw"}
	change := []string{"certkdb", "passwd", "--db", "thousand.kdb", "--password", "file:pw", "--new-password", "file:bench.pw"}
	if err := b.all(change); err != nil {
		return err
	}
	gsk := []string{"certkdb", "gsk8capicmd"}
	for _, c := range []struct {
		what        string
		theirs, own []string
	}{
		{"gsk8capicmd -cert -list", []string{"-cert", "-list", "-db", "thousand.kdb", "-pw", "bench"}, append([]string{"list"}, native...)},
		{"gsk8capicmd -version", []string{"-version"}, []string{"version"}},
		{"gsk8capicmd -random -create", []string{"-random", "-create", "-length", "20"}, []string{"version"}},
	} {
		times, err := inTurn(b.always(append(gsk[:2:2], c.theirs...)...), b.always(append([]string{"certkdb"}, c.own...)...))
		if err != nil {
			return err
		}
		fmt.Printf(
			"%-34s %s, certkdb %s %s: %s times (goal: at most 1)\n", c.what, ms(times[0]), c.own[0], ms(times[1]), ratio(times[0], times[1]),
		)
	}
	return nil
}

// many fills stores of each kind with so many certificates that work for each of them against each other would show.
func (b *bench) many() error {
	const n = 20_000
	if err := writeBundle(filepath.Join(b.folder, "twenty-thousand.pem"), n); err != nil {
		return err
	}
	for _, store := range []string{"many.p12", "many.jks", "many.kdb"} {
		if err := b.all([]string{"certkdb", "init", "--db", store, "--new-password", "file:pw"}); err != nil {
			return err
		}
		access := []string{"--db", store, "--password", "file:pw"}
		added, err := b.once(append([]string{"certkdb", "add", "twenty-thousand.pem"}, access...)...)
		if err != nil {
			return err
		}
		listed, err := b.once(append([]string{"certkdb", "list", "-o", "jsonl"}, access...)...)
		if err != nil {
			return err
		}
		fmt.Printf("%-34s add %s (%.0f/s, %s), list %s (%.0f/s, %s)\n", fmt.Sprintf("%d in %s", n, store),
			seconds(added.wall), n/added.wall.Seconds(), mib(added.peak), seconds(listed.wall), n/listed.wall.Seconds(), mib(listed.peak))
	}
	return nil
}
