package cms

// index finds the slots of a file without looking at each of them. It is made when it is needed first, goes on with every slot
// that is added, and is dropped by every other change.
type index struct {
	shown  map[string]*slot // by the label that is shown
	hidden map[string]bool  // the labels of slots that cannot be shown
	marked int              // how many slots that are shown have the mark of the default entry
	last   uint32           // the highest number of a record
}

func (f *file) index() *index {
	if f.found == nil {
		f.found = &index{shown: make(map[string]*slot, len(f.slots)), hidden: map[string]bool{}}
		for _, s := range f.slots {
			f.found.add(s)
		}
	}
	return f.found
}

func (x *index) add(s *slot) {
	if x.last = max(x.last, s.number); s.hidden != "" {
		x.hidden[s.label] = true
		return
	}
	x.shown[s.shown] = s
	if s.isDefault() {
		x.marked++
	}
}

// append adds a slot and numbers it: numbers of deleted records are not given again while later ones are there.
func (f *file) append(s *slot) {
	x := f.index()
	s.number = x.last + 1
	x.add(s)
	f.slots, f.raw = append(f.slots, s), nil
}

// changed drops what was made of the slots before.
func (f *file) changed() { f.found, f.raw = nil, nil }
