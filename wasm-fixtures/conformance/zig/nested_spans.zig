//! nested_spans - five levels, with a sibling beside each but the first.
const tracer = @import("bext_tracer");

fn nest(n: u8, above: tracer.Handle) void {
    if (n > 5) return;
    const digit = [_]u8{'0' + n};
    tracer.start("sibling " ++ digit, .{ .parent = .of(above) }).end();
    const level = tracer.start("level " ++ digit, .{ .parent = .of(above) });
    defer level.end();
    nest(n + 1, level);
}

export fn on_request_complete(event_json: ?[*]const u8, length: u32) i32 {
    _ = .{ event_json, length };
    const first = tracer.start("level 1", .{ .kind = .server });
    defer first.end();
    nest(2, first);
    return 0;
}
