// Calls everything of the SDK, once: what it adds to an empty module is what the SDK takes at most.
package main

import (
	"bext"
	"errors"
	"time"
)

func main() {}

// --- the guest ---

func start_1(text string, other bext.Handle) bext.Handle {
	parent, flags, _ := bext.ParseTraceparent(text)
	return bext.Start("builder",
		bext.WithKind(bext.KindConsumer),
		bext.WithParent(other),
		bext.WithRemoteParent(parent, flags, text),
		bext.WithAttributes(bext.String("key", text)),
		bext.WithLinks(bext.Link{Handle: other, Attributes: []bext.Attribute{bext.Int("key", 1)}}, bext.Link{Handle: other}),
		bext.WithStartTime(time.Unix(0, 5)))
}

//go:wasmexport on_request_complete_1
func onRequestComplete_1(text string) int32 {
	root := bext.Start("root", bext.WithKind(bext.KindServer))
	defer root.End()
	span := start_1(text, root)
	defer span.End()
	span.SetAttributes(
		bext.String("str", "text"),
		bext.Bool("bool", true),
		bext.Int64("i64", int64(bext.Dropped())),
		bext.Float64("f64", 0.5),
		bext.StringSlice("str_array", []string{"text"}),
		bext.BoolSlice("bool_array", []bool{true}),
		bext.Int64Slice("i64_array", []int64{1}),
		bext.Float64Slice("f64_array", []float64{0.5}),
		bext.String("traceparent", span.Traceparent(bext.FlagsSampled)))
	span.AddEvent("event")
	span.AddEventAt(time.Unix(0, 7), "event", bext.Int("key", 1))
	span.RecordError(errors.New("error"))
	span.SetStatus(bext.StatusUnset, "")
	span.SetStatus(bext.StatusError, text)
	span.SetStatus(bext.StatusOK, "")
	if host, there := bext.Current(); there {
		bext.Start("child", bext.WithKind(bext.KindClient), bext.WithParent(host)).End()
	}
	bext.Start("below", bext.WithCurrentParent()).EndAt(time.Unix(0, 9))
	return 0
}
