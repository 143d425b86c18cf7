/* recorder_tracer.h - the recorder as the tracer of a guest: it is called in C, without the interpreter. */
#ifndef BEXT_RECORDER_TRACER_H
#define BEXT_RECORDER_TRACER_H

#include "recorder.h"
#include "tracer_calls.h"

/* Spans start, get attributes and end through recording.h: those three calls are not among these. */
const bext_tracer_calls *bext_recorder_tracer_calls(void);

/* The `self` of these calls: the recorder, which it shares, and the instrumentation scope of its spans. */
typedef struct bext_recorder_tracer bext_recorder_tracer;

/* NULL where there is no memory. */
bext_recorder_tracer *bext_recorder_tracer_new(bext_recorder *recorder, bext_text scope_name, bext_text scope_version);

bext_recorder *bext_recorder_tracer_recorder(const bext_recorder_tracer *tracer);
/* The instrumentation scope, packed. */
bext_text bext_recorder_tracer_scope(const bext_recorder_tracer *tracer);

#endif /* BEXT_RECORDER_TRACER_H */
