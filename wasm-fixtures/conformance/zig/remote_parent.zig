//! remote_parent - a traceparent comes in, another one goes out, and one is not well-formed.
const tracer = @import("bext_tracer");

fn callOut(inbound: tracer.Handle) void {
    const call = tracer.start("call out", .{ .kind = .client, .parent = .of(inbound) });
    defer call.end();
    if (call.traceparent(true)) |header| call.set("http.request.header.traceparent", header);
}

export fn on_request_complete(event_json: ?[*]const u8, length: u32) i32 {
    _ = .{ event_json, length };
    const inbound = tracer.start("inbound", .{
        .kind = .server,
        .parent = .fromTraceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=value,other=1"),
    });
    callOut(inbound);
    inbound.end();
    const other = tracer.start("no parent", .{
        .kind = .server,
        .parent = .fromTraceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", ""),
    });
    other.end();
    return 0;
}
