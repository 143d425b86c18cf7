/* caller.c - the calls into wasmtime. */
#include "caller.h"

#include <stdlib.h>
#include <string.h>

#include "hot.h"

static bext_wasmtime_api wasmtime;

void bext_set_wasmtime_api(const bext_wasmtime_api *api) { wasmtime = *api; }

static const bext_wasm_memory *memory_of(const bext_caller *caller) { return &caller->item.of.memory; }

BEXT_COLD static bool is_64_bit(const bext_caller *caller) {
  void *type = wasmtime.memory_type(caller->context, memory_of(caller));
  bool is64 = wasmtime.memorytype_is64(type);
  wasmtime.memorytype_delete(type);
  return is64;
}

static bool is_same_memory(const bext_wasm_memory *a, const bext_wasm_memory *b) {
  return a->in_store.store_id == b->in_store.store_id && a->in_store.private_1 == b->in_store.private_1 && a->private_2 == b->private_2;
}

void bext_caller_open(bext_caller *caller, void *wasmtime_caller) {
  caller->context = wasmtime.caller_context(wasmtime_caller);
  caller->has_memory = false;
  caller->least_size = 0;
}

/* Looks at what a name stands for that is not known yet. */
BEXT_COLD static void judge(bext_caller *caller) {
  if (caller->item.kind == BEXT_WASM_EXTERN_MEMORY) caller->has_memory = !is_64_bit(caller);
  else wasmtime.extern_delete(&caller->item);
}

void bext_caller_find_memory(bext_caller *caller, void *wasmtime_caller, const bext_known_memory *known) {
  static const char name[] = "memory";
  if (!wasmtime.caller_export_get(wasmtime_caller, name, sizeof name - 1, &caller->item)) return;
  caller->has_memory = caller->item.kind == BEXT_WASM_EXTERN_MEMORY && known && is_same_memory(&known->memory, memory_of(caller));
  if (caller->has_memory) caller->least_size = known->size;
  else judge(caller);
}

bext_known_memory bext_caller_memory(const bext_caller *caller) {
  return (bext_known_memory){*memory_of(caller), wasmtime.memory_data_size(caller->context, memory_of(caller))};
}

static void *do_nothing(void *env, void *caller, bext_wasm_value *values, size_t count) {
  (void)env, (void)caller, (void)values, (void)count;
  return NULL;
}

/* A function in the store that nobody gets: it goes when the store goes. */
void bext_caller_watch_store(const bext_caller *caller, void *env, void (*gone)(void *env)) {
  bext_wasm_types none = {0, NULL}, none_either = {0, NULL};
  bext_wasm_func unused;
  void *type = wasmtime.functype_new(&none, &none_either);
  wasmtime.func_new_unchecked(caller->context, type, do_nothing, env, gone, &unused);
  wasmtime.functype_delete(type);
}

bool bext_caller_meters_fuel(const bext_caller *caller) {
  uint64_t fuel;
  void *error = wasmtime.context_get_fuel(caller->context, &fuel);
  if (error) wasmtime.error_delete(error);
  return error == NULL;
}

void bext_caller_charge_fuel(const bext_caller *caller, uint64_t price) {
  uint64_t fuel = 0;
  void *error = wasmtime.context_get_fuel(caller->context, &fuel);
  if (!error) error = wasmtime.context_set_fuel(caller->context, fuel > price ? fuel - price : 0);
  if (error) wasmtime.error_delete(error);
}

bool bext_caller_has_range(const bext_caller *caller, uint64_t offset, uint64_t length) {
  uint64_t end = offset + length;
  return caller->has_memory && (end <= caller->least_size || end <= wasmtime.memory_data_size(caller->context, memory_of(caller)));
}

static void store_u64(uint8_t *at, uint64_t value) {
  for (unsigned i = 0; i < 8; i++) at[i] = (uint8_t)(value >> (8 * i));
}

void bext_caller_write_handle(const bext_caller *caller, uint32_t offset, const bext_handle_parts *handle) {
  uint8_t *at = wasmtime.memory_data(caller->context, memory_of(caller)) + offset;
  store_u64(at + BEXT_HANDLE_OFFSET_TRACE_ID_HI, handle->trace_id_hi);
  store_u64(at + BEXT_HANDLE_OFFSET_TRACE_ID_LO, handle->trace_id_lo);
  store_u64(at + BEXT_HANDLE_OFFSET_SPAN_ID, handle->span_id);
}

/* Room for a payload that does not fit into the small one. */
BEXT_COLD static bool get_larger(bext_payload *out, uint32_t length) {
  out->bytes = malloc(length);
  if (out->bytes) return true;
  out->bytes = out->small;
  return false;
}

bext_verdict bext_caller_read(const bext_caller *caller, uint32_t offset, uint32_t length, uint64_t at_most, bext_payload *out) {
  out->bytes = out->small;
  out->length = 0;
  if (length > at_most) return BEXT_DROP_TOO_LARGE;
  if (!bext_caller_has_range(caller, offset, length)) return BEXT_DROP_OUT_OF_BOUNDS;
  if (length > sizeof out->small && !get_larger(out, length)) return BEXT_DROP_MEMORY_LIMIT;
  out->length = length;
  if (length) memcpy(out->bytes, wasmtime.memory_data(caller->context, memory_of(caller)) + offset, length);
  return 0;
}

void bext_payload_free(bext_payload *payload) {
  if (payload->bytes != payload->small) free(payload->bytes);
}

void *bext_new_trap(void) {
  static const char message[] = "the program that runs this guest is stopping";
  return wasmtime.trap_new(message, sizeof message - 1);
}

void *bext_linker_define(void *linker, const char *name, const void *func_type, bext_host_callback *callback, void *env,
                         void (*finalizer)(void *env)) {
  static const char module[] = BEXT_TRACER_IMPORT_MODULE;
  return wasmtime.linker_define_func_unchecked(linker, module, sizeof module - 1, name, strlen(name), func_type, callback, env, finalizer);
}
