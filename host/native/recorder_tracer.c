/* recorder_tracer.c - a span that its recorder does not know any more was ended from outside: that is no failure. */
#include "recorder_tracer.h"

#include <stdlib.h>
#include <string.h>

typedef struct recorder_tracer {
  bext_recorder *recorder;
  uint32_t name_length;
  uint32_t version_length;
  uint8_t texts[]; /* the scope's name, and behind it its version */
} recorder_tracer;

static enum bext_answer recorder_start_span(void *self, const bext_start_call *span, bext_handle_parts *out) {
  recorder_tracer *tracer = self;
  bext_text name = {tracer->texts, tracer->name_length};
  bext_text version = {tracer->texts + tracer->name_length, tracer->version_length};
  *out = bext_recorder_start(tracer->recorder, span, name, version);
  return BEXT_ANSWER_TAKEN;
}

static enum bext_answer recorder_set_attribute(void *self, const bext_handle_parts *span, const bext_attribute_view *attribute) {
  bext_recorder_set_attribute(((recorder_tracer *)self)->recorder, span, attribute);
  return BEXT_ANSWER_TAKEN;
}

static enum bext_answer recorder_set_status(void *self, const bext_handle_parts *span, uint32_t code, const bext_text *message) {
  bext_recorder_set_status(((recorder_tracer *)self)->recorder, span, code, *message, false);
  return BEXT_ANSWER_TAKEN;
}

static enum bext_answer recorder_add_event(void *self, const bext_handle_parts *span, const bext_event_call *event) {
  bext_recorder_add_event(((recorder_tracer *)self)->recorder, span, event);
  return BEXT_ANSWER_TAKEN;
}

static enum bext_answer recorder_end_span(void *self, const bext_handle_parts *span, uint64_t end_time_unix_nanos) {
  bext_recorder_end(((recorder_tracer *)self)->recorder, span, end_time_unix_nanos);
  return BEXT_ANSWER_TAKEN;
}

static enum bext_answer recorder_add_dropped(void *self, const bext_handle_parts *span, uint32_t attributes, uint32_t events) {
  bext_recorder_add_dropped(((recorder_tracer *)self)->recorder, span, attributes, events);
  return BEXT_ANSWER_TAKEN;
}

static void release_recorder(void *self) {
  bext_recorder_release(((recorder_tracer *)self)->recorder);
  free(self);
}

static const bext_tracer_calls recorder_calls = {
    .is_trusted = true,
    .start_span = recorder_start_span,
    .set_attribute = recorder_set_attribute,
    .set_status = recorder_set_status,
    .add_event = recorder_add_event,
    .end_span = recorder_end_span,
    .add_dropped = recorder_add_dropped,
    .release = release_recorder,
};

const bext_tracer_calls *bext_recorder_tracer_calls(void) { return &recorder_calls; }

void *bext_recorder_tracer_new(bext_recorder *recorder, bext_text scope_name, bext_text scope_version) {
  recorder_tracer *tracer = malloc(sizeof *tracer + scope_name.length + scope_version.length);
  if (!tracer) return NULL;
  bext_recorder_retain(recorder);
  tracer->recorder = recorder;
  tracer->name_length = scope_name.length;
  tracer->version_length = scope_version.length;
  if (scope_name.length) memcpy(tracer->texts, scope_name.bytes, scope_name.length);
  if (scope_version.length) memcpy(tracer->texts + scope_name.length, scope_version.bytes, scope_version.length);
  return tracer;
}
