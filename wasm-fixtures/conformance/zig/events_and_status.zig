//! events_and_status - events with and without attributes and time; statuses that overwrite each other, and one that changes nothing.
const tracer = @import("bext_tracer");

fn fail() void {
    const failed = tracer.start("failed", .{ .kind = .client, .parent = .root });
    defer failed.end();
    failed.addEvent("attempt", .{});
    failed.addEvent("attempt", .{
        .attributes = &.{ .init("n", 2), .init("codes", &.{ 503, 504 }), .init("reason", "busy") },
    });
    failed.addEvent("gave up", .{ .time = 1_700_000_000_000_000_000 });
    failed.setError("no answer");
}

fn recover() void {
    const ok = tracer.start("recovered", .{ .parent = .root });
    defer ok.end();
    ok.setError("first try");
    ok.setOk();
    ok.setError("too late: ok is final");
}

fn leaveUndecided() void {
    const unset = tracer.start("undecided", .{ .parent = .root });
    defer unset.end();
    unset.setStatus(.unset, "");
}

export fn on_request_complete(event_json: ?[*]const u8, length: u32) i32 {
    _ = .{ event_json, length };
    fail();
    recover();
    leaveUndecided();
    return 0;
}
