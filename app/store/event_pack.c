/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packs events and unpacks them. The dictionary of the compression has what many events have in
 * common, and so not the id of a student. That id is known from the key, so the member "student_id"
 * is left out. It stays in an event that has it in another form than event_input_json writes, or
 * only after the first 255 bytes. */
#include "app/store/event_pack.h"

#include <string.h>

#include "app/base/compress.h"

enum { VERSION = 1, HEADER_SIZE = 4, NO_STUDENT = 255 };

/* Returns the member "student_id" as event_input_json writes it, with a comma after it. */
static struct str event_student_member(struct arena *arena, struct str student)
{
    return arena_printf(arena, "\"student_id\":\"%.*s\",", STR_ARG(student));
}

/* Returns the text without the n bytes at the offset `at`. Its p is NULL when out of memory. */
static struct str event_cut(struct arena *arena, struct str text, size_t at, size_t n)
{
    char *copy = arena_alloc(arena, text.n + 1);

    if (!copy)
        return (struct str){0};
    memcpy(copy, text.p, at);
    memcpy(copy + at, text.p + at + n, text.n - at - n);
    return (struct str){copy, text.n - n};
}

struct str event_pack(struct arena *arena, struct str student, int32_t day, struct str json)
{
    struct str member = event_student_member(arena, student), body = json, compressed;
    const char *found = member.p ? memmem(json.p, json.n, member.p, member.n) : NULL;
    size_t at = found && found - json.p < NO_STUDENT ? (size_t)(found - json.p) : NO_STUDENT;
    unsigned char *packed;

    if (at != NO_STUDENT)
        body = event_cut(arena, json, at, member.n);
    compressed = body.p ? compress(arena, DICTIONARY_EVENTS, body) : (struct str){0};
    packed = compressed.p ? arena_alloc(arena, HEADER_SIZE + compressed.n) : NULL;
    if (!packed)
        return (struct str){0};
    packed[0] = VERSION;
    packed[1] = (unsigned char)((uint32_t)day & 255);
    packed[2] = (unsigned char)((uint32_t)day >> 8 & 255);
    packed[3] = (unsigned char)at;
    memcpy(packed + HEADER_SIZE, compressed.p, compressed.n);
    return (struct str){(const char *)packed, HEADER_SIZE + compressed.n};
}

bool event_unpack(struct arena *arena, struct str student, struct str packed, struct str *ret_json)
{
    struct str body, member;
    size_t at;
    char *json;

    if (packed.n < HEADER_SIZE || packed.p[0] != VERSION ||
        !decompress(arena, DICTIONARY_EVENTS,
                    (struct str){packed.p + HEADER_SIZE, packed.n - HEADER_SIZE}, EVENT_PACK_MAX,
                    &body))
        return false;
    at = (unsigned char)packed.p[3];
    if (at == NO_STUDENT) {
        *ret_json = body;
        return true;
    }
    member = event_student_member(arena, student);
    json = member.p && at <= body.n ? arena_alloc(arena, body.n + member.n + 1) : NULL;
    if (!json)
        return false;
    memcpy(json, body.p, at);
    memcpy(json + at, member.p, member.n);
    memcpy(json + at + member.n, body.p + at, body.n - at);
    json[body.n + member.n] = '\0';
    *ret_json = (struct str){json, body.n + member.n};
    return true;
}
