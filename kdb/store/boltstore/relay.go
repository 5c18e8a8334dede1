package boltstore

// relay passes records on to a goroutine that puts them, so that those that come next are read meanwhile.
type relay struct {
	chunk  *relayed
	filled chan *relayed
	empty  chan *relayed
	done   chan struct{}
	err    error // of put; valid when done is closed
}

// relayed are copies of some records.
type relayed struct {
	data    []byte
	lengths []lengths
}

type lengths struct{ key, value int }

// relaySize is how many bytes of records are passed on at once.
const relaySize = 256 << 10

// newRelay calls put for each record that it gets, up to the first error.
func newRelay(put func(key, value []byte) error) *relay {
	r := &relay{chunk: &relayed{}, filled: make(chan *relayed, 1), empty: make(chan *relayed, 2), done: make(chan struct{})}
	for range cap(r.empty) {
		r.empty <- &relayed{}
	}
	go r.run(put)
	return r
}

func (r *relay) run(put func(key, value []byte) error) {
	defer close(r.done)
	for chunk := range r.filled {
		data := chunk.data
		for _, n := range chunk.lengths {
			if r.err = put(data[:n.key:n.key], data[n.key:n.key+n.value]); r.err != nil {
				return
			}
			data = data[n.key+n.value:]
		}
		chunk.data, chunk.lengths = chunk.data[:0], chunk.lengths[:0]
		r.empty <- chunk // there is room: see send
	}
}

// put takes a record. It keeps neither key nor value. An error may be one of a record before.
func (r *relay) put(key string, value []byte) error {
	r.chunk.data = append(append(r.chunk.data, key...), value...)
	r.chunk.lengths = append(r.chunk.lengths, lengths{len(key), len(value)})
	if len(r.chunk.data) < relaySize {
		return nil
	}
	return r.send()
}

// send passes the chunk on. Of the three chunks one is here, so the channels have room for the others.
func (r *relay) send() error {
	select {
	case <-r.done:
		return r.err
	case r.filled <- r.chunk:
	}
	select {
	case <-r.done:
		return r.err
	case r.chunk = <-r.empty:
		return nil
	}
}

// close passes the last records on and waits until all are put.
func (r *relay) close() error {
	err := r.send()
	close(r.filled)
	<-r.done
	if err == nil {
		err = r.err
	}
	return err
}
