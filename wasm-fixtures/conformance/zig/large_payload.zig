//! large_payload - payloads near the host's limit, and one above it, for which the SDK is given a larger buffer.
const tracer = @import("bext_tracer");

pub const bext_tracer_options: tracer.Options = .{ .scratch_size = 80_000 };

var blob: [70_000]u8 = undefined;
var numbers: [1000]i64 = undefined;

export fn on_request_complete(event_json: ?[*]const u8, length: u32) i32 {
    _ = .{ event_json, length };
    @memset(&blob, 'x');
    for (&numbers, 0..) |*number, i| number.* = @intCast(i);
    const span = tracer.start("large payload", .{
        .parent = .root,
        .attributes = &.{.init("blob", blob[0..60_000])},
    });
    defer span.end();
    span.addEvent("numbers", .{ .attributes = &.{.init("n", &numbers)} });
    @memset(&blob, 'y');
    span.addEvent("too large", .{ .attributes = &.{.init("blob", &blob)} });
    span.set("after", true);
    return 0;
}
