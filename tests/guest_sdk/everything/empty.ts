export function on_request_complete(eventJson: usize, length: u32): i32 {
  return 0;
}
