/*
 * bell.h - wakes one waiting thread. Ringing it where nobody waits does nothing. It is not part of any hot path: whoever rings has seen
 * that there is a reason to.
 */
#ifndef BEXT_BELL_H
#define BEXT_BELL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct bext_bell {
  pthread_mutex_t mutex;
  pthread_cond_t rung;
} bext_bell;

/* Makes a bell; in a forked child, makes it anew: nobody waits there. */
void bext_bell_init(bext_bell *bell);
void bext_bell_destroy(bext_bell *bell);

void bext_bell_ring(bext_bell *bell);

/* Waits until `is_reason` holds, at most so long; gives what it says then. It is asked with no lock of the caller's held. */
bool bext_bell_wait(bext_bell *bell, bool (*is_reason)(void *of), void *of, uint64_t nanos);

#endif /* BEXT_BELL_H */
