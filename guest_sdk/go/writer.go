package bext

// A writer writes msgpack into a room of fixed size. Once something did not fit it is full, and everything after that is
// skipped, until the caller takes back what it began.
type writer struct {
	out  []byte
	at   int // where the next byte goes
	end  int // where writing stops, at most len(out)
	full bool
}

// fits reports whether there is room for size more bytes; where there is not, the writer is full.
func (w *writer) fits(size int) bool {
	w.full = w.full || size > w.end-w.at
	return !w.full
}

func (w *writer) byte(b byte) {
	if w.fits(1) {
		w.out[w.at] = b
		w.at++
	}
}

// raw copies bytes that are msgpack already.
func (w *writer) raw(packed string) {
	if w.fits(len(packed)) {
		w.at += copy(w.out[w.at:], packed)
	}
}

// number writes a first byte, and the low bytes of bits, the most significant one first: as many as 1, 2, 4 or 8, for an
// exponent from 0 to 3.
func (w *writer) number(first byte, bits uint64, exponent uint) {
	width := 1 << exponent
	if !w.fits(1 + width) {
		return
	}
	w.out[w.at] = first
	for i := range width {
		w.out[w.at+width-i] = byte(bits)
		bits >>= 8
	}
	w.at += 1 + width
}

// exponentOf returns the exponent of the fewest bytes that hold a number.
func exponentOf(number uint64) (exponent uint) {
	for exponent < 3 && number>>(8<<exponent) != 0 {
		exponent++
	}
	return exponent
}

// A head is what starts with a number: the largest one that fits into the first byte, that byte for 0, and the byte that
// stands before a number of 8 bits. Arrays and maps have no such form.
type head uint32

const (
	headUint  head = 0x7f<<16 | 0<<8 | 0xcc
	headText  head = 31<<16 | 0xa0<<8 | 0xd9
	headArray head = 15<<16 | 0x90<<8 | 0xdb
	headMap   head = 15<<16 | 0x80<<8 | 0xdd
)

func (h head) largest() uint64 { return uint64(h >> 16) }
func (h head) first() byte     { return byte(h >> 8) }
func (h head) wide() byte      { return byte(h) }

func (w *writer) head(number uint64, h head) {
	if number <= h.largest() {
		w.byte(h.first() | byte(number))
		return
	}
	exponent := exponentOf(number)
	if h.largest() == 15 && exponent == 0 {
		exponent = 1
	}
	w.number(h.wide()+byte(exponent), number, exponent)
}

func (w *writer) uint(number uint64) {
	w.head(number, headUint)
}

func (w *writer) integer(number int64) {
	switch {
	case number >= 0:
		w.uint(uint64(number))
	case number >= -32:
		w.byte(byte(number))
	default: // room for the sign: what the inverse needs, and one bit
		exponent := exponentOf(^uint64(number) << 1)
		w.number(0xd0+byte(exponent), uint64(number), exponent)
	}
}

func (w *writer) boolean(b bool) {
	if b {
		w.byte(0xc3)
	} else {
		w.byte(0xc2)
	}
}

// float writes a number by its bits; of the many NaN there is one.
func (w *writer) float(bits uint64) {
	if bits<<1 > 0x7ff0_0000_0000_0000<<1 {
		bits = 0x7ff8_0000_0000_0000
	}
	w.number(0xcb, bits, 3)
}

func (w *writer) handle(h Handle) {
	w.byte(0x93)
	w.uint(h.TraceIDHi)
	w.uint(h.TraceIDLo)
	w.uint(h.SpanID)
}
