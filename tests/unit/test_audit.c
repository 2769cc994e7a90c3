/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the audit log needs no Redis for: keys, seals and their verification, the buffer of events,
 * cursors. */
#include <CUnit/CUnit.h>
#include <stdio.h>

#include "app/base/compress.h"
#include "app/service/audit_buffer.h"
#include "app/service/audit_list.h"
#include "app/service/audit_segment_code.h"
#include "app/service/audit_verify.h"

#define KEY   "0123456789abcdef0123456789abcdef"
#define OTHER "another key for the seals of the log"

void audit_tests(void);

static struct arena *arena;

static void audit_reset_arena(void)
{
    if (arena)
        arena_reset(arena);
    else
        arena = arena_new(1 << 14, 1 << 22);
}

static struct audit_keys load_keys(const char *text)
{
    struct config config = {.audit_key = text};
    struct audit_keys keys = {.n = 0};
    char error[200] = "";

    CU_ASSERT_TRUE(audit_keys_load(&config, &keys, error));
    return keys;
}

static struct audit_entry make_entry(const char *id, const char *actor)
{
    struct audit_entry entry = {.id = str_of(id), .valid = true};

    for (int i = 0; i < AUDIT_FIELDS; i++)
        entry.v[i] = STR("");
    entry.v[AUDIT_ACTOR] = str_of(actor);
    entry.v[AUDIT_COUNT] = STR("1");
    return entry;
}

/* ---- keys ---- */

static void keys_are_lines_of_32_bytes_or_more(void)
{
    static const struct {
        const char *text;
        size_t n; /* 0: refused */
        const char *error;
    } cases[] = {
        {KEY, 1, NULL},
        {"\n" KEY "\n\n" OTHER "\n", 2, NULL},
        {"", 0, "not set"},
        {" \n \n", 0, "not set"},
        {KEY "\nshort", 0, "line 2 has 5 bytes"},
        {KEY "\n" KEY "\n" KEY "\n" KEY "\n" KEY "\n" KEY "\n" KEY "\n" KEY "\n" KEY, 0,
         "more than 8"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config config = {.audit_key = cases[i].text};
        struct audit_keys keys = {.n = 0};
        char error[200] = "";
        bool loaded = audit_keys_load(&config, &keys, error);

        CU_ASSERT_EQUAL(loaded, cases[i].n > 0);
        CU_ASSERT_EQUAL(keys.n, cases[i].n);
        CU_ASSERT_TRUE(loaded || strstr(error, cases[i].error) != NULL);
        audit_keys_release(&keys);
    }
}

static void a_key_is_found_by_its_id(void)
{
    struct audit_keys keys = load_keys(KEY "\n" OTHER);

    CU_ASSERT_STRING_NOT_EQUAL(keys.v[0].id, keys.v[1].id);
    CU_ASSERT_PTR_EQUAL(audit_keys_find(&keys, str_of(keys.v[1].id)), &keys.v[1]);
    CU_ASSERT_PTR_NULL(audit_keys_find(&keys, STR("0000000000000000")));
    audit_keys_release(&keys);
}

/* ---- MACs ---- */

/* printf '%s\n' 1-0 root '' '' '' '' '' '' '' 1 |
 *     openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef | cut -c-32 */
static void a_mac_is_what_openssl_says(void)
{
    struct audit_keys keys = load_keys(KEY);
    struct audit_entry entry = make_entry("1-0", "root");
    char mac[AUDIT_MAC_SIZE];

    audit_reset_arena();
    CU_ASSERT_TRUE(audit_record_mac(arena, &keys.v[0], &entry, mac));
    CU_ASSERT_STRING_EQUAL(mac, "20b975a18f9b8131721238b8b64db0e3");
    audit_keys_release(&keys);
}

/* ---- verification ---- */

enum { SEALS = 3, RECORDS = 2 }; /* RECORDS: under each seal */

struct sealed_chain {
    struct audit_keys keys;
    struct audit_entry entries[SEALS][RECORDS];
    struct audit_seal seals[SEALS];
};

static void make_chain(struct sealed_chain *c)
{
    struct audit_link link = {.seal_number = 0};

    audit_reset_arena();
    c->keys = load_keys(KEY);
    for (int s = 0; s < SEALS; s++) {
        for (int i = 0; i < RECORDS; i++)
            c->entries[s][i] = make_entry(arena_printf(arena, "%d-0", 1000 + s * RECORDS + i).p,
                                          i ? "root" : "admin");
        c->seals[s] =
            (struct audit_seal){.id = arena_printf(arena, "%d-0", 2000 + s), .valid = true};
        CU_ASSERT_TRUE_FATAL(audit_seal_next(arena, &c->keys.v[0], 0x2b, &link, c->entries[s],
                                             RECORDS, c->seals[s].v, &link));
    }
}

/* The fault that is found first. */
static enum audit_fault verify_chain(struct sealed_chain *c, struct audit_check *check)
{
    *check = (struct audit_check){.keys = &c->keys, .shard = 0x2b};
    for (int s = 0; s < SEALS; s++) {
        if (!audit_check_seal(check, &c->seals[s], arena) ||
            !audit_check_records(check, &c->seals[s], c->entries[s], RECORDS, arena))
            break;
    }
    return check->fault;
}

static void an_unchanged_chain_is_intact(void)
{
    struct audit_check check;
    struct sealed_chain c;

    make_chain(&c);
    CU_ASSERT_EQUAL(verify_chain(&c, &check), AUDIT_INTACT);
    CU_ASSERT_EQUAL(check.records, SEALS * RECORDS);
    CU_ASSERT_EQUAL(check.link.seal_number, SEALS);
    CU_ASSERT_TRUE(audit_check_head(&check, SEALS, str_of(check.link.head)));
    CU_ASSERT_TRUE(audit_check_head(&check, SEALS - 1, STR("long past")));
    audit_keys_release(&c.keys);
}

static void each_value_of_a_record_is_under_the_seal(void)
{
    struct audit_check check;
    struct sealed_chain c;

    for (int field = 0; field < AUDIT_FIELDS; field++) {
        make_chain(&c);
        c.entries[1][0].v[field] = STR("x");
        CU_ASSERT_EQUAL(verify_chain(&c, &check), AUDIT_CHANGED);
        CU_ASSERT_STRING_EQUAL(check.id, "1002-0");
        audit_keys_release(&c.keys);
    }
}

/* Moving characters from one value to the next is a change, too. */
static void values_do_not_run_into_each_other(void)
{
    struct audit_check check;
    struct sealed_chain c;

    make_chain(&c);
    c.entries[0][0].v[AUDIT_ACTOR] = STR("adm");
    c.entries[0][0].v[AUDIT_ROLE] = STR("in");
    CU_ASSERT_EQUAL(verify_chain(&c, &check), AUDIT_CHANGED);
    audit_keys_release(&c.keys);
}

static void each_value_of_a_seal_is_under_its_head(void)
{
    struct audit_check check;
    struct sealed_chain c;

    for (int field = 0; field < SEAL_FIELDS; field++) {
        make_chain(&c);
        c.seals[1].v[field] = STR("9");
        CU_ASSERT_NOT_EQUAL(verify_chain(&c, &check), AUDIT_INTACT);
        CU_ASSERT_STRING_EQUAL(check.id, "2001-0");
        CU_ASSERT_FALSE(check.is_record);
        audit_keys_release(&c.keys);
    }
}

static void moved_records_and_seals_are_found(void)
{
    struct audit_check check;
    struct audit_entry first;
    struct audit_seal seal;
    struct sealed_chain c;

    make_chain(&c);
    first = c.entries[0][0];
    memcpy(c.entries[0][0].v, c.entries[0][1].v, sizeof(first.v));
    memcpy(c.entries[0][1].v, first.v, sizeof(first.v));
    CU_ASSERT_EQUAL(verify_chain(&c, &check), AUDIT_REORDERED);
    audit_keys_release(&c.keys);

    make_chain(&c);
    seal = c.seals[1];
    c.seals[1] = c.seals[2];
    c.seals[2] = seal;
    CU_ASSERT_EQUAL(verify_chain(&c, &check), AUDIT_SEAL_REMOVED);
    audit_keys_release(&c.keys);
}

static void a_removed_end_is_found(void)
{
    struct audit_check check;
    struct sealed_chain c;

    make_chain(&c);
    CU_ASSERT_EQUAL(verify_chain(&c, &check), AUDIT_INTACT);
    CU_ASSERT_FALSE(audit_check_head(&check, SEALS + 1, STR("known elsewhere")));
    CU_ASSERT_EQUAL(check.fault, AUDIT_END_TRUNCATED);
    CU_ASSERT_FALSE(audit_check_head(&check, SEALS, STR("known elsewhere")));
    CU_ASSERT_EQUAL(check.fault, AUDIT_REPLACED);
    audit_keys_release(&c.keys);
}

static void only_old_records_may_be_missing_at_the_start(void)
{
    static const struct {
        int64_t retained_since_ms;
        enum audit_fault fault;
    } cases[] = {{INT64_C(100000000), AUDIT_INTACT}, {-INT64_C(100000000), AUDIT_START_TRUNCATED}};
    struct audit_check check;
    struct sealed_chain c;

    make_chain(&c);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check = (struct audit_check){
            .keys = &c.keys, .shard = 0x2b, .retained_since_ms = cases[i].retained_since_ms};
        (void)audit_check_seal(&check, &c.seals[1], arena);
        CU_ASSERT_EQUAL(check.fault, cases[i].fault);
    }
    audit_keys_release(&c.keys);
}

static void a_seal_of_another_shard_is_refused(void)
{
    struct audit_check check;
    struct sealed_chain c;

    make_chain(&c);
    check = (struct audit_check){.keys = &c.keys, .shard = 0x2c};
    CU_ASSERT_FALSE(audit_check_seal(&check, &c.seals[0], arena));
    CU_ASSERT_EQUAL(check.fault, AUDIT_SEAL_CHANGED);
    audit_keys_release(&c.keys);
}

/* ---- segments ---- */

enum { SEGMENTS = 3, PACKED = 5 }; /* PACKED: records of each segment */

struct segment_chain {
    struct audit_keys keys;
    struct audit_segment segments[SEGMENTS];
    struct audit_segment_link link;
};

static void make_segments(struct segment_chain *c)
{
    audit_reset_arena();
    c->keys = load_keys(KEY);
    c->link = (struct audit_segment_link){.number = 0};
    for (int s = 0; s < SEGMENTS; s++) {
        struct audit_entry entries[PACKED];

        for (int i = 0; i < PACKED; i++) {
            entries[i] = make_entry(arena_printf(arena, "%d-%d", 1000 + s * 10 + i, i).p, "root");
            entries[i].v[AUDIT_SUBJECT] = STR("pseudonym");
            entries[i].last_ms = i == 2 ? 5000 : 0;
            entries[i].v[AUDIT_COUNT] = i == 2 ? STR("3") : STR("1");
        }
        entries[1].v[AUDIT_ACTOR] = STR("student:pseudonym");
        CU_ASSERT_TRUE_FATAL(audit_segment_order(arena, &c->link, entries, PACKED));
        CU_ASSERT_TRUE_FATAL(audit_segment_pack(arena, &c->keys.v[0], 0x2b, &c->link, entries,
                                                PACKED, &c->segments[s], &c->link));
    }
}

static enum audit_fault verify_segments(struct segment_chain *c, struct audit_check *check)
{
    *check = (struct audit_check){.keys = &c->keys, .chain = AUDIT_CHAIN_SEGMENTS, .shard = 0x2b};
    for (int s = 0; s < SEGMENTS; s++) {
        if (!audit_check_segment(check, &c->segments[s], arena))
            break;
    }
    return check->fault;
}

static void a_segment_is_read_as_it_was_packed(void)
{
    struct audit_segment_text text;
    struct segment_chain c;

    make_segments(&c);
    CU_ASSERT_TRUE_FATAL(audit_segment_unpack(arena, &c.segments[1], &text));
    CU_ASSERT_EQUAL(text.n, PACKED);
    CU_ASSERT_EQUAL(text.shard, 0x2b);
    CU_ASSERT_EQUAL(text.link.number, 2);
    CU_ASSERT_EQUAL(text.link.total, 2 * PACKED);
    CU_ASSERT_TRUE(str_equal(text.previous_id, c.segments[0].id));
    CU_ASSERT_TRUE(str_equal(text.entries[3].id, STR("1013-3")));
    CU_ASSERT_TRUE(str_equal(text.entries[0].id, STR("1010-0")));
    CU_ASSERT_TRUE(str_equal(text.entries[0].v[AUDIT_ACTOR], STR("root")));
    CU_ASSERT_TRUE(str_equal(text.entries[1].v[AUDIT_ACTOR], STR("student:pseudonym")));
    CU_ASSERT_EQUAL(text.entries[1].last_ms, 0);
    CU_ASSERT_EQUAL(text.entries[2].last_ms, 5000);
    audit_keys_release(&c.keys);
}

/* Pseudonyms of each form, counts and records, several kinds: what comes out is what went in. */
static void a_segment_keeps_all_values(void)
{
    static const char *const subjects[] = {
        "", "0123456789abcdef", "0123456789abcdef0123456789abcdef", "0123456789ABCDEF", "x"};
    enum { N = AUDIT_SEGMENT_RECORDS };
    struct audit_entry *entries;
    struct audit_segment_link link = {.number = 0};
    struct audit_keys keys = load_keys(KEY);
    struct audit_segment segment;
    struct audit_segment_text values;
    struct str texts[2];

    audit_reset_arena();
    entries = arena_zalloc(arena, N * sizeof(*entries));
    for (size_t i = 0; i < N; i++) {
        entries[i] = make_entry(arena_printf(arena, "%zu-%zu", 1000 + 3 * i, i % 7).p, "root");
        entries[i].v[AUDIT_SUBJECT] = str_of(subjects[i % 5]);
        entries[i].v[AUDIT_ACTION] = arena_printf(arena, "%zu", i % 200);
        entries[i].v[AUDIT_COUNT] = arena_printf(arena, "%zu", 1 + i % 3);
        entries[i].v[AUDIT_CORRELATION] = STR("request");
        entries[i].last_ms = i % 2 ? (int64_t)(5000 - i) : 0;
    }
    CU_ASSERT_TRUE_FATAL(audit_segment_order(arena, &link, entries, N));
    CU_ASSERT_TRUE_FATAL(
        audit_segment_pack(arena, &keys.v[0], 0xfe, &link, entries, N, &segment, &link));
    CU_ASSERT_TRUE_FATAL(audit_segment_unpack(arena, &segment, &values));
    CU_ASSERT_EQUAL(values.n, N);
    for (size_t i = 0; i < N; i++) {
        struct str request = i % 2 ? STR("") : STR("request");

        CU_ASSERT_TRUE(str_equal(values.entries[i].id, entries[i].id));
        CU_ASSERT_TRUE(str_equal(values.entries[i].v[AUDIT_CORRELATION], request));
        CU_ASSERT_EQUAL(values.entries[i].last_ms, entries[i].last_ms);
        for (size_t k = 0; k < AUDIT_FIELDS; k++)
            CU_ASSERT_TRUE(str_equal(values.entries[i].v[k], entries[i].v[k]));
    }
    texts[0] = audit_segment_print(arena, &values);
    CU_ASSERT_TRUE_FATAL(audit_segment_parse_text(arena, texts[0], &values));
    texts[1] = audit_segment_print(arena, &values);
    CU_ASSERT_TRUE(str_equal(texts[0], texts[1]));
    CU_ASSERT_FALSE(audit_segment_parse_text(arena, STR("fe\n1\n\n\n0123\n1\n1\n"), &values));
    audit_keys_release(&keys);
}

/* Each shorter text, and each other byte, is either refused or another segment. */
static void damaged_bytes_of_a_segment_are_no_overrun(void)
{
    struct audit_segment_text values = {.n = PACKED, .link.last_id = "1014-4"};
    struct segment_chain c;
    struct str bytes;

    make_segments(&c);
    CU_ASSERT_TRUE_FATAL(
        decompress(arena, DICTIONARY_AUDIT, c.segments[1].packed, 1 << 20, &bytes));
    CU_ASSERT_TRUE(audit_segment_decode(arena, bytes, &values));
    for (size_t n = 0; n < bytes.n; n++)
        CU_ASSERT_FALSE(audit_segment_decode(arena, (struct str){bytes.p, n}, &values));
    for (size_t i = 0; i < bytes.n; i++) {
        char *other = arena_alloc(arena, bytes.n);

        CU_ASSERT_PTR_NOT_NULL_FATAL(other);
        memcpy(other, bytes.p, bytes.n);
        other[i] = (char)0xff;
        (void)audit_segment_decode(arena, (struct str){other, bytes.n}, &values);
    }
    audit_keys_release(&c.keys);
}

static void segments_form_a_chain(void)
{
    struct audit_check check;
    struct audit_segment other;
    struct segment_chain c;

    make_segments(&c);
    CU_ASSERT_EQUAL(verify_segments(&c, &check), AUDIT_INTACT);
    CU_ASSERT_EQUAL(check.records, SEGMENTS * PACKED);
    CU_ASSERT_TRUE(audit_check_head(&check, SEGMENTS, str_of(c.link.head)));
    CU_ASSERT_FALSE(audit_check_head(&check, SEGMENTS + 1, str_of(c.link.head)));
    other = c.segments[1];
    c.segments[1] = c.segments[2];
    CU_ASSERT_EQUAL(verify_segments(&c, &check), AUDIT_SEAL_REMOVED);
    c.segments[1] = other;
    c.segments[1].head = c.segments[0].head;
    CU_ASSERT_EQUAL(verify_segments(&c, &check), AUDIT_SEAL_CHANGED);
    c.segments[1] = other;
    c.segments[1].id = STR("9-9");
    CU_ASSERT_EQUAL(verify_segments(&c, &check), AUDIT_SEAL_CHANGED);
    audit_keys_release(&c.keys);
}

static void ids_rise_in_a_segment_and_after_the_one_before(void)
{
    struct audit_entry entries[] = {make_entry("7-1", "a"), make_entry("5-0", "b"),
                                    make_entry("7-1", "c"), make_entry("9-0", "d")};
    static const char *const ids[] = {"6-5", "7-1", "7-2", "9-0"};
    struct audit_segment_link link = {.number = 1, .last_id = "6-4"};

    audit_reset_arena();
    CU_ASSERT_TRUE(audit_segment_order(arena, &link, entries, 4));
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_TRUE(str_equal(entries[i].id, str_of(ids[i])));
    CU_ASSERT_TRUE(str_equal(entries[0].v[AUDIT_ACTOR], STR("b")));
}

static void what_is_no_segment_is_refused(void)
{
    static const char *const texts[] = {"", "x", "2b\n1\n\n\nk\n1\n1\n"};
    struct audit_segment segment = {.id = STR("1-0"), .valid = true, .count = 1, .total = 1};
    struct audit_segment_text text;

    audit_reset_arena();
    segment.head = STR("0123456789abcdef");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        segment.packed = str_of(texts[i]); /* not compressed */
        CU_ASSERT_FALSE(audit_segment_unpack(arena, &segment, &text));
        segment.packed = compress(arena, DICTIONARY_AUDIT, str_of(texts[i]));
        CU_ASSERT_FALSE(audit_segment_unpack(arena, &segment, &text));
    }
}

static void only_an_access_that_was_counted_makes_a_record(void)
{
    struct audit_counted_read read = {.valid = true, .id = STR("1-0"), .subject = STR("p")};
    struct audit_entry entry;

    audit_reset_arena();
    read.record.actor = AUDIT_ACTOR_SELF;
    CU_ASSERT_FALSE(audit_entry_of_count(arena, &read, &entry));
    read.record.count = 2;
    CU_ASSERT_TRUE(audit_entry_of_count(arena, &read, &entry));
    CU_ASSERT_TRUE(str_equal(entry.v[AUDIT_ACTOR], STR("student:p")));
    CU_ASSERT_TRUE(str_equal(entry.v[AUDIT_COUNT], STR("2")));
    read.valid = false;
    CU_ASSERT_FALSE(audit_entry_of_count(arena, &read, &entry));
}

/* ---- the buffer of events ---- */

static void equal_events_are_counted_and_others_appended(void)
{
    static const char route[] = "mastery-query", other[] = "mastery-history";
    struct principal root = {.role = ROLE_NONE}, teacher = {.role = ROLE_NONE};
    struct audit_event event = {.principal = &root,
                                .mode = AUDIT_AGGREGATED,
                                .success = true,
                                .status = 200,
                                .action = "read",
                                .resource_type = "mastery",
                                .route = route,
                                .resource_name = STR(""),
                                .student = STR("s1"),
                                .subjects = STR(""),
                                .correlation_id = STR("first"),
                                .now_ms = 1000};
    struct audit_buffer buffer;

    principal_set(&root, ROLE_ADMIN, STR("root"));
    principal_set(&teacher, ROLE_TEACHER, STR("root"));
    CU_ASSERT_TRUE_FATAL(audit_buffer_init(&buffer));
    (void)audit_buffer_add(&buffer, &event);
    event.correlation_id = STR("second");
    (void)audit_buffer_add(&buffer, &event);
    CU_ASSERT_EQUAL(buffer.n, 1);
    CU_ASSERT_EQUAL(buffer.v[0].count, 2);
    CU_ASSERT_EQUAL(buffer.v[0].correlation_n, 5);

    event.student = STR("s2");
    (void)audit_buffer_add(&buffer, &event);
    event.route = other;
    (void)audit_buffer_add(&buffer, &event);
    event.principal = &teacher;
    (void)audit_buffer_add(&buffer, &event);
    event.status = 404;
    (void)audit_buffer_add(&buffer, &event);
    event.now_ms = 61000;
    (void)audit_buffer_add(&buffer, &event);
    CU_ASSERT_EQUAL(buffer.n, 6);

    event.mode = AUDIT_IMMEDIATE; /* appended each time */
    (void)audit_buffer_add(&buffer, &event);
    (void)audit_buffer_add(&buffer, &event);
    CU_ASSERT_EQUAL(buffer.n, 8);

    audit_buffer_clear(&buffer);
    event.mode = AUDIT_AGGREGATED;
    (void)audit_buffer_add(&buffer, &event);
    CU_ASSERT_EQUAL(buffer.n, 1);
    CU_ASSERT_EQUAL(buffer.v[0].count, 1);
    audit_buffer_release(&buffer);
}

static void a_full_buffer_still_counts_equal_events(void)
{
    struct principal root = {.role = ROLE_NONE};
    struct audit_event event = {.principal = &root, .mode = AUDIT_AGGREGATED, .route = "r"};
    char student[ID_MAX];
    struct audit_buffer buffer;

    principal_set(&root, ROLE_ADMIN, STR("root"));
    CU_ASSERT_TRUE_FATAL(audit_buffer_init(&buffer));
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < AUDIT_BUFFER_MAX; i++) {
            (void)snprintf(student, sizeof(student), "s%d", i);
            event.student = str_of(student);
            (void)audit_buffer_add(&buffer, &event);
        }
    }
    CU_ASSERT_EQUAL(buffer.n, AUDIT_BUFFER_MAX);
    CU_ASSERT_EQUAL(buffer.v[AUDIT_BUFFER_MAX - 1].count, 2);
    audit_buffer_release(&buffer);
}

static void a_full_buffer_refuses_other_events(void)
{
    struct principal root = {.role = ROLE_NONE};
    struct audit_event event = {.principal = &root, .mode = AUDIT_IMMEDIATE, .route = "r"};
    struct audit_buffer buffer;

    principal_set(&root, ROLE_ADMIN, STR("root"));
    CU_ASSERT_TRUE_FATAL(audit_buffer_init(&buffer));
    for (int i = 0; i < AUDIT_BUFFER_MAX; i++)
        CU_ASSERT_TRUE(audit_buffer_add(&buffer, &event));
    CU_ASSERT_FALSE(audit_buffer_add(&buffer, &event));
    event.mode = AUDIT_AGGREGATED;
    CU_ASSERT_FALSE(audit_buffer_add(&buffer, &event));
    CU_ASSERT_EQUAL(buffer.n, AUDIT_BUFFER_MAX);
    audit_buffer_release(&buffer);
}

/* ---- cursors ---- */

static void a_cursor_parses_as_it_was_printed(void)
{
    static const char *const bad[] = {"",
                                      "1",
                                      "1-2",
                                      "1-2-",
                                      "1-2-2",
                                      "1-2-2b3",
                                      "-1-2-2b",
                                      "1-x-2b",
                                      "01-2-2b",
                                      "1-2-2B",
                                      "99999999999999999999-0-00"};
    struct audit_cursor cursor;
    char text[AUDIT_CURSOR_SIZE];

    CU_ASSERT_TRUE(audit_cursor_parse(STR("1768471200000-3-2b"), &cursor));
    CU_ASSERT_STRING_EQUAL(cursor.id, "1768471200000-3");
    CU_ASSERT_EQUAL(cursor.shard, 0x2b);
    audit_cursor_print(&cursor, text);
    CU_ASSERT_STRING_EQUAL(text, "1768471200000-3-2b");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_FALSE(audit_cursor_parse(str_of(bad[i]), &cursor));
}

static int close_audit(void)
{
    arena_free(arena);
    arena = NULL;
    return 0;
}

void audit_tests(void)
{
    CU_pSuite suite = CU_add_suite("audit", NULL, close_audit);

    CU_ADD_TEST(suite, keys_are_lines_of_32_bytes_or_more);
    CU_ADD_TEST(suite, a_key_is_found_by_its_id);
    CU_ADD_TEST(suite, a_mac_is_what_openssl_says);
    CU_ADD_TEST(suite, an_unchanged_chain_is_intact);
    CU_ADD_TEST(suite, each_value_of_a_record_is_under_the_seal);
    CU_ADD_TEST(suite, values_do_not_run_into_each_other);
    CU_ADD_TEST(suite, each_value_of_a_seal_is_under_its_head);
    CU_ADD_TEST(suite, moved_records_and_seals_are_found);
    CU_ADD_TEST(suite, a_removed_end_is_found);
    CU_ADD_TEST(suite, only_old_records_may_be_missing_at_the_start);
    CU_ADD_TEST(suite, a_seal_of_another_shard_is_refused);
    CU_ADD_TEST(suite, a_segment_is_read_as_it_was_packed);
    CU_ADD_TEST(suite, a_segment_keeps_all_values);
    CU_ADD_TEST(suite, damaged_bytes_of_a_segment_are_no_overrun);
    CU_ADD_TEST(suite, segments_form_a_chain);
    CU_ADD_TEST(suite, ids_rise_in_a_segment_and_after_the_one_before);
    CU_ADD_TEST(suite, what_is_no_segment_is_refused);
    CU_ADD_TEST(suite, only_an_access_that_was_counted_makes_a_record);
    CU_ADD_TEST(suite, equal_events_are_counted_and_others_appended);
    CU_ADD_TEST(suite, a_full_buffer_still_counts_equal_events);
    CU_ADD_TEST(suite, a_full_buffer_refuses_other_events);
    CU_ADD_TEST(suite, a_cursor_parses_as_it_was_printed);
}
