/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes the commands of a handshake or heartbeat, and checks the replies. */
#include "app/store/control.h"

#include <stdio.h>

#include "app/store/clock_skew.h"
#include "app/store/reply.h"
#include "app/store/schema.h"

enum {
    /* bytes of the first block of the arena that holds commands and replies */
    CONTROL_ARENA_SIZE = 16384,
    CONTROL_ARENA_MAX = 1 << 20, /* most bytes of that arena */
};

bool control_init(struct control *control)
{
    *control = (struct control){.arena = arena_new(CONTROL_ARENA_SIZE, CONTROL_ARENA_MAX)};
    return control->arena != NULL;
}

void control_release(struct control *control)
{
    arena_free(control->arena);
}

/* ---- the commands ---- */

/* Queues a command of a handshake or heartbeat. COMMAND_READ, because none of them changes records.
 */
static struct command *control_add(struct control *control, int argc, const struct str *argv)
{
    return pipeline_add(&control->pipeline, COMMAND_READ, argc, argv);
}

/* Discards the commands of the previous handshake or heartbeat, so that new ones can be queued. */
static void control_begin(struct control *control)
{
    arena_reset(control->arena);
    pipeline_init(&control->pipeline, control->arena, NULL);
    control->schema_cmd = control->info_cmd = control->time_cmd = NULL;
    control->mode_cmd = control->epoch_cmd = control->slots_cmd = NULL;
}

/* Queues the two commands that read the map of a cluster: its epoch, and which node has which
 * slots. */
static void control_add_map(struct control *control)
{
    control->epoch_cmd = control_add(control, 2, (struct str[]){STR("CLUSTER"), STR("INFO")});
    control->slots_cmd = control_add(control, 2, (struct str[]){STR("CLUSTER"), STR("SLOTS")});
}

/* Queues ROLE, the last command of a handshake and the only one of a heartbeat. */
static void control_end(struct control *control)
{
    control->role_cmd = control_add(control, 1, (struct str[]){STR("ROLE")});
}

void control_make_heartbeat(struct control *control, bool with_map)
{
    control_begin(control);
    if (with_map)
        control_add_map(control);
    control_end(control);
}

/* Queues AUTH and SELECT, on which the later commands depend. Then come the map of a cluster or,
 * without one, HELLO, which shows whether the server belongs to a cluster after all; the loading of
 * all scripts; the clock; the reading or writing of the schema number; ROLE. INFO, which gives the
 * id of the server's run (run_id), is sent only if STORE_WAIT_REPLICAS needs it, because an ACL may
 * forbid it. */
void control_make_handshake(struct control *control, const struct config *config,
                            const struct redis_url *url, bool writes_schema)
{
    struct str user = str_of(url->user);
    struct str password = str_of(config->redis_password ? config->redis_password : "");
    const struct script *const *scripts;
    size_t count = scripts_all(&scripts);

    control_begin(control);
    /* AUTH is sent even without a password, because a Redis user may have the flag nopass */
    if (user.n > 0)
        (void)control_add(control, 3, (struct str[]){STR("AUTH"), user, password});
    else if (password.n > 0)
        (void)control_add(control, 2, (struct str[]){STR("AUTH"), password});
    if (url->database.n > 0)
        (void)control_add(control, 2, (struct str[]){STR("SELECT"), url->database});
    if (url->is_cluster)
        control_add_map(control);
    else
        control->mode_cmd = control_add(control, 1, (struct str[]){STR("HELLO")});
    for (size_t i = 0; i < count; i++)
        (void)control_add(control, 3, (struct str[]){STR("SCRIPT"), STR("LOAD"), scripts[i]->body});
    if (config->store_wait_replicas > 0)
        control->info_cmd = control_add(control, 2, (struct str[]){STR("INFO"), STR("server")});
    control->time_cmd = clock_skew_cmd(&control->pipeline);
    control->schema_cmd =
        writes_schema ? schema_cmd_write(&control->pipeline) : schema_cmd_get(&control->pipeline);
    control_end(control);
}

/* ---- the replies ---- */

/* Writes the reason to ret_error and returns the result, so that a caller can do both in one
 * statement. */
static enum control_result control_fail(char ret_error[CONTROL_ERROR_SIZE],
                                        enum control_result result, const char *why)
{
    (void)snprintf(ret_error, CONTROL_ERROR_SIZE, "%s", why);
    return result;
}

/* Returns whether the reply to ROLE begins with this role: "master", "slave" or "sentinel". */
static bool control_role_is(const struct control *control, struct str role)
{
    struct str said;

    return reply_text(reply_at(control->role_cmd->reply, 0), &said) == REPLY_OK &&
           str_equal(said, role);
}

/* Returns whether the reply to HELLO, a list of names and values, says that the server belongs to a
 * cluster; false also when an ACL forbids HELLO. */
static bool control_mode_is_cluster(const struct control *control)
{
    const redisReply *reply = control->mode_cmd ? control->mode_cmd->reply : NULL;
    struct str name, value;
    size_t n;

    if (reply_array(reply, 1000, &n) != REPLY_OK)
        return false;
    for (size_t i = 0; i + 1 < n; i += 2) {
        if (reply_text(reply_at(reply, i), &name) == REPLY_OK && str_equal(name, STR("mode")))
            return reply_text(reply_at(reply, i + 1), &value) == REPLY_OK &&
                   str_equal(value, STR("cluster"));
    }
    return false;
}

/* Returns how REDIS_URL must be changed for this kind of server; NULL when it is right. */
static const char *control_wrong_kind(const struct control *control)
{
    const redisReply *slots = control->slots_cmd ? control->slots_cmd->reply : NULL;

    if (control_role_is(control, STR("sentinel")))
        return "the server is a sentinel: REDIS_URL must be written "
               "redis+sentinel://host:port/MASTER";
    if (control_mode_is_cluster(control))
        return "the server belongs to a Redis Cluster: REDIS_URL must be written "
               "redis://host:port,host:port/?cluster";
    if (slots && slots->type == REDIS_REPLY_ERROR && strstr(slots->str, "cluster support disabled"))
        return "the server does not belong to a Redis Cluster: REDIS_URL must be written "
               "redis://host:port without ?cluster";
    return NULL;
}

/* Checks the reply to one command of a handshake or heartbeat. ret_error receives the reason of a
 * failure. */
static enum control_result control_check_reply(const redisReply *reply,
                                               char ret_error[CONTROL_ERROR_SIZE])
{
    if (!reply)
        return control_fail(ret_error, CONTROL_FAILED, "out of memory for a reply");
    if (reply_error_of(reply) == REPLY_WRONG_SERVER)
        return control_fail(ret_error, CONTROL_WRONG_SERVER, reply->str);
    if (reply->type == REDIS_REPLY_ERROR)
        return control_fail(ret_error, CONTROL_FAILED, reply->str);
    return CONTROL_GOOD;
}

/* Returns whether an error reply to the command is no failure: the reply to HELLO and, in a
 * cluster, the reply to the reading of the schema number, which only the node with its slot can
 * give. */
static bool control_may_fail(const struct control *control, const struct command *command)
{
    if (command == control->mode_cmd)
        return true;
    return command == control->schema_cmd && control->slots_cmd && command->reply &&
           command->reply->type == REDIS_REPLY_ERROR && reply_is_redirection(command->reply);
}

/* Checks the kind of the server first: a sentinel knows few of the other commands, and its errors
 * would hide the reason. */
enum control_result control_check(const struct control *control, char ret_error[CONTROL_ERROR_SIZE])
{
    enum control_result result = CONTROL_GOOD;
    const char *wrong_kind = control_wrong_kind(control);
    int64_t schema;

    if (wrong_kind)
        return control_fail(ret_error, CONTROL_WRONG_SERVER, wrong_kind);
    for (const struct command *command = control->pipeline.first; command && result == CONTROL_GOOD;
         command = command->next) {
        if (!control_may_fail(control, command))
            result = control_check_reply(command->reply, ret_error);
    }
    if (result != CONTROL_GOOD)
        return result;
    if (!control_role_is(control, STR("master")))
        return control_fail(ret_error, CONTROL_WRONG_SERVER,
                            "the server is a replica, not a master (ROLE)");
    if (!control_has_schema(control))
        return CONTROL_GOOD;
    if (!schema_parse(control->schema_cmd, &schema, ret_error, CONTROL_ERROR_SIZE))
        return CONTROL_UNUSABLE;
    schema_learn(schema);
    return CONTROL_GOOD;
}

bool control_has_schema(const struct control *control)
{
    return control->schema_cmd && !control_may_fail(control, control->schema_cmd);
}

/* Returns the value of the line "name:value" in the reply to the command; empty when there is no
 * such line. */
static struct str control_value(const struct command *command, struct str name)
{
    struct str text = STR("");

    if (command)
        (void)reply_text(command->reply, &text);
    return reply_info_value(text, name);
}

/* Redis makes run_id, 40 characters, at random at each start. */
void control_server_id(const struct control *control, char ret_id[CONTROL_SERVER_ID_SIZE])
{
    struct str id = control_value(control->info_cmd, STR("run_id"));

    (void)snprintf(ret_id, CONTROL_SERVER_ID_SIZE, "%.*s", STR_ARG(id));
}

const redisReply *control_map(const struct control *control, int64_t *ret_epoch)
{
    struct str epoch = control_value(control->epoch_cmd, STR("cluster_current_epoch"));
    const redisReply *slots = control->slots_cmd ? control->slots_cmd->reply : NULL;

    if (!slots || slots->type != REDIS_REPLY_ARRAY || !str_to_int64(epoch, 0, INT64_MAX, ret_epoch))
        return NULL;
    return slots;
}
