package bext

import (
	"math"
	"unsafe"
)

// An Attribute is a key with a value of one of eight types. Make it with the functions below. A slice is not copied:
// it is read when the attribute is recorded, and must not change before.
type Attribute struct {
	key  string
	kind valueKind
	bits uint64         // of a scalar; else how many bytes or items there are
	data unsafe.Pointer // the first byte or item
}

type valueKind uint8

const (
	kindString valueKind = iota
	kindBool
	kindInt64
	kindFloat64
	kindStringSlice
	kindBoolSlice
	kindInt64Slice
	kindIntSlice
	kindFloat64Slice
)

// String is an attribute whose value is a text.
func String(key, value string) Attribute {
	return Attribute{key, kindString, uint64(len(value)), unsafe.Pointer(unsafe.StringData(value))}
}

// Bool is an attribute whose value is true or false.
func Bool(key string, value bool) Attribute {
	var bits uint64
	if value {
		bits = 1
	}
	return Attribute{key, kindBool, bits, nil}
}

// Int is an attribute whose value is a 64-bit integer.
func Int(key string, value int) Attribute {
	return Int64(key, int64(value))
}

// Int64 is an attribute whose value is a 64-bit integer.
func Int64(key string, value int64) Attribute {
	return Attribute{key, kindInt64, uint64(value), nil}
}

// Float64 is an attribute whose value is a floating-point number. Every NaN is the same one to the host.
func Float64(key string, value float64) Attribute {
	return Attribute{key, kindFloat64, math.Float64bits(value), nil}
}

// StringSlice is an attribute whose value is an array of texts.
func StringSlice(key string, value []string) Attribute {
	return slice(key, kindStringSlice, value)
}

// BoolSlice is an attribute whose value is an array of true and false.
func BoolSlice(key string, value []bool) Attribute {
	return slice(key, kindBoolSlice, value)
}

// IntSlice is an attribute whose value is an array of 64-bit integers.
func IntSlice(key string, value []int) Attribute {
	return slice(key, kindIntSlice, value)
}

// Int64Slice is an attribute whose value is an array of 64-bit integers.
func Int64Slice(key string, value []int64) Attribute {
	return slice(key, kindInt64Slice, value)
}

// Float64Slice is an attribute whose value is an array of floating-point numbers.
func Float64Slice(key string, value []float64) Attribute {
	return slice(key, kindFloat64Slice, value)
}

func slice[T any](key string, kind valueKind, value []T) Attribute {
	return Attribute{key, kind, uint64(len(value)), unsafe.Pointer(unsafe.SliceData(value))}
}

// items is the other way round.
func items[T any](a *Attribute) []T {
	return unsafe.Slice((*T)(a.data), int(a.bits))
}

func (w *writer) attribute(a *Attribute) {
	w.text(a.key, false)
	switch a.kind {
	case kindString:
		w.text(unsafe.String((*byte)(a.data), int(a.bits)), false)
	case kindBool, kindInt64, kindFloat64:
		w.scalar(a.kind, a.bits)
	default:
		w.head(a.bits, headArray)
		w.items(a)
	}
}

// items writes the items of an array, up to the first one that does not fit.
func (w *writer) items(a *Attribute) {
	switch a.kind {
	case kindStringSlice:
		for _, item := range items[string](a) {
			if w.text(item, false); w.full {
				return
			}
		}
	case kindBoolSlice:
		for _, item := range items[bool](a) {
			if w.boolean(item); w.full {
				return
			}
		}
	case kindIntSlice:
		for _, item := range items[int](a) {
			if w.integer(int64(item)); w.full {
				return
			}
		}
	default: // integers and floating-point numbers, of 64 bits each
		kind := kindInt64
		if a.kind == kindFloat64Slice {
			kind = kindFloat64
		}
		for _, item := range items[uint64](a) {
			if w.scalar(kind, item); w.full {
				return
			}
		}
	}
}

func (w *writer) scalar(kind valueKind, bits uint64) {
	switch kind {
	case kindBool:
		w.boolean(bits != 0)
	case kindInt64:
		w.integer(int64(bits))
	default:
		w.float(bits)
	}
}
