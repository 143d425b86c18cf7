//! unsampled - what was not sampled costs nothing: below an invalid parent no host function is called. Of two remote parents one says
//! "not sampled", so the host answers with an invalid handle where its policy looks at remote parents at all.
const tracer = @import("bext_tracer");

fn startBelowRemote(name: []const u8, traceparent: []const u8) tracer.Handle {
    return tracer.start(name, .{ .kind = .server, .parent = .fromTraceparent(traceparent, "vendor=value") });
}

fn traceWork(parent: tracer.Handle) void {
    const work = tracer.start("work", .{ .parent = .of(parent) });
    defer work.end();
    work.set("items", 3);
    work.addEvent("half way", .{});
    work.setOk();
}

export fn on_request_complete(event_json: ?[*]const u8, length: u32) i32 {
    _ = .{ event_json, length };
    traceWork(.invalid);
    const declined = startBelowRemote("not sampled", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
    traceWork(declined);
    declined.end();
    const sampled = startBelowRemote("sampled", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    traceWork(sampled);
    sampled.end();
    return 0;
}
