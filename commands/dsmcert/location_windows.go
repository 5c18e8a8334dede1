package dsmcert

var clientFolders = []string{
	`C:\Program Files\Tivoli\TSM\baclient`,
	`C:\Program Files\Common Files\Tivoli\TSM\api64`,
}
