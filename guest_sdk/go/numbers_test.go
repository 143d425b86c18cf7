package bext

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// The numbers that this package repeats, by their names in abi/bext_tracer_abi.h.
var repeated = map[string]uint64{
	"BEXT_SPAN_KIND_INTERNAL":   uint64(KindInternal),
	"BEXT_SPAN_KIND_SERVER":     uint64(KindServer),
	"BEXT_SPAN_KIND_CLIENT":     uint64(KindClient),
	"BEXT_SPAN_KIND_PRODUCER":   uint64(KindProducer),
	"BEXT_SPAN_KIND_CONSUMER":   uint64(KindConsumer),
	"BEXT_STATUS_UNSET":         uint64(StatusUnset),
	"BEXT_STATUS_OK":            uint64(StatusOK),
	"BEXT_STATUS_ERROR":         uint64(StatusError),
	"BEXT_TRACE_FLAG_SAMPLED":   uint64(FlagsSampled),
	"BEXT_PARENT_FLAGS_DEFAULT": uint64(FlagsSampled),
	"BEXT_LIMIT_PAYLOAD_BYTES":  defaultBufferSize,
}

func TestNumbersAreThoseOfTheABI(t *testing.T) {
	header, err := os.ReadFile("../../abi/bext_tracer_abi.h")
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range repeated {
		match := regexp.MustCompile(name + `(?: =)? (\d+)`).FindSubmatch(header)
		if match == nil {
			t.Errorf("%s is not in the header", name)
		} else if want, _ := strconv.ParseUint(string(match[1]), 10, 64); got != want {
			t.Errorf("%s is %d, not %d", name, want, got)
		}
	}
}
