/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each sentinel has its own connection for one query. One epoll descriptor represents all of them,
 * so that the event loop watches a single descriptor, as for a connection to Redis.
 *
 * All sentinels are queried, and the majority decides: a single sentinel that was cut off or reset
 * may still name a server that is no longer the master. */
#include "app/store/sentinels.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "app/store/connect.h"
#include "app/store/reply.h"
#include "app/store/resp.h"
#include "app/store/transport.h"

enum {
    SENTINELS_READ_SIZE = 4096,
    SENTINELS_ERROR_SIZE = 200,
    /* most bytes of the replies to one query; usual ones have about 50 */
    SENTINELS_REPLY_MAX = 16384,
};

/* Why a query to a sentinel has failed. */
enum failure {
    FAILURE_TRANSPORT, /* the sentinel cannot be reached */
    /* its reply cannot be used; the reason is a text of this program that may be shown to all */
    FAILURE_REPLY,
    /* its reply is an error, whose text may name a host or user, so it must not be shown to all */
    FAILURE_REPLY_TEXT,
};

struct sentinel {
    struct transport *transport;
    redisContext *context;      /* buffers of hiredis; NULL: not queried, or done */
    struct reply_bounds bounds; /* limits the length of arrays that `context` parses (hazards H7) */
    bool awaits_auth;           /* the next reply is that to AUTH */
    size_t received;            /* bytes received from this sentinel since sentinel_query() */
};

/* An address that sentinels have named. */
struct candidate {
    struct redis_host host;
    size_t votes;
};

struct sentinels {
    const struct config *config;
    const struct redis_url *url;
    int epoll_fd;
    struct sentinel each[REDIS_URL_HOSTS_MAX];
    /* addresses named in the present query, and in the latest one that named a master; most votes
     * first */
    struct candidate named[REDIS_URL_HOSTS_MAX], known[REDIS_URL_HOSTS_MAX];
    size_t named_count, known_count;
    /* no query is running: all sentinels have replied or failed, or a majority has replied */
    bool is_decided;
    bool is_public;       /* `error` may be shown to all, because it names no host */
    bool has_reply_error; /* `error` comes from the reply of a sentinel */
    char error[SENTINELS_ERROR_SIZE];
};

struct sentinels *sentinels_new(const struct config *config, const struct redis_url *url,
                                struct tls_files *files)
{
    struct sentinels *sentinels = calloc(1, sizeof(*sentinels));
    bool good;

    if (!sentinels)
        return NULL;
    sentinels->config = config;
    sentinels->url = url;
    sentinels->is_decided = true; /* until sentinels_start */
    sentinels->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    good = sentinels->epoll_fd >= 0;
    for (size_t i = 0; good && i < url->host_count; i++) {
        struct sentinel *sentinel = &sentinels->each[i];

        sentinel->transport = transport_new(files);
        good = sentinel->transport &&
               transport_set_host(sentinel->transport, url->hosts[i].name, url->hosts[i].port);
    }
    if (good)
        return sentinels;
    sentinels_free(sentinels);
    return NULL;
}

/* Also frees a struct that sentinels_new has only partly made. */
void sentinels_free(struct sentinels *sentinels)
{
    if (!sentinels)
        return;
    for (size_t i = 0; i < sentinels->url->host_count; i++) {
        if (sentinels->each[i].context)
            redisFree(sentinels->each[i].context);
        transport_free(sentinels->each[i].transport);
    }
    if (sentinels->epoll_fd >= 0)
        (void)close(sentinels->epoll_fd);
    free(sentinels);
}

/* ---- one sentinel ---- */

/* Ends the connection: closing its descriptor also removes it from epoll. If has_succeeded is
 * false, the next query uses another address of the sentinel's host. */
static void sentinel_end(struct sentinel *sentinel, bool has_succeeded)
{
    transport_close(sentinel->transport, has_succeeded);
    if (sentinel->context)
        redisFree(sentinel->context);
    sentinel->context = NULL;
}

/* Ends the connection and records the reason. The reply of a sentinel takes precedence over the
 * failure to reach another one. Texts of this program may be shown to all, but not the text of a
 * sentinel's error. */
static void sentinel_fail(struct sentinels *all, struct sentinel *sentinel, enum failure failure,
                          const char *why)
{
    bool is_reply = failure != FAILURE_TRANSPORT;

    if (is_reply || !all->has_reply_error) {
        (void)snprintf(all->error, sizeof(all->error), "%s%s", is_reply ? "" : "sentinels: ", why);
        all->is_public =
            is_reply ? failure == FAILURE_REPLY : transport_error_is_public(sentinel->transport);
    }
    all->has_reply_error = all->has_reply_error || is_reply;
    sentinel_end(sentinel, /* has_succeeded */ false);
}

/* Queues AUTH, if there is a password, and the query. Returns false when out of memory. */
static bool sentinel_queue(const struct sentinels *all, struct sentinel *sentinel)
{
    const char *password = all->config->redis_sentinel_password;
    sds *out = &sentinel->context->obuf;

    sentinel->awaits_auth = password && *password;
    if (sentinel->awaits_auth &&
        !resp_append(out, (struct str[]){STR("AUTH"), str_of(password)}, 2))
        return false;
    return resp_append(
        out, (struct str[]){STR("SENTINEL"), STR("get-master-addr-by-name"), all->url->master}, 3);
}

/* Opens a connection to the sentinel and puts AUTH and the query into its write buffer. */
static void sentinel_query(struct sentinels *all, struct sentinel *sentinel)
{
    sentinel->received = 0;
    sentinel->context = connect_new_context(&sentinel->bounds);
    if (!sentinel->context || !sentinel_queue(all, sentinel)) {
        sentinel_fail(all, sentinel, FAILURE_TRANSPORT, "out of memory");
        return;
    }
    transport_open(sentinel->transport);
}

/* Returns whether both are the same address, as texts: a name is not resolved. */
static bool redis_host_equal(const struct redis_host *a, const struct redis_host *b)
{
    return a->port == b->port && strcmp(a->name, b->name) == 0;
}

/* Counts the vote for an address, and sorts the candidates by votes. `named` has room for one
 * address of each sentinel, and each sentinel votes once in a query. */
static void sentinels_vote(struct sentinels *all, const struct redis_host *host)
{
    size_t i = 0;

    while (i < all->named_count && !redis_host_equal(&all->named[i].host, host))
        i++;
    if (i == all->named_count)
        all->named[all->named_count++] = (struct candidate){*host, 0};
    all->named[i].votes++;
    for (; i > 0 && all->named[i].votes > all->named[i - 1].votes; i--) {
        struct candidate better = all->named[i];

        all->named[i] = all->named[i - 1];
        all->named[i - 1] = better;
    }
}

/* Parses the reply to the query: host and port, or nil. Returns false when it names no master. */
static bool sentinel_parse(const redisReply *reply, struct redis_host *ret)
{
    struct str host, port_text;
    int64_t port;

    if (reply_text(reply_at(reply, 0), &host) != REPLY_OK ||
        reply_text(reply_at(reply, 1), &port_text) != REPLY_OK ||
        !str_to_int64(port_text, 1, 65535, &port) || host.n == 0 || host.n >= sizeof(ret->name))
        return false;
    *ret = (struct redis_host){.port = (int)port};
    memcpy(ret->name, host.p, host.n);
    return true;
}

/* Returns the meaning of a reply that names no master; NULL for an error that has no explanation
 * here, so that its own text must be used. */
static const char *sentinel_explain(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR)
        return "the sentinels know no master with the name in REDIS_URL";
    if (strncmp(reply->str, "NOAUTH", 6) == 0)
        return "the sentinels require a password: set REDIS_SENTINEL_PASSWORD";
    if (strncmp(reply->str, "ERR unknown command", 19) == 0)
        return "the server in REDIS_URL is no sentinel: write the address of a Redis itself as "
               "redis://host:port";
    return NULL;
}

/* Processes a reply, which ends the connection unless it is a successful reply to AUTH. */
static void sentinel_accept(struct sentinels *all, struct sentinel *sentinel,
                            const redisReply *reply)
{
    const char *text = sentinel_explain(reply);
    struct redis_host host;

    if (sentinel->awaits_auth && reply->type != REDIS_REPLY_ERROR) {
        sentinel->awaits_auth = false;
    } else if (sentinel->awaits_auth) {
        sentinel_fail(all, sentinel, FAILURE_REPLY,
                      "the sentinels refuse REDIS_SENTINEL_PASSWORD (AUTH failed)");
    } else if (sentinel_parse(reply, &host)) {
        sentinels_vote(all, &host);
        sentinel_end(sentinel, /* has_succeeded */ true);
    } else if (text) {
        sentinel_fail(all, sentinel, FAILURE_REPLY, text);
    } else {
        sentinel_fail(all, sentinel, FAILURE_REPLY_TEXT, reply->str);
    }
}

/* Processes the replies that have arrived completely. */
static void sentinel_parse_replies(struct sentinels *all, struct sentinel *sentinel)
{
    while (sentinel->context) {
        void *reply = NULL;

        if (redisReaderGetReply(sentinel->context->reader, &reply) != REDIS_OK)
            sentinel_fail(all, sentinel, FAILURE_REPLY, "a reply violates the protocol (RESP)");
        if (!reply)
            return;
        sentinel_accept(all, sentinel, reply);
        freeReplyObject(reply);
    }
}

/* Reads what has arrived, up to a limit, because a hostile sentinel could send without end. */
static void sentinel_read(struct sentinels *all, struct sentinel *sentinel)
{
    char buffer[SENTINELS_READ_SIZE];
    bool more = true;

    while (sentinel->context && more) {
        ssize_t n = transport_read(sentinel->transport, buffer, sizeof(buffer), &more);

        if (n > 0)
            sentinel->received += (size_t)n;
        if (n < 0)
            sentinel_fail(all, sentinel, FAILURE_TRANSPORT, transport_error(sentinel->transport));
        else if (sentinel->received > SENTINELS_REPLY_MAX)
            sentinel_fail(all, sentinel, FAILURE_REPLY, "a reply of a sentinel is too long");
        else if (n > 0 && redisReaderFeed(sentinel->context->reader, buffer, (size_t)n) != REDIS_OK)
            sentinel_fail(all, sentinel, FAILURE_TRANSPORT, "out of memory");
        else
            sentinel_parse_replies(all, sentinel);
    }
}

/* Writes as much of AUTH and the query as the socket accepts, unless the query has ended. */
static void sentinel_write(struct sentinels *all, struct sentinel *sentinel)
{
    if (sentinel->context && sdslen(sentinel->context->obuf) > 0 &&
        !transport_write(sentinel->transport, &sentinel->context->obuf))
        sentinel_fail(all, sentinel, FAILURE_TRANSPORT, transport_error(sentinel->transport));
}

/* Registers with epoll the events that the connection waits for. */
static void sentinel_watch(const struct sentinels *all, const struct sentinel *sentinel)
{
    struct epoll_event event = {.events = EPOLLIN};
    int fd = transport_fd(sentinel->transport);

    if (!sentinel->context || fd < 0)
        return;
    if (transport_has_socket(sentinel->transport) &&
        transport_wants_write(sentinel->transport, sdslen(sentinel->context->obuf) > 0))
        event.events |= EPOLLOUT;
    if (epoll_ctl(all->epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0)
        (void)epoll_ctl(all->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* Continues the lookup of the sentinel's host, then connects. has_waited: the time for the lookup
 * is over, so that an address from an earlier one is used if there is one. Once there is a socket,
 * the lookup's descriptor wakes the event loop no longer. False when the connection has failed. */
static bool sentinel_connect(const struct sentinels *all, struct sentinel *sentinel,
                             bool has_waited)
{
    int lookup_fd = transport_fd(sentinel->transport);
    bool good = transport_advance(sentinel->transport, has_waited);

    if (lookup_fd >= 0 && transport_has_socket(sentinel->transport))
        (void)epoll_ctl(all->epoll_fd, EPOLL_CTL_DEL, lookup_fd, NULL);
    return good;
}

/* Continues the query of one sentinel, unless it has ended (no context). has_waited: use an address
 * of an earlier lookup if the name server has not replied yet. Writes once more after reading,
 * which may have completed the TLS handshake. */
static void sentinel_advance(struct sentinels *all, struct sentinel *sentinel, bool has_waited)
{
    if (!sentinel->context)
        return;
    if (!transport_has_socket(sentinel->transport) &&
        !sentinel_connect(all, sentinel, has_waited)) {
        sentinel_fail(all, sentinel, FAILURE_TRANSPORT, transport_error(sentinel->transport));
        return;
    }
    if (transport_has_socket(sentinel->transport)) {
        sentinel_write(all, sentinel);
        sentinel_read(all, sentinel);
        sentinel_write(all, sentinel);
    }
    sentinel_watch(all, sentinel);
}

/* ---- all of them ---- */

void sentinels_start(struct sentinels *sentinels)
{
    sentinels_stop(sentinels);
    sentinels->named_count = 0;
    sentinels->is_decided = sentinels->has_reply_error = false;
    for (size_t i = 0; i < sentinels->url->host_count; i++)
        sentinel_query(sentinels, &sentinels->each[i]);
    for (size_t i = 0; i < sentinels->url->host_count; i++)
        sentinel_advance(sentinels, &sentinels->each[i], /* has_waited */ false);
}

void sentinels_stop(struct sentinels *sentinels)
{
    for (size_t i = 0; i < sentinels->url->host_count; i++)
        sentinel_end(&sentinels->each[i], /* has_succeeded */ true);
    sentinels->is_decided = true; /* until the next sentinels_start */
}

/* Returns whether each sentinel has replied or failed, so that none has a connection any more. */
static bool sentinels_all_have_ended(const struct sentinels *sentinels)
{
    for (size_t i = 0; i < sentinels->url->host_count; i++)
        if (sentinels->each[i].context)
            return false;
    return true;
}

/* Returns whether more than half of the sentinels have named the same address since
 * sentinels_start(): named[0] has the most votes. */
static bool sentinels_have_majority(const struct sentinels *sentinels)
{
    return sentinels->named_count > 0 && sentinels->named[0].votes * 2 > sentinels->url->host_count;
}

/* Returns whether a decision is possible: most sentinels have named one master, or none can reply
 * any more, or the caller has waited long enough (has_waited) and a master is known. */
static bool sentinels_may_decide(const struct sentinels *sentinels, bool has_waited)
{
    return sentinels_have_majority(sentinels) || sentinels_all_have_ended(sentinels) ||
           (has_waited && sentinels_have_reply(sentinels));
}

enum sentinels_state sentinels_poll(struct sentinels *sentinels, bool has_waited)
{
    if (!sentinels->is_decided) {
        for (size_t i = 0; i < sentinels->url->host_count; i++)
            sentinel_advance(sentinels, &sentinels->each[i], has_waited);
        if (!sentinels_may_decide(sentinels, has_waited))
            return SENTINELS_QUERIED;
        sentinels_stop(sentinels);
        if (sentinels->named_count > 0) {
            memcpy(sentinels->known, sentinels->named, sizeof(sentinels->known));
            /* with a majority, its address is the only one to try */
            sentinels->known_count =
                sentinels_have_majority(sentinels) ? 1 : sentinels->named_count;
        }
    }
    return sentinels->known_count > 0 ? SENTINELS_NAMED : SENTINELS_FAILED;
}

int sentinels_fd(const struct sentinels *sentinels)
{
    return sentinels->epoll_fd;
}

bool sentinels_have_reply(const struct sentinels *sentinels)
{
    return sentinels->named_count > 0 || sentinels->known_count > 0;
}

const struct redis_host *sentinels_master(const struct sentinels *sentinels, size_t attempt)
{
    return &sentinels->known[attempt % sentinels->known_count].host;
}

bool sentinels_name_other(const struct sentinels *sentinels, const struct redis_host *host)
{
    return sentinels_have_majority(sentinels) && !redis_host_equal(&sentinels->named[0].host, host);
}

const char *sentinels_error(const struct sentinels *sentinels)
{
    return sentinels->error;
}

bool sentinels_error_is_public(const struct sentinels *sentinels)
{
    return sentinels->is_public;
}
