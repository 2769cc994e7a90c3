/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/cohort.h"

#include "app/store/keys.h"
#include "app/store/reply.h"

enum { SETS_MAX = 100000 }; /* members of one set: far above what the limits allow */

/* ---- the record ---- */

struct ask *cohort_ask_summary(struct asks *a, struct str cohort)
{
    return ask_command(a, ASK_READ, 7,
                       (struct str[]){STR("HMGET"), key_cohort(a->arena, cohort), STR("name"),
                                      STR("teachers"), STR("student_count"), STR("created_at"),
                                      STR("updated_at")});
}

struct ask *cohort_ask(struct asks *a, struct str cohort)
{
    return ask_command(a, ASK_READ, 8,
                       (struct str[]){STR("HMGET"), key_cohort(a->arena, cohort), STR("name"),
                                      STR("teachers"), STR("student_count"), STR("created_at"),
                                      STR("updated_at"), STR("students")});
}

/* Ids cannot hold a space: lists of them are stored as one text with spaces between. */
static bool split(struct str text, struct arena *arena, size_t max, struct str_list *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == ' ';
    if (text.n > 0)
        n++;
    ret->n = 0;
    ret->v = arena_array(arena, n ? n : 1, sizeof(*ret->v));
    if (!ret->v || n > max)
        return false;
    while (text.n > 0)
        ret->v[ret->n++] = str_cut(&text, ' ');
    return true;
}

static struct str join(struct arena *arena, struct str_list list)
{
    size_t n = 0;
    char *p, *end;

    for (size_t i = 0; i < list.n; i++)
        n += list.v[i].n + 1;
    p = end = arena_alloc(arena, n + 1);
    if (!p)
        return (struct str){0};
    for (size_t i = 0; i < list.n; i++) {
        if (i > 0)
            *end++ = ' ';
        memcpy(end, list.v[i].p, list.v[i].n);
        end += list.v[i].n;
    }
    return (struct str){p, (size_t)(end - p)};
}

static bool field_int(const redisReply *reply, int64_t *ret)
{
    struct str text;

    return reply_text(reply, &text) == REPLY_THERE && str_to_int64(text, 0, INT64_MAX, ret);
}

bool cohort_read(const struct ask *ask, struct arena *arena, struct str id, struct cohort *ret,
                 struct problem *p)
{
    const redisReply *r = ask->reply;
    struct str teachers, students = {0};
    size_t n;

    *ret = (struct cohort){.id = id};
    if (reply_array(r, 6, &n) != REPLY_THERE || n < 5) {
        reply_problem(r, p);
        return false;
    }
    if (reply_text(reply_at(r, 0), &ret->name) == REPLY_MISSING)
        return true;
    ret->exists = true;
    if (reply_text(reply_at(r, 1), &teachers) == REPLY_THERE &&
        field_int(reply_at(r, 2), &ret->student_count) &&
        field_int(reply_at(r, 3), &ret->created_at_ms) &&
        field_int(reply_at(r, 4), &ret->updated_at_ms) &&
        (n < 6 || reply_text(reply_at(r, 5), &students) == REPLY_THERE) &&
        split(teachers, arena, COHORT_TEACHERS_MAX, &ret->teachers) &&
        split(students, arena, COHORT_STUDENTS_MAX, &ret->students))
        return true;
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

void cohort_ask_write(struct asks *a, const struct cohort *cohort)
{
    struct arena *arena = a->arena;
    struct str count = arena_printf(arena, "%zu", cohort->students.n);
    struct str created = arena_printf(arena, "%lld", (long long)cohort->created_at_ms);
    struct str updated = arena_printf(arena, "%lld", (long long)cohort->updated_at_ms);
    struct str argv[] = {STR("HSET"),          key_cohort(arena, cohort->id),
                         STR("name"),          cohort->name,
                         STR("teachers"),      join(arena, cohort->teachers),
                         STR("students"),      join(arena, cohort->students),
                         STR("student_count"), count,
                         STR("created_at"),    created,
                         STR("updated_at"),    updated};

    if (!argv[1].p || !argv[5].p || !argv[7].p || !count.p || !created.p || !updated.p)
        a->failed = true;
    (void)ask_command(a, ASK_WRITE, (int)(sizeof(argv) / sizeof(argv[0])), argv);
    (void)ask_command(a, ASK_WRITE, 4,
                      (struct str[]){STR("ZADD"), key_cohorts, STR("0"), cohort->id});
}

void cohort_ask_delete(struct asks *a, struct str cohort)
{
    (void)ask_command(a, ASK_WRITE, 2, (struct str[]){STR("DEL"), key_cohort(a->arena, cohort)});
    (void)ask_command(a, ASK_WRITE, 3, (struct str[]){STR("ZREM"), key_cohorts, cohort});
}

/* ---- the lock ---- */

struct ask *cohort_ask_lock(struct asks *a, struct str cohort, struct str token)
{
    struct str ms = arena_printf(a->arena, "%d", COHORT_LOCK_MS);

    return ask_command(a, ASK_WRITE, 6,
                       (struct str[]){STR("SET"), key_cohort_lock(a->arena, cohort), token,
                                      STR("NX"), STR("PX"), ms});
}

bool cohort_read_lock(const struct ask *ask, bool *ret_taken, struct problem *p)
{
    if (ask->reply && ask->reply->type == REDIS_REPLY_NIL) {
        *ret_taken = false;
        return true;
    }
    *ret_taken = true;
    if (reply_done(ask->reply) == REPLY_THERE)
        return true;
    reply_problem(ask->reply, p);
    return false;
}

void cohort_ask_unlock(struct asks *a, struct str cohort, struct str token)
{
    (void)ask_script(a, &script_unlock, 1, 2,
                     (struct str[]){key_cohort_lock(a->arena, cohort), token});
}

/* ---- the indexes ---- */

void cohort_ask_link_student(struct asks *a, enum link_change change, struct str student,
                             struct str cohort)
{
    struct str key = key_student(a->arena, student, STUDENT_KEY_COHORTS);
    struct str tombstone = key_student(a->arena, student, STUDENT_KEY_ERASED);

    if (change == LINK_ADD)
        (void)ask_script(a, &script_link, 2, 3, (struct str[]){key, tombstone, cohort});
    else
        (void)ask_command(a, ASK_WRITE, 3, (struct str[]){STR("SREM"), key, cohort});
}

void cohort_ask_link_teacher(struct asks *a, enum link_change change, struct str teacher,
                             struct str cohort)
{
    (void)ask_command(a, ASK_WRITE, 3,
                      (struct str[]){change == LINK_ADD ? STR("SADD") : STR("SREM"),
                                     key_teacher_cohorts(a->arena, teacher), cohort});
}

bool cohort_read_link(const struct ask *ask)
{
    int64_t linked;

    return reply_int(ask->reply, &linked) == REPLY_THERE && linked >= 0;
}

struct ask *cohort_ask_of_student(struct asks *a, struct str student)
{
    struct str key = key_student(a->arena, student, STUDENT_KEY_COHORTS);

    return ask_command(a, ASK_READ, 2, (struct str[]){STR("SMEMBERS"), key});
}

struct ask *cohort_ask_of_teacher(struct asks *a, struct str teacher)
{
    struct str key = key_teacher_cohorts(a->arena, teacher);

    return ask_command(a, ASK_READ, 2, (struct str[]){STR("SMEMBERS"), key});
}

bool cohort_read_ids(const struct ask *ask, struct arena *arena, struct str_list *ret,
                     struct problem *p)
{
    size_t n;

    if (reply_array(ask->reply, SETS_MAX, &n) != REPLY_THERE) {
        reply_problem(ask->reply, p);
        return false;
    }
    ret->n = 0;
    ret->v = arena_array(arena, n ? n : 1, sizeof(*ret->v));
    for (size_t i = 0; ret->v && i < n; i++) {
        if (reply_text(reply_at(ask->reply, i), &ret->v[ret->n]) == REPLY_THERE)
            ret->n++;
    }
    if (ret->v)
        return true;
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

bool cohort_read_taught(const struct ask *of_student, const struct ask *of_teacher,
                        bool *ret_taught, struct problem *p)
{
    size_t n, m;

    *ret_taught = false;
    if (reply_array(of_student->reply, SETS_MAX, &n) != REPLY_THERE) {
        reply_problem(of_student->reply, p);
        return false;
    }
    if (reply_array(of_teacher->reply, SETS_MAX, &m) != REPLY_THERE) {
        reply_problem(of_teacher->reply, p);
        return false;
    }
    for (size_t i = 0; i < n && !*ret_taught; i++) {
        for (size_t j = 0; j < m && !*ret_taught; j++) {
            struct str a, b;

            *ret_taught = reply_text(reply_at(of_student->reply, i), &a) == REPLY_THERE &&
                          reply_text(reply_at(of_teacher->reply, j), &b) == REPLY_THERE &&
                          str_equal(a, b);
        }
    }
    return true;
}

struct ask *cohort_ask_page(struct asks *a, int64_t offset, int64_t limit)
{
    struct str first = arena_printf(a->arena, "%lld", (long long)offset);
    struct str last = arena_printf(a->arena, "%lld", (long long)(offset + limit - 1));

    return ask_command(a, ASK_READ, 4, (struct str[]){STR("ZRANGE"), key_cohorts, first, last});
}

struct ask *cohort_ask_total(struct asks *a)
{
    return ask_command(a, ASK_READ, 2, (struct str[]){STR("ZCARD"), key_cohorts});
}
