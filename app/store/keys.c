/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/keys.h"

#include "app/base/clock.h"
#include "app/base/digest.h"

const struct str key_cohorts = STR_INIT("cohorts");

static const char *const student_suffixes[] = {
#define X(name, suffix) suffix,
    STUDENT_KEYS(X)
#undef X
};

unsigned key_shard(struct str student)
{
    unsigned char sha[DIGEST_SIZE];

    digest_sha256(student, sha);
    return sha[0];
}

struct str key_student(struct arena *arena, struct str student, enum student_key key)
{
    return arena_printf(arena, "{%02x}:student:%.*s%s", key_shard(student), STR_ARG(student),
                        student_suffixes[key]);
}

bool key_student_days(struct arena *arena, struct str student, int32_t first, int count,
                      struct str *ret_keys)
{
    struct str prefix =
        arena_printf(arena, "{%02x}:student:%.*s:day:", key_shard(student), STR_ARG(student));
    size_t n = prefix.n + 8;
    char *keys = arena_alloc(arena, n * (size_t)count);

    if (!prefix.p || !keys)
        return false;
    for (int i = 0; i < count; i++, keys += n) {
        char day[DAY_TEXT_SIZE];

        day_print(first + i, day);
        memcpy(keys, prefix.p, prefix.n);
        memcpy(keys + prefix.n, day, 4);
        memcpy(keys + prefix.n + 4, day + 5, 2);
        memcpy(keys + prefix.n + 6, day + 8, 2);
        ret_keys[i] = (struct str){keys, n};
    }
    return true;
}

struct str key_student_event(struct arena *arena, struct str student, struct str event)
{
    return arena_printf(arena, "{%02x}:student:%.*s:event:%.*s", key_shard(student),
                        STR_ARG(student), STR_ARG(event));
}

struct str key_journal(struct arena *arena, struct str student)
{
    return arena_printf(arena, "{%02x}:journal", key_shard(student));
}

struct str key_cohort(struct arena *arena, struct str cohort)
{
    return arena_printf(arena, "cohort:{%.*s}", STR_ARG(cohort));
}

struct str key_teacher_cohorts(struct arena *arena, struct str teacher)
{
    return arena_printf(arena, "teacher:{%.*s}:cohorts", STR_ARG(teacher));
}

struct str key_cohort_lock(struct arena *arena, struct str cohort)
{
    return arena_printf(arena, "cohort:{%.*s}:lock", STR_ARG(cohort));
}
