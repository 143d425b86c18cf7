/* guarded_keys.c - they are few, and most differ from a key in their length or their first byte. */
#include "guarded_keys.h"

#include <string.h>

bool bext_is_guarded(const bext_guarded_keys *guarded, bext_text key) {
  if (!guarded || !key.length) return false;
  for (uint32_t i = 0; i < guarded->count; i++) {
    const bext_text *text = &guarded->keys[i].text;
    bool may_be = guarded->keys[i].is_prefix ? key.length >= text->length : key.length == text->length;
    if (may_be && !memcmp(key.bytes, text->bytes, text->length)) return true;
  }
  return false;
}
