/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Input: a query, a newline and a body, checked against one rule of every type. Accepted values
 * must have the form and range of their rules. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "app/base/ids.h"
#include "app/base/utf8.h"
#include "app/http/json.h"
#include "app/http/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct part {
    struct str id;
    double share;
};

struct input {
    struct str id, text, asked;
    int word;
    bool flag;
    int64_t whole, days, time;
    double share;
    int32_t day;
    struct str_list ids;
    uint32_t words;
    struct part part;
    struct rule_objects parts;
    struct json_object *raw;
};

static const char *const choices[] = {"a", "b", "c", NULL};

/* clang-format off */
#define INTO(member) .offset = offsetof(struct input, member)
static const struct rule part_rules[] = {
    {.name = "i", .type = RULE_ID, .required = true, .offset = offsetof(struct part, id)},
    {.name = "s", .type = RULE_NUMBER, .max = 1, .offset = offsetof(struct part, share)},
    {0},
};
static const struct rule rules[] = {
    {.name = "p", .type = RULE_ID, .source = IN_PATH, INTO(id)},
    {.name = "d", .type = RULE_INT, .source = IN_QUERY, .min = 1, .max = 90, .default_value = 7, INTO(days)},
    {.name = "q", .type = RULE_TEXT, .source = IN_QUERY, .max = 8, INTO(asked)},
    {.name = "t", .type = RULE_TEXT, .max = 8, INTO(text)},
    {.name = "w", .type = RULE_ENUM, .choices = choices, .default_value = 1, INTO(word)},
    {.name = "b", .type = RULE_BOOL, .nullable = true, INTO(flag)},
    {.name = "n", .type = RULE_INT, .min = -5, .max = 5, INTO(whole)},
    {.name = "s", .type = RULE_NUMBER, .max = 1, INTO(share)},
    {.name = "y", .type = RULE_DAY, INTO(day)},
    {.name = "m", .type = RULE_TIME, INTO(time)},
    {.name = "l", .type = RULE_IDS, .max = 20, INTO(ids)},
    {.name = "c", .type = RULE_ENUM_SET, .choices = choices, INTO(words)},
    {.name = "o", .type = RULE_OBJECT, .fields = part_rules, INTO(part)},
    {.name = "a", .type = RULE_OBJECTS, .fields = part_rules, .item_size = sizeof(struct part), .max = 3, INTO(parts)},
    {.name = "r", .type = RULE_JSON, INTO(raw)},
    {0},
};
/* clang-format on */

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_ids(const struct str_list *ids)
{
    require(ids->n <= 20);
    for (size_t i = 0; i < ids->n; i++) {
        require(id_valid(ids->v[i]));
        for (size_t k = 0; k < i; k++)
            require(!str_equal(ids->v[i], ids->v[k]));
    }
}

static void require_part(const struct part *part, bool there)
{
    require(!there || id_valid(part->id));
    require(part->share >= 0 && part->share <= 1);
}

static void require_valid(const struct input *in)
{
    require(in->days >= 1 && in->days <= 90);
    require(in->text.n <= 32 && utf8_valid(in->text));
    require(in->asked.n <= 32 && utf8_valid(in->asked));
    require(in->word >= 0 && in->word < 3 && in->words < 8);
    require(in->whole >= -5 && in->whole <= 5);
    require(in->share >= 0 && in->share <= 1);
    require_ids(&in->ids);
    require_part(&in->part, in->part.id.n > 0);
    require(in->parts.n <= 3);
    for (size_t i = 0; i < in->parts.n; i++)
        require_part((const struct part *)in->parts.v + i, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(4096, 16 << 20);
    struct problem p = {0};
    struct input input = {0};
    struct str body = {(const char *)data, size};
    struct str query = str_cut(&body, '\n');
    struct path_values path = {.v = {{STR("p"), query}}, .n = size % 2};
    struct json_object *object = body.n > 0 ? json_parse(body, arena, &p) : NULL;
    if (p.code == PROBLEM_NONE && validate_input(rules, &path, query, object, arena, &input, &p))
        require_valid(&input);
    else
        require(p.code == PROBLEM_INVALID_JSON || p.field_count > 0);
    arena_free(arena);
    return 0;
}
