/*
 * guarded_keys.h - keys of attributes that a back-end takes as commands: one of a guest's is written with a text before it, so that it
 * commands nothing. Which they are is the exporter's to say.
 */
#ifndef BEXT_GUARDED_KEYS_H
#define BEXT_GUARDED_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "reader.h"

/* A key, or how keys start. */
typedef struct bext_guarded_key {
  bext_text text;
  bool is_prefix;
} bext_guarded_key;

/* All of it is the caller's, and only read. */
typedef struct bext_guarded_keys {
  const bext_guarded_key *keys;
  uint32_t count;
  bext_text put_before;
} bext_guarded_keys;

/* True where the key is one of them, or starts as one of their prefixes. Case counts. `guarded` may be NULL, which guards none. */
bool bext_is_guarded(const bext_guarded_keys *guarded, bext_text key);

#endif /* BEXT_GUARDED_KEYS_H */
