export fn on_request_complete(_: [*]const u8, _: u32) i32 {
    return 0;
}
