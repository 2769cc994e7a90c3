/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/record_queue.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

void record_queue_tests(void);

static struct record_queues *queues;
static struct arena *arena;

static struct pipeline *resumed;

static void note_resumed(struct store *store, struct pipeline *pipeline)
{
    (void)store;
    resumed = pipeline;
}

static int setup(void)
{
    queues = record_queues_new(note_resumed, NULL);
    arena = arena_new(4096, 1 << 20);
    return !queues || !arena;
}

static int cleanup(void)
{
    arena_free(arena);
    record_queues_free(queues);
    record_queues_free(NULL);
    return 0;
}

static void join(struct record *r, const char *student)
{
    *r = (struct record){.student = str_of(student), .list = r->list, .follows = r->follows};
    CU_ASSERT_TRUE_FATAL(record_queue_join(queues, r, arena));
}

static void one_leads_and_the_others_wait_in_order(void)
{
    struct record r[3] = {{.next = NULL}};
    struct record_queue *queue;

    for (int i = 0; i < 3; i++)
        join(&r[i], "s_1");
    queue = r[0].queue;
    CU_ASSERT_PTR_EQUAL(r[2].queue, queue);
    CU_ASSERT_PTR_NULL(queue->leader);
    CU_ASSERT_PTR_EQUAL(queue->first, &r[0]);
    record_queue_lead(&r[1]); /* need not be the first */
    CU_ASSERT_PTR_EQUAL(queue->leader, &r[1]);
    CU_ASSERT_PTR_EQUAL(r[0].next, &r[2]);
    record_queue_leave(&r[1]);
    CU_ASSERT_PTR_NULL(queue->leader);
    CU_ASSERT_PTR_NULL(r[1].queue);
    record_queue_leave(&r[0]);
    CU_ASSERT_PTR_EQUAL(queue->first, &r[2]);
    record_queue_leave(&r[2]);
    record_queue_leave(&r[2]); /* in no queue */
    arena_reset(arena);
}

static void the_last_one_goes_on_when_the_leader_leaves(void)
{
    struct pipeline pipelines[4];
    struct record r[4] = {{.next = NULL}};

    for (int i = 0; i < 4; i++) {
        join(&r[i], "s_1");
        if (i > 0)
            r[i].parked = &pipelines[i];
    }
    record_queue_lead(&r[0]);
    r[3].is_settled = true;
    record_queue_leave(&r[0]);
    CU_ASSERT_PTR_EQUAL(resumed, &pipelines[2]);
    CU_ASSERT_PTR_NULL(r[2].parked);
    record_queue_leave(&r[2]); /* without having led */
    CU_ASSERT_PTR_EQUAL(resumed, &pipelines[1]);
    resumed = NULL;
    record_queue_resume(&r[1]); /* not parked any more */
    CU_ASSERT_PTR_NULL(resumed);
    record_queue_resume(&r[3]);
    CU_ASSERT_PTR_EQUAL(resumed, &pipelines[3]);
    record_queue_leave(&r[1]);
    record_queue_leave(&r[3]);
    arena_reset(arena);
}

static void a_list_keeps_its_order_when_its_first_change_comes_last(void)
{
    static const char list, another;
    struct record other = {.list = &another}, first = {.list = &list},
                  second = {.list = &list, .follows = true},
                  third = {.list = &list, .follows = true}, late = {.next = NULL};

    join(&other, "s_1");
    join(&second, "s_1");
    join(&third, "s_1");
    join(&late, "s_1");
    join(&first, "s_1");
    CU_ASSERT_PTR_EQUAL(other.next, &first);
    CU_ASSERT_PTR_EQUAL(first.next, &second);
    CU_ASSERT_PTR_EQUAL(second.next, &third);
    CU_ASSERT_PTR_EQUAL(third.next, &late);
    arena_reset(arena);
}

static void queues_are_kept_apart_and_used_again(void)
{
    enum { STUDENTS = 1000 }; /* more than there are buckets */
    static struct record r[STUDENTS];
    static char ids[STUDENTS][16];

    for (int i = 0; i < STUDENTS; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "s_%d", i);
        join(&r[i], ids[i]);
        record_queue_lead(&r[i]);
    }
    for (int i = 0; i < STUDENTS; i++)
        CU_ASSERT_PTR_EQUAL(r[i].queue->leader, &r[i]);
    arena_reset(arena); /* all leave */
    for (int i = 0; i < STUDENTS; i++)
        CU_ASSERT_PTR_NULL(r[i].queue);
    join(&r[0], ids[0]);
    CU_ASSERT_PTR_NULL(r[0].queue->leader);
    CU_ASSERT_PTR_EQUAL(r[0].queue->first, &r[0]);
    record_queue_leave(&r[0]);
}

static void without_memory_nobody_joins(void)
{
    static char id[ID_MAX + 1];
    struct record r = {.student = {id, sizeof(id)}}, of_list = {.student = STR("s_1")};
    struct arena *none = arena_new(256, 0);

    memset(id, 'x', sizeof(id));
    CU_ASSERT_FALSE(record_queue_join(queues, &r, arena)); /* longer than any id */
    CU_ASSERT_PTR_NULL(r.queue);
    CU_ASSERT_PTR_NOT_NULL_FATAL(none);
    CU_ASSERT_FALSE(record_queue_join(queues, &of_list, none));
    CU_ASSERT_PTR_NULL(of_list.queue);
    arena_free(none);
}

void record_queue_tests(void)
{
    CU_pSuite suite = CU_add_suite("record_queue", setup, cleanup);

    CU_add_test(suite, "one leads and the others wait in order",
                one_leads_and_the_others_wait_in_order);
    CU_add_test(suite, "the last one goes on when the leader leaves",
                the_last_one_goes_on_when_the_leader_leaves);
    CU_add_test(suite, "a list keeps its order when its first change comes last",
                a_list_keeps_its_order_when_its_first_change_comes_last);
    CU_add_test(suite, "queues are kept apart and used again",
                queues_are_kept_apart_and_used_again);
    CU_add_test(suite, "without memory nobody joins", without_memory_nobody_joins);
}
