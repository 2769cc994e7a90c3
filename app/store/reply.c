/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks the types of replies, and classifies error replies. Redis identifies an error by the first
 * word of its text, so the table of codes below distinguishes "try again later" from "a bug". */
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

enum reply_result reply_count(const redisReply *reply, int64_t *ret)
{
    if (reply && reply->type == REDIS_REPLY_INTEGER && reply->integer < 0)
        return REPLY_ERROR;
    return reply_int(reply, ret);
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

/* Returns NULL when the reply is not an array, so that an element of an element can be read without
 * a check in between. */
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

bool reply_expect_int(const redisReply *reply, int64_t *ret, struct problem *p)
{
    if (reply_int(reply, ret) == REPLY_OK)
        return true;
    reply_problem(reply, p);
    return false;
}

bool reply_expect_array(const redisReply *reply, size_t max, size_t *ret_count, struct problem *p)
{
    if (reply_array(reply, max, ret_count) == REPLY_OK)
        return true;
    reply_problem(reply, p);
    return false;
}

/* nil is accepted like a text, because it is the reply for a key that does not exist. */
bool reply_expect_text_or_nil(const redisReply *reply, struct str *ret, struct problem *p)
{
    if (reply_text(reply, ret) != REPLY_ERROR)
        return true;
    reply_problem(reply, p);
    return false;
}

/* The codes of Redis 6 and 7 for errors that operators or load can cause. The codes of a cluster
 * (MOVED and so on) are here for a REDIS_URL that names a node of a cluster like a single server:
 * with the URL of a cluster, the store sends such a command to another node instead. */
static const struct {
    struct str code;
    enum reply_error error;
} reply_error_codes[] = {
    {STR_INIT("READONLY"), REPLY_WRONG_SERVER},
    {STR_INIT("MASTERDOWN"), REPLY_WRONG_SERVER},
    {STR_INIT("LOADING"), REPLY_WRONG_SERVER},
    {STR_INIT("BUSY"), REPLY_STORE_UNAVAILABLE},
    {STR_INIT("CLUSTERDOWN"), REPLY_STORE_UNAVAILABLE}, /* no node has the slot, or most are away */
    {STR_INIT("TRYAGAIN"), REPLY_WRITES_REFUSED},
    {STR_INIT("OOM"), REPLY_WRITES_REFUSED},
    {STR_INIT("MISCONF"), REPLY_WRITES_REFUSED},    /* Redis cannot save its data to the disk */
    {STR_INIT("NOREPLICAS"), REPLY_WRITES_REFUSED}, /* too few replicas are connected */
    {STR_INIT("UNBLOCKED"), REPLY_WRITES_REFUSED},  /* Redis became a replica during the command */
    {STR_INIT("NOAUTH"), REPLY_NOT_AUTHENTICATED},
    {STR_INIT("WRONGPASS"), REPLY_NOT_AUTHENTICATED},
    {STR_INIT("DENIED"), REPLY_NOT_AUTHENTICATED}, /* Redis is in protected mode */
    {STR_INIT("NOPERM"), REPLY_MISCONFIGURED},     /* an ACL forbids the command or the key */
    /* a cluster that is used as a single server: another node has the slot */
    {STR_INIT("MOVED"), REPLY_MISCONFIGURED},
    {STR_INIT("ASK"), REPLY_MISCONFIGURED}, /* the same mistake: the slot is being moved */
    /* the same mistake: the keys are in several slots */
    {STR_INIT("CROSSSLOT"), REPLY_MISCONFIGURED},
    {STR_INIT("NOSCRIPT"), REPLY_NO_SCRIPT},
};

/* Looks up the code, the first word of the text, in the table. */
enum reply_error reply_error_of(const redisReply *reply)
{
    struct str text, code;

    if (!reply || reply->type != REDIS_REPLY_ERROR)
        return REPLY_NO_ERROR;
    text = (struct str){reply->str, reply->len};
    code = str_cut(&text, ' ');
    for (size_t i = 0; i < sizeof(reply_error_codes) / sizeof(reply_error_codes[0]); i++) {
        if (str_equal(code, reply_error_codes[i].code))
            return reply_error_codes[i].error;
    }
    /* Redis before version 7 writes "ERR Error running script" before the code of an error that
     * happens inside a Lua script, so OOM is searched in the whole text. */
    if (reply->len > 0 && memmem(reply->str, reply->len, "OOM ", 4))
        return REPLY_WRITES_REFUSED;
    return REPLY_BUG;
}

/* TRYAGAIN: a slot is being moved, and this node has only some of the keys of the command.
 * CLUSTERDOWN: no node has the slot, or most masters are not reachable, until replicas take their
 * places. After both, the same command may soon succeed on this node or another one. */
bool reply_is_redirection(const redisReply *reply)
{
    static const char *const codes[] = {"MOVED ", "ASK ", "TRYAGAIN ", "CLUSTERDOWN "};

    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ERROR && i < 4; i++) {
        if (strncmp(reply->str, codes[i], strlen(codes[i])) == 0)
            return true;
    }
    return false;
}

/* A wrong password or address of Redis is a mistake of the operator, so the client gets
 * SERVICE_UNAVAILABLE (503) and no error of its own. All temporary errors get Retry-After: 1
 * second. REPLY_NO_SCRIPT counts as a bug: the store has sent the whole script already (link.c), so
 * Redis should know it. REPLY_NO_ERROR here means a reply of a type that the caller did not expect.
 */
void reply_problem(const redisReply *reply, struct problem *p)
{
    if (!reply) {
        problem_unavailable(p, /* retry_after_s */ 1);
        return;
    }
    switch (reply_error_of(reply)) {
    case REPLY_WRONG_SERVER:
    case REPLY_STORE_UNAVAILABLE:
    case REPLY_WRITES_REFUSED:
    case REPLY_MISCONFIGURED:
    case REPLY_NOT_AUTHENTICATED: problem_unavailable(p, /* retry_after_s */ 1); return;
    case REPLY_NO_ERROR:
    case REPLY_NO_SCRIPT:
    case REPLY_BUG: problem_set(p, PROBLEM_INTERNAL_ERROR, NULL); return;
    }
}

/* Checks every reply, for callers whose commands have no other result. */
bool pipeline_check_replies(const struct pipeline *pipeline, struct problem *p)
{
    /* a failed pipeline may have no commands (out of memory), which the loop below would accept */
    if (pipeline->status != PIPELINE_COMPLETE) {
        problem_unavailable(p, /* retry_after_s */ 1);
        return false;
    }
    for (const struct command *command = pipeline->first; command; command = command->next) {
        if (command->reply && command->reply->type != REDIS_REPLY_ERROR)
            continue;
        reply_problem(command->reply, p);
        return false;
    }
    return true;
}

struct str reply_info_value(struct str text, struct str name)
{
    while (text.n > 0) {
        struct str value = str_trim(str_cut(&text, '\n'));
        struct str key = str_cut(&value, ':');

        if (str_equal(key, name))
            return value;
    }
    return STR("");
}
