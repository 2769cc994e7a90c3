/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Input: NAME=value settings, separated by NUL as in an environment. NAME_FILE=content makes a file
 * with that content. Accepted settings must be usable: numbers within their ranges, secrets that
 * make keys, a valid URL. Errors must name a setting and contain no secret. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/auth/token.h"
#include "app/base/redis_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILES_MAX = 16, INPUT_MAX = 16384, PATH_SIZE = 32 };

/* Static, because a config_source has no parameter for its state. */
static struct {
    char text[INPUT_MAX + 2]; /* ends in two NULs */
    int files[FILES_MAX];
    char paths[FILES_MAX][PATH_SIZE];
    size_t n;
} given;

static void require(bool holds)
{
    if (!holds)
        abort();
}

static const char *file_of(const char *content)
{
    int fd = given.n < FILES_MAX ? memfd_create("setting", MFD_CLOEXEC) : -1;

    if (fd < 0 || write(fd, content, strlen(content)) != (ssize_t)strlen(content))
        return NULL;
    given.files[given.n] = fd;
    (void)snprintf(given.paths[given.n], PATH_SIZE, "/proc/self/fd/%d", fd);
    return given.paths[given.n++];
}

static const char *setting(const char *name)
{
    size_t n = strlen(name);
    bool is_file = n > 5 && strcmp(name + n - 5, "_FILE") == 0;

    for (const char *p = given.text; *p; p += strlen(p) + 1) {
        if (strncmp(p, name, n) == 0 && p[n] == '=')
            return is_file ? file_of(p + n + 1) : p + n + 1;
    }
    return NULL;
}

static void input_set(const uint8_t *data, size_t size)
{
    memcpy(given.text, data, size);
    given.text[size] = given.text[size + 1] = '\0';
    given.n = 0;
}

static void require_ranges(const struct config *c)
{
#define TEXT(name, member, preset, about) require((c->member) != NULL);
#define SECRET(name, member, about)       require(!(c->member) || *(c->member));
#define INT(name, member, preset, min, max, about)                                                 \
    require((c->member) >= (min) && (c->member) <= (max));
#define NUMBER(name, member, preset, min, max, about)                                              \
    require((c->member) >= (min) && (c->member) <= (max));
#define CHOICE(name, member, preset, choices, about) require(*(c->member));
#include "app/base/config.def"
#undef TEXT
#undef SECRET
#undef INT
#undef NUMBER
#undef CHOICE
}

static void check_usable(const struct config *c)
{
    struct redis_url url;
    const char *why;
    char error[200] = "";
    struct tokens *tokens = tokens_new(c, error);

    require(tokens || *error);
    if (tokens && strcmp(c->jwt_algorithm, "HS256") == 0)
        require(tokens_reload(tokens, 0, error) || *error);
    tokens_free(tokens);
    why = redis_url_parse(c->redis_url, &url);
    require(!why || *why);
}

static char *text_of(void (*print)(const struct config *, FILE *), const struct config *c)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);

    require(out != NULL);
    print(c, out);
    (void)fclose(out);
    return text;
}

/* How often the text occurs in the settings. */
static size_t occurrences(const char *secret)
{
    size_t n = strlen(secret), times = 0;

    for (const char *p = given.text; *p; p += strlen(p) + 1)
        for (const char *found = p; (found = strstr(found, secret)); found += n)
            times++;
    return times;
}

/* Texts that occur in the output for any settings. */
static const char fixed_texts[] =
#define TEXT(name, member, preset, about)             #name "=" preset "\n"
#define SECRET(name, member, about)                   #name "=\n"
#define INT(name, member, preset, min, max, about)    #name "=" #preset "\n"
#define NUMBER(name, member, preset, min, max, about) #name "=" #preset "\n"
#define CHOICE(name, member, preset, choices, about)  #name "=" preset "\n"
#include "app/base/config.def"
#undef TEXT
#undef SECRET
#undef INT
#undef NUMBER
#undef CHOICE
    ;

/* Requires that the output does not contain the secret. Skips secrets that are so short that they
 * can occur by chance, or that occur in another setting too. */
static void require_absent(const char *text, const char *secret)
{
    require(!secret || strlen(secret) < 16 || occurrences(secret) > 1 ||
            strstr(fixed_texts, secret) || !strstr(text, secret));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config;
    char *errors = NULL, *shown;
    size_t n;
    FILE *out = size <= INPUT_MAX ? open_memstream(&errors, &n) : NULL;

    if (!out)
        return 0;
    input_set(data, size);
    int faults = config_load(&config, setting, out);
    (void)fclose(out);
    require(faults > 0 || n == 0);
    require(faults == 0 || strchr(errors, '\n'));
    require_absent(errors, config.app_api_token);
    if (faults == 0) {
        require_ranges(&config);
        shown = text_of(config_print, &config);
        require_absent(shown, config.app_api_token);
        free(shown);
        check_usable(&config);
    }
    config_release(&config);
    free(errors);
    for (size_t i = 0; i < given.n; i++)
        (void)close(given.files[i]);
    return 0;
}
