/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The catalogue of recommendations: a good file, and one fault after the other in it. */
#include "app/service/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "app/base/buf.h"

void catalogue_tests(void);

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* clang-format off */
static const char good[] =
    "{\"version\": 3,\n"
    " \"reasons\": {\"starter\": \"Begin.\", \"unknown\": \"No {area}.\",\n"
    "  \"gap\": \"{area} {score} < {threshold}\", \"new\": \"}\"},\n"
    " \"items\": [\n"
    "  {\"id\": \"a\", \"component\": \"quiz\", \"action\": \"review\", \"difficulty\": \"easy\", \"minutes\": 10,\n"
    "   \"description\": \"Do a.\", \"resources\": [\"One\", \"Two\"], \"prerequisites\": []},\n"
    "  {\"id\": \"b\", \"component\": \"quiz\", \"action\": \"review\", \"difficulty\": \"hard\", \"minutes\": 20,\n"
    "   \"description\": \"Do b.\", \"resources\": [], \"prerequisites\": [\"a\"]}],\n"
    " \"starters\": [\n"
    "  {\"id\": \"s\", \"component\": \"completion\", \"action\": \"learn_new\", \"difficulty\": \"easy\", \"minutes\": 5,\n"
    "   \"description\": \"Do s.\", \"resources\": [], \"prerequisites\": []}]}\n";
/* clang-format on */

static struct arena *arena;

static void new_arena(void)
{
    arena_free(arena);
    arena = arena_new(4096, 8 << 20);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
}

/* The good text with its first occurrence of `from` replaced. */
static struct str changed_file(const char *from, const char *to)
{
    const char *at = strstr(good, from);

    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    return arena_printf(arena, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static void a_good_file_is_loaded(void)
{
    char error[CATALOGUE_ERROR_SIZE] = "";

    new_arena();
    const struct catalogue *c = catalogue_parse(str_of(good), arena, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_STRING_EQUAL(error, "");
    CU_ASSERT_EQUAL(c->version, 3);
    CU_ASSERT_EQUAL_FATAL(c->item_count, 2);
    CU_ASSERT_EQUAL_FATAL(c->starter_count, 1);
    CU_ASSERT(str_equal(c->items[0].id, STR("a")));
    CU_ASSERT_EQUAL(c->items[0].component, QUIZ);
    CU_ASSERT_EQUAL(c->items[0].action, ACT_REVIEW);
    CU_ASSERT_EQUAL(c->items[1].difficulty, HARD);
    CU_ASSERT_EQUAL(c->items[1].minutes, 20);
    CU_ASSERT(str_equal(c->items[1].description, STR("Do b.")));
    CU_ASSERT_EQUAL_FATAL(c->items[0].resources.n, 2);
    CU_ASSERT(str_equal(c->items[0].resources.v[1], STR("Two")));
    CU_ASSERT_EQUAL_FATAL(c->items[1].prerequisite_count, 1);
    CU_ASSERT_EQUAL(c->items[1].prerequisites[0], 0);
    CU_ASSERT(str_equal(c->starters[0].id, STR("s")));
    CU_ASSERT(str_equal(c->reasons[REASON_UNKNOWN], STR("No {area}.")));
    CU_ASSERT(str_equal(c->reasons[REASON_NEW], STR("}")));
}

static void items_and_starters_are_found_by_id(void)
{
    char error[CATALOGUE_ERROR_SIZE] = "";

    new_arena();
    const struct catalogue *c = catalogue_parse(str_of(good), arena, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_PTR_EQUAL(catalogue_find(c, STR("b")), &c->items[1]);
    CU_ASSERT_PTR_EQUAL(catalogue_find(c, STR("s")), &c->starters[0]);
    CU_ASSERT_PTR_NULL(catalogue_find(c, STR("c")));
    CU_ASSERT_PTR_NULL(catalogue_find(c, STR("")));
}

/* clang-format off */
#define TOPICS(json) "{\"version\"", "{\"prerequisites\": " json ", \"version\""

static const struct {
    const char *from, *to, *error;
} faults[] = {
    {"\"version\": 3,", "", "version is required"},
    {"\"version\": 3,", "\"version\": 0,", "version must be a whole number between 1 and 1000000"},
    {"{\"version\"", "{\"version\" 3", "line 1 is not valid JSON (byte 11 of the file)"},
    {"\"id\": \"b\"", "\"id\": \"b\",,", "line 7 is not valid JSON"},
    {"\"id\": \"b\"", "\"id\": \"a\"", "items[1].id is already the id of an earlier entry"},
    {"\"id\": \"b\"", "\"id\": \"b b\"", "items[1].id "},
    {"\"id\": \"s\"", "\"id\": \"a\"", "starters[0].id is already the id of an item"},
    {"\"quiz\"", "\"quizz\"", "items[0].component must be one of completion, quiz, quality, consistency"},
    {"\"review\"", "\"revue\"", "items[0].action must be one of practice, review, refactor, schedule, learn_new, assess"},
    {"\"hard\"", "\"harder\"", "items[1].difficulty must be one of easy, medium, hard, expert"},
    {"\"minutes\": 10", "\"minutes\": 0", "items[0].minutes must be a whole number between 1 and 600"},
    {"\"minutes\": 10", "\"minutes\": 601", "items[0].minutes must be a whole number between 1 and 600"},
    {"\"minutes\": 10", "\"minutes\": \"10\"", "items[0].minutes must be"},
    {"\"Do a.\"", "\"\"", "items[0].description must be"},
    {"\"Do a.\"", "5", "items[0].description must be"},
    {"[\"One\", \"Two\"]", "\"One\"", "items[0].resources must be a list of texts"},
    {"[\"One\", \"Two\"]", "[\"One\", 2]", "items[0].resources[1] must be a text"},
    {"[\"One\", \"Two\"]", "null", "items[0].resources must not be null"},
    {"[\"a\"]", "[\"z\"]", "items[1].prerequisites[0] must be the id of an earlier item"},
    {"[\"a\"]", "[\"b\"]", "items[1].prerequisites[0] must be the id of an earlier item"},
    {"[\"a\"]", "[\"a\", \"a\"]", "items[1].prerequisites[1] must not be in the list twice"},
    {"\"easy\"", "\"expert\"", "items[1] must come before the harder ones of its component and action"},
    {"\"prerequisites\": []}]}", "\"prerequisites\": [\"a\"]}]}", "starters[0].prerequisites[0] must be the id of an earlier item"},
    {"\"starters\": [", "\"others\": [", "starters is required"},
    {"\"No {area}.\"", "\"No {name}.\"", "reasons.unknown has a { that does not begin {area}, {score} or {threshold}"},
    {"\"No {area}.\"", "\"No {area\"", "reasons.unknown has a {"},
    {"\"No {area}.\"", "\"No {\"", "reasons.unknown has a {"},
    {"\"No {area}.\"", "\"{{area}\"", "reasons.unknown has a {"},
    {"\"gap\": ", "\"gab\": ", "reasons.gap is required"},
    {TOPICS("null"), "prerequisites must not be null"},
    {TOPICS("[]"), "prerequisites must be an object"},
    {TOPICS("{\"a b\": []}"), "prerequisites.a b is not the id of a topic"},
    {TOPICS("{\"x\": \"y\"}"), "prerequisites.x must be a list of at most 20 topics"},
    {TOPICS("{\"x\": [\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\",\"l\",\"m\",\"n\","
            "\"o\",\"p\",\"q\",\"r\",\"s\",\"t\",\"u\"]}"), "prerequisites.x must be a list of at most 20 topics"},
    {TOPICS("{\"x\": [\"y\", 5]}"), "prerequisites.x[1] must be the id of a topic"},
    {TOPICS("{\"x\": [\"y\", \"\"]}"), "prerequisites.x[1] must be the id of a topic"},
    {TOPICS("{\"x\": [\"y\", \"y\"]}"), "prerequisites.x[1] must not be in the list twice"},
    {TOPICS("{\"x\": [\"x\"]}"), "prerequisites has a cycle: x needs x"},
    {TOPICS("{\"w\": [\"x\"], \"x\": [\"v\", \"y\"], \"y\": [\"z\"], \"z\": [\"x\"]}"),
     "prerequisites has a cycle: x needs y needs z needs x"},
};
/* clang-format on */

static void errors_name_the_place_of_the_fault(void)
{
    for (size_t i = 0; i < COUNT(faults); i++) {
        char error[CATALOGUE_ERROR_SIZE] = "";

        new_arena();
        const struct catalogue *c =
            catalogue_parse(changed_file(faults[i].from, faults[i].to), arena, error);
        CU_ASSERT_PTR_NULL(c);
        if (c || strncmp(error, faults[i].error, strlen(faults[i].error)) != 0) {
            fprintf(stderr, "%s: %s\n", faults[i].to, error);
            CU_FAIL("another error was expected");
        }
    }
}

static void prerequisites_of_topics_are_sorted(void)
{
    char error[CATALOGUE_ERROR_SIZE] = "";
    struct str text;

    new_arena();
    text = changed_file(TOPICS("{\"x\": [\"y\", \"z\"], \"y\": [\"z\"]}"));
    const struct catalogue *c = catalogue_parse(text, arena, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL_FATAL(c->topics.n, 3);
    CU_ASSERT(str_equal(c->topics.nodes[0].id, STR("z")));
    CU_ASSERT(str_equal(c->topics.nodes[1].id, STR("y")));
    CU_ASSERT(str_equal(c->topics.nodes[2].id, STR("x")));
    CU_ASSERT_EQUAL(c->topics.nodes[2].need_count, 2);
}

static void prerequisites_have_256_topics_at_most(void)
{
    char error[CATALOGUE_ERROR_SIZE] = "";

    for (int n = 256; n <= 257; n++) {
        struct buf json;

        new_arena();
        buf_init(&json, arena);
        for (int i = 0; i < n; i++)
            buf_printf(&json, "%s\"t%d\": []", i ? ", " : "", i);
        buf_char(&json, '\0');
        struct str text = changed_file(
            "{\"version\"", arena_printf(arena, "{\"prerequisites\": {%s}, \"version\"", json.p).p);
        CU_ASSERT_EQUAL(catalogue_parse(text, arena, error) != NULL, n == 256);
    }
    CU_ASSERT_STRING_EQUAL(error, "prerequisites has more than 256 topics");
}

static void texts_that_are_no_document_are_refused(void)
{
    static const char *const texts[] = {"", "null", "[]", "5", "{}", "\xff", "{\"items\": []}"};

    for (size_t i = 0; i < COUNT(texts); i++) {
        char error[CATALOGUE_ERROR_SIZE] = "";

        new_arena();
        CU_ASSERT_PTR_NULL(catalogue_parse(str_of(texts[i]), arena, error));
        CU_ASSERT(strlen(error) > 0);
    }
}

static struct str many_items(int n)
{
    struct buf out;

    buf_init(&out, arena);
    for (int i = 0; i < n; i++)
        buf_printf(&out,
                   "{\"id\": \"i%d\", \"component\": \"quiz\", \"action\": \"review\", "
                   "\"difficulty\": \"easy\", \"minutes\": 1, \"description\": \"x\", "
                   "\"resources\": [], \"prerequisites\": []},",
                   i);
    CU_ASSERT_FALSE_FATAL(out.failed);
    return changed_file("\"items\": [\n",
                        arena_printf(arena, "\"items\": [%.*s", (int)out.n, out.p).p);
}

static void a_catalogue_has_256_items_at_most(void)
{
    char error[CATALOGUE_ERROR_SIZE] = "";

    new_arena();
    CU_ASSERT_PTR_NOT_NULL(catalogue_parse(many_items(CATALOGUE_MAX - 2), arena, error));
    new_arena();
    CU_ASSERT_PTR_NULL(catalogue_parse(many_items(CATALOGUE_MAX - 1), arena, error));
    CU_ASSERT_STRING_EQUAL(error, "items must be a list of between 1 and 256 objects");
}

static void without_memory_loading_fails_with_a_message(void)
{
    struct arena *small;
    bool loaded = false;

    for (size_t cap = 0; !loaded && cap < 200000; cap += 64) {
        char error[CATALOGUE_ERROR_SIZE] = "";

        small = arena_new(1, cap);
        CU_ASSERT_PTR_NOT_NULL_FATAL(small);
        loaded = catalogue_parse(str_of(good), small, error) != NULL;
        CU_ASSERT(loaded == (strlen(error) == 0));
        arena_free(small);
    }
    CU_ASSERT(loaded);
}

/* ---- files ---- */

static void write_file(char path[], const char *text, size_t n)
{
    int fd = mkstemp(path);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, text, n), (ssize_t)n);
    (void)close(fd);
}

static void a_file_is_read(void)
{
    char path[] = "/tmp/catalogueXXXXXX", error[CATALOGUE_ERROR_SIZE] = "";

    new_arena();
    write_file(path, good, sizeof(good) - 1);
    CU_ASSERT_PTR_NOT_NULL(catalogue_load(path, arena, error));
    (void)unlink(path);
}

static void errors_of_a_file_begin_with_its_path(void)
{
    char path[] = "/tmp/catalogueXXXXXX", error[CATALOGUE_ERROR_SIZE] = "", expected[100];

    new_arena();
    write_file(path, "{}", 2);
    CU_ASSERT_PTR_NULL(catalogue_load(path, arena, error));
    (void)snprintf(expected, sizeof(expected), "%s: version is required", path);
    CU_ASSERT_STRING_EQUAL(error, expected);
    (void)unlink(path);
    CU_ASSERT_PTR_NULL(catalogue_load("/nonexistent/file", arena, error));
    CU_ASSERT_STRING_EQUAL(error, "/nonexistent/file: No such file or directory");
    CU_ASSERT_PTR_NULL(catalogue_load("/tmp", arena, error));
    CU_ASSERT_STRING_EQUAL(error, "/tmp: Is a directory");
}

static void a_file_of_over_1_mib_is_refused(void)
{
    static char large[CATALOGUE_FILE_MAX + 1];
    char path[] = "/tmp/catalogueXXXXXX", error[CATALOGUE_ERROR_SIZE] = "";

    new_arena();
    memset(large, ' ', sizeof(large));
    write_file(path, large, sizeof(large));
    CU_ASSERT_PTR_NULL(catalogue_load(path, arena, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, ": is larger than 1 MiB"));
    (void)unlink(path);
    arena_free(arena);
    arena = NULL;
}

void catalogue_tests(void)
{
    CU_pSuite suite = CU_add_suite("catalogue", NULL, NULL);

#define TEST(function) CU_add_test(suite, #function, function)
    TEST(a_good_file_is_loaded);
    TEST(items_and_starters_are_found_by_id);
    TEST(errors_name_the_place_of_the_fault);
    TEST(prerequisites_of_topics_are_sorted);
    TEST(prerequisites_have_256_topics_at_most);
    TEST(texts_that_are_no_document_are_refused);
    TEST(a_catalogue_has_256_items_at_most);
    TEST(without_memory_loading_fails_with_a_message);
    TEST(a_file_is_read);
    TEST(errors_of_a_file_begin_with_its_path);
    TEST(a_file_of_over_1_mib_is_refused);
#undef TEST
}
