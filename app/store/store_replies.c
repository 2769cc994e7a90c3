/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes from Redis: each reply belongs to the oldest command under way. */
#include <errno.h>
#include <unistd.h>

#include "app/store/reply.h"
#include "app/store/schema.h"
#include "app/store/store_internal.h"

enum { FEED_SIZE = 4096 };

static void release_reply(void *reply)
{
    freeReplyObject(reply);
}

static void greeted(struct store *store, int64_t now_us)
{
    char why[sizeof(store->last_error)];
    int64_t found;

    for (const struct command *command = store->handshake.first; command; command = command->next) {
        if (command->reply && command->reply->type != REDIS_REPLY_ERROR)
            continue;
        store_disconnect(store, now_us, command->reply ? command->reply->str : "no memory",
                         DISCONNECT_BROKEN);
        return;
    }
    if (store->schema_cmd && !schema_parse(store->schema_cmd, &found, why, sizeof(why)))
        store_disconnect(store, now_us, why, DISCONNECT_UNUSABLE);
    else
        breaker_success(&store->breaker);
    store_send_deferred(store, now_us);
}

static void note_health(struct store *store, const struct command *command, enum reply_error error,
                        int64_t now_us)
{
    store->last_reply_us = now_us;
    if (command->pipeline == &store->handshake)
        return;
    (error == REPLY_NO_ERROR ? store->counts.ok : store->counts.errors)[command->kind]++;
    if (error == REPLY_STORE_UNAVAILABLE)
        breaker_failure(&store->breaker, now_us, false);
    else if (store->breaker.state == BREAKER_CLOSED)
        store->breaker.failures = 0;
}

static bool enough_replicas(const struct store *store, const struct pipeline *a)
{
    int64_t holding = 0;

    return !a->replica_wait || (reply_int(a->replica_wait->reply, &holding) == REPLY_OK &&
                                holding >= store->config->store_wait_replicas);
}

/* Asks once more behind all others when the answer would be worth nothing: a script that Redis does
 * not know is sent as text, once; replicas are waited for behind scripts that had to be. */
static bool ask_again(struct store *store, struct command *command, enum reply_error error)
{
    bool unknown = error == REPLY_NO_SCRIPT && command->script && !command->loaded;
    bool too_soon = command == command->pipeline->replica_wait &&
                    command->pipeline->reply_count + 1 < command->pipeline->count;

    if (!(unknown || too_soon) || !store_append_command(store, command, unknown))
        return false;
    command->loaded = unknown;
    store_push_sent(store, command);
    return true;
}

/* One reply for the oldest ask under way. False when the connection is gone after it. */
static bool take_reply(struct store *store, redisReply *reply, int64_t now_us)
{
    struct command *command = store->sent;
    enum reply_error error = reply_error_of(reply);
    unsigned generation = store->generation;
    struct pipeline *a;

    if (!command || error == REPLY_NOT_AUTHENTICATED) {
        store_disconnect(store, now_us, command ? reply->str : "a reply to no question",
                         DISCONNECT_UNUSABLE);
        freeReplyObject(reply);
        return false;
    }
    a = command->pipeline;
    (void)store_pop_sent(store);
    if (ask_again(store, command, error)) {
        freeReplyObject(reply);
        return true;
    }
    if (arena_defer(a->arena, release_reply, reply))
        command->reply = reply;
    note_health(store, command, error, now_us);
    if (++a->reply_count < a->count)
        return true;
    store_finish_pipeline(store, a,
                          enough_replicas(store, a) ? PIPELINE_COMPLETE : PIPELINE_FAILED);
    if (a == &store->handshake)
        greeted(store, now_us);
    return store->generation == generation;
}

static bool take_replies(struct store *store, int64_t now_us)
{
    for (;;) {
        void *reply = NULL;

        if (redisReaderGetReply(store->connection->reader, &reply) != REDIS_OK) {
            store_disconnect(store, now_us, "Redis does not speak its protocol",
                             DISCONNECT_UNUSABLE);
            return false;
        }
        if (!reply)
            return true;
        if (!take_reply(store, reply, now_us))
            return false;
    }
}

/* In small slices: after each reply hiredis moves what is left in its buffer to the front, which
 * for one large piece of many replies costs the square of its size. */
static bool feed(struct store *store, size_t n, int64_t now_us)
{
    for (size_t at = 0; at < n; at += FEED_SIZE) {
        size_t slice = n - at < FEED_SIZE ? n - at : FEED_SIZE;

        if (redisReaderFeed(store->connection->reader, store->read_buffer + at, slice) !=
            REDIS_OK) {
            store_disconnect(store, now_us, "out of memory", DISCONNECT_UNUSABLE);
            return false;
        }
        if (!take_replies(store, now_us))
            return false;
    }
    return true;
}

void store_on_ready(struct store *store, int64_t now_us)
{
    ssize_t n;

    store_flush(store, now_us);
    do {
        if (!store->connection)
            return;
        n = read(store->connection->fd, store->read_buffer, STORE_READ_SIZE);
        if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN))
            return;
        if (n <= 0) {
            store_disconnect(store, now_us,
                             n == 0 ? "Redis closed the connection" : strerror(errno),
                             DISCONNECT_BROKEN);
            return;
        }
    } while (feed(store, (size_t)n, now_us) && n == STORE_READ_SIZE);
    store_flush(store, now_us); /* scripts that Redis did not know were sent again */
}
