/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The archive of the audit log: what is written is read again, once, also after a failure. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/service/audit_archive.h"
#include "app/service/audit_segment_pack.h"

#define KEY       "0123456789abcdef0123456789abcdef"
#define FILE_NAME "2b-2026-01.jsonl"

void audit_archive_tests(void);

enum { SEGMENTS = 4, SHARD = 0x2b };

static struct arena *arena;
static char folder[] = "/tmp/mastery-archive-XXXXXX";
static struct audit_segment_text segments[SEGMENTS]; /* the last one is of another month */

static struct str path_of(const char *name)
{
    return arena_printf(arena, "%s/%s", folder, name);
}

static off_t size_of(const char *name)
{
    struct stat status;

    return stat(path_of(name).p, &status) == 0 ? status.st_size : -1;
}

static void make_segments(void)
{
    static const char *const ids[SEGMENTS] = {"1767571200000-0", "1767571201000-0",
                                              "1767571202000-5", "1770249600000-0"};
    struct config config = {.audit_key = KEY};
    struct audit_keys keys;
    struct audit_segment_link link = {.number = 0};
    char error[200];

    CU_ASSERT_TRUE_FATAL(audit_keys_load(&config, &keys, error));
    for (size_t s = 0; s < SEGMENTS; s++) {
        struct audit_entry entry = {.id = str_of(ids[s]), .valid = true};
        struct audit_segment segment;

        for (size_t k = 0; k < AUDIT_FIELDS; k++)
            entry.v[k] = STR("\"x\\");
        entry.v[AUDIT_COUNT] = STR("1");
        CU_ASSERT_TRUE_FATAL(
            audit_segment_pack(arena, &keys.v[0], SHARD, &link, &entry, 1, &segment, &link));
        CU_ASSERT_TRUE_FATAL(audit_segment_unpack(arena, &segment, &segments[s]));
    }
    audit_keys_release(&keys);
}

static void begin(void)
{
    arena_reset(arena);
    make_segments();
    (void)unlink(path_of(FILE_NAME).p);
    (void)unlink(path_of("2b-2026-02.jsonl").p);
}

/* Returns the numbers of the segments in the archive, as digits; "?": a line is no segment. */
static const char *archived(void)
{
    static char found[16];
    struct audit_archive_reader reader;
    struct audit_segment_text segment;
    enum audit_archive_read result;
    struct str text;
    size_t n = 0;

    CU_ASSERT_TRUE_FATAL(audit_archive_open(&reader, folder, SHARD, arena));
    while ((result = audit_archive_next(&reader, arena, &segment, &text)) ==
           AUDIT_ARCHIVE_SEGMENT) {
        size_t i = (size_t)segment.link.number - 1;

        CU_ASSERT_FATAL(i < SEGMENTS && n < sizeof(found) - 2);
        CU_ASSERT_STRING_EQUAL(segment.link.head, segments[i].link.head);
        CU_ASSERT_TRUE(str_equal(text, audit_segment_print(arena, &segments[i])));
        found[n++] = (char)('0' + segment.link.number);
    }
    if (result == AUDIT_ARCHIVE_BROKEN)
        found[n++] = '?';
    found[n] = '\0';
    audit_archive_close(&reader);
    return found;
}

static enum audit_archive_result append(size_t first, size_t n)
{
    return audit_archive_append(folder, &segments[first], n, arena);
}

static void segments_are_read_as_they_were_written(void)
{
    struct stat status;

    begin();
    CU_ASSERT_STRING_EQUAL(archived(), "");
    CU_ASSERT_EQUAL(append(0, 2), AUDIT_ARCHIVED);
    CU_ASSERT_STRING_EQUAL(archived(), "12");
    CU_ASSERT_EQUAL(append(2, 2), AUDIT_ARCHIVED);
    CU_ASSERT_STRING_EQUAL(archived(), "1234");
    CU_ASSERT_TRUE(size_of("2b-2026-02.jsonl") > 0);
    CU_ASSERT_EQUAL(stat(path_of(FILE_NAME).p, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
}

static void what_is_there_already_is_not_written_again(void)
{
    off_t size;

    begin();
    CU_ASSERT_EQUAL(append(0, 2), AUDIT_ARCHIVED);
    size = size_of(FILE_NAME);
    CU_ASSERT_EQUAL(append(0, 2), AUDIT_ARCHIVED);
    CU_ASSERT_EQUAL(size_of(FILE_NAME), size);
    CU_ASSERT_EQUAL(append(0, 4), AUDIT_ARCHIVED);
    CU_ASSERT_STRING_EQUAL(archived(), "1234");
    CU_ASSERT_EQUAL(append(0, 4), AUDIT_ARCHIVED);
    CU_ASSERT_STRING_EQUAL(archived(), "1234");
}

/* At each byte: a worker was killed while it wrote. */
static void an_unfinished_line_is_written_again(void)
{
    off_t size, whole;

    begin();
    CU_ASSERT_EQUAL(append(0, 1), AUDIT_ARCHIVED);
    size = size_of(FILE_NAME);
    CU_ASSERT_EQUAL(append(0, 2), AUDIT_ARCHIVED);
    whole = size_of(FILE_NAME);
    for (off_t cut = 0; cut < whole; cut += 7) {
        CU_ASSERT_EQUAL(truncate(path_of(FILE_NAME).p, cut), 0);
        CU_ASSERT_STRING_EQUAL(archived(), cut < size ? "" : "1");
        CU_ASSERT_EQUAL(append(0, 2), AUDIT_ARCHIVED);
        CU_ASSERT_EQUAL(size_of(FILE_NAME), whole);
    }
    CU_ASSERT_STRING_EQUAL(archived(), "12");
}

static void other_segments_with_the_same_numbers_are_refused(void)
{
    FILE *file;

    begin();
    CU_ASSERT_EQUAL(append(0, 2), AUDIT_ARCHIVED);
    memcpy(segments[1].link.head, segments[0].link.head, sizeof(segments[1].link.head));
    CU_ASSERT_EQUAL(append(1, 2), AUDIT_ARCHIVE_CONFLICT);
    CU_ASSERT_EQUAL(append(0, 1), AUDIT_ARCHIVE_CONFLICT);
    file = fopen(path_of(FILE_NAME).p, "a");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_TRUE(fputs("{}\n", file) >= 0);
    (void)fclose(file);
    CU_ASSERT_EQUAL(append(2, 1), AUDIT_ARCHIVE_CONFLICT);
}

/* A limit of the file's size has the effect of a full disk: a part is written, then nothing. */
static void what_a_full_disk_has_taken_is_removed(void)
{
    struct rlimit before, limit;
    off_t size;

    begin();
    CU_ASSERT_EQUAL(append(0, 1), AUDIT_ARCHIVED);
    size = size_of(FILE_NAME);
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){(rlim_t)size + 20, before.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CU_ASSERT_EQUAL(append(0, 3), AUDIT_ARCHIVE_FAILED);
    CU_ASSERT_EQUAL(errno, EFBIG);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &before), 0);
    CU_ASSERT_EQUAL(size_of(FILE_NAME), size);
    CU_ASSERT_EQUAL(append(0, 3), AUDIT_ARCHIVED);
    CU_ASSERT_STRING_EQUAL(archived(), "123");
}

static void a_folder_that_is_not_there_is_an_error(void)
{
    struct audit_archive_reader reader;

    begin();
    CU_ASSERT_EQUAL(audit_archive_append("/nowhere", segments, 1, arena), AUDIT_ARCHIVE_FAILED);
    CU_ASSERT_EQUAL(errno, ENOENT);
    CU_ASSERT_FALSE(audit_archive_open(&reader, "/nowhere", SHARD, arena));
    audit_archive_close(&reader);
    CU_ASSERT_FALSE(audit_archive_remove_old("/nowhere", 0));
}

static void files_of_old_months_are_removed(void)
{
    static const int64_t end_of_january = INT64_C(1769904000000); /* 2026-02-01 */

    begin();
    CU_ASSERT_EQUAL(append(0, 4), AUDIT_ARCHIVED);
    CU_ASSERT_TRUE(audit_archive_remove_old(folder, end_of_january));
    CU_ASSERT_STRING_EQUAL(archived(), "1234");
    CU_ASSERT_TRUE(audit_archive_remove_old(folder, end_of_january + 1));
    CU_ASSERT_STRING_EQUAL(archived(), "4");
}

static int open_archive(void)
{
    arena = arena_new(1 << 14, 1 << 26);
    return arena && mkdtemp(folder) ? 0 : -1;
}

static int close_archive(void)
{
    (void)unlink(path_of(FILE_NAME).p);
    (void)unlink(path_of("2b-2026-02.jsonl").p);
    (void)rmdir(folder);
    arena_free(arena);
    return 0;
}

void audit_archive_tests(void)
{
    CU_pSuite suite = CU_add_suite("audit archive", open_archive, close_archive);

    CU_ADD_TEST(suite, segments_are_read_as_they_were_written);
    CU_ADD_TEST(suite, what_is_there_already_is_not_written_again);
    CU_ADD_TEST(suite, an_unfinished_line_is_written_again);
    CU_ADD_TEST(suite, other_segments_with_the_same_numbers_are_refused);
    CU_ADD_TEST(suite, what_a_full_disk_has_taken_is_removed);
    CU_ADD_TEST(suite, a_folder_that_is_not_there_is_an_error);
    CU_ADD_TEST(suite, files_of_old_months_are_removed);
}
