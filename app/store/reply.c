/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/reply.h"

enum reply_result reply_text(const redisReply *reply, struct str *ret)
{
    if (!reply)
        return REPLY_ERROR;
    if (reply->type == REDIS_REPLY_NIL)
        return REPLY_MISSING;
    if (reply->type != REDIS_REPLY_STRING)
        return REPLY_ERROR;
    *ret = (struct str){reply->str, reply->len};
    return REPLY_OK;
}

enum reply_result reply_int(const redisReply *reply, int64_t *ret)
{
    if (!reply || (reply->type != REDIS_REPLY_INTEGER && reply->type != REDIS_REPLY_NIL))
        return REPLY_ERROR;
    if (reply->type == REDIS_REPLY_NIL)
        return REPLY_MISSING;
    *ret = reply->integer;
    return REPLY_OK;
}

enum reply_result reply_array(const redisReply *reply, size_t max, size_t *ret_count)
{
    if (!reply || (reply->type != REDIS_REPLY_ARRAY && reply->type != REDIS_REPLY_NIL))
        return REPLY_ERROR;
    if (reply->type == REDIS_REPLY_NIL)
        return REPLY_MISSING;
    if (reply->elements > max)
        return REPLY_ERROR;
    *ret_count = reply->elements;
    return REPLY_OK;
}

const redisReply *reply_at(const redisReply *reply, size_t i)
{
    if (!reply || reply->type != REDIS_REPLY_ARRAY || i >= reply->elements)
        return NULL;
    return reply->element[i];
}

enum reply_result reply_status(const redisReply *reply)
{
    return reply && reply->type == REDIS_REPLY_STATUS ? REPLY_OK : REPLY_ERROR;
}

/* Errors of Redis come as text; the first word is the code (hazards R1). */
static const struct {
    struct str word;
    enum reply_error error;
} error_words[] = {
    {STR_INIT("LOADING"), REPLY_STORE_UNAVAILABLE},
    {STR_INIT("MASTERDOWN"), REPLY_STORE_UNAVAILABLE},
    {STR_INIT("BUSY"), REPLY_STORE_UNAVAILABLE},
    {STR_INIT("CLUSTERDOWN"), REPLY_STORE_UNAVAILABLE},
    {STR_INIT("TRYAGAIN"), REPLY_WRITES_REFUSED},
    {STR_INIT("OOM"), REPLY_WRITES_REFUSED},
    {STR_INIT("MISCONF"), REPLY_WRITES_REFUSED},
    {STR_INIT("READONLY"), REPLY_WRITES_REFUSED},
    {STR_INIT("NOREPLICAS"), REPLY_WRITES_REFUSED},
    {STR_INIT("UNBLOCKED"), REPLY_WRITES_REFUSED},
    {STR_INIT("NOAUTH"), REPLY_NOT_AUTHENTICATED},
    {STR_INIT("WRONGPASS"), REPLY_NOT_AUTHENTICATED},
    {STR_INIT("NOSCRIPT"), REPLY_NO_SCRIPT},
};

enum reply_error reply_error_of(const redisReply *reply)
{
    struct str rest, word;

    if (!reply || reply->type != REDIS_REPLY_ERROR)
        return REPLY_NO_ERROR;
    rest = (struct str){reply->str, reply->len};
    word = str_cut(&rest, ' ');
    for (size_t i = 0; i < sizeof(error_words) / sizeof(error_words[0]); i++) {
        if (str_equal(word, error_words[i].word))
            return error_words[i].error;
    }
    /* An error inside a script keeps its code, but behind another word in some versions. */
    if (reply->len > 0 && memmem(reply->str, reply->len, "OOM ", 4))
        return REPLY_WRITES_REFUSED;
    return REPLY_BUG;
}

void reply_problem(const redisReply *reply, struct problem *p)
{
    if (!reply) {
        problem_unavailable(p, 1);
        return;
    }
    switch (reply_error_of(reply)) {
    case REPLY_STORE_UNAVAILABLE:
    case REPLY_WRITES_REFUSED:
    case REPLY_NOT_AUTHENTICATED: problem_unavailable(p, 1); return;
    case REPLY_NO_ERROR:
    case REPLY_NO_SCRIPT:
    case REPLY_BUG: problem_set(p, PROBLEM_INTERNAL_ERROR, NULL); return;
    }
}

bool pipeline_check_replies(const struct pipeline *a, struct problem *p)
{
    if (a->status != PIPELINE_COMPLETE) { /* none of them may even have been noted */
        problem_unavailable(p, 1);
        return false;
    }
    for (const struct command *command = a->first; command; command = command->next) {
        if (command->reply && command->reply->type != REDIS_REPLY_ERROR)
            continue;
        reply_problem(command->reply, p);
        return false;
    }
    return true;
}
