/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <CUnit/CUnit.h>

#include "app/base/buf.h"
#include "app/base/ids.h"
#include "app/http/json.h"
#include "app/http/validate.h"

void validate_tests(void);

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct parts {
    double quiz, quality;
    bool quality_given;
};

struct item {
    struct str student;
    struct parts components;
};

struct input {
    struct str id, text, note;
    int word;
    bool flag;
    int64_t whole, free_whole;
    double share, any, positive;
    int32_t day;
    int64_t time;
    struct str_list ids;
    uint32_t words;
    struct parts components;
    struct rule_objects requests;
    struct json_object *raw;
    bool whole_given, flag_given, id_given;
};

static const char *const levels[] = {"low", "normal", "high", NULL};

/* clang-format off */
#define INTO(member) .offset = offsetof(struct input, member)
static const struct rule parts_rules[] = {
    {.name = "quiz", .type = RULE_NUMBER, .max = 1, .required = true, .offset = offsetof(struct parts, quiz)},
    {.name = "quality", .type = RULE_NUMBER, .max = 1, .default_value = 0.5, .offset = offsetof(struct parts, quality),
     .present = offsetof(struct parts, quality_given)},
    {0},
};
static const struct rule item_rules[] = {
    {.name = "student_id", .type = RULE_ID, .required = true, .offset = offsetof(struct item, student)},
    {.name = "components", .type = RULE_OBJECT, .fields = parts_rules, .required = true, .offset = offsetof(struct item, components)},
    {0},
};
static const struct rule rules[] = {
    {.name = "id", .type = RULE_ID, INTO(id), .present = offsetof(struct input, id_given)},
    {.name = "text", .type = RULE_TEXT, .min = 2, .max = 5, INTO(text)},
    {.name = "note", .type = RULE_TEXT, .nullable = true, INTO(note)},
    {.name = "word", .type = RULE_ENUM, .choices = levels, .default_value = 1, INTO(word)},
    {.name = "flag", .type = RULE_BOOL, .default_value = 1, INTO(flag), .present = offsetof(struct input, flag_given)},
    {.name = "whole", .type = RULE_INT, .min = 1, .max = 90, .default_value = 7, .nullable = true, INTO(whole),
     .present = offsetof(struct input, whole_given)},
    {.name = "free_whole", .type = RULE_INT, INTO(free_whole)},
    {.name = "share", .type = RULE_NUMBER, .max = 1, .default_value = 0.25, INTO(share)},
    {.name = "any", .type = RULE_NUMBER, INTO(any)},
    {.name = "positive", .type = RULE_NUMBER, .max = (double)INFINITY, INTO(positive)},
    {.name = "day", .type = RULE_DAY, INTO(day)},
    {.name = "time", .type = RULE_TIME, INTO(time)},
    {.name = "ids", .type = RULE_IDS, .min = 1, .max = 100, INTO(ids)},
    {.name = "words", .type = RULE_ENUM_SET, .choices = levels, INTO(words)},
    {.name = "components", .type = RULE_OBJECT, .fields = parts_rules, INTO(components)},
    {.name = "requests", .type = RULE_OBJECTS, .fields = item_rules, .item_size = sizeof(struct item),
     .min = 1, .max = 3, INTO(requests)},
    {.name = "raw", .type = RULE_JSON, INTO(raw)},
    {0},
};
static const struct rule strict_rules[] = {
    {.name = "id", .type = RULE_ID, .required = true, INTO(id)},
    {.name = "share", .type = RULE_NUMBER, .max = 1, .required = true, .nullable = true, INTO(share)},
    {0},
};
static const struct rule address_rules[] = {
    {.name = "student_id", .type = RULE_ID, .source = IN_PATH, .required = true, INTO(id)},
    {.name = "days", .type = RULE_INT, .source = IN_QUERY, .min = 1, .max = 90, .default_value = 7, INTO(whole),
     .present = offsetof(struct input, whole_given)},
    {.name = "dry_run", .type = RULE_BOOL, .source = IN_QUERY, INTO(flag)},
    {.name = "level", .type = RULE_ENUM, .source = IN_QUERY, .choices = levels, INTO(word)},
    {.name = "share", .type = RULE_NUMBER, .source = IN_QUERY, INTO(share)},
    {.name = "note", .type = RULE_TEXT, .source = IN_QUERY, .max = 10, INTO(note)},
    {.name = "from", .type = RULE_DAY, .source = IN_QUERY, INTO(day)},
    {0},
};
static const struct rule either_rules[] = {
    {.name = "level", .type = RULE_ENUM, .source = IN_QUERY, .choices = levels, INTO(word)},
    {.name = "level", .type = RULE_ENUM, .choices = levels, INTO(word)},
    {0},
};
/* clang-format on */

struct fixture {
    struct arena *arena;
    struct problem problem;
    struct input input;
    bool valid;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){.arena = arena_new(4096, 1 << 20)};
}

static void end(struct fixture *f)
{
    arena_free(f->arena);
}

/* body NULL: none. */
static void lay(struct fixture *f, const struct rule *with, const char *path_id, const char *query,
                const char *body)
{
    struct path_values path = {.v = {{STR("student_id"), str_of(path_id)}}, .n = path_id ? 1 : 0};
    struct json_object *object = NULL;
    begin(f);
    if (body)
        object = json_parse(str_of(body), f->arena, &f->problem);
    CU_ASSERT_EQUAL_FATAL(f->problem.code, PROBLEM_NONE);
    f->valid = validate_input(with, &path, str_of(query), object, f->arena, &f->input, &f->problem);
    CU_ASSERT_EQUAL(f->valid, f->problem.code == PROBLEM_NONE);
}

/* All errors, "field: message" joined by "; ". */
static void check_errors(const struct fixture *f, const char *what, const char *expected)
{
    struct buf text;
    buf_init(&text, f->arena);
    for (const struct field_error *e = f->problem.fields; e; e = e->next)
        buf_printf(&text, "%s%.*s: %.*s", text.n > 0 ? "; " : "", STR_ARG(e->field),
                   STR_ARG(e->message));
    if (str_equal(buf_view(&text), str_of(expected)))
        return;
    (void)fprintf(stderr, "\n%s\n  gives %.*s", what, STR_ARG(buf_view(&text)));
    CU_FAIL("errors");
}

static void a_full_body_fills_the_struct(void)
{
    struct fixture f;
    lay(&f, rules, NULL, "",
        "{\"id\":\"alice\",\"text\":\"h\u00e9l\\nl\",\"note\":\"n\",\"word\":\"high\",\"flag\":"
        "false,"
        "\"whole\":30,\"free_whole\":-9007199254740991,\"share\":0.83,\"any\":-1e300,\"positive\":"
        "0,"
        "\"day\":\"2026-01-31\",\"time\":\"1970-01-01T00:00:01.5Z\",\"ids\":[\"a\",\"b\"],"
        "\"words\":[\"low\",\"high\",\"low\"],\"components\":{\"quiz\":1,\"quality\":0},"
        "\"requests\":[{\"student_id\":\"c\",\"components\":{\"quiz\":0.1}},"
        "{\"student_id\":\"d\",\"components\":{\"quiz\":0.2,\"quality\":0.3}}],"
        "\"raw\":[1],\"unknown\":{\"id\":1}}");
    check_errors(&f, "full body", "");
    const struct input *in = &f.input;
    CU_ASSERT_TRUE(str_equal(in->id, STR("alice")) && in->id_given);
    CU_ASSERT_TRUE(str_equal(in->text, STR("h\u00e9l\nl")));
    CU_ASSERT_EQUAL(in->word, 2);
    CU_ASSERT_TRUE(!in->flag && in->flag_given && in->whole_given);
    CU_ASSERT_TRUE(in->whole == 30 && in->free_whole == -INT64_C(9007199254740991));
    CU_ASSERT_TRUE(in->share == 0.83 && in->any == -1e300 && in->positive == 0);
    CU_ASSERT_TRUE(in->day == 20484 && in->time == 1500);
    CU_ASSERT_TRUE(in->ids.n == 2 && str_equal(in->ids.v[1], STR("b")));
    CU_ASSERT_EQUAL(in->words, 5);
    CU_ASSERT_TRUE(in->components.quiz == 1 && in->components.quality == 0);
    CU_ASSERT_EQUAL_FATAL(in->requests.n, 2);
    const struct item *items = in->requests.v;
    CU_ASSERT_TRUE(str_equal(items[0].student, STR("c")) && items[0].components.quality == 0.5);
    CU_ASSERT_FALSE(items[0].components.quality_given);
    CU_ASSERT_TRUE(items[1].components.quality == 0.3 && items[1].components.quality_given);
    CU_ASSERT_PTR_NOT_NULL_FATAL(in->raw);
    CU_ASSERT_TRUE(json_object_is_type(in->raw, json_type_array));
    end(&f);
}

static void absent_fields_have_their_presets(void)
{
    static const char *const bodies[] = {"{}", "{\"note\":null,\"whole\":null}", "null", NULL};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct fixture f;
        lay(&f, rules, NULL, "", bodies[i]);
        CU_ASSERT_TRUE(f.valid);
        CU_ASSERT_TRUE(f.input.word == 1 && f.input.flag && f.input.whole == 7);
        CU_ASSERT_TRUE(f.input.share == 0.25 && f.input.components.quality == 0.5);
        CU_ASSERT_FALSE(f.input.whole_given || f.input.flag_given || f.input.id_given);
        CU_ASSERT_TRUE(f.input.note.n == 0 && f.input.raw == NULL && f.input.ids.n == 0);
        end(&f);
    }
}

struct row {
    const char *body;
    const char *errors;
};

#define A64         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_ERROR    "must be " ID_FORM
#define WHOLE_ERROR "must be a whole number between 1 and 90"
#define TEXT_ERROR  "must be a text of between 2 and 5 characters"
#define DAY_ERROR   "must be a date such as 2026-01-31"
#define TIME_ERROR  "must be a time such as 2026-01-31T23:59:59.123Z"

static void check_rows(const struct rule *with, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fixture f;
        lay(&f, with, NULL, "", rows[i].body);
        check_errors(&f, rows[i].body ? rows[i].body : "no body", rows[i].errors);
        end(&f);
    }
}

static void each_type_refuses_what_it_is_not(void)
{
    /* clang-format off */
    static const struct row rows[] = {
        {"{\"id\":1}", "id: " ID_ERROR},
        {"{\"id\":null}", "id: " ID_ERROR},
        {"{\"id\":\"\"}", "id: " ID_ERROR},
        {"{\"id\":\"a b\"}", "id: " ID_ERROR},
        {"{\"id\":\"a/../b\"}", "id: " ID_ERROR},
        {"{\"id\":\"" A64 A64 "\"}", ""},
        {"{\"id\":\"" A64 A64 "a\"}", "id: " ID_ERROR},
        {"{\"text\":true}", "text: " TEXT_ERROR},
        {"{\"note\":5}", "note: must be a text"},
        {"{\"word\":\"Low\"}", "word: must be one of low, normal, high"},
        {"{\"word\":0}", "word: must be one of low, normal, high"},
        {"{\"word\":\"\"}", "word: must be one of low, normal, high"},
        {"{\"flag\":1}", "flag: must be true or false"},
        {"{\"flag\":\"true\"}", "flag: must be true or false"},
        {"{\"flag\":null}", "flag: must be true or false"},
        {"{\"share\":\"0.5\"}", "share: must be a number between 0 and 1"},
        {"{\"share\":true}", "share: must be a number between 0 and 1"},
        {"{\"any\":[]}", "any: must be a number"},
        {"{\"day\":\"2026-02-29\"}", "day: " DAY_ERROR},
        {"{\"day\":20260101}", "day: " DAY_ERROR},
        {"{\"time\":\"yesterday\"}", "time: " TIME_ERROR},
        {"{\"time\":1}", "time: " TIME_ERROR},
        {"{\"ids\":\"a\"}", "ids: must be a list of between 1 and 100 ids"},
        {"{\"ids\":{}}", "ids: must be a list of between 1 and 100 ids"},
        {"{\"words\":\"low\"}", "words: must be a list"},
        {"{\"components\":[]}", "components: must be an object"},
        {"{\"components\":null}", "components: must be an object"},
        {"{\"requests\":{}}", "requests: must be a list of between 1 and 3 objects"},
        {"{\"raw\":null}", "raw: must not be null"},
    };
    /* clang-format on */
    check_rows(rules, rows, COUNT(rows));
}

static void numbers_are_judged_at_their_limits(void)
{
    /* clang-format off */
    static const struct row rows[] = {
        {"{\"whole\":1}", ""}, {"{\"whole\":90}", ""}, {"{\"whole\":3.0}", ""}, {"{\"whole\":1e1}", ""},
        {"{\"whole\":0}", "whole: " WHOLE_ERROR}, {"{\"whole\":91}", "whole: " WHOLE_ERROR},
        {"{\"whole\":1.5}", "whole: " WHOLE_ERROR}, {"{\"whole\":-1}", "whole: " WHOLE_ERROR},
        {"{\"whole\":90.00000000000001}", "whole: " WHOLE_ERROR},
        {"{\"whole\":18446744073709551617}", "whole: " WHOLE_ERROR},
        {"{\"free_whole\":1e3}", ""}, {"{\"free_whole\":-0}", ""},
        {"{\"free_whole\":9007199254740991}", ""},
        {"{\"free_whole\":9007199254740992}", "free_whole: must be a whole number"},
        {"{\"free_whole\":9223372036854775808}", "free_whole: must be a whole number"},
        {"{\"free_whole\":-99999999999999999999}", "free_whole: must be a whole number"},
        {"{\"free_whole\":1e300}", "free_whole: must be a whole number"},
        {"{\"share\":0}", ""}, {"{\"share\":1}", ""}, {"{\"share\":-0.0}", ""}, {"{\"share\":1e-400}", ""},
        {"{\"share\":1.0000000000000002}", "share: must be a number between 0 and 1"},
        {"{\"share\":-1e-300}", "share: must be a number between 0 and 1"},
        {"{\"any\":9223372036854775808}", ""},
        {"{\"any\":1e23}", ""},
        {"{\"any\":100000000000000000000000}", ""},
        {"{\"any\":-100000000000000000000000}", ""},
        {"{\"positive\":1e308}", ""},
        {"{\"positive\":-1}", "positive: must be a number of at least 0"},
    };
    /* clang-format on */
    check_rows(rules, rows, COUNT(rows));
}

static void texts_are_counted_in_code_points_and_have_no_markup(void)
{
    /* clang-format off */
    static const struct row rows[] = {
        {"{\"text\":\"ab\"}", ""},
        {"{\"text\":\"a\"}", "text: " TEXT_ERROR},
        {"{\"text\":\"\"}", "text: " TEXT_ERROR},
        {"{\"text\":\"abcde\"}", ""},
        {"{\"text\":\"abcdef\"}", "text: " TEXT_ERROR},
        {"{\"text\":\"\u00e9\u20ac\U0001f600\u00e9\u00e9\"}", ""},
        {"{\"text\":\"\u00e9\u20ac\U0001f600\u00e9\u00e9\u00e9\"}", "text: " TEXT_ERROR},
        {"{\"note\":\"a\\n\\tb \u00a0\"}", ""},
        {"{\"note\":\"a\\r\\nb\"}", ""},
        {"{\"note\":\"\\u0001\\u001b\\u007f\\u0085\"}", ""},
        {"{\"note\":\"</SCRIPT\"}", "note: must not contain markup"},
        {"{\"note\":\"</scrip\"}", ""},
        {"{\"note\":\"<\"}", ""},
        {"{\"note\":\"</\"}", ""},
        {"{\"note\":\"<script\"}", "note: must not contain markup"},
        {"{\"note\":\"x <ScRiPt>alert(1)</sCrIpT>\"}", "note: must not contain markup"},
        {"{\"note\":\"\\u003cscript src=\"}", "note: must not contain markup"},
        {"{\"note\":\"a < script\"}", ""},
        {"{\"note\":\"<scrip\"}", ""},
        {"{\"note\":\"<b>1 < 2 & 3</b>\"}", ""},
    };
    /* clang-format on */
    check_rows(rules, rows, COUNT(rows));
}

static void lists_name_each_wrong_element(void)
{
    /* clang-format off */
    static const struct row rows[] = {
        {"{\"ids\":[]}", "ids: must be a list of between 1 and 100 ids"},
        {"{\"ids\":[\"a\",\"b\",7,\"c d\",null]}", "ids[2]: " ID_ERROR "; ids[3]: " ID_ERROR "; ids[4]: " ID_ERROR},
        {"{\"ids\":[\"a\",\"b\",\"a\",\"a\"]}", "ids[2]: must not be in the list twice; ids[3]: must not be in the list twice"},
        {"{\"ids\":[\"a\",\"A\"]}", ""},
        {"{\"words\":[]}", ""},
        {"{\"words\":[\"low\",\"lower\"]}", "words[1]: must be one of low, normal, high"},
        {"{\"requests\":[{\"student_id\":\"a\",\"components\":{\"quiz\":1}},5,{\"components\":{\"quality\":2}}]}",
         "requests[1]: must be an object; requests[2].student_id: is required; "
         "requests[2].components.quiz: is required; requests[2].components.quality: must be a number between 0 and 1"},
        {"{\"requests\":[{},{},{},{}]}", "requests: must be a list of between 1 and 3 objects"},
        {"{\"components\":{\"quiz\":\"x\"}}", "components.quiz: must be a number between 0 and 1"},
    };
    /* clang-format on */
    check_rows(rules, rows, COUNT(rows));
}

static void required_fields_are_asked_for(void)
{
    /* clang-format off */
    static const struct row rows[] = {
        {"{}", "id: is required; share: is required"},
        {NULL, "id: is required; share: is required"},
        {"null", "id: is required; share: is required"},
        {"{\"id\":\"a\",\"share\":null}", "share: is required"},
        {"{\"id\":null,\"share\":1}", "id: " ID_ERROR},
        {"[]", "body: must be an object"},
        {"\"x\"", "body: must be an object"},
        {"5", "body: must be an object"},
    };
    /* clang-format on */
    check_rows(strict_rules, rows, COUNT(rows));
}

static void all_errors_of_a_body_are_told_at_once(void)
{
    static const struct row row = {
        "{\"id\":\"\",\"whole\":0,\"word\":\"x\",\"ids\":[\"?\"],\"components\":{}}",
        "id: " ID_ERROR "; word: must be one of low, normal, high; whole: " WHOLE_ERROR
        "; ids[0]: " ID_ERROR "; components.quiz: is required"};
    check_rows(rules, &row, 1);
}

/* {"ids":["i0",…,"iN-1",last]} */
static void duplicates_are_found_in_lists_of_any_length(void)
{
    static const size_t sizes[] = {1, 15, 16, 17, 99};
    for (size_t s = 0; s < COUNT(sizes); s++) {
        char body[2048], expected[64];
        size_t n = (size_t)snprintf(body, sizeof body, "{\"ids\":[");
        for (size_t i = 0; i < sizes[s]; i++)
            n += (size_t)snprintf(body + n, sizeof body - n, "\"i%zu\",", i);
        (void)snprintf(body + n, sizeof body - n, "\"i0\"]}");
        (void)snprintf(expected, sizeof expected, "ids[%zu]: must not be in the list twice",
                       sizes[s]);
        check_rows(rules, &(struct row){body, expected}, 1);
        body[n + 2] = 'x';
        check_rows(rules, &(struct row){body, ""}, 1);
    }
}

static void the_address_is_judged_by_the_same_rules(void)
{
    /* clang-format off */
    static const struct {
        const char *id, *query, *errors;
    } rows[] = {
        {"alice", "", ""},
        {"alice", "days=30&dry_run=true&level=high&share=0.5&note=a+b&from=2026-01-31", ""},
        {"alice", "days=3.0", "days: " WHOLE_ERROR},
        {"alice", "days=1e1", "days: " WHOLE_ERROR},
        {"alice", "days=0", "days: " WHOLE_ERROR},
        {"alice", "days=91", "days: " WHOLE_ERROR},
        {"alice", "days=", "days: " WHOLE_ERROR},
        {"alice", "days", "days: " WHOLE_ERROR},
        {"alice", "days=+7", "days: " WHOLE_ERROR},
        {"alice", "days=07", "days: " WHOLE_ERROR},
        {"alice", "days=9223372036854775808", "days: " WHOLE_ERROR},
        {"alice", "days=NaN", "days: " WHOLE_ERROR},
        {"alice", "days=7&days=7", "days: must not be given twice"},
        {"alice", "days=7&d%61ys=8", "days: must not be given twice"},
        {"alice", "&&days=7&&", ""},
        {"alice", "unknown=1&unknown=2", ""},
        {"alice", "share=1e999", "share: must be a number"},
        {"alice", "dry_run=yes", "dry_run: must be true or false"},
        {"alice", "level=medium", "level: must be one of low, normal, high"},
        {"alice", "from=2026-13-01", "from: " DAY_ERROR},
        {"alice", "note=%zz", "note: is not properly percent-encoded"},
        {"alice", "note=%4", "note: is not properly percent-encoded"},
        {"alice", "note=%", "note: is not properly percent-encoded"},
        {"alice", "note=%00", "note: is not properly percent-encoded"},
        {"alice", "note=%ff", "note: is not properly percent-encoded"},
        {"alice", "note=%C3%A9", ""},
        {"alice", "note=%3CSCRIPT", "note: must not contain markup"},
        {"alice", "note=a%0D%0Ab", ""},
        {"alice", "other=%zz", "query: is not properly percent-encoded"},
        {"alice", "%zz=1&days=0", "query: is not properly percent-encoded; days: " WHOLE_ERROR},
        {".b", "", "student_id: " ID_ERROR},
        {"a%20b", "days=0", "student_id: " ID_ERROR "; days: " WHOLE_ERROR},
        {NULL, "", "student_id: is required"},
    };
    /* clang-format on */
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fixture f;
        lay(&f, address_rules, rows[i].id, rows[i].query, NULL);
        check_errors(&f, rows[i].query, rows[i].errors);
        end(&f);
    }
}

static void the_query_is_decoded(void)
{
    struct fixture f;
    lay(&f, address_rules, "alice", "note=a+b%2Bc%3d%26&days=30&level=%6cow&dry_run=false", NULL);
    CU_ASSERT_TRUE(f.valid && str_equal(f.input.id, STR("alice")));
    CU_ASSERT_TRUE(str_equal(f.input.note, STR("a b+c=&")));
    CU_ASSERT_TRUE(f.input.whole == 30 && f.input.whole_given && f.input.word == 0);
    end(&f);
    lay(&f, address_rules, "alice", "note=a=b", NULL);
    CU_ASSERT_TRUE(f.valid && str_equal(f.input.note, STR("a=b")));
    CU_ASSERT_TRUE(f.input.whole == 7 && !f.input.whole_given);
    end(&f);
}

static void a_field_may_come_by_the_query_or_the_body(void)
{
    struct fixture f;
    lay(&f, either_rules, NULL, "level=high", NULL);
    CU_ASSERT_TRUE(f.valid && f.input.word == 2);
    end(&f);
    lay(&f, either_rules, NULL, "", "{\"level\":\"normal\"}");
    CU_ASSERT_TRUE(f.valid && f.input.word == 1);
    end(&f);
}

static void an_inner_object_has_its_prefix(void)
{
    static const struct {
        const char *json, *prefix, *errors;
    } rows[] = {
        {"{\"quiz\":1}", "data", ""},
        {"{\"quiz\":2}", "data", "data.quiz: must be a number between 0 and 1"},
        {"{}", "payload.components", "payload.components.quiz: is required"},
        {"{}", "", "quiz: is required"},
        {"[]", "data", "data: must be an object"},
        {"null", "data", "data: must be an object"},
        {"null", "", "body: must be an object"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fixture f;
        struct parts parts = {0};
        begin(&f);
        struct json_object *object = json_parse(str_of(rows[i].json), f.arena, &f.problem);
        bool valid = validate_object(parts_rules, object, str_of(rows[i].prefix), f.arena, &parts,
                                     &f.problem);
        CU_ASSERT_EQUAL(valid, rows[i].errors[0] == '\0');
        check_errors(&f, rows[i].json, rows[i].errors);
        end(&f);
    }
}

static void a_route_without_rules_takes_anything(void)
{
    struct fixture f;
    lay(&f, NULL, "alice", "days=%zz", "[]");
    CU_ASSERT_TRUE(f.valid);
    end(&f);
    lay(&f, address_rules, "alice", "", "[]");
    CU_ASSERT_TRUE(f.valid);
    end(&f);
}

/* With any amount of memory the result is an error (400 or 500), never an incomplete input. */
static void short_memory_never_makes_a_body_valid(void)
{
    static const char body[] =
        "{\"ids\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\","
        "\"k\",\"l\",\"m\",\"n\",\"o\",\"p\",\"q\",\"q\"]}";
    struct arena *arena = arena_new(4096, 1 << 20);
    struct problem none = {0};
    struct json_object *object = json_parse(STR(body), arena, &none);
    for (size_t cap = 16; cap < 4096; cap += 16) {
        struct arena *tight = arena_new(16, cap);
        struct problem p = {0};
        struct input input = {0};
        CU_ASSERT_FALSE(validate_input(rules, NULL, STR(""), object, tight, &input, &p));
        CU_ASSERT_TRUE(p.code == PROBLEM_INTERNAL_ERROR || p.code == PROBLEM_VALIDATION_ERROR);
        arena_free(tight);
    }
    arena_free(arena);
}

void validate_tests(void)
{
    CU_pSuite suite = CU_add_suite("validate", NULL, NULL);
    CU_ADD_TEST(suite, a_full_body_fills_the_struct);
    CU_ADD_TEST(suite, absent_fields_have_their_presets);
    CU_ADD_TEST(suite, each_type_refuses_what_it_is_not);
    CU_ADD_TEST(suite, numbers_are_judged_at_their_limits);
    CU_ADD_TEST(suite, texts_are_counted_in_code_points_and_have_no_markup);
    CU_ADD_TEST(suite, lists_name_each_wrong_element);
    CU_ADD_TEST(suite, required_fields_are_asked_for);
    CU_ADD_TEST(suite, all_errors_of_a_body_are_told_at_once);
    CU_ADD_TEST(suite, duplicates_are_found_in_lists_of_any_length);
    CU_ADD_TEST(suite, the_address_is_judged_by_the_same_rules);
    CU_ADD_TEST(suite, the_query_is_decoded);
    CU_ADD_TEST(suite, a_field_may_come_by_the_query_or_the_body);
    CU_ADD_TEST(suite, an_inner_object_has_its_prefix);
    CU_ADD_TEST(suite, a_route_without_rules_takes_anything);
    CU_ADD_TEST(suite, short_memory_never_makes_a_body_valid);
}
