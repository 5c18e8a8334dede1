//go:build !linux && !aix && !darwin && !windows

package dsmcert

// clientFolders is empty: IBM's client does not exist for this system.
var clientFolders []string
