/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The order in which a student should work on topics: the weakest first, but the prerequisites of a
 * topic before the topic. The prerequisites come from the catalogue (service/catalogue.c). */
#ifndef DOMAIN_TOPIC_ORDER_H
#define DOMAIN_TOPIC_ORDER_H

#include "app/domain/topics.h"

enum { TOPIC_NODES_MAX = 256 }; /* topics of a graph */

/* A topic that has prerequisites or is a prerequisite. */
struct topic_node {
    struct str id;
    uint16_t *needs; /* indexes of its prerequisites in the graph */
    size_t need_count;
};

/* After topic_graph_sort the indexes of a topic's prerequisites are smaller than its own. */
struct topic_graph {
    struct topic_node *nodes;
    size_t n; /* number of nodes, TOPIC_NODES_MAX at most */
};

/* Sorts the topics so that prerequisites come first. Returns 0 on success. If there is a cycle,
 * returns the number of its topics, and their ids in ret_cycle: each needs the next one, and the
 * last one needs the first. The graph must not be used then. */
size_t topic_graph_sort(struct topic_graph *graph, struct str ret_cycle[TOPIC_NODES_MAX]);

/* Room for the result of topic_order: at most all topics of the student and all others of the
 * graph. */
enum { TOPIC_ORDER_MAX = STUDENT_TOPICS_MAX + TOPIC_NODES_MAX };
/* Writes the ids of the topics to work on to ret, in their order, and returns their number: those
 * of the n ranked topics that were observed in the component, each after its prerequisites. A
 * prerequisite is listed even when nothing is known about it, or only from another component.
 * Topics at the level master are skipped, and do not delay the topics that need them, unless the
 * student is at that level in all topics of the component. */
size_t topic_order(const struct topic_graph *graph, const struct topic *ranked, size_t n,
                   enum component component, struct str ret[TOPIC_ORDER_MAX]);

#endif
