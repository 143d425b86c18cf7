/* python_engine.h - what the native engine's Python side needs beside the engine itself. */
#ifndef BEXT_PYTHON_ENGINE_H
#define BEXT_PYTHON_ENGINE_H

#include "guest.h"
#include "recorder.h"

/* Sizes and offsets of wasmtime's types as this engine has them, to be compared with wasmtime's own bindings. */
typedef struct bext_layouts {
  size_t extern_size;
  size_t extern_of;
  size_t memory_size;
  size_t func_size;
  size_t types_size;
  size_t value_size;
} bext_layouts;

bext_layouts bext_wasmtime_layouts(void);

/* The functions of bext_wasmtime_api in the order in which they stand there; nothing happens for another count. */
void bext_set_wasmtime_functions(void *const *functions, size_t count);

/* A guest whose tracer is Python's: `self` is a handle of cffi's. */
bext_guest *bext_python_guest_new(bext_scope *scope, void *self);

/* A guest whose tracer is a recorder, which it shares. The texts are the instrumentation scope of its spans, and are copied. */
bext_guest *bext_recorder_guest_new(bext_scope *scope, void *self, bext_recorder *recorder, const uint8_t *scope_name, uint32_t name_length,
                                    const uint8_t *scope_version, uint32_t version_length);

#endif /* BEXT_PYTHON_ENGINE_H */
