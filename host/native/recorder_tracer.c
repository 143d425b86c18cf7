/* recorder_tracer.c - a span that its recorder does not know any more was ended from outside: that is no failure. */
#include "recorder_tracer.h"

#include <stdlib.h>

struct bext_recorder_tracer {
  bext_recorder *recorder;
  bext_text scope; /* packed, owned */
};

bext_recorder *bext_recorder_tracer_recorder(const bext_recorder_tracer *tracer) { return tracer->recorder; }

bext_text bext_recorder_tracer_scope(const bext_recorder_tracer *tracer) { return tracer->scope; }

static enum bext_answer recorder_set_status(void *self, const bext_handle_parts *span, uint32_t code, const bext_text *message) {
  bext_recorder_set_status(((bext_recorder_tracer *)self)->recorder, span, code, *message, false);
  return BEXT_ANSWER_TAKEN;
}

static enum bext_answer recorder_add_event(void *self, const bext_handle_parts *span, const bext_event_call *event) {
  bext_recorder_add_event(((bext_recorder_tracer *)self)->recorder, span, event);
  return BEXT_ANSWER_TAKEN;
}

static enum bext_answer recorder_add_dropped(void *self, const bext_handle_parts *span, uint32_t attributes, uint32_t events) {
  bext_recorder_add_dropped(((bext_recorder_tracer *)self)->recorder, span, attributes, events);
  return BEXT_ANSWER_TAKEN;
}

static void release_recorder(void *self) {
  bext_recorder_tracer *tracer = self;
  bext_recorder_release(tracer->recorder);
  free((void *)(uintptr_t)tracer->scope.bytes);
  free(tracer);
}

static const bext_tracer_calls recorder_calls = {
    .set_status = recorder_set_status,
    .add_event = recorder_add_event,
    .add_dropped = recorder_add_dropped,
    .release = release_recorder,
};

const bext_tracer_calls *bext_recorder_tracer_calls(void) { return &recorder_calls; }

bext_recorder_tracer *bext_recorder_tracer_new(bext_recorder *recorder, bext_text scope_name, bext_text scope_version) {
  bext_recorder_tracer *tracer = malloc(sizeof *tracer);
  if (!tracer) return NULL;
  tracer->scope = bext_pack_scope(scope_name, scope_version);
  if (!tracer->scope.bytes) {
    free(tracer);
    return NULL;
  }
  bext_recorder_retain(recorder);
  tracer->recorder = recorder;
  return tracer;
}
