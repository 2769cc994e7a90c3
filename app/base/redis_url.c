/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parses REDIS_URL; nothing else does: config_check.c uses it at start to check the setting, the
 * store to connect. URLs of HTTP are parsed by libcurl instead, because libcurl also connects to
 * them. */
#include "app/base/redis_url.h"

#include <sys/un.h>

#include "app/base/percent.h"

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define NAMES   DIGITS LETTERS "-._" /* characters of host names and of names of masters */
#define ADDRESS DIGITS "abcdefABCDEF:."

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { DATABASE_MAX = 65535, DEFAULT_PORT = 6379, SENTINEL_PORT = 26379 };

/* The schemes of a REDIS_URL that names hosts (so not unix://): whether the connections use TLS
 * (is_secure), and whether the hosts are sentinels instead of servers. */
static const struct {
    struct str prefix;
    bool is_secure, names_sentinels;
} schemes[] = {
    {STR_INIT("redis://"), false, false},
    {STR_INIT("rediss://"), true, false},
    {STR_INIT("redis+sentinel://"), false, true},
    {STR_INIT("rediss+sentinel://"), true, true},
};

#define SENTINEL_FORM "redis+sentinel://host:26379,host:26379/MASTER"
#define CLUSTER_FORM  "redis://host:6379,host:6379/?cluster"

/* Beginnings of a URL that other programs accept or that people may try; `error` says what to write
 * into REDIS_URL instead. */
static const struct {
    struct str prefix;
    const char *error;
} other_schemes[] = {
    {STR_INIT("/"), "a socket is written unix:///path/to.sock"},
    {STR_INIT("unix:"), "a socket is written unix:///path/to.sock"},
    {STR_INIT("redis+unix:"), "a socket is written unix:///path/to.sock"},
    {STR_INIT("redis+socket:"), "a socket is written unix:///path/to.sock"},
    {STR_INIT("redis-socket:"), "a socket is written unix:///path/to.sock"},
    {STR_INIT("sentinel:"), "sentinels are written " SENTINEL_FORM},
    {STR_INIT("redis-sentinel:"), "sentinels are written " SENTINEL_FORM},
    {STR_INIT("rediss-sentinel:"), "sentinels with TLS are written rediss+sentinel://host/MASTER"},
    {STR_INIT("tls:"), "TLS is written rediss://host:port"},
    {STR_INIT("ssl:"), "TLS is written rediss://host:port"},
    {STR_INIT("redis+tls:"), "TLS is written rediss://host:port"},
    {STR_INIT("redis+ssl:"), "TLS is written rediss://host:port"},
    {STR_INIT("redis-ssl:"), "TLS is written rediss://host:port"},
    {STR_INIT("valkeys:"), "TLS is written rediss://host:port, to Valkey too"},
    {STR_INIT("valkey:"), "Valkey is written redis://host:port too"},
    {STR_INIT("tcp:"), "a server is written redis://host:port"},
    {STR_INIT("redis+cluster:"), "a Redis Cluster is written " CLUSTER_FORM},
    {STR_INIT("redis-cluster:"), "a Redis Cluster is written " CLUSTER_FORM},
    {STR_INIT("rediss+cluster:"), "a Redis Cluster with TLS is written rediss://host/?cluster"},
};

/* Returns whether all bytes of s are in `characters`. NUL is refused first, because strchr would
 * find it at the end of `characters`. */
static bool is_only_of(struct str s, const char *characters)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\0' || !strchr(characters, s.p[i]))
            return false;
    return true;
}

static bool has_byte(struct str s, char byte)
{
    return s.n > 0 && memchr(s.p, byte, s.n);
}

/* Returns whether the text is an IPv6 address without brackets, judged by its characters alone: it
 * has two or more colons, which no other host has. */
static bool is_bare_ipv6(struct str s)
{
    const char *colon = s.n > 0 ? memchr(s.p, ':', s.n) : NULL;

    return colon && is_only_of(s, ADDRESS) &&
           has_byte((struct str){colon + 1, s.n - (size_t)(colon + 1 - s.p)}, ':');
}

/* Copies the host ("host" or "[::1]") at the start of *text to ret, which is filled with zeros.
 * *text then holds what follows: nothing, or the port with its colon. False when the host is empty,
 * too long or has a character that hosts do not have. */
static bool redis_url_cut_host(struct str *text, struct redis_host *ret)
{
    struct str host = *text;
    const char *allowed = NAMES;

    if (host.n > 0 && *host.p == '[') {
        const char *end = memchr(host.p, ']', host.n);

        if (!end)
            return false;
        host = (struct str){host.p + 1, (size_t)(end - host.p) - 1};
        *text = (struct str){end + 1, text->n - host.n - 2};
        allowed = ADDRESS;
    } else {
        const char *colon = host.n > 0 ? memchr(host.p, ':', host.n) : NULL;

        host.n = colon ? (size_t)(colon - host.p) : host.n;
        *text = (struct str){host.p + host.n, text->n - host.n};
    }
    if (host.n == 0 || host.n >= sizeof(ret->name) || !is_only_of(host, allowed))
        return false;
    memcpy(ret->name, host.p, host.n); /* ret->name has the NUL after it already */
    return true;
}

/* Parses "host[:port]". Returns NULL or the error message. */
static const char *redis_url_parse_host(struct str text, int default_port, struct redis_host *ret)
{
    int64_t port = default_port;

    if (is_bare_ipv6(text))
        return "an IPv6 address is written in brackets, as in redis://[::1]:6379 (host)";
    if (!redis_url_cut_host(&text, ret))
        return "the host is missing or not a host name or address";
    if (text.n > 0 &&
        (*text.p != ':' || !str_to_int64((struct str){text.p + 1, text.n - 1}, 1, 65535, &port)))
        return "the port is not a whole number from 1 to 65535";
    ret->port = (int)port;
    return NULL;
}

/* Parses the hosts, separated by commas. names_sentinels: several hosts are allowed, and the
 * default port is that of a sentinel. Returns NULL or the error message. */
static const char *redis_url_parse_hosts(struct str hosts, bool names_sentinels,
                                         struct redis_url *ret)
{
    const char *error = NULL;

    if (!names_sentinels && !ret->is_cluster && has_byte(hosts, ','))
        return "names several hosts: a Redis Cluster is written " CLUSTER_FORM
               ", sentinels are written " SENTINEL_FORM;
    if (hosts.n > 0 && hosts.p[hosts.n - 1] == ',')
        return "the host after the last comma is missing";
    do {
        struct str host = str_cut(&hosts, ',');

        if (ret->host_count == REDIS_URL_HOSTS_MAX)
            return "names more than 8 hosts; a few of them are enough, they know one another";
        error = redis_url_parse_host(host, names_sentinels ? SENTINEL_PORT : DEFAULT_PORT,
                                     &ret->hosts[ret->host_count++]);
    } while (!error && hosts.n > 0);
    return error;
}

/* Decodes the user name before the @ of a URL. A colon is refused, because a password would follow
 * it. Returns NULL or the error message. */
static const char *redis_url_parse_user(struct str user, struct redis_url *ret)
{
    size_t n;

    if (has_byte(user, ':'))
        return "a password does not belong here, but in REDIS_PASSWORD, as it is (not encoded)";
    if (user.n == 0)
        return "the user before @ is empty; write redis://host without @, or redis://user@host";
    if (user.n >= sizeof(ret->user))
        return "the user is longer than 127 bytes";
    if (!percent_decode(user, /* plus_is_space */ false, ret->user, &n))
        return "a % in the user is not followed by two hexadecimal digits; % itself is written %25";
    if (memchr(ret->user, '\0', n) || memchr(ret->user, ' ', n))
        return "the user has a space or a NUL, which no user of Redis has";
    ret->user[n] = '\0';
    return NULL;
}

/* Cuts the option "?cluster" from the end of the URL and sets ret->is_cluster for it. The option is
 * refused when the hosts are sentinels (names_sentinels). Returns NULL or the error message. */
static const char *redis_url_parse_option(struct str *rest, bool names_sentinels,
                                          struct redis_url *ret)
{
    static const struct str option = STR_INIT("?cluster");

    if (rest->n >= option.n && memcmp(rest->p + rest->n - option.n, option.p, option.n) == 0) {
        if (names_sentinels)
            return "sentinels know no Redis Cluster; it is written " CLUSTER_FORM;
        ret->is_cluster = true;
        rest->n -= option.n;
    }
    if (has_byte(*rest, '?') || has_byte(*rest, '#'))
        return "the only option after ? is cluster, and there is none after #: the database is "
               "written /0 at the end, everything else has a setting of its own (REDIS_PASSWORD, "
               "REDIS_CA_FILE, ...)";
    return NULL;
}

/* Parses the part of a URL after the scheme, "[user@]hosts[/MASTER][/database][?cluster]". MASTER
 * is the name by which sentinels know the server: needed with names_sentinels, else not allowed.
 * Returns NULL or the error message. */
static const char *redis_url_parse_tcp(struct str rest, bool names_sentinels, struct redis_url *ret)
{
    struct str authority;
    const char *error = redis_url_parse_option(&rest, names_sentinels, ret), *at;
    int64_t database = 0;

    if (error)
        return error;
    authority = str_cut(&rest, '/');
    at = authority.n > 0 ? memrchr(authority.p, '@', authority.n) : NULL;
    if (at) {
        error = redis_url_parse_user((struct str){authority.p, (size_t)(at - authority.p)}, ret);
        if (error)
            return error;
        authority = (struct str){at + 1, authority.n - (size_t)(at + 1 - authority.p)};
    }
    error = redis_url_parse_hosts(authority, names_sentinels, ret);
    if (error)
        return error;
    if (names_sentinels) {
        ret->master = str_cut(&rest, '/');
        if (ret->master.n == 0 || !is_only_of(ret->master, NAMES))
            return "the name of the master is missing or has other characters than letters, "
                   "digits, - . and _: " SENTINEL_FORM "/0";
    }
    if (rest.n > 0 && !str_to_int64(rest, 0, DATABASE_MAX, &database))
        return "the database is not a whole number from 0 to 65535";
    if (ret->is_cluster && database != 0)
        return "a Redis Cluster has only the database 0";
    ret->database = rest;
    return NULL;
}

/* Checks the path after "unix://", which must be absolute. Returns NULL or the error message. */
static const char *redis_url_parse_socket(const char *path, struct redis_url *ret)
{
    if (path[0] != '/' || path[1] == '\0')
        return "the path of the socket must begin with / : unix:///path/to.sock";
    /* The kernel's limit for the path of a Unix socket, which includes the NUL. */
    if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return "the path of the socket is longer than 107 bytes";
    ret->path = path;
    return NULL;
}

/* Calls the parser for the URL's scheme. A scheme of other programs gets a message that says what
 * to write instead. */
const char *redis_url_parse(const char *url, struct redis_url *ret)
{
    static const struct str socket = STR_INIT("unix://");
    struct str text = str_of(url);

    *ret = (struct redis_url){0};
    if (str_starts_with(text, socket))
        return redis_url_parse_socket(url + socket.n, ret);
    for (size_t i = 0; i < COUNT(schemes); i++) {
        size_t n = schemes[i].prefix.n;

        ret->is_secure = schemes[i].is_secure;
        if (str_starts_with(text, schemes[i].prefix))
            return redis_url_parse_tcp((struct str){text.p + n, text.n - n},
                                       schemes[i].names_sentinels, ret);
    }
    for (size_t i = 0; i < COUNT(other_schemes); i++)
        if (str_starts_with(text, other_schemes[i].prefix))
            return other_schemes[i].error;
    return "must begin with redis://, rediss:// (TLS), redis+sentinel://, rediss+sentinel:// or "
           "unix://, as in redis://localhost:6379/0";
}
