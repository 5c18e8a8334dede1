package dsmcert

var clientFolders = []string{
	"/opt/tivoli/tsm/client/ba/bin64",
	"/opt/tivoli/tsm/client/ba/bin",
	"/opt/tivoli/tsm/client/api/bin64",
	"/opt/tivoli/tsm/client/api/bin",
}
