package dsmcert

var clientFolders = []string{
	"/usr/tivoli/tsm/client/ba/bin64",
	"/usr/tivoli/tsm/client/ba/bin",
	"/usr/tivoli/tsm/client/api/bin64",
	"/usr/tivoli/tsm/client/api/bin",
}
