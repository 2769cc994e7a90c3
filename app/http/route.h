/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A route: one row holds all facts about an endpoint. The router, nginx's locations and limits, the
 * OpenAPI document, the labels of metrics, access, audit and the role tests all read these rows. */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "app/http/request.h"
#include "app/http/rule.h"
#include "app/http/validate.h"

struct exchange;

enum step {
    STEP_MORE, /* commands are queued: call again when their replies have arrived */
    STEP_DONE, /* the response, or the problem, is complete */
};
typedef enum step route_handler(struct exchange *x);
/* Checks of the input that rules cannot express: false with field errors in the problem. Called
 * even when rules have failed, so that all failing fields are reported together. */
typedef bool route_check(struct exchange *x);
/* Changes the form of a complete response, be it a success or a problem. Called once. */
typedef void route_finalize(struct exchange *x);

/* The right that a route requires; auth/access.c has the table of rights by role. Below: what a
 * student may reach; a teacher; an admin. */
enum access {
    ACCESS_OPEN,           /* needs no token */
    ACCESS_ANY,            /* any valid token */
    ACCESS_ADMIN,          /* nothing; nothing; all */
    ACCESS_READ_STUDENT,   /* oneself; students of the own cohorts; all */
    ACCESS_WRITE_STUDENT,  /* as ACCESS_READ_STUDENT today, but a right of its own */
    ACCESS_EXPORT,         /* oneself; nothing; all: export, and decisions about consent */
    ACCESS_READ_COHORT,    /* nothing; own cohorts; all */
    ACCESS_COMPARE_COHORT, /* cohorts that contain oneself; own cohorts; all */
    ACCESS_HANDLER,        /* any valid token; the handler checks what the body names */
    ACCESSES
};

/* Flags of a route. The values are fixed by nothing outside the process. */
enum route_flag {
    ROUTE_HEAVY = 1 << 0,             /* one step of one heavy request a loop iteration */
    ROUTE_SIDECAR_ONLY = 1 << 1,      /* on the sidecar's listener only; 404 on others */
    ROUTE_BIG_BODY = 1 << 2,          /* bodies up to 4 MiB instead of 1 MiB */
    ROUTE_UNLIMITED = 1 << 3,         /* no rate limit */
    ROUTE_PERSONAL = 1 << 4,          /* personal data: Cache-Control: no-store, and audited */
    ROUTE_NETWORK_ALLOWLIST = 1 << 5, /* reachable from configured networks only (nginx) */
    ROUTE_SIDECAR_TRUSTED = 1 << 6,   /* the sidecar's token opens it and lifts its limit */
    ROUTE_DEFAULTS_TO_SELF = 1 << 7,  /* a student may leave student_id out, others must not */
    ROUTE_TOKEN_IN_BODY = 1 << 8,     /* the body may hold a token: security_context.token */
    ROUTE_RAW_BODY = 1 << 9,          /* the handler parses the body; rules only describe it */
    ROUTE_LIST_RESPONSE = 1 << 10,    /* a list of objects of `response`; NULL: of texts */
    ROUTE_IDEMPOTENT = 1 << 11,       /* takes an Idempotency-Key */
    ROUTE_STATIC_PAGE = 1 << 12,      /* a page that nginx has as a file */
    ROUTE_JOURNALED = 1 << 13,        /* its changes are audited from their journal entries */
    ROUTE_AUDIT_EACH = 1 << 14,       /* each request is an audit event (pipeline/audit_hook.h) */
    /* Only for the OpenAPI document: */
    ROUTE_CONFLICT = 1 << 15,          /* 409 also without an Idempotency-Key */
    ROUTE_INSUFFICIENT_DATA = 1 << 16, /* 422 when there is not enough data to compare */
    ROUTE_CACHED = 1 << 17,            /* header X-Cache */
    ROUTE_STALE = 1 << 18,             /* while Redis is unavailable: an old response with Age */
    ROUTE_SUBMITS_BATCH = 1 << 19,     /* 202 with the Location of a batch */
    ROUTE_XAPI = 1 << 20,              /* headers X-Experience-API-... in request and response */
};

struct route {
    const char *name; /* unique; in OpenAPI, limits, log: "mastery-query" */
    enum http_method method;
    const char *pattern;    /* the main path: /api/v1/mastery/history/{student_id} */
    const char *aliases[4]; /* more paths, with the same handler and rate limit */
    const char *bucket;     /* shares the rate limit of that route; NULL: its own */
    int limit_per_minute;   /* requests of one client; 0 with ROUTE_UNLIMITED */
    enum access access;
    unsigned flags;
    const struct rule *rules; /* of path, query and body; NULL: none */
    size_t input_size;        /* of the struct that the rules fill */
    route_check *check;       /* NULL: rules are enough */
    route_handler *handler;
    route_finalize *finalize;    /* NULL: nothing to change */
    int status;                  /* of success */
    int other_status;            /* a second status with the same response; 0: none */
    const struct rule *response; /* fields of the JSON response; NULL: not JSON */
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

/* The routes of one area. */
struct route_table {
    const char *area; /* OpenAPI tag */
    const struct route *v;
    size_t n;
};

#endif
