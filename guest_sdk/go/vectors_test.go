//go:build !wasip1

package bext

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// object is one of JSON's.
type object = map[string]any

type vectorFile struct {
	Topic, Struct                       string
	Canonical, Accepted, Rejected, UTF8 []object
}

// vectors calls do with each golden vector of a struct in one section.
func vectors(t *testing.T, structName string, section func(vectorFile) []object, do func(t *testing.T, v object)) {
	t.Helper()
	paths, _ := filepath.Glob("../../abi/vectors/*.json")
	done := 0
	for _, path := range paths {
		file := readVectors(t, path)
		if file.Struct != structName {
			continue
		}
		for _, v := range section(file) {
			done++
			t.Run(file.Topic+":"+v["name"].(string), func(t *testing.T) { do(t, v) })
		}
	}
	if done == 0 {
		t.Fatal("no vectors found in ../../abi/vectors")
	}
}

func canonical(file vectorFile) []object { return file.Canonical }
func accepted(file vectorFile) []object  { return file.Accepted }
func rejected(file vectorFile) []object  { return file.Rejected }
func utf8Texts(file vectorFile) []object { return file.UTF8 }

func readVectors(t *testing.T, path string) (file vectorFile) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// bytesOf returns the bytes of "hex" and the like, however they are written.
func bytesOf(v object, key string) string {
	if text, exists := v[key]; exists {
		return unhex(text)
	}
	var all strings.Builder
	for _, part := range v[key+"_parts"].([]any) {
		pair := part.([]any)
		all.WriteString(strings.Repeat(unhex(pair[0]), int(pair[1].(float64))))
	}
	return all.String()
}

func unhex(text any) string {
	decoded, err := hex.DecodeString(text.(string))
	if err != nil {
		panic(err)
	}
	return string(decoded)
}

func number(text any) uint64 {
	if text == nil {
		return 0
	}
	parsed, err := strconv.ParseUint(text.(string), 10, 64)
	if err != nil {
		panic(err)
	}
	return parsed
}

func textOf(v any) string {
	if repeated, is := v.(object); is {
		pair := repeated["repeat_text"].([]any)
		return strings.Repeat(pair[0].(string), int(pair[1].(float64)))
	}
	text, _ := v.(string)
	return text
}

func arrayOf(v any) []any {
	if repeated, is := v.(object); is {
		pair := repeated["repeat_item"].([]any)
		items := make([]any, int(pair[1].(float64)))
		for i := range items {
			items[i] = pair[0]
		}
		return items
	}
	items, _ := v.([]any)
	return items
}

func handleOf(v any) (h Handle) {
	value := v.(object)
	ids := value["trace_id"].(string) + value["span_id"].(string)
	for i, part := range []*uint64{&h.TraceIDHi, &h.TraceIDLo, &h.SpanID} {
		*part, _ = strconv.ParseUint(ids[16*i:16*i+16], 16, 64)
	}
	return h
}

func timeOf(v any) time.Time {
	if v == nil {
		return time.Time{}
	}
	return time.Unix(0, int64(number(v)))
}

func integerOf(v any) int64 {
	parsed, err := strconv.ParseInt(v.(string), 10, 64)
	if err != nil {
		panic(err)
	}
	return parsed
}

func floatOf(v any) float64 {
	bits, err := strconv.ParseUint(v.(string), 16, 64)
	if err != nil {
		panic(err)
	}
	return math.Float64frombits(bits)
}

func each[T any](v any, convert func(any) T) []T {
	var all []T
	for _, item := range arrayOf(v) {
		all = append(all, convert(item))
	}
	return all
}

func attributeOf(key string, v any) Attribute {
	for kind, value := range v.(object) {
		switch kind {
		case "str":
			return String(key, textOf(value))
		case "bool":
			return Bool(key, value.(bool))
		case "i64":
			return Int64(key, integerOf(value))
		case "f64":
			return Float64(key, floatOf(value))
		case "str_array":
			return StringSlice(key, each(value, textOf))
		case "bool_array":
			return BoolSlice(key, each(value, func(v any) bool { return v.(bool) }))
		case "i64_array":
			return Int64Slice(key, each(value, integerOf))
		case "f64_array":
			return Float64Slice(key, each(value, floatOf))
		case "empty_array":
			return StringSlice(key, nil)
		}
	}
	panic(fmt.Sprintf("no attribute: %v", v))
}

func attributesOf(v object) []Attribute {
	var all []Attribute
	for _, item := range arrayOf(v["attributes"]) {
		pair := item.([]any)
		all = append(all, attributeOf(textOf(pair[0]), pair[1]))
	}
	return all
}

// startOf returns the options of a SpanStart, and whether this package can say it: it makes no host call below an
// invalid parent, and gives flags and trace state with a remote parent only.
func startOf(v object) (options []StartOption, sayable bool) {
	parent, exists := v["parent"]
	isRemote, _ := v["parent_is_remote"].(bool)
	flags := FlagsSampled
	if v["parent_flags"] != nil {
		flags = TraceFlags(number(v["parent_flags"]))
		sayable = uint64(flags) == number(v["parent_flags"])
	} else {
		sayable = true
	}
	switch {
	case exists && isRemote:
		options = append(options, WithRemoteParent(handleOf(parent), flags, textOf(v["trace_state"])))
	case exists:
		options = append(options, WithParent(handleOf(parent)))
	}
	hasRemoteFields := v["parent_flags"] != nil || v["trace_state"] != nil || isRemote
	sayable = sayable && (!hasRemoteFields || exists && isRemote) && (!exists || handleOf(parent).IsValid())
	kind, _ := v["kind"].(float64)
	var links []Link
	for _, item := range arrayOf(v["links"]) {
		link := item.(object)
		links = append(links, Link{handleOf(link["handle"]), attributesOf(link)})
	}
	options = append(options, WithKind(Kind(kind)), WithAttributes(attributesOf(v)...), WithLinks(links...))
	return append(options, WithStartTime(timeOf(v["start_time_unix_nanos"]))), sayable
}

func TestCanonicalSpanStart(t *testing.T) {
	vectors(t, "span_start", canonical, func(t *testing.T, v object) {
		value := v["value"].(object)
		options, sayable := startOf(value)
		if !sayable {
			t.Skip("nothing that this package says")
		}
		for name, options := range map[string][]StartOption{"in order": options, "reversed": reversed(options)} {
			r := record(t)
			SetBufferSize(1 << 20)
			Start(textOf(value["name"]), options...)
			if got := r.take(t); got != bytesOf(v, "hex") {
				t.Errorf("%s: % x", name, got)
			}
		}
	})
}

func reversed(options []StartOption) (all []StartOption) {
	for i := range options {
		all = append(all, options[len(options)-1-i])
	}
	return all
}

func TestCanonicalAttribute(t *testing.T) {
	vectors(t, "attribute", canonical, func(t *testing.T, v object) {
		r := record(t)
		SetBufferSize(1 << 20)
		value := v["value"].(object)
		started.SetAttributes(attributeOf(textOf(value["key"]), value["value"]))
		same(t, r.take(t), bytesOf(v, "hex"))
	})
}

func TestCanonicalEvent(t *testing.T) {
	vectors(t, "span_event", canonical, func(t *testing.T, v object) {
		r := record(t)
		SetBufferSize(1 << 20)
		value := v["value"].(object)
		started.AddEventAt(timeOf(value["time_unix_nanos"]), textOf(value["name"]), attributesOf(value)...)
		same(t, r.take(t), bytesOf(v, "hex"))
	})
}

func TestCanonicalStatus(t *testing.T) {
	vectors(t, "span_status", canonical, func(t *testing.T, v object) {
		r := record(t)
		SetBufferSize(1 << 20)
		value := v["value"].(object)
		started.SetStatus(StatusCode(value["code"].(float64)), textOf(value["message"]))
		same(t, r.take(t), bytesOf(v, "hex"))
	})
}

func TestHandleOfTheHost(t *testing.T) {
	vectors(t, "handle", canonical, func(t *testing.T, v object) {
		want := handleOf(v["value"])
		record(t).current = &want
		if got, exists := Current(); got != want || !exists {
			t.Errorf("current span %v, %v", got, exists)
		}
	})
}

func TestTextIsRepairedEverywhere(t *testing.T) {
	vectors(t, "text", utf8Texts, func(t *testing.T, v object) {
		r := record(t)
		raw, want := bytesOf(v, "hex"), bytesOf(v, "repaired_hex")
		Start(raw, WithRemoteParent(started, FlagsSampled, raw), WithAttributes(String(raw, raw)),
			WithLinks(Link{started, []Attribute{StringSlice(raw, []string{raw})}}))
		started.SetStatus(StatusError, raw)
		started.AddEvent(raw)
		if texts := strings.Count(r.calls[0].payload, want); texts < 6 {
			t.Errorf("%d texts in % x", texts, r.calls[0].payload)
		}
		for _, c := range r.calls {
			decode(t, c.payload)
			if !strings.Contains(c.payload, want) {
				t.Errorf("% x", c.payload)
			}
		}
	})
}

func TestTraceparentIsFormatted(t *testing.T) {
	vectors(t, "traceparent", canonical, func(t *testing.T, v object) {
		value := v["value"].(object)
		same(t, handleOf(value).Traceparent(TraceFlags(value["flags"].(float64))), v["text"].(string))
	})
}

func TestTraceparentIsRead(t *testing.T) {
	for _, section := range []func(vectorFile) []object{canonical, accepted} {
		vectors(t, "traceparent", section, func(t *testing.T, v object) {
			value := v["value"].(object)
			h, flags, valid := ParseTraceparent(v["text"].(string))
			if h != handleOf(value) || flags != TraceFlags(value["flags"].(float64)) || !valid {
				t.Error(h, flags, valid)
			}
		})
	}
}

func TestNoTraceparent(t *testing.T) {
	vectors(t, "traceparent", rejected, func(t *testing.T, v object) {
		if h, flags, valid := ParseTraceparent(v["text"].(string)); h != (Handle{}) || flags != 0 || valid {
			t.Error(h, flags, valid)
		}
	})
}
