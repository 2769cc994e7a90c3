/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Topics in the order of their prerequisites: the graph of the catalogue, and a student's order. */
#include <CUnit/CUnit.h>
#include <stdio.h>

#include "app/domain/topic_order.h"

void topic_order_tests(void);

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* A graph of the topics a to h: `needs` lists pairs, "ba" means that b needs a. */
struct test_graph {
    struct topic_graph graph;
    struct topic_node nodes[8];
    uint16_t needs[8][8];
};

static void make_graph(struct test_graph *g, const char *needs)
{
    static const char letters[] = "abcdefgh";

    *g = (struct test_graph){.graph = {.nodes = g->nodes, .n = COUNT(g->nodes)}};
    for (size_t i = 0; i < COUNT(g->nodes); i++)
        g->nodes[i] = (struct topic_node){.id = {letters + i, 1}, .needs = g->needs[i]};
    for (; *needs; needs += needs[2] ? 3 : 2) {
        struct topic_node *node = &g->nodes[needs[0] - 'a'];

        node->needs[node->need_count++] = (uint16_t)(needs[1] - 'a');
    }
}

/* The ids of the list, of one letter each, as a text. */
static const char *letters_of(const struct str *ids, size_t n)
{
    static char text[TOPIC_ORDER_MAX + 1];

    for (size_t i = 0; i < n; i++)
        text[i] = ids[i].p[0];
    text[n] = '\0';
    return text;
}

static void prerequisites_are_sorted_before_what_needs_them(void)
{
    static const char *const graphs[] = {"", "ab bc cd", "ah gb gh fe fa", "ab ac ad bd cd"};
    struct str cycle[TOPIC_NODES_MAX];
    struct test_graph g;

    for (size_t i = 0; i < COUNT(graphs); i++) {
        size_t needs = 0;

        make_graph(&g, graphs[i]);
        CU_ASSERT_EQUAL_FATAL(topic_graph_sort(&g.graph, cycle), 0);
        for (size_t n = 0; n < g.graph.n; n++) {
            for (size_t k = 0; k < g.nodes[n].need_count; k++, needs++)
                CU_ASSERT_TRUE(g.nodes[n].needs[k] < n);
        }
        CU_ASSERT_EQUAL(needs, (strlen(graphs[i]) + 1) / 3);
    }
}

static void a_cycle_is_found_and_named(void)
{
    static const struct {
        const char *needs, *cycle;
    } rows[] = {
        {"aa", "a"}, {"ab ba", "ab"}, {"ab bc cd db", "bcd"}, {"ha ab hc ca be eb ec", "be"}};
    struct str cycle[TOPIC_NODES_MAX];
    struct test_graph g;

    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t n;

        make_graph(&g, rows[i].needs);
        n = topic_graph_sort(&g.graph, cycle);
        CU_ASSERT_STRING_EQUAL(letters_of(cycle, n), rows[i].cycle);
    }
}

/* One topic for each pair of a letter and a digit, its mastery in tenths: the weakest first. */
static size_t make_topics(const char *text, enum component component, struct topic *ret)
{
    size_t n = 0;

    for (; text[0]; text += text[2] ? 3 : 2)
        ret[n++] = (struct topic){.id = {text, 1},
                                  .components = UINT32_C(1) << component,
                                  .mastery = (text[1] - '0') / 10.0};
    return n;
}

static void the_weakest_come_first_but_prerequisites_before(void)
{
    static const struct {
        const char *needs, *topics, *order;
    } rows[] = {
        {"", "", ""},
        {"", "c1 a3 b5", "cab"},
        {"ca", "c1 b3 a5", "acb"},
        {"ca", "c1 b3 a8", "cb"},        /* a is mastered: it holds up nothing */
        {"ca", "c8 a9", "ac"},           /* all are mastered */
        {"cd", "c1", "dc"},              /* nothing is known about d */
        {"cd de eb", "c1 b2", "bedc"},   /* indirect prerequisites */
        {"cd de eb", "c1 e9 b2", "dcb"}, /* not beyond a mastered one */
        {"ca ba", "b1 c2 a3", "abc"},    /* each once */
        {"ca", "x1 c2", "xac"},          /* x is in no graph */
    };
    struct str cycle[TOPIC_NODES_MAX], ids[TOPIC_ORDER_MAX];
    struct topic topics[8];
    struct test_graph g;

    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *found;
        size_t n = make_topics(rows[i].topics, QUIZ, topics);

        make_graph(&g, rows[i].needs);
        CU_ASSERT_EQUAL_FATAL(topic_graph_sort(&g.graph, cycle), 0);
        found = letters_of(ids, topic_order(&g.graph, topics, n, QUIZ, ids));
        CU_ASSERT_STRING_EQUAL(found, rows[i].order);
        if (strcmp(found, rows[i].order) != 0)
            fprintf(stderr, "%s of %s: %s\n", rows[i].needs, rows[i].topics, found);
        CU_ASSERT_EQUAL(topic_order(&g.graph, topics, n, QUALITY, ids), 0);
    }
}

static void topics_of_another_component_come_only_as_prerequisites(void)
{
    struct topic topics[3];
    struct str cycle[TOPIC_NODES_MAX], ids[TOPIC_ORDER_MAX];
    struct test_graph g;

    make_graph(&g, "ca");
    CU_ASSERT_EQUAL_FATAL(topic_graph_sort(&g.graph, cycle), 0);
    CU_ASSERT_EQUAL(make_topics("a1 b2 c3", QUALITY, topics), 3);
    topics[2].components |= UINT32_C(1) << QUIZ;
    CU_ASSERT_STRING_EQUAL(letters_of(ids, topic_order(&g.graph, topics, 3, QUIZ, ids)), "ac");
    CU_ASSERT_STRING_EQUAL(letters_of(ids, topic_order(&g.graph, topics, 3, QUALITY, ids)), "abc");
}

void topic_order_tests(void)
{
    CU_pSuite suite = CU_add_suite("topic_order", NULL, NULL);

    CU_ADD_TEST(suite, prerequisites_are_sorted_before_what_needs_them);
    CU_ADD_TEST(suite, a_cycle_is_found_and_named);
    CU_ADD_TEST(suite, the_weakest_come_first_but_prerequisites_before);
    CU_ADD_TEST(suite, topics_of_another_component_come_only_as_prerequisites);
}
