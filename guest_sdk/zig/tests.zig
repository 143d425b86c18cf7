//! What a guest sees of the SDK, with a host that remembers the last call. The bytes are held to the golden vectors elsewhere: from
//! tests/guest_sdk/test_zig_vectors.py, through a driver.

const std = @import("std");
const tracer = @import("bext_tracer");

const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

const some: tracer.Handle = .{ .trace_id_hi = 1, .trace_id_lo = 2, .span_id = 3 };

// --- The host -------------------------------------------------------------------------------------------------------

var calls: u32 = 0;
var kept: [4096]u8 = undefined;
var payload: []const u8 = "";
var length: usize = 0;
var current: ?tracer.Handle = null;

fn keep(ptr: [*]const u8, len: u32) void {
    calls += 1;
    length = len;
    payload = kept[0..@min(len, kept.len)];
    @memcpy(kept[0..payload.len], ptr);
}

export fn bext_abi_start_span(ptr: [*]const u8, len: u32, handle_out: *tracer.Handle) void {
    keep(ptr, len);
    handle_out.* = some;
}

export fn bext_abi_set_attribute(_: u64, _: u64, _: u64, ptr: [*]const u8, len: u32) void {
    keep(ptr, len);
}

export fn bext_abi_set_status(_: u64, _: u64, _: u64, ptr: [*]const u8, len: u32) void {
    keep(ptr, len);
}

export fn bext_abi_add_event(_: u64, _: u64, _: u64, ptr: [*]const u8, len: u32) void {
    keep(ptr, len);
}

export fn bext_abi_end_span(_: u64, _: u64, _: u64, _: u64) void {
    calls += 1;
}

export fn bext_abi_current_span(handle_out: *tracer.Handle) u32 {
    handle_out.* = current orelse return 0;
    return 1;
}

// --- Attributes -----------------------------------------------------------------------------------------------------

fn expectSet(expected: []const u8, value: anytype) !void {
    some.set("k", value);
    try expectEqualStrings("\x92\xa1k", payload[0..3]);
    try expectEqualStrings(expected, payload[3..]);
}

test "the type of a value picks the type of the attribute" {
    var text = "text".*;
    try expectSet("\xa4text", "text");
    try expectSet("\xa4text", text);
    try expectSet("\xa4text", &text);
    try expectSet("\xa4text", @as([]u8, &text));
    try expectSet("\xa4text", @as([:0]const u8, "text"));
    try expectSet("\xc3", true);
    try expectSet("\x2a", 42);
    try expectSet("\xff", @as(i8, -1));
    try expectSet("\xcc\xff", @as(u8, 255));
    try expectSet("\xce\xff\xff\xff\xff", @as(u32, 0xffff_ffff));
    try expectSet("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", @as(u63, 0x7fff_ffff_ffff_ffff));
    try expectSet("\xd3\x80\x00\x00\x00\x00\x00\x00\x00", @as(i64, -0x8000_0000_0000_0000));
    try expectSet("\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", 1.5);
    try expectSet("\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", @as(f16, 1.5));
    try expectSet("\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", @as(f32, 1.5));
}

test "arrays: slices, pointers, values and literals" {
    const texts = [_][]const u8{ "a", "b" };
    const numbers = [_]i64{ 1, 2 };
    for ([_]tracer.Value{ .init(&texts), .init(@as([]const []const u8, &texts)), .init(&.{ "a", "b" }) }) |value| {
        try expectSet("\x92\xa1a\xa1b", value);
    }
    for ([_]tracer.Value{ .init(&numbers), .init(@as([]const i64, &numbers)), .init(&.{ 1, 2 }) }) |value| {
        try expectSet("\x92\x01\x02", value);
    }
    try expectSet("\x92\xa1a\xa1b", texts);
    try expectSet("\x92\x01\x02", numbers);
    try expectSet("\x92\xc3\xc2", &.{ true, false });
    try expectSet("\x91\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", &.{1.5});
    try expectSet("\x90", &.{});
    try expectSet("\x90", @as([]const bool, &.{}));
}

// --- Spans ----------------------------------------------------------------------------------------------------------

test "a span is below the host's, a root where there is none" {
    current = some;
    _ = tracer.start("s", .{});
    try expectEqualStrings("\x82\xa4name\xa1s\xa6parent\x93\x01\x02\x03", payload);
    current = null;
    _ = tracer.start("s", .{});
    try expectEqualStrings("\x81\xa4name\xa1s", payload);
}

test "nothing is called on an invalid handle, and nothing counted" {
    calls = 0;
    const span = tracer.start("s", .{ .parent = .of(.invalid) });
    span.set("k", "v");
    span.addEvent("e", .{});
    span.setError("why");
    span.end();
    try expectEqual(tracer.Handle.invalid, span);
    try expectEqual(null, span.traceparent(true));
    try expectEqual(0, calls);
    try expectEqual(0, tracer.dropped());
}

test "a traceparent there and back" {
    const header = some.traceparent(true).?;
    try expectEqualStrings("00-00000000000000010000000000000002-0000000000000003-01", &header);
    const context = tracer.TraceContext.parse(&header).?;
    try expectEqual(some, context.handle);
    try expectEqual(1, context.flags);
    try expectEqual(null, tracer.TraceContext.parse(header[0..54]));
}

// --- Drops ----------------------------------------------------------------------------------------------------------

test "what does not fit is dropped alone, and counted" {
    const long: [70_000]u8 = @splat('x');
    const before = tracer.dropped();
    _ = tracer.start("s", .{ .parent = .root, .attributes = &.{ .init("long", &long), .init("k", 1) } });
    try expectEqualStrings("\x82\xa4name\xa1s\xaaattributes\x81\xa1k\x01", payload);
    calls = 0;
    some.set("long", &long);
    try expectEqual(0, calls);
    some.setError(&long);
    try expectEqual(8192 - 5 + "\x82\xa4code\x02\xa7message\xda\x1f\xfb".len, length);
    try expectEqual(before + 3, tracer.dropped());
}
