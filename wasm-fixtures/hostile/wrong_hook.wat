;; Exports a hook of bext that takes other arguments, and one with a string but no bext_alloc.
(module
  (memory (export "memory") 1)
  (func (export "on_reload") (param i64))
  (func (export "on_request_complete") (param i32 i32)))
