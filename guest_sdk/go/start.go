package bext

import "time"

// A Kind is a span's role towards others.
type Kind uint8

// The kinds of spans. A Kind that is none of them is internal.
const (
	KindInternal Kind = iota
	KindServer
	KindClient
	KindProducer
	KindConsumer
)

// A Link points from a span to another one, such as from the consumer of a batch to the producer of each message.
// Where its handle is invalid it is skipped, and nothing is counted.
type Link struct {
	Handle     Handle
	Attributes []Attribute
}

// A StartOption says something about a span that [Start] starts. It is a value, without a function in it: the zero
// StartOption says nothing. Of several options that say the same thing the last one counts, and of several parents;
// attributes and links add up, in order.
type StartOption struct {
	field      field
	kind       Kind
	flags      TraceFlags
	parent     Handle
	nanos      uint64
	traceState string
	attributes []Attribute
	links      []Link
}

type field uint8

const (
	fieldNone field = iota
	fieldKind
	fieldParent
	fieldCurrentParent
	fieldRemoteParent
	fieldAttributes
	fieldLinks
	fieldStartTime
)

// WithKind sets the kind; without it the span is internal.
func WithKind(kind Kind) StartOption {
	return StartOption{field: fieldKind, kind: kind}
}

// WithParent makes the span a child of another one of this guest. A child of an invalid handle is invalid itself.
func WithParent(parent Handle) StartOption {
	return StartOption{field: fieldParent, parent: parent}
}

// WithCurrentParent makes the span a child of what [Current] tells, or a root where there is no current span.
func WithCurrentParent() StartOption {
	return StartOption{field: fieldCurrentParent}
}

// WithRemoteParent names a parent in another process: a handle and flags as [ParseTraceparent] gives them, and the
// text of the tracestate header, "" for none. The host's policy decides what becomes of it. An invalid handle is no
// parent, so that the result of a header that is no traceparent may be passed on unseen. A tracestate that does not
// fit into the buffer is dropped and counted.
func WithRemoteParent(parent Handle, flags TraceFlags, traceState string) StartOption {
	return StartOption{field: fieldRemoteParent, parent: parent, flags: flags, traceState: traceState}
}

// WithAttributes gives the span attributes from the start. What does not fit into the buffer is dropped alone and
// counted. Of two with one key the host keeps the last value.
func WithAttributes(attributes ...Attribute) StartOption {
	return StartOption{field: fieldAttributes, attributes: attributes}
}

// WithLinks links the span to others. A link that does not fit into the buffer is dropped as a whole, and counted once.
func WithLinks(links ...Link) StartOption {
	return StartOption{field: fieldLinks, links: links}
}

// WithStartTime sets when the span started. A time before 1970 or after 2262 is dropped and counted, so that the
// host's clock counts; it does for the zero Time, too.
func WithStartTime(t time.Time) StartOption {
	return StartOption{field: fieldStartTime, nanos: unixNanos(t)}
}

// Start starts a span; without a parent among its options it is the root of a new trace. The handle is invalid where
// the span is not sampled. A name that does not fit into the buffer is cut at a character and counted.
func Start(name string, options ...StartOption) Handle {
	shared.Lock()
	defer shared.Unlock()
	t := hear(options)
	if t.parent == fieldCurrentParent {
		t.handle, t.parent = shared.currentParent()
	}
	if t.parent == fieldParent && !t.handle.IsValid() {
		return Handle{}
	}
	return shared.send(shared.start(name, &t, options))
}

// told is what all options together say, but for attributes and links.
type told struct {
	kind       Kind
	parent     field // the option that named it, or none
	flags      TraceFlags
	handle     Handle
	traceState string
	nanos      uint64
	attributes int // how many
	links      int // how many, with those that are skipped
}

func hear(options []StartOption) (t told) {
	for i := range options {
		o := &options[i]
		switch o.field {
		case fieldKind:
			t.kind = o.kind
		case fieldParent, fieldCurrentParent, fieldRemoteParent:
			t.parent, t.handle, t.flags, t.traceState = o.field, o.parent, o.flags, o.traceState
		case fieldAttributes:
			t.attributes += len(o.attributes)
		case fieldLinks:
			t.links += len(o.links)
		case fieldStartTime:
			t.nanos = o.nanos
		}
	}
	if t.parent == fieldRemoteParent && !t.handle.IsValid() {
		t.parent = fieldNone
	}
	return t
}
