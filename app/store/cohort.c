/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/cohort.h"

#include "app/store/keys.h"
#include "app/store/reply.h"

enum { SETS_MAX = 100000 }; /* members of one set: far above what the limits allow */

/* ---- the record ---- */

struct command *cohort_cmd_get_summary(struct pipeline *a, struct str cohort)
{
    return pipeline_add(a, COMMAND_READ, 7,
                        (struct str[]){STR("HMGET"), key_cohort(a->arena, cohort), STR("name"),
                                       STR("teachers"), STR("student_count"), STR("created_at"),
                                       STR("updated_at")});
}

struct command *cohort_cmd_get(struct pipeline *a, struct str cohort)
{
    return pipeline_add(a, COMMAND_READ, 8,
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

    return reply_text(reply, &text) == REPLY_OK && str_to_int64(text, 0, INT64_MAX, ret);
}

bool cohort_parse(const struct command *command, struct arena *arena, struct str id,
                  struct cohort *ret, struct problem *p)
{
    const redisReply *r = command->reply;
    struct str teachers, students = {0};
    size_t n;

    *ret = (struct cohort){.id = id};
    if (reply_array(r, 6, &n) != REPLY_OK || n < 5) {
        reply_problem(r, p);
        return false;
    }
    if (reply_text(reply_at(r, 0), &ret->name) == REPLY_MISSING)
        return true;
    ret->exists = true;
    if (reply_text(reply_at(r, 1), &teachers) == REPLY_OK &&
        field_int(reply_at(r, 2), &ret->student_count) &&
        field_int(reply_at(r, 3), &ret->created_at_ms) &&
        field_int(reply_at(r, 4), &ret->updated_at_ms) &&
        (n < 6 || reply_text(reply_at(r, 5), &students) == REPLY_OK) &&
        split(teachers, arena, COHORT_TEACHERS_MAX, &ret->teachers) &&
        split(students, arena, COHORT_STUDENTS_MAX, &ret->students))
        return true;
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

void cohort_cmd_write(struct pipeline *a, const struct cohort *cohort)
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
    (void)pipeline_add(a, COMMAND_WRITE, (int)(sizeof(argv) / sizeof(argv[0])), argv);
    (void)pipeline_add(a, COMMAND_WRITE, 4,
                       (struct str[]){STR("ZADD"), key_cohorts, STR("0"), cohort->id});
}

void cohort_cmd_delete(struct pipeline *a, struct str cohort)
{
    (void)pipeline_add(a, COMMAND_WRITE, 2,
                       (struct str[]){STR("DEL"), key_cohort(a->arena, cohort)});
    (void)pipeline_add(a, COMMAND_WRITE, 3, (struct str[]){STR("ZREM"), key_cohorts, cohort});
}

/* ---- the lock ---- */

struct command *cohort_cmd_lock(struct pipeline *a, struct str cohort, struct str token)
{
    struct str ms = arena_printf(a->arena, "%d", COHORT_LOCK_MS);

    return pipeline_add(a, COMMAND_WRITE, 6,
                        (struct str[]){STR("SET"), key_cohort_lock(a->arena, cohort), token,
                                       STR("NX"), STR("PX"), ms});
}

bool cohort_parse_lock(const struct command *command, bool *ret_taken, struct problem *p)
{
    if (command->reply && command->reply->type == REDIS_REPLY_NIL) {
        *ret_taken = false;
        return true;
    }
    *ret_taken = true;
    if (reply_status(command->reply) == REPLY_OK)
        return true;
    reply_problem(command->reply, p);
    return false;
}

void cohort_cmd_unlock(struct pipeline *a, struct str cohort, struct str token)
{
    (void)pipeline_add_script(a, &script_delete_if_equal, 1, 2,
                              (struct str[]){key_cohort_lock(a->arena, cohort), token});
}

/* ---- the indexes ---- */

void cohort_cmd_link_student(struct pipeline *a, enum link_change change, struct str student,
                             struct str cohort)
{
    struct str key = key_student(a->arena, student, STUDENT_KEY_COHORTS);
    struct str tombstone = key_student(a->arena, student, STUDENT_KEY_ERASED);

    if (change == LINK_ADD)
        (void)pipeline_add_script(a, &script_cohort_link_student, 2, 3,
                                  (struct str[]){key, tombstone, cohort});
    else
        (void)pipeline_add(a, COMMAND_WRITE, 3, (struct str[]){STR("SREM"), key, cohort});
}

void cohort_cmd_link_teacher(struct pipeline *a, enum link_change change, struct str teacher,
                             struct str cohort)
{
    (void)pipeline_add(a, COMMAND_WRITE, 3,
                       (struct str[]){change == LINK_ADD ? STR("SADD") : STR("SREM"),
                                      key_teacher_cohorts(a->arena, teacher), cohort});
}

bool cohort_parse_link(const struct command *command)
{
    int64_t linked;

    return reply_int(command->reply, &linked) == REPLY_OK && linked >= 0;
}

struct command *cohort_cmd_of_student(struct pipeline *a, struct str student)
{
    struct str key = key_student(a->arena, student, STUDENT_KEY_COHORTS);

    return pipeline_add(a, COMMAND_READ, 2, (struct str[]){STR("SMEMBERS"), key});
}

struct command *cohort_cmd_of_teacher(struct pipeline *a, struct str teacher)
{
    struct str key = key_teacher_cohorts(a->arena, teacher);

    return pipeline_add(a, COMMAND_READ, 2, (struct str[]){STR("SMEMBERS"), key});
}

bool cohort_parse_ids(const struct command *command, struct arena *arena, struct str_list *ret,
                      struct problem *p)
{
    size_t n;

    if (reply_array(command->reply, SETS_MAX, &n) != REPLY_OK) {
        reply_problem(command->reply, p);
        return false;
    }
    ret->n = 0;
    ret->v = arena_array(arena, n ? n : 1, sizeof(*ret->v));
    for (size_t i = 0; ret->v && i < n; i++) {
        if (reply_text(reply_at(command->reply, i), &ret->v[ret->n]) == REPLY_OK)
            ret->n++;
    }
    if (ret->v)
        return true;
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

bool cohort_parse_teaches(const struct command *of_student, const struct command *of_teacher,
                          bool *ret_taught, struct problem *p)
{
    size_t n, m;

    *ret_taught = false;
    if (reply_array(of_student->reply, SETS_MAX, &n) != REPLY_OK) {
        reply_problem(of_student->reply, p);
        return false;
    }
    if (reply_array(of_teacher->reply, SETS_MAX, &m) != REPLY_OK) {
        reply_problem(of_teacher->reply, p);
        return false;
    }
    for (size_t i = 0; i < n && !*ret_taught; i++) {
        for (size_t j = 0; j < m && !*ret_taught; j++) {
            struct str a, b;

            *ret_taught = reply_text(reply_at(of_student->reply, i), &a) == REPLY_OK &&
                          reply_text(reply_at(of_teacher->reply, j), &b) == REPLY_OK &&
                          str_equal(a, b);
        }
    }
    return true;
}

struct command *cohort_cmd_page(struct pipeline *a, int64_t offset, int64_t limit)
{
    struct str first = arena_printf(a->arena, "%lld", (long long)offset);
    struct str last = arena_printf(a->arena, "%lld", (long long)(offset + limit - 1));

    return pipeline_add(a, COMMAND_READ, 4,
                        (struct str[]){STR("ZRANGE"), key_cohorts, first, last});
}

struct command *cohort_cmd_total(struct pipeline *a)
{
    return pipeline_add(a, COMMAND_READ, 2, (struct str[]){STR("ZCARD"), key_cohorts});
}
