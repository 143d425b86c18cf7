#![no_std]

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

// --- the guest ---

#[export_name = "on_request_complete"]
pub extern fn on_request_complete_1(_event_json: *const u8, _length: usize) -> i32 {
    0
}
