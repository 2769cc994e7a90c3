/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads anchors (heads of the audit log's chains that the worker wrote to its log) from that log,
 * sorts them, and finds one by binary search. */
#include "app/ctl/audit_anchors.h"

#include <errno.h>
#include <stdlib.h>

#include "app/ctl/lines.h"
#include "app/http/json.h"
#include "app/store/audit_segment.h"
#include "app/store/keys.h"

/* Returns the text of an object's member; "" when it is absent or no string. */
static struct str anchor_member_text(struct json_object *line, const char *name)
{
    struct json_object *found = NULL;

    if (!json_object_object_get_ex(line, name, &found) ||
        !json_object_is_type(found, json_type_string))
        return STR("");
    return str_of(json_object_get_string(found));
}

/* Parses one line of the log. False when the line is not an anchor, such as
 * {"event":"audit.anchor","shard":"2b","segment":7,"head":"HEX"}; that of a seal has "seal" in
 * place of "segment". Looks for the name of the event first, because most lines have no anchor, and
 * parsing all of them as JSON would take minutes. */
static bool anchor_parse(struct str text, struct arena *arena, struct anchor *ret)
{
    struct problem not_json = {.code = PROBLEM_NONE};
    struct json_object *line, *number = NULL;
    struct str head;

    if (!memmem(text.p, text.n, "audit.anchor", 12))
        return false;
    line = json_parse(text, arena, &not_json);
    if (!json_object_is_type(line, json_type_object) ||
        !str_equal(anchor_member_text(line, "event"), STR("audit.anchor")) ||
        (!json_object_object_get_ex(line, "segment", &number) &&
         !json_object_object_get_ex(line, "seal", &number)) ||
        !key_parse_shard(anchor_member_text(line, "shard"), &ret->shard))
        return false;
    head = anchor_member_text(line, "head");
    ret->chain =
        json_object_object_get_ex(line, "segment", NULL) ? AUDIT_CHAIN_SEGMENTS : AUDIT_CHAIN_SEALS;
    ret->number = json_object_get_int64(number);
    (void)snprintf(ret->head, sizeof(ret->head), "%.*s", STR_ARG(head));
    return head.n == (ret->chain == AUDIT_CHAIN_SEGMENTS ? 2 * AUDIT_SEGMENT_HEAD
                                                         : AUDIT_HEAD_SIZE - 1) &&
           ret->number > 0;
}

/* Appends an anchor. A full array is doubled, because a log may have millions of anchors. False
 * when memory is exhausted. */
static bool anchors_add(struct anchors *anchors, const struct anchor *anchor)
{
    if (anchors->n == anchors->size) {
        size_t size = anchors->size > 0 ? 2 * anchors->size : 1024;
        struct anchor *v = reallocarray(anchors->v, size, sizeof(*v));

        if (!v)
            return false;
        anchors->v = v;
        anchors->size = size;
    }
    anchors->v[anchors->n++] = *anchor;
    return true;
}

/* Compares two anchors for qsort and the binary search: by chain, shard, then number. */
static int anchor_compare(const void *a, const void *b)
{
    const struct anchor *x = a, *y = b;

    if (x->chain != y->chain)
        return x->chain < y->chain ? -1 : 1;
    if (x->shard != y->shard)
        return x->shard < y->shard ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Adds the anchor of each line that has one. False with errno when reading fails or memory is
 * exhausted. */
static bool anchors_read_lines(struct anchors *anchors, struct line_reader *reader,
                               struct arena *arena)
{
    char *memory = NULL;
    size_t size = 0;
    struct str line;
    struct anchor anchor;
    bool ok = true;

    while (ok && lines_next(reader, &memory, &size, &line)) {
        arena_reset(arena);
        if (anchor_parse(line, arena, &anchor))
            ok = anchors_add(anchors, &anchor);
    }
    free(memory);
    return ok && !ferror(reader->in);
}

/* Sorts the anchors, even after a failure, which does no harm. errno is saved, because fclose and
 * free may change it before the caller prints the reason. Standard input is not closed. */
bool anchors_load(struct anchors *anchors, const char *path)
{
    struct line_reader reader;
    struct arena *arena = arena_new(1 << 14, 1 << 20);
    bool ok = lines_open(&reader, path) && arena && anchors_read_lines(anchors, &reader, arena);
    int error = errno;

    lines_close(&reader);
    arena_free(arena);
    if (anchors->n > 0)
        qsort(anchors->v, anchors->n, sizeof(*anchors->v), anchor_compare);
    errno = error;
    return ok;
}

void anchors_release(struct anchors *anchors)
{
    free(anchors->v);
    *anchors = (struct anchors){.v = NULL};
}

/* Binary search for the first anchor that is not less than (chain, shard, number). That anchor
 * belongs to a later shard when this shard has none with so great a number; the result is then
 * NULL. */
const struct anchor *anchors_from(const struct anchors *anchors, enum audit_chain chain,
                                  unsigned shard, int64_t number)
{
    const struct anchor wanted = {.chain = chain, .shard = shard, .number = number};
    size_t low = 0, high = anchors->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (anchor_compare(&anchors->v[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < anchors->n && anchors->v[low].chain == chain && anchors->v[low].shard == shard
               ? &anchors->v[low]
               : NULL;
}
