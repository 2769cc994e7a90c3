/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests /health and /ready of a running engine, for mastery-ctl health and doctor. */
#ifndef CTL_HEALTH_CHECK_H
#define CTL_HEALTH_CHECK_H

#include <json-c/json.h>

#include "app/ctl/subcommand.h"

struct health_target {
    const char *url;    /* address of the engine, which subcommand_check_url has accepted */
    const char *source; /* own address to connect from; NULL: the kernel chooses */
    int64_t timeout_s;
};

enum health_endpoint { HEALTH_HEALTH, HEALTH_READY };

/* The result for one endpoint. Its texts are in the arena. */
struct health_result {
    const char *name;      /* path without the slash */
    enum ctl_exit outcome; /* CTL_DONE: all is well; CTL_UNAVAILABLE: no response */
    const char *failure;   /* why there is no response; NULL: there is one */
    long http_status;
    int64_t duration_ms;
    /* members of the response; "": the response does not come from an engine */
    const char *status, *version;
    const char *reason;               /* why /ready is not ready; "": the response does not say */
    struct json_object *dependencies; /* name -> state, such as "healthy"; NULL: none */
};

/* Sends GET URL/health or URL/ready. libcurl must have been initialised. */
void health_check(const struct health_target *target, enum health_endpoint endpoint,
                  struct arena *arena, struct health_result *ret);
/* Returns the text of an object's member; "" when there is no such text, or when a character is not
 * printable ASCII, because control characters from a server must not reach the terminal. */
const char *health_text(struct json_object *object, const char *name);

#endif
