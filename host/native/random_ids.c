/* random_ids.c - a block of random words for each thread. */
#include "random_ids.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/random.h>

#define BLOCK_WORDS 512

typedef struct id_block {
  uint64_t forks; /* how many forks this process had seen when the block was read */
  unsigned left;
  uint64_t words[BLOCK_WORDS];
} id_block;

static _Thread_local id_block own;
static atomic_uint_fast64_t forks;
static pthread_once_t watch_once = PTHREAD_ONCE_INIT;
static bool is_watching;

static void count_fork(void) { atomic_fetch_add(&forks, 1); }

static void watch_forks(void) { is_watching = pthread_atfork(NULL, NULL, count_fork) == 0; }

static bool fill(void *memory, size_t size) {
  for (size_t have = 0; have < size;) {
    ssize_t got = getrandom((uint8_t *)memory + have, size - have, 0);
    if (got < 0 && errno != EINTR) return false;
    if (got > 0) have += (size_t)got;
  }
  return true;
}

static bool read_block(uint64_t seen_forks) {
  pthread_once(&watch_once, watch_forks);
  own.left = 0;
  if (!is_watching || !fill(own.words, sizeof own.words)) return false;
  own.forks = seen_forks;
  own.left = BLOCK_WORDS;
  return true;
}

/* The next words of the block; false where the kernel gives none. `count` is small. */
static bool take(uint64_t *out, unsigned count) {
  id_block *mine = &own; /* finding a thread's own takes a call */
  uint64_t seen_forks = atomic_load_explicit(&forks, memory_order_relaxed);
  if ((mine->left < count || mine->forks != seen_forks) && !read_block(seen_forks)) return false;
  for (unsigned i = 0; i < count; i++) out[i] = mine->words[--mine->left];
  return true;
}

bool bext_random_id(uint64_t *out) {
  do {
    if (!take(out, 1)) return false;
  } while (*out == 0);
  return true;
}

bool bext_random_handle(bext_handle_parts *out) {
  uint64_t words[3];
  do {
    if (!take(words, 3)) return false;
  } while (words[0] == 0 || words[1] == 0 || words[2] == 0);
  *out = (bext_handle_parts){words[0], words[1], words[2]};
  return true;
}
