;; Needs functions that nobody provides: one under our module's name, one elsewhere, with a name that is not to be printed as it is.
(module
  (import "bext" "teleport" (func (param i32)))
  (import "env" "abort\1b[31m" (func))
  (memory (export "memory") 1)
  (func (export "bext_tracer_abi_v1"))
  (func (export "on_reload")))
