/*
 * forks.h - locks that are held round a fork, so that the child gets what no other thread was changing.
 *
 * They are taken inside of the fork itself: no code of anybody's runs in the thread that forks while it holds them, so that none can
 * wait for one of them. Nothing is known here of what the locks guard.
 */
#ifndef BEXT_FORKS_H
#define BEXT_FORKS_H

#include <stdbool.h>

/* Something with locks, for as long as it lives. It must not be copied or moved. */
typedef struct bext_forkable bext_forkable;
struct bext_forkable {
  void *self;
  void (*hold)(void *self);
  void (*let_go)(void *self); /* in the parent and in the child */
  bext_forkable *next;
  bext_forkable *previous;
};

/* From now on `self`, which is complete, is held at forks. False where there is no memory. */
bool bext_watch_forks(bext_forkable *item, void *self, void (*hold)(void *self), void (*let_go)(void *self));

/* No longer. */
void bext_forget_forks(bext_forkable *item);

#endif /* BEXT_FORKS_H */
