package dsmcert

const userFolder = "IBM/StorageProtect/certs"

var clientFolders = []string{"/Library/Application Support/tivoli/tsm/client/ba/bin"}
