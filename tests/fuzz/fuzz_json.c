/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Input: any bytes as a body. json-c must be able to parse what the check accepts, and the check
 * must accept what json-c prints of it. */
#include <stdint.h>
#include <stdlib.h>

#include "app/http/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void read_again(struct json_object *object, struct arena *arena)
{
    size_t n, offset;
    const char *text = json_object_to_json_string_length(object, JSON_C_TO_STRING_PLAIN, &n);
    require(json_check((struct str){text, n}, JSON_VALUES_MAX, arena, &offset));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(4096, 64 << 20);
    struct str text = {(const char *)data, size};
    struct problem p = {0};
    size_t offset = SIZE_MAX;
    bool valid = json_check(text, JSON_VALUES_MAX, arena, &offset);
    struct json_object *object = json_parse(text, arena, &p);
    require(valid ? offset == SIZE_MAX : offset <= size);
    require(valid ? p.code == PROBLEM_NONE
                  : p.code == PROBLEM_INVALID_JSON || p.code == PROBLEM_PAYLOAD_TOO_LARGE);
    if (object)
        read_again(object, arena);
    arena_free(arena);
    return 0;
}
