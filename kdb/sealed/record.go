package sealed

import (
	"fmt"
	"slices"

	"certkdb/kdb"
)

// summary is the record of a label that vouches for its others.
type summary struct {
	kdb.Summary
	certs  [32]byte // SHA-256 of the sealed certificates record
	hasKey bool
	key    [32]byte // SHA-256 of the sealed key record
}

// Flags of a summary record.
const (
	flagTrusted = 1 << iota
	flagCA
	flagKey
	flagDeployed
	flagsKnown = flagTrusted | flagCA | flagKey | flagDeployed
)

func (s *summary) encode() []byte { return s.appendTo(make([]byte, 0, 512)) }

func (s *summary) appendTo(out []byte) []byte {
	e := encoder{out}
	e.u8(formatVersion)
	e.u8(uint8(s.Kind))
	var flags uint8
	for _, f := range []struct {
		set  bool
		flag uint8
	}{{s.Trusted, flagTrusted}, {s.CA, flagCA}, {s.hasKey, flagKey}, {s.Deployed, flagDeployed}} {
		if f.set {
			flags |= f.flag
		}
	}
	e.u8(flags)
	e.raw(s.certs[:])
	if s.hasKey {
		e.raw(s.key[:])
	}
	e.raw(s.SHA256[:])
	e.time(s.Added)
	e.time(s.NotBefore)
	e.time(s.NotAfter)
	e.uvarint(uint64(s.ChainLength))
	for _, text := range []string{s.Subject, s.Issuer, s.Serial, s.KeyType, s.Warning} {
		e.string(text)
	}
	for _, list := range [][]string{s.DNSNames, s.IPAddresses, s.Emails, s.URIs} {
		e.strings(list)
	}
	return e.b
}

func decodeSummary(b []byte) (summary, error) {
	d := decoder{b: b, text: string(b)}
	if version := d.u8(); d.err == nil && version != formatVersion {
		return summary{}, fmt.Errorf("%w %d", kdb.ErrVersion, version)
	}
	var s summary
	s.Kind = kdb.Kind(d.u8())
	flags := d.u8()
	if flags&^uint8(flagsKnown) != 0 || s.Kind < kdb.KindTrusted || s.Kind > kdb.KindSecretKey {
		d.fail("an unknown kind or flag")
	}
	s.Trusted, s.CA, s.hasKey = flags&flagTrusted != 0, flags&flagCA != 0, flags&flagKey != 0
	s.Deployed = flags&flagDeployed != 0
	s.certs = d.hash()
	if s.hasKey {
		s.key = d.hash()
	}
	s.SHA256 = d.hash()
	s.Added, s.NotBefore, s.NotAfter = d.time(), d.time(), d.time()
	length := d.uvarint()
	if length > 1<<24 {
		d.fail("a chain out of range")
	}
	s.ChainLength = int(length)
	for _, text := range []*string{&s.Subject, &s.Issuer, &s.Serial, &s.KeyType, &s.Warning} {
		*text = d.string()
	}
	for _, list := range []*[]string{&s.DNSNames, &s.IPAddresses, &s.Emails, &s.URIs} {
		*list = d.strings()
	}
	return s, d.end()
}

// certsDeployed is the version of a certificates record that ends with deployments; one without them has version 1.
const certsDeployed = 2

// encodeCerts encodes what of an entry is neither its summary nor its key.
func encodeCerts(entry *kdb.Entry) []byte {
	size := 64 + len(entry.Request) + len(entry.KeyAlgorithm) + len(entry.LocalKeyID) + len(entry.Deployments)
	for _, der := range entry.Certificates {
		size += len(der) + 4
	}
	return appendCerts(make([]byte, 0, size), entry)
}

func appendCerts(out []byte, entry *kdb.Entry) []byte {
	e := encoder{out}
	version := uint8(formatVersion)
	if len(entry.Deployments) > 0 {
		version = certsDeployed
	}
	e.u8(version)
	e.uvarint(uint64(len(entry.Certificates)))
	for _, der := range entry.Certificates {
		e.bytes(der)
	}
	e.bytes(entry.Request)
	e.string(entry.KeyAlgorithm)
	e.bytes(entry.LocalKeyID)
	if version == certsDeployed {
		e.bytes(entry.Deployments)
	}
	return e.b
}

// decodeCerts fills the entry with what encodeCerts stored.
func decodeCerts(b []byte, entry *kdb.Entry) error {
	d := decoder{b: b}
	version := d.u8()
	if d.err == nil && version != formatVersion && version != certsDeployed {
		return fmt.Errorf("%w %d", kdb.ErrVersion, version)
	}
	for range d.length() {
		entry.Certificates = append(entry.Certificates, d.bytes())
		if d.err != nil {
			break
		}
	}
	entry.Request = orNil(d.bytes())
	entry.KeyAlgorithm = d.string()
	entry.LocalKeyID = orNil(d.bytes())
	if version == certsDeployed {
		if entry.Deployments = orNil(d.bytes()); d.err == nil && entry.Deployments == nil {
			d.fail("no deployments in a record that should have some")
		}
	}
	return d.end()
}

func orNil(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return slices.Clip(b)
}

// encodeKey and decodeKey put a version in front of a private or secret key.
func encodeKey(key []byte) []byte {
	e := encoder{make([]byte, 0, 1+len(key))}
	e.u8(formatVersion)
	e.raw(key)
	return e.b
}

func decodeKey(b []byte) ([]byte, error) {
	d := decoder{b: b}
	if version := d.u8(); d.err == nil && version != formatVersion {
		return nil, fmt.Errorf("%w %d", kdb.ErrVersion, version)
	}
	if d.err == nil && len(d.b) == 0 {
		d.fail("an empty key")
	}
	return d.b, d.err
}
