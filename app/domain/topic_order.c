/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Puts topics in the order of their prerequisites. The graph of prerequisites is sorted once, when
 * the catalogue is loaded; afterwards one pass from a topic down to index 0 reaches all its
 * prerequisites. */
#include "app/domain/topic_order.h"

#include <string.h>

enum { NODE_NOT_PLACED = UINT16_MAX }; /* in an array of places: the node has no place yet */

/* Returns whether all prerequisites of the node have a place in the order. places[i]: the index of
 * node i in the order, or NODE_NOT_PLACED. */
static bool node_is_ready(const struct topic_node *node, const uint16_t *places)
{
    for (size_t i = 0; i < node->need_count; i++)
        if (places[node->needs[i]] == NODE_NOT_PLACED)
            return false;
    return true;
}

/* Writes a cycle among the nodes without a place to ret_cycle, and returns its length. Each of
 * these nodes needs another one without a place, so following these needs leads back to a node that
 * was visited before. */
static size_t graph_find_cycle(const struct topic_graph *graph, const uint16_t *places,
                               struct str ret_cycle[TOPIC_NODES_MAX])
{
    uint16_t path[TOPIC_NODES_MAX] = {0}, position[TOPIC_NODES_MAX];
    size_t node = 0, n = 0, first;

    memset(position, 0xff,
           sizeof(position)); /* bytes 0xff make UINT16_MAX: no node is in the path yet */
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

/* Moves each node to its place in the sorted order, and converts the indexes of prerequisites to
 * the new places. */
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

/* Kahn's algorithm: gives the next place to each node whose prerequisites all have places, until no
 * further node gets one. The nodes without a place are then in a cycle, or need a node in one. */
size_t topic_graph_sort(struct topic_graph *graph, struct str ret_cycle[TOPIC_NODES_MAX])
{
    uint16_t places[TOPIC_NODES_MAX];
    size_t placed = 0, before;

    memset(places, 0xff, sizeof(places)); /* bytes 0xff make NODE_NOT_PLACED */
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

/* The list of topics while it is being built. */
struct order {
    const struct topic_graph *graph;
    bool done[TOPIC_NODES_MAX]; /* topic i of the graph is in the list already, or is mastered */
    struct str *ids;            /* the list: ids of the topics to work on, in their order */
    size_t n;                   /* number of topics in the list */
};

/* Returns the index of the topic's node in the graph; graph->n when the topic is not in the graph.
 */
static size_t graph_find(const struct topic_graph *graph, struct str id)
{
    size_t i = 0;

    while (i < graph->n && !str_equal(graph->nodes[i].id, id))
        i++;
    return i;
}

/* Appends the node to the list, after those of its prerequisites, direct and indirect, that are not
 * done. needed[i]: node i must be appended; prerequisites have smaller indexes. */
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

/* Returns whether the topic's mastery is of the highest level, so that it needs no more work. */
static bool topic_is_mastered(const struct topic *topic)
{
    return mastery_level(topic->mastery) == MASTER;
}

/* Returns whether the topic was observed in the component. */
static bool topic_is_in(const struct topic *topic, enum component component)
{
    return topic->components >> component & 1;
}

/* Marks mastered topics as done at first, so that they are skipped, unless all topics of the
 * component are mastered. Then appends each topic of the component after its prerequisites; a topic
 * that is not in the graph has none. */
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
