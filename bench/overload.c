/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The load of bench/overload: sends requests over HTTP/1.1 at a given rate, whether or not earlier
 * ones have been answered, as many independent clients would. wrk cannot: it waits for responses.
 *
 *   overload PORT RATE SECONDS CONNECTIONS PATH TOKEN BODY STUDENTS
 *
 * In BODY each @ becomes the number of a student, 1 to STUDENTS. RATE 0: each connection sends its
 * next request when it has its response, which finds the capacity. A request that is due while all
 * connections wait is not sent, and counted as such. Latencies count from when a request was due.
 * Prints a line of JSON with times in microseconds. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 8192, RESPONSE_MAX = 16384, REQUEST_MAX = 8192, SAMPLES = 1 << 22 };
enum outcome { GOOD, REFUSED, OTHER, OUTCOMES };

struct connection {
    int fd;
    int64_t due_us; /* when its request was due; 0: it has none */
    size_t n;       /* bytes of the response so far */
    char response[RESPONSE_MAX + 1];
};

static struct connection *connections;
static int idle[CONNECTIONS_MAX], idle_count, epoll_fd;
static struct sockaddr_in address = {.sin_family = AF_INET};
static const char *path, *token, *body;
static unsigned students, next_student;
static uint64_t unsent, no_retry_after;
static struct {
    uint32_t *v;
    size_t n;
} latencies[OUTCOMES];

static int64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

/* Opens the connection, or opens it again after the server has closed it. */
static void open_connection(struct connection *c)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        fail("connect");
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0)
        fail("epoll_ctl");
}

/* Writes the request with the next student's number and returns its length. */
static size_t write_request(char text[REQUEST_MAX])
{
    char number[16], content[REQUEST_MAX / 2];
    size_t n = 0,
           digits = (size_t)snprintf(number, sizeof(number), "%u", next_student++ % students + 1);

    for (const char *p = body; *p && n + digits < sizeof(content); p++) {
        if (*p == '@') {
            memcpy(content + n, number, digits);
            n += digits;
        } else {
            content[n++] = *p;
        }
    }
    return (size_t)snprintf(text, REQUEST_MAX,
                            "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
                            "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%.*s",
                            path, token, n, (int)n, content);
}

static void send_request(struct connection *c, int64_t due_us)
{
    char text[REQUEST_MAX];
    size_t n = write_request(text);

    c->due_us = due_us;
    c->n = 0;
    if (send(c->fd, text, n, MSG_NOSIGNAL) != (ssize_t)n) {
        (void)close(c->fd); /* the server has closed it: once more on a new one */
        open_connection(c);
        (void)send(c->fd, text, n, MSG_NOSIGNAL);
    }
}

static void finish(struct connection *c, enum outcome outcome)
{
    if (latencies[outcome].n < SAMPLES)
        latencies[outcome].v[latencies[outcome].n++] = (uint32_t)(now_us() - c->due_us);
    c->due_us = 0;
    idle[idle_count++] = (int)(c - connections);
}

/* Returns whether the response is complete; all responses of the service have a length. */
static int is_complete(struct connection *c)
{
    const char *end = strstr(c->response, "\r\n\r\n"),
               *length = strstr(c->response, "Content-Length: ");

    return end && length && length < end &&
           c->n >= (size_t)(end + 4 - c->response) + strtoul(length + 16, NULL, 10);
}

static void receive(struct connection *c)
{
    ssize_t got = recv(c->fd, c->response + c->n, RESPONSE_MAX - c->n, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        (void)close(c->fd);
        open_connection(c);
        if (c->due_us)
            finish(c, OTHER);
        return;
    }
    c->n += (size_t)got;
    c->response[c->n] = '\0';
    if (!c->due_us || !is_complete(c))
        return;
    if (memcmp(c->response + 9, "200", 3) == 0) {
        finish(c, GOOD);
    } else if (memcmp(c->response + 9, "503", 3) == 0 || memcmp(c->response + 9, "429", 3) == 0) {
        no_retry_after += strstr(c->response, "Retry-After: ") == NULL;
        finish(c, REFUSED);
    } else {
        finish(c, OTHER);
    }
}

/* Sends all requests that are due. Returns how many have been due until now. */
static uint64_t send_due(uint64_t sent, double rate, int64_t start_us, int64_t now)
{
    if (rate == 0) {
        while (idle_count > 0)
            send_request(&connections[idle[--idle_count]], now_us());
        return 0;
    }
    for (; (double)sent < (double)(now - start_us) * rate / 1e6; sent++) {
        if (idle_count == 0)
            unsent++;
        else
            send_request(&connections[idle[--idle_count]],
                         start_us + (int64_t)((double)sent / rate * 1e6));
    }
    return sent;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static unsigned percentile(enum outcome o, double share)
{
    size_t n = latencies[o].n;

    return n > 0 ? latencies[o].v[(size_t)((double)(n - 1) * share)] : 0;
}

static void print_results(double seconds)
{
    static const char *const names[] = {"good", "refused", "other"};

    (void)printf("{\"seconds\":%.3f,\"unsent\":%ju,\"without_retry_after\":%ju", seconds,
                 (uintmax_t)unsent, (uintmax_t)no_retry_after);
    for (int o = 0; o < OUTCOMES; o++) {
        qsort(latencies[o].v, latencies[o].n, sizeof(uint32_t), compare);
        (void)printf(",\"%s\":{\"n\":%zu,\"p50\":%u,\"p99\":%u}", names[o], latencies[o].n,
                     percentile((enum outcome)o, 0.5), percentile((enum outcome)o, 0.99));
    }
    (void)puts("}");
}

int main(int argc, char *argv[])
{
    struct epoll_event events[256];
    uint64_t sent = 0;

    if (argc != 9)
        return EXIT_FAILURE;
    const double rate = strtod(argv[2], NULL), seconds = strtod(argv[3], NULL);
    int count = atoi(argv[4]);
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    path = argv[5], token = argv[6], body = argv[7], students = (unsigned)atoi(argv[8]);
    connections = calloc((size_t)count, sizeof(*connections));
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int o = 0; o < OUTCOMES; o++)
        latencies[o].v = malloc(SAMPLES * sizeof(uint32_t));
    for (int i = 0; i < count; i++) {
        open_connection(&connections[i]);
        idle[idle_count++] = i;
    }
    const int64_t start_us = now_us(), end_us = start_us + (int64_t)(seconds * 1e6);
    for (int64_t now = start_us; now < end_us; now = now_us()) {
        sent = send_due(sent, rate, start_us, now);
        int n = epoll_wait(epoll_fd, events, 256, 1);
        for (int i = 0; i < n; i++)
            receive(events[i].data.ptr);
    }
    print_results((double)(now_us() - start_us) / 1e6);
    return EXIT_SUCCESS;
}
