/*
 * otlp.h - finished spans as the bytes of OTLP's ExportTraceServiceRequest (opentelemetry/proto/collector/trace/v1), with no interpreter.
 *
 * One ResourceSpans holds everything; in it, each instrumentation scope has one ScopeSpans, in the order in which the scopes come first,
 * and the spans of a scope keep their order. Fields come in the order of their numbers, those with their default value are left out.
 */
#ifndef BEXT_OTLP_H
#define BEXT_OTLP_H

#include <stddef.h>
#include <stdint.h>

#include "finished_queue.h"
#include "guarded_keys.h"
#include "protobuf.h"

/*
 * Writes the spans number `from` to `to` - 1 of a batch into `out`, over what it held. `resource` is an encoded message Resource. Spans
 * that are not what finished.h says are left out and counted in `refused`; where no span is left the request is empty. Attributes of spans,
 * events and links whose key is in `guarded` are written with its text before the key; NULL guards none. The batch is only
 * read: several threads may do so at once. Returns 0 or an enum bext_proto_error, `out` then has no meaning and is still to be freed.
 */
int bext_otlp_encode(const bext_batch *batch, uint64_t from, uint64_t to, const uint8_t *resource, size_t resource_length,
                     const bext_guarded_keys *guarded, bext_proto *out, uint64_t *refused);

#endif /* BEXT_OTLP_H */
