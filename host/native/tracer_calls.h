/*
 * tracer_calls.h - what the boundary tells a tracer. Everything in these calls has been checked; texts are UTF-8 and live for the time
 * of the call only.
 */
#ifndef BEXT_TRACER_CALLS_H
#define BEXT_TRACER_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "trimming.h"

/* How a tracer answers. */
enum bext_answer {
  BEXT_ANSWER_TAKEN = 0,
  BEXT_ANSWER_FAILED = 1, /* and the tracer's side has counted it */
  BEXT_ANSWER_STOP = 2    /* the program must stop, and the guest with it */
};

/* A SpanStart as the tracer gets it. */
typedef struct bext_start_call {
  bext_text name;
  uint32_t kind;
  bool has_parent;
  bool parent_is_remote;
  bext_handle_parts parent;
  uint32_t parent_flags;
  bext_text trace_state;
  bext_kept_attributes attributes;
  bext_kept_links links;
  uint64_t start_time_unix_nanos; /* 0: the tracer's clock */
} bext_start_call;

typedef struct bext_event_call {
  bext_text name;
  bext_kept_attributes attributes;
  uint64_t time_unix_nanos; /* 0: the tracer's clock */
} bext_event_call;

/* A tracer. `self` is its own; a span is given by its handle. */
typedef struct bext_tracer_calls {
  /* Gives an invalid handle where the span is not sampled. A taken handle is claimed: nobody else has it open. */
  enum bext_answer (*start_span)(void *self, const bext_start_call *span, bext_handle_parts *out);
  enum bext_answer (*set_attribute)(void *self, const bext_handle_parts *span, const bext_attribute_view *attribute);
  enum bext_answer (*set_status)(void *self, const bext_handle_parts *span, uint32_t code, const bext_text *message);
  enum bext_answer (*add_event)(void *self, const bext_handle_parts *span, const bext_event_call *event);
  /* The span has left the scope: its handle is nobody's any more. */
  enum bext_answer (*end_span)(void *self, const bext_handle_parts *span, uint64_t end_time_unix_nanos);
  enum bext_answer (*add_dropped)(void *self, const bext_handle_parts *span, uint32_t attributes, uint32_t events);
  /* Nobody calls this tracer with `self` any more. */
  void (*release)(void *self);
} bext_tracer_calls;

#endif /* BEXT_TRACER_CALLS_H */
