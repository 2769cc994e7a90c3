/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One connection to Redis, by the reader and the buffers of hiredis but without its event loop.
 * link_send() encodes a command into hiredis' output buffer (resp.c) and appends it to the queue
 * `sent` (sent_queue.c); link_write() writes the buffer to the transport (transport.c: the socket,
 * plain or with TLS). link_read() reads from there into read_buffer, gives that to hiredis' parser
 * slice by slice, and returns after each reply, so that its caller may even close the link between
 * two replies.
 *
 * endpoint.c finds the server, control.c has the link's own commands and checks their replies.
 *
 * The handshake of a new connection loads all Lua scripts into Redis, so a script is called by its
 * digest (EVALSHA). After SCRIPT FLUSH or a failover Redis may not know the digest; the script is
 * then sent as a whole (EVAL). */
#include "app/store/link.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/base/redis_url.h"
#include "app/store/connect.h"
#include "app/store/control.h"
#include "app/store/endpoint.h"
#include "app/store/reply.h"
#include "app/store/reply_builder.h"
#include "app/store/resp.h"
#include "app/store/sent_queue.h"

enum {
    LINK_READ_SIZE = 65536, /* bytes of read_buffer */
    LINK_FEED_SIZE = 4096,  /* most bytes that the parser gets at once: see link_feed */
    SCRAP_FIRST = 1024,
    SCRAP_CAP = 1 << 20,
    /* bytes of one text in a reply; this program stores far smaller ones */
    LINK_TEXT_MAX = 32 << 20,
    /* A script call begins with EVALSHA, digest and number of keys. */
    LINK_ARGV_MAX = COMMAND_ARGC_MAX + 3,
    /* Longest silence of a connection, in multiples of STORE_ROUND_TIMEOUT_MS. A Redis that is
     * there replies sooner; a host that is gone may never say so, and must be left. */
    LINK_SILENCE_FACTOR = 3,
};

struct link {
    const struct config *config;
    struct redis_url address;
    struct endpoint *endpoint;    /* the way to the server */
    redisContext *context;        /* reader and write buffer of hiredis; NULL: closed */
    struct reply_builder builder; /* builds the replies that the reader of context parses */
    struct arena *scrap;          /* of a reply that no command waits for */
    struct sent_queue sent;       /* commands without a reply */
    struct control control;       /* the link's own commands: those of a handshake, or a ROLE */
    char server_id[LINK_SERVER_ID_SIZE]; /* identity of the server; "": not known */
    bool is_confirmed;                   /* the handshake of the connection has succeeded */
    bool wrong_server;                   /* `error` is that the server is no master or is loading */
    bool writes_schema;                  /* the handshake stores this program's schema number */
    bool has_schema;     /* the latest handshake has read the schema number (schema.h) */
    bool refuses_schema; /* it has read a number that this program does not know */
    bool has_new_map;    /* `control` has a map of the slots that link_take_map has not returned */
    int block_ms;        /* milliseconds added to the longest silence */
    int64_t last_reply_us;          /* time of the latest reply; 0: none yet */
    unsigned generation;            /* number that changes whenever the link is opened or closed */
    char error[CONTROL_ERROR_SIZE]; /* why the latest connection failed or ended */
    /* The part of `error` that anybody may read, as it names no host or user; NULL: none. */
    const char *public_error;
    struct str argv[LINK_ARGV_MAX]; /* arguments of the command that link_send encodes */
    size_t read_n, fed_n;           /* bytes in read_buffer; bytes of them that the parser has */
    bool may_read; /* false: the latest read emptied the transport, so reading again would fail */
    char read_buffer[LINK_READ_SIZE];
};

/* When anything fails, frees what was allocated so far and returns NULL with the reason in
 * ret_error. */
struct link *link_new(const struct config *config, const struct redis_host *host,
                      char ret_error[200])
{
    struct link *link = calloc(1, sizeof(*link));
    const char *error;

    if (!link) {
        (void)snprintf(ret_error, 200, "out of memory");
        return NULL;
    }
    link->config = config;
    error = redis_url_parse(config->redis_url, &link->address);
    if (host) {
        link->address.hosts[0] = *host;
        link->address.host_count = 1;
    }
    link->scrap = arena_new(SCRAP_FIRST, SCRAP_CAP);
    if (!error && link->scrap && control_init(&link->control))
        link->endpoint = endpoint_new(config, &link->address);
    if (!error && !link->endpoint)
        error = "out of memory";
    if (error)
        (void)snprintf(ret_error, 200, "REDIS_URL: %s", error);
    if (!error && endpoint_check_files(link->endpoint, ret_error))
        return link;
    link_free(link);
    return NULL;
}

/* Also frees a link that link_new has made only in part: the context or the arena may be NULL.
 * The commands in the queue are not freed, since they belong to their pipelines. */
void link_free(struct link *link)
{
    if (!link)
        return;
    if (link->context)
        redisFree(link->context);
    sent_queue_release(&link->sent);
    endpoint_free(link->endpoint);
    control_release(&link->control);
    arena_free(link->scrap);
    free(link);
}

void link_enable_schema_write(struct link *link)
{
    link->writes_schema = true;
}

void link_allow_blocking(struct link *link, int ms)
{
    link->block_ms = ms;
}

/* Copies the text, because link_close() frees the memory that it may be in. The text may name a
 * host or user, so public_error, which anybody may read, has none of it. */
void link_record_error(struct link *link, const char *why)
{
    (void)snprintf(link->error, sizeof(link->error), "%s", why);
    link->public_error = NULL;
}

/* Like link_record_error, for a reason that names no host or user: anybody may read it (/ready), as
 * public_error, which points to it in `error`. host, when it is not NULL, is put before it there,
 * for the log only. A text that is too long loses its end. */
static void link_record_public_error(struct link *link, const char *host, const char *why)
{
    int n = snprintf(link->error, sizeof(link->error), "%s%s%s", host ? host : "", host ? ": " : "",
                     why);

    link->public_error = link->error + ((size_t)n - strlen(why));
}

/* Records the reason `why` for link_error() and returns event. The reason is another one than that
 * the server is the wrong one, for which there is link_fail_server. */
static enum link_event link_fail(struct link *link, enum link_event event, const char *why)
{
    link_record_error(link, why);
    link->wrong_server = false;
    return event;
}

/* Records that the server is no master or is loading its data. Returns LINK_BROKEN in the
 * handshake, else LINK_IDLE: LINK_WRONG_SERVER follows when all replies have arrived. */
static enum link_event link_fail_server(struct link *link, const char *why)
{
    enum link_event event = link_in_handshake(link) ? LINK_BROKEN : LINK_IDLE;

    link_record_public_error(link, /* host */ NULL, why);
    link->wrong_server = true;
    return event;
}

/* ---- the queue of commands without a reply ---- */

struct command *link_pop_sent(struct link *link)
{
    while (link->sent.count > 0) {
        struct command *command = sent_queue_pop(&link->sent);

        if (command)
            return command;
    }
    return NULL;
}

struct command *link_sent_at(const struct link *link, size_t i)
{
    struct command *command = sent_queue_at(&link->sent, i)->command;

    return command && command->pipeline != &link->control.pipeline ? command : NULL;
}

void link_abandon(struct link *link, size_t i)
{
    if (i == 0)
        reply_builder_discard(&link->builder);
    sent_queue_at(&link->sent, i)->command = NULL;
}

/* The link does not wait for the replies to its own commands any more. link_sent_at hides these as
 * NULL; it also returns NULL for a command that was abandoned before, which stays as it is. */
static void link_abandon_control(struct link *link)
{
    for (size_t i = 0; i < link->sent.count; i++) {
        if (!link_sent_at(link, i))
            link_abandon(link, i);
    }
}

/* ---- sending ---- */

/* Queues a command whose reply is discarded: with it a node executes the next one although its
 * slot is still being moved to that node. */
static bool link_send_permission(struct link *link, int64_t now_us)
{
    if (!sent_queue_reserve(&link->sent) ||
        !resp_append(&link->context->obuf, (struct str[]){STR("ASKING")}, 1)) {
        (void)link_fail(link, LINK_BROKEN, "out of memory for a command");
        return false;
    }
    sent_queue_push(&link->sent, /* no owner */ NULL, now_us);
    return true;
}

/* Encodes the command into the write buffer and appends it to the queue. A script call gets a
 * prefix: EVALSHA with the digest of 40 bytes, or EVAL with the whole script if Redis did not know
 * the digest, and the number of its keys. */
bool link_send(struct link *link, struct command *command, int64_t now_us)
{
    char key_count[12];
    int argc = 0;

    if (command->script) {
        (void)snprintf(key_count, sizeof(key_count), "%d", command->key_count);
        link->argv[argc++] = command->loaded ? STR("EVAL") : STR("EVALSHA");
        link->argv[argc++] =
            command->loaded ? command->script->body : str_of(command->script->sha1);
        link->argv[argc++] = str_of(key_count);
    }
    memcpy(link->argv + argc, command->argv, (size_t)command->argc * sizeof(*command->argv));
    if (command->is_redirected && !link_send_permission(link, now_us))
        return false;
    if (!sent_queue_reserve(&link->sent) ||
        !resp_append(&link->context->obuf, link->argv, argc + command->argc)) {
        (void)link_fail(link, LINK_BROKEN, "out of memory for a command");
        return false;
    }
    sent_queue_push(&link->sent, command, now_us);
    return true;
}

/* Starts the time limits of the commands that are about to be written: a delay of this process
 * between submitting and writing is not the fault of Redis. A script that is sent a second time, as
 * a whole, does not extend the limit of its pipeline. */
static void link_start_limits(struct link *link, int64_t now_us)
{
    for (size_t i = link->sent.count - link->sent.unwritten; i < link->sent.count; i++) {
        struct sent_entry *entry = sent_queue_at(&link->sent, i);

        entry->sent_us = now_us;
        if (entry->command && !entry->command->loaded)
            entry->command->pipeline->submitted_us = now_us;
    }
    link->sent.unwritten = 0;
}

/* Whether the connection is open, but has no socket yet. */
static bool link_is_resolving(const struct link *link)
{
    return link->context && !endpoint_has_socket(link->endpoint);
}

/* Records why the connection failed. A public reason gets the host of REDIS_URL for the log, unless
 * there are sentinels (address.master): the hosts of REDIS_URL are these then, not the server. */
static enum link_event link_fail_connection(struct link *link)
{
    const char *why = endpoint_error(link->endpoint);

    (void)link_fail(link, LINK_BROKEN, why);
    if (endpoint_error_is_public(link->endpoint))
        link_record_public_error(
            link, link->address.master.n > 0 ? NULL : link->address.hosts[0].name, why);
    return LINK_BROKEN;
}

/* Starts to connect when the address is known. Returns LINK_IDLE, also while it is not, or an event
 * that ends the connection. The generation changes with the descriptor. For replies of sentinels
 * and name servers it waits for half of the time limit of connecting, if something is known that
 * can be used instead. */
static enum link_event link_connect(struct link *link, int64_t now_us)
{
    bool has_changed, has_waited = now_us - link->control.pipeline.submitted_us >=
                                   link->config->store_connect_timeout_ms * INT64_C(500);
    bool good = endpoint_advance(link->endpoint, has_waited, &has_changed);

    if (has_changed)
        link->generation++;
    return good ? LINK_IDLE : link_fail_connection(link);
}

/* Writes the write buffer to the transport. This also goes on with a handshake of TLS, so it is
 * tried whether or not the socket is known to be writable. */
enum link_event link_write(struct link *link, int64_t now_us)
{
    enum link_event event;

    if (link_is_resolving(link)) {
        event = link_connect(link, now_us);
        if (event != LINK_IDLE)
            return event;
    }
    if (!link->context || link_is_resolving(link) || sdslen(link->context->obuf) == 0)
        return LINK_IDLE;
    link_start_limits(link, now_us);
    if (transport_write(endpoint_transport(link->endpoint), &link->context->obuf))
        return LINK_IDLE;
    return link_fail_connection(link);
}

/* ---- the link's own commands ---- */

/* Sends the link's own commands: those of a handshake, or of a heartbeat (ROLE). A heartbeat has no
 * time limit of its own: Redis executes the commands that were sent before it first, so its reply
 * is late when theirs are (link_time_left_us). False: out of memory. */
static bool link_send_control(struct link *link, int64_t now_us)
{
    struct pipeline *control = &link->control.pipeline;

    control->status = PIPELINE_SUBMITTED;
    control->submitted_us = now_us;
    for (struct command *command = control->first; command; command = command->next) {
        if (!link_send(link, command, now_us))
            return false;
    }
    return true;
}

/* In the handshake the sentinels are not queried again: they were queried to find the server.
 * Nothing is sent while `control` still waits for replies, nor to a wrong server: the event
 * LINK_WRONG_SERVER, which makes the owner close the link, follows when all replies have arrived.
 */
bool link_heartbeat(struct link *link, bool with_map, int64_t now_us)
{
    if (!link_in_handshake(link) && !endpoint_verify(link->endpoint, now_us)) {
        link_record_public_error(link, /* host */ NULL,
                                 "the sentinels name another server as the master");
        return false;
    }
    if (link->control.pipeline.status == PIPELINE_SUBMITTED || link_is_wrong_server(link))
        return true;
    control_make_heartbeat(&link->control, with_map);
    link->has_new_map = false;
    return link_send_control(link, now_us);
}

bool link_in_handshake(const struct link *link)
{
    return link->control.schema_cmd && link->control.pipeline.status == PIPELINE_SUBMITTED;
}

/* Checks the replies to the link's own commands. Returns LINK_READY when all are good. */
static enum link_event link_check_control(struct link *link)
{
    char why[CONTROL_ERROR_SIZE];

    switch (control_check(&link->control, why)) {
    case CONTROL_FAILED: return link_fail(link, LINK_BROKEN, why);
    case CONTROL_WRONG_SERVER: return link_fail_server(link, why);
    case CONTROL_UNUSABLE: link->refuses_schema = true; return link_fail(link, LINK_UNUSABLE, why);
    case CONTROL_GOOD: break;
    }
    link->wrong_server = false; /* of an earlier connection */
    link->public_error = NULL;
    link->is_confirmed = true;
    if (link_in_handshake(link)) {
        control_server_id(&link->control, link->server_id);
        link->has_schema = control_has_schema(&link->control);
        link->refuses_schema = false;
    }
    return LINK_READY;
}

/* Ends the handshake or heartbeat, whose replies are all there. The status changes only after the
 * check, which sees by it which of the two it is (link_in_handshake). There is a new map of the
 * slots, even if the check fails, when a command of it has requested one (slots_cmd). */
static enum link_event link_finish_control(struct link *link)
{
    enum link_event event = link_check_control(link);

    link->control.pipeline.status = PIPELINE_COMPLETE;
    link->has_new_map = link->control.slots_cmd != NULL;
    return event;
}

/* ---- opening and closing ---- */

/* Starts to resolve the host name or to connect, and queues the handshake. Waits for neither: the
 * time limit of the handshake covers both. */
bool link_open(struct link *link, int64_t now_us)
{
    link->context = connect_new_context(/* the builder has the limits */ NULL);
    if (!link->context) {
        (void)link_fail(link, LINK_BROKEN, "out of memory for a connection");
        return false;
    }
    reply_builder_init(&link->builder, link->context->reader);
    endpoint_open(link->endpoint, now_us);
    link->server_id[0] = '\0';
    link->generation++;
    link->is_confirmed = link->has_schema = link->has_new_map = false;
    link->read_n = link->fed_n = 0;
    link->may_read = true;
    control_make_handshake(&link->control, link->config, &link->address, link->writes_schema);
    if (link_send_control(link, now_us) && link_connect(link, now_us) == LINK_IDLE)
        return true;
    (void)link_close(link);
    /* The queue has only abandoned commands of the handshake; link_pop_sent removes all such, and
     * finds no other one. */
    (void)link_pop_sent(link);
    return false;
}

/* Changes the generation, so that the event loop notices that the descriptor is not valid any
 * more. The result counts all commands of an unfinished handshake or heartbeat, even those that
 * have their reply: it failed as a whole. */
size_t link_close(struct link *link)
{
    bool unfinished = link->control.pipeline.status == PIPELINE_SUBMITTED;

    endpoint_close(link->endpoint, link->is_confirmed);
    redisFree(link->context);
    link->context = NULL;
    link->generation++;
    link_abandon_control(link);
    link->control.pipeline.status = PIPELINE_FAILED;
    return unfinished ? link->control.pipeline.count : 0;
}

/* ---- receiving ---- */

/* Returns the arena of the command that gets the next reply. */
static struct arena *link_reply_arena(struct link *link)
{
    const struct command *command =
        link->sent.count > 0 ? sent_queue_at(&link->sent, 0)->command : NULL;

    if (command)
        return command->pipeline->arena;
    arena_reset(link->scrap);
    return link->scrap;
}

/* Assigns a reply to the oldest command without one; discards it if that command's owner has given
 * up. Returns LINK_REPLY when the caller must process it (*ret_command is set), LINK_READY when it
 * completed the handshake or a heartbeat, LINK_IDLE when there is nothing to process, or an event
 * that ends the connection. reply is NULL if there was not enough memory for it. A reply that the
 * server is the wrong one is recorded, even for a command without an owner, and ends nothing yet:
 * link_read returns LINK_WRONG_SERVER when the other replies have arrived. */
static enum link_event link_accept(struct link *link, redisReply *reply, int64_t now_us,
                                   struct command **ret_command)
{
    struct command *command;
    enum reply_error error = reply_error_of(reply);

    if (link->sent.count == 0 || error == REPLY_NOT_AUTHENTICATED)
        return link_fail(link, LINK_UNUSABLE,
                         link->sent.count > 0 ? reply->str : "a reply without a command");
    command = sent_queue_pop(&link->sent);
    link->last_reply_us = now_us;
    if (!command) { /* its owner has given up */
        if (error == REPLY_WRONG_SERVER)
            (void)link_fail_server(link, reply->str);
        return LINK_IDLE;
    }
    /* NOSCRIPT: send the whole script once. When out of memory, the error is its reply. */
    if (error == REPLY_NO_SCRIPT && command->script && !command->loaded) {
        command->loaded = true;
        if (link_send(link, command, now_us))
            return LINK_IDLE;
    }
    if (command->pipeline != &link->control.pipeline) {
        if (error == REPLY_WRONG_SERVER)
            (void)link_fail_server(link, reply->str);
        *ret_command = command;
        return LINK_REPLY;
    }
    command->reply = reply;
    return ++link->control.pipeline.reply_count == link->control.pipeline.count
               ? link_finish_control(link)
               : LINK_IDLE;
}

/* Gives the parser the next slice of read_buffer, which is filled from the transport first when it
 * is used up. Returns LINK_REPLY when the parser has more bytes and so maybe a reply, LINK_IDLE
 * when there are no bytes, or an event that ends the connection. The slices are small because
 * hiredis moves the rest of its buffer to the front after each reply: for many replies in one
 * large piece that would cost the square of its size. What the parser has not processed is one text
 * that is not complete, of any size that its header claims (hazards H7). */
static enum link_event link_feed(struct link *link)
{
    size_t slice;
    ssize_t received = 0;

    if (link->fed_n == link->read_n) {
        if (link->may_read)
            received = transport_read(endpoint_transport(link->endpoint), link->read_buffer,
                                      LINK_READ_SIZE, &link->may_read);
        if (received < 0)
            return link_fail_connection(link);
        if (received == 0) {
            link->may_read = true; /* the next call reads again */
            return LINK_IDLE;
        }
        link->read_n = (size_t)received;
        link->fed_n = 0;
    }
    slice = link->read_n - link->fed_n;
    if (slice > LINK_FEED_SIZE)
        slice = LINK_FEED_SIZE;
    if (link->context->reader->len - link->context->reader->pos > LINK_TEXT_MAX)
        return link_fail(link, LINK_UNUSABLE,
                         "a text in a reply is larger than any of this program");
    if (redisReaderFeed(link->context->reader, link->read_buffer + link->fed_n, slice) != REDIS_OK)
        return link_fail(link, LINK_UNUSABLE, "out of memory for a reply");
    link->fed_n += slice;
    return LINK_REPLY;
}

/* Alternates between the parser, which returns a reply or none, and link_feed(), which gives it
 * more bytes, until there is an event for the caller. */
enum link_event link_read(struct link *link, int64_t now_us, struct command **ret_command,
                          redisReply **ret_reply)
{
    enum link_event event;

    if (link_is_resolving(link))
        return LINK_IDLE;
    for (;;) {
        void *reply = NULL;

        if (link_is_wrong_server(link) && link->sent.count == 0)
            return LINK_WRONG_SERVER;
        if (!link->builder.is_building)
            reply_builder_aim(&link->builder, link_reply_arena(link));
        if (redisReaderGetReply(link->context->reader, &reply) != REDIS_OK)
            return link_fail(link, LINK_UNUSABLE, "a reply violates the protocol (RESP)");
        if (reply) {
            *ret_reply = reply_builder_take(&link->builder, reply);
            event = link_accept(link, *ret_reply, now_us, ret_command);
            if (event != LINK_IDLE)
                return event;
        } else {
            event = link_feed(link);
            if (event != LINK_REPLY)
                return event;
        }
    }
}

/* ---- time ---- */

/* A handshake has the time limit of connecting, since its beginning. Otherwise the silence is
 * limited: the time since the latest reply, or since the oldest command was written if that is
 * later. */
int64_t link_time_left_us(const struct link *link, int64_t now_us)
{
    const struct config *config = link->config;
    int64_t since_us, limit_ms;

    if (link->sent.count == 0)
        return INT64_MAX;
    if (link_in_handshake(link)) {
        since_us = link->control.pipeline.submitted_us;
        limit_ms = config->store_connect_timeout_ms;
        if (link_is_resolving(link) && endpoint_knows_address(link->endpoint))
            limit_ms /= 2; /* then link_connect uses what is known */
    } else {
        since_us = sent_queue_at(&link->sent, 0)->sent_us;
        if (since_us < link->last_reply_us)
            since_us = link->last_reply_us;
        limit_ms = LINK_SILENCE_FACTOR * config->store_round_timeout_ms + link->block_ms;
    }
    return since_us + limit_ms * INT64_C(1000) - now_us;
}

enum link_event link_check_time_limit(struct link *link, int64_t now_us)
{
    if (link_time_left_us(link, now_us) > 0)
        return LINK_IDLE;
    return link_fail(link, LINK_TIMED_OUT, endpoint_awaits(link->endpoint));
}

int64_t link_wait_us(const struct link *link, int64_t now_us)
{
    return link->sent.count > 0 ? now_us - sent_queue_at(&link->sent, 0)->sent_us : 0;
}

/* ---- state ---- */

bool link_is_wrong_server(const struct link *link)
{
    return link->wrong_server && link->context && !link_in_handshake(link);
}

bool link_is_open(const struct link *link)
{
    return link->context != NULL;
}

const struct command *link_time_cmd(const struct link *link)
{
    return link->control.time_cmd;
}

bool link_has_schema(const struct link *link)
{
    return link->has_schema;
}

bool link_refuses_schema(const struct link *link)
{
    return link->refuses_schema;
}

const redisReply *link_take_map(struct link *link, int64_t *ret_epoch)
{
    bool is_new = link->has_new_map;

    link->has_new_map = false;
    return is_new ? control_map(&link->control, ret_epoch) : NULL;
}

const char *link_server_id(const struct link *link)
{
    return link->server_id;
}

int link_fd(const struct link *link)
{
    return link->context ? endpoint_fd(link->endpoint) : -1;
}

unsigned link_generation(const struct link *link)
{
    return link->generation;
}

bool link_wants_write(const struct link *link)
{
    return link->context && !link_is_resolving(link) &&
           transport_wants_write(endpoint_transport(link->endpoint),
                                 sdslen(link->context->obuf) > 0);
}

size_t link_sent_count(const struct link *link)
{
    return link->sent.count;
}

const char *link_error(const struct link *link)
{
    return link->error;
}

const char *link_public_error(const struct link *link)
{
    return link->public_error;
}
