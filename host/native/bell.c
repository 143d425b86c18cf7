/* bell.c - a condition variable on the monotonic clock, so that a step of the wall clock makes nobody wait. */
#define _POSIX_C_SOURCE 200809L
#include "bell.h"

#include <time.h>

#define NANOS_PER_SECOND UINT64_C(1000000000)
#define LONGEST_WAIT_SECONDS UINT64_C(86400)

void bext_bell_init(bext_bell *bell) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_mutex_init(&bell->mutex, NULL);
  pthread_cond_init(&bell->rung, &attributes);
  pthread_condattr_destroy(&attributes);
}

void bext_bell_destroy(bext_bell *bell) {
  pthread_cond_destroy(&bell->rung);
  pthread_mutex_destroy(&bell->mutex);
}

void bext_bell_ring(bext_bell *bell) {
  pthread_mutex_lock(&bell->mutex);
  pthread_cond_signal(&bell->rung);
  pthread_mutex_unlock(&bell->mutex);
}

static struct timespec in(uint64_t nanos) {
  struct timespec time = {0, 0};
  uint64_t seconds = nanos / NANOS_PER_SECOND;
  clock_gettime(CLOCK_MONOTONIC, &time);
  uint64_t rest = (uint64_t)time.tv_nsec + nanos % NANOS_PER_SECOND;
  time.tv_sec += (time_t)((seconds < LONGEST_WAIT_SECONDS ? seconds : LONGEST_WAIT_SECONDS) + rest / NANOS_PER_SECOND);
  time.tv_nsec = (long)(rest % NANOS_PER_SECOND);
  return time;
}

bool bext_bell_wait(bext_bell *bell, bool (*is_reason)(void *of), void *of, uint64_t nanos) {
  struct timespec deadline = in(nanos);
  pthread_mutex_lock(&bell->mutex); /* held when the reason is looked at, so that no ring falls between that and the wait */
  bool has_reason = is_reason(of);
  while (!has_reason && pthread_cond_timedwait(&bell->rung, &bell->mutex, &deadline) == 0) has_reason = is_reason(of);
  pthread_mutex_unlock(&bell->mutex);
  return has_reason || is_reason(of);
}
