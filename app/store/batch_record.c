/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints and parses what Redis stores of a batch (many students whose mastery is calculated in the
 * background). A field or item that cannot be parsed is an INTERNAL_ERROR, because only this
 * program writes them. */
#include "app/store/batch_record.h"

#include "app/base/buf.h"
#include "app/store/reply.h"

const char *const batch_status_names[BATCH_STATUSES + 1] = {
    [BATCH_PENDING] = "pending", [BATCH_PROCESSING] = "processing", [BATCH_COMPLETED] = "completed",
    [BATCH_FAILED] = "failed",   [BATCH_CANCELLED] = "cancelled",   [BATCH_STATUSES] = NULL,
};

const char *const batch_priority_names[QUEUE_PRIORITIES + 1] = {
    [QUEUE_HIGH] = "high",
    [QUEUE_NORMAL] = "normal",
    [QUEUE_LOW] = "low",
    [QUEUE_PRIORITIES] = NULL,
};

/* Makes the four keys in the order that all scripts of a batch expect. */
void batch_put_keys(struct arena *arena, struct str id, struct str ret_keys[BATCH_KEYS])
{
    for (int key = 0; key < BATCH_KEYS; key++)
        ret_keys[key] = key_batch(arena, id, (enum batch_key)key);
}

struct str batch_job_body(struct arena *arena, struct str id, int64_t from)
{
    return arena_printf(arena, "{\"batch\":\"%.*s\",\"from\":%lld}", STR_ARG(id), (long long)from);
}

/* ---- fields ---- */

/* Finds the text of the reply in `names`, an array that ends with NULL; *ret becomes its index
 * there. Returns false, with *ret undefined, if the reply is no text or none of the names. */
static bool batch_parse_name(const redisReply *reply, const char *const *names, int *ret)
{
    struct str text;

    if (reply_text(reply, &text) != REPLY_OK)
        return false;
    for (*ret = 0; names[*ret]; ++*ret) {
        if (str_equal(text, str_of(names[*ret])))
            return true;
    }
    return false;
}

/* Parses a number >= 0. An absent field gives 0, because a time that has not come yet is not
 * stored. Returns false if the field is no such number. */
static bool batch_parse_number(const redisReply *reply, int64_t *ret)
{
    struct str text;
    enum reply_result result = reply_text(reply, &text);

    *ret = 0;
    return result == REPLY_MISSING || (result == REPLY_OK && str_to_int64(text, 0, INT64_MAX, ret));
}

/* Parses two names, six numbers and four texts, in the order of BATCH_FIELDS. Returns false if one
 * of them has another form. */
static bool batch_parse_values(const redisReply *reply, struct batch *ret)
{
    int64_t *const numbers[] = {&ret->total,      &ret->processed,  &ret->failed,
                                &ret->created_ms, &ret->started_ms, &ret->completed_ms};
    struct str *const texts[] = {&ret->actor, &ret->correlation_id, &ret->traceparent,
                                 &ret->callback_url};
    size_t field = 2; /* the next field, after the two names */
    int status, priority;

    if (!batch_parse_name(reply_at(reply, 0), batch_status_names, &status) ||
        !batch_parse_name(reply_at(reply, 1), batch_priority_names, &priority))
        return false;
    ret->status = (enum batch_status)status;
    ret->priority = (enum queue_priority)priority;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (!batch_parse_number(reply_at(reply, field++), numbers[i]))
            return false;
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (reply_text(reply_at(reply, field++), texts[i]) != REPLY_OK)
            return false;
    }
    return true;
}

/* HMGET replies nil for each field of a hash that does not exist. So a batch without a status does
 * not exist, which is no error. */
bool batch_parse_fields(const redisReply *reply, struct batch *ret, struct problem *p)
{
    struct str status;
    size_t n;

    *ret = (struct batch){0};
    if (reply_array(reply, BATCH_FIELD_COUNT, &n) != REPLY_OK || n != BATCH_FIELD_COUNT) {
        reply_problem(reply, p);
        return false;
    }
    ret->exists = reply_text(reply_at(reply, 0), &status) != REPLY_MISSING;
    if (!ret->exists || batch_parse_values(reply, ret))
        return true;
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

/* ---- items ---- */

/* Prints the components, then the weights if the client stated some, each with a space after it.
 * 192 bytes are a guess of the size: the buffer grows if they are not enough. */
struct str batch_print_item(struct arena *arena, const struct batch_item *item)
{
    struct buf out;

    buf_init(&out, arena);
    (void)buf_reserve(&out, 192);
    for (int i = 0; i < COMPONENTS; i++) {
        buf_number(&out, item->components[i]);
        buf_char(&out, ' ');
    }
    for (int i = 0; item->own_weights && i < COMPONENTS; i++) {
        buf_number(&out, item->weights[i]);
        buf_char(&out, ' ');
    }
    return out.failed ? (struct str){0} : buf_view(&out);
}

/* Cuts one number in [0,1] for each component off the text, each with the space after it. Returns
 * false if there are fewer numbers, or anything else. */
static bool batch_parse_shares(struct str *text, double ret[COMPONENTS])
{
    for (int i = 0; i < COMPONENTS; i++) {
        if (!str_to_double(str_cut(text, ' '), &ret[i]) || ret[i] < 0 || ret[i] > 1)
            return false;
    }
    return true;
}

/* After the components the text either ends or has the weights up to its end. */
bool batch_parse_item(struct str text, struct batch_item *ret)
{
    ret->stated = text.n > 0;
    if (!ret->stated)
        return true;
    if (!batch_parse_shares(&text, ret->components))
        return false;
    ret->own_weights = text.n > 0;
    return !ret->own_weights || (batch_parse_shares(&text, ret->weights) && text.n == 0);
}
