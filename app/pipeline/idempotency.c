/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Idempotency-Key of one request. The header names a change that the client wants to be made
 * once even if it repeats the request. The record of a key in Redis says "running" or holds the
 * first response. This file acquires the record before the handler runs, replays a stored response,
 * and stores or releases the record at the end. store/idempotency.c has the record's format and
 * decides between two requests with the same key. */
#include "app/pipeline/idempotency.h"

#include "app/base/digest.h"
#include "app/base/ids.h"
#include "app/store/idempotency.h"
#include "app/store/lease.h"
#include "app/store/reply.h"

enum {
    KEY_MAX = 128,    /* most characters of an Idempotency-Key */
    OWNER_BYTES = 16, /* random bytes of the token by which a request owns its key */
};

struct idempotency {
    struct command *acquire; /* the command that acquires the key's record */
    /* the commands that add the record's key to a list of each student, by which an erasure finds
     * and deletes the record */
    struct command **registrations;
    size_t registration_count;
    struct command *save; /* stores the response; NULL: the request has no success to store */
    struct str key;       /* Redis key of the record of the Idempotency-Key */
    /* id for what this request writes; empty until the request owns the key */
    struct str marker;
    /* digest of this request (idempotency_digest_request); a record of the same key with another
     * digest is a conflict */
    struct str digest;
    struct str owner; /* random token; a script changes the record only while it has this token */
    /* this request owns the key, or may own it, and must store or release at the end */
    bool is_owner;
};

/* Returns whether the header is 1 to KEY_MAX printable ASCII characters. */
static bool idempotency_key_valid(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x20 || s.p[i] > 0x7e)
            return false;
    }
    return s.n >= 1 && s.n <= KEY_MAX;
}

/* Returns the SHA-256 of a text, in hex, so that long keys and large bodies need as little memory
 * in Redis as short ones. The text's p is NULL when out of memory. */
static struct str idempotency_digest(struct arena *arena, struct str text)
{
    unsigned char digest[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];

    digest_sha256(text, digest);
    hex_print(digest, DIGEST_SIZE, hex);
    return arena_copy(arena, str_of(hex));
}

/* Returns the SHA-256, in hex, of what the client requests: the body and, on routes where headers
 * (ce-...) may hold attributes of an event, those headers. Each header is preceded by its number
 * and ends with a line break, which no header contains; an empty line precedes the body. So two
 * different requests never give the same bytes. The p of the text is NULL when out of memory. */
static struct str idempotency_digest_request(const struct exchange *x)
{
    static const struct str numbers = STR_INIT("1234567"), line_break = STR_INIT("\n");
    const struct http_request *request = &x->request;
    const struct str attributes[] = {
        request->ce_id,      request->ce_source, request->ce_specversion,    request->ce_type,
        request->ce_subject, request->ce_time,   request->ce_datacontenttype};
    bool has_attributes = x->route->flags & ROUTE_CLOUDEVENTS;
    unsigned char bytes[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];
    struct digest digest;

    digest_init(&digest);
    for (size_t i = 0; has_attributes && i < sizeof(attributes) / sizeof(attributes[0]); i++) {
        if (attributes[i].n == 0)
            continue;
        digest_update(&digest, (struct str){numbers.p + i, 1});
        digest_update(&digest, attributes[i]);
        digest_update(&digest, line_break);
    }
    if (has_attributes)
        digest_update(&digest, line_break);
    digest_update(&digest, request->body);
    digest_final(&digest, bytes);
    hex_print(bytes, sizeof(bytes), hex);
    return arena_copy(x->arena, str_of(hex));
}

/* Returns a random token, in hex. The scripts in Redis compare it, so that a request whose
 * ownership has expired cannot change the record of a later owner. The p of the token is NULL when
 * out of memory. */
static struct str idempotency_new_owner(struct arena *arena)
{
    unsigned char bytes[OWNER_BYTES];
    char hex[2 * OWNER_BYTES + 1];

    random_bytes(bytes, sizeof(bytes));
    hex_print(bytes, sizeof(bytes), hex);
    return arena_copy(arena, str_of(hex));
}

/* Makes the state of the request's key: digest, owner's token and Redis key. The Redis key contains
 * the caller's role and id, so that no caller can reach the record of another, and the name of the
 * route, so that a client may use the same Idempotency-Key on two routes. Returns NULL when out of
 * memory. */
static struct idempotency *idempotency_new(struct exchange *x)
{
    struct idempotency *state = arena_zalloc(x->arena, sizeof(*state));
    struct str route_and_key =
        arena_printf(x->arena, "%s %.*s", x->route->name, STR_ARG(x->request.idempotency_key));
    struct str hash;

    if (!state || !route_and_key.p)
        return NULL;
    hash = idempotency_digest(x->arena, route_and_key);
    state->digest = idempotency_digest_request(x);
    state->owner = idempotency_new_owner(x->arena);
    state->key = idempotency_key(x->arena, role_names[x->caller.role], x->caller.user, hash);
    return hash.p && state->digest.p && state->owner.p && state->key.p ? state : NULL;
}

/* Queues the command that acquires the record of the key; idempotency_on_replies reads its reply.
 * Returns true without a command when the route or the request uses no key. Returns false, with
 * x->problem set, for an invalid key or when out of memory. */
bool idempotency_queue_acquire(struct exchange *x)
{
    struct str subject = exchange_subject(x);
    struct idempotency *state;
    int64_t running_ms;

    if (!(x->route->flags & ROUTE_IDEMPOTENT) || !x->request.idempotency_key.p)
        return true;
    if (!idempotency_key_valid(x->request.idempotency_key)) {
        problem_field(&x->problem, x->arena, STR("Idempotency-Key"),
                      "must be 1 to 128 printable characters");
        return false;
    }
    x->idempotency = state = idempotency_new(x);
    if (!state) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    /* How long this request owns the key. If its process dies, a repetition of the request has to
     * wait at most that long. If it takes longer (its process was stopped, or its write waited for
     * many others of the same student), both may run at the same time; only one of them makes the
     * change (store/idempotency.h). */
    running_ms = LEASE_REQUEST_MS + x->engine->config.store_round_timeout_ms;
    state->acquire =
        idempotency_cmd_acquire(&x->pipeline, state->key, state->digest, state->owner, running_ms);
    if (subject.n > 0)
        idempotency_queue_students(x, &(struct str_list){&subject, 1});
    return x->problem.code == PROBLEM_NONE;
}

void idempotency_queue_students(struct exchange *x, const struct str_list *students)
{
    struct idempotency *state = x->idempotency;

    if (!state || students->n == 0)
        return;
    state->registrations = arena_array(x->arena, students->n, sizeof(struct command *));
    if (!state->registrations) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    for (state->registration_count = 0; state->registration_count < students->n;
         state->registration_count++)
        state->registrations[state->registration_count] = idempotency_cmd_register(
            &x->pipeline, students->v[state->registration_count], state->key);
}

static const char location[] = "Location";

/* Returns the value of the response's Location header; its p is NULL without that header. Location
 * is the only header that is stored and replayed: a repetition makes all other headers itself. */
static struct str idempotency_location(const struct http_response *response)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcmp(response->headers[i].name, location) == 0)
            return response->headers[i].value;
    }
    return (struct str){0};
}

/* Responds with the stored response of the first request with this Idempotency-Key. This request
 * changes nothing, so there is no entry of it in the journal, from which a worker copies changes to
 * the audit log; `unjournaled` makes the audit log record the request without one. */
static void idempotency_replay(struct exchange *x, const struct idempotency_record *record)
{
    struct jw unused_writer;

    x->unjournaled = true;
    http_response_json(&x->response, record->status, &unused_writer);
    x->response.body.n = 0; /* drops the brace that http_response_json wrote */
    buf_str(&x->response.body, record->body);
    if (record->location.n > 0)
        (void)http_response_header(&x->response, location, record->location);
    (void)http_response_header(&x->response, "Idempotency-Replayed", STR("true"));
}

/* Only the first round trip acquires the key; after later ones there is nothing to check. A request
 * that does not own the key gets the stored response, or 409: while another request with the key is
 * running (a repetition may succeed later), or when the key was used with another body. A failed
 * registration ends the request, because an erasure would not find its response. record.effect: id
 * of the change, the same in repetitions. */
bool idempotency_on_replies(struct exchange *x)
{
    struct idempotency *state = x->idempotency;
    struct idempotency_record record;
    int64_t unused_listed;

    if (!state || x->round_trips != 1)
        return true;
    /* without a reply this request may own the key, and must then release it */
    state->is_owner = !state->acquire->reply;
    if (!idempotency_parse_acquire(state->acquire, state->owner, &record, &x->problem))
        return false;
    state->is_owner = record.state == IDEMPOTENCY_ACQUIRED;
    for (size_t k = 0; k < state->registration_count; k++) {
        if (!reply_expect_int(state->registrations[k]->reply, &unused_listed, &x->problem))
            return false;
    }
    if (state->is_owner) {
        state->marker = arena_printf(x->arena, "idempotency:%.*s", STR_ARG(record.effect));
        /* a repetition of the request is recognised by the marker: without it, it would make the
         * change again */
        if (!state->marker.p)
            problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
    }
    if (state->is_owner || x->problem.code != PROBLEM_NONE)
        return state->is_owner;
    if (!str_equal(record.digest, state->digest))
        problem_set(&x->problem, PROBLEM_CONFLICT,
                    "This Idempotency-Key has been used with another body");
    else if (record.state == IDEMPOTENCY_DONE)
        idempotency_replay(x, &record);
    else
        problem_busy(&x->problem, record.left_ms);
    return false;
}

/* Returns true when the change may have been made although the request does not end with success.
 * Only round trips after the first can write, and an error below 500 is a refusal before any write.
 * PROBLEM_NONE: the handler has made the change, but there was no memory for the response
 * (body.failed). */
static bool idempotency_outcome_unknown(const struct exchange *x)
{
    return x->round_trips > 1 &&
           (x->problem.code == PROBLEM_NONE || problem_status(x->problem.code) >= 500);
}

/* Saves the response when the request succeeded (status below 300), and releases the key after a
 * refusal. When the outcome is unknown, the record stays "running" (idempotency_cmd_end), but a
 * repetition with the same body may acquire it at once. */
bool idempotency_queue_finish(struct exchange *x)
{
    struct idempotency *state = x->idempotency;

    if (!state || !state->is_owner)
        return false;
    state->is_owner = false;
    pipeline_clear(&x->pipeline);
    if (x->problem.code == PROBLEM_NONE && !x->response.body.failed && x->response.status < 300)
        state->save = idempotency_cmd_save(
            &x->pipeline, state->key, state->owner,
            &(struct idempotency_record){.digest = state->digest,
                                         .status = x->response.status,
                                         .student = exchange_subject(x),
                                         .location = idempotency_location(&x->response),
                                         .body = buf_view(&x->response.body)});
    else if (idempotency_outcome_unknown(x))
        idempotency_cmd_end(&x->pipeline, state->key, state->owner);
    else
        idempotency_cmd_release(&x->pipeline, state->key, state->owner);
    return true;
}

/* A response that is not stored must not be sent, because a repetition of the request could not get
 * it. is_stored is 0 when the record has expired or belongs to another request. */
void idempotency_on_finish(struct exchange *x)
{
    const struct command *save = x->idempotency->save;
    int64_t is_stored = 0;

    if (save && reply_expect_int(save->reply, &is_stored, &x->problem) && !is_stored)
        problem_unavailable(&x->problem, /* retry_after_s */ 1);
}

struct str idempotency_marker(const struct exchange *x)
{
    return x->idempotency ? x->idempotency->marker : (struct str){0};
}
