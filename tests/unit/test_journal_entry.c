/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The effects of journal entries: audit records, entries of the event log, published events. */
#include <CUnit/CUnit.h>
#include <json-c/json.h>
#include <stdio.h>

#include "app/service/journal_entry.h"
#include "app/store/event_pack.h"
#include "app/store/schema.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TRACEPARENT  "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define EVENT                                                                                      \
    "{\"event_id\":\"evt-00001\",\"event_type\":\"quiz.completed\",\"data\":{\"score\":0.80}}"
#define HEAD(kind, level, before)                                                                  \
    "{\"kind\":\"" kind "\",\"student_id\":\"s1\",\"actor\":\"a\",\"at\":1700000000123,"           \
    "\"mastery_score\":0.7500000001,\"level\":\"" level "\",\"level_before\":" before              \
    ",\"revision\":7,\"correlation_id\":\"c\""
#define ENTRY(kind, level, before, more) HEAD(kind, level, before) more "}"
#define CONSENT(more)                                                                              \
    "{\"kind\":\"consent\",\"student_id\":\"s1\",\"actor\":\"s1\",\"at\":1700000000123" more "}"

static struct arena *arena;

static bool get_effects(const char *text, bool publish, struct journal_effects *ret,
                        const char **ret_reason)
{
    struct journal_source source = {
        .shard = 0x3f, .id = STR("1700000000200-4"), .text = str_of(text), .publish = publish};

    if (arena)
        arena_reset(arena);
    else
        arena = arena_new(4096, 1 << 20);
    return journal_entry_effects(&source, arena, ret, ret_reason);
}

static struct json_object *parse_text(struct str text)
{
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *json = json_tokener_parse_ex(tokener, text.p, (int)text.n);

    json_tokener_free(tokener);
    return json;
}

static void assert_member(struct json_object *json, const char *name, const char *expected)
{
    struct json_object *found = NULL;

    CU_ASSERT_TRUE_FATAL(json_object_object_get_ex(json, name, &found));
    CU_ASSERT_STRING_EQUAL(json_object_to_json_string_ext(found, JSON_C_TO_STRING_NOSLASHESCAPE),
                           expected);
}

static void each_kind_has_the_effects_of_its_row(void)
{
    static const struct {
        const char *text;
        size_t messages;
        bool logged;
    } rows[] = {
        {ENTRY("calculated", "proficient", "\"proficient\"", ""), 1, false},
        {ENTRY("calculated", "proficient", "\"developing\"", ""), 2, false},
        {ENTRY("calculated", "proficient", "null", ""), 2, false},
        {ENTRY("recomputed", "proficient", "\"proficient\"", ""), 1, false},
        {ENTRY("event", "proficient", "\"proficient\"", ",\"event\":" EVENT), 1, true},
        {ENTRY("event", "novice", "\"master\"", ",\"event\":" EVENT), 2, true},
        {ENTRY("event", "novice", "\"novice\"", ""), 1, false},
        {CONSENT(",\"consent_type\":\"analytics\",\"granted\":false"), 0, false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct journal_effects effects;
        const char *reason;

        CU_ASSERT_TRUE_FATAL(get_effects(rows[i].text, true, &effects, &reason));
        CU_ASSERT_EQUAL(effects.message_count, rows[i].messages);
        CU_ASSERT_EQUAL(effects.student_event.n > 0, rows[i].logged);
        CU_ASSERT_TRUE(str_equal(effects.student, STR("s1")));
        CU_ASSERT_TRUE(str_equal(effects.id, STR("1700000000200-4")));
        CU_ASSERT_TRUE_FATAL(get_effects(rows[i].text, false, &effects, &reason));
        CU_ASSERT_EQUAL(effects.message_count, 0);
        CU_ASSERT_EQUAL(effects.student_event.n > 0, rows[i].logged);
    }
}

static void score_is_published_as_a_cloudevent(void)
{
    struct journal_effects effects;
    const char *reason;
    struct json_object *event, *data = NULL;

    CU_ASSERT_TRUE_FATAL(get_effects(ENTRY("event", "proficient", "\"developing\"",
                                           ",\"traceparent\":\"" TRACEPARENT "\",\"event\":" EVENT),
                                     true, &effects, &reason));
    CU_ASSERT_TRUE(str_equal(effects.messages[0].traceparent, STR(TRACEPARENT)));
    event = parse_text(effects.messages[0].event);
    CU_ASSERT_PTR_NOT_NULL_FATAL(event);
    assert_member(event, "specversion", "\"1.0\"");
    assert_member(event, "id", "\"3f-1700000000200-4-updated\"");
    assert_member(event, "source", "\"/mastery-engine\"");
    assert_member(event, "type", "\"mastery.updated\"");
    assert_member(event, "subject", "\"s1\"");
    assert_member(event, "time", "\"2023-11-14T22:13:20.123Z\"");
    assert_member(event, "datacontenttype", "\"application/json\"");
    assert_member(event, "partitionkey", "\"s1\"");
    assert_member(event, "traceparent", "\"" TRACEPARENT "\"");
    CU_ASSERT_TRUE_FATAL(json_object_object_get_ex(event, "data", &data));
    assert_member(data, "student_id", "\"s1\"");
    assert_member(data, "mastery_score", "0.7500000001");
    assert_member(data, "level", "\"proficient\"");
    assert_member(data, "previous_level", "\"developing\"");
    assert_member(data, "revision", "7");
    assert_member(data, "at", "\"2023-11-14T22:13:20.123Z\"");
    assert_member(data, "event_id", "\"evt-00001\"");
    (void)json_object_put(event);
    event = parse_text(effects.messages[1].event);
    CU_ASSERT_PTR_NOT_NULL_FATAL(event);
    assert_member(event, "id", "\"3f-1700000000200-4-level\"");
    assert_member(event, "type", "\"mastery.level_changed\"");
    (void)json_object_put(event);
}

/* An entry that is processed again after a crash must give the same event, byte for byte. */
static void the_same_entry_makes_the_same_events(void)
{
    static const char text[] = ENTRY("calculated", "proficient", "null", "");
    struct journal_effects effects;
    const char *reason;
    char first[1024];

    CU_ASSERT_TRUE_FATAL(get_effects(text, true, &effects, &reason));
    (void)snprintf(first, sizeof(first), "%.*s", STR_ARG(effects.messages[1].event));
    CU_ASSERT_TRUE_FATAL(get_effects(text, true, &effects, &reason));
    CU_ASSERT_TRUE(str_equal(str_of(first), effects.messages[1].event));
}

static void event_is_stored_as_it_was_sent(void)
{
    static const int64_t numbers[] = {SCHEMA_OLD_FORMS, SCHEMA_MIXED, SCHEMA_PACKED};
    struct journal_effects effects;
    const char *reason;
    struct json_object *event;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        schema_learn(numbers[i]);
        CU_ASSERT_TRUE_FATAL(get_effects(ENTRY("event", "novice", "null", ",\"event\":" EVENT),
                                         false, &effects, &reason));
        if (schema_writes_packed()) {
            CU_ASSERT_EQUAL(effects.student_event.p[0], 1);
            CU_ASSERT_TRUE_FATAL(event_unpack(arena, effects.student, effects.student_event,
                                              &effects.student_event));
        }
        event = parse_text(effects.student_event);
        CU_ASSERT_PTR_NOT_NULL_FATAL(event);
        assert_member(event, "data", "{\"score\":0.80}");
        (void)json_object_put(event);
    }
}

static void other_texts_are_refused_with_a_reason(void)
{
    static const struct {
        const char *text, *reason;
    } rows[] = {
        {"", "not JSON"},
        {"{", "not JSON"},
        {"[]", "not an entry"},
        {"{}", "not an entry"},
        {ENTRY("calculated", "", "null", ""), "not an entry"},
        {CONSENT(""), "not an entry"},
        {ENTRY("erased", "novice", "null", ""), "of an unknown kind"},
        {ENTRY("", "novice", "null", ""), "of an unknown kind"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct journal_effects effects;
        const char *reason = "";

        CU_ASSERT_FALSE_FATAL(get_effects(rows[i].text, true, &effects, &reason));
        CU_ASSERT_STRING_EQUAL(reason, rows[i].reason);
    }
    arena_free(arena);
    arena = NULL;
}

void journal_entry_tests(void);
void journal_entry_tests(void)
{
    CU_pSuite suite = CU_add_suite("journal_entry", NULL, NULL);

    CU_ADD_TEST(suite, each_kind_has_the_effects_of_its_row);
    CU_ADD_TEST(suite, score_is_published_as_a_cloudevent);
    CU_ADD_TEST(suite, the_same_entry_makes_the_same_events);
    CU_ADD_TEST(suite, event_is_stored_as_it_was_sent);
    CU_ADD_TEST(suite, other_texts_are_refused_with_a_reason);
}
