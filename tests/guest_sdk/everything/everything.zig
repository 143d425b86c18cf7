//! Calls everything of the SDK, once: what it adds to an empty module is what the SDK takes at most.
const tracer = @import("bext_tracer");

// --- the guest ---

fn describe_1(span: *const tracer.Handle, text: []const u8) void {
    if (span.traceparent(true)) |*header| span.set("a", header);
    span.addEvent("a", .{ .attributes = &.{.init("a", true)}, .time = 7 });
    span.setStatus(.unset, text);
    span.setError(text);
    span.setOk();
    span.end();
}

export fn on_request_complete_1(event_json: [*]const u8, length: u32) u32 {
    const text = event_json[0..length];
    const span = tracer.start(text, .{
        .kind = .server,
        .attributes = &.{
            .init("a", "a"),
            .init("a", true),
            .init("a", 1),
            .init("a", 0.5),
            .init("a", &.{"a"}),
            .init("a", &.{true}),
            .init("a", &.{1}),
            .init("a", &.{0.5}),
        },
    });
    tracer.start(text, .{
        .parent = if (tracer.currentSpan()) |host| .of(host) else if (length > 0) .fromTraceparent(text, text) else .root,
        .links = &.{.{ .handle = span, .attributes = &.{.init("a", true)} }},
        .start_time = 5,
    }).endAt(9);
    describe_1(&span, text);
    return @truncate(tracer.dropped());
}
