//go:build !wasip1

package bext

import (
	"sync"
	"testing"
	"unsafe"
)

func TestGoroutinesShareEverything(t *testing.T) {
	r := record(t)
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 100 {
				request := Start("request", WithKind(KindServer), WithAttributes(String("a", "b")))
				query := Start("query", WithParent(request))
				query.SetAttributes(Int("n", 1))
				query.End()
				request.AddEvent("event", Bool("c", true))
				request.SetStatus(StatusOK, "")
				request.End()
				lent.free(lent.alloc(10))
			}
		}()
	}
	all.Wait()
	if len(r.calls) != 8*100*7 || r.started != 8*100*2 {
		t.Errorf("%d calls, %d spans", len(r.calls), r.started)
	}
	for _, c := range r.calls {
		if c.payload != "" {
			decode(t, c.payload)
		}
	}
}

// deafHost keeps nothing, so that what is allocated is allocated here.
type deafHost struct{ noHost }

func (deafHost) startSpan([]byte) [3]uint64 { return [3]uint64{1, 1, 1} }

func TestRecordingAllocatesNothing(t *testing.T) {
	record(t)
	double = deafHost{}
	numbers, texts := []int{1, 2}, []string{"a\xff", "b"}
	allocated := testing.AllocsPerRun(100, func() {
		span := Start("GET /", WithKind(KindServer), WithCurrentParent(), WithAttributes(String("a", "b"), IntSlice("n", numbers)),
			WithLinks(Link{Handle: started, Attributes: []Attribute{StringSlice("t", texts)}}))
		span.SetAttributes(Int("n", 1), Float64("f", 0.5))
		span.AddEvent("event", Bool("c", true))
		span.SetStatus(StatusError, "no\xff")
		span.End()
	})
	if allocated != 0 {
		t.Errorf("%v allocations", allocated)
	}
}

func TestWithoutAHostNothingIsSampled(t *testing.T) {
	if span := Start("a"); span.IsValid() {
		t.Error(span)
	}
	if span, exists := Current(); exists {
		t.Error(span)
	}
	started.SetAttributes(Int("n", 1))
	started.AddEvent("e")
	started.SetStatus(StatusOK, "")
	started.End()
}

func TestLentMemory(t *testing.T) {
	l := &lending{limit: 999}
	first, second := l.alloc(3), l.alloc(900)
	if first == nil || second == nil || uintptr(first)%8 != 0 || uintptr(second)%8 != 0 {
		t.Fatal(first, second)
	}
	if l.alloc(0) != nil || l.alloc(1) != nil || l.alloc(1<<32-1) != nil {
		t.Error("lent too much")
	}
	text := unsafe.String((*byte)(first), 3)
	copy(unsafe.Slice((*byte)(first), 3), "abc")
	l.free(first)
	l.free(first)
	l.free(nil)
	l.free(unsafe.Add(second, 8))
	if third := l.alloc(8); third == nil || third == first || text != "abc" {
		t.Error("a block that is still used is lent again", third, text)
	}
	l.free(second)
	if l.alloc(892) == nil || len(l.blocks) != 2 {
		t.Error("what was given back is not lent again")
	}
}

func TestEmptyBlocksAreBounded(t *testing.T) {
	l := &lending{limit: 10 * (1 + blockOverhead)}
	for range 10 {
		l.alloc(1)
	}
	if l.alloc(1) != nil {
		t.Error("what keeping a block takes is not counted")
	}
}

func TestArgumentLimit(t *testing.T) {
	t.Cleanup(func() { SetArgumentLimit(defaultArgumentLimit) })
	SetArgumentLimit(-1)
	if lent.alloc(1) != nil {
		t.Error("lent below a limit below zero")
	}
}
