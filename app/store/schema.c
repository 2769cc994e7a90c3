/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/schema.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/store/keys.h"
#include "app/store/reply.h"

struct command *schema_cmd_get(struct pipeline *a)
{
    return pipeline_add(a, COMMAND_READ, 2, (struct str[]){STR("GET"), key_schema});
}

struct command *schema_cmd_write(struct pipeline *a)
{
    struct str ours = arena_printf(a->arena, "%d", STORE_SCHEMA);

    return pipeline_add_read_script(a, &script_schema_write, 1, 2,
                                    (struct str[]){key_schema, ours});
}

static bool refuse(char *ret_why, size_t why_size, const char *what)
{
    (void)snprintf(ret_why, why_size, "the store has %s, this version knows schemas up to %d", what,
                   STORE_SCHEMA);
    return false;
}

bool schema_parse(const struct command *command, int64_t *ret_found, char *ret_why, size_t why_size)
{
    struct str text;
    char what[40];

    *ret_found = 0;
    switch (reply_text(command->reply, &text)) {
    case REPLY_MISSING: return true;
    case REPLY_ERROR: return refuse(ret_why, why_size, "no readable schema");
    case REPLY_OK: break;
    }
    if (!str_to_int64(text, 1, INT32_MAX, ret_found))
        return refuse(ret_why, why_size, "a schema that is no number");
    (void)snprintf(what, sizeof(what), "schema %" PRId64, *ret_found);
    return *ret_found <= STORE_SCHEMA || refuse(ret_why, why_size, what);
}
