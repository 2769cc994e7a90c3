/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A route is one row of the table of endpoints and holds all facts about an endpoint. The router,
 * nginx's locations and limits, the OpenAPI document, the labels of metrics, the access rights, the
 * audit log and the tests of roles read these rows. An exchange is one request with its response; a
 * rule (rule.h) describes one field of the input or of the response. */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "app/http/request.h"
#include "app/http/rule.h"
#include "app/http/validate.h"

struct exchange;
struct jw;

/* The result of one step of a handler. */
enum step {
    STEP_MORE, /* Redis commands are queued; the next step follows when their replies are there */
    STEP_DONE, /* the handler is done: it has completed the response, or set a problem (an error) */
};
/* Runs one step of a route. */
typedef enum step route_handler(struct exchange *x);
/* Checks what rules cannot express in the input. Returns false with field errors in the problem.
 * Called even when rules have failed, so that all wrong fields are reported together. */
typedef bool route_check(struct exchange *x);
/* Changes a complete response, after a success or an error, such as by adding headers to it. Called
 * once. */
typedef void route_finalize(struct exchange *x);

/* The right that a route requires (auth/access.c has the table of rights by role). The comments say
 * what each role may reach: S a student, T a teacher, A an admin. */
enum access {
    ACCESS_OPEN,           /* requests need no token */
    ACCESS_ANY,            /* requests need any valid token */
    ACCESS_ADMIN,          /* only admins have access */
    ACCESS_READ_STUDENT,   /* S: the own data; T: the students of own cohorts; A: all students */
    ACCESS_WRITE_STUDENT,  /* changes. S: the own data; T: the students of own cohorts; A: all */
    ACCESS_EXPORT,         /* S: the own data; T: nothing; A: all. For export and consent */
    ACCESS_READ_COHORT,    /* S: nothing; T: the own cohorts; A: all cohorts */
    ACCESS_COMPARE_COHORT, /* S: cohorts that contain the student; T: the own cohorts; A: all */
    ACCESS_HANDLER,        /* any valid token: the handler decides by the ids in the body */
    ACCESSES
};

/* Largest bodies in bytes: of most routes, and of routes with ROUTE_BIG_BODY. */
enum { ROUTE_BODY_MAX = 1 << 20, ROUTE_BIG_BODY_MAX = 4 << 20 };

/* Flags of a route. The numbers are used within a process and may change. */
enum route_flag {
    /* slow: a process runs one step of one such request in a loop iteration */
    ROUTE_HEAVY = 1 << 0,
    ROUTE_SIDECAR_ONLY = 1 << 1, /* exists on the sidecar's listener; 404 on the public one */
    ROUTE_BIG_BODY = 1 << 2,     /* accepts bodies up to 4 MiB instead of 1 MiB */
    ROUTE_UNLIMITED = 1 << 3,    /* the route has no rate limit */
    /* responses have personal data: they are not cached, and requests are audited */
    ROUTE_PERSONAL = 1 << 4,
    ROUTE_NETWORK_ALLOWLIST = 1 << 5, /* nginx accepts requests from configured networks only */
    ROUTE_SIDECAR_TRUSTED = 1 << 6,   /* accepts the sidecar's token; with it, has no rate limit */
    ROUTE_DEFAULTS_TO_SELF = 1 << 7,  /* a student may leave student_id out, others must not */
    ROUTE_TOKEN_IN_BODY = 1 << 8,     /* the body may hold a token: security_context.token */
    ROUTE_RAW_BODY = 1 << 9,          /* the handler parses the body; rules only document it */
    ROUTE_LIST_RESPONSE = 1 << 10,    /* responds with a list, of texts if `response` is NULL */
    ROUTE_IDEMPOTENT = 1 << 11,       /* accepts an Idempotency-Key */
    ROUTE_STATIC_PAGE = 1 << 12,      /* the response is a page that nginx has as a file */
    /* a change adds an entry to the journal (changes that the worker has not processed yet), from
     * which the worker makes the audit event */
    ROUTE_JOURNALED = 1 << 13,
    ROUTE_AUDIT_EACH = 1 << 14, /* each request is an audit event (pipeline/audit_hook.h) */
    /* Flags that only the OpenAPI document uses: */
    ROUTE_CONFLICT = 1 << 15, /* may respond with 409 without an Idempotency-Key too */
    /* responds with 422 when there are too few data to compare */
    ROUTE_INSUFFICIENT_DATA = 1 << 16,
    ROUTE_CACHED = 1 << 17,        /* X-Cache says if a response is HIT, MISS or STALE */
    ROUTE_STALE = 1 << 18,         /* while Redis is unavailable, sends an old copy, with Age */
    ROUTE_SUBMITS_BATCH = 1 << 19, /* responds with 202 and the Location of a batch */
    ROUTE_XAPI = 1 << 20,          /* responses have the headers X-Experience-API-... */
    /* a request is served however long it has waited (QUEUE_TIMEOUT_MS): for probes and scrapes */
    ROUTE_SERVED_LATE = 1 << 21,
    /* only the OpenAPI document uses this: requests must have the header X-Experience-API-Version
     */
    ROUTE_XAPI_VERSIONED = 1 << 22,
    ROUTE_WEBHOOK = 1 << 23, /* grants or denies the webhook handshake of CloudEvents */
    /* accepts CloudEvents in three forms, one of them with attributes in ce- headers, which an
     * Idempotency-Key then covers like the body */
    ROUTE_CLOUDEVENTS = 1 << 24,
    /* Dapr's sidecar delivers events here. It repeats what gets an error for ever, so the handler
     * accepts a body of any size that nginx passes on, and nginx drops what is larger (hazards
     * Y1). */
    ROUTE_DELIVERY = 1 << 25,
    /* accepts, besides tokens, the key and secret of a learning tool (HTTP Basic) */
    ROUTE_BASIC = 1 << 26,
};

/* A request that a client can make next with a value from the response, such as reading the status
 * of the batch that was submitted (OpenAPI, Link Object). A zeroed element ends the list. */
struct route_link {
    const char *name;      /* name of the link in the document */
    const char *operation; /* name of the route of the next request, such as batch-status */
    const char *parameter; /* parameter of the next request that receives the value */
    const char *value;     /* JSON Pointer to the value in the response, such as /batch_id */
};

struct route {
    const char *name; /* unique name in OpenAPI, rate limits and log, such as "mastery-query" */
    enum http_method method;
    const char *pattern;    /* main path, such as /api/v1/mastery/history/{student_id} */
    const char *aliases[4]; /* further paths with the same handler and rate limit; NULL: none */
    /* name of the route whose rate limit this route shares; NULL: it has a limit of its own */
    const char *bucket;
    int limit_per_minute;     /* most requests of one client in a minute; 0 with ROUTE_UNLIMITED */
    enum access access;       /* right that the caller needs */
    unsigned flags;           /* set of enum route_flag */
    const struct rule *rules; /* fields of path, query and body; NULL: no input */
    size_t input_size;        /* bytes of the input struct that the rules fill */
    route_check *check;       /* further check of the input; NULL: none */
    route_handler *handler;   /* does the work of the route, in steps */
    route_finalize *finalize; /* changes the complete response; NULL: none */
    int status;               /* HTTP status of success */
    int other_status;         /* a second status with the same response; 0: none */
    const struct rule *response; /* fields of the JSON response; NULL: the response is not JSON */
    const char *response_type;   /* content type of a response that is not JSON; else NULL */
    const char *summary;         /* summary for the OpenAPI document, one line */
    /* Media types of the body, the usual one first, ending with NULL. NULL: application/json. */
    const char *const *body_types;
    /* For the OpenAPI document, of a route that delegates to another one: the schema of the
     * payload, which is the other route's input. The body has its fields too, and the other route
     * validates them. NULL: the body has only the fields of the rules. */
    const struct rule_form *payload;
    /* For the OpenAPI document: writes the schema of a body that the handler parses by its own
     * tables; the rules then only have the example. NULL: the rules describe the schema. */
    void (*write_schema)(struct jw *w);
    /* requests that a client can make next, for the OpenAPI document; NULL: none */
    const struct route_link *links;
};

/* Returns the media types that the body of the route may have, ending with NULL. */
static inline const char *const *route_body_types(const struct route *route)
{
    static const char *const json_only[] = {"application/json", NULL};

    return route->body_types ? route->body_types : json_only;
}

/* Returns whether at least one rule of the route reads a field from the body. */
static inline bool route_has_body(const struct route *route)
{
    for (const struct rule *rule = route->rules; rule && rule->type != RULE_END; rule++) {
        if (rule->source == IN_BODY)
            return true;
    }
    return false;
}

/* Routes of one area (the routes of one subject, such as mastery or cohorts). */
struct route_table {
    const char *area;      /* name of the area, which is its OpenAPI tag */
    const struct route *v; /* array of n routes */
    size_t n;
    /* one sentence about the area; NULL: an earlier table of the same area has it */
    const char *description;
};

#endif
