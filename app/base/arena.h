/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory of one request: allocated piece by piece, released all at once.
 * Bounded: when the cap is reached allocation answers NULL, which every caller checks where it
 * gets the pointer. Reset keeps the first block, so a steady process does not call malloc. Under
 * AddressSanitizer what is not handed out is poisoned. Not for use by two threads. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "app/base/str.h"

struct arena;

/* cap: the most bytes ever handed out between two resets. NULL when there is no memory. */
struct arena *arena_new(size_t first_block, size_t cap);
void arena_free(struct arena *arena);  /* runs the deferred releases; takes NULL */
void arena_reset(struct arena *arena); /* runs the deferred releases, newest first */

/* Aligned for any type, not cleared. NULL beyond the cap or without memory. size 0 is allowed. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_zalloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size); /* cleared, overflow checked */
/* Copies, NUL-terminated behind the end. p is NULL on failure. */
struct str arena_copy(struct arena *arena, struct str s);
struct str arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Have release(thing) run at the next reset: for what json-c or hiredis allocated. When the note
 * cannot be made, release is run at once and false returned: thing is gone then. */
bool arena_defer(struct arena *arena, void (*release)(void *), void *thing);
size_t arena_used(const struct arena *arena);

#endif
