/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes key names. Those of students are built by copying bytes, because a request needs several
 * and printf takes ten times as long; all others are built by printf. An id contains no brace,
 * space or slash. In other keys an id is between braces. In those of students it ends at a colon:
 * there each colon of the id itself is written as a slash, so that the events of "a" and the
 * profile of "a:events" have different keys. {ss} is the hash tag with the two hexadecimal digits
 * of a shard. */
#include "app/store/keys.h"

#include <stdio.h>

#include <assert.h>
#include <string.h>

#include "app/base/clock.h"
#include "app/base/digest.h"
#include "app/base/ids.h"

/* Keys without parameters, and the pattern of students' keys for SCAN. A hash tag such as {batch}
 * puts several keys into one slot of a Redis Cluster. */
const struct str key_audit_heads = STR_INIT("audit:heads");
const struct str key_cohorts = STR_INIT("cohorts");
const struct str key_pattern_students = STR_INIT("{??}:student:*");
const struct str key_queues[] = {STR_INIT("queue:{batch}:high"), STR_INIT("queue:{batch}:normal"),
                                 STR_INIT("queue:{batch}:low")};
const struct str key_queue_later = STR_INIT("queue:{batch}:later");
const struct str key_batches = STR_INIT("batches");
const struct str key_replicated = STR_INIT("replicated");
const struct str key_calibration = STR_INIT("calibration");
const struct str key_schema = STR_INIT("schema");
const struct str key_workers = STR_INIT("workers");
const struct str key_aof_rewrite = STR_INIT("erasures:rewrite");
const struct str key_erasure_epoch = STR_INIT("erasures:epoch");
const struct str key_erasures = STR_INIT("erasures");
const struct str key_unfinished = STR_INIT("unfinished");
const struct str key_dead_letters = STR_INIT("queue:{dead}");
const struct str key_dead_letter_texts = STR_INIT("queue:{dead}:letters");
const struct str key_dead_letter_index = STR_INIT("queue:{dead}:index");

/* All kinds of records of a student, indexed by enum student_key. The reason why a kind is not
 * exported is for readers of the table alone. */
const struct student_kind student_kinds[STUDENT_KEY_COUNT] = {
#define AS(member)  member
#define NOT(reason) NULL
#define STUDENT_KEY(id, name, suffix, family, type, exported, erase, retention, days)              \
    [STUDENT_KEY_##id] = {name, suffix, family, type, exported, erase, retention, days},
#define SHARED_KEY(...)
#define OTHER_KEY(...)
#include "app/store/keys.def"
#undef NOT
#undef AS
};

/* Returns the first byte of the SHA-256 of the id, so that students are spread evenly over the
 * shards even if their ids are consecutive numbers. A request makes several keys of one student one
 * after the other, so the latest id is remembered. */
unsigned key_shard(struct str student)
{
    static _Thread_local struct {
        char id[ID_MAX];
        size_t n; /* 0: none yet */
        unsigned shard;
    } latest;
    unsigned char sha[DIGEST_SIZE];

    if (student.n > 0 && student.n == latest.n && memcmp(student.p, latest.id, latest.n) == 0)
        return latest.shard;
    digest_sha256(student, sha);
    if (student.n <= sizeof(latest.id)) {
        latest.n = student.n;
        memcpy(latest.id, student.p, student.n);
        latest.shard = sha[0];
    }
    return sha[0];
}

static const char key_hex_digits[] = "0123456789abcdef";

static struct digest_key hash_key;
static bool hash_key_is_set; /* false: no key name with a keyed hash can be made yet */

/* Derives the secret of the keyed hash from `key`. The log hashes ids with the same `key` directly,
 * and a hash in the log must not be equal to one in a key name. */
void keys_set_hash_key(struct str key)
{
    unsigned char derived[DIGEST_SIZE];

    digest_hmac(key, STR("mastery-engine key names"), derived);
    digest_key_init(&hash_key, (struct str){(const char *)derived, sizeof(derived)});
    explicit_bzero(derived, sizeof(derived));
    hash_key_is_set = true;
}

/* Copies the id to `to`, with each character `replaced` changed to `replacement`. Returns the
 * position after the copy. */
static char *key_put_id(char *to, struct str id, char replaced, char replacement)
{
    char *end = mempcpy(to, id.p, id.n);

    while ((to = memchr(to, replaced, (size_t)(end - to))))
        *to++ = replacement;
    return end;
}

/* Builds the key {ss}:student:ID (ss: the shard in hex), followed by the suffix of the kind of
 * record. A kind of the family KEY_HASHED has the first half of the keyed hash of the id, in hex,
 * in place of ID. */
static struct str key_build(struct arena *arena, unsigned shard, struct str student,
                            const struct student_kind *kind)
{
    static const struct str middle = STR_INIT("}:student:");
    unsigned char hash[DIGEST_SIZE];
    char hash_text[DIGEST_HEX_SIZE], *key, *p;
    size_t suffix_n = strlen(kind->suffix), key_n;

    if (kind->family == KEY_HASHED) {
        assert(hash_key_is_set);
        digest_keyed(&hash_key, student, hash);
        hex_print(hash, DIGEST_SIZE / 2, hash_text);
        student = str_of(hash_text);
    }
    key_n = strlen("{ss") + middle.n + student.n + suffix_n;
    p = key = arena_alloc(arena, key_n + 1);
    if (!key)
        return (struct str){0};
    *p++ = '{';
    *p++ = key_hex_digits[shard >> 4];
    *p++ = key_hex_digits[shard & 15];
    p = mempcpy(p, middle.p, middle.n);
    p = key_put_id(p, student, ':', '/');
    p = mempcpy(p, kind->suffix, suffix_n);
    *p = '\0';
    return (struct str){key, key_n};
}

struct str key_student_part(struct arena *arena, struct str student)
{
    char *part = arena_alloc(arena, student.n);

    if (!part)
        return (struct str){0};
    (void)key_put_id(part, student, ':', '/');
    return (struct str){part, student.n};
}

struct str key_of_kind(struct arena *arena, struct str student, const struct student_kind *kind)
{
    return key_build(arena, key_shard(student), student, kind);
}

struct str key_student_in_shard(struct arena *arena, unsigned shard, struct str student,
                                enum student_key key)
{
    return key_build(arena, shard, student, &student_kinds[key]);
}

struct str key_student(struct arena *arena, struct str student, enum student_key key)
{
    return key_of_kind(arena, student, &student_kinds[key]);
}

/* Changes text from the date of the day before `day` to the date of `day` (YYYY-MM-DD). Converting
 * a day number to a date is slow, so until the 28th of a month only the last two digits are
 * incremented. */
static void key_next_date(int32_t day, char text[DAY_TEXT_SIZE])
{
    int day_of_month = (text[8] - '0') * 10 + text[9] - '0';

    if (day_of_month >= 28) {
        day_print(day, text);
        return;
    }
    day_of_month++;
    text[8] = (char)('0' + day_of_month / 10);
    text[9] = (char)('0' + day_of_month % 10);
}

/* Builds the keys of consecutive days in one block of memory, because the history of a student
 * needs about 90 of them. Each key is the prefix with the 8 digits of its day. */
bool key_days_of_kind(struct arena *arena, struct str student, const struct student_kind *kind,
                      int32_t first, int count, struct str *ret_keys)
{
    struct str prefix = key_of_kind(arena, student, kind);
    size_t key_n = prefix.n + 8;
    char *keys = arena_alloc(arena, key_n * (size_t)count), day[DAY_TEXT_SIZE];

    if (!prefix.p || !keys)
        return false;
    day_print(first, day);
    for (int i = 0; i < count; i++, keys += key_n) {
        if (i > 0)
            key_next_date(first + i, day);
        memcpy(keys, prefix.p, prefix.n);
        memcpy(keys + prefix.n, day, 4); /* YYYY-MM-DD without its dashes */
        memcpy(keys + prefix.n + 4, day + 5, 2);
        memcpy(keys + prefix.n + 6, day + 8, 2);
        ret_keys[i] = (struct str){keys, key_n};
    }
    return true;
}

/* Sets *ret to what follows {ss}:student: in the key (ss: the shard in hex). Returns false if the
 * key begins differently. */
static bool key_after_student(struct str key, struct str *ret)
{
    static const struct str middle = STR_INIT(":student:");
    unsigned shard;
    struct str after_tag = {key.p + 4, key.n > 4 ? key.n - 4 : 0}; /* the tag is {ss} */

    if (!key_parse_hash_tag(key, &shard) || !str_starts_with(after_tag, middle))
        return false;
    *ret = (struct str){after_tag.p + middle.n, after_tag.n - middle.n};
    return true;
}

/* Returns whether the text ends like a key of the kind: with its suffix and, for a kind with one
 * key per day, eight digits. *ret_n: length of the text before that. */
static bool key_has_suffix(struct str text, const struct student_kind *kind, size_t *ret_n)
{
    size_t suffix_n = strlen(kind->suffix), day_n = kind->family == KEY_DAILY ? 8 : 0;

    if (text.n <= suffix_n + day_n)
        return false;
    for (size_t i = text.n - day_n; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    }
    *ret_n = text.n - suffix_n - day_n;
    return memcmp(text.p + *ret_n, kind->suffix, suffix_n) == 0;
}

bool key_parse_student_part(struct str part, struct arena *arena, struct str *ret_student)
{
    char *copy = arena_alloc(arena, part.n);

    if (!copy)
        return false;
    (void)key_put_id(copy, part, '/', ':');
    *ret_student = (struct str){copy, part.n};
    return id_valid(*ret_student);
}

/* Finds the kind whose suffix the key has. The suffix of a profile is empty, so every key ends with
 * it: the kind with the longest suffix is the right one. A colon in what precedes the suffix means
 * that the suffix is unknown, because an id in a key has none. */
bool key_parse_student(struct str key, struct arena *arena, struct str *ret_student,
                       enum student_key *ret_kind)
{
    struct str id;
    size_t id_n = SIZE_MAX, length; /* of the text before the suffix; SIZE_MAX: no suffix found */

    if (!key_after_student(key, &id))
        return false;
    for (size_t kind = 0; kind < STUDENT_KEY_COUNT; kind++) {
        if (!key_has_suffix(id, &student_kinds[kind], &length) || length >= id_n)
            continue;
        id_n = length;
        *ret_kind = (enum student_key)kind;
    }
    if (id_n == SIZE_MAX || memchr(id.p, ':', id_n))
        return false;
    return key_parse_student_part((struct str){id.p, id_n}, arena, ret_student);
}

bool key_parse_profile(struct str key, struct arena *arena, struct str *ret_student)
{
    enum student_key kind;

    return key_parse_student(key, arena, ret_student, &kind) && kind == STUDENT_KEY_PROFILE;
}

bool key_schema_1_days(struct arena *arena, struct str student, int32_t first, int count,
                       struct str *ret_keys)
{
    return key_days_of_kind(arena, student, &student_kinds[STUDENT_KEY_SCHEMA_1_DAYS], first, count,
                            ret_keys);
}

bool key_schema_1_openings(struct arena *arena, struct str student, int32_t first, int count,
                           struct str *ret_keys)
{
    return key_days_of_kind(arena, student, &student_kinds[STUDENT_KEY_SCHEMA_1_OPENINGS], first,
                            count, ret_keys);
}

bool key_student_recommendations(struct arena *arena, struct str student, int32_t first, int count,
                                 struct str *ret_keys)
{
    return key_days_of_kind(arena, student, &student_kinds[STUDENT_KEY_RECOMMENDATIONS], first,
                            count, ret_keys);
}

/* Makes the hash tag of the first two characters of the token, the digits of its shard. */
struct str key_recommended(struct arena *arena, struct str token)
{
    return arena_printf(arena, "{%.2s}:recommended:%.*s", token.p, STR_ARG(token));
}

void key_print_shard_tag(unsigned shard, char ret_tag[KEY_SHARD_TAG_SIZE])
{
    (void)snprintf(ret_tag, KEY_SHARD_TAG_SIZE, "{%02x}", shard % SHARDS);
}

/* Prints the shard, which always has two digits: key_parse_hash_tag relies on that. */
struct str key_shard_record(struct arena *arena, unsigned shard, enum shard_key key)
{
    static const char *const names[SHARD_KEYS] = {
        [SHARD_KEY_JOURNAL] = "journal",
        [SHARD_KEY_OUTBOX] = "outbox",
        [SHARD_KEY_LEASE] = "lease",
        [SHARD_KEY_AUDIT] = "audit",
        [SHARD_KEY_AUDIT_SEALS] = "audit:seals",
        [SHARD_KEY_AUDIT_READS] = "audit:reads",
        [SHARD_KEY_AUDIT_OPEN] = "audit:open",
        [SHARD_KEY_AUDIT_COUNTS] = "audit:counts",
        [SHARD_KEY_AUDIT_SEGMENTS] = "audit:segments",
        [SHARD_KEY_REPLICATED] = "replicated",
        [SHARD_KEY_SCHEMA] = "schema",
        [SHARD_KEY_RETENTION] = "retention",
    };

    return arena_printf(arena, "{%02x}:%s", shard, names[key]);
}

struct str key_audit_mark(struct arena *arena, unsigned shard, struct str sender, bool aggregated)
{
    return arena_printf(arena, "{%02x}:audit:%sfrom:%.*s", shard, aggregated ? "reads:" : "",
                        STR_ARG(sender));
}

struct str key_audit_index(struct arena *arena, unsigned shard, struct str pseudonym)
{
    return arena_printf(arena, "{%02x}:audit:of:%.*s", shard, STR_ARG(pseudonym));
}

/* Returns the value of a hexadecimal digit, or -1 for any other character. Keys have these digits
 * in lower case only. */
static int key_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Accepts two lower-case digits and nothing else. *ret_shard is set only on success. */
bool key_parse_shard(struct str digits, unsigned *ret_shard)
{
    int high, low;

    if (digits.n != 2)
        return false;
    high = key_hex_digit(digits.p[0]);
    low = key_hex_digit(digits.p[1]);
    if (high < 0 || low < 0)
        return false;
    *ret_shard = (unsigned)(high * 16 + low);
    return true;
}

bool key_parse_hash_tag(struct str key, unsigned *ret_shard)
{
    return key.n >= 4 && key.p[0] == '{' && key.p[3] == '}' &&
           key_parse_shard((struct str){key.p + 1, 2}, ret_shard);
}

struct str key_journal(struct arena *arena, struct str student)
{
    return key_shard_record(arena, key_shard(student), SHARD_KEY_JOURNAL);
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

struct str key_batch(struct arena *arena, struct str batch, enum batch_key key)
{
    static const char *const suffixes[BATCH_KEYS] = {"", ":students", ":items", ":results"};

    return arena_printf(arena, "batch:{%.*s}%s", STR_ARG(batch), suffixes[key]);
}

struct str key_idempotency(struct arena *arena, const char *role, struct str user, struct str hash)
{
    return arena_printf(arena, "idempotency:{%s:%.*s}:%.*s", role, STR_ARG(user), STR_ARG(hash));
}
