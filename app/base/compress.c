/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zstd needs large contexts, which take longer to make than a short text to compress. So each
 * thread makes those of a dictionary once, when they are first needed, and keeps them. */
#include "app/base/compress.h"

#include <string.h>
#include <zstd.h>

/* Higher levels need twice the time for 1 % fewer bytes of an event. */
enum { LEVEL = 12, MAGIC_SIZE = 4 };
static const char magic[MAGIC_SIZE] = "\x28\xb5\x2f\xfd"; /* RFC 8878, 3.1.1 */

/* Contexts of one dictionary. NULL: not made yet. */
struct contexts {
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *decompressor;
};

static _Thread_local struct contexts all_contexts[DICTIONARIES];

static const struct str *const dictionaries[DICTIONARIES] = {
    [DICTIONARY_EVENTS] = &dictionary_events,
    [DICTIONARY_AUDIT] = &dictionary_audit,
};

/* Returns the compressor of the dictionary, made if need be; NULL when out of memory. */
static ZSTD_CCtx *compress_context(enum dictionary dictionary)
{
    struct contexts *contexts = &all_contexts[dictionary];
    const struct str *bytes = dictionaries[dictionary];
    ZSTD_CCtx *new;

    if (contexts->compressor)
        return contexts->compressor;
    new = ZSTD_createCCtx();
    if (!new)
        return NULL;
    if (ZSTD_isError(ZSTD_CCtx_setParameter(new, ZSTD_c_compressionLevel, LEVEL)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(new, ZSTD_c_dictIDFlag, 0)) ||
        ZSTD_isError(ZSTD_CCtx_loadDictionary(new, bytes->p, bytes->n))) {
        (void)ZSTD_freeCCtx(new);
        return NULL;
    }
    return contexts->compressor = new;
}

/* Returns the decompressor of the dictionary, made if need be; NULL when out of memory. */
static ZSTD_DCtx *decompress_context(enum dictionary dictionary)
{
    struct contexts *contexts = &all_contexts[dictionary];
    const struct str *bytes = dictionaries[dictionary];
    ZSTD_DCtx *new;

    if (contexts->decompressor)
        return contexts->decompressor;
    new = ZSTD_createDCtx();
    if (!new)
        return NULL;
    if (ZSTD_isError(ZSTD_DCtx_loadDictionary(new, bytes->p, bytes->n))) {
        (void)ZSTD_freeDCtx(new);
        return NULL;
    }
    return contexts->decompressor = new;
}

struct str compress(struct arena *arena, enum dictionary dictionary, struct str text)
{
    ZSTD_CCtx *compressor = compress_context(dictionary);
    size_t room = ZSTD_compressBound(text.n), n;
    char *frame = compressor ? arena_alloc(arena, room) : NULL;

    if (!frame)
        return (struct str){0};
    n = ZSTD_compress2(compressor, frame, room, text.p, text.n);
    if (ZSTD_isError(n) || n < MAGIC_SIZE)
        return (struct str){0};
    return (struct str){frame + MAGIC_SIZE, n - MAGIC_SIZE};
}

bool decompress(struct arena *arena, enum dictionary dictionary, struct str compressed, size_t max,
                struct str *ret_text)
{
    ZSTD_DCtx *decompressor = decompress_context(dictionary);
    char *frame = decompressor ? arena_alloc(arena, MAGIC_SIZE + compressed.n) : NULL, *text;
    unsigned long long size;

    if (!frame)
        return false;
    memcpy(frame, magic, MAGIC_SIZE);
    memcpy(frame + MAGIC_SIZE, compressed.p, compressed.n);
    size = ZSTD_getFrameContentSize(frame, MAGIC_SIZE + compressed.n);
    if (size > max) /* the two values for an error and for an unknown size are larger, too */
        return false;
    text = arena_alloc(arena, size + 1);
    if (!text ||
        ZSTD_decompressDCtx(decompressor, text, size, frame, MAGIC_SIZE + compressed.n) != size)
        return false;
    text[size] = '\0';
    *ret_text = (struct str){text, size};
    return true;
}
