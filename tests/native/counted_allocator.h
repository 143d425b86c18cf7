/*
 * counted_allocator.h - the memory that counted_memory.h puts under the engine. One file of a driver includes it, and says in is_refused
 * which allocations fail; `blocks` is how many pieces are held.
 */
#ifndef BEXT_COUNTED_ALLOCATOR_H
#define BEXT_COUNTED_ALLOCATOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

static bool is_refused(void);

static atomic_long blocks;

static void *counted(void *block) {
  if (block) atomic_fetch_add_explicit(&blocks, 1, memory_order_relaxed); /* relaxed: it must hide no race of the engine's */
  return block;
}

void *counted_malloc(size_t size);
void *counted_calloc(size_t count, size_t size);
void *counted_realloc(void *block, size_t size);
void *counted_aligned_alloc(size_t alignment, size_t size);
void counted_free(void *block);

void *counted_malloc(size_t size) { return is_refused() ? NULL : counted(malloc(size)); }

void *counted_calloc(size_t count, size_t size) { return is_refused() ? NULL : counted(calloc(count, size)); }

void *counted_realloc(void *block, size_t size) {
  if (is_refused()) return NULL;
  return block ? realloc(block, size) : counted(malloc(size));
}

void *counted_aligned_alloc(size_t alignment, size_t size) { return is_refused() ? NULL : counted(aligned_alloc(alignment, size)); }

void counted_free(void *block) {
  if (block) atomic_fetch_sub_explicit(&blocks, 1, memory_order_relaxed);
  free(block);
}

#endif /* BEXT_COUNTED_ALLOCATOR_H */
