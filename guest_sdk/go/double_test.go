//go:build !wasip1

package bext

import (
	"bytes"
	"sync"
	"testing"
)

// A call is one call of the host, as it crosses the boundary.
type call struct {
	name    string
	handle  Handle // the one that was passed, or answered
	payload string
	nanos   uint64
}

// A recorder is a host that numbers spans from 1 and keeps what it is told.
type recorder struct {
	sync.Mutex
	calls   []call
	current *Handle
	decline bool // samples nothing
	started uint64
}

// record puts a recorder in place of the host for one test, and everything else as it was at the start.
func record(t testing.TB) *recorder {
	t.Helper()
	r := &recorder{}
	double = r
	reset := func() {
		SetBufferSize(defaultBufferSize)
		shared.dropped = 0
	}
	reset()
	t.Cleanup(func() {
		double = noHost{}
		reset()
	})
	return r
}

func (r *recorder) add(c call) {
	r.Lock()
	defer r.Unlock()
	r.calls = append(r.calls, c)
}

func (r *recorder) startSpan(payload []byte) [3]uint64 {
	r.Lock()
	defer r.Unlock()
	var h Handle
	if !r.decline {
		r.started++
		h = Handle{1, 1, r.started}
	}
	r.calls = append(r.calls, call{name: "start_span", handle: h, payload: string(payload)})
	return [3]uint64{h.TraceIDHi, h.TraceIDLo, h.SpanID}
}

func (r *recorder) record(name string, h Handle, payload []byte) {
	r.add(call{name: name, handle: h, payload: string(payload)})
}

func (r *recorder) endSpan(h Handle, nanos uint64) {
	r.add(call{name: "end_span", handle: h, nanos: nanos})
}

func (r *recorder) currentSpan() ([3]uint64, bool) {
	if r.current == nil {
		return [3]uint64{}, false
	}
	h := *r.current
	return [3]uint64{h.TraceIDHi, h.TraceIDLo, h.SpanID}, true
}

// take returns the payload of the only call since the last take.
func (r *recorder) take(t testing.TB) string {
	t.Helper()
	if len(r.calls) != 1 {
		t.Fatalf("%d calls instead of one: %v", len(r.calls), r.calls)
	}
	payload := r.calls[0].payload
	r.calls = nil
	return payload
}

// takeMap returns the only payload, decoded.
func (r *recorder) takeMap(t testing.TB) fields {
	t.Helper()
	return decode(t, r.take(t)).(fields)
}

// started is a span that the recorder knows.
var started = Handle{1, 1, 1}

// same compares payloads, and says how they differ.
func same(t *testing.T, got, want string) {
	t.Helper()
	if !bytes.Equal([]byte(got), []byte(want)) {
		t.Errorf("wrote % x\nnot   % x", got, want)
	}
}

func droppedIs(t *testing.T, want uint32) {
	t.Helper()
	if got := Dropped(); got != want {
		t.Errorf("dropped %d, not %d", got, want)
	}
}
