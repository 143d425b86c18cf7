/* recorder_tracer.c - a span that its recorder does not know any more was ended from outside: that is no failure. */
#include "recorder_tracer.h"

#include <stdlib.h>
#include <string.h>

struct bext_recorder_tracer {
  bext_recorder *recorder;
  uint32_t name_length;
  uint32_t version_length;
  uint8_t texts[]; /* the scope's name, and behind it its version */
};

bext_recorder *bext_recorder_tracer_recorder(const bext_recorder_tracer *tracer) { return tracer->recorder; }

bext_text bext_recorder_tracer_scope_name(const bext_recorder_tracer *tracer) { return (bext_text){tracer->texts, tracer->name_length}; }

bext_text bext_recorder_tracer_scope_version(const bext_recorder_tracer *tracer) {
  return (bext_text){tracer->texts + tracer->name_length, tracer->version_length};
}

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
  bext_recorder_release(((bext_recorder_tracer *)self)->recorder);
  free(self);
}

static const bext_tracer_calls recorder_calls = {
    .set_status = recorder_set_status,
    .add_event = recorder_add_event,
    .add_dropped = recorder_add_dropped,
    .release = release_recorder,
};

const bext_tracer_calls *bext_recorder_tracer_calls(void) { return &recorder_calls; }

bext_recorder_tracer *bext_recorder_tracer_new(bext_recorder *recorder, bext_text scope_name, bext_text scope_version) {
  bext_recorder_tracer *tracer = malloc(sizeof *tracer + scope_name.length + scope_version.length);
  if (!tracer) return NULL;
  bext_recorder_retain(recorder);
  tracer->recorder = recorder;
  tracer->name_length = scope_name.length;
  tracer->version_length = scope_version.length;
  if (scope_name.length) memcpy(tracer->texts, scope_name.bytes, scope_name.length);
  if (scope_version.length) memcpy(tracer->texts + scope_name.length, scope_version.bytes, scope_version.length);
  return tracer;
}
