package main

import (
	"bext"
	"time"
)

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func nestedSpans() {
	level := bext.Start("level 1", bext.WithKind(bext.KindServer), bext.WithCurrentParent())
	defer level.End()
	for _, n := range []string{"2", "3", "4", "5"} {
		bext.Start("sibling "+n, bext.WithParent(level)).End()
		level = bext.Start("level "+n, bext.WithParent(level))
		defer level.End()
	}
}

func explicitTimes() {
	t := time.Unix(0, 1_700_000_000_000_000_000)
	span := bext.Start("explicit", bext.WithStartTime(t))
	span.AddEventAt(t.Add(1500*time.Millisecond), "between")
	span.EndAt(t.Add(2 * time.Second))
	early := bext.Start("ends before it starts", bext.WithStartTime(t))
	early.EndAt(t.Add(-1))
}

func remoteParent() {
	parent, flags, _ := bext.ParseTraceparent(traceparent)
	inbound := bext.Start("inbound", bext.WithKind(bext.KindServer), bext.WithRemoteParent(parent, flags, "vendor=value,other=1"))
	call := bext.Start("call out", bext.WithKind(bext.KindClient), bext.WithParent(inbound))
	call.SetAttributes(bext.String("http.request.header.traceparent", call.Traceparent(bext.FlagsSampled)))
	call.End()
	inbound.End()
	parent, flags, _ = bext.ParseTraceparent(traceparent[:len(traceparent)-1])
	bext.Start("no parent", bext.WithKind(bext.KindServer), bext.WithRemoteParent(parent, flags, "")).End()
}

func links() {
	first := bext.Start("publish m-1", bext.WithKind(bext.KindProducer))
	first.End()
	second := bext.Start("publish m-2", bext.WithKind(bext.KindProducer))
	second.End()
	about := []bext.Attribute{bext.String("messaging.message.id", "m-1"), bext.Int("retries", 2)}
	batch := bext.Start("consume batch",
		bext.WithKind(bext.KindConsumer),
		bext.WithLinks(bext.Link{Handle: first, Attributes: about}, bext.Link{}, bext.Link{Handle: second}))
	batch.End()
}

func unsampled() {
	work(bext.Handle{})
	declined := startServer("not sampled", traceparent[:len(traceparent)-1]+"0")
	work(declined)
	declined.End()
	sampled := startServer("sampled", traceparent)
	work(sampled)
	sampled.End()
}

func startServer(name, traceparent string) bext.Handle {
	parent, flags, _ := bext.ParseTraceparent(traceparent)
	return bext.Start(name, bext.WithKind(bext.KindServer), bext.WithRemoteParent(parent, flags, "vendor=value"))
}

func work(parent bext.Handle) {
	span := bext.Start("work", bext.WithParent(parent))
	defer span.End()
	span.SetAttributes(bext.Int("items", 3))
	span.AddEvent("half way")
	span.SetStatus(bext.StatusOK, "")
}
