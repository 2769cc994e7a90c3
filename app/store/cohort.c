/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands on the record of a cohort (a named list of students with their teachers) and its
 * indexes, the sets of cohorts of each student and teacher. The caller decides the order of the
 * commands of a change (app/service/roster.c). Each command can be repeated safely. */
#include "app/store/cohort.h"

#include "app/store/keys.h"
#include "app/store/lease.h"
#include "app/store/reply.h"

/* most cohorts accepted in a reply; real indexes (sets of cohort ids) have far fewer */
enum { COHORT_SET_MAX = 100000 };

/* ---- the record ---- */

/* Does not read the field `students`, a list of up to COHORT_STUDENTS_MAX ids. */
struct command *cohort_cmd_get_summary(struct pipeline *pipeline, struct str cohort)
{
    return pipeline_add(pipeline, COMMAND_READ, 7,
                        (struct str[]){STR("HMGET"), key_cohort(pipeline->arena, cohort),
                                       STR("name"), STR("teachers"), STR("student_count"),
                                       STR("created_at"), STR("updated_at")});
}

struct command *cohort_cmd_get(struct pipeline *pipeline, struct str cohort)
{
    return pipeline_add(pipeline, COMMAND_READ, 8,
                        (struct str[]){STR("HMGET"), key_cohort(pipeline->arena, cohort),
                                       STR("name"), STR("teachers"), STR("student_count"),
                                       STR("created_at"), STR("updated_at"), STR("students")});
}

/* Splits a stored list of ids, which are separated by spaces; no id contains a space. Returns false
 * if there are more than max ids, or when out of memory. */
static bool cohort_split_ids(struct str text, struct arena *arena, size_t max, struct str_list *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == ' ')
            n++;
    }
    if (text.n > 0)
        n++;
    ret->n = 0;
    ret->v = arena_array(arena, n, sizeof(*ret->v));
    if (!ret->v || n > max)
        return false;
    while (text.n > 0)
        ret->v[ret->n++] = str_cut(&text, ' ');
    return true;
}

/* Joins the ids by spaces, the form in which the record stores them. The p of the text is NULL when
 * out of memory. */
static struct str cohort_join_ids(struct arena *arena, struct str_list list)
{
    size_t size = 0;
    char *text, *end;

    for (size_t i = 0; i < list.n; i++)
        size += list.v[i].n + 1;
    text = end = arena_alloc(arena, size + 1);
    if (!text)
        return (struct str){0};
    for (size_t i = 0; i < list.n; i++) {
        if (i > 0)
            *end++ = ' ';
        end = mempcpy(end, list.v[i].p, list.v[i].n);
    }
    return (struct str){text, (size_t)(end - text)};
}

/* Parses a field that is a number >= 0. Returns false if the field is absent or has another form.
 */
static bool cohort_parse_number(const redisReply *reply, int64_t *ret)
{
    struct str text;

    return reply_text(reply, &text) == REPLY_OK && str_to_int64(text, 0, INT64_MAX, ret);
}

/* The reply has five fields, or six with the students: name, teachers, number of students, times of
 * creation and of the last update, students. A cohort without a name does not exist, which is no
 * error. */
bool cohort_parse(const struct command *command, struct arena *arena, struct str id,
                  struct cohort *ret, struct problem *p)
{
    const redisReply *reply = command->reply;
    struct str teacher_ids, student_ids = {0};
    size_t n;

    *ret = (struct cohort){.id = id};
    if (reply_array(reply, 6, &n) != REPLY_OK || n < 5) {
        reply_problem(reply, p);
        return false;
    }
    if (reply_text(reply_at(reply, 0), &ret->name) == REPLY_MISSING)
        return true;
    ret->exists = true;
    if (reply_text(reply_at(reply, 1), &teacher_ids) == REPLY_OK &&
        cohort_parse_number(reply_at(reply, 2), &ret->student_count) &&
        cohort_parse_number(reply_at(reply, 3), &ret->created_at_ms) &&
        cohort_parse_number(reply_at(reply, 4), &ret->updated_at_ms) &&
        (n < 6 || reply_text(reply_at(reply, 5), &student_ids) == REPLY_OK) &&
        cohort_split_ids(teacher_ids, arena, COHORT_TEACHERS_MAX, &ret->teachers) &&
        cohort_split_ids(student_ids, arena, COHORT_STUDENTS_MAX, &ret->students))
        return true;
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

/* Writes the record, then adds the cohort to the sorted set of all cohorts. There every score is 0,
 * so that Redis sorts the cohorts by id. */
void cohort_cmd_write(struct pipeline *pipeline, const struct cohort *cohort, int64_t until_ms)
{
    struct arena *arena = pipeline->arena;
    struct str argv[] = {STR("HSET"),          key_cohort(arena, cohort->id),
                         STR("name"),          cohort->name,
                         STR("teachers"),      cohort_join_ids(arena, cohort->teachers),
                         STR("students"),      cohort_join_ids(arena, cohort->students),
                         STR("student_count"), command_int(arena, (int64_t)cohort->students.n),
                         STR("created_at"),    command_int(arena, cohort->created_at_ms),
                         STR("updated_at"),    command_int(arena, cohort->updated_at_ms)};

    lease_cmd_write(pipeline, until_ms, (int)(sizeof(argv) / sizeof(argv[0])), argv);
    lease_cmd_write(pipeline, until_ms, 4,
                    (struct str[]){STR("ZADD"), key_cohorts, STR("0"), cohort->id});
}

void cohort_cmd_delete(struct pipeline *pipeline, struct str cohort, int64_t until_ms)
{
    lease_cmd_write(pipeline, until_ms, 2,
                    (struct str[]){STR("DEL"), key_cohort(pipeline->arena, cohort)});
    lease_cmd_write(pipeline, until_ms, 3, (struct str[]){STR("ZREM"), key_cohorts, cohort});
}

/* ---- the indexes ---- */

/* A script adds the link, because nothing may be added once the student's erasure has begun; the
 * tombstone, a key that exists from then on, shows that. Removing is always allowed. */
void cohort_cmd_link_student(struct pipeline *pipeline, enum link_change change, struct str student,
                             struct str cohort, int64_t until_ms)
{
    struct str key = key_student(pipeline->arena, student, STUDENT_KEY_COHORTS);
    struct str tombstone = key_student(pipeline->arena, student, STUDENT_KEY_ERASED);

    if (change == LINK_ADD)
        (void)pipeline_add_script(
            pipeline, &script_cohort_link_student, 2, 4,
            (struct str[]){key, tombstone, command_int(pipeline->arena, until_ms), cohort});
    else
        lease_cmd_write(pipeline, until_ms, 3, (struct str[]){STR("SREM"), key, cohort});
}

void cohort_cmd_link_teacher(struct pipeline *pipeline, enum link_change change, struct str teacher,
                             struct str cohort, int64_t until_ms)
{
    lease_cmd_write(pipeline, until_ms, 3,
                    (struct str[]){change == LINK_ADD ? STR("SADD") : STR("SREM"),
                                   key_teacher_cohorts(pipeline->arena, teacher), cohort});
}

/* Returns false only for the reply of cohort_link_student.lua that says that the student is being
 * erased. An error or a missing reply gives true: the caller has checked for these first. */
bool cohort_parse_link(const struct command *command)
{
    enum { STUDENT_IS_ERASED = -2 };
    int64_t linked;

    return reply_int(command->reply, &linked) != REPLY_OK || linked != STUDENT_IS_ERASED;
}

struct command *cohort_cmd_of_student(struct pipeline *pipeline, struct str student)
{
    struct str key = key_student(pipeline->arena, student, STUDENT_KEY_COHORTS);

    return pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("SMEMBERS"), key});
}

struct command *cohort_cmd_of_teacher(struct pipeline *pipeline, struct str teacher)
{
    struct str key = key_teacher_cohorts(pipeline->arena, teacher);

    return pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("SMEMBERS"), key});
}

/* Makes a list of the elements of the reply to SMEMBERS; elements that are no texts are skipped. */
bool cohort_parse_ids(const struct command *command, struct arena *arena, struct str_list *ret,
                      struct problem *p)
{
    size_t n;

    if (!reply_expect_array(command->reply, COHORT_SET_MAX, &n, p))
        return false;
    ret->n = 0;
    ret->v = arena_array(arena, n, sizeof(*ret->v));
    for (size_t i = 0; ret->v && i < n; i++) {
        if (reply_text(reply_at(command->reply, i), &ret->v[ret->n]) == REPLY_OK)
            ret->n++;
    }
    if (ret->v)
        return true;
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

/* Compares each cohort of the student with each cohort of the teacher. Both lists are short, so the
 * quadratic loop is fast enough. */
bool cohort_parse_teaches(const struct command *of_student, const struct command *of_teacher,
                          bool *ret_teaches, struct problem *p)
{
    size_t student_cohorts, teacher_cohorts;

    *ret_teaches = false;
    if (!reply_expect_array(of_student->reply, COHORT_SET_MAX, &student_cohorts, p) ||
        !reply_expect_array(of_teacher->reply, COHORT_SET_MAX, &teacher_cohorts, p))
        return false;
    for (size_t i = 0; i < student_cohorts && !*ret_teaches; i++) {
        for (size_t j = 0; j < teacher_cohorts && !*ret_teaches; j++) {
            struct str student_cohort, teacher_cohort;

            *ret_teaches =
                reply_text(reply_at(of_student->reply, i), &student_cohort) == REPLY_OK &&
                reply_text(reply_at(of_teacher->reply, j), &teacher_cohort) == REPLY_OK &&
                str_equal(student_cohort, teacher_cohort);
        }
    }
    return true;
}

/* ZRANGE takes the positions of the first and the last element, both inclusive. */
struct command *cohort_cmd_page(struct pipeline *pipeline, int64_t offset, int64_t limit)
{
    struct str first = command_int(pipeline->arena, offset);
    struct str last = command_int(pipeline->arena, offset + limit - 1);

    return pipeline_add(pipeline, COMMAND_READ, 4,
                        (struct str[]){STR("ZRANGE"), key_cohorts, first, last});
}

struct command *cohort_cmd_total(struct pipeline *pipeline)
{
    return pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("ZCARD"), key_cohorts});
}
