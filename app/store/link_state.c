/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reports the state of a link: of its connection, its server and its queue. Nothing here sends
 * anything. */
#include "app/store/link_internal.h"

bool link_is_resolving(const struct link *link)
{
    return link->context && !endpoint_has_socket(link->endpoint);
}

/* A handshake has a schema_cmd, a heartbeat has none. */
bool link_in_handshake(const struct link *link)
{
    return link->control.schema_cmd && link->control.pipeline.status == PIPELINE_SUBMITTED;
}

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

size_t link_control_count(const struct link *link)
{
    return link->control.pipeline.status == PIPELINE_SUBMITTED ? link->control.pipeline.count : 0;
}

const char *link_error(const struct link *link)
{
    return link->error;
}

const char *link_public_error(const struct link *link)
{
    return link->public_error;
}
