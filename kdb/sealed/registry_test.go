package sealed_test

import (
	"context"
	"errors"
	"slices"
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
			n, err := r.NextCRLNumber([32]byte{1})
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
		_, err := r.NextCRLNumber(one.Issuer)
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
		n, err := r.NextCRLNumber(one.Issuer)
		if n != 2 {
			t.Errorf("number %d after the rekey, want 2", n)
		}
		return err
	})
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
