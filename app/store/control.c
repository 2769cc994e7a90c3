/* SPDX-License-Identifier: GPL-3.0-or-later */
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

/* Queues one of the link's own commands. None of them changes records, hence COMMAND_READ. */
static struct command *control_add(struct control *control, int argc, const struct str *argv)
{
    return pipeline_add(&control->pipeline, COMMAND_READ, argc, argv);
}

/* Discards the commands of the handshake or heartbeat before. */
static void control_begin(struct control *control)
{
    arena_reset(control->arena);
    pipeline_init(&control->pipeline, control->arena, NULL);
    control->schema_cmd = control->info_cmd = control->time_cmd = NULL;
}

/* Queues ROLE, the last command of a handshake and the only one of a heartbeat. */
static void control_end(struct control *control)
{
    control->role_cmd = control_add(control, 1, (struct str[]){STR("ROLE")});
}

void control_make_heartbeat(struct control *control)
{
    control_begin(control);
    control_end(control);
}

/* AUTH and SELECT, on which the commands after them depend, then the loading of all scripts, and
 * the reading (or raising) of the schema number. INFO, which names the server's run (run_id), is
 * sent only if STORE_WAIT_REPLICAS needs it: an ACL may forbid it. */
void control_make_handshake(struct control *control, const struct config *config,
                            const struct redis_url *url, bool writes_schema)
{
    struct str user = str_of(url->user);
    struct str password = str_of(config->redis_password ? config->redis_password : "");
    const struct script *const *scripts;
    size_t count = scripts_all(&scripts);

    control_begin(control);
    if (user.n > 0) /* without a password too: a user may have nopass */
        (void)control_add(control, 3, (struct str[]){STR("AUTH"), user, password});
    else if (password.n > 0)
        (void)control_add(control, 2, (struct str[]){STR("AUTH"), password});
    if (url->database.n > 0)
        (void)control_add(control, 2, (struct str[]){STR("SELECT"), url->database});
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

/* Writes the reason and returns the result, so that a caller can return both at once. */
static enum control_result control_fail(char ret_error[CONTROL_ERROR_SIZE],
                                        enum control_result result, const char *why)
{
    (void)snprintf(ret_error, CONTROL_ERROR_SIZE, "%s", why);
    return result;
}

/* Returns whether the reply to ROLE says this role: "master", "slave" or "sentinel". */
static bool control_role_is(const struct control *control, struct str role)
{
    struct str said;

    return reply_text(reply_at(control->role_cmd->reply, 0), &said) == REPLY_OK &&
           str_equal(said, role);
}

/* Checks the reply to one command of a handshake or heartbeat. ret_error: why it is not good. */
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

/* A server that says that it is a sentinel is refused first, because a sentinel knows few of the
 * other commands, and their errors would hide the reason. */
enum control_result control_check(const struct control *control, char ret_error[CONTROL_ERROR_SIZE])
{
    enum control_result result = CONTROL_GOOD;
    int64_t schema;

    if (control_role_is(control, STR("sentinel")))
        return control_fail(ret_error, CONTROL_WRONG_SERVER,
                            "the server is a sentinel: REDIS_URL must be written "
                            "redis+sentinel://host:port/MASTER");
    for (const struct command *command = control->pipeline.first; command && result == CONTROL_GOOD;
         command = command->next)
        result = control_check_reply(command->reply, ret_error);
    if (result != CONTROL_GOOD)
        return result;
    if (!control_role_is(control, STR("master")))
        return control_fail(ret_error, CONTROL_WRONG_SERVER,
                            "the server is a replica, not a master (ROLE)");
    if (control->schema_cmd &&
        !schema_parse(control->schema_cmd, &schema, ret_error, CONTROL_ERROR_SIZE))
        return CONTROL_UNUSABLE;
    return CONTROL_GOOD;
}

/* Finds the line "run_id:VALUE" in the reply to INFO. Redis draws run_id at random at each start.
 */
void control_server_id(const struct control *control, char ret_id[CONTROL_SERVER_ID_SIZE])
{
    static const struct str name = STR_INIT("run_id:");
    struct str text, line;

    ret_id[0] = '\0';
    if (!control->info_cmd || reply_text(control->info_cmd->reply, &text) != REPLY_OK)
        return;
    while (text.n > 0) {
        line = str_trim(str_cut(&text, '\n'));
        if (str_starts_with(line, name))
            (void)snprintf(ret_id, CONTROL_SERVER_ID_SIZE, "%.*s", (int)(line.n - name.n),
                           line.p + name.n);
    }
}
