/*
 * packed_attributes.h - the attributes of an open span, packed in msgpack as they come: each key once, in the order in which the keys
 * came. It knows no limits.
 */
#ifndef BEXT_PACKED_ATTRIBUTES_H
#define BEXT_PACKED_ATTRIBUTES_H

#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"
#include "key_map.h"

#define BEXT_FEW_ATTRIBUTES 8
#define BEXT_FEW_ATTRIBUTE_BYTES 192

/* Where an attribute stands. It holds until the next one is set. */
typedef struct bext_packed_slot {
  uint32_t key_at; /* of the packed key */
  uint32_t key_length;
  uint32_t value_at;
  uint32_t value_size;
  uint64_t guest_bytes; /* for the owner: what the attribute weighs, 0 where only the host set it */
  uint64_t scope_bytes; /* for the scope that holds the span: what it charged for it, 0 where it charged nothing */
} bext_packed_slot;

/* It must not be copied or moved. */
typedef struct bext_packed_attributes {
  uint8_t *bytes;
  uint32_t used;
  uint32_t room;
  uint32_t dead_bytes; /* of values that were overwritten. While there are none, the bytes are the pairs, one after the other */
  uint32_t count;
  uint32_t slot_room;
  bext_packed_slot *slots;
  bext_key_map *numbers; /* of the slots, by key; NULL while they are few */
  bext_packed_slot few_slots[BEXT_FEW_ATTRIBUTES];
  uint8_t few_bytes[BEXT_FEW_ATTRIBUTE_BYTES];
} bext_packed_attributes;

/* Makes an empty table of memory that holds anything. */
void bext_packed_attributes_init(bext_packed_attributes *table);
/* Frees the table's memory. */
void bext_packed_attributes_clear(bext_packed_attributes *table);

/* The slot of a key, NULL where it has none. */
bext_packed_slot *bext_packed_attributes_get(bext_packed_attributes *table, bext_text key);

/*
 * Sets the value of the attribute in `slot`, or adds it where that is NULL, its key being in no slot. `pair_size`: see
 * bext_packed_pair_size. Gives the slot; NULL where there is no memory, all is then as it was.
 */
bext_packed_slot *bext_packed_attributes_set(bext_packed_attributes *table, bext_packed_slot *slot, const bext_attribute_view *attribute,
                                             uint64_t pair_size);

/* What key and value take when they are packed. */
uint64_t bext_packed_pair_size(const bext_attribute_view *attribute);

/* Writes the map of all attributes, and gives the place behind it. It takes no more than a header and `used` bytes. */
uint8_t *bext_packed_attributes_put(uint8_t *at, const bext_packed_attributes *table);

#endif /* BEXT_PACKED_ATTRIBUTES_H */
