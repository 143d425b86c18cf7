/* counted_memory.h - put before the engine's sources by the compiler: their memory is the test's, to be counted and refused. */
#ifndef BEXT_COUNTED_MEMORY_H
#define BEXT_COUNTED_MEMORY_H

#include <stdlib.h>

void *counted_malloc(size_t size);
void *counted_calloc(size_t count, size_t size);
void *counted_realloc(void *block, size_t size);
void *counted_aligned_alloc(size_t alignment, size_t size);
void counted_free(void *block);

#define malloc counted_malloc
#define calloc counted_calloc
#define realloc counted_realloc
#define aligned_alloc counted_aligned_alloc
#define free counted_free

#endif /* BEXT_COUNTED_MEMORY_H */
