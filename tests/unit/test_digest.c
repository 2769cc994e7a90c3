/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/digest.h"

#include <CUnit/CUnit.h>

#include "app/base/ids.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

void digest_tests(void);

static void sha256_gives_the_digests_of_fips_180(void)
{
    static const struct {
        struct str data;
        const char *digest;
    } rows[] = {
        {STR_INIT(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {{NULL, 0}, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {STR_INIT("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {STR_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned char digest[DIGEST_SIZE];
        char text[DIGEST_HEX_SIZE];
        digest_sha256(rows[i].data, digest);
        hex_print(digest, DIGEST_SIZE, text);
        CU_ASSERT_STRING_EQUAL(text, rows[i].digest);
    }
}

static void hmac_is(struct str key, struct str data, const char *expected)
{
    unsigned char digest[DIGEST_SIZE], again[DIGEST_SIZE];
    struct digest_key prepared;
    char text[DIGEST_HEX_SIZE];

    digest_hmac(key, data, digest);
    hex_print(digest, DIGEST_SIZE, text);
    CU_ASSERT_STRING_EQUAL(text, expected);
    digest_key_init(&prepared, key);
    digest_keyed(&prepared, data, again);
    CU_ASSERT_EQUAL(memcmp(again, digest, sizeof(digest)), 0);
}

/* The cases 1 to 4 and 6. */
static void hmac_gives_the_digests_of_rfc_4231(void)
{
    char key[131], data[50];

    memset(key, 0x0b, 20);
    hmac_is((struct str){key, 20}, STR("Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hmac_is(STR("Jefe"), STR("what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, 20);
    memset(data, 0xdd, sizeof(data));
    hmac_is((struct str){key, 20}, (struct str){data, sizeof(data)},
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    for (int i = 0; i < 25; i++)
        key[i] = (char)(i + 1);
    memset(data, 0xcd, sizeof(data));
    hmac_is((struct str){key, 25}, (struct str){data, sizeof(data)},
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    memset(key, 0xaa, sizeof(key));
    hmac_is((struct str){key, sizeof(key)},
            STR("Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hmac_takes_an_empty_key(void)
{
    hmac_is((struct str){NULL, 0}, (struct str){NULL, 0},
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void secrets_are_the_same_only_when_equal(void)
{
    CU_ASSERT_TRUE(digest_secrets_equal(STR("secret"), STR("secret")));
    CU_ASSERT_FALSE(digest_secrets_equal(STR("secret"), STR("secreT")));
    CU_ASSERT_FALSE(digest_secrets_equal(STR("secret"), STR("secret ")));
    CU_ASSERT_FALSE(digest_secrets_equal(STR("secret"), STR("secre")));
    CU_ASSERT_FALSE(digest_secrets_equal(STR("secret"), STR("")));
    CU_ASSERT_FALSE(digest_secrets_equal(STR("a\0b"), STR("a\0c")));
}

static void nothing_matches_an_empty_secret(void)
{
    CU_ASSERT_FALSE(digest_secrets_equal(STR(""), STR("")));
    CU_ASSERT_FALSE(digest_secrets_equal((struct str){NULL, 0}, (struct str){NULL, 0}));
}

void digest_tests(void)
{
    CU_pSuite suite = CU_add_suite("digest", NULL, NULL);

    CU_ADD_TEST(suite, sha256_gives_the_digests_of_fips_180);
    CU_ADD_TEST(suite, hmac_gives_the_digests_of_rfc_4231);
    CU_ADD_TEST(suite, hmac_takes_an_empty_key);
    CU_ADD_TEST(suite, secrets_are_the_same_only_when_equal);
    CU_ADD_TEST(suite, nothing_matches_an_empty_secret);
}
