;; Conforms, and then sends payloads that are no structs. It must never trap: every such call is dropped.
(module
  (import "bext" "start_span" (func $start_span (param i32 i32 i32)))
  (import "bext" "set_attribute" (func $set_attribute (param i64 i64 i64 i32 i32)))
  (import "bext" "set_status" (func $set_status (param i64 i64 i64 i32 i32)))
  (import "bext" "add_event" (func $add_event (param i64 i64 i64 i32 i32)))
  (import "bext" "end_span" (func $end_span (param i64 i64 i64 i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\81\a4name\a8survivor")
  (data (i32.const 64) "\dd\ff\ff\ff\ff")                         ;; an array that claims 2^32-1 items
  (data (i32.const 80) "\91\91\91\91\91\91\91\91\91\c0")          ;; nested nine deep
  (data (i32.const 96) "\81\a4name\a2\c3\28")                     ;; a name that is not UTF-8
  (data (i32.const 112) "\c1")                                    ;; the byte that msgpack reserves
  (data (i32.const 128) "\92\a1k\80")                             ;; an attribute whose value is a map
  (data (i32.const 144) "\81\a4code\07")                          ;; a status code that does not exist
  (data (i32.const 160) "\80")                                    ;; an event without a name
  (func (export "bext_tracer_abi_v1"))
  (func (export "bext_alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "on_request_complete") (param i32 i32)
    (call $start_span (i32.const 0) (i32.const 0) (i32.const 1024))      ;; empty
    (call $start_span (i32.const 0) (i32.const 14) (i32.const 1024))     ;; truncated
    (call $start_span (i32.const 0) (i32.const 16) (i32.const 1024))     ;; trailing byte
    (call $start_span (i32.const 64) (i32.const 5) (i32.const 1024))
    (call $start_span (i32.const 80) (i32.const 10) (i32.const 1024))
    (call $start_span (i32.const 96) (i32.const 9) (i32.const 1024))
    (call $start_span (i32.const 112) (i32.const 1) (i32.const 1024))
    (call $start_span (i32.const 0) (i32.const 15) (i32.const 1024))     ;; a real span, and bad calls on it
    (call $set_attribute (i64.load (i32.const 1024)) (i64.load (i32.const 1032)) (i64.load (i32.const 1040))
      (i32.const 128) (i32.const 4))
    (call $set_status (i64.load (i32.const 1024)) (i64.load (i32.const 1032)) (i64.load (i32.const 1040))
      (i32.const 144) (i32.const 7))
    (call $add_event (i64.load (i32.const 1024)) (i64.load (i32.const 1032)) (i64.load (i32.const 1040))
      (i32.const 160) (i32.const 1))
    (call $end_span (i64.load (i32.const 1024)) (i64.load (i32.const 1032)) (i64.load (i32.const 1040)) (i64.const 0))))
