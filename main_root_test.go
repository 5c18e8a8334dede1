package main

import (
	"strings"
	"testing"
)

// What a root forbids and revokes counts for the CAs below it however many entries stand before the root, which their chains leave out.
func TestCreate_heedsTheRootAmongMany(t *testing.T) {
	t.Parallel()
	db := stashed(t)
	certkdb(t, "add", bundle(t, t.TempDir(), "aaa", 3000), "--db", db)
	certkdb(t, "create", "zroot", "--db", db, "--is-ca", "--cn", "Root", "--exclude", "dns:bad.example")
	certkdb(t, "create", "zsub", "--db", db, "--is-ca", "--ca", "zroot", "--cn", "Sub")
	refused := func(label, host, want string) {
		t.Helper()
		if exit, said := exitOf(t, "create", label, "--db", db, "--ca", "zsub", "--cn", host); exit != 8 || !strings.Contains(said, want) {
			t.Errorf("%s: exit code %d: %s, want %q", host, exit, said, want)
		}
	}
	refused("one", "www.bad.example", "excluded by the name constraints of CN=Root")
	certkdb(t, "create", "two", "--db", db, "--ca", "zsub", "--cn", "www.good.example")
	certkdb(t, "revoke", "zsub", "--db", db, "--ca", "zroot")
	refused("three", "www3.good.example", `the CA's certificate "CN=Sub" was revoked`)
}
