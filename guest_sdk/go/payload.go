package bext

import "sync"

// shared is what all calls write with. Whoever calls a method of it has locked it.
var shared = state{writer: writer{out: static[:]}}

// static is the buffer, unless SetBufferSize asked for more.
var static [defaultBufferSize]byte

const (
	defaultBufferSize = 65536
	smallestBuffer    = 256
	largestBuffer     = 1 << 24
)

type state struct {
	sync.Mutex
	writer  writer
	answer  [3]uint64 // a handle, as the host writes it
	dropped uint32
}

// SetBufferSize sets the size in bytes of the buffer in which payloads are written: from 256 to 16 MiB, and 64 KiB by
// default, which is what a host takes by default. A payload that would be larger loses parts, which [Dropped] counts.
func SetBufferSize(bytes int) {
	shared.Lock()
	defer shared.Unlock()
	bytes = min(max(bytes, smallestBuffer), largestBuffer)
	if bytes <= len(static) {
		shared.writer.out = static[:bytes]
	} else {
		shared.writer.out = make([]byte, bytes)
	}
}

func (s *state) drop() {
	if s.dropped != 1<<32-1 {
		s.dropped++
	}
}

// open begins a payload.
func (s *state) open() *writer {
	w := &s.writer
	w.at, w.end, w.full = 0, len(w.out), false
	return w
}

// keeps reports whether all fitted that was written since mark; where it did not, it is taken back and counted.
func (s *state) keeps(w *writer, mark int) bool {
	if !w.full {
		return true
	}
	w.at, w.full = mark, false
	s.drop()
	return false
}

// cuttable writes a text that may be cut, which is counted.
func (s *state) cuttable(w *writer, text string) {
	if !w.text(text, true) {
		s.drop()
	}
}

func (s *state) current() (Handle, bool) {
	exists := hostCurrentSpan(&s.answer[0]) != 0
	if !exists {
		return Handle{}, false
	}
	return s.answered(), true
}

// currentParent returns the current span as a parent, or none.
func (s *state) currentParent() (Handle, field) {
	h, exists := s.current()
	if !exists {
		return h, fieldNone
	}
	return h, fieldParent
}

// send starts the span whose payload was written.
func (s *state) send(w *writer) Handle {
	s.answer = [3]uint64{}
	hostStartSpan(&w.out[0], uint32(w.at), &s.answer[0])
	return s.answered()
}

func (s *state) answered() Handle {
	return Handle{s.answer[0], s.answer[1], s.answer[2]}
}

const (
	nameSpare = 128                       // what a name leaves, more than kind, parent and time need together
	timeSpare = len(keyStartTime) + 1 + 8 // what is left for a time
)

// The names of fields, in msgpack.
const (
	keyName       = "\xa4name"
	keyKind       = "\xa4kind"
	keyParent     = "\xa6parent"
	keyIsRemote   = "\xb0parent_is_remote"
	keyFlags      = "\xacparent_flags"
	keyTraceState = "\xabtrace_state"
	keyAttributes = "\xaaattributes"
	keyLinks      = "\xa5links"
	keyStartTime  = "\xb5start_time_unix_nanos"
	keyTime       = "\xaftime_unix_nanos"
	keyHandle     = "\xa6handle"
	keyCode       = "\xa4code"
	keyMessage    = "\xa7message"
)

// named begins a map with a name, which leaves room for what matters more than its tail. The map's header follows at
// last, in close.
func (s *state) named(name string) *writer {
	w := s.open()
	w.byte(0)
	w.raw(keyName)
	w.end -= nameSpare
	s.cuttable(w, name)
	w.end += nameSpare
	return w
}

// close adds the time to a map of so many fields, and writes its header. There is always room for it.
func (s *state) close(w *writer, fields byte, key string, nanos uint64) *writer {
	w.end = len(w.out)
	if nanos > latestTime {
		s.drop()
	} else if nanos != 0 {
		w.raw(key)
		w.uint(nanos)
		fields++
	}
	w.out[0] = 0x80 | fields
	return w
}

// start writes a SpanStart.
func (s *state) start(name string, t *told, options []StartOption) *writer {
	w := s.named(name)
	fields := 1 + w.kind(t.kind)
	if t.parent != fieldNone {
		fields += w.parent(t)
	}
	if t.nanos != 0 {
		w.end -= timeSpare
	}
	if t.parent == fieldRemoteParent && t.traceState != "" {
		fields += s.traceState(w, t.traceState)
	}
	if t.attributes != 0 {
		fields += s.attributesOf(w, t.attributes, options)
	}
	if t.links != 0 {
		fields += s.linksOf(w, t.links, options)
	}
	return s.close(w, fields, keyStartTime, t.nanos)
}

// event writes a SpanEvent.
func (s *state) event(name string, nanos uint64, attributes []Attribute) *writer {
	w := s.named(name)
	if nanos != 0 {
		w.end -= timeSpare
	}
	fields := byte(1)
	if len(attributes) != 0 {
		l := w.list(keyAttributes, len(attributes))
		s.addAttributes(w, &l, attributes)
		fields += l.close(w, headMap)
	}
	return s.close(w, fields, keyTime, nanos)
}

// status writes a SpanStatus.
func (s *state) status(code StatusCode, message string) *writer {
	w := s.open()
	w.byte(0x81)
	w.raw(keyCode)
	w.byte(byte(code))
	if message != "" {
		w.out[0] = 0x82
		w.raw(keyMessage)
		s.cuttable(w, message)
	}
	return w
}

// The parts of a map below return how many fields they are.

func (w *writer) kind(kind Kind) byte {
	if kind == KindInternal || kind > KindConsumer {
		return 0
	}
	w.raw(keyKind)
	w.byte(byte(kind))
	return 1
}

func (w *writer) parent(t *told) (fields byte) {
	w.raw(keyParent)
	w.handle(t.handle)
	if t.parent != fieldRemoteParent {
		return 1
	}
	w.raw(keyIsRemote)
	w.boolean(true)
	if t.flags == FlagsSampled {
		return 2
	}
	w.raw(keyFlags)
	w.uint(uint64(t.flags))
	return 3
}

func (s *state) traceState(w *writer, text string) byte {
	mark := w.at
	w.raw(keyTraceState)
	w.text(text, false)
	if !s.keeps(w, mark) {
		return 0
	}
	return 1
}

func (s *state) attributesOf(w *writer, most int, options []StartOption) byte {
	l := w.list(keyAttributes, most)
	for i := range options {
		if options[i].field == fieldAttributes {
			s.addAttributes(w, &l, options[i].attributes)
		}
	}
	return l.close(w, headMap)
}

func (s *state) addAttributes(w *writer, l *list, attributes []Attribute) {
	for i := range attributes {
		mark := l.open(w)
		w.attribute(&attributes[i])
		if s.keeps(w, mark) {
			l.kept++
		}
	}
}

func (s *state) linksOf(w *writer, most int, options []StartOption) byte {
	l := w.list(keyLinks, most)
	for i := range options {
		if options[i].field == fieldLinks {
			s.addLinks(w, &l, options[i].links)
		}
	}
	return l.close(w, headArray)
}

func (s *state) addLinks(w *writer, l *list, links []Link) {
	for i := range links {
		if !links[i].Handle.IsValid() {
			continue
		}
		mark := l.open(w)
		w.link(&links[i])
		if s.keeps(w, mark) {
			l.kept++
		}
	}
}

func (w *writer) link(link *Link) {
	if len(link.Attributes) == 0 {
		w.byte(0x81)
	} else {
		w.byte(0x82)
	}
	w.raw(keyHandle)
	w.handle(link.Handle)
	if len(link.Attributes) == 0 {
		return
	}
	w.raw(keyAttributes)
	w.head(uint64(len(link.Attributes)), headMap)
	for i := range link.Attributes {
		if w.attribute(&link.Attributes[i]); w.full {
			return
		}
	}
}
