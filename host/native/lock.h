/*
 * lock.h - a lock for a few dozen instructions at a time. Taking it costs one atomic instruction, letting go of it none; whoever has to
 * wait spins a little, then sleeps, so that a holder who is not running gets on even on one core and whatever the priorities.
 *
 * It guards what calls nobody and waits for nothing. All zeros is a free lock.
 */
#ifndef BEXT_LOCK_H
#define BEXT_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>

typedef struct bext_lock {
  atomic_bool is_held;
} bext_lock;

/* Waits until the lock is taken. */
void bext_lock_wait(bext_lock *lock);

static inline bool bext_lock_try(bext_lock *lock) { return !atomic_exchange_explicit(&lock->is_held, true, memory_order_acquire); }

static inline void bext_lock_take(bext_lock *lock) {
  if (!bext_lock_try(lock)) bext_lock_wait(lock);
}

static inline void bext_lock_let_go(bext_lock *lock) { atomic_store_explicit(&lock->is_held, false, memory_order_release); }

#endif /* BEXT_LOCK_H */
