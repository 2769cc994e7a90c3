/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connects libcurl's multi interface (many transfers at a time) to the event loop libev. libcurl
 * names the sockets and the timeout that it waits for; libev reports when a socket is ready or the
 * timeout is over; curl_multi_socket_action then does all input and output. After each call of that
 * function, http_complete_calls collects the HTTP calls that have ended. No function here
 * blocks. */
#include "app/worker/http.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/base/public_address.h"

struct http {
    struct ev_loop *loop; /* event loop of the worker */
    CURLM *multi;
    ev_timer timer; /* the one timeout that libcurl waits for */
};

struct http_socket { /* a socket of libcurl that libev watches */
    struct http *http;
    ev_io io;
};

/* ---- callbacks of one call ---- */

/* Callback CURLOPT_WRITEFUNCTION: retains the start of the body in excerpt and discards the rest.
 * Returns size * count; but 0, which makes libcurl end the call, if the body is longer than
 * response_max. */
static size_t http_on_body(char *bytes, size_t size, size_t count, void *user_data)
{
    struct http_call *call = user_data;
    size_t n = size * count, copied = sizeof(call->excerpt) - 1 - call->excerpt_n;

    call->response_bytes += n;
    if (call->response_max > 0 && call->response_bytes > call->response_max)
        return 0;
    if (copied > n)
        copied = n;
    memcpy(call->excerpt + call->excerpt_n, bytes, copied);
    call->excerpt_n += copied;
    call->excerpt[call->excerpt_n] = '\0';
    return n;
}

/* Callback CURLOPT_PREREQFUNCTION: the connection is established; lets may_send of the call decide
 * whether the request is sent. */
/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl prescribes the signature */
static int http_before_request(void *user_data, char *ip, char *local_ip, int port, int local_port)
{
    struct http_call *call = user_data;

    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    return !call->may_send || call->may_send(call) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* Callback CURLOPT_OPENSOCKETFUNCTION, used if public_only is set: returns a new socket, or
 * CURL_SOCKET_BAD if the address is not public. The check is here, after the host name was
 * resolved, because libcurl connects to exactly this address; a second resolution could give
 * another one. */
static curl_socket_t http_open_public(void *user_data, curlsocktype purpose,
                                      struct curl_sockaddr *address)
{
    struct http_call *call = user_data;

    if (purpose == CURLSOCKTYPE_IPCXN && address_is_public(&address->addr, address->addrlen))
        return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    call->address_refused = true;
    return CURL_SOCKET_BAD;
}

/* Calls the done function of every call that is over. The call is removed from libcurl first,
 * because done may start the same call again. */
static void http_complete_calls(struct http *http)
{
    const CURLMsg *message;
    int left; /* number of further messages, not used: the loop ends at NULL */

    while ((message = curl_multi_info_read(http->multi, &left))) {
        struct http_call *call = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        call->result = message->data.result;
        (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &call->status);
        (void)curl_multi_remove_handle(http->multi, call->easy);
        call->done(call);
    }
}

/* ---- libcurl on libev ---- */

/* libev callback: a socket of libcurl is readable or writable. */
static void http_on_socket(struct ev_loop *loop, ev_io *io, int events)
{
    const struct http_socket *watched = io->data;
    struct http *http = watched->http; /* read here: the call below may free watched */
    int action =
        (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int running;

    (void)loop;
    (void)curl_multi_socket_action(http->multi, io->fd, action, &running);
    http_complete_calls(http);
}

/* libev callback: the timeout that libcurl has set is over (for its timeouts, retries and delayed
 * starts). */
static void http_on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct http *http = timer->data;
    int running;

    (void)events;
    ev_timer_stop(loop, timer);
    (void)curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    http_complete_calls(http);
}

/* Callback CURLMOPT_TIMERFUNCTION: libcurl sets its one timeout. ms is the time from now; -1
 * removes the timeout. */
static int http_set_timer(CURLM *multi, long ms, void *user_data)
{
    struct http *http = user_data;

    (void)multi;
    ev_timer_stop(http->loop, &http->timer);
    if (ms < 0)
        return 0;
    ev_timer_set(&http->timer, (double)ms / 1e3, /* repeat: never */ 0);
    ev_timer_start(http->loop, &http->timer);
    return 0;
}

/* Callback CURLMOPT_SOCKETFUNCTION: libcurl names a socket and the events (wanted) for which libev
 * has to watch it; CURL_POLL_REMOVE ends the watching. socket_data is our struct for this socket,
 * or NULL at the first call, in which it is allocated and stored in libcurl by curl_multi_assign.
 * Returns 0, or -1 when out of memory. */
static int http_watch_socket(CURL *easy, curl_socket_t fd, int wanted, void *user_data,
                             void *socket_data)
{
    struct http *http = user_data;
    struct http_socket *watched = socket_data;
    int events = (wanted & CURL_POLL_IN ? EV_READ : 0) | (wanted & CURL_POLL_OUT ? EV_WRITE : 0);

    (void)easy;
    if (watched)
        ev_io_stop(http->loop, &watched->io);
    if (wanted == CURL_POLL_REMOVE) {
        free(watched);
        return 0;
    }
    if (!watched) {
        watched = malloc(sizeof(*watched));
        if (!watched)
            return -1;
        watched->http = http;
        ev_init(&watched->io, http_on_socket);
        watched->io.data = watched;
        (void)curl_multi_assign(http->multi, fd, watched);
    }
    ev_io_set(&watched->io, fd, events);
    ev_io_start(http->loop, &watched->io);
    return 0;
}

/* connections limits both the connections to one host and the open connections that are
 * retained. */
struct http *http_new(struct ev_loop *loop, long connections)
{
    struct http *http = calloc(1, sizeof(*http));

    if (!http)
        return NULL;
    http->loop = loop;
    ev_init(&http->timer, http_on_timer);
    http->timer.data = http;
    http->multi = curl_multi_init();
    if (!http->multi) {
        free(http);
        return NULL;
    }
    (void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, http_watch_socket);
    (void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    (void)curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, http_set_timer);
    (void)curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    (void)curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
    (void)curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, connections);
    return http;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    (void)curl_multi_cleanup(http->multi); /* frees the watched sockets through the callback */
    ev_timer_stop(http->loop, &http->timer);
    free(http);
}

/* ---- calls ---- */

/* The formatted text may contain a token: this copy is overwritten before it is freed. The copy in
 * libcurl's list is freed together with the headers. */
bool http_add_header(struct curl_slist **headers, const char *format, ...)
{
    struct curl_slist *longer;
    va_list args;
    char *text;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        return false;
    longer = curl_slist_append(*headers, text);
    explicit_bzero(text, (size_t)n);
    free(text);
    if (longer)
        *headers = longer;
    return longer != NULL;
}

/* Sets all options of the libcurl handle for this call. curl_easy_reset has removed those of the
 * call before it, and keeps only open connections and caches. */
static void http_set_options(struct http_call *call)
{
    CURL *easy = call->easy;

    curl_easy_reset(easy);
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    (void)curl_easy_setopt(easy, CURLOPT_URL, call->url);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
                           call->protocols ? call->protocols : "http,https");
    if (call->ca_file)
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, call->ca_file);
    if (call->public_only) {
        (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, http_open_public);
        (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
        /* libcurl opens no socket, so that nothing is checked, if it uses an open connection
         * again */
        (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    }
    /* a proxy from the environment would hide the address that is really connected to */
    (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    /* libcurl must not install signal handlers */
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* without this option, a cancelled call waits for the thread that resolves its host name */
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, call->timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, http_before_request);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
    if (call->body.p) {
        (void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.p);
    }
}

/* Creates the libcurl handle at the first call, clears the output fields, and starts the
 * transfer. */
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
    http_set_options(call);
    return curl_multi_add_handle(http->multi, call->easy) == CURLM_OK;
}

void http_call_release(struct http_call *call)
{
    curl_easy_cleanup(call->easy);
    call->easy = NULL;
}
