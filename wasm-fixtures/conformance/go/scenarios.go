// Scenarios is every conformance scenario in one module, since Go's runtime is large: the event names the one to do.
package main

import (
	"bext"
	"strings"
)

var scenarios = []struct {
	name string
	do   func()
}{
	{"hello_span", helloSpan},
	{"nested_spans", nestedSpans},
	{"all_attribute_types", allAttributeTypes},
	{"events_and_status", eventsAndStatus},
	{"explicit_times", explicitTimes},
	{"remote_parent", remoteParent},
	{"links", links},
	{"unsampled", unsampled},
	{"large_payload", largePayload},
	{"ill_formed_strings", illFormedStrings},
}

// onRequestComplete does the scenario of an event such as {"scenario": "links"}, and returns 1 where it names none.
//
//go:wasmexport on_request_complete
func onRequestComplete(event string) int32 {
	for _, scenario := range scenarios {
		if strings.Contains(event, `"`+scenario.name+`"`) {
			scenario.do()
			return 0
		}
	}
	return 1
}

func main() {}

func helloSpan() {
	hello := bext.Start("hello", bext.WithCurrentParent())
	defer hello.End()
	hello.SetAttributes(bext.String("greeting", "hello from a plugin"), bext.Int("answer", 42))
	hello.AddEvent("said hello")
	hello.SetStatus(bext.StatusOK, "")
}
