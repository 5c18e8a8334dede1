package dsmcert

import (
	"os"
	"path/filepath"

	"certkdb/commands/op"
)

// databaseName is the file of IBM's client. It is recognised by its content: PKCS #12, CMS or native.
const databaseName = "dsmcert.kdb"

// existing finds the client's key database where IBM's own scripts look for it, in their order; "" if it finds none, which
// means the default database.
func existing(env *op.Env) string {
	for _, folder := range folders(env) {
		path := filepath.Join(folder, databaseName)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// folders is the search order: IBM storage-protect-galaxy's distribution script for Linux, AIX, macOS and Windows.
func folders(env *op.Env) []string {
	var list []string
	for _, name := range []string{"PASSWORDDIR", "DSM_DIR"} {
		if folder := env.Getenv(name); folder != "" {
			list = append(list, folder)
		}
	}
	if !env.Root && env.Home != "" {
		list = append(list, filepath.Join(env.Home, userFolder))
	}
	return append(list, clientFolders...)
}
