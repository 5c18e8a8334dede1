package sealed

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// The index says which labels have a trait (kdb.Trait). It is a list of postings in the order of their spots, cut into blocks. The key of
// a block names the highest spot that it is responsible for, and the block says where the one before it ends, so that a missing one is
// noticed. Spots are keyed hashes: the store sees neither traits nor which labels share one.

// The lengths of the parts of a spot: of the hash of a trait, and of that of a label, which gives the postings of one trait an order.
const (
	traitSize = 12
	labelSize = 8
)

// spot is where a posting stands in the index.
type spot [traitSize + labelSize]byte

// lastSpot ends the index: a block of that key is always there.
var lastSpot = spot{
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
}

// blockSize is how many bytes of postings a block has at most before it is split.
const blockSize = 1 << 10

// posting says that a label has a trait, or, in a transaction, that it has it no more.
type posting struct {
	at      spot
	removed bool
	number  uint32 // in the transaction: of two changes the later one counts
	label   string
}

func (p *posting) compare(o *posting) int {
	if order := p.at.compare(&o.at); order != 0 {
		return order
	}
	return strings.Compare(p.label, o.label)
}

// compare compares spots byte by byte, eight at once.
func (s *spot) compare(o *spot) int {
	const word = 8
	for at := 0; at+word <= len(s); at += word {
		if a, b := binary.BigEndian.Uint64(s[at:]), binary.BigEndian.Uint64(o[at:]); a != b {
			return cmp.Compare(a, b)
		}
	}
	return bytes.Compare(s[len(s)/word*word:], o[len(s)/word*word:])
}

// block is a record of the index.
type block struct {
	upper, lower spot // it has the postings above lower, up to upper
	postings     []posting
	value        []byte // as it is stored, nil if it is new
}

func blockKey(upper spot) string { return prefixIndex + hex.EncodeToString(upper[:]) }

func (b *block) encode() []byte {
	e := encoder{make([]byte, 0, blockSize+64)}
	e.u8(formatVersion)
	e.raw(b.lower[:])
	e.uvarint(uint64(len(b.postings)))
	for i := range b.postings {
		e.raw(b.postings[i].at[:])
		e.string(b.postings[i].label)
	}
	return e.b
}

// decodeBlock reads a block and checks that its postings are in order and where they belong.
func decodeBlock(key string, plain []byte) (block, error) {
	var b block
	if n, err := hex.Decode(b.upper[:], []byte(key)[len(prefixIndex):min(len(key), len(prefixIndex)+2*len(b.upper))]); err != nil ||
		n != len(b.upper) || blockKey(b.upper) != key {
		return b, fmt.Errorf("%w: its key is no spot of the index", kdb.ErrCorrupt)
	}
	d := decoder{b: plain}
	if version := d.u8(); d.err == nil && version != formatVersion {
		return b, fmt.Errorf("%w %d", kdb.ErrVersion, version)
	}
	b.lower = d.spot()
	last := posting{at: b.lower, label: "\xff"} // greater than every label
	for n := d.length(); n > 0 && d.err == nil; n-- {
		p := posting{at: d.spot(), label: d.string()}
		if last.compare(&p) >= 0 || bytes.Compare(p.at[:], b.upper[:]) > 0 {
			d.fail("a posting out of order")
		}
		b.postings = append(b.postings, p)
		last = p
	}
	return b, d.end()
}

func (d *decoder) spot() spot { return spot(d.fixed(uint64(len(spot{})))) }

// spotter computes the spots of postings. It is not safe for concurrent use.
type spotter struct {
	mac     hash.Hash
	scratch []byte
	seen    map[kdb.Trait][traitSize]byte // of the last traits: many certificates have one issuer
}

func (k *keys) spotter() *spotter {
	return &spotter{mac: hmac.New(sha256.New, k.index), seen: map[kdb.Trait][traitSize]byte{}}
}

func (p *spotter) hash(kind byte, text string, out []byte) {
	p.mac.Reset()
	p.scratch = append(append(p.scratch[:0], kind), text...)
	p.mac.Write(p.scratch)
	copy(out, p.mac.Sum(p.scratch[:0]))
}

// trait is the first part of the spots of a trait's postings.
func (p *spotter) trait(trait kdb.Trait) [traitSize]byte {
	sum, ok := p.seen[trait]
	if !ok {
		p.hash('t', string(trait), sum[:])
		if len(p.seen) >= 64 {
			clear(p.seen)
		}
		p.seen[trait] = sum
	}
	return sum
}

// postings are those of an entry.
func (p *spotter) postings(e *kdb.Entry) []posting {
	traits := kdb.Traits(e)
	if len(traits) == 0 {
		return nil
	}
	list := make([]posting, len(traits))
	var label [labelSize]byte
	p.hash('l', e.Label, label[:])
	for i, trait := range traits {
		list[i].label = e.Label
		sum := p.trait(trait)
		copy(list[i].at[copy(list[i].at[:], sum[:]):], label[:])
	}
	return list
}

// index notes the postings of an entry, or that they are to be removed.
func (t *tx) index(e *kdb.Entry, removed bool) error {
	return t.addPostings(t.spots.postings(e), removed)
}

// unindex removes the postings of an entry that is going to be changed or removed. If what it holds cannot be read, all blocks are.
func (t *tx) unindex(s *summary) error {
	e, err := t.entry(s)
	if err == nil {
		return t.index(&e, true)
	}
	if !errors.Is(err, kdb.ErrCorrupt) {
		return err
	}
	return t.purge(s.Label)
}

// purge removes the postings of a label, whatever they are.
func (t *tx) purge(label string) error {
	if err := t.flushIndex(); err != nil {
		return err
	}
	for b, err := range t.blocks(spot{}) {
		if err != nil {
			return err
		}
		for _, p := range b.postings {
			if p.label == label {
				p.removed, p.number = true, uint32(len(t.postings))
				t.postings = append(t.postings, p)
			}
		}
	}
	return t.flushIndex()
}

// Find implements kdb.Tx.
func (t *tx) Find(trait kdb.Trait) iter.Seq2[kdb.Summary, error] {
	return func(yield func(kdb.Summary, error) bool) {
		labels, err := t.labelsBy(trait)
		if err != nil {
			yield(kdb.Summary{}, err)
			return
		}
		kdb.Labelled(t, labels)(yield)
	}
}

func (t *tx) labelsBy(trait kdb.Trait) (labels []string, err error) {
	if err := t.flushIndex(); err != nil {
		return nil, err
	}
	var from, to spot
	sum := t.spots.trait(trait)
	to = lastSpot
	copy(from[:], sum[:])
	copy(to[:], sum[:])
	for b, err := range t.blocks(from) {
		if err != nil {
			return nil, err
		}
		for _, p := range b.postings {
			if bytes.Compare(p.at[:], from[:]) >= 0 && bytes.Compare(p.at[:], to[:]) <= 0 {
				labels = append(labels, p.label)
			}
		}
		if bytes.Compare(b.upper[:], to[:]) >= 0 {
			break
		}
	}
	slices.Sort(labels)
	return labels, nil
}

// blocks yields the blocks from the one that is responsible for a spot on. It is an error if one is missing.
func (t *tx) blocks(from spot) iter.Seq2[block, error] {
	return func(yield func(block, error) bool) {
		first, end := true, spot{}
		for record, err := range t.stx.Scan(prefixIndex, before(from)) {
			var b block
			if err == nil {
				b, err = t.openBlock(record)
			}
			if err == nil && (first && bytes.Compare(b.lower[:], from[:]) > 0 || !first && b.lower != end) {
				err = errIndex(record.Key, "the record before it is missing, or it is an older one that was put back")
			}
			if !yield(b, err) || err != nil {
				return
			}
			first, end = false, b.upper
		}
		if end != lastSpot {
			yield(block{}, errIndex(blockKey(lastSpot), "it is missing"))
		}
	}
}

func errIndex(key, what string) error {
	return fmt.Errorf("%s: %w: %s", place(key), kdb.ErrCorrupt, what)
}

// before is the greatest key below that of a spot, as far as keys of blocks go; "" if there is none.
func before(at spot) string {
	for i := len(at) - 1; i >= 0; i-- {
		at[i]--
		if at[i] != 0xff {
			return blockKey(at)
		}
	}
	return ""
}

func (t *tx) openBlock(record store.Record) (block, error) {
	plain, err := t.open(record.Key, record.Value)
	if err != nil {
		return block{}, err
	}
	b, err := decodeBlock(record.Key, plain)
	if err != nil {
		return b, fmt.Errorf("%s: %w", place(record.Key), err)
	}
	b.value = bytes.Clone(record.Value)
	return b, nil
}

// sealer seals records in one of several goroutines.
type sealer struct {
	keys     *keys
	digester digester
	spots    *spotter
	bound    []byte
	plain    []byte // of a record, to be sealed
}

func (t *tx) sealer() *sealer {
	return &sealer{keys: t.keys, digester: t.keys.digester(), spots: t.keys.spotter(), bound: t.keys.meta.bind("")}
}

func (s *sealer) seal(key string, plain []byte) []byte {
	s.bound = append(s.bound[:boundLen], key...)
	return seal(s.keys.record, plain, s.bound)
}

// inParallel calls do for 0 to n-1 on all processors, each of which gets something of its own by start.
func inParallel[W any](n int, start func() W, do func(worker W, i int)) {
	const least = 8 // below that another goroutine costs more than it saves
	workers := min(runtime.GOMAXPROCS(0), n/least)
	if workers < 2 {
		worker := start()
		for i := range n {
			do(worker, i)
		}
		return
	}
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			worker := start()
			for i := n * w / workers; i < n*(w+1)/workers; i++ {
				do(worker, i)
			}
		})
	}
	all.Wait()
}

// split cuts a block that is too long into several of the same length. Postings of one spot stay together.
func (b *block) split() []block {
	size := func(p *posting) int { return len(p.at) + 2 + len(p.label) }
	total := 0
	for i := range b.postings {
		total += size(&b.postings[i])
	}
	parts := (total + blockSize - 1) / blockSize
	if parts < 2 {
		return []block{*b}
	}
	var list []block
	rest, lower, n := b.postings, b.lower, 0
	for i := range b.postings {
		n += size(&b.postings[i])
		if i+1 < len(b.postings) && n >= total/parts && b.postings[i+1].at != b.postings[i].at {
			cut := i + 1 - (len(b.postings) - len(rest))
			list = append(list, block{lower: lower, upper: b.postings[i].at, postings: rest[:cut]})
			rest, lower, n = rest[cut:], b.postings[i].at, 0
		}
	}
	return append(list, block{lower: lower, upper: b.upper, postings: rest})
}

// buildIndex stores an index that has the pending postings alone.
func (t *tx) buildIndex() error {
	if err := t.storeAside(); err != nil {
		return err
	}
	pending := sortPostings(t.postings)
	t.postings = nil
	last := block{upper: lastSpot}
	for p, err := range t.asidePostings(pending) {
		if err != nil {
			return err
		}
		if last.postings = append(last.postings, p); len(last.postings) < maxPending {
			continue
		}
		made := last.split()
		if err := t.putBlocks(made[:len(made)-1]); err != nil {
			return err
		}
		rest := made[len(made)-1]
		rest.postings = append(last.postings[:0], rest.postings...) // in the same memory
		last = rest
	}
	if err := t.putBlocks(last.split()); err != nil {
		return err
	}
	return t.removeAside()
}
