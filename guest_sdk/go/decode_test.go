//go:build !wasip1

package bext

import (
	"encoding/binary"
	"math"
	"testing"
	"unicode/utf8"
)

// fields is a map of msgpack, in its order.
type fields []pair

type pair struct {
	key   string
	value any
}

func (f fields) get(key string) any {
	for _, p := range f {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

func (f fields) keys() (keys []string) {
	for _, p := range f {
		keys = append(keys, p.key)
	}
	return keys
}

// decode reads msgpack as the ABI lets an SDK write it: whole, in its shortest form, its text well-formed.
func decode(t testing.TB, payload string) any {
	t.Helper()
	d := decoder{t, payload}
	value := d.item()
	if d.rest != "" {
		t.Fatalf("% x behind the payload", d.rest)
	}
	return value
}

type decoder struct {
	t    testing.TB
	rest string
}

func (d *decoder) take(size int) string {
	d.t.Helper()
	if size > len(d.rest) {
		d.t.Fatalf("payload ends early: %d bytes wanted, % x left", size, d.rest)
	}
	taken := d.rest[:size]
	d.rest = d.rest[size:]
	return taken
}

func (d *decoder) bits(size int) uint64 {
	d.t.Helper()
	var bytes [8]byte
	copy(bytes[8-size:], d.take(size))
	return binary.BigEndian.Uint64(bytes[:])
}

// number reads a number of 1, 2, 4 or 8 bytes, which must need them: it is above the largest shorter one.
func (d *decoder) number(size int, largest uint64) uint64 {
	d.t.Helper()
	number := d.bits(size)
	if number <= largest {
		d.t.Fatalf("%d written in %d bytes", number, size)
	}
	return number
}

func (d *decoder) negative(size int, largest int64) any {
	d.t.Helper()
	shift := 64 - 8*size
	number := int64(d.bits(size)<<shift) >> shift
	if number >= largest {
		d.t.Fatalf("%d written in %d bytes", number, size)
	}
	return number
}

func (d *decoder) item() any {
	d.t.Helper()
	switch first := d.take(1)[0]; {
	case first < 0x80:
		return int64(first)
	case first >= 0xe0:
		return int64(int8(first))
	case first < 0x90:
		return d.pairs(uint64(first & 15))
	case first < 0xa0:
		return d.array(uint64(first & 15))
	case first < 0xc0:
		return d.text(uint64(first & 31))
	default:
		return d.wide(first)
	}
}

func (d *decoder) wide(first byte) any {
	d.t.Helper()
	switch first {
	case 0xc2, 0xc3:
		return first == 0xc3
	case 0xcb:
		return math.Float64frombits(d.bits(8))
	case 0xcc:
		return int64(d.number(1, 0x7f))
	case 0xcd:
		return int64(d.number(2, 0xff))
	case 0xce:
		return int64(d.number(4, 0xffff))
	case 0xcf:
		return d.big(d.number(8, 0xffff_ffff))
	case 0xd0:
		return d.negative(1, -32)
	case 0xd1:
		return d.negative(2, -1<<7)
	case 0xd2:
		return d.negative(4, -1<<15)
	case 0xd3:
		return d.negative(8, -1<<31)
	case 0xd9:
		return d.text(d.number(1, 31))
	case 0xda:
		return d.text(d.number(2, 0xff))
	case 0xdb:
		return d.text(d.number(4, 0xffff))
	case 0xdc:
		return d.array(d.number(2, 15))
	case 0xdd:
		return d.array(d.number(4, 0xffff))
	case 0xde:
		return d.pairs(d.number(2, 15))
	case 0xdf:
		return d.pairs(d.number(4, 0xffff))
	}
	d.t.Fatalf("no item starts with %#x", first)
	return nil
}

// big is an int64 where it is one, for tests to compare with.
func (d *decoder) big(number uint64) any {
	if number > math.MaxInt64 {
		return number
	}
	return int64(number)
}

func (d *decoder) text(size uint64) string {
	d.t.Helper()
	text := d.take(int(size))
	if !utf8.ValidString(text) {
		d.t.Fatalf("ill-formed: %q", text)
	}
	return text
}

func (d *decoder) array(count uint64) any {
	array := []any{}
	for range count {
		array = append(array, d.item())
	}
	return array
}

func (d *decoder) pairs(count uint64) any {
	pairs := fields{}
	for range count {
		key, _ := d.item().(string)
		pairs = append(pairs, pair{key, d.item()})
	}
	return pairs
}
