//! all_attribute_types - each of the eight types, at the start, afterwards and on an event, with values at the edges.
const tracer = @import("bext_tracer");

const lowest = -0x8000_0000_0000_0000;
const highest = 0x7fff_ffff_ffff_ffff;
const infinity = @as(f64, @bitCast(@as(u64, 0x7ff0_0000_0000_0000)));
const nan = @as(f64, @bitCast(@as(u64, 0x7ff8_0000_0000_0000)));

export fn on_request_complete(event_json: ?[*]const u8, length: u32) i32 {
    _ = .{ event_json, length };
    const span = tracer.start("all attribute types", .{
        .parent = .root,
        .attributes = &.{ .init("str", "text"), .init("bool", true), .init("i64", lowest), .init("f64", -0.0) },
    });
    defer span.end();
    span.set("str", "overwritten");
    span.set("str_array", &.{ "", "café", "🌍" });
    span.set("bool_array", &.{ true, false });
    span.set("i64_array", [_]i64{ lowest, -33, -32, -1, 0, 127, 128, highest });
    span.set("f64_array", &.{ 0.5, -0.0, infinity, nan });
    span.set("empty_array", [_]i64{});
    span.addEvent("measured", .{ .attributes = &.{ .init("i64", -1), .init("bool_array", &.{ true, false }) } });
    return 0;
}
