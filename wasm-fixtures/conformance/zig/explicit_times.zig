//! explicit_times - spans and an event at given times, and a span that ends before it starts.
const tracer = @import("bext_tracer");

const t = 1_700_000_000_000_000_000;

export fn on_request_complete(event_json: ?[*]const u8, length: u32) i32 {
    _ = .{ event_json, length };
    const span = tracer.start("explicit", .{ .parent = .root, .start_time = t });
    span.addEvent("between", .{ .time = t + 1_500_000_000 });
    span.endAt(t + 2_000_000_000);
    const early = tracer.start("ends before it starts", .{ .parent = .root, .start_time = t });
    early.endAt(t - 1);
    return 0;
}
