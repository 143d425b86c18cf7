;; Exports a 64-bit memory, which 32-bit pointers cannot name.
(module
  (import "bext" "current_span" (func $current_span (param i32) (result i32)))
  (memory (export "memory") i64 1)
  (func (export "bext_tracer_abi_v1"))
  (func (export "on_reload") (drop (call $current_span (i32.const 0)))))
