//! Calls everything of the SDK, once: what it adds to an empty module is what the SDK takes at most.
const tracer = @import("bext_tracer");

var buffer: [8192]u8 = undefined;

fn start(text: []const u8, other: tracer.Handle) tracer.Handle {
    return tracer.start("builder", .{
        .kind = .consumer,
        .parent = .fromTraceparent(text, text),
        .attributes = &.{.init("key", text)},
        .links = &.{ .{ .handle = other, .attributes = &.{.init("key", 1)} }, .{ .handle = other } },
        .start_time = 5,
        .buffer = &buffer,
    });
}

export fn on_request_complete(event_json: [*]const u8, length: u32) i32 {
    const text = event_json[0..length];
    const root = tracer.start("root", .{ .kind = .server, .parent = .root });
    defer root.end();
    const span = start(text, root);
    defer span.end();
    span.set("str", "text");
    span.set("bool", true);
    span.set("i64", tracer.dropped());
    span.set("f64", 0.5);
    span.set("str_array", &.{"text"});
    span.set("bool_array", &.{true});
    span.set("i64_array", &.{1});
    span.set("f64_array", &.{0.5});
    if (span.traceparent(true)) |header| span.set("traceparent", header);
    span.addEvent("event", .{});
    span.addEvent("event", .{ .attributes = &.{.init("key", 1)}, .time = 7, .buffer = &buffer });
    span.setStatus(.unset, "");
    span.setError(text);
    span.setOk();
    if (tracer.currentSpan()) |host| tracer.start("child", .{ .kind = .client, .parent = .of(host) }).end();
    tracer.start("below", .{}).endAt(9);
    return 0;
}
