package bext

import (
	"sync"
	"unsafe"
)

// lent is the memory that the host asked for and has not given back.
var lent = lending{limit: defaultArgumentLimit}

const (
	defaultArgumentLimit = 1 << 20
	blockOverhead        = 32 // what keeping a block takes
)

// A lending keeps blocks from the garbage collector while the host writes to them; it knows them by address alone. A
// string or slice over a block keeps it as any other memory, also after the host gave it back.
type lending struct {
	sync.Mutex
	blocks []block
	bytes  int64
	limit  int64
}

type block struct {
	start *uint64
	cost  int64
}

// SetArgumentLimit sets how many bytes the arguments of running hooks may take together, 1 MiB by default. A hook whose
// arguments are more is not called.
func SetArgumentLimit(bytes int) {
	lent.Lock()
	defer lent.Unlock()
	lent.limit = int64(bytes)
}

// alloc returns so many bytes, aligned to 8, or nil where length is 0 or the limit is reached.
func (l *lending) alloc(length uint32) unsafe.Pointer {
	l.Lock()
	defer l.Unlock()
	cost := int64(length) + blockOverhead
	if length == 0 || cost > l.limit-l.bytes {
		return nil
	}
	words := make([]uint64, (int(length)+7)/8)
	l.blocks = append(l.blocks, block{&words[0], cost})
	l.bytes += cost
	return unsafe.Pointer(&words[0])
}

// free gives a block back; anything else is ignored.
func (l *lending) free(start unsafe.Pointer) {
	l.Lock()
	defer l.Unlock()
	for i := len(l.blocks) - 1; i >= 0; i-- {
		if unsafe.Pointer(l.blocks[i].start) == start {
			l.bytes -= l.blocks[i].cost
			copy(l.blocks[i:], l.blocks[i+1:])
			l.blocks[len(l.blocks)-1] = block{}
			l.blocks = l.blocks[:len(l.blocks)-1]
			return
		}
	}
}
