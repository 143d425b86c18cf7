/*
 * guest.h - the six host functions of one plugin instance, as wasmtime calls them (ABI.md, "Imports" and "Order of checks").
 *
 * Nothing a guest passes traps it. What it passes is checked in the order of ABI.md, and what is left of it goes to the tracer.
 */
#ifndef BEXT_GUEST_H
#define BEXT_GUEST_H

#include "recorder_tracer.h"
#include "scope.h"
#include "tracer_calls.h"

typedef struct bext_guest bext_guest;

/* Who is told of what concerns no tracer. */
typedef struct bext_guest_owner {
  /* The first call from a store that is not the scope's. */
  enum bext_answer (*wrong_store)(void *self);
  void *self;
} bext_guest_owner;

/*
 * A guest with one reference that shares `scope`, or NULL where there is no memory. `calls` and the owner outlive it; `self` is released
 * with it, or at once where there is no guest.
 */
bext_guest *bext_guest_new(bext_scope *scope, const bext_tracer_calls *calls, void *self, bext_guest_owner owner);

/* The same for a tracer that is a recorder in C; the tracer is released with the guest. */
bext_guest *bext_guest_recording_new(bext_scope *scope, bext_recorder_tracer *tracer, bext_guest_owner owner);

/* From now on the time in host calls is added up in the scope. Before the first call. */
void bext_guest_measure_time(bext_guest *guest);

/* Lets go of one reference; wasmtime lets go of those of the functions it was given. */
void bext_guest_release(bext_guest *guest);

/* How many references there are: 1 where no linker and no store has the functions any more. */
size_t bext_guest_references(bext_guest *guest);

/* Defines an import in a linker. Gives wasmtime's error, or NULL; the guest is referenced until wasmtime is done with the function. */
void *bext_guest_define(bext_guest *guest, void *linker, enum bext_operation operation, const void *func_type);

#endif /* BEXT_GUEST_H */
