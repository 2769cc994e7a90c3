/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files of TLS are read again only when one has changed: reading the authorities of a system
 * takes long. */
#include "app/store/tls_files.h"

#include <CUnit/CUnit.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void tls_files_tests(void);

static void files_are_read_again_when_one_has_changed(void)
{
    const struct config config = {.redis_ca_file = "", .redis_cert_file = "", .redis_key_file = ""};
    struct tls_files *files = tls_files_new(&config);
    char path[] = "/tmp/authorities-XXXXXX", error[TLS_ERROR_SIZE];
    FILE *file = fdopen(mkstemp(path), "w");
    SSL_CTX *first;

    CU_ASSERT_EQUAL(setenv(X509_get_default_cert_file_env(), path, 1), 0);
    first = tls_files_context(files, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(first);
    CU_ASSERT_EQUAL(SSL_CTX_up_ref(first), 1); /* so that no other context gets its address */
    CU_ASSERT_PTR_EQUAL(tls_files_context(files, error), first);
    CU_ASSERT_TRUE(fputs("# another authority\n", file) >= 0 && fclose(file) == 0);
    CU_ASSERT_PTR_NOT_EQUAL(tls_files_context(files, error), first);
    SSL_CTX_free(first);
    tls_files_free(files);
    (void)unsetenv(X509_get_default_cert_file_env());
    (void)unlink(path);
}

static void a_file_that_cannot_be_used_is_no_context(void)
{
    struct config config = {.redis_ca_file = "/none", .redis_cert_file = "", .redis_key_file = ""};
    struct tls_files *files = tls_files_new(&config);
    char error[TLS_ERROR_SIZE] = "";

    CU_ASSERT_PTR_NULL(tls_files_context(files, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "REDIS_CA_FILE: the file cannot be used"));
    CU_ASSERT_PTR_NULL(tls_files_context(files, error));
    config.redis_ca_file = "";
    CU_ASSERT_PTR_NOT_NULL(tls_files_context(files, error));
    tls_files_free(files);
}

void tls_files_tests(void)
{
    CU_pSuite suite = CU_add_suite("tls_files", NULL, NULL);

    CU_ADD_TEST(suite, files_are_read_again_when_one_has_changed);
    CU_ADD_TEST(suite, a_file_that_cannot_be_used_is_no_context);
}
