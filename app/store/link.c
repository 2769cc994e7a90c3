/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One connection to Redis, with the reader and the buffers of hiredis but without its event loop.
 * link_send() encodes a command into hiredis' output buffer (resp.c) and appends it to the queue
 * `sent` (sent_queue.c); link_write() writes the buffer to the transport (transport.c: the socket,
 * plain or with TLS). link_read() reads from the transport into read_buffer, passes that to
 * hiredis' parser slice by slice, and returns after each reply, so that its caller may even close
 * the link between two replies.
 *
 * endpoint.c finds the server, control.c makes the link's own commands and checks their replies.
 *
 * The handshake of a new connection loads all Lua scripts into Redis, so a script is called by its
 * digest (EVALSHA). After SCRIPT FLUSH or a failover Redis may not know the digest; the script is
 * then sent as a whole (EVAL). */
#include "app/store/link.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/store/connect.h"
#include "app/store/link_internal.h"
#include "app/store/reply.h"
#include "app/store/resp.h"

enum {
    /* most bytes that the parser gets at once; link_feed gives the reason */
    LINK_FEED_SIZE = 4096,
    /* first and greatest size of the memory for a reply that no command is waiting for, in bytes */
    SCRAP_FIRST = 1024,
    SCRAP_CAP = 1 << 20,
    /* most bytes of one text in a reply; this program stores far shorter ones */
    LINK_TEXT_MAX = 32 << 20,
    /* Longest silence of a connection, in multiples of STORE_ROUND_TIMEOUT_MS. A working Redis
     * replies sooner; a host that has failed may never close the connection, so this side must. */
    LINK_SILENCE_FACTOR = 3,
};

/* On failure frees what was allocated so far, and returns NULL with the reason in ret_error. */
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

/* Also frees a link that link_new has only partly made: the context or the arena may be NULL. The
 * commands in the queue are not freed, because they belong to their pipelines. */
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

/* Copies the text, because link_close() may free it. Sets public_error to NULL, because the text
 * may name a host or user. */
void link_record_error(struct link *link, const char *why)
{
    (void)snprintf(link->error, sizeof(link->error), "%s", why);
    link->public_error = NULL;
}

/* Records a reason that may be shown to all (/ready), because it names no host or user. For the
 * log, `error` begins with the host unless that is NULL; public_error points to the text after it.
 * A text that is too long is cut. */
static void link_record_public_error(struct link *link, const char *host, const char *why)
{
    int n = snprintf(link->error, sizeof(link->error), "%s%s%s", host ? host : "", host ? ": " : "",
                     why);

    link->public_error = link->error + ((size_t)n - strlen(why));
}

/* Records the reason `why` for link_error() and returns event. Not for the reason that the server
 * is the wrong one: link_fail_server records that. */
static enum link_event link_fail(struct link *link, enum link_event event, const char *why)
{
    link_record_error(link, why);
    link->wrong_server = false;
    return event;
}

/* Records that the server is not a master or is loading its data. Returns LINK_BROKEN during the
 * handshake, else LINK_IDLE: then LINK_WRONG_SERVER follows when all replies have arrived. */
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
    /* the reply to the oldest command may have arrived in part, and that part is in the memory of
     * its owner */
    if (i == 0)
        reply_builder_discard(&link->builder);
    sent_queue_at(&link->sent, i)->command = NULL;
}

/* Stops waiting for the replies to the link's own commands. link_sent_at returns NULL for these,
 * and also for commands that were abandoned before: to abandon them again changes nothing. */
static void link_abandon_control(struct link *link)
{
    for (size_t i = 0; i < link->sent.count; i++) {
        if (!link_sent_at(link, i))
            link_abandon(link, i);
    }
}

/* ---- sending ---- */

/* Queues the cluster command by which a node executes the next command although the slot of its key
 * is still being moved to that node. Its own reply is discarded. */
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

/* Encodes the command into the write buffer and appends it to the queue. For a script it encodes
 * first EVALSHA with the digest of 40 bytes, or EVAL with the whole script if Redis did not know
 * the digest, and the number of keys. */
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
 * between submitting and writing must not count. When a script is sent a second time, as a whole,
 * the limit of its pipeline is not extended. */
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

/* Records why the connection failed. For the log, a public reason gets the host of REDIS_URL,
 * except with sentinels (address.master): the hosts in REDIS_URL are then those of the sentinels,
 * not of the server. */
static enum link_event link_fail_connection(struct link *link)
{
    const char *why = endpoint_error(link->endpoint);

    (void)link_fail(link, LINK_BROKEN, why);
    if (endpoint_error_is_public(link->endpoint))
        link_record_public_error(
            link, link->address.master.n > 0 ? NULL : link->address.hosts[0].name, why);
    return LINK_BROKEN;
}

/* Connects as soon as the address is known. Returns LINK_IDLE as long as nothing has failed, else
 * an event that ends the connection. The generation changes with the descriptor. If an earlier
 * address is known, replies of sentinels and name servers are awaited only for half of the time
 * limit of connecting: 500 microseconds for each of its milliseconds. */
static enum link_event link_connect(struct link *link, int64_t now_us)
{
    bool has_changed, has_waited = now_us - link->control.pipeline.submitted_us >=
                                   link->config->store_connect_timeout_ms * INT64_C(500);
    bool good = endpoint_advance(link->endpoint, has_waited, &has_changed);

    if (has_changed)
        link->generation++;
    return good ? LINK_IDLE : link_fail_connection(link);
}

/* Writes the write buffer to the transport. Always tries to write, because this also continues a
 * TLS handshake, which may be possible although the socket is not known to be writable. */
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

/* Sends the link's own commands: a handshake or a heartbeat (ROLE). A heartbeat has no time limit
 * of its own: Redis executes earlier commands first, so its reply is late only when theirs are
 * (link_time_left_us). Returns false when out of memory. */
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

/* Does not query the sentinels during a handshake, because they were queried to find the server.
 * Sends nothing while `control` waits for replies, nor to a wrong server: LINK_WRONG_SERVER, after
 * which the owner closes the link, follows when all replies have arrived. */
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

/* Checks the replies to the link's own commands. Returns LINK_READY when all are as expected. */
static enum link_event link_check_control(struct link *link)
{
    char why[CONTROL_ERROR_SIZE];

    switch (control_check(&link->control, why)) {
    case CONTROL_FAILED: return link_fail(link, LINK_BROKEN, why);
    case CONTROL_WRONG_SERVER: return link_fail_server(link, why);
    case CONTROL_UNUSABLE: link->refuses_schema = true; return link_fail(link, LINK_UNUSABLE, why);
    case CONTROL_GOOD: break;
    }
    /* true would be of an earlier connection, or from before the server became a master again */
    link->wrong_server = false;
    link->public_error = NULL;
    link->is_confirmed = true;
    if (link_in_handshake(link)) {
        control_server_id(&link->control, link->server_id);
        link->has_schema = control_has_schema(&link->control);
        link->refuses_schema = false;
    }
    return LINK_READY;
}

/* Completes the handshake or heartbeat, whose replies have all arrived. The status is changed only
 * after the check, which uses it to distinguish the two (link_in_handshake). If the map of the
 * slots was requested (slots_cmd), it is new, even when the check fails. */
static enum link_event link_finish_control(struct link *link)
{
    enum link_event event = link_check_control(link);

    link->control.pipeline.status = PIPELINE_COMPLETE;
    link->has_new_map = link->control.slots_cmd != NULL;
    return event;
}

/* ---- opening and closing ---- */

/* Starts to resolve the host name or to connect, and queues the handshake, without waiting for
 * either: the time limit of the handshake covers both. */
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
    /* Only abandoned commands are left in the queue; link_pop_sent removes these and finds no
     * other. */
    (void)link_pop_sent(link);
    return false;
}

/* Changes the generation, so that the event loop notices that the descriptor is no longer valid.
 * The result includes the commands of an unfinished handshake or heartbeat that have a reply,
 * because it failed as a whole. */
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

/* Returns the arena of the command to which the next reply belongs, or `scrap`, which is emptied
 * for it, if the owner has abandoned the command. */
static struct arena *link_reply_arena(struct link *link)
{
    const struct command *command =
        link->sent.count > 0 ? sent_queue_at(&link->sent, 0)->command : NULL;

    if (command)
        return command->pipeline->arena;
    arena_reset(link->scrap);
    return link->scrap;
}

/* Assigns a reply to the oldest command without one, or discards it if that command was abandoned
 * by its owner. reply is NULL when it did not fit into memory. Returns LINK_REPLY when the caller
 * must process it (*ret_command is set), LINK_READY when it completed the handshake or a heartbeat,
 * LINK_IDLE when there is nothing to process, or an event that ends the connection. A reply that
 * shows a wrong server is recorded, even for an abandoned command, but link_read returns
 * LINK_WRONG_SERVER only when the other replies have arrived. */
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
    if (!command) { /* the owner has abandoned the command */
        if (error == REPLY_WRONG_SERVER)
            (void)link_fail_server(link, reply->str);
        return LINK_IDLE;
    }
    /* NOSCRIPT: sends the whole script, once. When out of memory, the error becomes the reply. */
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

/* Passes the next slice of read_buffer to the parser, after filling the buffer from the transport
 * when it is used up. Returns LINK_REPLY when the parser got bytes and may have a reply, LINK_IDLE
 * when there were no bytes, or an event that ends the connection. Slices are small, because hiredis
 * moves the rest of its buffer to the front after each reply: for many replies in one large slice
 * the cost would be quadratic. An incomplete text stays in the parser's buffer; its header may
 * claim any size (hazards H7). */
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
            link->may_read = true; /* nothing to read now: the next call tries again */
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

/* Repeats: the parser returns a reply, or link_feed() passes it more bytes, until there is an event
 * for the caller. */
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

/* During a handshake, the limit is that of connecting, from its beginning. Otherwise it is the
 * longest silence: since the latest reply, or since the oldest waiting command was written if that
 * was later. */
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
            limit_ms /= 2; /* link_connect uses an earlier address after half of the time */
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
