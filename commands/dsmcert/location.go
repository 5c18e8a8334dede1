package dsmcert

import (
	"os"
	"path/filepath"

	"certkdb/commands/op"
)

// databaseName is the file of IBM's client. It is recognised by its content: PKCS #12, CMS or native.
const databaseName = "dsmcert.kdb"

// userFolders are below the home folders of users who cannot write the client's own folder: that of version 8.2, and that of 8.1 (APAR
// IT41127).
var userFolders = [...]string{"IBM/StorageProtect/certs", "IBM/SpectrumProtect/certs"}

// existing finds the client's key database where IBM's own scripts look for it, in their order; "" if it finds none.
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
	list := named(env)
	if !env.Root && env.Home != "" {
		for _, folder := range userFolders {
			list = append(list, filepath.Join(env.Home, filepath.FromSlash(folder)))
		}
	}
	return append(list, clientFolders...)
}

// named are the folders that variables name.
func named(env *op.Env) []string {
	var list []string
	for _, name := range []string{"PASSWORDDIR", "DSM_DIR"} {
		if folder := env.Getenv(name); folder != "" {
			list = append(list, folder)
		}
	}
	return list
}

// place is where the client's new database belongs: in the first folder that a variable names and that is there, else where the client is
// installed; users other than root have a folder of their own. It is "" if there is no client here. Which folder IBM's dsmcert takes among
// several is unconfirmed.
func place(env *op.Env, client []string) string {
	if folder := firstFolder(named(env)); folder != "" {
		return filepath.Join(folder, databaseName)
	}
	installed := firstFolder(client)
	if installed != "" && !env.Root && env.Home != "" {
		installed = filepath.Join(env.Home, filepath.FromSlash(userFolders[0]))
	}
	if installed == "" {
		return ""
	}
	return filepath.Join(installed, databaseName)
}

func firstFolder(folders []string) string {
	for _, folder := range folders {
		if info, err := os.Stat(folder); err == nil && info.IsDir() {
			return folder
		}
	}
	return ""
}
