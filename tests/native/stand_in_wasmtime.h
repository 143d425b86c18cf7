/* stand_in_wasmtime.h - as much of a wasmtime as host calls need, so that the engine runs in C alone. A store has one instance. */
#ifndef BEXT_STAND_IN_WASMTIME_H
#define BEXT_STAND_IN_WASMTIME_H

#include "scope.h"
#include "wasmtime_api.h"

#define STAND_IN_MEMORY_BYTES 65536
#define STAND_IN_GUARD_BYTES 1024

/* A store, which is its own context and caller. */
typedef struct stand_in_store {
  uint64_t id;
  uint64_t fuel;
  uint8_t memory[STAND_IN_MEMORY_BYTES];
  uint8_t behind[STAND_IN_GUARD_BYTES]; /* no part of it: a driver may have a sanitizer watch it */
  void *watcher;
  void (*gone)(void *watcher); /* to be called when the store goes, where it is not NULL */
} stand_in_store;

/* The functions that were defined, in that order. */
typedef struct stand_in_linker {
  bext_host_callback *callbacks[BEXT_OPERATIONS];
  void (*finalizers[BEXT_OPERATIONS])(void *env);
  void *env;
  unsigned count;
} stand_in_linker;

extern const bext_wasmtime_api stand_in_wasmtime;

#endif /* BEXT_STAND_IN_WASMTIME_H */
