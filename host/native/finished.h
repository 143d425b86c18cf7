/*
 * finished.h - a span that has ended, packed into one piece of memory.
 *
 * The bytes are msgpack, an array of BEXT_FINISHED_FIELDS items in this order:
 *
 *    0 name           str            6 trace_state         str       12 status_code               uint
 *    1 kind           uint           7 scope_name          str       13 status_message            str
 *    2 handle         handle         8 scope_version       str       14 end_time_unix_nanos       uint
 *    3 parent         handle or nil  9 links               array     15 dropped_attributes_count  uint
 *    4 is_remote      bool          10 attributes          map       16 dropped_events_count      uint
 *    5 start_time     uint          11 events              array     17 dropped_links_count       uint
 *
 * A link is [handle, attributes, trace_state, dropped_attributes_count], an event [name, attributes, time_unix_nanos,
 * dropped_attributes_count].
 */
#ifndef BEXT_FINISHED_H
#define BEXT_FINISHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BEXT_FINISHED_FIELDS 18
#define BEXT_FINISHED_SCOPE_NAME 7

/* Memory that several finished spans share; it goes with the last of them. */
typedef struct bext_chunk bext_chunk;

typedef struct bext_finished {
  size_t size;
  uint8_t bytes[];
} bext_finished;

/* A span and the chunk that it stands in, NULL where it has its memory for itself. */
typedef struct bext_finished_place {
  bext_finished *span; /* NULL: there is none */
  bext_chunk *chunk;
} bext_finished_place;

/*
 * Where spans that end one after the other get their memory: one behind the other in a chunk, so that it takes one allocation for many
 * of them, and so that threads which end spans at once write to different cache lines. Its owner guards it. All zeros is an empty one.
 */
typedef struct bext_finished_memory {
  bext_chunk *chunk; /* the one that is being filled, or NULL */
  uint32_t last; /* where the span stands that was made last */
  uint32_t used;
  uint32_t room;
  uint32_t spans;
} bext_finished_memory;

/* Room for a span of so many bytes; `memory` may be NULL. */
bext_finished_place bext_finished_new(bext_finished_memory *memory, uint64_t size);
/* Sets the size of the span that was made last, and gives back what it does not need. */
void bext_finished_trim(bext_finished_memory *memory, bext_finished_place place, size_t size);
/* Lets go of the chunk that is being filled. */
void bext_finished_memory_close(bext_finished_memory *memory);

void bext_finished_free(bext_finished_place place);
/* Frees so many spans of one chunk, whichever they are: none of them is looked at. */
void bext_chunk_free_spans(bext_chunk *chunk, uint64_t count);

#endif /* BEXT_FINISHED_H */
