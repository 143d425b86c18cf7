/* nested_spans - five levels, and beside each level but the first a sibling that ends before it starts. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/c/bext_tracer.h"

#define DEPTH 5

static const char *const level_names[DEPTH] = {"level 1", "level 2", "level 3", "level 4", "level 5"};
static const char *const sibling_names[DEPTH] = {"sibling 1", "sibling 2", "sibling 3", "sibling 4", "sibling 5"};

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  bext_handle open[DEPTH], sibling;
  int level;
  (void)event_json;
  (void)length;
  open[0] = bext_start_under_current(level_names[0], BEXT_SPAN_KIND_SERVER);
  for (level = 1; level < DEPTH; level++) {
    sibling = bext_start(sibling_names[level], BEXT_SPAN_KIND_INTERNAL, &open[level - 1]);
    bext_end(&sibling);
    open[level] = bext_start(level_names[level], BEXT_SPAN_KIND_INTERNAL, &open[level - 1]);
  }
  while (level-- > 0) bext_end(&open[level]);
  return 0;
}
