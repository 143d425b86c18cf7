/*
 * span_groups.h - the finished spans of a batch by their instrumentation scope: scopes in the order in which they come first, the spans of
 * each in theirs. The work grows with the spans, however many scopes there are. On the way each span's framing is checked.
 */
#ifndef BEXT_SPAN_GROUPS_H
#define BEXT_SPAN_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "finished.h"
#include "key_map.h"
#include "reader.h"

#define BEXT_NO_SPAN UINT32_MAX

/* The spans of one scope: a chain of numbers. */
typedef struct bext_span_group {
  bext_text scope; /* name and version, packed, as they stand in its first span; equal scopes have equal bytes, since those are canonical */
  uint32_t first;
  uint32_t last;
} bext_span_group;

/* It must not be copied or moved. */
typedef struct bext_span_groups {
  bext_finished *const *spans;
  uint32_t *next; /* of each span, the next one of its group, or BEXT_NO_SPAN */
  bext_span_group *groups;
  uint32_t count; /* of groups */
  uint32_t room;
  uint32_t latest; /* the group that got the last span */
  bext_key_map numbers; /* of the groups, by their scope */
  uint64_t refused; /* spans that are in no group, since they are not what finished.h says */
} bext_span_groups;

/*
 * Groups spans, fewer than 2^31; they must stay as long as the groups do. Every span in a group is an array of BEXT_FINISHED_FIELDS items
 * of good framing. False where there is no memory. Whatever it returns, bext_span_groups_clear has to follow.
 */
bool bext_span_groups_init(bext_span_groups *out, bext_finished *const *spans, uint32_t count);
void bext_span_groups_clear(bext_span_groups *groups);

#endif /* BEXT_SPAN_GROUPS_H */
