/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory of one request: allocated piece by piece, released all at once by arena_reset. There is no
 * other release. Bounded: beyond the cap every allocation returns NULL, and each caller checks the
 * pointer where it gets it. Reset keeps the first block, so a process whose requests fit into it
 * does not call malloc. Under AddressSanitizer memory that is not handed out is poisoned. For one
 * thread. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "app/base/str.h"

struct arena;

/* first_block: bytes allocated at once and kept by resets. cap: most bytes handed out between two
 * resets. NULL without memory. */
struct arena *arena_new(size_t first_block, size_t cap);
void arena_free(struct arena *arena);  /* runs the deferred calls first; NULL is allowed */
void arena_reset(struct arena *arena); /* runs the deferred calls, newest first */

/* Aligned for any type, not cleared. NULL beyond the cap or without memory. size 0 is allowed. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_zalloc(struct arena *arena, size_t size);              /* cleared */
void *arena_array(struct arena *arena, size_t count, size_t size); /* cleared, overflow checked */
/* Both return a text in the arena with a NUL after its end; p is NULL on failure. */
struct str arena_copy(struct arena *arena, struct str s);
struct str arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Makes the next reset call release(object): for objects that json-c or hiredis allocated. Without
 * memory for this it calls release at once and returns false: the object is gone then. */
bool arena_defer(struct arena *arena, void (*release)(void *), void *object);
size_t arena_used(const struct arena *arena); /* bytes handed out since the last reset */

#endif
