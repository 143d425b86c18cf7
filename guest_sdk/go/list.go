package bext

// A list is a field of which items may be missing in the end: attributes or links.
type list struct {
	start  int // where its name stands
	header int // where its header stands
	kept   int
	wide   bool // there is room for a header of three bytes, else of one
	closed bool // not even the header fits
}

// mostItems is what a header of three bytes can say.
const mostItems = 1<<16 - 1

// list begins a field for at most so many items, at least one.
func (w *writer) list(key string, most int) list {
	l := list{start: w.at, header: w.at + len(key), wide: most > 15}
	header := "\x00"
	if l.wide {
		header = "\x00\x00\x00"
	}
	if len(key)+len(header) > w.end-w.at {
		l.closed = true
		return l
	}
	w.raw(key)
	w.raw(header)
	return l
}

// open begins an item, and returns where.
func (l *list) open(w *writer) int {
	w.full = l.closed || l.kept == mostItems
	return w.at
}

// close writes the header, in its shortest form, and returns how many fields the list is: 1, or 0 where it is empty.
func (l *list) close(w *writer, h head) byte {
	if l.kept == 0 {
		w.at = l.start
		return 0
	}
	if l.kept > 15 {
		w.out[l.header] = h.wide() + 1
		w.out[l.header+1] = byte(l.kept >> 8)
		w.out[l.header+2] = byte(l.kept)
		return 1
	}
	w.out[l.header] = h.first() | byte(l.kept)
	if l.wide {
		copy(w.out[l.header+1:], w.out[l.header+3:w.at])
		w.at -= 2
	}
	return 1
}
