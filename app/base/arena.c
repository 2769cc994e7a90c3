/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A bump allocator: a piece is the next free part of the current block; when that block is full, a
 * new block becomes the current one. A reset frees all blocks but the first.
 *
 * The field `used` of struct arena counts the bytes that were allocated, including the rounding to
 * the alignment but without the gaps that AddressSanitizer needs, so that the cap has the same
 * effect in every build. */
#include "app/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#endif

/* Under AddressSanitizer a poisoned gap follows each piece, so that an access one byte past the end
 * is found even when the size of the piece is a multiple of the alignment. */
#if defined(ARENA_POISONS)
#include <sanitizer/asan_interface.h>
enum { GAP = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
enum { GAP = 0 };
#endif

enum { ALIGNMENT = alignof(max_align_t) };

struct block {
    struct block *next; /* the block that was full before this one; NULL in the first block */
    size_t size, used;  /* bytes of `bytes`, and how many of them are allocated */
    max_align_t bytes[];
};

/* A function call that the next reset of the arena makes. */
struct deferred {
    void (*release)(void *);
    void *object;
    struct deferred *next;
};

struct arena {
    struct block *current;
    struct deferred *deferred; /* what the next reset releases, newest first; in the arena itself */
    size_t first_block;        /* bytes of the first block */
    size_t cap, used;          /* most bytes that may be allocated, bytes that are allocated */
};

/* Allocates a block with room for size bytes. NULL when malloc fails or the size does not fit into
 * size_t. */
static struct block *block_new(size_t size, struct block *next)
{
    struct block *block = NULL;
    size_t total;

    if (!__builtin_add_overflow(sizeof(*block), size, &total))
        block = malloc(total);
    if (!block)
        return NULL;
    block->next = next;
    block->size = size;
    block->used = 0;
    ASAN_POISON_MEMORY_REGION(block->bytes, size);
    return block;
}

/* The memory must not be poisoned when free gets it. */
static void block_free(struct block *block)
{
    ASAN_UNPOISON_MEMORY_REGION(block->bytes, block->size);
    free(block);
}

/* Allocates the arena with its first block, which resets keep. */
struct arena *arena_new(size_t first_block, size_t cap)
{
    struct arena *arena = malloc(sizeof(*arena));

    if (!arena)
        return NULL;
    *arena = (struct arena){.first_block = first_block, .cap = cap};
    arena->current = block_new(first_block, NULL);
    if (!arena->current) {
        free(arena);
        return NULL;
    }
    return arena;
}

/* Makes the deferred calls, frees all blocks but the first (the only one without `next`), and sets
 * that block to unused. Its memory is poisoned again for AddressSanitizer. */
void arena_reset(struct arena *arena)
{
    struct deferred *deferred;

    /* Each call is removed from the list before it is made, because a release function may itself
     * defer a call or allocate from the arena. */
    while ((deferred = arena->deferred)) {
        arena->deferred = deferred->next;
        deferred->release(deferred->object);
    }
    while (arena->current->next) {
        struct block *block = arena->current;
        arena->current = block->next;
        block_free(block);
    }
    arena->current->used = 0;
    arena->used = 0;
    ASAN_POISON_MEMORY_REGION(arena->current->bytes, arena->current->size);
}

/* The reset makes the deferred calls and leaves only the first block. */
void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    arena_reset(arena);
    block_free(arena->current);
    free(arena);
}

/* Allocates a block with room for at least `room` bytes, which becomes the current one. The free
 * rest of the old block stays unused until the next reset. False when malloc fails. */
static bool arena_add_block(struct arena *arena, size_t room)
{
    size_t size = room > arena->first_block ? room : arena->first_block;
    struct block *block = block_new(size, arena->current);

    if (!block)
        return false;
    arena->current = block;
    return true;
}

/* Returns a piece of the current block, or of a new block when the current one has too little room.
 * NULL when the cap is exceeded or malloc fails. */
void *arena_alloc(struct arena *arena, size_t size)
{
    size_t room;

    /* The size is rounded up to the alignment. A piece of size 0 takes one unit as well, so that
     * its address is unique. */
    if (__builtin_add_overflow(size > 0 ? size : 1, ALIGNMENT - 1 + GAP, &room))
        return NULL;
    room -= room % ALIGNMENT;
    /* The cap counts the piece without the gap of AddressSanitizer. */
    if (room - GAP > arena->cap - arena->used)
        return NULL;
    if (room > arena->current->size - arena->current->used && !arena_add_block(arena, room))
        return NULL;
    struct block *block = arena->current;
    void *piece = (char *)block->bytes + block->used;
    block->used += room;
    arena->used += room - GAP;
    ASAN_UNPOISON_MEMORY_REGION(piece, size);
    return piece;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    void *piece = arena_alloc(arena, size);

    return piece ? memset(piece, 0, size) : NULL;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return arena_zalloc(arena, total);
}

/* Allocates one byte more for the NUL. The comparison with SIZE_MAX keeps that sum from
 * overflowing. */
struct str arena_copy(struct arena *arena, struct str s)
{
    char *text = s.n < SIZE_MAX ? arena_alloc(arena, s.n + 1) : NULL;

    if (!text)
        return (struct str){NULL, 0};
    if (s.n > 0)
        memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return (struct str){text, s.n};
}

/* Formats twice: first without a buffer to learn the length, then into a piece of that size. The p
 * of the returned text is NULL when out of memory. */
struct str arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : arena_alloc(arena, (size_t)n + 1);
    if (!text)
        return (struct str){NULL, 0};
    va_start(args, format);
    (void)vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return (struct str){text, (size_t)n};
}

/* Adds a call to the list. The list element is in the arena, so it needs no release of its own;
 * arena_reset makes the calls before it resets that memory. Returns false when out of memory: the
 * object is then released at once. */
bool arena_defer(struct arena *arena, void (*release)(void *), void *object)
{
    struct deferred *deferred = arena_alloc(arena, sizeof(*deferred));

    if (!deferred) {
        release(object);
        return false;
    }
    *deferred = (struct deferred){release, object, arena->deferred};
    arena->deferred = deferred;
    return true;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}
