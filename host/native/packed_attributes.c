/* packed_attributes.c - a few attributes live in the table itself and are found by comparing their keys; many have an index. */
#include "packed_attributes.h"

#include <stdlib.h>
#include <string.h>

#include "packing.h"

#define DEAD_BYTES_ALLOWED 1024

void bext_packed_attributes_init(bext_packed_attributes *table) {
  table->bytes = table->few_bytes;
  table->room = BEXT_FEW_ATTRIBUTE_BYTES;
  table->slots = table->few_slots;
  table->slot_room = BEXT_FEW_ATTRIBUTES;
  table->numbers = NULL;
  table->used = table->dead_bytes = table->count = 0;
}

void bext_packed_attributes_clear(bext_packed_attributes *table) {
  if (table->bytes != table->few_bytes) free(table->bytes);
  if (table->slots != table->few_slots) free(table->slots);
  if (!table->numbers) return;
  bext_key_map_clear(table->numbers);
  free(table->numbers);
}

/* --- Finding ------------------------------------------------------------------------------------------------------------------- */

static uint32_t packed_key_size(const bext_packed_slot *slot) { return (uint32_t)bext_size_text(slot->key_length); }

static bext_text slot_key(const bext_packed_attributes *table, const bext_packed_slot *slot) {
  return (bext_text){table->bytes + slot->key_at + packed_key_size(slot) - slot->key_length, slot->key_length};
}

bext_packed_slot *bext_packed_attributes_get(bext_packed_attributes *table, bext_text key) {
  if (table->numbers) {
    const bext_key_entry *entry = bext_key_map_get(table->numbers, key);
    return entry ? &table->slots[entry->number] : NULL;
  }
  for (uint32_t i = 0; i < table->count; i++) {
    if (table->slots[i].key_length != key.length) continue;
    if (!key.length || memcmp(slot_key(table, &table->slots[i]).bytes, key.bytes, key.length) == 0) return &table->slots[i];
  }
  return NULL;
}

/* --- Room ---------------------------------------------------------------------------------------------------------------------- */

static bool has_room_for(bext_packed_attributes *table, uint64_t more) {
  uint64_t needed = table->used + more;
  if (needed <= table->room) return true;
  uint64_t room = needed > 2 * (uint64_t)table->room ? needed : 2 * (uint64_t)table->room;
  if (room > UINT32_MAX) return false;
  bool is_first = table->bytes == table->few_bytes;
  uint8_t *larger = realloc(is_first ? NULL : table->bytes, (size_t)room);
  if (!larger) return false;
  if (is_first) memcpy(larger, table->few_bytes, table->used);
  table->bytes = larger;
  table->room = (uint32_t)room;
  return true;
}

static bool index_all(bext_packed_attributes *table) {
  bext_key_map *numbers = malloc(sizeof *numbers);
  if (!numbers) return false;
  bext_key_map_init(numbers, true);
  for (uint32_t i = 0; i < table->count; i++) {
    if (bext_key_map_add(numbers, slot_key(table, &table->slots[i]), i)) continue;
    bext_key_map_clear(numbers);
    free(numbers);
    return false;
  }
  table->numbers = numbers;
  return true;
}

static bool has_room_for_slot(bext_packed_attributes *table) {
  if (table->count < table->slot_room) return true;
  if (!table->numbers && !index_all(table)) return false;
  bool is_first = table->slots == table->few_slots;
  bext_packed_slot *larger = realloc(is_first ? NULL : table->slots, 2 * (size_t)table->slot_room * sizeof *larger);
  if (!larger) return false;
  if (is_first) memcpy(larger, table->few_slots, sizeof table->few_slots);
  table->slots = larger;
  table->slot_room *= 2;
  return true;
}

/* --- Setting ------------------------------------------------------------------------------------------------------------------- */

uint64_t bext_packed_pair_size(const bext_attribute_view *attribute) {
  if (attribute->canonical) return attribute->pair_bytes;
  return bext_size_text(attribute->key.length) + bext_size_value(&attribute->value);
}

static void put_pair(uint8_t *at, const bext_attribute_view *attribute) {
  if (attribute->canonical) memcpy(at, attribute->canonical, attribute->pair_bytes);
  else bext_put_value(bext_put_text(at, attribute->key), &attribute->value);
}

/* A slot for a key that has none. */
static bext_packed_slot *add_slot(bext_packed_attributes *table, const bext_attribute_view *attribute, uint64_t pair_size) {
  if (!has_room_for_slot(table) || !has_room_for(table, pair_size)) return NULL;
  if (table->numbers && !bext_key_map_add(table->numbers, attribute->key, table->count)) return NULL;
  bext_packed_slot *slot = &table->slots[table->count++];
  uint32_t key_length = attribute->key.length, key_size = (uint32_t)bext_size_text(key_length);
  *slot = (bext_packed_slot){table->used, key_length, table->used + key_size, (uint32_t)pair_size - key_size, 0, 0};
  put_pair(table->bytes + table->used, attribute);
  table->used += (uint32_t)pair_size;
  return slot;
}

/* Moves the pairs together, where the dead bytes take more room than the others. It may fail, and nothing is lost. */
static void compact(bext_packed_attributes *table) {
  uint32_t live = table->used - table->dead_bytes;
  if (table->dead_bytes <= DEAD_BYTES_ALLOWED || table->dead_bytes <= live) return;
  uint8_t *bytes = malloc(live);
  if (!bytes) return;
  uint32_t position = 0;
  for (uint32_t i = 0; i < table->count; i++) {
    bext_packed_slot *slot = &table->slots[i];
    uint32_t key_size = packed_key_size(slot);
    memcpy(bytes + position, table->bytes + slot->key_at, key_size);
    memcpy(bytes + position + key_size, table->bytes + slot->value_at, slot->value_size);
    slot->key_at = position;
    slot->value_at = position + key_size;
    position = slot->value_at + slot->value_size;
  }
  if (table->bytes != table->few_bytes) free(table->bytes);
  table->bytes = bytes;
  table->used = table->room = live;
  table->dead_bytes = 0;
}

/* Gives an attribute room for another value: the old one's, where that is enough. */
static bool make_way(bext_packed_attributes *table, bext_packed_slot *slot, uint64_t value_size) {
  if (value_size > slot->value_size) {
    if (!has_room_for(table, value_size)) return false;
    table->dead_bytes += slot->value_size;
    slot->value_at = table->used;
    table->used += (uint32_t)value_size;
  } else {
    table->dead_bytes += slot->value_size - (uint32_t)value_size;
  }
  slot->value_size = (uint32_t)value_size;
  return true;
}

bext_packed_slot *bext_packed_attributes_set(bext_packed_attributes *table, bext_packed_slot *slot, const bext_attribute_view *attribute,
                                             uint64_t pair_size) {
  if (!slot) return add_slot(table, attribute, pair_size);
  if (!make_way(table, slot, pair_size - packed_key_size(slot))) return NULL;
  bext_put_value(table->bytes + slot->value_at, &attribute->value);
  compact(table);
  return slot;
}

/* --- The map ------------------------------------------------------------------------------------------------------------------- */

uint8_t *bext_packed_attributes_put(uint8_t *at, const bext_packed_attributes *table) {
  at = bext_put_map(at, table->count);
  if (!table->dead_bytes) return bext_put_raw(at, table->bytes, table->used);
  for (uint32_t i = 0; i < table->count; i++) {
    const bext_packed_slot *slot = &table->slots[i];
    at = bext_put_raw(at, table->bytes + slot->key_at, packed_key_size(slot));
    at = bext_put_raw(at, table->bytes + slot->value_at, slot->value_size);
  }
  return at;
}
