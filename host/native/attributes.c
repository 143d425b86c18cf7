/*
 * attributes.c - attribute values, pairs and maps. An array is judged whole before its view is given out, so that its items cannot fail
 * later; a map is judged pair by pair as it is walked, since a bad pair harms no other.
 */
#include "attributes.h"

#include "utf8.h"

_Static_assert(BEXT_VALUE_STR + BEXT_VALUE_ARRAY_OFFSET == BEXT_VALUE_STR_ARRAY, "array types follow their items' types");
_Static_assert(BEXT_VALUE_FLOAT + BEXT_VALUE_ARRAY_OFFSET == BEXT_VALUE_FLOAT_ARRAY, "array types follow their items' types");

#define NO_SCALAR ((enum bext_value_type)0)

/* The type of the item that comes next: NO_SCALAR for what no attribute can be, and for arrays. */
static enum bext_value_type scalar_type(const bext_reader *reader) {
  switch (bext_read_header(reader->at).kind) {
    case BEXT_KIND_STR: return BEXT_VALUE_STR;
    case BEXT_KIND_BOOL: return BEXT_VALUE_BOOL;
    case BEXT_KIND_UINT:
    case BEXT_KIND_INT: return BEXT_VALUE_INT;
    case BEXT_KIND_FLOAT: return BEXT_VALUE_FLOAT;
    case BEXT_KIND_NIL:
    case BEXT_KIND_BIN:
    case BEXT_KIND_EXT:
    case BEXT_KIND_ARRAY:
    case BEXT_KIND_MAP:
    case BEXT_KIND_RESERVED: break;
  }
  return NO_SCALAR;
}

/* The scalar that comes next, its text not looked at. Arrays are NO_SCALAR here, and so `wrong_type`, wherever a scalar must be. */
static void read_unchecked_scalar(bext_reader *reader, bext_value_view *out) {
  const uint8_t *start = reader->at;
  out->type = scalar_type(reader);
  out->count = 0;
  switch (out->type) {
    case BEXT_VALUE_STR: out->scalar.text = bext_read_raw_str(reader); break;
    case BEXT_VALUE_BOOL: out->scalar.boolean = bext_read_bool(reader); break;
    case BEXT_VALUE_INT: out->scalar.integer = bext_read_int64(reader); break;
    case BEXT_VALUE_FLOAT: out->scalar.number = bext_read_float(reader); break;
    default: bext_reject(reader, BEXT_REJECT_WRONG_TYPE); break;
  }
  out->bytes = start;
  out->length = (size_t)(reader->at - start);
}

static void read_scalar(bext_reader *reader, bext_value_view *out) {
  read_unchecked_scalar(reader, out);
  if (out->type == BEXT_VALUE_STR && !bext_is_utf8(out->scalar.text.bytes, out->scalar.text.length)) {
    bext_reject(reader, BEXT_REJECT_NOT_UTF8);
  }
}

/* Judges an array's next item, which must be of the type of the first. `first` is NO_SCALAR before the first item. */
static void check_item(bext_reader *reader, enum bext_value_type *first) {
  enum bext_value_type type = scalar_type(reader);
  if (*first == NO_SCALAR) *first = type;
  if (type != NO_SCALAR && type != *first) {
    bext_reject(reader, BEXT_REJECT_MIXED_ARRAY);
    return;
  }
  bext_value_view item;
  read_scalar(reader, &item);
}

static void read_array(bext_reader *reader, bext_value_view *out) {
  const uint8_t *start = reader->at;
  bext_header header = bext_read_kind(reader, BEXT_KIND_ARRAY);
  enum bext_value_type first = NO_SCALAR;
  for (uint64_t left = header.size; left && !reader->rejection; left--) check_item(reader, &first);
  out->type = header.size ? (enum bext_value_type)(first + BEXT_VALUE_ARRAY_OFFSET) : BEXT_VALUE_EMPTY_ARRAY;
  out->count = (uint32_t)header.size; /* a count has at most 32 bits on the wire */
  out->bytes = start;
  out->length = (size_t)(reader->at - start);
}

static void read_value(bext_reader *reader, bext_value_view *out) {
  if (bext_read_header(reader->at).kind == BEXT_KIND_ARRAY) {
    read_array(reader, out);
  } else {
    read_scalar(reader, out);
  }
}

/* A key and its value. */
static enum bext_rejection read_pair(bext_reader *reader, bext_attribute_view *out) {
  const uint8_t *start = reader->at;
  out->key = bext_read_text(reader);
  if (out->key.length == 0) bext_reject(reader, BEXT_REJECT_EMPTY_KEY);
  if (reader->rejection) return reader->rejection;
  read_value(reader, &out->value);
  out->pair_bytes = (size_t)(reader->at - start);
  out->canonical = NULL;
  return reader->rejection;
}

bext_value_items bext_value_items_of(const bext_value_view *value) {
  bext_value_items items = {value->bytes, value->count};
  if (value->count) items.at = bext_read_header(value->bytes).body;
  return items;
}

bool bext_value_items_next(bext_value_items *items, bext_value_view *out) {
  if (items->left == 0) return false;
  bext_reader reader = {items->at, BEXT_ACCEPTED};
  read_unchecked_scalar(&reader, out);
  items->at = reader.at;
  items->left--;
  return true;
}

bext_attributes bext_read_attributes(bext_reader *reader) {
  bext_header header = bext_read_kind(reader, BEXT_KIND_MAP);
  bext_attributes attributes = {header.body, (uint32_t)header.size, 0}; /* a count has at most 32 bits on the wire */
  return attributes;
}

bool bext_attributes_next(bext_attributes *attributes, bext_attribute_view *out) {
  while (attributes->left) {
    bext_reader reader = {attributes->at, BEXT_ACCEPTED};
    attributes->left--;
    if (read_pair(&reader, out) == BEXT_ACCEPTED) {
      attributes->at = reader.at;
      return true;
    }
    attributes->malformed++;
    attributes->at = bext_skip(bext_skip(attributes->at));
  }
  return false;
}

/* --- The usual attribute ------------------------------------------------------------------------------------------------------ */

/* Whether the int of this body, big-endian, could not be any shorter. */
static bool is_shortest(uint64_t number, unsigned width) {
  return !width || number > (width == 1 ? 0x7f : width == 2 ? UINT8_MAX : UINT16_MAX);
}

/* The text that fills the bytes up to `end`, in the two shortest forms of str. */
static bool read_last_text(const uint8_t *at, const uint8_t *end, bext_text *out, bool *is_canonical) {
  size_t header = *at == 0xd9 ? 2 : 1;
  if ((size_t)(end - at) < header) return false;
  uint32_t length = header == 2 ? at[1] : *at & 0x1fU;
  *out = (bext_text){at + header, length};
  *is_canonical = header == 1 || length > 0x1f;
  return (size_t)(end - at) == header + length && bext_is_utf8(out->bytes, length);
}

static bool read_last_scalar(const uint8_t *at, const uint8_t *end, bext_value_view *out, bool *is_canonical) {
  const bext_format format = bext_formats[*at];
  out->count = 0;
  out->bytes = at;
  out->length = (size_t)(end - at);
  if (format.kind == BEXT_KIND_STR && format.length_bytes <= 1) {
    out->type = BEXT_VALUE_STR;
    return read_last_text(at, end, &out->scalar.text, is_canonical);
  }
  if (format.kind != BEXT_KIND_UINT || format.size > 4 || out->length != 1U + format.size) return false;
  uint64_t number = format.size ? bext_load_big_endian(at + 1, format.size) : *at;
  out->type = BEXT_VALUE_INT;
  out->scalar.integer = (int64_t)number;
  *is_canonical = is_shortest(number, format.size);
  return true;
}

/*
 * Decodes an attribute as nearly all are, a short key and a text or a number, in one look at its bytes. False for any other, good or
 * bad: the general way below judges that.
 */
static bool decode_usual(const uint8_t *payload, size_t length, bext_attribute_view *out) {
  if (length < 4 || payload[0] != 0x92 || payload[1] <= 0xa0 || payload[1] > 0xbf) return false;
  const uint8_t *key = payload + 2, *end = payload + length;
  uint32_t key_length = payload[1] & 0x1fU;
  bool is_canonical;
  if (length - 2 <= key_length || !bext_is_utf8(key, key_length)) return false;
  if (!read_last_scalar(key + key_length, end, &out->value, &is_canonical)) return false;
  out->key = (bext_text){key, key_length};
  out->pair_bytes = length - 1;
  out->canonical = is_canonical ? payload + 1 : NULL;
  return true;
}

/* --- Any attribute ------------------------------------------------------------------------------------------------------------- */

enum bext_rejection bext_decode_attribute(const uint8_t *payload, size_t length, bext_attribute_view *out) {
  if (decode_usual(payload, length, out)) return BEXT_ACCEPTED;
  bext_reader reader = bext_reader_open(payload, length);
  if (bext_read_kind(&reader, BEXT_KIND_ARRAY).size != 2) bext_reject(&reader, BEXT_REJECT_WRONG_LENGTH);
  if (reader.rejection) return reader.rejection;
  return read_pair(&reader, out);
}
