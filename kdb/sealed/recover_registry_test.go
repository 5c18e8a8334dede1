package sealed_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

// issuingDatabase has a CA that issued three certificates, of which it revoked one, and made three revocation lists.
func issuingDatabase(t *testing.T) (path string, issued []kdb.Issued) {
	t.Helper()
	db, path := newDatabase(t)
	put(t, db, personal("ca", newPair(t, "ca")))
	for _, name := range []string{"one", "two", "three"} {
		issued = append(issued, record(t, 1, name))
	}
	register(t, db, func(r kdb.Registry) error {
		for _, one := range issued {
			if err := r.PutIssued(one); err != nil {
				return err
			}
		}
		_, err := r.NextCRLNumber(issued[0].Issuer, 2)
		return err
	})
	issued[0].RevokedAt, issued[0].Reason = time.Unix(1_800_000_100, 0).UTC(), 1
	register(t, db, func(r kdb.Registry) error {
		_, err := r.NextCRLNumber(issued[0].Issuer, 0)
		return errors.Join(err, r.PutIssued(issued[0]))
	})
	must(t, db.Close())
	return path, issued
}

// storedRecords are the stored records with a prefix.
func storedRecords(t *testing.T, path, prefix string) (list []store.Record) {
	t.Helper()
	st := boltstore.Backend().Open(path, store.Options{})
	defer st.Close()
	must(t, st.View(ctx, func(tx store.Tx) error {
		for r, err := range tx.Scan(prefix, "") {
			if err != nil {
				return err
			}
			list = append(list, store.Record{Key: strings.Clone(r.Key), Value: slices.Clone(r.Value)})
		}
		return nil
	}))
	return list
}

// putBack stores records as they once were, and leaves no newer copy of them on the pages.
func putBack(t *testing.T, path string, list []store.Record) {
	t.Helper()
	st := boltstore.Backend().Open(path, store.Options{})
	must(t, st.Update(ctx, func(tx store.Tx) error {
		for _, r := range list {
			if err := tx.Put(r.Key, r.Value); err != nil {
				return err
			}
		}
		return nil
	}))
	must(t, st.Close())
	must(t, openWith(t, path, options("secret")).Compact(ctx))
}

// TestRecover_registry: what a CA issued and revoked is copied; what is lost is listed with how many there should be. A revocation list
// after that has a number above all that there can have been.
func TestRecover_registry(t *testing.T) {
	t.Parallel()
	const clock = 1_900_000_000
	for name, tt := range map[string]struct {
		harm   func(t *testing.T, path string)
		issued int
		crl    uint64 // the number of the next list
		lost   string
	}{
		"sound": {func(*testing.T, string) {}, 3, 4, ""},
		"a certificate lost": {func(t *testing.T, path string) {
			without(t, path, storedRecords(t, path, "i/")[1].Key)
		}, 2, 4, "issued certificates of issuer 01…: 2 were found, and 3 should be there"},
		"the revocations lost": {func(t *testing.T, path string) {
			without(t, path, "r/")
		}, 3, 4, "revocations of issuer 01…: 0 were found, and 1 should be there"},
		"the CA's record lost": {func(t *testing.T, path string) {
			without(t, path, "n/")
		}, 3, clock, "issued certificates of issuer 01…: 3 were found; how many there should be is lost; " +
			"issued certificates: the record of a CA is lost, or an older one was found; " +
			"revocations of issuer 01…: 1 were found; how many there should be is lost"},
		"an older record of the CA": {func(t *testing.T, path string) {
			now := storedRecords(t, path, "n/")
			db := openWith(t, path, options("secret"))
			register(t, db, func(r kdb.Registry) error { _, err := r.NextCRLNumber([32]byte{1}, 0); return err })
			must(t, db.Close())
			putBack(t, path, now)
		}, 3, clock, "issued certificates: the record of a CA is lost, or an older one was found"},
		"all of it lost": {func(t *testing.T, path string) {
			without(t, path, "n/", "i/", "r/")
		}, 0, 1, "issued certificates: the record of a CA is lost, or an older one was found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, issued := issuingDatabase(t)
			tt.harm(t, path)
			o := options("secret")
			o.Now = func() time.Time { return time.Unix(clock, 0) }
			to := filepath.Join(fastDir(t), "new.ckdb")
			from, into := boltstore.Backend().Open(path, store.Options{}), boltstore.Backend().Open(to, store.Options{Create: true})
			found, err := sealed.Recover(ctx, from, into, path, o)
			must(t, err)
			var lost []string
			for _, p := range found.Missing {
				lost = append(lost, p.Where+": "+p.What)
			}
			slices.Sort(lost)
			if got := strings.ReplaceAll(strings.Join(lost, "; "), fmt.Sprintf("%x", [32]byte{1}), "01…"); got != tt.lost {
				t.Errorf("lost is\n%s, want\n%s", got, tt.lost)
			}
			db := openWith(t, to, o)
			wantSound(t, db)
			wantIssued(t, all(t, db, 1), issued, tt.issued, name == "the revocations lost")
			register(t, db, func(r kdb.Registry) error {
				if n, err := r.NextCRLNumber(issued[0].Issuer, 0); err != nil || n < tt.crl || n > tt.crl+1 {
					t.Errorf("the next revocation list has number %d, %v, want %d", n, err, tt.crl)
				}
				return nil
			})
		})
	}
}

// wantIssued: n of the records are there, as they were, but for the revocations if those are lost.
func wantIssued(t *testing.T, got, want []kdb.Issued, n int, unrevoked bool) {
	t.Helper()
	if len(got) != n {
		t.Errorf("%d issued certificates are there, want %d", len(got), n)
	}
	for _, r := range got {
		i := slices.IndexFunc(want, func(w kdb.Issued) bool { return w.Serial == r.Serial })
		if i < 0 || !slices.Equal(r.Certificate, want[i].Certificate) || !r.At.Equal(want[i].At) {
			t.Errorf("recovered %+v", r)
			continue
		}
		if revoked := r.RevokedAt.Equal(want[i].RevokedAt) && r.Reason == want[i].Reason; revoked == (unrevoked && want[i].Reason > 0) {
			t.Errorf("revoked at %s for reason %d, want %s, %d", r.RevokedAt, r.Reason, want[i].RevokedAt, want[i].Reason)
		}
	}
}

// TestRecover_entriesInParts: what is left of an entry that lost one of its records is kept as what it then is: never with a mark that
// nobody vouches for, and the loss is listed under its label.
func TestRecover_entriesInParts(t *testing.T) {
	t.Parallel()
	p := newPair(t, "p")
	request := newRequest(t, "request")
	secret := kdb.Entry{Label: "secret", Kind: kdb.KindSecretKey, KeyAlgorithm: "AES", Key: []byte("0123456789abcdef")}
	server := personal("server", p)
	server.Trusted = true
	entries := []kdb.Entry{trusted("ca", p), server, request, secret}
	for _, tt := range []struct {
		lost, label string
		kind        kdb.Kind // 0 if the entry is lost
		what        string
	}{
		{"s/", "ca", kdb.KindTrusted, "its summary is lost and was made again, without marks; it has no private key, or that is lost"},
		{"s/", "server", kdb.KindPersonal, "its summary is lost and was made again, without marks"},
		{"s/", "request", kdb.KindRequest, "its summary is lost and was made again, without marks"},
		{"s/", "secret", kdb.KindSecretKey, "its summary is lost and was made again, without marks"},
		{"c/", "ca", 0, "its certificates are lost"},
		{"c/", "server", 0, "its certificates are lost"},
		{"k/", "server", kdb.KindTrusted, "its private key is lost; its certificates are kept"},
		{"k/", "request", 0, "its key is lost"},
		{"k/", "secret", 0, "its key is lost"},
	} {
		t.Run(tt.lost+tt.label, func(t *testing.T) {
			t.Parallel()
			db, path := newDatabase(t)
			put(t, db, entries...)
			must(t, db.Close())
			without(t, path, tt.lost+tt.label)
			to := filepath.Join(fastDir(t), "new.ckdb")
			from, into := boltstore.Backend().Open(path, store.Options{}), boltstore.Backend().Open(to, store.Options{Create: true})
			found, err := sealed.Recover(ctx, from, into, path, options("secret"))
			must(t, err)
			said := slices.Concat(found.Missing, found.Altered)
			if len(said) != 1 || said[0].Where != fmt.Sprintf("label %q", tt.label) || said[0].What != tt.what {
				t.Errorf("said is %q, want %q", said, tt.what)
			}
			db = openWith(t, to, options("secret"))
			wantSound(t, db)
			want := len(entries)
			if tt.kind == 0 {
				want--
			}
			if list := labels(t, db); len(list) != want || found.Entries != want {
				t.Errorf("there are %q, said to be %d, want %d", list, found.Entries, want)
			}
			must(t, db.View(ctx, func(tx kdb.Tx) error {
				s, err := tx.Summary(tt.label)
				switch {
				case tt.kind == 0 && !errors.Is(err, kdb.ErrNotFound):
					t.Errorf("the lost entry: %v", err)
				case tt.kind != 0 && (err != nil || s.Kind != tt.kind || s.Trusted):
					t.Errorf("it is %s, trusted: %v, %v, want %s without trust", s.Kind, s.Trusted, err, tt.kind)
				}
				return nil
			}))
		})
	}
}
