//go:build !wasip1

package bext

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

var invalidHandles = []Handle{{}, {0, 0, 5}, {5, 5, 0}, {5, 0, 0}, {0, 5, 0}}

func TestStartAsksTheHost(t *testing.T) {
	record(t)
	if first, second := Start("a"), Start("b"); first != (Handle{1, 1, 1}) || second != (Handle{1, 1, 2}) {
		t.Error(first, second)
	}
}

func TestSpanThatIsNotSampled(t *testing.T) {
	r := record(t)
	r.decline = true
	span := Start("a")
	span.SetAttributes(Int("n", 1))
	span.End()
	if span != (Handle{}) || len(r.calls) != 1 {
		t.Error(span, r.calls)
	}
}

func TestInvalidHandleMakesNoCall(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for _, h := range invalidHandles {
		r := record(t)
		h.SetAttributes(String(long, long))
		h.AddEvent(long)
		h.AddEventAt(time.Unix(-1, 0), long, String(long, long))
		h.RecordError(errors.New(long))
		h.SetStatus(99, long)
		h.End()
		h.EndAt(time.Unix(-1, 0))
		if h.Traceparent(FlagsSampled) != "" || h.IsValid() || len(r.calls) != 0 {
			t.Error(h, r.calls)
		}
		droppedIs(t, 0)
	}
}

func TestHandleWithBothIDsIsValid(t *testing.T) {
	for _, h := range []Handle{{1, 0, 1}, {0, 1, 1}, {1<<64 - 1, 1<<64 - 1, 1<<64 - 1}} {
		if !h.IsValid() {
			t.Error(h)
		}
	}
}

func TestParents(t *testing.T) {
	current := Handle{7, 8, 9}
	other := Handle{4, 5, 6}
	parent := func(h Handle) fields {
		return fields{{"name", "s"}, {"parent", []any{int64(h.TraceIDHi), int64(h.TraceIDLo), int64(h.SpanID)}}}
	}
	root := fields{{"name", "s"}}
	remote := append(parent(other), pair{"parent_is_remote", true})
	tests := []struct {
		name    string
		current *Handle
		options []StartOption
		want    fields // nil: no host call
	}{
		{"none", nil, nil, root},
		{"a span", nil, []StartOption{WithParent(other)}, parent(other)},
		{"invalid", nil, []StartOption{WithParent(Handle{})}, nil},
		{"half of one", nil, []StartOption{WithParent(Handle{1, 1, 0})}, nil},
		{"the last one counts", nil, []StartOption{WithParent(Handle{}), WithParent(other)}, parent(other)},
		{"the last one counts, if invalid", nil, []StartOption{WithParent(other), WithParent(Handle{})}, nil},
		{"current", &current, []StartOption{WithCurrentParent()}, parent(current)},
		{"no current", nil, []StartOption{WithCurrentParent()}, root},
		{"current is not sampled", &Handle{}, []StartOption{WithCurrentParent()}, nil},
		{"current, then a span", &current, []StartOption{WithCurrentParent(), WithParent(other)}, parent(other)},
		{"remote", nil, []StartOption{WithRemoteParent(other, FlagsSampled, "")}, remote},
		{"remote with flags", nil, []StartOption{WithRemoteParent(other, 0, "")}, append(remote[:3:3], pair{"parent_flags", int64(0)})},
		{"remote with state", nil, []StartOption{WithRemoteParent(other, 1, "a=b")}, append(remote[:3:3], pair{"trace_state", "a=b"})},
		{"remote and invalid is none", nil, []StartOption{WithRemoteParent(Handle{}, 0, "a=b")}, root},
		{"remote replaces an invalid one", nil, []StartOption{WithParent(Handle{}), WithRemoteParent(Handle{}, 0, "")}, root},
		{"a span replaces a remote one", nil, []StartOption{WithRemoteParent(other, 0, "a=b"), WithParent(other)}, parent(other)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := record(t)
			r.current = test.current
			span := Start("s", test.options...)
			if test.want == nil {
				if len(r.calls) != 0 || span != (Handle{}) {
					t.Error(span, r.calls)
				}
			} else if got := r.takeMap(t); !reflect.DeepEqual(got, test.want) {
				t.Errorf("%v\nnot %v", got, test.want)
			}
			droppedIs(t, 0)
		})
	}
}

func TestAttributesAndLinksAddUp(t *testing.T) {
	r := record(t)
	other := Handle{4, 5, 6}
	Start("s", WithLinks(Link{}, Link{Handle: other}), WithAttributes(Int("a", 1), Int("b", 2)), WithAttributes(),
		WithAttributes(Int("a", 3)), WithLinks(Link{Handle: other, Attributes: []Attribute{Bool("c", true)}}))
	id := []any{int64(4), int64(5), int64(6)}
	want := fields{
		{"name", "s"},
		{"attributes", fields{{"a", int64(1)}, {"b", int64(2)}, {"a", int64(3)}}},
		{"links", []any{fields{{"handle", id}}, fields{{"handle", id}, {"attributes", fields{{"c", true}}}}}},
	}
	if got := r.takeMap(t); !reflect.DeepEqual(got, want) {
		t.Errorf("%v\nnot %v", got, want)
	}
}

func TestZeroValuesDoNoHarm(t *testing.T) {
	r := record(t)
	Start("", StartOption{}, WithLinks(Link{}), WithStartTime(time.Time{}), WithAttributes(), WithKind(99))
	same(t, r.take(t), "\x81\xa4name\xa0")
	started.SetAttributes()
	started.SetAttributes(Attribute{})
	same(t, r.take(t), "\x92\xa0\xa0")
	droppedIs(t, 0)
}

func TestStartAndEndTimes(t *testing.T) {
	tests := []struct {
		name    string
		time    time.Time
		want    uint64
		dropped uint32
	}{
		{"zero", time.Time{}, 0, 0},
		{"1970", time.Unix(0, 0), 0, 0},
		{"first", time.Unix(0, 1), 1, 0},
		{"last", time.Unix(0, 1<<63-1), 1<<63 - 1, 0},
		{"elsewhere", time.Unix(1, 5).In(time.FixedZone("", 3600)), 1_000_000_005, 0},
		{"before 1970", time.Unix(0, -1), 0, 1},
		{"after the last", time.Unix(0, 1<<63-1).Add(1), 0, 1},
		{"after the last second", time.Unix(1<<33, 999_999_999).AddDate(90, 0, 0), 0, 1},
		{"long ago", time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC), 0, 1},
		{"far away", time.Unix(1<<62, 0), 0, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := record(t)
			Start("s", WithStartTime(test.time))
			started.AddEventAt(test.time, "e")
			started.EndAt(test.time)
			for i, key := range []string{"start_time_unix_nanos", "time_unix_nanos"} {
				got, _ := decode(t, r.calls[i].payload).(fields).get(key).(int64)
				if uint64(got) != test.want {
					t.Errorf("%s: %d, not %d", key, got, test.want)
				}
			}
			if r.calls[2].nanos != test.want {
				t.Errorf("end: %d, not %d", r.calls[2].nanos, test.want)
			}
			droppedIs(t, 3*test.dropped)
		})
	}
}

func TestEnd(t *testing.T) {
	r := record(t)
	started.End()
	if want := []call{{name: "end_span", handle: started}}; !reflect.DeepEqual(r.calls, want) {
		t.Error(r.calls)
	}
}

func TestStatusCodeThatIsNone(t *testing.T) {
	r := record(t)
	started.SetStatus(StatusError+1, "x")
	if len(r.calls) != 0 {
		t.Error(r.calls)
	}
	droppedIs(t, 1)
}

type brokenError struct{ text string }

func (e *brokenError) Error() string { return e.text }

func TestRecordError(t *testing.T) {
	r := record(t)
	started.RecordError(errors.New("no answer"))
	want := fields{{"name", "exception"}, {"attributes", fields{{"exception.message", "no answer"}}}}
	if got := r.takeMap(t); !reflect.DeepEqual(got, want) {
		t.Error(got)
	}
	started.RecordError(nil)
	if len(r.calls) != 0 {
		t.Error("an error that is nil is recorded")
	}
	started.RecordError((*brokenError)(nil)) // its Error panics
	if got := r.takeMap(t); !reflect.DeepEqual(got.get("attributes"), fields{{"exception.message", ""}}) {
		t.Error(got)
	}
}

func TestFlags(t *testing.T) {
	if TraceFlags(2).IsSampled() || !TraceFlags(3).IsSampled() {
		t.Error("bit 0 alone says sampled")
	}
}
