package sealed

import (
	"math/bits"

	"certkdb/kdb/store"
)

// maxTurns bounds the versions among which those are looked for that a digest vouches for. A digest has 256 bits: with as few versions as
// this, a wrong choice that fits by chance is out of the question.
const maxTurns = 160

// anyNumber is the count of a set of which only the digest is known.
const anyNumber = ^uint64(0)

// turn is something that could have been chosen in another way.
type turn struct {
	item    *item
	version int     // -1: none
	changes counted // of the set, as a difference
}

// fit chooses the versions that a digest vouches for, and reports whether there are such. A digest is the XOR of one value for each
// record; so which of the versions are in it is a system of linear equations.
func (r *wreckage) fit(items []item, want counted) bool {
	var have counted
	var turns []turn
	for i := range items {
		it := &items[i]
		var base counted
		if it.chosen >= 0 {
			base = r.share(it, it.chosen)
			have.count += base.count
			mix(&have.digest, base.digest)
		}
		turns = append(turns, r.turns(it, base)...)
	}
	if have == want || want.count == anyNumber && have.digest == want.digest {
		return true
	}
	if len(turns) > maxTurns {
		return false
	}
	mix(&have.digest, want.digest)
	picked, ok := solve(turns, have.digest)
	if !ok {
		return false
	}
	taken := map[*item]bool{}
	for _, t := range picked {
		if taken[t.item] {
			return false
		}
		taken[t.item] = true
		have.count += t.changes.count
	}
	if have.count != want.count && want.count != anyNumber {
		return false
	}
	for _, t := range picked {
		t.item.chosen = t.version
	}
	return true
}

// share is what a version of an item adds to a set.
func (r *wreckage) share(it *item, version int) (c counted) {
	c.add(r.t.digester, it.key, r.read(&it.versions[version]))
	return c
}

// turns are the other choices for an item: its other versions, and none if it may have been removed.
func (r *wreckage) turns(it *item, base counted) (list []turn) {
	for v := range it.versions {
		if v == it.chosen {
			continue
		}
		c := r.share(it, v)
		c.count -= base.count
		mix(&c.digest, base.digest)
		list = append(list, turn{it, v, c})
	}
	if it.chosen >= 0 && it.versions[it.chosen].standing != store.InUse {
		list = append(list, turn{it, -1, counted{-base.count, base.digest}})
	}
	return list
}

func mix(digest *[32]byte, with [32]byte) {
	for i := range digest {
		digest[i] ^= with[i]
	}
}

// equation is a sum of turns with the digest of them all.
type equation struct {
	digest [32]byte
	turns  [(maxTurns + 63) / 64]uint64
}

func (e *equation) add(o *equation) {
	mix(&e.digest, o.digest)
	for i := range e.turns {
		e.turns[i] ^= o.turns[i]
	}
}

// pivot is the first bit of the digest that is set, 256 if none is.
func (e *equation) pivot() int {
	for i, b := range e.digest {
		if b != 0 {
			return 8*i + bits.LeadingZeros8(b)
		}
	}
	return 256
}

// solve finds turns whose digests add up to one: Gauss's elimination over the field of two elements.
func solve(turns []turn, want [32]byte) (picked []turn, ok bool) {
	rows := map[int]*equation{}
	reduce := func(e *equation) int {
		for {
			p := e.pivot()
			row := rows[p]
			if row == nil {
				return p
			}
			e.add(row)
		}
	}
	for i := range turns {
		e := &equation{digest: turns[i].changes.digest}
		e.turns[i/64] |= 1 << (i % 64)
		if p := reduce(e); p < 256 {
			rows[p] = e
		}
	}
	result := &equation{digest: want}
	if reduce(result) < 256 {
		return nil, false
	}
	for i := range turns {
		if result.turns[i/64]&(1<<(i%64)) != 0 {
			picked = append(picked, turns[i])
		}
	}
	return picked, true
}
