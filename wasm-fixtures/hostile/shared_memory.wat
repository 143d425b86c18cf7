;; Exports a shared memory, whose bytes could change while the host reads them.
(module
  (import "bext" "current_span" (func $current_span (param i32) (result i32)))
  (memory (export "memory") 1 2 shared)
  (func (export "bext_tracer_abi_v1"))
  (func (export "on_reload") (drop (call $current_span (i32.const 0)))))
