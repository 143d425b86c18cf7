;; Conforms, and then passes pointers and lengths that lie outside its memory. It must never trap: every such call is dropped.
(module
  (import "bext" "start_span" (func $start_span (param i32 i32 i32)))
  (import "bext" "set_attribute" (func $set_attribute (param i64 i64 i64 i32 i32)))
  (import "bext" "set_status" (func $set_status (param i64 i64 i64 i32 i32)))
  (import "bext" "add_event" (func $add_event (param i64 i64 i64 i32 i32)))
  (import "bext" "end_span" (func $end_span (param i64 i64 i64 i64)))
  (import "bext" "current_span" (func $current_span (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\81\a4name\a8survivor")
  (func (export "bext_tracer_abi_v1"))
  (func (export "bext_alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "on_request_complete") (param i32 i32)
    ;; handle_out out of range: nothing is written
    (call $start_span (i32.const 0) (i32.const 15) (i32.const 0xffffffff))
    (call $start_span (i32.const 0) (i32.const 15) (i32.const 65513))
    (drop (call $current_span (i32.const 0xfffffff0)))
    ;; payload out of range, its end wrapping past 2^32 once
    (call $start_span (i32.const 0xffffffff) (i32.const 0xff) (i32.const 1024))
    (call $start_span (i32.const 65535) (i32.const 2) (i32.const 1024))
    (call $start_span (i32.const 0x80000000) (i32.const 15) (i32.const 1024))
    ;; too long
    (call $start_span (i32.const 0) (i32.const 0xffffffff) (i32.const 1024))
    ;; a real span, and bad calls on it
    (call $start_span (i32.const 0) (i32.const 15) (i32.const 1024))
    (call $set_attribute (i64.load (i32.const 1024)) (i64.load (i32.const 1032)) (i64.load (i32.const 1040))
      (i32.const 0xfffffff0) (i32.const 16))
    (call $set_status (i64.load (i32.const 1024)) (i64.load (i32.const 1032)) (i64.load (i32.const 1040))
      (i32.const 65536) (i32.const 1))
    (call $add_event (i64.load (i32.const 1024)) (i64.load (i32.const 1032)) (i64.load (i32.const 1040))
      (i32.const 0xffffffff) (i32.const 1))
    (call $end_span (i64.load (i32.const 1024)) (i64.load (i32.const 1032)) (i64.load (i32.const 1040)) (i64.const 0))))
