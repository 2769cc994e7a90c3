/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/stream.h"

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

enum reply_result stream_parse(const redisReply *reply, size_t max,
                               struct stream_entry *ret_entries, size_t *ret_count)
{
    size_t n, count = 0;
    enum reply_result there = reply_array(reply, max, &n);

    if (there != REPLY_OK)
        return there;
    for (size_t i = 0; i < n; i++) {
        const redisReply *entry = reply_at(reply, i);

        if (entry && (entry->type == REDIS_REPLY_NIL ||
                      (reply_at(entry, 1) && reply_at(entry, 1)->type == REDIS_REPLY_NIL)))
            continue;
        if (!stream_entry_parse(entry, &ret_entries[count]))
            return REPLY_ERROR;
        count++;
    }
    *ret_count = count;
    return REPLY_OK;
}

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

struct command *stream_cmd_has_entry(struct pipeline *a, struct str stream, struct str id)
{
    return pipeline_add(a, COMMAND_READ, 4, (struct str[]){STR("XRANGE"), stream, id, id});
}

bool stream_parse_has_entry(const struct command *command, bool *ret_there)
{
    size_t n;

    if (reply_array(command->reply, 1, &n) != REPLY_OK)
        return false;
    *ret_there = n == 1;
    return true;
}

bool stream_id_time(struct str id, int64_t *ret_ms)
{
    struct str time = str_cut(&id, '-');

    return str_to_int64(time, 0, INT64_MAX, ret_ms);
}

int stream_id_compare(struct str a, struct str b)
{
    struct str *ids[] = {&a, &b};
    int64_t parts[2][2] = {{-1, -1}, {-1, -1}};

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

bool stream_match_fields(const struct stream_entry *entry, const struct str *names, size_t n,
                         struct str *ret_values)
{
    struct str name;
    size_t there;

    if (reply_array(entry->fields, SIZE_MAX, &there) != REPLY_OK || there != 2 * n)
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
