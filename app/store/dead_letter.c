/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes dead letters (events that can never be processed) with the JSON writer, and parses them
 * with json-c. Lua scripts change the three keys of dead letters (the stream of ids, the hash of
 * texts, the index of names) in one step, so that they always agree. The objects that json-c
 * allocates are released together with the arena. */
#include "app/store/dead_letter.h"

#include <json-c/json.h>

#include "app/base/json_write.h"
#include "app/store/keys.h"
#include "app/store/reply.h"
#include "app/store/stream.h"

/* Releases a parsed JSON object; called when the arena is reset (arena_defer). */
static void dead_letter_release_json(void *json)
{
    (void)json_object_put(json);
}

/* Writes the member `event`. The payload was parsed before, so it is valid JSON and is copied. Of a
 * payload longer than DEAD_LETTER_BYTES_MAX only that many bytes are written, as a string, because
 * a part of it is no valid JSON. */
static void dead_letter_write_event(struct jw *w, struct str payload)
{
    if (payload.n == 0)
        jw_null(w, "event");
    else if (payload.n <= DEAD_LETTER_BYTES_MAX)
        jw_raw(w, "event", payload);
    else
        jw_str(w, "event", (struct str){payload.p, DEAD_LETTER_BYTES_MAX});
}

/* Returns the text of a dead letter: a JSON object with the members reason, source, event, perhaps
 * bytes_not_kept, and at (now_ms). Its p is NULL when out of memory. */
static struct str dead_letter_text(struct arena *arena, const struct dead_letter_new *letter,
                                   int64_t now_ms)
{
    struct buf out;
    struct jw w = {.out = &out};

    buf_init(&out, arena);
    jw_object(&w, NULL);
    jw_str(&w, "reason", letter->reason);
    jw_str(&w, "source", letter->source);
    dead_letter_write_event(&w, letter->payload);
    if (letter->bytes_not_kept > 0)
        jw_int(&w, "bytes_not_kept", (int64_t)letter->bytes_not_kept);
    jw_time(&w, "at", now_ms);
    jw_object_end(&w);
    return out.failed ? (struct str){0} : buf_view(&out);
}

enum { DEAD_LETTER_KEYS = 3 };
/* Writes the three keys of the scripts dead_letter_*.lua to `keys`. */
static void dead_letter_put_keys(struct str keys[DEAD_LETTER_KEYS])
{
    keys[0] = key_dead_letters;
    keys[1] = key_dead_letter_texts;
    keys[2] = key_dead_letter_index;
}

struct command *dead_letter_cmd_add(struct pipeline *pipeline, const struct dead_letter_new *letter,
                                    int64_t now_ms)
{
    enum { FIXED = DEAD_LETTER_KEYS + 3 };
    struct arena *arena = pipeline->arena;
    struct str *argv = arena_array(arena, FIXED + letter->names.n, sizeof(*argv));

    if (!argv) /* out of memory: a script without arguments fails the pipeline */
        return pipeline_add_script(pipeline, &script_dead_letter_add, 0, 0, NULL);
    dead_letter_put_keys(argv);
    argv[DEAD_LETTER_KEYS] = letter->source;
    argv[DEAD_LETTER_KEYS + 1] = dead_letter_text(arena, letter, now_ms);
    argv[DEAD_LETTER_KEYS + 2] = command_int(arena, DEAD_LETTERS_MAX);
    for (size_t i = 0; i < letter->names.n; i++)
        argv[FIXED + i] = letter->names.v[i];
    return pipeline_add_script(pipeline, &script_dead_letter_add, DEAD_LETTER_KEYS,
                               FIXED + (int)letter->names.n, argv);
}

bool dead_letter_parse_add(const struct command *command, struct str *ret_id, struct problem *p)
{
    if (reply_text(command->reply, ret_id) == REPLY_OK)
        return true;
    reply_problem(command->reply, p);
    return false;
}

struct command *dead_letter_cmd_update(struct pipeline *pipeline, struct str id,
                                       const struct dead_letter_new *letter, int64_t now_ms)
{
    return pipeline_add_script(pipeline, &script_dead_letter_update, 1, 3,
                               (struct str[]){key_dead_letter_texts, id,
                                              dead_letter_text(pipeline->arena, letter, now_ms)});
}

/* ---- reading ---- */

/* Calls dead_letter_list.lua, which reads at most `count` letters in the order of `command`: XRANGE
 * reads the oldest first, XREVRANGE the newest first. */
static struct command *dead_letter_cmd_page(struct pipeline *pipeline, struct str command,
                                            struct str from, struct str to, int count)
{
    return pipeline_add_read_script(pipeline, &script_dead_letter_list, 2, 6,
                                    (struct str[]){key_dead_letters, key_dead_letter_texts, command,
                                                   from, to, command_int(pipeline->arena, count)});
}

struct command *dead_letter_cmd_list(struct pipeline *pipeline, struct str from, int count)
{
    return dead_letter_cmd_page(pipeline, STR("XRANGE"), from, STR("+"), count);
}

struct command *dead_letter_cmd_newest(struct pipeline *pipeline)
{
    return dead_letter_cmd_page(pipeline, STR("XREVRANGE"), STR("+"), STR("-"), /* count */ 1);
}

struct command *dead_letter_cmd_get(struct pipeline *pipeline, struct str id)
{
    return pipeline_add_read_script(pipeline, &script_dead_letter_get, 2, 3,
                                    (struct str[]){key_dead_letters, key_dead_letter_texts, id});
}

/* Returns the text of the member with this name; "" when it is absent or not a string. */
static struct str dead_letter_member(struct json_object *entry, const char *name)
{
    struct json_object *found = NULL;

    if (!json_object_object_get_ex(entry, name, &found) ||
        !json_object_is_type(found, json_type_string))
        return STR("");
    return (struct str){json_object_get_string(found), (size_t)json_object_get_string_len(found)};
}

/* Parses the text of a dead letter, as dead_letter_text makes it. json-c accepts more than strict
 * JSON, which is harmless, because only this program writes dead letters. Returns false if the text
 * has another form; *ret is then as the caller set it. */
static bool dead_letter_parse(struct str text, struct arena *arena, struct dead_letter *ret)
{
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *entry, *event = NULL;

    if (!tokener)
        return false;
    entry = json_tokener_parse_ex(tokener, text.p, (int)text.n);
    json_tokener_free(tokener);
    /* arena_defer releases the object when it fails */
    if (!entry || !arena_defer(arena, dead_letter_release_json, entry))
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

/* Splits the reply into entries, then parses the field `e` of each, the text of the dead letter. An
 * entry that cannot be parsed does not make the function fail, so that an operator can see and
 * remove it. */
bool dead_letter_parse_list(const struct command *command, struct arena *arena, size_t max,
                            struct dead_letter *ret_letters, size_t *ret_count, struct problem *p)
{
    struct stream_entry *entries = arena_array(arena, max, sizeof(*entries));
    size_t n = 0;

    /* reply_problem also reports a lack of memory: as INTERNAL_ERROR, because the reply is no error
     */
    if (!entries || stream_parse(command->reply, max, entries, &n) != REPLY_OK) {
        reply_problem(command->reply, p);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct str text = STR("");

        ret_letters[i] = (struct dead_letter){.id = entries[i].id};
        if (stream_field(&entries[i], STR("e"), &text) == REPLY_OK)
            /* Returns an entry that cannot be parsed with its id alone. */
            (void)dead_letter_parse(text, arena, &ret_letters[i]);
    }
    *ret_count = n;
    return true;
}

/* Accepts a text that cannot be parsed, so that the letter can be listed and removed: the members
 * of *ret that it lacks stay empty. */
bool dead_letter_parse_get(const struct command *command, struct arena *arena, bool *ret_exists,
                           struct dead_letter *ret, struct problem *p)
{
    struct str text = {0};

    *ret = (struct dead_letter){.event = STR("")};
    if (!reply_expect_text_or_nil(command->reply, &text, p))
        return false;
    *ret_exists = text.p != NULL;
    if (*ret_exists)
        (void)dead_letter_parse(text, arena, ret);
    return true;
}

/* ---- removing ---- */

struct command *dead_letter_cmd_remove(struct pipeline *pipeline, const struct str *ids, size_t n)
{
    struct str argv[DEAD_LETTER_KEYS + DEAD_LETTERS_PAGE];

    dead_letter_put_keys(argv);
    memcpy(argv + DEAD_LETTER_KEYS, ids, n * sizeof(*ids));
    return pipeline_add_script(pipeline, &script_dead_letter_remove, DEAD_LETTER_KEYS,
                               DEAD_LETTER_KEYS + (int)n, argv);
}

/* Calls dead_letter_trim.lua with the id up to which dead letters are removed: before_ms - 1,
 * because a time without a sequence number means the last id of that millisecond. */
struct command *dead_letter_cmd_trim(struct pipeline *pipeline, int64_t before_ms)
{
    struct str argv[DEAD_LETTER_KEYS + 2];

    dead_letter_put_keys(argv);
    argv[DEAD_LETTER_KEYS] = command_int(pipeline->arena, before_ms - 1);
    argv[DEAD_LETTER_KEYS + 1] = command_int(pipeline->arena, DEAD_LETTERS_PAGE);
    return pipeline_add_script(pipeline, &script_dead_letter_trim, DEAD_LETTER_KEYS,
                               DEAD_LETTER_KEYS + 2, argv);
}

/* ---- by student ---- */

/* Queues two commands: the first reads the number of letters (entries of the stream), the second
 * the number of fields in the hash of their texts. Returns the first command; its `next` is the
 * second. */
struct command *dead_letter_cmd_count(struct pipeline *pipeline)
{
    struct command *letters =
        pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("XLEN"), key_dead_letters});

    (void)pipeline_add(pipeline, COMMAND_READ, 2,
                       (struct str[]){STR("HLEN"), key_dead_letter_texts});
    return letters;
}

/* Each dead letter of a version later than 0.1.0 has two fields in the hash, its text and its names
 * (lua/lib/dead_letter.lua); one of 0.1.0 has none. */
bool dead_letter_parse_has_old(const struct command *command, bool *ret_has_old, struct problem *p)
{
    int64_t letters, fields;

    if (!reply_expect_int(command->reply, &letters, p) ||
        !reply_expect_int(command->next->reply, &fields, p))
        return false;
    *ret_has_old = 2 * letters > fields;
    return true;
}

/* Finds the members "STUDENT ID" of the index after the one with the id `previous`, in the order of
 * bytes. "(" excludes an end of the range, "[" includes it. The upper end has "!", the character
 * that follows the space. */
struct command *dead_letter_cmd_find(struct pipeline *pipeline, struct str student,
                                     struct str previous)
{
    struct arena *arena = pipeline->arena;
    struct str from = arena_printf(arena, "%c%.*s %.*s", previous.n > 0 ? '(' : '[',
                                   STR_ARG(student), STR_ARG(previous));

    return pipeline_add(pipeline, COMMAND_READ, 8,
                        (struct str[]){STR("ZRANGE"), key_dead_letter_index, from,
                                       arena_printf(arena, "(%.*s!", STR_ARG(student)),
                                       STR("BYLEX"), STR("LIMIT"), STR("0"),
                                       command_int(arena, DEAD_LETTERS_PAGE)});
}

bool dead_letter_parse_find(const struct command *command, struct str *ret_ids, size_t *ret_count,
                            struct problem *p)
{
    size_t n;

    *ret_count = 0;
    if (!reply_expect_array(command->reply, DEAD_LETTERS_PAGE, &n, p))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(command->reply, i), &ret_ids[*ret_count]) != REPLY_OK)
            continue;
        (void)str_cut(&ret_ids[*ret_count], ' '); /* drop the name before the id */
        ++*ret_count;
    }
    return true;
}
