/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/base/number.h"

/* Where make install puts what the engine reads; configure says. */
#ifndef PKGDATADIR
#define PKGDATADIR "/usr/share/mastery-engine"
#endif

enum { SECRET_FILE_MAX = 64 * 1024, HMAC_SECRET_MIN = 32, DATABASE_MAX = 65535 };

enum kind { KIND_TEXT, KIND_SECRET, KIND_INT, KIND_NUMBER, KIND_CHOICE };

struct row {
    const char *name;
    size_t member, file, past; /* offsets in struct config; file, past: of a secret only */
    const char *preset;        /* of a TEXT or CHOICE */
    const char *choices;
    const char *about;
    enum kind kind;
    int preset_int, min, max;
    double preset_number, least, most;
};

static const struct row rows[] = {
/* clang-format off */
#define TEXT(name_, member_, preset_, about_) \
    {.name = #name_, .kind = KIND_TEXT, .member = offsetof(struct config, member_), .preset = (preset_), .about = (about_)},
#define SECRET(name_, member_, about_) \
    {.name = #name_, .kind = KIND_SECRET, .member = offsetof(struct config, member_), \
     .file = offsetof(struct config, member_##_file), .past = offsetof(struct config, member_##_past), .about = (about_)},
#define INT(name_, member_, preset_, min_, max_, about_) \
    {.name = #name_, .kind = KIND_INT, .member = offsetof(struct config, member_), \
     .preset_int = (preset_), .min = (min_), .max = (max_), .about = (about_)},
#define NUMBER(name_, member_, preset_, min_, max_, about_) \
    {.name = #name_, .kind = KIND_NUMBER, .member = offsetof(struct config, member_), \
     .preset_number = (preset_), .least = (min_), .most = (max_), .about = (about_)},
#define CHOICE(name_, member_, preset_, choices_, about_) \
    {.name = #name_, .kind = KIND_CHOICE, .member = offsetof(struct config, member_), \
     .preset = (preset_), .choices = (choices_), .about = (about_)},
#include "app/base/config.def"
#undef TEXT
#undef SECRET
#undef INT
#undef NUMBER
#undef CHOICE
    /* clang-format on */
};

enum { ROWS = sizeof(rows) / sizeof(*rows) };

/* Offsets come from offsetof, so what lies there is aligned. */
static void *member_at(struct config *config, size_t offset)
{
    return (char *)config + offset;
}

static const char **text_at(struct config *config, size_t offset)
{
    return member_at(config, offset);
}

static const char *text_of(const struct config *config, size_t offset)
{
    const void *member = (const char *)config + offset;

    return *(const char *const *)member;
}

static int int_of(const struct config *config, size_t offset)
{
    const void *member = (const char *)config + offset;

    return *(const int *)member;
}

static double number_of(const struct config *config, size_t offset)
{
    const void *member = (const char *)config + offset;

    return *(const double *)member;
}

/* Reads variables and tells of errors; goes through the whole of config_load. */
struct loader {
    struct config *config;
    config_source *source;
    FILE *out;
    int errors;
    bool out_of_memory; /* texts are missing */
};

__attribute__((format(printf, 3, 4))) static void fail(struct loader *l, const char *name,
                                                       const char *format, ...)
{
    va_list args;

    l->errors++;
    (void)fprintf(l->out, "%s: ", name);
    va_start(args, format);
    (void)vfprintf(l->out, format, args);
    va_end(args);
    (void)fputc('\n', l->out);
}

/* NULL when it is not set or empty. */
static const char *variable(const struct loader *l, const char *name)
{
    const char *value = l->source(name);

    return value && *value ? value : NULL;
}

static void set_text(struct loader *l, const char *name, size_t offset, struct str value)
{
    char *copy = strndup(value.n > 0 ? value.p : "", value.n);

    if (!copy) {
        fail(l, name, "%s", strerror(errno));
        l->out_of_memory = true;
    }
    *text_at(l->config, offset) = copy;
}

static void load_text(struct loader *l, const struct row *row)
{
    const char *value = variable(l, row->name);

    set_text(l, row->name, row->member, str_of(value ? value : row->preset));
}

static bool is_choice(struct str choices, struct str word)
{
    while (choices.n > 0)
        if (str_equal(str_cut(&choices, '|'), word))
            return true;
    return false;
}

static void load_choice(struct loader *l, const struct row *row)
{
    const char *value = variable(l, row->name);

    if (value && !is_choice(str_of(row->choices), str_of(value)))
        fail(l, row->name, "\"%s\" is none of %s", value, row->choices);
    load_text(l, row);
}

static void load_int(struct loader *l, const struct row *row)
{
    const char *value = variable(l, row->name);
    int64_t number = row->preset_int;

    if (value && !str_to_int64(str_of(value), row->min, row->max, &number))
        fail(l, row->name, "\"%s\" is not a whole number from %d to %d", value, row->min, row->max);
    *(int *)member_at(l->config, row->member) = (int)number;
}

static void load_number(struct loader *l, const struct row *row)
{
    const char *value = variable(l, row->name);
    double number = row->preset_number;

    if (value &&
        (!str_to_double(str_of(value), &number) || number < row->least || number > row->most)) {
        char least[NUMBER_TEXT_MAX], most[NUMBER_TEXT_MAX];

        number_print(row->least, least);
        number_print(row->most, most);
        fail(l, row->name, "\"%s\" is not a number from %s to %s", value, least, most);
    }
    *(double *)member_at(l->config, row->member) = number;
}

static struct str trim_end(struct str s)
{
    struct str trimmed = str_trim(s);

    return (struct str){s.p, trimmed.n > 0 ? (size_t)(trimmed.p - s.p) + trimmed.n : 0};
}

static void load_secret_file(struct loader *l, const struct row *row, const char *name,
                             const char *path)
{
    char *secret = config_read_secret_file(path);

    if (!secret)
        fail(l, name, "%s: %s", path,
             errno == ENODATA  ? "the file is empty"
             : errno == EINVAL ? "the file is not a text: there is a NUL in it"
             : errno == EFBIG  ? "the file is larger than 64 KiB"
                               : strerror(errno));
    *text_at(l->config, row->member) = secret;
    set_text(l, name, row->file, str_of(path));
}

static void load_secret(struct loader *l, const struct row *row)
{
    char file_variable[80];
    const char *path;

    (void)snprintf(file_variable, sizeof(file_variable), "%s_FILE", row->name);
    path = variable(l, file_variable);
    if (path) {
        load_secret_file(l, row, file_variable, path);
        return;
    }
    struct str value = trim_end(str_of(variable(l, row->name)));
    if (value.n > 0)
        set_text(l, row->name, row->member, value);
}

static void load_row(struct loader *l, const struct row *row)
{
    switch (row->kind) {
    case KIND_TEXT: load_text(l, row); break;
    case KIND_SECRET: load_secret(l, row); break;
    case KIND_INT: load_int(l, row); break;
    case KIND_NUMBER: load_number(l, row); break;
    case KIND_CHOICE: load_choice(l, row); break;
    }
}

static bool is_only_of(struct str s, const char *characters)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\0' || !strchr(characters, s.p[i]))
            return false;
    return true;
}

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* "[::1]:6379" or "host:6379" into host (brackets stay) and what follows. */
static bool cut_host(struct str *rest)
{
    bool bracket = rest->n > 0 && *rest->p == '[';
    const char *end = bracket ? memchr(rest->p, ']', rest->n) : NULL;
    struct str host = *rest;

    if (bracket && !end)
        return false;
    if (bracket) {
        host = (struct str){rest->p + 1, (size_t)(end - rest->p) - 1};
        *rest = (struct str){end + 1, rest->n - host.n - 2};
        return host.n > 0 && is_only_of(host, DIGITS "abcdefABCDEF:.");
    }
    const char *colon = memchr(rest->p, ':', rest->n);
    host.n = colon ? (size_t)(colon - rest->p) : rest->n;
    *rest = (struct str){rest->p + host.n, rest->n - host.n};
    return host.n > 0 && is_only_of(host, DIGITS LETTERS "-._");
}

/* Of "[user@]host[:port][/database]"; NULL when it is one, else what is wrong. */
static const char *tcp_error(struct str rest)
{
    int64_t number;
    struct str authority = str_cut(&rest, '/');
    bool has_database = rest.n > 0;

    if (authority.n > 0 && memchr(authority.p, '@', authority.n)) {
        struct str user = str_cut(&authority, '@');
        if (user.n > 0 && memchr(user.p, ':', user.n))
            return "a password does not belong here, but in REDIS_PASSWORD";
        if (user.n == 0)
            return "the user before @ is empty";
    }
    if (authority.n == 0 || !cut_host(&authority))
        return "the host is missing or not a host name or address";
    if (authority.n > 0 &&
        (*authority.p != ':' ||
         !str_to_int64((struct str){authority.p + 1, authority.n - 1}, 1, 65535, &number)))
        return "the port is not a whole number from 1 to 65535";
    if (has_database && !str_to_int64(rest, 0, DATABASE_MAX, &number))
        return "the database is not a whole number from 0 to 65535";
    return NULL;
}

static const char *socket_error(struct str path)
{
    if (path.n < 2 || *path.p != '/')
        return "the path of the socket must begin with / : unix:///path/to.sock";
    if (path.n >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return "the path of the socket is longer than 107 bytes";
    return NULL;
}

static const char *redis_url_error(struct str url)
{
    static const struct str socket = STR_INIT("unix://"), tcp = STR_INIT("redis://");

    if (str_starts_with(url, STR("rediss://")))
        return "TLS to Redis is not supported by this build; use a tunnel and redis:// or unix://";
    if (str_starts_with(url, socket))
        return socket_error((struct str){url.p + socket.n, url.n - socket.n});
    if (str_starts_with(url, tcp))
        return tcp_error((struct str){url.p + tcp.n, url.n - tcp.n});
    return "must begin with unix:// or redis://";
}

/* The address is not printed: who put a password into it will find it in no log. */
static void check_redis_url(struct loader *l)
{
    const char *error = redis_url_error(str_of(l->config->redis_url));

    if (error)
        fail(l, "REDIS_URL", "%s", error);
}

static void check_key_lines(struct loader *l, const char *name, const char *keys)
{
    struct str rest = str_of(keys);

    for (int line = 1; rest.n > 0; line++)
        if (str_trim(str_cut(&rest, '\n')).n < HMAC_SECRET_MIN)
            fail(l, name, "line %d is shorter than %d bytes", line, HMAC_SECRET_MIN);
}

/* A file that could not be read has been reported already. */
static void check_hmac_keys(struct loader *l)
{
    const struct config *c = l->config;

    if (strcmp(c->jwt_algorithm, "HS256") != 0)
        return;
    if (!c->jwt_secret && !c->jwt_secret_file)
        fail(l, "JWT_SECRET", "JWT_ALGORITHM HS256 needs JWT_SECRET or JWT_SECRET_FILE");
    if (c->jwt_secret)
        check_key_lines(l, c->jwt_secret_file ? "JWT_SECRET_FILE" : "JWT_SECRET", c->jwt_secret);
}

static void check_public_keys(struct loader *l)
{
    const struct config *c = l->config;

    if (is_choice(STR("RS256|ES256"), str_of(c->jwt_algorithm)) && !*c->jwt_public_key_file)
        fail(l, "JWT_PUBLIC_KEY_FILE", "JWT_ALGORITHM %s needs JWT_PUBLIC_KEY_FILE",
             c->jwt_algorithm);
}

static void check_callbacks(struct loader *l)
{
    const struct config *c = l->config;

    if (*c->callback_hosts && !c->callback_secret && !c->callback_secret_file)
        fail(l, "CALLBACK_SECRET", "CALLBACK_HOSTS needs CALLBACK_SECRET or CALLBACK_SECRET_FILE");
    if (c->callback_secret && strlen(c->callback_secret) < HMAC_SECRET_MIN)
        fail(l, c->callback_secret_file ? "CALLBACK_SECRET_FILE" : "CALLBACK_SECRET",
             "is shorter than %d bytes", HMAC_SECRET_MIN);
}

/* What no single row can tell. */
static void check_rows_together(struct loader *l)
{
    check_redis_url(l);
    check_hmac_keys(l);
    check_public_keys(l);
    if (l->config->audit_key)
        check_key_lines(l, l->config->audit_key_file ? "AUDIT_KEY_FILE" : "AUDIT_KEY",
                        l->config->audit_key);
    check_callbacks(l);
}

const char *config_environment(const char *name)
{
    return getenv(name);
}

int config_load(struct config *config, config_source *source, FILE *errors)
{
    struct loader l = {.config = config, .source = source, .out = errors};

    *config = (struct config){0};
    for (size_t i = 0; i < ROWS; i++)
        load_row(&l, &rows[i]);
    if (!l.out_of_memory)
        check_rows_together(&l);
    return l.errors;
}

/* The texts are const for everyone else; memcpy takes that off without a cast. */
static void wipe_and_free(const char *text)
{
    char *own;

    memcpy(&own, &text, sizeof(own));
    if (own)
        explicit_bzero(own, strlen(own));
    free(own);
}

static struct past_secret *past_at(struct config *config, size_t offset)
{
    return member_at(config, offset);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool config_replace_secrets(struct config *config, struct config *fresh, int64_t past_until_us)
{
    bool taken = false;

    for (size_t i = 0; i < ROWS; i++) {
        const char **now, **next;

        if (rows[i].kind != KIND_SECRET)
            continue;
        now = text_at(config, rows[i].member);
        next = text_at(fresh, rows[i].member);
        if (same_text(*now, *next))
            continue;
        wipe_and_free(past_at(config, rows[i].past)->text);
        *past_at(config, rows[i].past) = (struct past_secret){*now, past_until_us};
        *now = *next;
        *next = NULL;
        taken = true;
    }
    return taken;
}

void config_wipe_old_secrets(struct config *config, int64_t now_us)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct past_secret *past;

        if (rows[i].kind != KIND_SECRET)
            continue;
        past = past_at(config, rows[i].past);
        if (!past->text || now_us < past->until_us)
            continue;
        wipe_and_free(past->text);
        past->text = NULL;
    }
}

void config_release(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].kind != KIND_INT && rows[i].kind != KIND_NUMBER)
            wipe_and_free(text_of(config, rows[i].member));
        if (rows[i].kind == KIND_SECRET) {
            wipe_and_free(text_of(config, rows[i].file));
            wipe_and_free(past_at(config, rows[i].past)->text);
        }
    }
    *config = (struct config){0};
}

/* Fills at most size bytes; -1 with errno, else how many there were. */
static ssize_t read_all(int fd, char *bytes, size_t size)
{
    size_t n = 0;

    while (n < size) {
        ssize_t got = read(fd, bytes + n, size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

/* Ends the text in bytes; 0, or what is wrong with it as an errno. */
static int end_secret(char *bytes, size_t n)
{
    struct str text = trim_end((struct str){bytes, n});

    if (n > SECRET_FILE_MAX)
        return EFBIG;
    if (text.n == 0)
        return ENODATA;
    if (memchr(bytes, '\0', text.n))
        return EINVAL;
    bytes[text.n] = '\0';
    return 0;
}

char *config_read_secret_file(const char *path)
{
    size_t size = SECRET_FILE_MAX + 1;
    char *bytes = malloc(size);
    int fd = bytes ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = fd < 0 ? -1 : read_all(fd, bytes, size);
    int error = n < 0 ? errno : end_secret(bytes, (size_t)n);

    if (fd >= 0)
        (void)close(fd); /* was only read */
    if (error == 0)
        return bytes;
    if (bytes)
        explicit_bzero(bytes, size);
    free(bytes);
    errno = error;
    return NULL;
}

void config_print(const struct config *config, FILE *out)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        if (row->kind == KIND_INT) {
            (void)fprintf(out, "%s=%d\n", row->name, int_of(config, row->member));
            continue;
        }
        if (row->kind == KIND_NUMBER) {
            char number[NUMBER_TEXT_MAX];

            number_print(number_of(config, row->member), number);
            (void)fprintf(out, "%s=%s\n", row->name, number);
            continue;
        }
        const char *text = text_of(config, row->member);
        bool is_set = text && *text;
        if (row->kind == KIND_SECRET)
            text = is_set ? "(set)" : "(not set)";
        (void)fprintf(out, "%s=%s\n", row->name, text ? text : "");
    }
}

static void print_cell(FILE *out, const char *text)
{
    (void)fputs(" ", out);
    for (; *text; text++)
        (void)fprintf(out, "%s%c", *text == '|' ? "\\" : "", *text);
    (void)fputs(" |", out);
}

static void print_choices(FILE *out, struct str choices)
{
    (void)fputs(" ", out);
    while (choices.n > 0) {
        struct str word = str_cut(&choices, '|');
        (void)fprintf(out, "`%.*s`%s", STR_ARG(word), choices.n > 0 ? ", " : "");
    }
    (void)fputs(" |", out);
}

static void print_range(FILE *out, const struct row *row)
{
    char least[NUMBER_TEXT_MAX], most[NUMBER_TEXT_MAX];

    number_print(row->least, least);
    number_print(row->most, most);
    (void)fprintf(out, " %s to %s |", least, most);
}

static void print_preset(FILE *out, const struct row *row)
{
    char number[NUMBER_TEXT_MAX];

    number_print(row->preset_number, number);
    if (row->kind == KIND_INT)
        (void)fprintf(out, " `%d` |", row->preset_int);
    else if (row->kind == KIND_NUMBER || (row->preset && *row->preset))
        (void)fprintf(out, " `%s` |", row->kind == KIND_NUMBER ? number : row->preset);
    else
        (void)fputs(" not set |", out);
}

static void print_row(FILE *out, const struct row *row)
{
    (void)fprintf(out, "| `%s` |", row->name);
    switch (row->kind) {
    case KIND_TEXT: (void)fputs(" text |", out); break;
    case KIND_SECRET: (void)fprintf(out, " secret, or its file in `%s_FILE` |", row->name); break;
    case KIND_INT: (void)fprintf(out, " %d to %d |", row->min, row->max); break;
    case KIND_NUMBER: print_range(out, row); break;
    case KIND_CHOICE: print_choices(out, str_of(row->choices)); break;
    }
    print_preset(out, row);
    print_cell(out, row->about);
    (void)fputc('\n', out);
}

void config_print_markdown(FILE *out)
{
    (void)fputs("| Variable | Value | Default | Meaning |\n| --- | --- | --- | --- |\n", out);
    for (size_t i = 0; i < ROWS; i++)
        print_row(out, &rows[i]);
}
