// --- the guest ---

export fn on_request_complete_1(_: [*]const u8, _: u32) i32 {
    return 0;
}
