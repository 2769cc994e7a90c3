/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/ids.h"

#include <CUnit/CUnit.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

void ids_tests(void);

static void ids_have_128_characters_at_most(void)
{
    char text[ID_MAX + 1];

    memset(text, 'a', sizeof(text));
    CU_ASSERT_FALSE(id_valid((struct str){text, 0}));
    CU_ASSERT_TRUE(id_valid((struct str){text, 1}));
    CU_ASSERT_TRUE(id_valid((struct str){text, ID_MAX}));
    CU_ASSERT_FALSE(id_valid((struct str){text, ID_MAX + 1}));
}

static void request_ids_have_128_characters_at_most(void)
{
    char text[REQUEST_ID_MAX + 1];

    memset(text, 'a', sizeof(text));
    CU_ASSERT_FALSE(request_id_valid((struct str){text, 0}));
    CU_ASSERT_TRUE(request_id_valid((struct str){text, REQUEST_ID_MAX}));
    CU_ASSERT_FALSE(request_id_valid((struct str){text, REQUEST_ID_MAX + 1}));
}

static bool among(int c, const char *characters)
{
    return c != 0 && strchr(characters, c) != NULL;
}

static void every_byte_is_judged(void)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

    for (int c = 0; c < 256; c++) {
        const char text[] = {'a', (char)c, 'a'};
        struct str s = {text, sizeof(text)}, first = {text + 1, 2}, last = {text, 2};
        CU_ASSERT_EQUAL(id_is_word_char((char)c), among(c, letters));
        CU_ASSERT_EQUAL(id_valid(s), among(c, letters) || among(c, ".~@:|+="));
        CU_ASSERT_EQUAL(id_valid(last), id_valid(s));
        CU_ASSERT_EQUAL(id_valid(first), among(c, letters));
        CU_ASSERT_EQUAL(request_id_valid(s), among(c, letters) || c == '.');
    }
}

static bool is_zero(const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* 16 random bytes that are all zero, or equal to others, have a probability of 2^-128. */
static void random_bytes_of_any_size_are_filled_and_new(void)
{
    static const size_t sizes[] = {16, 500, 32, 512, 513, 5000};

    for (size_t i = 0; i < COUNT(sizes); i++) {
        unsigned char a[5000] = {0}, b[5000] = {0};
        random_bytes(a, sizes[i]);
        random_bytes(b, sizes[i]);
        CU_ASSERT_FALSE(is_zero(a, 16));
        CU_ASSERT_FALSE(is_zero(a + sizes[i] - 16, 16));
        CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizes[i]), 0);
        CU_ASSERT_TRUE(is_zero(a + sizes[i], sizeof(a) - sizes[i]));
    }
}

static bool is_uuid4(const char *text)
{
    static const char form[] = "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx";

    for (size_t i = 0; i < sizeof(form); i++) {
        bool good = form[i] == 'x'   ? among(text[i], "0123456789abcdef")
                    : form[i] == 'v' ? among(text[i], "89ab")
                                     : text[i] == form[i];
        if (!good)
            return false;
    }
    return true;
}

static void uuids_are_version_4_and_differ(void)
{
    char uuids[200][UUID_TEXT_SIZE];

    for (size_t i = 0; i < COUNT(uuids); i++) {
        uuid_make(uuids[i]);
        CU_ASSERT_TRUE(is_uuid4(uuids[i]));
        for (size_t j = 0; j < i; j++)
            CU_ASSERT_STRING_NOT_EQUAL(uuids[i], uuids[j]);
    }
}

static void hex_is_lower_case(void)
{
    static const unsigned char bytes[] = {0x00, 0x0f, 0xa5, 0xff};
    char text[2 * sizeof(bytes) + 1] = "xxxxxxxx";

    hex_print(bytes, sizeof(bytes), text);
    CU_ASSERT_STRING_EQUAL(text, "000fa5ff");
    hex_print(bytes, 0, text);
    CU_ASSERT_STRING_EQUAL(text, "");
}

void ids_tests(void)
{
    CU_pSuite suite = CU_add_suite("ids", NULL, NULL);

    CU_ADD_TEST(suite, ids_have_128_characters_at_most);
    CU_ADD_TEST(suite, request_ids_have_128_characters_at_most);
    CU_ADD_TEST(suite, every_byte_is_judged);
    CU_ADD_TEST(suite, random_bytes_of_any_size_are_filled_and_new);
    CU_ADD_TEST(suite, uuids_are_version_4_and_differ);
    CU_ADD_TEST(suite, hex_is_lower_case);
}
