/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/http.h"

#include <stdlib.h>

#include "app/base/public_address.h"

struct http {
    struct ev_loop *loop;
    CURLM *multi;
    ev_timer timer;
};

struct watched_socket {
    struct http *http;
    ev_io io;
};

/* ---- what libcurl says about a call ---- */

/* Keeps the beginning of an answer, and takes the rest, as far as it may be. */
static size_t keep_answer(char *bytes, size_t size, size_t count, void *own)
{
    struct http_call *call = own;
    size_t n = size * count, room = sizeof(call->excerpt) - 1 - call->excerpt_n;

    call->response_bytes += n;
    if (call->response_max > 0 && call->response_bytes > call->response_max)
        return 0;
    if (room > n)
        room = n;
    memcpy(call->excerpt + call->excerpt_n, bytes, room);
    call->excerpt_n += room;
    call->excerpt[call->excerpt_n] = '\0';
    return n;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl says how it is called */
static int last_look(void *own, char *ip, char *local_ip, int port, int local_port)
{
    struct http_call *call = own;

    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    return !call->may_send || call->may_send(call) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* The last place where an address can be looked at: what is returned is connected to it. */
static curl_socket_t open_public(void *own, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_call *call = own;

    if (purpose == CURLSOCKTYPE_IPCXN && address_is_public(&address->addr, address->addrlen))
        return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    call->address_refused = true;
    return CURL_SOCKET_BAD;
}

static void finish(struct http *http, const CURLMsg *message)
{
    struct http_call *call = NULL;

    (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
    call->result = message->data.result;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &call->status);
    (void)curl_multi_remove_handle(http->multi, call->easy);
    call->done(call);
}

static void take_messages(struct http *http)
{
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(http->multi, &left))) {
        if (message->msg == CURLMSG_DONE)
            finish(http, message);
    }
}

/* ---- libcurl on libev ---- */

static void on_socket(struct ev_loop *loop, ev_io *io, int events)
{
    const struct watched_socket *s = io->data;
    struct http *http = s->http; /* s may be gone after the next line */
    int action =
        (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int running;

    (void)loop;
    (void)curl_multi_socket_action(http->multi, io->fd, action, &running);
    take_messages(http);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct http *http = timer->data;
    int running;

    (void)events;
    ev_timer_stop(loop, timer);
    (void)curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take_messages(http);
}

static int set_timer(CURLM *multi, long ms, void *own)
{
    struct http *http = own;

    (void)multi;
    ev_timer_stop(http->loop, &http->timer);
    if (ms < 0)
        return 0;
    ev_timer_set(&http->timer, (double)ms / 1e3, 0);
    ev_timer_start(http->loop, &http->timer);
    return 0;
}

static void forget_socket(struct http *http, struct watched_socket *s)
{
    if (!s)
        return;
    ev_io_stop(http->loop, &s->io);
    free(s);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *own, void *own_socket)
{
    struct http *http = own;
    struct watched_socket *s = own_socket;
    int events = (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        forget_socket(http, s);
        return 0;
    }
    if (!s) {
        s = malloc(sizeof(*s));
        if (!s)
            return -1;
        s->http = http;
        ev_init(&s->io, on_socket);
        s->io.data = s;
        (void)curl_multi_assign(http->multi, fd, s);
    }
    ev_io_stop(http->loop, &s->io);
    ev_io_set(&s->io, fd, events);
    ev_io_start(http->loop, &s->io);
    return 0;
}

/* ---- calls ---- */

struct http *http_new(struct ev_loop *loop, long connections)
{
    struct http *http = calloc(1, sizeof(*http));

    if (!http)
        return NULL;
    http->loop = loop;
    ev_init(&http->timer, on_timer);
    http->timer.data = http;
    http->multi = curl_multi_init();
    if (!http->multi) {
        free(http);
        return NULL;
    }
    (void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    (void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    (void)curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    (void)curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    (void)curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
    (void)curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, connections);
    return http;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    (void)curl_multi_cleanup(http->multi); /* takes the watched sockets with it */
    ev_timer_stop(http->loop, &http->timer);
    free(http);
}

/* A kept connection of somebody else's would not be asked about its address. */
static void keep_public(CURL *easy, struct http_call *call)
{
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_public);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
}

/* Of this very address: proxies of the environment are for the world outside. */
static void set_up(struct http_call *call)
{
    CURL *easy = call->easy;

    curl_easy_reset(easy);
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    (void)curl_easy_setopt(easy, CURLOPT_URL, call->url);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
                           call->protocols ? call->protocols : "http,https");
    if (call->ca_file)
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, call->ca_file);
    if (call->public_only)
        keep_public(easy, call);
    (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* else a call that is given up waits for its thread, which may still be looking for a name */
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, call->timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep_answer);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, last_look);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
    if (call->body.p) {
        (void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.p);
    }
}

bool http_call_begin(struct http *http, struct http_call *call)
{
    if (!call->easy)
        call->easy = curl_easy_init();
    if (!call->easy)
        return false;
    call->result = CURLE_OK;
    call->status = 0;
    call->response_bytes = 0;
    call->address_refused = false;
    call->excerpt_n = 0;
    call->excerpt[0] = '\0';
    set_up(call);
    return curl_multi_add_handle(http->multi, call->easy) == CURLM_OK;
}

void http_call_release(struct http_call *call)
{
    curl_easy_cleanup(call->easy);
    call->easy = NULL;
}
