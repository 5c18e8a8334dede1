package sealed_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store"
	"certkdb/pki/cert"
)

// record makes the registry's record of a certificate that issuer issued.
func record(t *testing.T, issuer byte, name string) kdb.Issued {
	t.Helper()
	der := newPair(t, name).cert
	c, err := cert.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	return kdb.Issued{Issuer: [32]byte{issuer}, Serial: c.SerialHex(), Certificate: der, At: time.Unix(1_800_000_000, 0).UTC()}
}

// register calls fn with the registry of a transaction.
func register(t *testing.T, db *sealed.Database, fn func(kdb.Registry) error) {
	t.Helper()
	err := db.Update(context.Background(), "sign", func(tx kdb.Tx) error { return fn(tx.(kdb.Registry)) })
	if err != nil {
		t.Fatal(err)
	}
}

func all(t *testing.T, db *sealed.Database, issuer byte) (list []kdb.Issued) {
	t.Helper()
	err := db.View(context.Background(), func(tx kdb.Tx) error {
		for r, err := range tx.(kdb.Registry).AllIssued([32]byte{issuer}) {
			if err != nil {
				return err
			}
			list = append(list, r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestRegistry_keepsRecordsByIssuer(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	one, two, other := record(t, 1, "one"), record(t, 1, "two"), record(t, 2, "other")
	register(t, db, func(r kdb.Registry) error {
		return errors.Join(r.PutIssued(one), r.PutIssued(two), r.PutIssued(other))
	})
	two.RevokedAt, two.Reason = time.Unix(1_800_000_100, 0).UTC(), 4
	register(t, db, func(r kdb.Registry) error { return r.PutIssued(two) })
	db = openWith(t, path, options("secret"))
	got := all(t, db, 1)
	if len(got) != 2 || !slices.IsSortedFunc(got, func(a, b kdb.Issued) int { return cmpString(a.Serial, b.Serial) }) {
		t.Fatalf("%d records of issuer 1, want 2 in order", len(got))
	}
	err := db.View(context.Background(), func(tx kdb.Tx) error {
		r, err := tx.(kdb.Registry).Issued(two.Issuer, two.Serial)
		if err == nil &&
			(!r.RevokedAt.Equal(two.RevokedAt) || r.Reason != 4 || !slices.Equal(r.Certificate, two.Certificate) || !r.At.Equal(two.At)) {
			t.Errorf("got %+v", r)
		}
		if _, missing := tx.(kdb.Registry).Issued(two.Issuer, other.Serial); !errors.Is(missing, kdb.ErrNotFound) {
			t.Errorf("a serial number of another issuer: %v", missing)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	wantSound(t, db)
}

func cmpString(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}

func TestRegistry_countsRevocationLists(t *testing.T) {
	t.Parallel()
	db, _ := newDatabase(t)
	for want := uint64(1); want <= 3; want++ {
		register(t, db, func(r kdb.Registry) error {
			n, err := r.NextCRLNumber([32]byte{1}, 0)
			if err == nil && n != want {
				t.Errorf("number %d, want %d", n, want)
			}
			return err
		})
	}
	wantSound(t, db)
}

func TestRegistry_survivesRekey(t *testing.T) {
	t.Parallel()
	db, _ := newDatabase(t)
	one := record(t, 1, "one")
	register(t, db, func(r kdb.Registry) error {
		_, err := r.NextCRLNumber(one.Issuer, 0)
		return errors.Join(err, r.PutIssued(one))
	})
	err := db.Rekey(context.Background(), sealed.Rekey{Passwords: [][]byte{[]byte("secret")}, Cost: kdb.CostTest})
	if err != nil {
		t.Fatal(err)
	}
	if got := all(t, db, 1); len(got) != 1 {
		t.Errorf("%d records after the rekey, want 1", len(got))
	}
	register(t, db, func(r kdb.Registry) error {
		n, err := r.NextCRLNumber(one.Issuer, 0)
		if n != 2 {
			t.Errorf("number %d after the rekey, want 2", n)
		}
		return err
	})
	wantSound(t, db)
}

// TestRegistry_noticesWhatWasPutBack swaps and removes the records of a registry: a revocation, the list of what was issued and the number
// of the next revocation list cannot be read any more.
func TestRegistry_noticesWhatWasPutBack(t *testing.T) {
	t.Parallel()
	db, st := inMemory(t, newPair(t, "a"), newPair(t, "b"))
	one, two := record(t, 1, "one"), record(t, 1, "two")
	register(t, db, func(r kdb.Registry) error {
		_, err := r.NextCRLNumber(one.Issuer, 0)
		return errors.Join(err, r.PutIssued(one), r.PutIssued(two))
	})
	before := st.Records()
	one.RevokedAt, one.Reason = time.Unix(1_800_000_100, 0).UTC(), 1
	register(t, db, func(r kdb.Registry) error {
		_, err := r.NextCRLNumber(one.Issuer, 0)
		return errors.Join(err, r.PutIssued(one))
	})
	revoked := st.Records()
	one.Reason = 4
	register(t, db, func(r kdb.Registry) error { return r.PutIssued(one) })
	original := st.Records()
	find := func(prefix, serial string) string {
		for key := range original {
			if strings.HasPrefix(key, prefix) && strings.HasSuffix(key, serial) {
				return key
			}
		}
		t.Fatalf("there is no record %s… of %s", prefix, serial)
		return ""
	}
	revocation, issuer := find("r/", one.Serial), find("n/", "")
	for name, change := range map[string]func(map[string][]byte){
		"a revocation removed":                 func(r map[string][]byte) { delete(r, revocation) },
		"an older revocation":                  func(r map[string][]byte) { r[revocation] = revoked[revocation] },
		"the issuer's record removed":          func(r map[string][]byte) { delete(r, issuer) },
		"an older record of the issuer":        func(r map[string][]byte) { r[issuer] = revoked[issuer] },
		"a revocation and the issuer put back": func(r map[string][]byte) { delete(r, revocation); r[issuer] = before[issuer] },
		"a revocation and the issuer removed":  func(r map[string][]byte) { delete(r, revocation); delete(r, issuer) },
		"a revocation of another certificate": func(r map[string][]byte) {
			r[strings.Replace(revocation, one.Serial, two.Serial, 1)] = r[revocation]
		},
		"a certificate that was revoked removed": func(r map[string][]byte) { delete(r, find("i/", one.Serial)) },
	} {
		records := maps.Clone(original)
		change(records)
		st.Replace(records)
		if err := issuedError(db, one); !errors.Is(err, kdb.ErrCorrupt) {
			t.Errorf("%s: Issued = %v, want ErrCorrupt", name, err)
		}
		if err := allIssuedError(db, one.Issuer); !errors.Is(err, kdb.ErrCorrupt) {
			t.Errorf("%s: AllIssued = %v, want ErrCorrupt", name, err)
		}
		if !found(db) {
			t.Errorf("%s: Check found nothing", name)
		}
	}
	for name, key := range map[string]string{"removed": find("i/", two.Serial)} {
		records := maps.Clone(original)
		delete(records, key)
		st.Replace(records)
		if err := allIssuedError(db, one.Issuer); !errors.Is(err, kdb.ErrCorrupt) {
			t.Errorf("a certificate %s: AllIssued = %v, want ErrCorrupt", name, err)
		}
	}
	records := maps.Clone(original)
	records[issuer] = revoked[issuer]
	st.Replace(records)
	err := db.Update(ctx, "crl", func(tx kdb.Tx) error { _, err := tx.(kdb.Registry).NextCRLNumber(one.Issuer, 0); return err })
	if !errors.Is(err, kdb.ErrCorrupt) {
		t.Errorf("NextCRLNumber = %v, want ErrCorrupt", err)
	}
	st.Replace(original)
	must(t, issuedError(db, one))
	must(t, allIssuedError(db, one.Issuer))
	wantSound(t, db)
}

func issuedError(db *sealed.Database, r kdb.Issued) error {
	return db.View(ctx, func(tx kdb.Tx) error { _, err := tx.(kdb.Registry).Issued(r.Issuer, r.Serial); return err })
}

func allIssuedError(db *sealed.Database, issuer [32]byte) error {
	return db.View(ctx, func(tx kdb.Tx) error {
		for _, err := range tx.(kdb.Registry).AllIssued(issuer) {
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// TestRegistry_invalidSince: the date may be changed and stay away, and a record without it is as long as before.
func TestRegistry_invalidSince(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	one := record(t, 1, "one")
	one.RevokedAt, one.Reason = time.Unix(1_800_000_100, 0).UTC(), 1
	for _, since := range []time.Time{{}, time.Unix(1_700_000_000, 0).UTC(), time.Unix(-1_700_000_000, 0).UTC(), {}} {
		one.InvalidSince = since
		register(t, db, func(r kdb.Registry) error { return r.PutIssued(one) })
		db = openWith(t, path, options("secret"))
		register(t, db, func(r kdb.Registry) error {
			if got, err := r.Issued(one.Issuer, one.Serial); err != nil || !got.InvalidSince.Equal(since) {
				t.Errorf("invalid since %s, %v, want %s", got.InvalidSince, err, since)
			}
			return nil
		})
		if got := all(t, db, 1); len(got) != 1 || !got[0].InvalidSince.Equal(since) || got[0].Reason != 1 {
			t.Errorf("listed: %+v", got)
		}
	}
}

// TestRegistry_revocationsComeAndGo: a revocation is changed, and taken back, and the counts follow.
func TestRegistry_revocationsComeAndGo(t *testing.T) {
	t.Parallel()
	db, _ := newDatabase(t)
	one := record(t, 1, "one")
	for _, reason := range []int{0, 6, 6, 1} {
		one.RevokedAt = time.Time{}
		if reason > 0 {
			one.RevokedAt = time.Unix(1_800_000_100, 0).UTC()
		}
		one.Reason = reason
		for range 2 {
			register(t, db, func(r kdb.Registry) error {
				err := r.PutIssued(one)
				got, errGot := r.Issued(one.Issuer, one.Serial)
				if got.Reason != reason || !got.RevokedAt.Equal(one.RevokedAt) {
					t.Errorf("within the transaction: %+v", got)
				}
				return errors.Join(err, errGot)
			})
			wantSound(t, db)
		}
		if got := all(t, db, 1); len(got) != 1 || got[0].Reason != reason || got[0].RevokedAt.IsZero() != (reason == 0) {
			t.Errorf("reason %d: %+v", reason, got)
		}
	}
	one.RevokedAt, one.Reason = time.Time{}, 0
	register(t, db, func(r kdb.Registry) error { return r.PutIssued(one) })
	if got := all(t, db, 1); len(got) != 1 || !got[0].RevokedAt.IsZero() {
		t.Errorf("taken back: %+v", got)
	}
	wantSound(t, db)
}

func TestRegistry_refusesSerialsThatAreNone(t *testing.T) {
	t.Parallel()
	db, _ := newDatabase(t)
	for _, serial := range []string{"", "a/b", "XYZ", string(make([]byte, 200))} {
		err := db.Update(context.Background(), "sign", func(tx kdb.Tx) error {
			return tx.(kdb.Registry).PutIssued(kdb.Issued{Serial: serial})
		})
		if err == nil {
			t.Errorf("serial number %q was recorded", serial)
		}
	}
}

func TestCheck_findsHarmToTheRegistry(t *testing.T) {
	t.Parallel()
	harms := map[string]func(store.Tx, string, []byte) error{
		"removed":   func(tx store.Tx, key string, _ []byte) error { return tx.Delete(key) },
		"changed":   func(tx store.Tx, key string, value []byte) error { value[20] ^= 1; return tx.Put(key, value) },
		"moved":     func(tx store.Tx, key string, value []byte) error { return tx.Put(key+"0", value) },
		"cut short": func(tx store.Tx, key string, value []byte) error { return tx.Put(key, value[:10]) },
	}
	for name, harm := range harms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, st := inMemory(t, newPair(t, "a"), newPair(t, "b"))
			one := record(t, 1, "one")
			register(t, db, func(r kdb.Registry) error { return r.PutIssued(one) })
			err := st.Update(context.Background(), func(tx store.Tx) error {
				for r, err := range tx.Scan("i/", "") {
					if err != nil {
						return err
					}
					return harm(tx, r.Key, slices.Clone(r.Value))
				}
				return errors.New("there is no record")
			})
			if err != nil {
				t.Fatal(err)
			}
			if !found(reopen(t, st)) {
				t.Error("check found nothing")
			}
		})
	}
}
