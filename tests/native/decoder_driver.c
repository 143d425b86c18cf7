/*
 * decoder_driver.c - runs payloads through every function of the decoder, for the sanitizers. It judges no result: it reads every byte
 * that a view names, from heap buffers of exactly the payload's size, so that one byte too far is a report.
 *
 * As a program it takes a file of records (length as 4 bytes, least significant first, then the bytes) and prints how many it ran.
 * With -DBEXT_LIBFUZZER it is a target for libFuzzer instead.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "payload.h"
#include "tracestate.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

/* What was read, so that no compiler leaves a read out. */
static volatile uint64_t sink;

static void touch(const uint8_t *bytes, size_t length) {
  uint64_t sum = length;
  for (size_t i = 0; i < length; i++) sum += bytes[i];
  sink += sum;
}

static void touch_text(bext_text text) { touch(text.bytes, text.length); }

static void touch_value(const bext_value_view *value) {
  touch(value->bytes, value->length);
  if (value->type == BEXT_VALUE_STR) touch_text(value->scalar.text);
}

static void walk_attribute(const bext_attribute_view *attribute) {
  const bext_value_view *value = &attribute->value;
  touch_text(attribute->key);
  touch_value(value);
  touch(value->bytes + value->length - attribute->pair_bytes, attribute->pair_bytes);
  bext_value_items items = bext_value_items_of(value);
  for (bext_value_view item; bext_value_items_next(&items, &item);) touch_value(&item);
}

static void walk_attributes(bext_attributes attributes) {
  for (bext_attribute_view attribute; bext_attributes_next(&attributes, &attribute);) walk_attribute(&attribute);
  sink += attributes.malformed;
}

static void run_span_start(const uint8_t *payload, size_t length) {
  bext_span_start_view view;
  if (bext_decode_span_start(payload, length, &view)) return;
  touch_text(view.name);
  touch_text(view.trace_state);
  walk_attributes(view.attributes);
  for (bext_link_view link; bext_links_next(&view.links, &link);) walk_attributes(link.attributes);
}

static void run_attribute(const uint8_t *payload, size_t length) {
  bext_attribute_view view;
  if (!bext_decode_attribute(payload, length, &view)) walk_attribute(&view);
}

static void run_span_status(const uint8_t *payload, size_t length) {
  bext_span_status_view view;
  if (!bext_decode_span_status(payload, length, &view)) touch_text(view.message);
}

static void run_span_event(const uint8_t *payload, size_t length) {
  bext_span_event_view view;
  if (bext_decode_span_event(payload, length, &view)) return;
  touch_text(view.name);
  walk_attributes(view.attributes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  run_span_start(data, length);
  run_attribute(data, length);
  run_span_status(data, length);
  run_span_event(data, length);
  sink += bext_is_utf8(data, length);
  sink += bext_is_trace_state(data, length);
  return 0;
}

#ifndef BEXT_LIBFUZZER

/* The payload alone in a buffer of its size; NULL where it is empty, as a decoder may be given. */
static void run_exact(const uint8_t *bytes, size_t length) {
  uint8_t *exact = length ? malloc(length) : NULL;
  if (length && !exact) abort();
  if (exact) memcpy(exact, bytes, length);
  LLVMFuzzerTestOneInput(exact, length);
  free(exact);
}

/* False at the end of the file. A record that is cut short is a bug of the test. */
static bool run_record(FILE *file) {
  uint8_t size[4];
  if (fread(size, 1, sizeof size, file) != sizeof size) return false;
  size_t length = (size_t)size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
  uint8_t *bytes = malloc(length + 1);
  if (!bytes || fread(bytes, 1, length, file) != length) abort();
  run_exact(bytes, length);
  free(bytes);
  return true;
}

int main(int argc, char **argv) {
  FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  if (!file) return 2;
  uint64_t records = 0;
  while (run_record(file)) records++;
  fclose(file);
  printf("%" PRIu64 "\n", records);
  return 0;
}

#endif /* BEXT_LIBFUZZER */
