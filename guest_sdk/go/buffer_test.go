//go:build !wasip1

package bext

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"
)

const anyName = "naïve 🌍 name"

var largest = Handle{1<<64 - 1, 1<<64 - 1, 1<<64 - 1}

// inBuffer runs do with a buffer of exactly so many bytes, also of fewer than SetBufferSize allows, between guards. It
// returns how many parts were dropped.
func inBuffer(t *testing.T, size int, do func()) uint32 {
	t.Helper()
	guarded := slices.Repeat([]byte{0xee}, size+16)
	shared.writer.out = guarded[8 : 8+size : 8+size]
	before := Dropped()
	do()
	for _, guard := range slices.Concat(guarded[:8], guarded[8+size:]) {
		if guard != 0xee {
			t.Fatal("written outside of the buffer")
		}
	}
	return Dropped() - before
}

func everything() []StartOption {
	options := []StartOption{
		WithKind(KindConsumer), WithRemoteParent(largest, 255, "vendor=value"), WithStartTime(time.Unix(0, latestTime)),
		WithLinks(Link{started, []Attribute{String("why", "because")}}), WithAttributes(Int("early", 1)),
	}
	for i := range 16 {
		options = append(options, WithAttributes(StringSlice("key "+strconv.Itoa(i), []string{"value", "é"})))
	}
	return append(options, WithLinks(Link{Handle: largest}))
}

func TestSpanIsSoundInBuffersOfAnySize(t *testing.T) {
	r := record(t)
	Start(anyName, everything()...)
	full := r.take(t)
	order := decode(t, full).(fields).keys()
	for size := smallestBuffer; size < len(full)+4; size++ {
		dropped := inBuffer(t, size, func() { Start(anyName, everything()...) })
		payload := r.take(t)
		got := decode(t, payload).(fields)
		if len(payload) > size || (dropped == 0) != (payload == full) || got.get("name") != anyName {
			t.Errorf("in %d bytes: %d written, %d dropped, %v", size, len(payload), dropped, got)
		}
		at := 0
		for _, key := range got.keys() {
			at += 1 + slices.Index(order[at:], key) // panics where they are in another order
		}
		for _, key := range []string{"kind", "parent", "parent_is_remote", "parent_flags", "start_time_unix_nanos"} {
			if got.get(key) == nil {
				t.Errorf("in %d bytes: %s is missing", size, key)
			}
		}
		missing := 17 - countOf(got.get("attributes")) + 2 - countOf(got.get("links"))
		if got.get("trace_state") == nil {
			missing++
		}
		if int(dropped) != missing {
			t.Errorf("in %d bytes: %d dropped, %d missing", size, dropped, missing)
		}
	}
}

func countOf(v any) int {
	switch v := v.(type) {
	case fields:
		return len(v)
	case []any:
		return len(v)
	}
	return 0
}

func TestEventIsSoundInBuffersOfAnySize(t *testing.T) {
	r := record(t)
	event := func() {
		attributes := make([]Attribute, 20)
		for i := range attributes {
			attributes[i] = Int64Slice(strconv.Itoa(i), []int64{1 << 40, -1})
		}
		started.AddEventAt(time.Unix(0, latestTime), anyName, attributes...)
	}
	event()
	full := r.take(t)
	for size := smallestBuffer; size < len(full)+4; size++ {
		dropped := inBuffer(t, size, event)
		payload := r.take(t)
		got := decode(t, payload).(fields)
		if len(payload) > size || int(dropped) != 20-countOf(got.get("attributes")) || got.get("time_unix_nanos") == nil {
			t.Errorf("in %d bytes: %d written, %d dropped, %v", size, len(payload), dropped, got)
		}
	}
}

func TestWhatDoesNotFitLeavesRoomForWhatDoes(t *testing.T) {
	r := record(t)
	SetBufferSize(0)
	Start("s", WithAttributes(String("long", strings.Repeat("x", 256)), Int("k", 1)),
		WithLinks(Link{started, []Attribute{String("long", strings.Repeat("x", 256))}}, Link{Handle: started}))
	got := r.takeMap(t)
	if countOf(got.get("attributes")) != 1 || countOf(got.get("links")) != 1 {
		t.Error(got)
	}
	droppedIs(t, 2)
}

func TestFieldWhoseNameDoesNotFit(t *testing.T) {
	r := record(t)
	name := strings.Repeat("n", 252-nameSpare-8)
	dropped := inBuffer(t, smallestBuffer, func() {
		Start(name, WithAttributes(String("k", strings.Repeat("x", 103))), WithLinks(Link{Handle: started}, Link{Handle: started}))
	})
	if got := r.takeMap(t); dropped != 2 || countOf(got.get("attributes")) != 1 || got.get("links") != nil {
		t.Error(dropped, got)
	}
}

func TestListIsSoundInARoomOfAnySize(t *testing.T) {
	record(t)
	for size := range 60 {
		w := &writer{out: make([]byte, size), end: size}
		l := w.list(keyAttributes, 16)
		shared.addAttributes(w, &l, make([]Attribute, 16))
		if l.close(w, headMap) == 0 {
			if w.at != 0 || size >= len(keyAttributes)+3+2 {
				t.Errorf("in %d bytes: nothing but % x", size, w.out[:w.at])
			}
			continue
		}
		got := decode(t, "\x81"+string(w.out[:w.at])).(fields)
		if count := countOf(got.get("attributes")); count != min((size-len(keyAttributes)-3)/2, 16) {
			t.Errorf("in %d bytes: %d attributes", size, count)
		}
	}
}

func TestLongNameLeavesRoomForKindParentAndTime(t *testing.T) {
	r := record(t)
	SetBufferSize(smallestBuffer)
	Start(strings.Repeat("é", 4096), WithKind(KindConsumer), WithRemoteParent(largest, 255, ""), WithStartTime(time.Unix(0, latestTime)))
	got := r.takeMap(t)
	if got.get("name") != strings.Repeat("é", 60) || len(got) != 6 {
		t.Error(got)
	}
	droppedIs(t, 1)
}

func TestCutNeverSplitsACharacter(t *testing.T) {
	raw := strings.Repeat("aé€🌍\xff", 30)
	repaired := strings.ToValidUTF8(raw, "\uFFFD")
	for size := 20; size < 300; size++ {
		w := &writer{out: make([]byte, size), end: size}
		whole := w.text(raw, true)
		got := decode(t, string(w.out[:w.at])).(string)
		if !strings.HasPrefix(repaired, got) || whole != (got == repaired) || !whole && len(got) < size-2-4 {
			t.Errorf("in %d bytes: %q", size, got)
		}
	}
}

func TestTextIsCutToWhatFitsWithItsHeader(t *testing.T) {
	for _, middle := range []int{32, 256, 65536} {
		for size := middle - 10; size < middle+10; size++ {
			w := &writer{out: make([]byte, size), end: size}
			w.text(strings.Repeat("x", middle+20), true)
			got := len(decode(t, string(w.out[:w.at])).(string))
			if sizeWithHead(got+1) <= size {
				t.Errorf("%d of %d bytes", got, size)
			}
		}
	}
}

func TestTextWithoutAnyRoom(t *testing.T) {
	for _, mayBeCut := range []bool{true, false} {
		w := &writer{out: make([]byte, 4), at: 4, end: 4}
		if w.text("x", mayBeCut) || !w.full || w.at != 4 {
			t.Error(w)
		}
	}
}

func TestStatusMessageIsCut(t *testing.T) {
	r := record(t)
	SetBufferSize(4096)
	started.SetStatus(StatusError, strings.Repeat("x", 5000))
	if got := r.takeMap(t); got.get("message") != strings.Repeat("x", 4078) {
		t.Errorf("%d bytes", len(got.get("message").(string)))
	}
	droppedIs(t, 1)
}

func TestAttributeThatDoesNotFitIsDropped(t *testing.T) {
	r := record(t)
	long := strings.Repeat("x", defaultBufferSize)
	started.SetAttributes(String("k", long), Int("n", 1), StringSlice("k", strings.Split(long, "")), Int(long, 2))
	same(t, r.take(t), "\x92\xa1n\x01")
	droppedIs(t, 3)
}

func TestBufferSizeIsBounded(t *testing.T) {
	record(t)
	for asked, want := range map[int]int{
		-1: smallestBuffer, 0: smallestBuffer, 300: 300, 65536: 65536, 65537: 65537, 1<<31 - 1: largestBuffer,
	} {
		SetBufferSize(asked)
		if got := len(shared.writer.out); got != want {
			t.Errorf("%d for %d", got, asked)
		}
	}
}

func TestHugeValuesAreNotRead(t *testing.T) {
	record(t)
	huge := unsafe.String(unsafe.StringData("x"), 1<<31-1) // whoever reads on crashes
	started.SetAttributes(String("k", huge), String(huge, "v"), StringSlice("k", []string{huge}))
	droppedIs(t, 3)
}

func TestAttributesBeyondWhatAHeaderSays(t *testing.T) {
	r := record(t)
	SetBufferSize(1 << 20)
	Start("s", WithAttributes(make([]Attribute, mostItems+5)...))
	if got := countOf(r.takeMap(t).get("attributes")); got != mostItems {
		t.Errorf("%d attributes", got)
	}
	droppedIs(t, 5)
}

func TestDroppedStaysAtTheLargestNumber(t *testing.T) {
	record(t)
	shared.dropped = 1<<32 - 2
	started.SetStatus(3, "")
	started.SetStatus(3, "")
	droppedIs(t, 1<<32-1)
}
