;; Speaks a version of the ABI that this host does not know.
(module
  (import "bext" "current_span" (func $current_span (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "bext_tracer_abi_v9"))
  (func (export "on_reload") (drop (call $current_span (i32.const 0)))))
