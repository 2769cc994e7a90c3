/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each call has a context of its own: zstd's allocation of one is small beside the work. */
#include "app/base/compress.h"

#include <zstd.h>

/* The size of the text is in the frame: decompress_text relies on it. */
bool compress_text(struct arena *arena, struct str dictionary, struct str text, int level,
                   struct str *ret)
{
    size_t size = ZSTD_compressBound(text.n), n;
    ZSTD_CCtx *context = ZSTD_createCCtx();
    char *packed = arena_alloc(arena, size);
    bool done = false;

    if (context && packed) {
        n = ZSTD_compress_usingDict(context, packed, size, text.p, text.n, dictionary.p,
                                    dictionary.n, level);
        done = !ZSTD_isError(n);
        if (done)
            *ret = (struct str){packed, n};
    }
    (void)ZSTD_freeCCtx(context);
    return done;
}

/* The size is checked before memory is allocated, since another program may have written the text.
 */
bool decompress_text(struct arena *arena, struct str dictionary, struct str packed, size_t max,
                     struct str *ret)
{
    unsigned long long size = ZSTD_getFrameContentSize(packed.p, packed.n);
    ZSTD_DCtx *context;
    char *text;
    bool done = false;

    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > max)
        return false;
    context = ZSTD_createDCtx();
    text = arena_alloc(arena, (size_t)size);
    if (context && text)
        done = ZSTD_decompress_usingDict(context, text, (size_t)size, packed.p, packed.n,
                                         dictionary.p, dictionary.n) == size;
    (void)ZSTD_freeDCtx(context);
    if (done)
        *ret = (struct str){text, (size_t)size};
    return done;
}
