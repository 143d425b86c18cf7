/*
 * recorder.h - the recorder: makes ids, stamps times, keeps open spans, and hands out the finished ones. It runs without the
 * interpreter and never calls it.
 *
 * Open spans stand in shards, each behind a lock of its own. A scope is given a shard, whose lock is then the scope's, too, and which all
 * spans that its guest starts are of: a host call takes one lock, and threads with different scopes seldom meet. No lock is held while
 * another is taken, except when all are: round a fork, and to take out what is finished.
 */
#ifndef BEXT_RECORDER_H
#define BEXT_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "finished_queue.h"
#include "guest_limits.h"
#include "lock.h"
#include "open_span.h"
#include "tracer_calls.h"

typedef struct bext_recorder bext_recorder;

/* Which new traces are recorded. */
typedef struct bext_sampler {
  bool is_always;
  uint64_t below; /* else those whose trace_id_lo is below this */
} bext_sampler;

typedef struct bext_recorder_counters {
  uint64_t started;
  uint64_t ended;
  uint64_t unsampled;
  uint64_t dropped[BEXT_DROP_REASONS];
} bext_recorder_counters;

/* A recorder with one reference, NULL where there is no memory. */
bext_recorder *bext_recorder_new(const bext_limits *limits, bext_sampler sampler);
void bext_recorder_retain(bext_recorder *recorder);
void bext_recorder_release(bext_recorder *recorder);

/* For the child of a fork: the spans are its parent's to send. */
void bext_recorder_forget_spans(bext_recorder *recorder);

/* A shard for a scope, which has it for as long as it shares the recorder; and the lock that guards both. */
typedef struct bext_shard bext_shard;
bext_shard *bext_recorder_give_shard(bext_recorder *recorder);
bext_lock *bext_shard_lock(bext_shard *shard);

uint64_t bext_recorder_open_spans(bext_recorder *recorder);
uint64_t bext_recorder_queued_spans(bext_recorder *recorder);
/* Waits until so many finished spans wait, at most so long; whether they do. For one thread at a time. */
bool bext_recorder_wait(bext_recorder *recorder, uint64_t at_least_spans, uint64_t nanos);
void bext_recorder_count_drops(bext_recorder *recorder, bext_verdict reason, uint64_t count);
void bext_recorder_count_unsampled(bext_recorder *recorder);
void bext_recorder_counters_of(bext_recorder *recorder, bext_recorder_counters *out);

/*
 * Starts a span in this trace, sampled, without links; `attributes` and `links` give their dropped counts alone. `payload_bytes`: what
 * it weighs without attributes. Gives its handle, which is INVALID where there is no span.
 */
bext_handle_parts bext_recorder_open(bext_recorder *recorder, const bext_start_call *span, bext_text scope_name, bext_text scope_version,
                                     uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t payload_bytes);
bool bext_recorder_add_link(bext_recorder *recorder, const bext_handle_parts *handle, const bext_kept_link *link);

/* Each of these does nothing, and gives false, where the span is not open. What is dropped of one that is, is counted. */
bool bext_recorder_set_attribute(bext_recorder *recorder, const bext_handle_parts *handle, const bext_attribute_view *attribute);
bool bext_recorder_set_status(bext_recorder *recorder, const bext_handle_parts *handle, uint32_t code, bext_text message, bool is_verdict);
/* True where the event was taken. */
bool bext_recorder_add_event(bext_recorder *recorder, const bext_handle_parts *handle, const bext_event_call *event);
/* Ends it, at a time or, with 0, now. */
bool bext_recorder_end(bext_recorder *recorder, const bext_handle_parts *handle, uint64_t end_time_unix_nanos);
bool bext_recorder_add_dropped(bext_recorder *recorder, const bext_handle_parts *handle, uint64_t attributes, uint64_t events);

/* The host's own facts, outside the limits. */
bool bext_recorder_set_host_attribute(bext_recorder *recorder, const bext_handle_parts *handle, const bext_attribute_view *attribute);
bool bext_recorder_add_host_event(bext_recorder *recorder, const bext_handle_parts *handle, const bext_event_call *event);

/* Whether the span is open. */
bool bext_recorder_is_open(bext_recorder *recorder, const bext_handle_parts *handle);
/* The time by the clock of the span's trace, by the wall clock where it is not open. */
uint64_t bext_recorder_now(bext_recorder *recorder, const bext_handle_parts *handle);

/* Takes out all finished spans. */
void bext_recorder_take(bext_recorder *recorder, bext_waiting *out);

#endif /* BEXT_RECORDER_H */
