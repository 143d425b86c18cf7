/*
 * attributes.h - attribute values, pairs and maps of a guest's payload, as views (ABI.md, "AttrValue" and "Attributes").
 *
 * A view points into the payload, which must stay as it is while the view is used. One bad pair of a map is dropped alone and counted;
 * limits, reserved keys and keys that come twice are decided by whoever reads the views, never here. Nothing is allocated.
 */
#ifndef BEXT_ATTRIBUTES_H
#define BEXT_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bext_tracer_abi.h"
#include "reader.h"

/* Each array type is its item's type plus BEXT_VALUE_ARRAY_OFFSET. */
enum bext_value_type {
  BEXT_VALUE_STR = 1,
  BEXT_VALUE_BOOL = 2,
  BEXT_VALUE_INT = 3,
  BEXT_VALUE_FLOAT = 4,
  BEXT_VALUE_STR_ARRAY = 5,
  BEXT_VALUE_BOOL_ARRAY = 6,
  BEXT_VALUE_INT_ARRAY = 7,
  BEXT_VALUE_FLOAT_ARRAY = 8,
  BEXT_VALUE_EMPTY_ARRAY = 9 /* an empty array has no type */
};

#define BEXT_VALUE_ARRAY_OFFSET 4

/* The value of a scalar type; which member counts is the view's type. */
typedef union bext_scalar {
  bext_text text;
  int64_t integer;
  double number;
  bool boolean;
} bext_scalar;

/* An AttrValue that was accepted. */
typedef struct bext_value_view {
  enum bext_value_type type;
  uint32_t count;       /* of an array: its items. Of a scalar: 0 */
  bext_scalar scalar;   /* of a scalar. Of an array: not set */
  const uint8_t *bytes; /* the value as the guest sent it, as msgpack */
  size_t length;
} bext_value_view;

/* The items of an array: a position in it. */
typedef struct bext_value_items {
  const uint8_t *at;
  uint32_t left;
} bext_value_items;

/* A pair of key and value that was accepted. The key is not empty. */
typedef struct bext_attribute_view {
  bext_text key;
  bext_value_view value;
  size_t pair_bytes;        /* what key and value take in the payload */
  const uint8_t *canonical; /* these bytes, where they are known to be canonical (ABI.md, "Canonical encoding"); else NULL */
} bext_attribute_view;

/* An attributes map: a position in it, and how many pairs were dropped on the way there. All zeros is a map without pairs. */
typedef struct bext_attributes {
  const uint8_t *at;
  uint32_t left;
  uint32_t malformed;
} bext_attributes;

/* The items of an accepted array from its first; a scalar has none. */
bext_value_items bext_value_items_of(const bext_value_view *value);

/* The next item as the view of a scalar, or false after the last. It cannot fail: the array was accepted. */
bool bext_value_items_next(bext_value_items *items, bext_value_view *out);

/* Steps over the header of an attributes map; anything else is `wrong_type`. The reader then stands inside of the map. */
bext_attributes bext_read_attributes(bext_reader *reader);

/*
 * The next accepted pair in payload order, or false after the last. Pairs that are no attribute are stepped over and counted in
 * `malformed`, which is complete when this returns false.
 */
bool bext_attributes_next(bext_attributes *attributes, bext_attribute_view *out);

/* Decodes the payload of `set_attribute`. Where it is rejected, `out` must not be read. */
enum bext_rejection bext_decode_attribute(const uint8_t *payload, size_t length, bext_attribute_view *out);

#endif /* BEXT_ATTRIBUTES_H */
