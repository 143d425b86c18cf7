package bext_test

import (
	"errors"
	"time"

	"bext"
)

func Example() {
	request := bext.Start("GET /", bext.WithKind(bext.KindServer), bext.WithCurrentParent())
	defer request.End()
	query := bext.Start("db.query", bext.WithKind(bext.KindClient), bext.WithParent(request))
	query.SetAttributes(bext.String("db.system.name", "sqlite"))
	query.End()
	request.SetStatus(bext.StatusOK, "")
}

func ExampleWithRemoteParent() {
	parent, flags, _ := bext.ParseTraceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	span := bext.Start("inbound", bext.WithRemoteParent(parent, flags, "vendor=value"))
	defer span.End()
}

func ExampleWithLinks() {
	var published []bext.Handle // of the messages
	links := make([]bext.Link, 0, len(published))
	for _, handle := range published {
		links = append(links, bext.Link{Handle: handle})
	}
	bext.Start("consume batch", bext.WithKind(bext.KindConsumer), bext.WithLinks(links...)).End()
}

func ExampleHandle_RecordError() {
	span := bext.Start("fetch")
	defer span.End()
	if err := errors.New("no answer"); err != nil {
		span.RecordError(err)
		span.SetStatus(bext.StatusError, err.Error())
	}
}

func ExampleHandle_EndAt() {
	start := time.Now()
	span := bext.Start("fetch", bext.WithStartTime(start))
	span.EndAt(start.Add(20 * time.Millisecond))
}

func ExampleHandle_Traceparent() {
	call := bext.Start("call out", bext.WithKind(bext.KindClient))
	defer call.End()
	headers := map[string]string{"traceparent": call.Traceparent(bext.FlagsSampled)}
	_ = headers
}
