/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/keys.h"

#include <CUnit/CUnit.h>

#include <stdio.h>

#include "app/base/clock.h"
#include "app/base/digest.h"
#include "app/base/ids.h"

void keys_tests(void);

static bool key_is(struct str key, const char *expected)
{
    return str_equal(key, str_of(expected));
}

static struct arena *arena;

static int open_arena(void)
{
    arena = arena_new(4096, 1 << 20);
    return arena == NULL;
}

static int free_arena(void)
{
    arena_free(arena);
    return 0;
}

/* sha256("abc") begins with ba, sha256("") with e3. */
static void the_shard_is_the_first_byte_of_sha_256_of_the_id(void)
{
    CU_ASSERT_EQUAL(key_shard(STR("abc")), 0xba);
    CU_ASSERT_EQUAL(key_shard(STR("")), 0xe3);
}

static void all_keys_of_a_student_carry_the_tag_of_the_shard(void)
{
    struct str s = STR("abc");

    CU_ASSERT_TRUE(key_is(key_student(arena, s, STUDENT_KEY_PROFILE), "{ba}:student:abc"));
    CU_ASSERT_TRUE(key_is(key_student(arena, s, STUDENT_KEY_COHORTS), "{ba}:student:abc:cohorts"));
    CU_ASSERT_TRUE(key_is(key_student(arena, s, STUDENT_KEY_MARKS), "{ba}:student:abc:counted"));
    CU_ASSERT_TRUE(key_is(key_journal(arena, s), "{ba}:journal"));
}

/* The name is half of the HMAC of the id, with a key that is derived from the one that is set. */
static void the_key_of_a_tombstone_has_a_keyed_hash_instead_of_the_id(void)
{
    unsigned char derived[DIGEST_SIZE], hash[DIGEST_SIZE];
    char text[DIGEST_HEX_SIZE], expected[128];

    digest_hmac(STR("key"), STR("mastery-engine key names"), derived);
    digest_hmac((struct str){(const char *)derived, sizeof(derived)}, STR("abc"), hash);
    hex_print(hash, DIGEST_SIZE / 2, text);
    (void)snprintf(expected, sizeof(expected), "{ba}:student:%s:erased", text);
    keys_set_hash_key(STR("key"));
    CU_ASSERT_TRUE(key_is(key_student(arena, STR("abc"), STUDENT_KEY_ERASED), expected));
    keys_set_hash_key(STR("another"));
    CU_ASSERT_FALSE(key_is(key_student(arena, STR("abc"), STUDENT_KEY_ERASED), expected));
}

static void each_day_has_a_key_across_the_end_of_a_month(void)
{
    struct str keys[3];
    int32_t first;

    CU_ASSERT_TRUE_FATAL(day_parse(STR("2028-02-28"), &first));
    CU_ASSERT_TRUE(key_schema_1_days(arena, STR("abc"), first, 3, keys));
    CU_ASSERT_TRUE(key_is(keys[0], "{ba}:student:abc:day:20280228"));
    CU_ASSERT_TRUE(key_is(keys[1], "{ba}:student:abc:day:20280229"));
    CU_ASSERT_TRUE(key_is(keys[2], "{ba}:student:abc:day:20280301"));
}

static void recommendations_of_a_day_have_a_key(void)
{
    struct str keys[1];
    int32_t first;

    CU_ASSERT_TRUE_FATAL(day_parse(STR("2026-12-31"), &first));
    CU_ASSERT_TRUE(key_student_recommendations(arena, STR("abc"), first, 1, keys));
    CU_ASSERT_TRUE(key_is(keys[0], "{ba}:student:abc:recommendations:20261231"));
    CU_ASSERT_TRUE(key_is(key_recommended(arena, STR("ba0123")), "{ba}:recommended:ba0123"));
}

static void the_shard_is_parsed_from_a_key(void)
{
    static const char *const bad[] = {
        "", "{ba", "{ba:journal", "ba}:journal", "{BA}:journal", "{g0}:journal", "{0g}:journal"};
    unsigned shard;

    for (unsigned i = 0; i < SHARDS; i++) {
        struct str key = key_shard_record(arena, i, SHARD_KEY_LEASE);

        CU_ASSERT_TRUE(key_parse_hash_tag(key, &shard));
        CU_ASSERT_EQUAL(shard, i);
    }
    CU_ASSERT_TRUE(key_is(key_shard_record(arena, 10, SHARD_KEY_OUTBOX), "{0a}:outbox"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_FALSE(key_parse_hash_tag(str_of(bad[i]), &shard));
}

static void the_key_of_a_profile_contains_the_student(void)
{
    static const char *const others[] = {"",
                                         "{00}:journal",
                                         "{00}:student:",
                                         "{00}:student:abc:cohorts",
                                         "{00}:student:abc:of-a-later-version",
                                         "{00}:student:a b",
                                         "{0x}:student:abc",
                                         "{00}student:abc",
                                         "cohort:{abc}"};
    struct str student = {0};

    CU_ASSERT_TRUE(
        key_parse_profile(key_student(arena, STR("abc"), STUDENT_KEY_PROFILE), arena, &student));
    CU_ASSERT_TRUE(str_equal(student, STR("abc")));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        CU_ASSERT_FALSE(key_parse_profile(str_of(others[i]), arena, &student));
}

/* Ids that resemble keys, or parts of keys. */
static const struct str alike[] = {
    STR_INIT("a"),
    STR_INIT("a:"),
    STR_INIT("a::"),
    STR_INIT("a:events"),
    STR_INIT("a:day:"),
    STR_INIT("a:day:20280228"),
    STR_INIT("a:day:2028022820280228"),
    STR_INIT("a:recommended"),
    STR_INIT("a:recommendations:20280228"),
    STR_INIT("a:erased"),
    STR_INIT("a:events:events"),
    STR_INIT("student:a"),
    STR_INIT("student:a:events"),
    STR_INIT("events"),
    STR_INIT("a.events"),
    STR_INIT("a|events"),
    STR_INIT("a~events"),
    STR_INIT("a=@+~|.:"),
};
enum { ALIKE = sizeof(alike) / sizeof(alike[0]) };

/* A key for a student and a kind of record; of a kind with a key for each day, of one day. */
static struct str key_of(struct str student, size_t kind)
{
    struct str key = {0};
    int32_t day;

    if (student_kinds[kind].family != KEY_DAILY)
        return key_of_kind(arena, student, &student_kinds[kind]);
    (void)(day_parse(STR("2028-02-28"), &day) &&
           key_days_of_kind(arena, student, &student_kinds[kind], day, 1, &key));
    return key;
}

/* Compares what follows the tag, because two ids may be in one shard. */
static void no_two_records_have_one_key(void)
{
    enum { KEYS = ALIKE * STUDENT_KEY_COUNT };
    static struct str keys[KEYS];

    keys_set_hash_key(STR("key"));
    for (size_t i = 0; i < KEYS; i++) {
        keys[i] = key_of(alike[i / STUDENT_KEY_COUNT], i % STUDENT_KEY_COUNT);
        CU_ASSERT_TRUE_FATAL(keys[i].n > 4);
        (void)str_cut(&keys[i], '}');
        for (size_t k = 0; k < i; k++)
            CU_ASSERT_FALSE(str_equal(keys[i], keys[k]));
    }
    arena_reset(arena);
}

static void a_key_says_whose_it_is_and_of_which_kind(void)
{
    for (size_t i = 0; i < ALIKE * STUDENT_KEY_COUNT; i++) {
        struct str id = alike[i / STUDENT_KEY_COUNT], student = {0};
        enum student_key kind, expected = (enum student_key)(i % STUDENT_KEY_COUNT);

        CU_ASSERT_TRUE(key_parse_student(key_of(id, expected), arena, &student, &kind));
        CU_ASSERT_EQUAL(kind, expected);
        if (student_kinds[expected].family != KEY_HASHED)
            CU_ASSERT_TRUE(str_equal(student, id));
    }
    CU_ASSERT_TRUE(key_is(key_of(STR("a:b"), STUDENT_KEY_EVENTS), "{67}:student:a/b:events"));
    arena_reset(arena);
}

/* Across the ends of all months, also in a leap year. */
static void many_days_have_the_keys_of_single_days(void)
{
    enum { DAYS = 90 };
    struct str together[DAYS], alone;

    for (int32_t first = 19600; first < 19600 + 5 * 366; first += 7) {
        CU_ASSERT_TRUE_FATAL(key_schema_1_days(arena, STR("s"), first, DAYS, together));
        for (int i = 0; i < DAYS; i++) {
            CU_ASSERT_TRUE_FATAL(key_schema_1_days(arena, STR("s"), first + i, 1, &alone));
            CU_ASSERT_TRUE(str_equal(together[i], alone));
        }
        arena_reset(arena);
    }
}

static void the_keys_of_a_batch_are_in_one_slot(void)
{
    CU_ASSERT_TRUE(key_is(key_batch(arena, STR("b1"), BATCH_KEY_STATE), "batch:{b1}"));
    CU_ASSERT_TRUE(key_is(key_batch(arena, STR("b1"), BATCH_KEY_STUDENTS), "batch:{b1}:students"));
    CU_ASSERT_TRUE(key_is(key_batch(arena, STR("b1"), BATCH_KEY_ITEMS), "batch:{b1}:items"));
    CU_ASSERT_TRUE(key_is(key_batch(arena, STR("b1"), BATCH_KEY_RESULTS), "batch:{b1}:results"));
    CU_ASSERT_TRUE(key_is(key_batches, "batches"));
}

static void cohorts_and_teachers_have_tags_of_their_own(void)
{
    CU_ASSERT_TRUE(key_is(key_cohort(arena, STR("c-1")), "cohort:{c-1}"));
    CU_ASSERT_TRUE(key_is(key_cohort_lock(arena, STR("c-1")), "cohort:{c-1}:lock"));
    CU_ASSERT_TRUE(key_is(key_teacher_cohorts(arena, STR("t-1")), "teacher:{t-1}:cohorts"));
    CU_ASSERT_TRUE(key_is(key_cohorts, "cohorts"));
}

static void without_memory_there_is_no_key(void)
{
    struct arena *small = arena_new(8, 8);
    struct str keys[2];

    CU_ASSERT_PTR_NOT_NULL_FATAL(small);
    CU_ASSERT_PTR_NULL(key_student(small, STR("abc"), STUDENT_KEY_PROFILE).p);
    CU_ASSERT_FALSE(key_schema_1_days(small, STR("abc"), 1, 1, &(struct str){0}));
    CU_ASSERT_PTR_NULL(key_cohort(small, STR("c-1")).p);
    CU_ASSERT_FALSE(key_schema_1_days(small, STR("abc"), 1, 2, keys));
    arena_free(small);
}

void keys_tests(void)
{
    CU_pSuite suite = CU_add_suite("keys", open_arena, free_arena);

    CU_add_test(suite, "the shard is the first byte of SHA-256 of the id",
                the_shard_is_the_first_byte_of_sha_256_of_the_id);
    CU_add_test(suite, "all keys of a student carry the tag of the shard",
                all_keys_of_a_student_carry_the_tag_of_the_shard);
    CU_add_test(suite, "the key of a tombstone has a keyed hash instead of the id",
                the_key_of_a_tombstone_has_a_keyed_hash_instead_of_the_id);
    CU_add_test(suite, "days have a key each, over the end of a month",
                each_day_has_a_key_across_the_end_of_a_month);
    CU_add_test(suite, "what was recommended on a day has a key",
                recommendations_of_a_day_have_a_key);
    CU_add_test(suite, "a key of a shard says which shard it is", the_shard_is_parsed_from_a_key);
    CU_add_test(suite, "a profile's key says whose it is",
                the_key_of_a_profile_contains_the_student);
    CU_add_test(suite, "no two records have one key", no_two_records_have_one_key);
    CU_add_test(suite, "a key says whose it is and of which kind",
                a_key_says_whose_it_is_and_of_which_kind);
    CU_add_test(suite, "days follow each other", many_days_have_the_keys_of_single_days);
    CU_add_test(suite, "a batch is of one slot", the_keys_of_a_batch_are_in_one_slot);
    CU_add_test(suite, "cohorts and teachers have tags of their own",
                cohorts_and_teachers_have_tags_of_their_own);
    CU_add_test(suite, "without memory there is no key", without_memory_there_is_no_key);
}
