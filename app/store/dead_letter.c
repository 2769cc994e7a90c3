/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/dead_letter.h"

#include <json-c/json.h>

#include "app/base/json_write.h"
#include "app/store/keys.h"
#include "app/store/stream.h"

static void release_json(void *json)
{
    (void)json_object_put(json);
}

static void write_event(struct jw *w, struct str payload)
{
    if (payload.n == 0)
        jw_null(w, "event");
    else if (payload.n <= DEAD_LETTER_BYTES_MAX)
        jw_raw(w, "event", payload);
    else
        jw_str(w, "event", (struct str){payload.p, DEAD_LETTER_BYTES_MAX});
}

static struct str entry(struct arena *arena, struct str reason, struct str source,
                        struct str payload, int64_t now_ms)
{
    struct buf out;
    struct jw w = {.out = &out};

    buf_init(&out, arena);
    jw_object(&w, NULL);
    jw_str(&w, "reason", reason);
    jw_str(&w, "source", source);
    write_event(&w, payload);
    jw_time(&w, "at", now_ms);
    jw_object_end(&w);
    return out.failed ? (struct str){0} : buf_view(&out);
}

struct command *dead_letter_cmd_add(struct pipeline *a, struct str reason, struct str source,
                                    struct str payload, int64_t now_ms)
{
    struct str text = entry(a->arena, reason, source, payload, now_ms);
    struct str most = arena_printf(a->arena, "%d", DEAD_LETTERS_MAX);

    return pipeline_add(a, COMMAND_WRITE, 8,
                        (struct str[]){STR("XADD"), key_dead_letters, STR("MAXLEN"), STR("~"), most,
                                       STR("*"), STR("e"), text});
}

bool dead_letter_parse_add(const struct command *command, struct problem *p)
{
    struct str id;

    if (reply_text(command->reply, &id) == REPLY_OK)
        return true;
    reply_problem(command->reply, p);
    return false;
}

struct command *dead_letter_cmd_list(struct pipeline *a, struct str from, int count)
{
    return pipeline_add(a, COMMAND_READ, 6,
                        (struct str[]){STR("XRANGE"), key_dead_letters, from, STR("+"),
                                       STR("COUNT"), arena_printf(a->arena, "%d", count)});
}

struct command *dead_letter_cmd_newest(struct pipeline *a)
{
    return pipeline_add(a, COMMAND_READ, 6,
                        (struct str[]){STR("XREVRANGE"), key_dead_letters, STR("+"), STR("-"),
                                       STR("COUNT"), STR("1")});
}

static struct str member(struct json_object *entry, const char *name)
{
    struct json_object *found = NULL;

    if (!json_object_object_get_ex(entry, name, &found) ||
        !json_object_is_type(found, json_type_string))
        return STR("");
    return (struct str){json_object_get_string(found), (size_t)json_object_get_string_len(found)};
}

/* Entries are our own, and json-c takes whatever we may have written. */
static bool parse(struct str text, struct arena *arena, struct dead_letter *ret)
{
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *entry, *event = NULL;

    if (!tokener)
        return false;
    entry = json_tokener_parse_ex(tokener, text.p, (int)text.n);
    json_tokener_free(tokener);
    if (!entry || !arena_defer(arena, release_json, entry)) /* on its failure it releases at once */
        return false;
    if (!json_object_is_type(entry, json_type_object) ||
        !json_object_object_get_ex(entry, "event", &event))
        return false;
    ret->reason = member(entry, "reason");
    ret->source = member(entry, "source");
    ret->at = member(entry, "at");
    ret->event = str_of(json_object_to_json_string_ext(event, JSON_C_TO_STRING_NOSLASHESCAPE));
    ret->complete = json_object_is_type(event, json_type_object);
    return true;
}

bool dead_letter_parse_list(const struct command *command, struct arena *arena, size_t max,
                            struct dead_letter *ret_letters, size_t *ret_count, struct problem *p)
{
    struct stream_entry *entries = arena_array(arena, max, sizeof(*entries));
    size_t n = 0;

    if (!entries || stream_parse(command->reply, max, entries, &n) != REPLY_OK) {
        reply_problem(command->reply, p);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct str text = STR("");

        ret_letters[i] = (struct dead_letter){.id = entries[i].id};
        if (stream_field(&entries[i], STR("e"), &text) == REPLY_OK)
            (void)parse(text, arena, &ret_letters[i]);
    }
    *ret_count = n;
    return true;
}

struct command *dead_letter_cmd_remove(struct pipeline *a, struct str id)
{
    return pipeline_add(a, COMMAND_WRITE, 3, (struct str[]){STR("XDEL"), key_dead_letters, id});
}
