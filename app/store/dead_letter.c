/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes dead letters, events that can never be processed, with the JSON writer and parses them
 * with json-c. The objects that json-c allocates are released together with the arena. */
#include "app/store/dead_letter.h"

#include <json-c/json.h>

#include "app/base/json_write.h"
#include "app/store/keys.h"
#include "app/store/stream.h"

/* Releases a parsed object; the arena calls it. */
static void dead_letter_release_json(void *json)
{
    (void)json_object_put(json);
}

/* Writes the member `event`. The payload is valid JSON, because it was parsed before, so it is
 * copied as it is. A cut payload would not be valid JSON any more and is written as a string. */
static void dead_letter_write_event(struct jw *w, struct str payload)
{
    if (payload.n == 0)
        jw_null(w, "event");
    else if (payload.n <= DEAD_LETTER_BYTES_MAX)
        jw_raw(w, "event", payload);
    else
        jw_str(w, "event", (struct str){payload.p, DEAD_LETTER_BYTES_MAX});
}

/* Returns the dead letter as JSON, the value of the field `e`. Its p is NULL when out of memory. */
static struct str dead_letter_text(struct arena *arena, struct str reason, struct str source,
                                   struct str payload, int64_t now_ms)
{
    struct buf out;
    struct jw w = {.out = &out};

    buf_init(&out, arena);
    jw_object(&w, NULL);
    jw_str(&w, "reason", reason);
    jw_str(&w, "source", source);
    dead_letter_write_event(&w, payload);
    jw_time(&w, "at", now_ms);
    jw_object_end(&w);
    return out.failed ? (struct str){0} : buf_view(&out);
}

/* With ~, MAXLEN lets Redis remove only whole internal nodes of the stream, which is much cheaper
 * than trimming it to the exact length. */
struct command *dead_letter_cmd_add(struct pipeline *pipeline, struct str reason, struct str source,
                                    struct str payload, int64_t now_ms)
{
    struct str text = dead_letter_text(pipeline->arena, reason, source, payload, now_ms);
    struct str max_length = command_int(pipeline->arena, DEAD_LETTERS_MAX);

    return pipeline_add(pipeline, COMMAND_WRITE, 8,
                        (struct str[]){STR("XADD"), key_dead_letters, STR("MAXLEN"), STR("~"),
                                       max_length, STR("*"), STR("e"), text});
}

/* XADD replies the id of the new entry. */
bool dead_letter_parse_add(const struct command *command, struct problem *p)
{
    struct str id;

    if (reply_text(command->reply, &id) == REPLY_OK)
        return true;
    reply_problem(command->reply, p);
    return false;
}

struct command *dead_letter_cmd_list(struct pipeline *pipeline, struct str from, int count)
{
    return stream_cmd_range(pipeline, key_dead_letters, from, STR("+"), count);
}

struct command *dead_letter_cmd_newest(struct pipeline *pipeline)
{
    return stream_cmd_newest(pipeline, key_dead_letters, STR("+"), 1);
}

/* Returns the text of the member of this name; "" if the member is absent or no string. */
static struct str dead_letter_member(struct json_object *entry, const char *name)
{
    struct json_object *found = NULL;

    if (!json_object_object_get_ex(entry, name, &found) ||
        !json_object_is_type(found, json_type_string))
        return STR("");
    return (struct str){json_object_get_string(found), (size_t)json_object_get_string_len(found)};
}

/* Parses the text of the field `e`. json-c accepts more than strict JSON, which is harmless,
 * because only this program writes entries. Returns false if the entry has another form; then *ret
 * has only the id that the caller set. */
static bool dead_letter_parse(struct str text, struct arena *arena, struct dead_letter *ret)
{
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *entry, *event = NULL;

    if (!tokener)
        return false;
    entry = json_tokener_parse_ex(tokener, text.p, (int)text.n);
    json_tokener_free(tokener);
    if (!entry || !arena_defer(arena, dead_letter_release_json,
                               entry)) /* arena_defer releases the object when it fails */
        return false;
    if (!json_object_is_type(entry, json_type_object) ||
        !json_object_object_get_ex(entry, "event", &event))
        return false;
    ret->reason = dead_letter_member(entry, "reason");
    ret->source = dead_letter_member(entry, "source");
    ret->at = dead_letter_member(entry, "at");
    ret->event = str_of(json_object_to_json_string_ext(event, JSON_C_TO_STRING_NOSLASHESCAPE));
    ret->complete = json_object_is_type(event, json_type_object);
    return true;
}

/* Splits the reply into the entries of the stream, then parses the field `e` of each entry.
 * Entries of another form do not make the reply fail, so that an operator can see and remove them.
 */
bool dead_letter_parse_list(const struct command *command, struct arena *arena, size_t max,
                            struct dead_letter *ret_letters, size_t *ret_count, struct problem *p)
{
    struct stream_entry *entries = arena_array(arena, max, sizeof(*entries));
    size_t n = 0;

    /* Out of memory is also reported by reply_problem: as INTERNAL_ERROR, since the reply is no
     * error. */
    if (!entries || stream_parse(command->reply, max, entries, &n) != REPLY_OK) {
        reply_problem(command->reply, p);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct str text = STR("");

        ret_letters[i] = (struct dead_letter){.id = entries[i].id};
        if (stream_field(&entries[i], STR("e"), &text) == REPLY_OK)
            /* An entry of another form is returned with its id alone. */
            (void)dead_letter_parse(text, arena, &ret_letters[i]);
    }
    *ret_count = n;
    return true;
}

struct command *dead_letter_cmd_remove(struct pipeline *pipeline, struct str id)
{
    return pipeline_add(pipeline, COMMAND_WRITE, 3,
                        (struct str[]){STR("XDEL"), key_dead_letters, id});
}
