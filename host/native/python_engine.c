/* python_engine.c - the tracer whose calls are cffi callbacks, and the way in which the engine gets wasmtime's functions. */
#include "python_engine.h"

#include <string.h>

#include "caller.h"
#include "recorder_tracer.h"

enum bext_answer bext_python_start_span(void *self, const bext_start_call *span, bext_handle_parts *out);
enum bext_answer bext_python_set_attribute(void *self, const bext_handle_parts *span, const bext_attribute_view *attribute);
enum bext_answer bext_python_set_usual_attribute(intptr_t self, const char *flat, int key_end, int value_end, int type, int64_t integer);
enum bext_answer bext_python_set_status(void *self, const bext_handle_parts *span, uint32_t code, const bext_text *message);
enum bext_answer bext_python_add_event(void *self, const bext_handle_parts *span, const bext_event_call *event);
enum bext_answer bext_python_end_span(void *self, const bext_handle_parts *span, uint64_t end_time_unix_nanos);
enum bext_answer bext_python_add_dropped(void *self, const bext_handle_parts *span, uint32_t attributes, uint32_t events);
enum bext_answer bext_python_wrong_store(void *self);

#define FLAT_BYTES 512

static int64_t integer_of_value(const bext_value_view *value) {
  return value->type == BEXT_VALUE_INT ? value->scalar.integer : value->type == BEXT_VALUE_BOOL ? value->scalar.boolean : 0;
}

/*
 * Most attributes cross in one piece of bytes, the handle, the key, and the text of a value that is one, and a number: each struct that
 * Python looks into would cost as much as all of it.
 */
static enum bext_answer set_attribute_in_python(void *self, const bext_handle_parts *span, const bext_attribute_view *attribute) {
  char flat[FLAT_BYTES];
  const bext_value_view *value = &attribute->value;
  bext_text text = value->type == BEXT_VALUE_STR ? value->scalar.text : (bext_text){NULL, 0};
  uint64_t size = sizeof *span + (uint64_t)attribute->key.length + text.length;
  if (value->type > BEXT_VALUE_INT || size > sizeof flat) return bext_python_set_attribute(self, span, attribute);
  memcpy(flat, span, sizeof *span);
  memcpy(flat + sizeof *span, attribute->key.bytes, attribute->key.length);
  int key_end = (int)(sizeof *span + attribute->key.length);
  if (text.length) memcpy(flat + key_end, text.bytes, text.length);
  return bext_python_set_usual_attribute((intptr_t)self, flat, key_end, (int)size, (int)value->type, integer_of_value(value));
}

/* Python keeps its own for as long as it is wanted. */
static void keep_tracer(void *self) { (void)self; }

static const bext_tracer_calls python_calls = {
    .start_span = bext_python_start_span,
    .set_attribute = set_attribute_in_python,
    .set_status = bext_python_set_status,
    .add_event = bext_python_add_event,
    .end_span = bext_python_end_span,
    .add_dropped = bext_python_add_dropped,
    .release = keep_tracer,
};

bext_layouts bext_wasmtime_layouts(void) {
  return (bext_layouts){
      .extern_size = sizeof(bext_wasm_extern),
      .extern_of = offsetof(bext_wasm_extern, of),
      .memory_size = sizeof(bext_wasm_memory),
      .func_size = sizeof(bext_wasm_func),
      .types_size = sizeof(bext_wasm_types),
      .value_size = sizeof(bext_wasm_value),
  };
}

void bext_set_wasmtime_functions(void *const *functions, size_t count) {
  bext_wasmtime_api api;
  _Static_assert(sizeof api % sizeof(void *) == 0, "the API is pointers to functions alone");
  if (count * sizeof(void *) != sizeof api) return;
  memcpy(&api, functions, sizeof api); /* ISO C has no cast from an object's pointer to a function's; POSIX makes them alike */
  bext_set_wasmtime_api(&api);
}

bext_guest *bext_python_guest_new(bext_scope *scope, void *self) {
  return bext_guest_new(scope, &python_calls, self, (bext_guest_owner){bext_python_wrong_store, self});
}

bext_guest *bext_recorder_guest_new(bext_scope *scope, void *self, bext_recorder *recorder, const uint8_t *scope_name, uint32_t name_length,
                                    const uint8_t *scope_version, uint32_t version_length) {
  bext_text name = {scope_name, name_length}, version = {scope_version, version_length};
  bext_recorder_tracer *tracer = bext_recorder_tracer_new(recorder, name, version);
  if (!tracer) return NULL;
  return bext_guest_recording_new(scope, tracer, (bext_guest_owner){bext_python_wrong_store, self});
}
