/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/pipeline/idempotency.h"

#include "app/base/digest.h"
#include "app/base/ids.h"
#include "app/store/idempotency.h"

/* A request has its key for REQUEST_DEADLINE_S and this margin. That bounds no request: the watch
 * is over a turn of the loop (base/deadline), a round ends after STORE_ROUND_TIMEOUT_MS, and few
 * rounds make a request, so nearly always it has ended long before, or its process has. A process
 * that was stopped, or a write behind many others of one student, may be later: then a repeat runs
 * beside it, and one of them counts (store/idempotency.h). */
enum { KEY_MAX = 128, MARGIN_S = 2, OWNER_BYTES = 8 };

struct idempotency {
    struct command *asked;
    struct str key; /* of the record in Redis */
    struct str marker;
    struct str digest; /* of the body: the same key with another body is a conflict */
    struct str owner;  /* this request, among those that may have the key */
    bool ours;         /* this request is the first */
};

static bool printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x20 || s.p[i] > 0x7e)
            return false;
    }
    return s.n >= 1 && s.n <= KEY_MAX;
}

static struct str hex_digest(struct arena *arena, struct str text)
{
    unsigned char digest[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];

    digest_sha256(text, digest);
    hex_print(digest, DIGEST_SIZE, hex);
    return arena_copy(arena, str_of(hex));
}

static struct str make_owner(struct arena *arena)
{
    unsigned char bytes[OWNER_BYTES];
    char hex[2 * OWNER_BYTES + 1];

    random_bytes(bytes, sizeof(bytes));
    hex_print(bytes, sizeof(bytes), hex);
    return arena_copy(arena, str_of(hex));
}

/* The caller's own name is part of the key, so nobody meets another's records. */
static struct idempotency *describe(struct exchange *x)
{
    struct idempotency *i = arena_zalloc(x->arena, sizeof(*i));
    struct str named =
        arena_printf(x->arena, "%s %.*s", x->route->name, STR_ARG(x->request.idempotency_key));
    struct str hash;

    if (!i || !named.p)
        return NULL;
    hash = hex_digest(x->arena, named);
    i->digest = hex_digest(x->arena, x->request.body);
    i->owner = make_owner(x->arena);
    i->key = idempotency_key(x->arena, role_names[x->caller.role], x->caller.user, hash);
    i->marker =
        arena_printf(x->arena, "idempotency:%.*s:%.*s", STR_ARG(x->caller.user), STR_ARG(hash));
    return hash.p && i->digest.p && i->owner.p && i->key.p && i->marker.p ? i : NULL;
}

bool idempotency_queue_acquire(struct exchange *x)
{
    struct idempotency *i;

    if (!(x->route->flags & ROUTE_IDEMPOTENT) || !x->request.idempotency_key.p)
        return true;
    if (!printable(x->request.idempotency_key)) {
        problem_field(&x->problem, x->arena, STR("Idempotency-Key"),
                      "must be 1 to 128 printable characters");
        return false;
    }
    x->idempotency = i = describe(x);
    if (!i) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    i->asked =
        idempotency_cmd_acquire(&x->pipeline, i->key, i->digest, i->owner,
                                (x->engine->config.request_deadline_s + MARGIN_S) * INT64_C(1000));
    if (exchange_subject(x).n > 0)
        idempotency_cmd_register(&x->pipeline, exchange_subject(x), i->key);
    return true;
}

static const char location[] = "Location";

static struct str location_of(const struct http_response *r)
{
    for (size_t i = 0; i < r->header_count; i++) {
        if (strcmp(r->headers[i].name, location) == 0)
            return r->headers[i].value;
    }
    return (struct str){0};
}

static void replay(struct exchange *x, const struct idempotency_record *record)
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

bool idempotency_on_replies(struct exchange *x)
{
    struct idempotency *i = x->idempotency;
    struct idempotency_record record;

    if (!i || x->round_trips != 1)
        return true;
    if (!idempotency_parse_acquire(i->asked, &record, &x->problem))
        return false;
    i->ours = record.state == IDEMPOTENCY_ACQUIRED;
    if (i->ours || x->problem.code != PROBLEM_NONE)
        return i->ours;
    if (!str_equal(record.digest, i->digest))
        problem_set(&x->problem, PROBLEM_CONFLICT,
                    "This Idempotency-Key has been used with another body");
    else if (record.state == IDEMPOTENCY_DONE)
        replay(x, &record);
    else
        problem_set(&x->problem, PROBLEM_CONFLICT,
                    "The first request with this Idempotency-Key is still under way");
    return false;
}

bool idempotency_queue_finish(struct exchange *x)
{
    struct idempotency *i = x->idempotency;

    if (!i || !i->ours)
        return false;
    i->ours = false;
    pipeline_clear(&x->pipeline);
    if (x->problem.code == PROBLEM_NONE && !x->response.body.failed && x->response.status < 300)
        idempotency_cmd_save(&x->pipeline, i->key, i->owner,
                             &(struct idempotency_record){.digest = i->digest,
                                                          .status = x->response.status,
                                                          .student = exchange_subject(x),
                                                          .location = location_of(&x->response),
                                                          .body = buf_view(&x->response.body)});
    else
        idempotency_cmd_release(&x->pipeline, i->key, i->owner);
    return true;
}

struct str idempotency_marker(const struct exchange *x)
{
    return x->idempotency ? x->idempotency->marker : (struct str){0};
}
