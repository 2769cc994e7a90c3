/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An arena: the memory of one request, allocated piece by piece and released as a whole by
 * arena_reset. A single piece cannot be released. The total is bounded: beyond the arena's cap
 * every allocation returns NULL, and the caller of each allocation checks for NULL. A reset keeps
 * the first block, so requests that fit into that block cause no further malloc. Under
 * AddressSanitizer, memory of the arena that is not allocated is poisoned. An arena is for one
 * thread. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "app/base/str.h"

struct arena;

/* Creates an arena. first_block: bytes of the first block, which resets keep. cap: most bytes that
 * can be allocated between two resets. Returns NULL when malloc fails. */
struct arena *arena_new(size_t first_block, size_t cap);
void arena_free(struct arena *arena); /* calls arena_reset, then frees all; NULL is allowed */
/* Makes the calls that arena_defer registered, newest first. */
void arena_reset(struct arena *arena);

/* Returns size bytes that are aligned for any type and not initialized. NULL when the cap is
 * exceeded or malloc fails. size 0 is allowed. */
void *arena_alloc(struct arena *arena, size_t size);
/* like arena_alloc, but the memory is filled with zeros */
void *arena_zalloc(struct arena *arena, size_t size);
/* Returns an array of count elements of size bytes each, filled with zeros; it has an address also
 * for 0 elements. NULL when out of memory, or when count * size overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);
/* Copy s, or format like printf, to a new text in the arena with a NUL after its end. The p of
 * the returned text is NULL when out of memory. */
struct str arena_copy(struct arena *arena, struct str s);
struct str arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Makes the next reset call release(object). This is for objects that json-c or hiredis allocated.
 * When out of memory, release is called at once and false is returned: the caller must then not use
 * the object. */
bool arena_defer(struct arena *arena, void (*release)(void *), void *object);
size_t arena_used(const struct arena *arena); /* bytes handed out since the last reset */

#endif
