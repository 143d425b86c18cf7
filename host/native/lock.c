/* lock.c - waiting for a lock. */
#define _POSIX_C_SOURCE 200809L
#include "lock.h"

#include <time.h>

#define SPINS 2000
#define SLEEP_NANOS 20000

void bext_lock_wait(bext_lock *lock) {
  const struct timespec a_while = {0, SLEEP_NANOS};
  do {
    for (unsigned i = 0; i < SPINS && atomic_load_explicit(&lock->is_held, memory_order_relaxed); i++) continue;
    if (atomic_load_explicit(&lock->is_held, memory_order_relaxed)) nanosleep(&a_while, NULL);
  } while (!bext_lock_try(lock));
}
