/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Combines the sentinels, which name the master, with the transport, which connects to it. With
 * sentinels, the transport gets its host before each connection. */
#include "app/store/endpoint.h"

#include <stdlib.h>

#include "app/store/sentinels.h"

/* Interval between two queries to the sentinels while there is a connection, and the time limit of
 * such a query. Each heartbeat advances the query by one step (name, connection, TLS, reply); no
 * command waits for it. */
static const int64_t ENDPOINT_VERIFY_US = 5000000, ENDPOINT_VERIFY_LIMIT_US = 10000000;

struct endpoint {
    const struct config *config;
    struct tls_files *files; /* NULL: no TLS */
    struct transport *transport;
    struct sentinels *sentinels; /* NULL: REDIS_URL names none */
    bool is_querying;            /* the sentinels have not named the master yet */
    /* the sentinels are queried although there is a connection (endpoint_verify) */
    bool is_verifying;
    /* monotonic time of the latest query to the sentinels; the next check of the master follows
     * ENDPOINT_VERIFY_US later */
    int64_t queried_us;
    /* server of the present connection, as the sentinels named it */
    struct redis_host master;
    /* number of failed connections; when the sentinels name different masters, it selects the one
     * to try next (sentinels_master) */
    size_t attempt;
};

/* Creates what the URL requires: TLS files, the transport to a Unix socket or a host, sentinels.
 * Returns false when out of memory. */
static bool endpoint_set_url(struct endpoint *endpoint, const struct redis_url *url)
{
    if (url->is_secure && !(endpoint->files = tls_files_new(endpoint->config)))
        return false;
    endpoint->transport = transport_new(endpoint->files);
    if (!endpoint->transport)
        return false;
    if (url->path) {
        transport_set_path(endpoint->transport, url->path);
        return true;
    }
    if (url->master.n == 0)
        return transport_set_host(endpoint->transport, url->hosts[0].name, url->hosts[0].port);
    endpoint->sentinels = sentinels_new(endpoint->config, url, endpoint->files);
    return endpoint->sentinels != NULL;
}

struct endpoint *endpoint_new(const struct config *config, const struct redis_url *url)
{
    struct endpoint *endpoint = calloc(1, sizeof(*endpoint));

    if (!endpoint)
        return NULL;
    endpoint->config = config;
    if (endpoint_set_url(endpoint, url))
        return endpoint;
    endpoint_free(endpoint);
    return NULL;
}

void endpoint_free(struct endpoint *endpoint)
{
    if (!endpoint)
        return;
    sentinels_free(endpoint->sentinels);
    transport_free(endpoint->transport);
    tls_files_free(endpoint->files);
    free(endpoint);
}

bool endpoint_check_files(struct endpoint *endpoint, char ret_error[TLS_ERROR_SIZE])
{
    return !endpoint->files || tls_files_context(endpoint->files, ret_error);
}

struct transport *endpoint_transport(struct endpoint *endpoint)
{
    return endpoint->transport;
}

void endpoint_open(struct endpoint *endpoint, int64_t now_us)
{
    endpoint->is_querying = endpoint->sentinels != NULL;
    endpoint->is_verifying = false; /* the connection whose master was being checked has ended */
    endpoint->queried_us = now_us;
    if (endpoint->is_querying)
        sentinels_start(endpoint->sentinels);
    else
        transport_open(endpoint->transport);
}

/* Begins to resolve the host that the sentinels have named. False: out of memory. */
static bool endpoint_use_master(struct endpoint *endpoint)
{
    endpoint->master = *sentinels_master(endpoint->sentinels, endpoint->attempt);
    endpoint->is_querying = false;
    if (!transport_set_host(endpoint->transport, endpoint->master.name, endpoint->master.port))
        return false;
    transport_open(endpoint->transport);
    return true;
}

/* Queries the sentinels first, if REDIS_URL names some; nothing has failed as long as they may
 * still name a master (SENTINELS_QUERIED). Then advances the connection to the master.
 * endpoint_fd() is first the descriptor of the sentinels, then that of the name lookup, then the
 * socket. */
bool endpoint_advance(struct endpoint *endpoint, bool has_waited, bool *ret_changed)
{
    enum sentinels_state state =
        endpoint->is_querying ? sentinels_poll(endpoint->sentinels, has_waited) : SENTINELS_NAMED;
    bool was_querying = endpoint->is_querying, good;

    *ret_changed = false;
    if (state != SENTINELS_NAMED)
        return state == SENTINELS_QUERIED;
    if (was_querying && !endpoint_use_master(endpoint))
        return false;
    good = transport_advance(endpoint->transport, has_waited);
    /* there was no socket before this call (endpoint.h), so one that exists now is new */
    *ret_changed = was_querying || endpoint_has_socket(endpoint);
    return good;
}

bool endpoint_has_socket(const struct endpoint *endpoint)
{
    return transport_has_socket(endpoint->transport);
}

bool endpoint_knows_address(const struct endpoint *endpoint)
{
    return endpoint->is_querying ? sentinels_have_reply(endpoint->sentinels)
                                 : transport_knows_address(endpoint->transport);
}

void endpoint_close(struct endpoint *endpoint, bool has_succeeded)
{
    if (!has_succeeded)
        endpoint->attempt++;
    if (endpoint->sentinels)
        sentinels_stop(endpoint->sentinels);
    transport_close(endpoint->transport, has_succeeded);
}

/* Advances the query by one step on each call, so that the connections to the sentinels need not be
 * watched. A query that ends without a clear result counts as a confirmation. */
bool endpoint_verify(struct endpoint *endpoint, int64_t now_us)
{
    if (!endpoint->sentinels)
        return true;
    if (!endpoint->is_verifying && now_us - endpoint->queried_us >= ENDPOINT_VERIFY_US) {
        endpoint->is_verifying = true;
        endpoint->queried_us = now_us;
        sentinels_start(endpoint->sentinels);
    } else if (endpoint->is_verifying &&
               (sentinels_poll(endpoint->sentinels, /* has_waited */ false) != SENTINELS_QUERIED ||
                now_us - endpoint->queried_us >= ENDPOINT_VERIFY_LIMIT_US)) {
        endpoint->is_verifying = false;
        sentinels_stop(endpoint->sentinels);
        return !sentinels_name_other(endpoint->sentinels, &endpoint->master);
    }
    return true;
}

int endpoint_fd(const struct endpoint *endpoint)
{
    return endpoint->is_querying ? sentinels_fd(endpoint->sentinels)
                                 : transport_fd(endpoint->transport);
}

const char *endpoint_error(const struct endpoint *endpoint)
{
    return endpoint->is_querying ? sentinels_error(endpoint->sentinels)
                                 : transport_error(endpoint->transport);
}

/* When the sentinels fail, their error may be that of the transport to one of them. */
bool endpoint_error_is_public(const struct endpoint *endpoint)
{
    return endpoint->is_querying ? sentinels_error_is_public(endpoint->sentinels)
                                 : transport_error_is_public(endpoint->transport);
}

const char *endpoint_awaits(const struct endpoint *endpoint)
{
    return endpoint->is_querying ? "no sentinel has replied in time"
                                 : transport_awaits(endpoint->transport);
}
