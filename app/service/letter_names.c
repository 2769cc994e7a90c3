/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds the ids in the payload of a dead letter. Every text that could be an id counts, in any
 * member: so an erasure also finds a letter that names the student in a member that no rule knows.
 * A text that is itself JSON, or base64 of JSON (data_base64 of a CloudEvent, a raw payload of
 * Dapr), is searched as well. */
#include "app/service/letter_names.h"

#include "app/base/base64.h"
#include "app/base/ids.h"
#include "app/http/json.h"
#include "app/http/json_value.h"

/* most levels of JSON that are searched: the payload, JSON that is a text in it, and so on */
enum { NESTED_TEXTS_MAX = 3 };
enum { ESCAPED_ID_MAX = 6 * 128 }; /* bytes of the longest id, each character as \uXXXX */

/* State of the search for names (texts that may be ids) in the payload of one dead letter. */
struct search {
    struct letter_names *found;
    struct arena *arena;
    /* number of levels of JSON that are being searched, one inside the other, because a text in
     * JSON may be JSON itself; the payload is the first level */
    int nested;
};

/* Returns whether the value of a member with this name is the id of a student. */
static bool names_is_student_member(struct str member)
{
    static const char *const members[] = {"student_id", "student_ids", "subject", "user_id"};

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (str_equal(member, str_of(members[i])))
            return true;
    }
    return false;
}

/* Returns whether one of the n texts in `v` is equal to `name`. */
static bool names_has(const struct str *v, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++) {
        if (str_equal(v[i], name))
            return true;
    }
    return false;
}

/* Adds a text to the names if it may be an id, and also to the students if is_student. `known` (all
 * ids of the payload have been found) becomes false when there are too many of either. */
static void names_add(struct search *search, struct str name, bool is_student)
{
    struct letter_names *found = search->found;

    if (!id_valid(name))
        return;
    if (!names_has(found->names.v, found->names.n, name)) {
        if (found->names.n == LETTER_NAMES_MAX) {
            found->known = false;
            return;
        }
        found->names.v[found->names.n++] = name;
    }
    if (!is_student || names_has(found->students, found->student_count, name))
        return;
    if (found->student_count == LETTER_STUDENTS_MAX)
        found->known = false;
    else
        found->students[found->student_count++] = name;
}

/* Returns the digits of a number that was sent as a student's id. json_parse has appended e0 to
 * integers beyond 64 bits, which is removed here. */
static struct str names_of_number(const struct search *search, struct json_object *number)
{
    struct str text = arena_copy(search->arena, str_of(json_object_to_json_string(number)));

    if (text.n > 2 && memcmp(text.p + text.n - 2, "e0", 2) == 0)
        text.n -= 2;
    return text;
}

static void names_search_text(struct search *search, struct str text, bool must_be_json);

/* Adds a text as a name, and the names in the text if it is JSON or base64 of JSON. A valid id of a
 * student is not searched, because it may look like base64 of JSON. */
static void names_add_value(struct search *search, struct str text, bool is_student)
{
    names_add(search, text, is_student);
    if (!is_student || !id_valid(text))
        names_search_text(search, text, /* must_be_json */ false);
}

/* Searches the value of a member and, by recursion, what is in it; elements of an array count as
 * values of the array's member. The recursion is limited, because json_parse refuses JSON that is
 * nested more than 32 levels deep. */
static void names_search(struct search *search, struct str member, struct json_object *value)
{
    bool is_student = names_is_student_member(member);

    switch (json_object_get_type(value)) {
    case json_type_string: names_add_value(search, json_value_text(value), is_student); break;
    case json_type_array:
        for (size_t i = 0; i < json_object_array_length(value); i++)
            names_search(search, member, json_object_array_get_idx(value, i));
        break;
    case json_type_object:
        for (struct json_object_iterator at = json_object_iter_begin(value),
                                         end = json_object_iter_end(value);
             !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
            names_search(search, str_of(json_object_iter_peek_name(&at)),
                         json_object_iter_peek_value(&at));
        break;
    case json_type_int:
    case json_type_double:
        if (is_student)
            names_add(search, names_of_number(search, value), /* is_student */ true);
        break;
    case json_type_null:
    case json_type_boolean: break;
    }
}

/* Returns whether the first byte of the text is one of the set. (strchr would also find the byte
 * 0.)
 */
static bool names_begins_with(struct str text, struct str set)
{
    return text.n > 0 && memchr(set.p, text.p[0], set.n);
}

/* Searches a text that is JSON, or base64 of JSON, judged by its first character; other texts are
 * skipped unless must_be_json. When the text looks like JSON but cannot be parsed, or JSON is
 * nested too deep in texts, it may contain any id: `known` becomes false. */
static void names_search_text(struct search *search, struct str text, bool must_be_json)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct json_object *json;
    struct str decoded = {0};

    if (!must_be_json && (text.n < 2 || !names_begins_with(text, STR("{[\"")))) {
        if (text.n >= 8)
            decoded = base64_decode(text, search->arena);
        if (decoded.n < 2 || !names_begins_with(decoded, STR("{[\"")))
            return;
        text = decoded;
    }
    json = search->nested < NESTED_TEXTS_MAX ? json_parse(text, search->arena, &p) : NULL;
    if (!json) {
        search->found->known = false;
        return;
    }
    if (must_be_json)
        search->found->is_json = true;
    search->nested++;
    names_search(search, STR(""), json);
    search->nested--;
}

/* ---- payloads too long to be parsed ---- */

/* Returns the text that follows the quote at position `from`. *ret_end: position of its closing
 * quote, or the payload's length when there is none. */
static struct str names_cut_text(struct str payload, size_t from, size_t *ret_end)
{
    size_t end = from + 1;

    while (end < payload.n && payload.p[end] != '"')
        end += payload.p[end] == '\\' ? 2 : 1;
    *ret_end = end < payload.n ? end : payload.n;
    return (struct str){payload.p + from + 1, *ret_end - from - 1};
}

/* Adds a text from a payload that is not parsed. A text with escapes is not decoded here: when it
 * is short enough for an id, or may be JSON, it may contain any id, so `known` (all ids of the
 * payload have been found) becomes false. A longer text is no id even when decoded. */
static void names_add_unparsed(struct search *search, struct str member, struct str text)
{
    bool is_escaped = memchr(text.p, '\\', text.n);
    bool is_nested = names_begins_with(text, STR("{[\\"));

    if (is_escaped && (text.n <= ESCAPED_ID_MAX || is_nested)) {
        search->found->known = false;
        return;
    }
    names_add_value(search, text, names_is_student_member(member));
}

/* Returns the first position, from `from` on, of a character that is not in the set. */
static size_t names_skip(struct str payload, size_t from, struct str set)
{
    while (from < payload.n && memchr(set.p, payload.p[from], set.n))
        from++;
    return from;
}

/* Searches the first DEAD_LETTER_BYTES_MAX bytes of a payload that is too long to be parsed. A text
 * before a colon is the name of a member, and every other text is a value of the latest member.
 * `known` becomes false if a member that names a student has a value other than a text, such as a
 * number. */
static void names_search_head(struct search *search, struct str payload)
{
    static const struct str space = STR_INIT(" \t\r\n"), before_value = STR_INIT(" \t\r\n[");
    struct str member = STR("");

    for (size_t i = 0, end; i < DEAD_LETTER_BYTES_MAX && i < payload.n; i++) {
        struct str text;
        size_t next;

        if (payload.p[i] != '"')
            continue;
        text = names_cut_text(payload, i, &end);
        next = names_skip(payload, end + 1, space);
        i = next - 1; /* the loop continues at `next` */
        if (next >= payload.n || payload.p[next] != ':') {
            names_add_unparsed(search, member, text);
            continue;
        }
        member = text;
        next = names_skip(payload, next + 1, before_value);
        i = next - 1;
        if (names_is_student_member(member) && next < payload.n && payload.p[next] != '"')
            search->found->known = false;
    }
}

/* Searches the payload for names. Of a payload that is too long to be parsed, only the head is
 * searched. */
void letter_names_find(struct letter_names *ret, struct str payload, struct str student,
                       struct arena *arena)
{
    struct search search = {ret, arena, 0};

    *ret = (struct letter_names){.known = true};
    ret->names.v = arena_array(arena, LETTER_NAMES_MAX, sizeof(*ret->names.v));
    if (!ret->names.v) {
        ret->known = false;
        return;
    }
    names_add(&search, student, /* is_student */ true);
    if (payload.n <= LETTER_PARSED_MAX)
        names_search_text(&search, payload, /* must_be_json */ true);
    else
        names_search_head(&search, payload);
    ret->known = ret->known && ret->student_count > 0;
}

/* Stores the payload in the dead letter if it is `known` (names a student, and all its ids were
 * found) or, with always_keep, if it is JSON; otherwise stores only its size. An erasure finds the
 * dead letter by its names (ids). */
void letter_set_payload(struct dead_letter_new *letter, struct str payload,
                        const struct letter_names *names, bool always_keep)
{
    bool keep = names->known || (always_keep && names->is_json);

    letter->payload = keep ? payload : STR("");
    letter->bytes_not_kept = keep ? 0 : payload.n;
    letter->names = names->known ? names->names : (struct str_list){0};
}

/* The payload is searched again, because the index has all ids in it, but not which of them are
 * students'. */
bool letter_is_about(struct str payload, struct str student, struct arena *arena)
{
    struct letter_names names = {.known = false};

    letter_names_find(&names, payload, /* student */ STR(""), arena);
    return names_has(names.students, names.student_count, student);
}

/* Returns whether the text has the id anywhere, but not as part of a longer word: "ann" is in
 * "mailto:ann@example.org", but not in "anna". In a text that cannot be parsed, a dot or a colon
 * next to an id may be punctuation or part of a longer id; both count as found, because finding too
 * much is better. */
static bool text_has_id(struct str text, struct str id)
{
    const char *end = text.p + text.n, *p = text.p;

    while (p && (p = memmem(p, (size_t)(end - p), id.p, id.n))) {
        bool begins = p == text.p || !id_is_word_char(p[-1]);

        if (begins && (p + id.n == end || !id_is_word_char(p[id.n])))
            return true;
        p++;
    }
    return false;
}

bool letter_mentions(struct str payload, struct str student, struct arena *arena)
{
    struct letter_names names = {.known = false};

    letter_names_find(&names, payload, /* student */ STR(""), arena);
    return names_has(names.names.v, names.names.n, student) ||
           (!names.known && text_has_id(payload, student));
}
