//! hello_span - one span with two attributes, an event and a status.
const tracer = @import("bext_tracer");

export fn on_request_complete(event_json: ?[*]const u8, length: u32) i32 {
    _ = .{ event_json, length };
    const hello = tracer.start("hello", .{});
    defer hello.end();
    hello.set("greeting", "hello from a plugin");
    hello.set("answer", 42);
    hello.addEvent("said hello", .{});
    hello.setOk();
    return 0;
}
