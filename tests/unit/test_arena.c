/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/arena.h"

#include <CUnit/CUnit.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SEES_POISON 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SEES_POISON 1
#endif
#if defined(SEES_POISON)
#include <sanitizer/asan_interface.h>
#endif

void arena_tests(void);

enum { FIRST = 256, CAP = 4096 };

static struct arena *new_arena(void)
{
    struct arena *arena = arena_new(FIRST, CAP);

    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    return arena;
}

static void pieces_are_aligned_and_apart(void)
{
    struct arena *arena = new_arena();
    char *pieces[40];

    for (size_t i = 0; i < 40; i++) {
        pieces[i] = arena_alloc(arena, i);
        CU_ASSERT_PTR_NOT_NULL_FATAL(pieces[i]);
        CU_ASSERT_EQUAL((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)i, i);
    }
    for (size_t i = 0; i < 40; i++)
        for (size_t j = 0; j < i; j++)
            CU_ASSERT_EQUAL(pieces[i][j], (char)i);
    arena_free(arena);
}

static void the_cap_is_kept_and_reached(void)
{
    struct arena *arena = new_arena();

    CU_ASSERT_PTR_NULL(arena_alloc(arena, CAP + 1));
    CU_ASSERT_PTR_NOT_NULL(arena_alloc(arena, CAP - 16));
    CU_ASSERT_PTR_NULL(arena_alloc(arena, 17));
    CU_ASSERT_PTR_NOT_NULL(arena_alloc(arena, 16));
    CU_ASSERT_PTR_NULL(arena_alloc(arena, 0));
    CU_ASSERT_EQUAL(arena_used(arena), CAP);
    arena_reset(arena);
    CU_ASSERT_EQUAL(arena_used(arena), 0);
    CU_ASSERT_PTR_NOT_NULL(arena_alloc(arena, CAP));
    arena_free(arena);
}

static void absurd_sizes_are_refused(void)
{
    struct arena *arena = new_arena();

    CU_ASSERT_PTR_NULL(arena_alloc(arena, SIZE_MAX));
    CU_ASSERT_PTR_NULL(arena_alloc(arena, SIZE_MAX - 64));
    CU_ASSERT_PTR_NULL(arena_array(arena, SIZE_MAX / 2, 3));
    CU_ASSERT_PTR_NULL(arena_copy(arena, (struct str){"", SIZE_MAX}).p);
    CU_ASSERT_EQUAL(arena_used(arena), 0);
    arena_free(arena);
}

static void reset_gives_the_same_first_block_again(void)
{
    struct arena *arena = new_arena();
    void *first = arena_alloc(arena, 8);

    (void)arena_alloc(arena, 2000);
    (void)arena_alloc(arena, 100);
    arena_reset(arena);
    CU_ASSERT_PTR_EQUAL(arena_alloc(arena, 8), first);
    arena_free(arena);
}

static void zalloc_and_array_are_cleared(void)
{
    struct arena *arena = new_arena();

    memset(arena_alloc(arena, 128), 0xff, 128);
    arena_reset(arena);
    const char *piece = arena_zalloc(arena, 64);
    const char *array = arena_array(arena, 8, 8);
    for (size_t i = 0; i < 64; i++)
        CU_ASSERT_TRUE(piece[i] == 0 && array[i] == 0);
    arena_free(arena);
}

static void copies_end_with_nul(void)
{
    struct arena *arena = new_arena();
    struct str copy = arena_copy(arena, (struct str){"abcdef", 3});
    struct str empty = arena_copy(arena, (struct str){NULL, 0});

    CU_ASSERT_STRING_EQUAL(copy.p, "abc");
    CU_ASSERT_EQUAL(copy.n, 3);
    CU_ASSERT_STRING_EQUAL(empty.p, "");
    CU_ASSERT_EQUAL(empty.n, 0);
    arena_free(arena);
}

static void printf_makes_texts(void)
{
    struct arena *arena = new_arena();
    struct str text = arena_printf(arena, "%s-%d", "key", 7);

    CU_ASSERT_STRING_EQUAL(text.p, "key-7");
    CU_ASSERT_EQUAL(text.n, 5);
    CU_ASSERT_PTR_NULL(arena_printf(arena, "%*d", CAP, 1).p);
    arena_free(arena);
}

static char released[8];

static void note_release(void *thing)
{
    char name[2] = {*(const char *)thing, '\0'};

    strncat(released, name, sizeof(released) - strlen(released) - 1);
}

static void reset_and_free_release_newest_first(void)
{
    static char a[] = "a", b[] = "b", c[] = "c";
    struct arena *arena = new_arena();

    released[0] = '\0';
    CU_ASSERT_TRUE(arena_defer(arena, note_release, a));
    CU_ASSERT_TRUE(arena_defer(arena, note_release, b));
    arena_reset(arena);
    CU_ASSERT_STRING_EQUAL(released, "ba");
    CU_ASSERT_TRUE(arena_defer(arena, note_release, c));
    arena_free(arena);
    CU_ASSERT_STRING_EQUAL(released, "bac");
    arena_free(NULL);
}

static void what_cannot_be_deferred_is_released_at_once(void)
{
    static char a[] = "a";
    struct arena *arena = new_arena();

    released[0] = '\0';
    (void)arena_alloc(arena, CAP);
    CU_ASSERT_FALSE(arena_defer(arena, note_release, a));
    CU_ASSERT_STRING_EQUAL(released, "a");
    arena_free(arena);
    CU_ASSERT_STRING_EQUAL(released, "a");
}

/* Holds in builds with AddressSanitizer; in others it only shows that the bytes may be used. */
static void what_is_not_handed_out_is_poisoned(void)
{
    struct arena *arena = new_arena();
    char *piece = arena_alloc(arena, 16);

    CU_ASSERT_PTR_NOT_NULL_FATAL(piece);
    CU_ASSERT_PTR_NOT_NULL(arena_alloc(arena, 16));
    memset(piece, 1, 16);
#if defined(SEES_POISON)
    CU_ASSERT_FALSE(__asan_address_is_poisoned(piece + 15));
    CU_ASSERT_TRUE(__asan_address_is_poisoned(piece + 16));
    arena_reset(arena);
    CU_ASSERT_TRUE(__asan_address_is_poisoned(piece));
#endif
    arena_free(arena);
}

void arena_tests(void)
{
    CU_pSuite suite = CU_add_suite("arena", NULL, NULL);

    CU_ADD_TEST(suite, pieces_are_aligned_and_apart);
    CU_ADD_TEST(suite, the_cap_is_kept_and_reached);
    CU_ADD_TEST(suite, absurd_sizes_are_refused);
    CU_ADD_TEST(suite, reset_gives_the_same_first_block_again);
    CU_ADD_TEST(suite, zalloc_and_array_are_cleared);
    CU_ADD_TEST(suite, copies_end_with_nul);
    CU_ADD_TEST(suite, printf_makes_texts);
    CU_ADD_TEST(suite, reset_and_free_release_newest_first);
    CU_ADD_TEST(suite, what_cannot_be_deferred_is_released_at_once);
    CU_ADD_TEST(suite, what_is_not_handed_out_is_poisoned);
}
