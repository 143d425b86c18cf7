/* forks.c - a chain of all that is held, behind a lock that is held first. */
#include "forks.h"

#include <pthread.h>
#include <stddef.h>

#include "lock.h"

static bext_lock chain_lock;
static bext_forkable *chain;
static pthread_once_t handlers_once = PTHREAD_ONCE_INIT;
static bool has_handlers;

static void hold_all(void) {
  bext_lock_take(&chain_lock);
  for (bext_forkable *item = chain; item; item = item->next) item->hold(item->self);
}

static void let_all_go(void) {
  for (bext_forkable *item = chain; item; item = item->next) item->let_go(item->self);
  bext_lock_let_go(&chain_lock);
}

static void set_handlers(void) { has_handlers = pthread_atfork(hold_all, let_all_go, let_all_go) == 0; }

bool bext_watch_forks(bext_forkable *item, void *self, void (*hold)(void *self), void (*let_go)(void *self)) {
  pthread_once(&handlers_once, set_handlers);
  if (!has_handlers) return false;
  bext_lock_take(&chain_lock);
  *item = (bext_forkable){self, hold, let_go, chain, NULL};
  if (chain) chain->previous = item;
  chain = item;
  bext_lock_let_go(&chain_lock);
  return true;
}

void bext_forget_forks(bext_forkable *item) {
  bext_lock_take(&chain_lock);
  if (item->next) item->next->previous = item->previous;
  if (item->previous) item->previous->next = item->next;
  else chain = item->next;
  bext_lock_let_go(&chain_lock);
}
