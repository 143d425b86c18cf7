//! large_payload - payloads that need a buffer of their own, one of them larger than the host takes.
const tracer = @import("bext_tracer");

var buffer: [80_000]u8 = undefined;
var blob: [70_000]u8 = undefined;
var numbers: [1000]i64 = undefined;

export fn on_request_complete(event_json: ?[*]const u8, length: u32) i32 {
    _ = .{ event_json, length };
    @memset(&blob, 'x');
    for (&numbers, 0..) |*number, i| number.* = @intCast(i);
    const span = tracer.start("large payload", .{
        .parent = .root,
        .attributes = &.{.init("blob", blob[0..60_000])},
        .buffer = &buffer,
    });
    defer span.end();
    span.addEvent("numbers", .{ .attributes = &.{.init("n", &numbers)}, .buffer = &buffer });
    @memset(&blob, 'y');
    span.addEvent("too large", .{ .attributes = &.{.init("blob", &blob)}, .buffer = &buffer });
    span.set("after", true);
    return 0;
}
