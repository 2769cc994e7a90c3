/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Idempotency-Key of one exchange: from header to record and back. The record itself, and what
 * happens when two requests compete for it, is store/idempotency.c's. */
#include "app/pipeline/idempotency.h"

#include "app/base/digest.h"
#include "app/base/ids.h"
#include "app/store/idempotency.h"

/* A request owns its key for REQUEST_DEADLINE_S and this margin. Nothing ends a request at that
 * time: the watchdog bounds a loop iteration (runtime/watchdog.h), STORE_ROUND_TIMEOUT_MS a round
 * trip, and a request has few of these, so it has nearly always ended long before. A process that
 * was stopped, or a write that waited for many others of one student, may take longer. Then a
 * repetition runs at the same time, and only one of the two changes anything (store/idempotency.h).
 */
enum { KEY_MAX = 128, MARGIN_S = 2, OWNER_BYTES = 8 };

struct idempotency {
    struct command *acquire;
    struct str key;    /* Redis key of the record */
    struct str marker; /* id under which the change is recorded */
    struct str digest; /* SHA-256 of the body: the same key with another body is a conflict */
    struct str owner;  /* random token of this request */
    bool is_owner;     /* this request has acquired the key and must still give it back */
};

static bool idempotency_key_valid(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x20 || s.p[i] > 0x7e)
            return false;
    }
    return s.n >= 1 && s.n <= KEY_MAX;
}

/* SHA-256 as hex, so that keys of any length and bodies of any size cost the same. */
static struct str idempotency_digest(struct arena *arena, struct str text)
{
    unsigned char digest[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];

    digest_sha256(text, digest);
    hex_print(digest, DIGEST_SIZE, hex);
    return arena_copy(arena, str_of(hex));
}

/* Random, so that a request whose time is up cannot touch the record of a later owner. */
static struct str idempotency_new_owner(struct arena *arena)
{
    unsigned char bytes[OWNER_BYTES];
    char hex[2 * OWNER_BYTES + 1];

    random_bytes(bytes, sizeof(bytes));
    hex_print(bytes, sizeof(bytes), hex);
    return arena_copy(arena, str_of(hex));
}

/* The caller's role and id are part of the Redis key, so no caller can reach another's record; so
 * is the route, so one key may be used for two different requests. NULL without memory. */
static struct idempotency *idempotency_new(struct exchange *x)
{
    struct idempotency *i = arena_zalloc(x->arena, sizeof(*i));
    struct str named =
        arena_printf(x->arena, "%s %.*s", x->route->name, STR_ARG(x->request.idempotency_key));
    struct str hash;

    if (!i || !named.p)
        return NULL;
    hash = idempotency_digest(x->arena, named);
    i->digest = idempotency_digest(x->arena, x->request.body);
    i->owner = idempotency_new_owner(x->arena);
    i->key = idempotency_key(x->arena, role_names[x->caller.role], x->caller.user, hash);
    i->marker =
        arena_printf(x->arena, "idempotency:%.*s:%.*s", STR_ARG(x->caller.user), STR_ARG(hash));
    return hash.p && i->digest.p && i->owner.p && i->key.p && i->marker.p ? i : NULL;
}

bool idempotency_queue_acquire(struct exchange *x)
{
    struct idempotency *i;
    int64_t running_ms;

    if (!(x->route->flags & ROUTE_IDEMPOTENT) || !x->request.idempotency_key.p)
        return true;
    if (!idempotency_key_valid(x->request.idempotency_key)) {
        problem_field(&x->problem, x->arena, STR("Idempotency-Key"),
                      "must be 1 to 128 printable characters");
        return false;
    }
    x->idempotency = i = idempotency_new(x);
    if (!i) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    running_ms = (x->engine->config.request_deadline_s + MARGIN_S) * INT64_C(1000);
    i->acquire = idempotency_cmd_acquire(&x->pipeline, i->key, i->digest, i->owner, running_ms);
    if (exchange_subject(x).n > 0) /* so that an erasure finds the stored response */
        idempotency_cmd_register(&x->pipeline, exchange_subject(x), i->key);
    return true;
}

static const char location[] = "Location";

/* The only header that is replayed; all others are this request's own. */
static struct str idempotency_location(const struct http_response *r)
{
    for (size_t i = 0; i < r->header_count; i++) {
        if (strcmp(r->headers[i].name, location) == 0)
            return r->headers[i].value;
    }
    return (struct str){0};
}

/* The change was made by an earlier request, which has its own journal entry: unjournaled makes the
 * audit log record this one too. */
static void idempotency_replay(struct exchange *x, const struct idempotency_record *record)
{
    struct jw unused;

    x->unjournaled = true;
    http_response_json(&x->response, record->status, &unused);
    x->response.body.n = 0;
    buf_str(&x->response.body, record->body);
    if (record->location.n > 0)
        (void)http_response_header(&x->response, location, record->location);
    (void)http_response_header(&x->response, "Idempotency-Replayed", STR("true"));
}

/* Only the first round trip has the acquisition. */
bool idempotency_on_replies(struct exchange *x)
{
    struct idempotency *i = x->idempotency;
    struct idempotency_record record;

    if (!i || x->round_trips != 1)
        return true;
    if (!idempotency_parse_acquire(i->acquire, &record, &x->problem))
        return false;
    i->is_owner = record.state == IDEMPOTENCY_ACQUIRED;
    if (i->is_owner || x->problem.code != PROBLEM_NONE)
        return i->is_owner;
    if (!str_equal(record.digest, i->digest))
        problem_set(&x->problem, PROBLEM_CONFLICT,
                    "This Idempotency-Key has been used with another body");
    else if (record.state == IDEMPOTENCY_DONE)
        idempotency_replay(x, &record);
    else
        problem_set(&x->problem, PROBLEM_CONFLICT,
                    "The first request with this Idempotency-Key is still running");
    return false;
}

bool idempotency_queue_finish(struct exchange *x)
{
    struct idempotency *i = x->idempotency;

    if (!i || !i->is_owner)
        return false;
    i->is_owner = false;
    pipeline_clear(&x->pipeline);
    if (x->problem.code == PROBLEM_NONE && !x->response.body.failed && x->response.status < 300)
        idempotency_cmd_save(
            &x->pipeline, i->key, i->owner,
            &(struct idempotency_record){.digest = i->digest,
                                         .status = x->response.status,
                                         .student = exchange_subject(x),
                                         .location = idempotency_location(&x->response),
                                         .body = buf_view(&x->response.body)});
    else
        idempotency_cmd_release(&x->pipeline, i->key, i->owner);
    return true;
}

struct str idempotency_marker(const struct exchange *x)
{
    return x->idempotency ? x->idempotency->marker : (struct str){0};
}
