/* recorder_tracer.h - the recorder as the tracer of a guest: it is called in C, without the interpreter. */
#ifndef BEXT_RECORDER_TRACER_H
#define BEXT_RECORDER_TRACER_H

#include "recorder.h"
#include "tracer_calls.h"

const bext_tracer_calls *bext_recorder_tracer_calls(void);

/* The `self` of these calls: the recorder, which it shares, and the instrumentation scope of its spans. NULL where there is no memory. */
void *bext_recorder_tracer_new(bext_recorder *recorder, bext_text scope_name, bext_text scope_version);

#endif /* BEXT_RECORDER_TRACER_H */
