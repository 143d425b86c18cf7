package main

import (
	"bext"
	"math"
	"strings"
	"time"
)

func allAttributeTypes() {
	negativeZero := math.Copysign(0, -1)
	span := bext.Start("all attribute types", bext.WithAttributes(
		bext.String("str", "text"), bext.Bool("bool", true), bext.Int64("i64", math.MinInt64), bext.Float64("f64", negativeZero)))
	defer span.End()
	span.SetAttributes(
		bext.String("str", "overwritten"),
		bext.StringSlice("str_array", []string{"", "café", "🌍"}),
		bext.BoolSlice("bool_array", []bool{true, false}),
		bext.Int64Slice("i64_array", []int64{math.MinInt64, -33, -32, -1, 0, 127, 128, math.MaxInt64}),
		bext.Float64Slice("f64_array", []float64{0.5, negativeZero, math.Inf(1), math.NaN()}),
		bext.Int64Slice("empty_array", nil))
	span.AddEvent("measured", bext.Int("i64", -1), bext.BoolSlice("bool_array", []bool{true, false}))
}

func eventsAndStatus() {
	failed := bext.Start("failed", bext.WithKind(bext.KindClient))
	failed.AddEvent("attempt")
	failed.AddEvent("attempt", bext.Int("n", 2), bext.IntSlice("codes", []int{503, 504}), bext.String("reason", "busy"))
	failed.AddEventAt(time.Unix(1_700_000_000, 0), "gave up")
	failed.SetStatus(bext.StatusError, "no answer")
	failed.End()
	recovered := bext.Start("recovered")
	recovered.SetStatus(bext.StatusError, "first try")
	recovered.SetStatus(bext.StatusOK, "")
	recovered.SetStatus(bext.StatusError, "too late: ok is final")
	recovered.End()
	undecided := bext.Start("undecided")
	undecided.SetStatus(bext.StatusUnset, "")
	undecided.End()
}

func largePayload() {
	bext.SetBufferSize(80_000)
	span := bext.Start("large payload", bext.WithAttributes(bext.String("blob", strings.Repeat("x", 60_000))))
	defer span.End()
	numbers := make([]int, 1000)
	for i := range numbers {
		numbers[i] = i
	}
	span.AddEvent("numbers", bext.IntSlice("n", numbers))
	span.AddEvent("too large", bext.String("blob", strings.Repeat("y", 70_000)))
	span.SetAttributes(bext.Bool("after", true))
}

func illFormedStrings() {
	span := bext.Start("a\xffb", bext.WithAttributes(bext.String("k\xe2\x82", "\xed\xa0\x80!")))
	defer span.End()
	span.SetAttributes(bext.StringSlice("texts", []string{"ok", "\xf0\x9f\x8c", "\xf0\x9f\x8c\x8d"}))
	span.AddEvent("\xc0\x80e")
	span.SetStatus(bext.StatusError, "\xfe")
}
