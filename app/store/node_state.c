/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reports the state of a node: of its server and its connection. Nothing here sends anything. */
#include "app/store/node_internal.h"

/* Longest wait for a reply during which Redis counts as responsive: a shorter stall is latency. */
static const int64_t RESPONSIVE_US = 1000000;

bool node_has_schema(const struct node *node)
{
    return link_has_schema(node->link);
}

bool node_refuses_schema(const struct node *node)
{
    return link_refuses_schema(node->link);
}

bool node_is_idle(const struct node *node)
{
    return link_sent_count(node->link) == 0 && !node->deferred.first && !node->done.first;
}

int node_fd(const struct node *node)
{
    return link_fd(node->link);
}

unsigned node_generation(const struct node *node)
{
    return link_generation(node->link);
}

bool node_wants_write(const struct node *node)
{
    return link_wants_write(node->link);
}

/* Maps the state of the breaker to the public enum. */
enum store_state node_circuit(const struct node *node, uint64_t *ret_failures,
                              int64_t *ret_opened_at_ms)
{
    *ret_failures = node->breaker.failures;
    *ret_opened_at_ms = node->breaker.opened_at_ms;
    switch (node->breaker.state) {
    case BREAKER_OPEN: return STORE_OPEN_CIRCUIT;
    case BREAKER_HALF_OPEN: return STORE_HALF_OPEN_CIRCUIT;
    case BREAKER_CLOSED: break;
    }
    return STORE_CLOSED_CIRCUIT;
}

bool node_connected(const struct node *node)
{
    return link_is_open(node->link);
}

const char *node_public_error(const struct node *node)
{
    return link_public_error(node->link);
}

bool node_has_master(const struct node *node)
{
    return node->breaker.state == BREAKER_CLOSED && link_is_open(node->link) &&
           !link_in_handshake(node->link) && !link_is_wrong_server(node->link);
}

const char *node_server_id(const struct node *node)
{
    return link_server_id(node->link);
}

/* Only examines the oldest command, which has waited longest. */
bool node_responsive(const struct node *node, int64_t now_us)
{
    return node->breaker.state == BREAKER_CLOSED &&
           link_wait_us(node->link, now_us) <= RESPONSIVE_US;
}

size_t node_sent_count(const struct node *node)
{
    return link_sent_count(node->link);
}

const char *node_last_error(const struct node *node)
{
    return link_error(node->link);
}

void node_consume_counts(struct node *node, struct store_counts *ret)
{
    *ret = node->counts;
    node->counts = (struct store_counts){0};
}
