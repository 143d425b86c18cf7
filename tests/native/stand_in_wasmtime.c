/* stand_in_wasmtime.c - it finds fault with one thing: a memory that is asked for in another store than its own. */
#include "stand_in_wasmtime.h"

#include <stdlib.h>

static bool export_get(void *caller, const char *name, size_t length, bext_wasm_extern *out) {
  (void)name, (void)length;
  *out = (bext_wasm_extern){.kind = BEXT_WASM_EXTERN_MEMORY, .of.memory.in_store.store_id = ((stand_in_store *)caller)->id};
  return true;
}

static void *same(void *thing) { return thing; }

static void no_extern(bext_wasm_extern *item) { (void)item; }

static void nothing(void *thing) { (void)thing; }

static uint8_t *data(const void *context, const bext_wasm_memory *memory) {
  stand_in_store *of = (stand_in_store *)(uintptr_t)context;
  if (memory->in_store.store_id != of->id) abort();
  return of->memory;
}

static size_t data_size(const void *context, const bext_wasm_memory *memory) { return data(context, memory) ? STAND_IN_MEMORY_BYTES : 0; }

static void *memory_type(const void *context, const bext_wasm_memory *memory) { return data(context, memory); }

static bool is_64(const void *type) { return type == NULL; }

static void *get_fuel(const void *context, uint64_t *fuel) {
  *fuel = ((const stand_in_store *)context)->fuel;
  return NULL;
}

static void *set_fuel(void *context, uint64_t fuel) {
  ((stand_in_store *)context)->fuel = fuel;
  return NULL;
}

static void *functype_new(bext_wasm_types *params, bext_wasm_types *results) {
  (void)results;
  return params;
}

static void func_new(void *context, const void *type, bext_host_callback *callback, void *env, void (*finalizer)(void *env),
                     bext_wasm_func *out) {
  (void)type, (void)callback, (void)out;
  ((stand_in_store *)context)->watcher = env;
  ((stand_in_store *)context)->gone = finalizer;
}

static void *trap_new(const char *message, size_t length) { return (void *)(uintptr_t)(message + length); }

static void *define(void *linker, const char *module, size_t module_length, const char *name, size_t name_length, const void *type,
                    bext_host_callback *callback, void *env, void (*finalizer)(void *env)) {
  (void)module, (void)module_length, (void)name, (void)name_length, (void)type;
  stand_in_linker *of = linker;
  of->env = env;
  of->finalizers[of->count] = finalizer;
  of->callbacks[of->count++] = callback;
  return NULL;
}

const bext_wasmtime_api stand_in_wasmtime = {
    export_get, same,     no_extern, data,         data_size,       memory_type, is_64,    nothing,
    get_fuel,   set_fuel, nothing,   functype_new, nothing,         func_new,    trap_new, define,
};
