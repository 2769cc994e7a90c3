/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Input: a byte that chooses a kind of file, then its content: the catalogue of recommendations,
 * keys for tokens (three algorithms), the keys of the audit log, a log with anchors, and what an
 * identity provider sends (a JWK Set, a discovery document) or has sent (the stored set). For the
 * shared metrics the rest changes a valid file, as a process of another build or a crash may have.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/auth/key_copy.h"
#include "app/auth/key_fetch.h"
#include "app/auth/public_keys.h"
#include "app/auth/token_keys.h"
#include "app/base/buf.h"
#include "app/base/https_url.h"
#include "app/ctl/audit_anchors.h"
#include "app/obs/metrics.h"
#include "app/service/audit_chain.h"
#include "app/service/catalogue.h"
#include "app/store/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATH_SIZE = 64, INPUT_MAX = 65536 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Makes a file in memory with the content, and the path by which it can be opened. */
static int open_content(struct str content, char ret_path[PATH_SIZE])
{
    int fd = memfd_create("file", MFD_CLOEXEC);

    require(fd >= 0 && write(fd, content.p, content.n) == (ssize_t)content.n);
    (void)snprintf(ret_path, PATH_SIZE, "/proc/self/fd/%d", fd);
    return fd;
}

static void fuzz_catalogue(struct str text, const char *path)
{
    struct arena *arena = arena_new(4096, 16 << 20);
    char error[CATALOGUE_ERROR_SIZE] = "";

    (void)path;
    require(catalogue_parse(text, arena, error) || *error);
    arena_free(arena);
}

static void check_token_keys(const char *algorithm, const char *path)
{
    const struct config config = {.jwt_algorithm = algorithm, .jwt_public_key_file = path};
    struct token_keys keys = {0};
    char error[200] = "";
    bool loaded = token_keys_load(&config, &keys, error);

    require(loaded ? keys.n > 0 : *error != '\0');
    for (size_t i = 0; loaded && i < keys.n; i++)
        require(token_keys_contain(&keys, &keys.v[i]));
    if (loaded)
        token_keys_release(&keys);
}

static void fuzz_rsa_keys(struct str content, const char *path)
{
    (void)content;
    check_token_keys("RS256", path);
}

static void fuzz_ec_keys(struct str content, const char *path)
{
    (void)content;
    check_token_keys("ES256", path);
}

static void fuzz_anchors(struct str content, const char *path)
{
    struct anchors anchors = {0};

    (void)content;
    if (anchors_load(&anchors, path)) {
        for (size_t i = 0; i < anchors.n; i++)
            require(anchors.v[i].shard < SHARDS && anchors.v[i].number > 0);
    }
    anchors_release(&anchors);
}

static void fuzz_audit_keys(struct str content, const char *path)
{
    char *text = strndup(content.p, content.n), error[200] = "";
    const struct config config = {.audit_key = text};
    struct audit_keys keys = {0};
    bool loaded = audit_keys_load(&config, &keys, error);

    (void)path;
    require(loaded || *error);
    if (loaded)
        audit_keys_release(&keys);
    free(text);
}

/* ---- the shared file of the metrics ---- */

static char metrics_path[PATH_SIZE];

static void remove_metrics(void)
{
    (void)unlink(metrics_path);
}

/* Each change is three bytes of position and one of value; the position wraps round the file. */
static void change_file(struct str changes)
{
    int fd = open(metrics_path, O_RDWR | O_CLOEXEC);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);

    for (size_t i = 0; size > 0 && i + 4 <= changes.n; i += 4) {
        const unsigned char *change = (const unsigned char *)changes.p + i;
        off_t at = (change[0] | change[1] << 8 | change[2] << 16) % size;

        require(pwrite(fd, change + 3, 1, at) == 1);
    }
    require(fd >= 0 && close(fd) == 0);
}

static void fuzz_metrics(struct str changes, const char *path)
{
    static const struct metrics_endpoint endpoints[] = {
        {"GET", "/a"}, {"POST", "/b"}, {"GET", "other"}};
    struct arena *arena = arena_new(4096, 16 << 20);
    struct metrics_summary summary;
    char error[200] = "";
    struct buf out;

    (void)path;
    if (!*metrics_path) {
        (void)snprintf(metrics_path, PATH_SIZE, "/tmp/fuzz-metrics-%d", (int)getpid());
        require(atexit(remove_metrics) == 0);
    }
    (void)unlink(metrics_path);
    metrics_close(metrics_open(metrics_path, endpoints, 3, error));
    change_file(changes);
    struct metrics *m = metrics_open(metrics_path, endpoints, 3, error);
    require(m || *error);
    if (m) {
        buf_init(&out, arena);
        metrics_observe_request(m, 0, 200, 5);
        metrics_print(m, &out, changes.n % 2, "1", "c", "");
        metrics_summarize(m, &summary);
        (void)metrics_take_permit(m, 1);
    }
    metrics_close(m);
    arena_free(arena);
}

/* ---- the identity provider ---- */

static void check_key_set(struct str content, const char *algorithm)
{
    struct token_keys keys = {0};
    char error[200] = "";

    if (public_keys_parse_set(content, "OIDC_ISSUER", algorithm, &keys, error))
        require(keys.n > 0);
    else
        require(str_starts_with(str_of(error), STR("OIDC_ISSUER: ")));
    token_keys_release(&keys);
}

static void fuzz_key_set(struct str content, const char *path)
{
    (void)path;
    check_key_set(content, "RS256");
    check_key_set(content, "ES256");
    check_key_set(content, "EdDSA");
}

static void fuzz_discovery(struct str content, const char *path)
{
    const struct config config = {.environment = "production", .oidc_issuer = "https://a.example"};
    char error[200] = "";
    char *url = key_fetch_parse_discovery(&config, content, error);

    (void)path;
    require(url ? https_url_error(str_of(url), false) == NULL : *error != '\0');
    free(url);
}

/* The file cannot be opened by a symbolic link, as /proc/self/fd has, so it is a real one. */
static void fuzz_key_copy(struct str content, const char *path)
{
    char name[] = "/tmp/fuzz-keys-XXXXXX";
    int fd = mkstemp(name);
    struct key_copy copy;

    (void)path;
    require(fd >= 0 && write(fd, content.p, content.n) == (ssize_t)content.n);
    if (key_copy_read(name, "https://a.example", &copy)) {
        require(copy.fetched_ms >= 0 && copy.text.n < content.n);
        check_key_set(copy.text, "ES256");
        free(copy.memory);
    }
    require(close(fd) == 0 && unlink(name) == 0);
}

static void (*const kinds[])(struct str content, const char *path) = {
    fuzz_rsa_keys, fuzz_ec_keys, fuzz_anchors,   fuzz_audit_keys, fuzz_catalogue,
    fuzz_metrics,  fuzz_key_set, fuzz_discovery, fuzz_key_copy,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str content = {(const char *)data + 1, size - 1};
    char path[PATH_SIZE];
    int fd;

    if (size == 0 || size > INPUT_MAX)
        return 0;
    fd = open_content(content, path);
    kinds[data[0] % (sizeof(kinds) / sizeof(kinds[0]))](content, path);
    require(close(fd) == 0);
    return 0;
}
