/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A route: one row says all there is to know about an endpoint. The router, nginx's locations and
 * limits, the OpenAPI document, the metrics' labels and the role tests all read these rows. */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "app/http/request.h"
#include "app/http/rule.h"
#include "app/http/validate.h"

struct exchange;

enum step {
    STEP_MORE, /* commands were asked for: call again when their replies are there */
    STEP_DONE, /* the response, or the problem, is complete */
};
typedef enum step route_handler(struct exchange *x);
/* What the rules cannot say about the input: false with field errors in the problem. Called even
 * when rules have failed, so that all failing fields are named together. */
typedef bool route_check(struct exchange *x);
/* The last word about an answer, a success or a problem that has been made one: its form. */
typedef void route_finalize(struct exchange *x);

/* What right a route asks for; auth/access.c has the table of who has it. */
enum access {
    ACCESS_OPEN, /* no token needed */
    ACCESS_ANY,  /* any valid token */
    ACCESS_ADMIN,
    ACCESS_READ_STUDENT,   /* own; students of a cohort that they teach; all */
    ACCESS_WRITE_STUDENT,  /* the same today; another row because it is another right */
    ACCESS_EXPORT,         /* own; no; all: export, consent given or withdrawn */
    ACCESS_READ_COHORT,    /* no; own; all */
    ACCESS_COMPARE_COHORT, /* one that contains oneself; own; all: comparing a student to it */
    ACCESS_HANDLER,        /* the handler checks what the body names, through auth/access */
    ACCESSES
};

enum route_flag {
    ROUTE_HEAVY = 1,              /* after the light ones, one a turn */
    ROUTE_SIDECAR_ONLY = 2,       /* on the sidecar's listener only; 404 elsewhere */
    ROUTE_BIG_BODY = 4,           /* up to 4 MiB instead of 1 MiB */
    ROUTE_UNLIMITED = 8,          /* no rate limit */
    ROUTE_PERSONAL = 16,          /* Cache-Control: no-store */
    ROUTE_NETWORK_ALLOWLIST = 32, /* reachable from configured networks only (nginx) */
    ROUTE_DEFAULTS_TO_SELF =
        128,                    /* a student who names nobody means himself; others must name one */
    ROUTE_SIDECAR_TRUSTED = 64, /* the sidecar's token opens it and lifts its limit */
    ROUTE_TOKEN_IN_BODY = 256,  /* a token may stand in the body: security_context.token */
    ROUTE_RAW_BODY = 512,       /* the handler reads the body; rules describe it, or its elements */
    ROUTE_IDEMPOTENT = 2048,    /* takes an Idempotency-Key: the first answer is replayed */
    ROUTE_LIST_RESPONSE = 1024, /* the answer is a list of what `answer` says; NULL: of texts */
    ROUTE_STATIC_PAGE = 4096,   /* a page that nginx has as a file */
    ROUTE_JOURNALED = 8192,   /* what it changes tells the audit log itself, through the journal */
    ROUTE_AUDIT_EACH = 16384, /* each request is an audit record by itself (routes/audited.h) */
    /* for the document: what its answers can be and have, beyond what other rows say */
    ROUTE_CONFLICT = 32768,          /* 409 without an Idempotency-Key */
    ROUTE_INSUFFICIENT_DATA = 65536, /* 422 when there is not enough to compare */
    ROUTE_CACHED = 131072,           /* X-Cache */
    ROUTE_STALE = 262144,            /* with Age, a copy while the store is away */
    ROUTE_SUBMITS_BATCH = 524288,    /* 202 with the Location of a batch */
    ROUTE_XAPI = 1048576,            /* X-Experience-API-..., taken and given */
};

#define NO_SUBJECT SIZE_MAX /* about nobody in particular: a list */

struct route {
    const char *name; /* operationId, limit bucket, log: "mastery-query" */
    enum http_method method;
    const char *pattern;    /* canonical: /api/v1/mastery/history/{student_id} */
    const char *aliases[4]; /* more patterns, same handler, same budget */
    const char *bucket;     /* shares the budget of that route name; NULL: its own */
    int limit_per_minute;
    enum access access;
    unsigned flags;
    const struct rule *rules; /* NULL: takes nothing */
    size_t input_size;
    size_t subject_offset; /* access about a student or cohort: offset of its struct str in the
                              input */
    route_check *check;    /* NULL: the rules say it all */
    route_handler *handler;
    route_finalize *finalize;    /* NULL: answers go out as they are */
    int status;                  /* of success */
    int other_status;            /* another one with the same answer; 0: none */
    const struct rule *response; /* fields of the JSON answer; NULL: not JSON */
    const char *response_type;   /* content type when not JSON */
    const char *body_type;       /* content type of a raw body; NULL: application/json */
    const char *summary;         /* one line for the OpenAPI document */
};

static inline bool route_has_body(const struct route *route)
{
    for (const struct rule *rule = route->rules; rule && rule->type != RULE_END; rule++) {
        if (rule->source == IN_BODY)
            return true;
    }
    return false;
}

/* An area's table. */
struct route_table {
    const char *area; /* OpenAPI tag */
    const struct route *v;
    size_t n;
};

#endif
