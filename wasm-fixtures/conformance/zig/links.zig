//! links - a consumer of two producers: a link with attributes, one to an invalid handle, which is skipped, and one without attributes.
const tracer = @import("bext_tracer");

fn produce(name: []const u8) tracer.Handle {
    const producer = tracer.start(name, .{ .kind = .producer, .parent = .root });
    producer.end();
    return producer;
}

export fn on_request_complete(event_json: ?[*]const u8, length: u32) i32 {
    _ = .{ event_json, length };
    const first = produce("publish m-1");
    const second = produce("publish m-2");
    const batch = tracer.start("consume batch", .{
        .kind = .consumer,
        .parent = .root,
        .links = &.{
            .{ .handle = first, .attributes = &.{ .init("messaging.message.id", "m-1"), .init("retries", 2) } },
            .{ .handle = .invalid },
            .{ .handle = second },
        },
    });
    batch.end();
    return 0;
}
