// Package cms is the codec for IBM's CMS key databases: a .kdb with certificates and keys, the .rdb next to it with
// pending requests, the .crl, and the stash .sth with the password, as GSKit's gsk8capicmd and runmqakm keep them.
//
// IBM has not published the format. FORMAT.md in this folder describes it, says of each part how well it is known,
// and is decoded by a test. Versions 3, 4 and 6 are read and written; new databases are of version 6.
//
// Files named .kdb may also be PKCS #12 (GSKit writes those too), which is another codec's work, so a database is
// recognised by its content. KeePass's .kdb is something else altogether.
//
//	container, err := cms.Codec().Decode(keyfile.Files{Main: kdb, Companions: map[string][]byte{".rdb": rdb}}, passwords)
package cms

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/stash"
)

// The endings of the files that belong to a database.
const (
	extRequests = ".rdb"
	extCRL      = ".crl"
)

// Codec returns the codec for CMS key databases.
func Codec() keyfile.Codec {
	return keyfile.Codec{
		Name:       "cms",
		Aliases:    []string{"kdb"},
		Extensions: []string{".kdb"},
		Companions: []string{extRequests, extCRL},
		Matches:    matches,
		Stash:      stash.Codec(),
		Decode:     decode,
		New:        newContainer,
		Profiles:   profiles[:],
	}
}

// matches takes the companions too, so that Decode can say which file to name.
func matches(head []byte) bool {
	if len(head) < 16 || !bytes.HasPrefix(head, []byte(magic)) {
		return false
	}
	_, ok := roleOf(head)
	return ok
}

// profiles are the versions in which new databases are written.
var profiles = [...]string{"6", "4", "3"}

func newContainer(profile string) (keyfile.Container, error) {
	profile = cmp.Or(profile, profiles[0])
	if !slices.Contains(profiles[:], profile) {
		return nil, fmt.Errorf("%w: CMS databases are written in the versions 3, 4 and 6; there is no profile %q", kdb.ErrUnsupported, profile)
	}
	v := versions()[profile[0]-'0']
	c := &container{verified: true, missing: kdb.ErrNoPassword}
	for i := range c.files {
		c.files[i] = newFile(role(i), v)
	}
	return c, nil
}
