package dsmcert

var clientFolders = []string{"/Library/Application Support/tivoli/tsm/client/ba/bin"}
