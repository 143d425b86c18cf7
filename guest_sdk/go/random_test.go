//go:build !wasip1

package bext

import (
	"math/rand"
	"strings"
	"testing"
	"time"
)

// A dice makes arguments at random, many of them at an edge.
type dice struct{ *rand.Rand }

func (d dice) text() string {
	parts := []string{"", "a", "é", "€", "🌍", "\xff", "\xe2\x82", "\xf0\x9f", "key", strings.Repeat("x", 30), strings.Repeat("é\xc0", 90)}
	var text strings.Builder
	for range d.Intn(4) {
		text.WriteString(parts[d.Intn(len(parts))])
	}
	return text.String()
}

func (d dice) handle() Handle {
	return Handle{d.Uint64() >> d.Intn(64), d.Uint64() >> d.Intn(64), d.Uint64() >> d.Intn(65)}
}

func (d dice) time() time.Time {
	return time.Unix(d.Int63n(1<<35)-1<<34, d.Int63n(1e9))
}

func (d dice) attributes() []Attribute {
	all := make([]Attribute, d.Intn(20))
	for i := range all {
		key := d.text()
		integers := make([]int64, d.Intn(20))
		for i := range integers {
			integers[i] = int64(d.Uint64()) >> d.Intn(64)
		}
		all[i] = []Attribute{
			String(key, d.text()), Bool(key, d.Intn(2) == 0), Int64(key, int64(d.Uint64())>>d.Intn(64)), Float64(key, d.NormFloat64()),
			StringSlice(key, []string{d.text(), d.text()}), BoolSlice(key, []bool{true, false}[:d.Intn(3)]), Int64Slice(key, integers),
			IntSlice(key, []int{d.Int(), -d.Int()}), Float64Slice(key, []float64{d.Float64()}), {},
		}[d.Intn(10)]
	}
	return all
}

func (d dice) options() []StartOption {
	all := make([]StartOption, d.Intn(8))
	for i := range all {
		all[i] = []StartOption{
			WithKind(Kind(d.Intn(256))), WithRemoteParent(d.handle(), TraceFlags(d.Intn(256)), d.text()), WithCurrentParent(),
			WithAttributes(d.attributes()...), WithLinks(Link{d.handle(), d.attributes()}, Link{Handle: d.handle()}),
			WithStartTime(d.time()), WithAttributes(d.attributes()...), {},
		}[d.Intn(8)]
	}
	return all
}

// TestAnythingIsSound starts spans and adds events at random, in small buffers and in a large one: the payloads are
// sound, and those in a large one are the same unless something was dropped.
func TestAnythingIsSound(t *testing.T) {
	r := record(t)
	d := dice{rand.New(rand.NewSource(1))}
	for range 1000 {
		name, options, attributes, when := d.text(), d.options(), d.attributes(), d.time()
		all := func() {
			Start(name, options...)
			started.AddEventAt(when, name, attributes...)
			started.SetStatus(StatusError, name)
			started.SetAttributes(attributes...)
		}
		late := inBuffer(t, 1<<16, all) // times that cannot be told
		whole := r.calls
		r.calls = nil
		size := smallestBuffer + d.Intn(1000)
		dropped := inBuffer(t, size, all)
		if dropped == late && len(r.calls) != len(whole) || dropped < late {
			t.Fatalf("%d calls and %d drops in %d bytes, %d and %d else", len(r.calls), dropped, size, len(whole), late)
		}
		for i, c := range r.calls {
			decode(t, c.payload)
			if len(c.payload) > size || dropped == late && c.payload != whole[i].payload {
				t.Fatalf("in %d bytes % x\nnot % x", size, c.payload, whole[i].payload)
			}
		}
		r.calls = nil
	}
}
