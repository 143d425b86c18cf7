/* hot.h - what the compiler is told of the path that nearly every host call takes: what is to be a part of it, and what is not. */
#ifndef BEXT_HOT_H
#define BEXT_HOT_H

#define BEXT_INLINE static inline __attribute__((always_inline))
#define BEXT_COLD __attribute__((cold, noinline))

#endif /* BEXT_HOT_H */
