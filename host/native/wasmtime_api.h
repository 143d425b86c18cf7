/*
 * wasmtime_api.h - the little of wasmtime's C API that host calls use: layouts, and function pointers that are taken at start-up from the
 * library which the Python package has loaded. The layouts are checked there against wasmtime's own bindings before anything is called.
 */
#ifndef BEXT_WASMTIME_API_H
#define BEXT_WASMTIME_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BEXT_WASM_EXTERN_MEMORY 3

/* wasmtime_memory_t: the store's id, never given out again, and two numbers of wasmtime's own. */
typedef struct bext_wasm_memory {
  struct {
    uint64_t store_id;
    uint32_t private_1;
  } in_store;
  uint32_t private_2;
} bext_wasm_memory;

/* wasmtime_extern_t */
typedef struct bext_wasm_extern {
  uint8_t kind;
  union {
    bext_wasm_memory memory;
    uint64_t room[3];
  } of;
} bext_wasm_extern;

/* wasmtime_val_raw_t: an i32 stands in the first four bytes, least significant first. */
typedef union bext_wasm_value {
  uint32_t i32;
  uint64_t i64;
  uint64_t room[2];
} bext_wasm_value;

/* wasmtime_func_t, of which nothing is read. */
typedef struct bext_wasm_func {
  uint64_t room[2];
} bext_wasm_func;

/* wasm_valtype_vec_t */
typedef struct bext_wasm_types {
  size_t size;
  void **types;
} bext_wasm_types;

typedef void *bext_host_callback(void *env, void *caller, bext_wasm_value *values, size_t count);

/* Pointers to functions of wasmtime, in the names of its header without the prefix. */
typedef struct bext_wasmtime_api {
  bool (*caller_export_get)(void *caller, const char *name, size_t length, bext_wasm_extern *out);
  void *(*caller_context)(void *caller);
  void (*extern_delete)(bext_wasm_extern *item);
  uint8_t *(*memory_data)(const void *context, const bext_wasm_memory *memory);
  size_t (*memory_data_size)(const void *context, const bext_wasm_memory *memory);
  void *(*memory_type)(const void *context, const bext_wasm_memory *memory);
  bool (*memorytype_is64)(const void *type);
  void (*memorytype_delete)(void *type);
  void *(*context_get_fuel)(const void *context, uint64_t *fuel);
  void *(*context_set_fuel)(void *context, uint64_t fuel);
  void (*error_delete)(void *error);
  void *(*functype_new)(bext_wasm_types *params, bext_wasm_types *results);
  void (*functype_delete)(void *type);
  void (*func_new_unchecked)(void *context, const void *type, bext_host_callback *callback, void *env, void (*finalizer)(void *env),
                             bext_wasm_func *out);
  void *(*trap_new)(const char *message, size_t length);
  void *(*linker_define_func_unchecked)(void *linker, const char *module, size_t module_length, const char *name,
                                        size_t name_length, const void *type, bext_host_callback *callback, void *env,
                                        void (*finalizer)(void *env));
} bext_wasmtime_api;

#endif /* BEXT_WASMTIME_API_H */
