package pkcs12

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/name"
)

// makeRecords finds the entries in the bags by the rules of the package comment.
func (c *Container) makeRecords() error {
	byBag := map[*bag]*record{}
	var keys []*record
	for b := range c.bags() {
		r := &record{key: b}
		switch b.id {
		case oidKeyBag, oidShroudedKeyBag:
			r.kind = kdb.KindPersonal
			keys = append(keys, r)
		case oidSecretBag:
			if _, ok := b.secretValue(); !ok {
				continue
			}
			r.kind = kdb.KindSecretKey
			_ = c.open(r) // only so its algorithm is known; one that does not open, or not within the budget, stays closed
		default:
			continue
		}
		byBag[b] = r
	}
	x := c.newIndex()
	if err := c.pair(keys, x); err != nil {
		return err
	}
	c.describeKeys(keys, x)
	c.describeCerts(byBag, keys, x)
	var records []*record
	for b := range c.bags() {
		if r := byBag[b]; r != nil {
			records = append(records, r)
		}
	}
	for _, r := range c.foldCopies(records) {
		c.addRecord(r)
	}
	return nil
}

// describeKeys completes the records of private keys.
func (c *Container) describeKeys(keys []*record, x *index) {
	for _, r := range keys {
		m := r.key.marks()
		r.isDefault, r.trusted = m.isDefault, m.trusted
		if r.cert == nil {
			if _, err := cert.ParseRequest(m.request); err == nil {
				r.kind, r.request, r.algorithm = kdb.KindRequest, m.request, ""
			}
			continue
		}
		r.algorithm, r.spki = "", x.parsed[r.cert].RawSPKI
		r.chain = x.chainOf(x.parsed[r.cert])
		if m.fixed {
			r.chain = x.markedChain(m.chain)
		}
	}
}

// describeCerts makes the records of certificates that are entries of their own.
func (c *Container) describeCerts(byBag map[*bag]*record, keys []*record, x *index) {
	owner := map[*bag]bool{}
	users := users{}
	for _, r := range keys {
		if r.cert != nil {
			owner[r.cert] = true
			users.note(r)
		}
	}
	byUse := len(keys) > 0 || c.anyTrustedKeyUsage()
	for _, b := range x.bags {
		names := users[sha256.Sum256(b.cert)]
		if owner[b] || len(names) > 0 && !b.isSigner() && !b.marks().entry && !hasOwnName(b, x.parsed[b], names) {
			continue
		}
		byBag[b] = &record{kind: kdb.KindTrusted, cert: b, trusted: inferTrust(b, byUse)}
	}
}

// users are, for each certificate, the names of the entries whose chains it is in.
type users map[[32]byte]map[string]bool

// note takes down the chain of a personal entry.
func (u users) note(r *record) {
	for _, der := range append([][]byte{r.cert.cert}, r.chain...) {
		sum := sha256.Sum256(der)
		if u[sum] == nil {
			u[sum] = map[string]bool{}
		}
		u[sum][r.key.friendlyName()] = true
		u[sum][r.cert.friendlyName()] = true
	}
}

// hasOwnName says whether a certificate of a chain has a friendlyName that somebody gave it: not that of the chain's entry, and not
// just its subject.
func hasOwnName(b *bag, crt *cert.Certificate, users map[string]bool) bool {
	label := b.friendlyName()
	if label == "" || users[label] {
		return false
	}
	subject, err := name.ParseString(label)
	return err != nil || !name.Equal(subject, crt.Subject)
}

func (c *Container) anyTrustedKeyUsage() bool {
	for b := range c.bags() {
		if b.has(oidTrustedKeyUsage) {
			return true
		}
	}
	return false
}

// inferTrust is what a reader concludes of a certificate's attributes; byUse says that the file has keys or uses the attribute.
func inferTrust(b *bag, byUse bool) bool {
	return !b.marks().distrusted && (b.isSigner() || !byUse)
}

// addRecord gives a record its label and its place.
func (c *Container) addRecord(r *record) {
	r.label = c.records.AddNamed(r.storedLabel(), r.autoLabel, r)
}

// storedLabel is the friendlyName of the key, else of the certificate. The one that somebody gave goes before the name of a key container.
func (r *record) storedLabel() string {
	ofKey, ofCert := "", ""
	if r.key != nil {
		ofKey = r.key.friendlyName()
	}
	if r.cert != nil {
		ofCert = r.cert.friendlyName()
	}
	if ofKey == "" || isContainerName(ofKey) && ofCert != "" {
		return ofCert
	}
	return ofKey
}

// isContainerName recognises what Windows calls the container of a key, and exports as its friendlyName: {GUID}, PvkTmp:GUID, or the
// kind of the container and its GUID, with a template between them (te-WebServer-GUID, le-GUID).
func isContainerName(label string) bool {
	const guid = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	label = strings.TrimSuffix(label, "}")
	at := len(label) - len(guid)
	if at < 0 {
		return false
	}
	for i, want := range []byte(guid) {
		isHex := strings.IndexByte("0123456789abcdefABCDEF", label[at+i]) >= 0
		if want == 'x' && !isHex || want == '-' && label[at+i] != '-' {
			return false
		}
	}
	for _, kind := range []string{"{", "PvkTmp:", "te-", "le-", "tp-", "lp-"} {
		if strings.HasPrefix(label[:at], kind) {
			return true
		}
	}
	return at == 0
}

// autoLabel names what has no name in the file, always in the same way.
func (r *record) autoLabel() string {
	if r.cert != nil {
		return kdb.AutoLabel(&kdb.Entry{Certificates: [][]byte{r.cert.cert}})
	}
	if r.request != nil {
		return kdb.AutoLabel(&kdb.Entry{Request: r.request})
	}
	sum := sha256.Sum256(r.key.value)
	return fmt.Sprintf("key-%x", sum[:4])
}

// javaTime reads the time that Java puts into its localKeyIds: "Time 1311855238964", milliseconds since 1970.
func javaTime(id []byte) time.Time {
	text, ok := strings.CutPrefix(string(id), "Time ")
	if !ok {
		return time.Time{}
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < 0 || ms > 253402300799000 { // the year 9999
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC().Truncate(time.Second)
}
