//! ill_formed_strings - bytes that are no UTF-8, wherever text may stand.
const tracer = @import("bext_tracer");

export fn on_request_complete(event_json: ?[*]const u8, length: u32) i32 {
    _ = .{ event_json, length };
    const span = tracer.start("\x61\xff\x62", .{
        .parent = .root,
        .attributes = &.{.init("\x6b\xe2\x82", "\xed\xa0\x80\x21")},
    });
    defer span.end();
    span.set("texts", &.{ "ok", "\xf0\x9f\x8c", "\xf0\x9f\x8c\x8d" });
    span.addEvent("\xc0\x80\x65", .{});
    span.setError("\xfe");
    return 0;
}
