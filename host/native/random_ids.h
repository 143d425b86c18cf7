/*
 * random_ids.h - trace and span ids from the kernel's generator: a guest must not be able to predict another's. They are read in blocks,
 * one for each thread, and what is left of a block is forgotten at a fork, so that parent and child never make the same.
 */
#ifndef BEXT_RANDOM_IDS_H
#define BEXT_RANDOM_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "reader.h"

/* 64 random bits that are not all zero; false where the kernel gives none. */
bool bext_random_id(uint64_t *out);

/* A whole handle of such; false where the kernel gives none. */
bool bext_random_handle(bext_handle_parts *out);

#endif /* BEXT_RANDOM_IDS_H */
