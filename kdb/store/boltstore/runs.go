package boltstore

import (
	"bufio"
	"container/heap"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"io"
	"slices"
	"sort"
	"strings"

	"certkdb/kdb/atomicfile"
	"certkdb/kdb/store"
)

// runs are changes for which a transaction has no memory. They are in a temporary file, in runs that are sorted by their keys; of two
// changes of a key that of the later run counts.
type runs struct {
	temp *atomicfile.Temp
	last bool // they are read for the last time, all to their ends
	list []run
	end  int64
	seed maphash.Seed
	seen filter // all keys
}

// run is a part of the file. A change is: length of the key, key, length of the value plus one or 0 for a deletion, value.
type run struct {
	start, end int64
	marks      []mark
	seen       filter   // its keys: looking into every run would be as slow as there are many
	hashes     []uint64 // of its keys, until it is added
}

// mark says where a change is, every markDistance bytes.
type mark struct {
	key string
	at  int64
}

const markDistance = 8 << 10

// readBuffer is what reading one run takes.
const readBuffer = 64 << 10

func newRuns(disk atomicfile.FS, path string) (*runs, error) {
	t, err := atomicfile.Scratch(disk, path)
	if err != nil {
		return nil, err
	}
	return &runs{temp: t, seed: maphash.MakeSeed(), seen: newFilter(filterKeys)}, nil
}

func (r *runs) discard() { r.temp.Discard() }

// write appends changes, which are in the order of their keys, to the file. The run that it returns counts when it is added.
func (r *runs) write(changes []store.Record) (made run, err error) {
	w := bufio.NewWriterSize(r.temp, writeBuffer)
	made = run{start: r.end, end: r.end, seen: newFilter(len(changes)), hashes: make([]uint64, 0, len(changes))}
	next := r.end
	for _, c := range changes {
		hash := maphash.String(r.seed, c.Key)
		made.seen.add(hash)
		made.hashes = append(made.hashes, hash)
		if made.end >= next {
			made.marks = append(made.marks, mark{c.Key, made.end})
			next = made.end + markDistance
		}
		head := binary.AppendUvarint(w.AvailableBuffer(), uint64(len(c.Key)))
		head = append(head, c.Key...)
		length := 0
		if c.Value != nil {
			length = len(c.Value) + 1
		}
		head = binary.AppendUvarint(head, uint64(length))
		_, err1 := w.Write(head)
		_, err2 := w.Write(c.Value)
		if err := errors.Join(err1, err2); err != nil {
			return run{}, err
		}
		made.end += int64(len(head) + len(c.Value))
	}
	return made, w.Flush()
}

// add takes a run that was written.
func (r *runs) add(made run) {
	for _, hash := range made.hashes {
		r.seen.add(hash)
	}
	made.hashes = nil
	r.end = made.end
	r.list = append(r.list, made)
}

// get returns the last change of a key; false if it was not changed.
func (r *runs) get(key string) (value []byte, changed bool, err error) {
	if r == nil {
		return nil, false, nil
	}
	hash := maphash.String(r.seed, key)
	if !r.seen.has(hash) {
		return nil, false, nil
	}
	for i := len(r.list) - 1; i >= 0; i-- {
		if !r.list[i].seen.has(hash) {
			continue
		}
		c := r.cursor(i, key, markDistance)
		if err := c.next(); err != nil {
			return nil, false, err
		}
		if !c.done && c.key == key {
			return c.value, true, nil
		}
	}
	return nil, false, nil
}

// cursor reads a run from the first key that is not less than from.
func (r *runs) cursor(number int, from string, buffer int) *cursor {
	run := &r.list[number]
	i := sort.Search(len(run.marks), func(i int) bool { return run.marks[i].key > from })
	at := run.start
	if i > 0 {
		at = run.marks[i-1].at
	}
	var in io.Reader = io.NewSectionReader(r.temp.File(), at, run.end-at)
	if r.last {
		in = &lastReader{in, r.temp, at, at}
	}
	return &cursor{r: bufio.NewReaderSize(in, buffer), from: from}
}

// lastReader reads a run and gives back the space of what was read. Meanwhile a new file of the same size is written: so both together take
// not much more space on the disk than one, and what the system keeps in memory of the one makes room for the other.
type lastReader struct {
	run      io.Reader
	temp     *atomicfile.Temp
	released int64 // up to there
	at       int64
}

// releaseSize is how many bytes are given back at once.
const releaseSize = 256 << 10

// Read implements io.Reader.
func (l *lastReader) Read(p []byte) (int, error) {
	n, err := l.run.Read(p)
	if l.at += int64(n); l.at-l.released >= releaseSize || err == io.EOF && l.at > l.released {
		l.temp.Release(l.released, l.at)
		l.released = l.at
	}
	return n, err
}

// cursor goes through changes in the order of their keys: those of a run, or some in memory.
type cursor struct {
	key   string
	value []byte // nil is deleted; valid until next is called
	done  bool   // there was no other change

	rank    int
	r       *bufio.Reader // of a run
	from    string        // the first key that counts
	scratch []byte

	changes []store.Record // in memory
}

// next goes to the next change.
func (c *cursor) next() error {
	if c.r == nil {
		if c.done = len(c.changes) == 0; !c.done {
			c.key, c.value, c.changes = c.changes[0].Key, c.changes[0].Value, c.changes[1:]
		}
		return nil
	}
	for {
		switch err := c.read(); {
		case errors.Is(err, io.EOF):
			c.done = true
			return nil
		case err != nil:
			return err
		case c.key >= c.from:
			return nil
		}
	}
}

// read reads a change of a run; io.EOF at its end.
func (c *cursor) read() error {
	n, err := binary.ReadUvarint(c.r)
	if err != nil {
		return err
	}
	c.scratch = slices.Grow(c.scratch[:0], int(n))[:n]
	if _, err := io.ReadFull(c.r, c.scratch); err != nil {
		return errors.Join(err, io.ErrUnexpectedEOF)
	}
	c.key = string(c.scratch)
	length, err := binary.ReadUvarint(c.r)
	if err != nil || length == 0 {
		c.value = nil
		return err
	}
	if uint64(cap(c.value)) < length {
		c.value = make([]byte, length)
	}
	c.value = c.value[:length-1]
	_, err = io.ReadFull(c.r, c.value)
	return err
}

// merger goes through the changes of several cursors at once. Of those of one key that of the least rank counts. It is a heap.
type merger []*cursor

func (m merger) Len() int      { return len(m) }
func (m merger) Swap(i, j int) { m[i], m[j] = m[j], m[i] }
func (m *merger) Push(x any)   { *m = append(*m, x.(*cursor)) }
func (m merger) Less(i, j int) bool {
	return m[i].key < m[j].key || m[i].key == m[j].key && m[i].rank < m[j].rank
}

// Pop implements heap.Interface.
func (m *merger) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

// add adds a cursor that is before its first change. One that was added before counts for more.
func (m *merger) add(c *cursor) error {
	c.rank = len(*m)
	err := c.next()
	if !c.done {
		heap.Push(m, c)
	}
	return err
}

// first is the cursor at the change that comes next; nil if there is none with the prefix.
func (m merger) first(prefix string) *cursor {
	if len(m) == 0 || !strings.HasPrefix(m[0].key, prefix) {
		return nil
	}
	return m[0]
}

// next goes on to the next key.
func (m *merger) next() error {
	for key := (*m)[0].key; len(*m) > 0 && (*m)[0].key == key; {
		if err := (*m)[0].next(); err != nil {
			return err
		}
		if (*m)[0].done {
			heap.Pop(m)
		} else {
			heap.Fix(m, 0)
		}
	}
	return nil
}

// filter tells most keys that were never added from those that were, by their hashes, in a fixed amount of memory (a Bloom filter). All
// bits of a key are in one line, as the processor's cache has them: of a large filter each line has to be fetched from memory.
type filter [][8]uint64

// filterKeys are some million keys; with more the filter of all only lets more pass. There are bitsPerKey for each key.
const filterKeys, bitsPerKey, filterProbes = 5_500_000, 12, 4

func newFilter(keys int) filter { return make(filter, 1+keys*bitsPerKey/512) }

// line has the bits of a key, whose numbers in it are the last of what is returned, nine bits each.
func (f filter) line(hash uint64) (line *[8]uint64, bits uint64) {
	const low = 28
	return &f[hash&(1<<low-1)%uint64(len(f))], hash >> low
}

func (f filter) add(hash uint64) {
	line, bits := f.line(hash)
	for range filterProbes {
		line[bits>>6&7] |= 1 << (bits & 63)
		bits >>= 9
	}
}

func (f filter) has(hash uint64) bool {
	line, bits := f.line(hash)
	for range filterProbes {
		if line[bits>>6&7]&(1<<(bits&63)) == 0 {
			return false
		}
		bits >>= 9
	}
	return true
}
