/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Topics in the order of their prerequisites. The graph is sorted once, when the catalogue is
 * loaded; afterwards a pass from a topic down to index 0 reaches all its prerequisites. */
#include "app/domain/topic_order.h"

#include <string.h>

enum { NODE_NOT_PLACED = UINT16_MAX };

/* Whether all prerequisites of the node are placed. */
static bool node_is_ready(const struct topic_node *node, const uint16_t *places)
{
    for (size_t i = 0; i < node->need_count; i++)
        if (places[node->needs[i]] == NODE_NOT_PLACED)
            return false;
    return true;
}

/* Finds a cycle among the nodes that cannot be placed. Each of them needs another one that cannot
 * be placed, so going from one to the next comes back to a node that was visited before. */
static size_t graph_find_cycle(const struct topic_graph *graph, const uint16_t *places,
                               struct str ret_cycle[TOPIC_NODES_MAX])
{
    uint16_t path[TOPIC_NODES_MAX] = {0}, position[TOPIC_NODES_MAX];
    size_t node = 0, n = 0, first;

    memset(position, 0xff, sizeof(position)); /* no node is in the path */
    while (places[node] != NODE_NOT_PLACED)
        node++;
    while (position[node] == UINT16_MAX) {
        size_t i = 0;

        position[node] = (uint16_t)n;
        path[n++] = (uint16_t)node;
        while (places[graph->nodes[node].needs[i]] != NODE_NOT_PLACED)
            i++;
        node = graph->nodes[node].needs[i];
    }
    first = position[node];
    for (size_t i = first; i < n; i++)
        ret_cycle[i - first] = graph->nodes[path[i]].id;
    return n - first;
}

/* Moves the nodes to their places, and renames the indexes of prerequisites. */
static void graph_move(struct topic_graph *graph, const uint16_t *places)
{
    struct topic_node moved[TOPIC_NODES_MAX];

    for (size_t i = 0; i < graph->n; i++) {
        for (size_t k = 0; k < graph->nodes[i].need_count; k++)
            graph->nodes[i].needs[k] = places[graph->nodes[i].needs[k]];
        moved[places[i]] = graph->nodes[i];
    }
    if (graph->n > 0)
        memcpy(graph->nodes, moved, graph->n * sizeof(*moved));
}

/* Kahn's algorithm: places nodes without unplaced prerequisites until there are none left. */
size_t topic_graph_sort(struct topic_graph *graph, struct str ret_cycle[TOPIC_NODES_MAX])
{
    uint16_t places[TOPIC_NODES_MAX];
    size_t placed = 0, before;

    memset(places, 0xff, sizeof(places)); /* NODE_NOT_PLACED */
    do {
        before = placed;
        for (size_t i = 0; i < graph->n; i++)
            if (places[i] == NODE_NOT_PLACED && node_is_ready(&graph->nodes[i], places))
                places[i] = (uint16_t)placed++;
    } while (placed > before);
    if (placed < graph->n)
        return graph_find_cycle(graph, places, ret_cycle);
    graph_move(graph, places);
    return 0;
}

/* ---- the order for a student ---- */

struct order {
    const struct topic_graph *graph;
    bool done[TOPIC_NODES_MAX]; /* in the list already, or to be left out */
    struct str *ids;            /* the list */
    size_t n;
};

/* Index of the node; graph->n when the topic is not in the graph. */
static size_t graph_find(const struct topic_graph *graph, struct str id)
{
    size_t i = 0;

    while (i < graph->n && !str_equal(graph->nodes[i].id, id))
        i++;
    return i;
}

/* Appends the prerequisites of the node that are missing, direct and indirect, and then the node
 * itself. */
static void order_add_node(struct order *order, size_t node)
{
    bool needed[TOPIC_NODES_MAX] = {false};

    needed[node] = !order->done[node];
    for (size_t i = node + 1; i-- > 0;) {
        const struct topic_node *at = &order->graph->nodes[i];

        for (size_t k = 0; needed[i] && k < at->need_count; k++)
            needed[at->needs[k]] = !order->done[at->needs[k]];
    }
    for (size_t i = 0; i <= node; i++) {
        if (!needed[i])
            continue;
        order->done[i] = true;
        order->ids[order->n++] = order->graph->nodes[i].id;
    }
}

static bool topic_is_mastered(const struct topic *topic)
{
    return mastery_level(topic->mastery) == MASTER;
}

static bool topic_is_in(const struct topic *topic, enum component component)
{
    return topic->components >> component & 1;
}

size_t topic_order(const struct topic_graph *graph, const struct topic *ranked, size_t n,
                   enum component component, struct str ret[TOPIC_ORDER_MAX])
{
    struct order order = {.graph = graph, .ids = ret};
    bool all_mastered = true;

    for (size_t i = 0; i < n; i++)
        all_mastered =
            all_mastered && (!topic_is_in(&ranked[i], component) || topic_is_mastered(&ranked[i]));
    for (size_t i = 0; i < n && !all_mastered; i++) {
        size_t node = graph_find(graph, ranked[i].id);

        if (node < graph->n && topic_is_mastered(&ranked[i]))
            order.done[node] = true;
    }
    for (size_t i = 0; i < n; i++) {
        size_t node = graph_find(graph, ranked[i].id);

        if (!topic_is_in(&ranked[i], component) || (topic_is_mastered(&ranked[i]) && !all_mastered))
            continue;
        if (node < graph->n)
            order_add_node(&order, node);
        else
            ret[order.n++] = ranked[i].id;
    }
    return order.n;
}
