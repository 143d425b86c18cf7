// --- the guest ---
export function on_request_complete_1(eventJson: usize, length: u32): i32 {
  return 0;
}
