/* span_groups.c - mostly a span is of the same scope as the one before it; else a seeded hash finds its group. */
#include "span_groups.h"

#include <stdlib.h>
#include <string.h>

#define FEWEST_GROUPS 8

/* The packed name and version of a span's scope; false where the span is not what it must be. */
static bool find_scope(const bext_finished *span, bext_text *packed) {
  bext_reader in = bext_reader_open(span->bytes, span->size);
  if (bext_read_kind(&in, BEXT_KIND_ARRAY).size != BEXT_FINISHED_FIELDS || in.rejection) return false;
  for (unsigned i = 0; i < BEXT_FINISHED_SCOPE_NAME; i++) in.at = bext_skip(in.at);
  const uint8_t *start = in.at;
  bext_read_text(&in);
  bext_read_text(&in);
  if (in.rejection || in.at - start > UINT32_MAX) return false;
  *packed = (bext_text){start, (uint32_t)(in.at - start)};
  return true;
}

static bool is_same_scope(bext_text one, bext_text other) {
  return one.length == other.length && memcmp(one.bytes, other.bytes, one.length) == 0;
}

static bool has_room_for_group(bext_span_groups *groups) {
  if (groups->count < groups->room) return true;
  uint32_t room = groups->room ? 2 * groups->room : FEWEST_GROUPS; /* at most as many groups as spans, so it does not wrap */
  bext_span_group *larger = realloc(groups->groups, room * sizeof *larger);
  if (!larger) return false;
  groups->groups = larger;
  groups->room = room;
  return true;
}

static bool begin_group(bext_span_groups *groups, bext_text scope, uint32_t span) {
  if (!has_room_for_group(groups) || !bext_key_map_add(&groups->numbers, scope, groups->count)) return false;
  groups->groups[groups->count] = (bext_span_group){scope, span, span};
  groups->latest = groups->count++;
  return true;
}

/* Puts a span at the end of its group. False where there is no memory. */
static bool add_to_group(bext_span_groups *groups, bext_text scope, uint32_t span) {
  if (!groups->count || !is_same_scope(groups->groups[groups->latest].scope, scope)) {
    const bext_key_entry *entry = bext_key_map_get(&groups->numbers, scope);
    if (!entry) return begin_group(groups, scope, span);
    groups->latest = (uint32_t)entry->number;
  }
  bext_span_group *group = &groups->groups[groups->latest];
  groups->next[group->last] = span;
  group->last = span;
  return true;
}

bool bext_span_groups_init(bext_span_groups *out, bext_finished *const *spans, uint32_t count) {
  *out = (bext_span_groups){.spans = spans};
  out->next = malloc((count ? (size_t)count : 1) * sizeof out->next[0]);
  if (!out->next) return false;
  for (uint32_t span = 0; span < count; span++) {
    bext_text scope;
    out->next[span] = BEXT_NO_SPAN;
    if (!find_scope(spans[span], &scope)) out->refused++;
    else if (!add_to_group(out, scope, span)) return false;
  }
  return true;
}

void bext_span_groups_clear(bext_span_groups *groups) {
  free(groups->next);
  free(groups->groups);
  bext_key_map_clear(&groups->numbers);
}
