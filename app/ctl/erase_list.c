/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the list of erasures. A line is searched for its parts instead of parsed, because it may be
 * of the log, of mastery-ctl audit list, or of the same with --json:
 *   {"time":"2026-01-31T…Z",…,"event":"student.erased","student":"HASH","key":"KEY"}
 *   2b-1-0  2026-01-31T…Z  admin  root (admin)  erased  student/HASH  …  {"key":"KEY"}
 *   {"id":"2b-1-0","at":"2026-01-31T…Z",…,"resource":"student/HASH",…,"details":{"key":"KEY"}} */
#include "app/ctl/erase_list.h"

#include <errno.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/ctl/lines.h"

enum { HASH_N = LOG_HASH_SIZE - 1 };

/* Returns what follows the first occurrence of `label` in the line; NULL: it does not occur. */
static const char *list_after(const char *line, const char *label)
{
    const char *found = strstr(line, label);

    return found ? found + strlen(label) : NULL;
}

/* Copies the n lower-case hexadecimal digits with which the text begins, and a NUL, to ret. False
 * if there are fewer or more digits, or if text is NULL. */
static bool list_copy_digits(const char *text, size_t n, char *ret)
{
    if (!text || strspn(text, "0123456789abcdef") != n)
        return false;
    memcpy(ret, text, n);
    ret[n] = '\0';
    return true;
}

/* Returns whether the first time in a line of the list is before since_ms; false without a time. A
 * time is found by its T, which follows the 10 characters of the date. */
static bool list_is_before(const char *line, int64_t since_ms)
{
    int64_t ms;

    for (const char *t = strchr(line, 'T'); t; t = strchr(t + 1, 'T')) {
        if (t - line >= 10 && time_parse((struct str){t - 10, strcspn(t - 10, " \t\r\n\",")}, &ms))
            return ms < since_ms;
    }
    return false;
}

/* Parses a line of the list into *ret. False for a line to leave out: it is about no erasure, about
 * one before since_ms, or has the id of another key than key_id, with which its hash was made;
 * list->other_key counts lines with another key. A line without the id of a key is accepted. */
static bool list_parse(struct erase_list *list, const char *line, int64_t since_ms,
                       const char *key_id, struct erased *ret)
{
    char key[LOG_HASH_SIZE];

    *ret = (struct erased){.done = false};
    if (!strstr(line, "erased") || list_is_before(line, since_ms))
        return false;
    if (!list_copy_digits(list_after(line, "\"student\":\""), HASH_N, ret->hash) &&
        !list_copy_digits(list_after(line, " student/"), HASH_N, ret->hash) &&
        !list_copy_digits(list_after(line, "\"resource\":\"student/"), HASH_N, ret->hash))
        return false;
    if (list_copy_digits(list_after(line, "\"key\":\""), HASH_N, key) && strcmp(key, key_id) != 0) {
        list->other_key++;
        return false;
    }
    return true;
}

/* Appends a student; a full array is doubled. False when memory is exhausted. */
static bool list_add(struct erase_list *list, const struct erased *erased)
{
    if (list->n == list->size) {
        size_t size = list->size > 0 ? 2 * list->size : 256;
        struct erased *v = reallocarray(list->v, size, sizeof(*v));

        if (!v)
            return false;
        list->v = v;
        list->size = size;
    }
    list->v[list->n++] = *erased;
    return true;
}

/* Compares two students by hash, for qsort and bsearch. */
static int list_compare(const void *a, const void *b)
{
    return strcmp(((const struct erased *)a)->hash, ((const struct erased *)b)->hash);
}

/* Sorts the list by hash, and keeps each student once. */
static void list_sort(struct erase_list *list)
{
    size_t n = 0;

    if (list->n == 0)
        return;
    qsort(list->v, list->n, sizeof(*list->v), list_compare);
    for (size_t i = 0; i < list->n; i++) {
        if (n == 0 || list_compare(&list->v[n - 1], &list->v[i]) != 0)
            list->v[n++] = list->v[i];
    }
    list->n = n;
}

/* errno is saved, because fclose and free may change it before the caller prints the reason. */
bool erase_list_load(struct erase_list *list, const char *path, int64_t since_ms,
                     const char *key_id)
{
    struct line_reader reader;
    struct erased erased;
    struct str line;
    char *memory = NULL;
    size_t size = 0;
    bool ok = lines_open(&reader, path);
    int error;

    while (ok && lines_next(&reader, &memory, &size, &line)) {
        if (list_parse(list, line.p, since_ms, key_id, &erased))
            ok = list_add(list, &erased);
    }
    error = errno;
    ok = ok && !ferror(reader.in);
    lines_close(&reader);
    free(memory);
    list_sort(list);
    errno = error;
    return ok;
}

void erase_list_release(struct erase_list *list)
{
    free(list->v);
    *list = (struct erase_list){.v = NULL};
}

struct erased *erase_list_find(const struct erase_list *list, const char *hash)
{
    struct erased wanted = {.done = false};

    memcpy(wanted.hash, hash, sizeof(wanted.hash));
    return list->n > 0 ? bsearch(&wanted, list->v, list->n, sizeof(*list->v), list_compare) : NULL;
}
