/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads entries of all records that are streams: journal (changes that the worker has not
 * processed), outbox (events to publish), audit log and its seals, learning events, predictions,
 * dead letters. The meaning of the fields is defined in the file of each record. */
#include "app/store/stream.h"

struct command *stream_cmd_range(struct pipeline *pipeline, struct str stream, struct str from,
                                 struct str to, int count)
{
    return pipeline_add(pipeline, COMMAND_READ, 6,
                        (struct str[]){STR("XRANGE"), stream, from, to, STR("COUNT"),
                                       command_int(pipeline->arena, count)});
}

struct command *stream_cmd_newest(struct pipeline *pipeline, struct str stream, struct str from,
                                  int count)
{
    return pipeline_add(pipeline, COMMAND_READ, 6,
                        (struct str[]){STR("XREVRANGE"), stream, from, STR("-"), STR("COUNT"),
                                       command_int(pipeline->arena, count)});
}

/* Returns true for the reply nil; false for NULL, which is no reply. */
static bool stream_is_nil(const redisReply *reply)
{
    return reply && reply->type == REDIS_REPLY_NIL;
}

/* The reply for an entry is [id, [name, value, name, value, ...]]. */
bool stream_entry_parse(const redisReply *reply, struct stream_entry *ret)
{
    struct stream_entry entry = {.fields = reply_at(reply, 1)};
    size_t n;

    if (reply_text(reply_at(reply, 0), &entry.id) != REPLY_OK || entry.id.n >= STREAM_ID_SIZE ||
        reply_array(entry.fields, SIZE_MAX, &n) != REPLY_OK || n % 2 != 0)
        return false;
    *ret = entry;
    return true;
}

/* Stops with REPLY_ERROR at an element that is neither an entry nor deleted. */
enum reply_result stream_parse(const redisReply *reply, size_t max,
                               struct stream_entry *ret_entries, size_t *ret_count)
{
    size_t n, count = 0;
    enum reply_result result = reply_array(reply, max, &n);

    if (result != REPLY_OK)
        return result;
    for (size_t i = 0; i < n; i++) {
        const redisReply *entry = reply_at(reply, i);

        /* For an entry that was deleted, XCLAIM replies nil and XAUTOCLAIM nil, or an id with nil.
         */
        if (stream_is_nil(entry) || stream_is_nil(reply_at(entry, 1)))
            continue;
        if (!stream_entry_parse(entry, &ret_entries[count]))
            return REPLY_ERROR;
        count++;
    }
    *ret_count = count;
    return REPLY_OK;
}

/* The search is linear: entries have fewer than ten fields. */
enum reply_result stream_field(const struct stream_entry *entry, struct str name, struct str *ret)
{
    size_t n;
    struct str found;

    if (reply_array(entry->fields, SIZE_MAX, &n) != REPLY_OK)
        return REPLY_ERROR;
    for (size_t i = 0; i + 1 < n; i += 2) {
        if (reply_text(reply_at(entry->fields, i), &found) == REPLY_OK && str_equal(found, name))
            return reply_text(reply_at(entry->fields, i + 1), ret);
    }
    return REPLY_MISSING;
}

/* XRANGE from the id to the same id returns one entry or none. */
struct command *stream_cmd_has_entry(struct pipeline *pipeline, struct str stream, struct str id)
{
    return pipeline_add(pipeline, COMMAND_READ, 4, (struct str[]){STR("XRANGE"), stream, id, id});
}

/* Returns in *ret_found whether the reply has an entry. More than one entry is an error, because
 * the range is a single id. */
bool stream_parse_has_entry(const struct command *command, bool *ret_found)
{
    size_t n;

    if (reply_array(command->reply, /* max */ 1, &n) != REPLY_OK)
        return false;
    *ret_found = n == 1;
    return true;
}

/* Parses the time: the part of the id MS-SEQUENCE before the dash. */
bool stream_id_time(struct str id, int64_t *ret_ms)
{
    struct str time = str_cut(&id, '-');

    return str_to_int64(time, 0, INT64_MAX, ret_ms);
}

bool stream_id_valid(struct str id)
{
    int64_t number;

    return str_to_int64(str_cut(&id, '-'), 0, INT64_MAX, &number) &&
           str_to_int64(id, 0, INT64_MAX, &number);
}

/* Compares the times, then the sequence numbers, as numbers: as text, "9-0" would be after "10-0".
 * A part that is not a number stays -1, which is before all numbers. */
int stream_id_compare(struct str a, struct str b)
{
    struct str *ids[] = {&a, &b};
    int64_t parts[2][2] = {{-1, -1}, {-1, -1}}; /* parts[i]: time and sequence number of id i */

    for (int i = 0; i < 2; i++) {
        struct str time = str_cut(ids[i], '-');

        (void)str_to_int64(time, 0, INT64_MAX, &parts[i][0]);
        (void)str_to_int64(*ids[i], 0, INT64_MAX, &parts[i][1]);
    }
    for (int i = 0; i < 2; i++) {
        if (parts[0][i] != parts[1][i])
            return parts[0][i] < parts[1][i] ? -1 : 1;
    }
    return 0;
}

/* Refuses an entry with additional or missing fields. A seal of the audit log covers only the
 * expected fields, so an entry with other fields must not be accepted as a record. */
bool stream_match_fields(const struct stream_entry *entry, const struct str *names, size_t n,
                         struct str *ret_values)
{
    struct str name;
    size_t element_count;

    if (reply_array(entry->fields, SIZE_MAX, &element_count) != REPLY_OK || element_count != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct str *value = &ret_values[i];

        if (reply_text(reply_at(entry->fields, 2 * i), &name) != REPLY_OK ||
            !str_equal(name, names[i]) ||
            reply_text(reply_at(entry->fields, 2 * i + 1), value) != REPLY_OK ||
            (value->n > 0 && memchr(value->p, '\n', value->n)))
            return false;
    }
    return true;
}
