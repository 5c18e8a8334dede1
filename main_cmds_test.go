package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	stdpem "encoding/pem"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

// cmdSameCertificates wants two PEM files to hold byte for byte the same set of certificates, in whatever order.
func cmdSameCertificates(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: sameset one.pem other.pem")
	}
	one, other := certificates(ts, args[0]), certificates(ts, args[1])
	if same := slices.Equal(one, other); same == neg || len(one) == 0 {
		ts.Fatalf("%d certificates and %d certificates, the same set: %v", len(one), len(other), same)
	}
}

func certificates(ts *testscript.TestScript, path string) []string {
	data, err := os.ReadFile(ts.MkAbs(path))
	ts.Check(err)
	var found []string
	for block, rest := stdpem.Decode(data); block != nil; block, rest = stdpem.Decode(rest) {
		found = append(found, string(block.Bytes))
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// cmdRemember notes a file's bytes and time of change, for cmdUntouched: remember key.ckdb.
func cmdRemember(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: remember file…")
	}
	ts.Setenv("REMEMBERED", identity(ts, args...))
}

// cmdUntouched wants files to have the bytes and the time of change that they had when they were remembered.
func cmdUntouched(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: untouched file…")
	}
	if same := identity(ts, args...) == ts.Getenv("REMEMBERED"); same == neg {
		ts.Fatalf("%s is untouched: %v", strings.Join(args, ", "), same)
	}
}

func identity(ts *testscript.TestScript, paths ...string) string {
	var all []string
	for _, path := range paths {
		data, err := os.ReadFile(ts.MkAbs(path))
		ts.Check(err)
		info, err := os.Stat(ts.MkAbs(path))
		ts.Check(err)
		sum := sha256.Sum256(data)
		all = append(all, hex.EncodeToString(sum[:])+" "+strconv.FormatInt(info.ModTime().UnixNano(), 10))
	}
	return strings.Join(all, "\n")
}

// cmdRecords changes the sealed records of a native database, without a password: those whose keys begin with a prefix are removed, or put
// back as they are in another file.
func cmdRecords(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: records key.ckdb prefix remove|other.ckdb")
	}
	there := readRecords(ts, args[0], args[1])
	if len(there) == 0 {
		ts.Fatalf("%s has no record %s…", args[0], args[1])
	}
	older := map[string][]byte{}
	if args[2] != "remove" {
		older = readRecords(ts, args[2], args[1])
	}
	st := boltstore.Open(ts.MkAbs(args[0]), boltstore.Options{})
	ts.Check(st.Update(context.Background(), func(tx store.Tx) error {
		for key := range there {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		for key, value := range older {
			if err := tx.Put(key, value); err != nil {
				return err
			}
		}
		return nil
	}))
}

func readRecords(ts *testscript.TestScript, path, prefix string) map[string][]byte {
	found := make(map[string][]byte)
	st := boltstore.Open(ts.MkAbs(path), boltstore.Options{})
	ts.Check(st.View(context.Background(), func(tx store.Tx) error {
		for record, err := range tx.Scan(prefix, "") {
			if err != nil {
				return err
			}
			found[record.Key] = bytes.Clone(record.Value)
		}
		return nil
	}))
	return found
}
