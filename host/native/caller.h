/*
 * caller.h - the caller of one host call, for its own time: its memory, its store, its fuel. All that touches wasmtime is here.
 *
 * Every length is checked in 64 bits before a byte is touched. No pointer into the guest's memory is kept: a tracer may run the guest
 * again, and so move it, while a call is under way.
 */
#ifndef BEXT_CALLER_H
#define BEXT_CALLER_H

#include <stdbool.h>
#include <stdint.h>

#include "scope.h"
#include "wasmtime_api.h"

#define BEXT_SMALL_PAYLOAD 1024

/* A memory that was found usable, and its size then: memories never shrink. */
typedef struct bext_known_memory {
  bext_wasm_memory memory;
  uint64_t size;
} bext_known_memory;

typedef struct bext_caller {
  void *context;
  bext_wasm_extern item; /* the memory, where there is one; it stays where wasmtime wrote it */
  bool has_memory;       /* a usable one: 32-bit and not shared */
  uint64_t least_size;   /* the memory is at least that large */
} bext_caller;

/* A copy of a payload. The guest may change its memory while a tracer is at work. */
typedef struct bext_payload {
  uint8_t small[BEXT_SMALL_PAYLOAD];
  uint8_t *bytes;
  uint32_t length;
} bext_payload;

/* The API to call from now on; set once, before any guest is made. */
void bext_set_wasmtime_api(const bext_wasmtime_api *api);

/* Looks at wasmtime's caller, but not at its memory; its context tells its store. */
void bext_caller_open(bext_caller *caller, void *wasmtime_caller);

/* Looks up the caller's memory, by its name. What is known of one, or NULL, saves further questions where it is the same. */
void bext_caller_find_memory(bext_caller *caller, void *wasmtime_caller, const bext_known_memory *known);

/* What is to be known of the memory that was found. */
bext_known_memory bext_caller_memory(const bext_caller *caller);

/* Has `gone` called when the caller's store goes, in whatever thread. */
void bext_caller_watch_store(const bext_caller *caller, void *env, void (*gone)(void *env));

bool bext_caller_meters_fuel(const bext_caller *caller);

/* Takes fuel, down to 0; the guest then traps at its next check. */
void bext_caller_charge_fuel(const bext_caller *caller, uint64_t price);

/* Whether the range lies in a usable memory. */
bool bext_caller_has_range(const bext_caller *caller, uint64_t offset, uint64_t length);

/* Writes the 24 bytes of a handle where the range is known to be good; memory never shrinks. */
void bext_caller_write_handle(const bext_caller *caller, uint32_t offset, const bext_handle_parts *handle);

/* Copies a payload: 0, `too_large`, `out_of_bounds`, or `memory_limit` where there is no memory; the copy is empty then. Free it. */
bext_verdict bext_caller_read(const bext_caller *caller, uint32_t offset, uint32_t length, uint64_t at_most, bext_payload *out);
void bext_payload_free(bext_payload *payload);

/* A trap that stops the guest; wasmtime takes it over. */
void *bext_new_trap(void);

/* Defines a function of module `bext` in a linker; wasmtime calls `finalizer` when it is done with it. Gives wasmtime's error or NULL. */
void *bext_linker_define(void *linker, const char *name, const void *func_type, bext_host_callback *callback, void *env,
                         void (*finalizer)(void *env));

#endif /* BEXT_CALLER_H */
