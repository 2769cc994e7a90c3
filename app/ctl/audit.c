/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl audit: checks the audit log, and shows its end. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "app/base/clock.h"
#include "app/ctl/audit_anchors.h"
#include "app/ctl/subcommand.h"
#include "app/service/audit_list.h"
#include "app/service/audit_verify.h"

enum action { VERIFY, LIST };
enum { SEALS_A_STEP = 32, RECORDS_MAX = AUDIT_PAGE_MAX };

static const char *const actions[] = {"verify", "list", NULL};

struct settings {
    int action;
    const char *anchor;
    int64_t limit;
};

struct run {
    const struct subcommand *command;
    const struct settings *settings;
    struct engine engine;
    struct arena *arena; /* of one step */
    struct anchors anchors;
    struct audit_head heads[SHARDS];
    uint64_t seals, records, shards, faults;
};

/* ---- verify ---- */

/* False when something is wrong, and told. */
static bool tell(struct run *r, const struct audit_check *c)
{
    if (c->fault == AUDIT_INTACT)
        return true;
    r->faults++;
    (void)printf("shard %02x: %s %s %s", c->shard, c->is_record ? "record" : "seal",
                 *c->id ? c->id : c->link.head, audit_fault_texts[c->fault]);
    if (c->link.seal_number > 0)
        (void)printf(" (at seal %" PRId64 ")", c->link.seal_number);
    (void)putchar('\n');
    return false;
}

/* What is known from elsewhere about the seal that has just been checked. */
static bool check_known(struct run *r, struct audit_check *c)
{
    const struct audit_head *head = &r->heads[c->shard];
    const struct anchor *anchor = anchors_from(&r->anchors, c->shard, c->link.seal_number);

    if (head->exists && head->number == c->link.seal_number &&
        !audit_check_head(c, head->number, head->head))
        return false;
    return !anchor || anchor->number != c->link.seal_number ||
           audit_check_head(c, anchor->number, str_of(anchor->head));
}

/* What is known of seals behind the last one that is there. */
static bool check_end(struct run *r, struct audit_check *c)
{
    const struct audit_head *head = &r->heads[c->shard];
    const struct anchor *anchor = anchors_from(&r->anchors, c->shard, c->link.seal_number + 1);

    if (head->exists && head->number > c->link.seal_number)
        return audit_check_head(c, head->number, head->head);
    return !anchor || audit_check_head(c, anchor->number, str_of(anchor->head));
}

static struct command *ask_records(struct run *r, struct pipeline *pipeline, unsigned shard,
                                   struct str before, struct str last)
{
    struct str from = before.n > 0 ? arena_printf(r->arena, "(%.*s", STR_ARG(before)) : STR("-");

    return audit_cmd_range(pipeline, shard, from, last, RECORDS_MAX);
}

/* Some seals, and the records under each: all that lie between it and the one before. */
static bool check_seals(struct run *r, struct audit_check *c, const struct audit_seal *seals,
                        size_t n, struct problem *p)
{
    struct audit_entry *entries = arena_array(r->arena, RECORDS_MAX, sizeof(*entries));
    struct command *asked[SEALS_A_STEP];
    struct str before = arena_copy(r->arena, str_of(c->link.last_record_id));
    struct pipeline pipeline;
    size_t count;

    pipeline_init(&pipeline, r->arena, NULL);
    for (size_t i = 0; i < n; i++) {
        asked[i] = ask_records(r, &pipeline, c->shard, before, seals[i].v[SEAL_LAST]);
        before = seals[i].v[SEAL_LAST];
    }
    if (!entries || !subcommand_round_trip(&r->engine, &pipeline, p))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!audit_check_seal(c, &seals[i], r->arena) || !check_known(r, c))
            return true;
        if (!audit_parse_entries(asked[i], RECORDS_MAX, entries, &count, p))
            return false;
        if (!audit_check_records(c, &seals[i], entries, count, r->arena))
            return true;
    }
    return true;
}

static bool check_unsealed(struct run *r, struct audit_check *c, struct problem *p)
{
    struct pipeline pipeline;
    struct command *command;
    struct audit_entry oldest;
    size_t n;

    arena_reset(r->arena);
    pipeline_init(&pipeline, r->arena, NULL);
    command = audit_cmd_range(
        &pipeline, c->shard,
        *c->link.last_record_id ? arena_printf(r->arena, "(%s", c->link.last_record_id) : STR("-"),
        STR("+"), 1);
    if (!subcommand_round_trip(&r->engine, &pipeline, p) ||
        !audit_parse_entries(command, 1, &oldest, &n, p))
        return false;
    if (n > 0)
        (void)audit_check_unsealed(c, &oldest, clock_wall_ms());
    return true;
}

/* False with p: it could not be looked at. Else c says what was found. */
static bool check_shard(struct run *r, struct audit_check *c, struct problem *p)
{
    char from[STREAM_ID_SIZE + 1] = "-";
    struct audit_seal seals[SEALS_A_STEP];
    size_t n = SEALS_A_STEP;

    while (n == SEALS_A_STEP && c->fault == AUDIT_INTACT) {
        struct pipeline pipeline;
        struct command *command;

        arena_reset(r->arena);
        pipeline_init(&pipeline, r->arena, NULL);
        command = audit_seal_cmd_range(&pipeline, c->shard, str_of(from), SEALS_A_STEP);
        if (!subcommand_round_trip(&r->engine, &pipeline, p) ||
            !audit_seal_parse(command, SEALS_A_STEP, seals, &n, p))
            return false;
        if (n > 0)
            (void)snprintf(from, sizeof(from), "(%.*s", STR_ARG(seals[n - 1].id));
        if (!check_seals(r, c, seals, n, p))
            return false;
    }
    if (c->fault != AUDIT_INTACT || !check_end(r, c))
        return true;
    return check_unsealed(r, c, p);
}

/* Before the seals: those may have become more in the meantime, not fewer. */
static bool read_heads(struct run *r, struct arena *kept, struct problem *p)
{
    struct pipeline pipeline;
    struct command *command;

    pipeline_init(&pipeline, r->arena, NULL);
    command = audit_heads_cmd_get(&pipeline);
    if (!subcommand_round_trip(&r->engine, &pipeline, p) ||
        !audit_heads_parse(command, r->heads, p))
        return false;
    for (size_t i = 0; i < SHARDS; i++) {
        if (r->heads[i].exists)
            r->heads[i].head = arena_copy(kept, r->heads[i].head);
    }
    return true;
}

static enum ctl_exit verify(struct run *r, struct arena *kept)
{
    struct problem p = {.code = PROBLEM_NONE};
    int64_t kept_since_ms = clock_wall_ms() - r->engine.config.audit_days * INT64_C(86400000);

    if (!read_heads(r, kept, &p))
        return subcommand_fail(r->command, &r->engine, &p);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        struct audit_check c = {
            .keys = &r->engine.audit_keys, .shard = shard, .retained_since_ms = kept_since_ms};

        if (!check_shard(r, &c, &p))
            return subcommand_fail(r->command, &r->engine, &p);
        (void)tell(r, &c);
        r->seals += c.seals;
        r->records += c.records;
        r->shards += c.seals > 0;
    }
    (void)printf("%" PRIu64 " records under %" PRIu64 " seals in %" PRIu64 " shards, %" PRIu64
                 " shards with faults\n",
                 r->records, r->seals, r->shards, r->faults);
    return r->faults > 0 ? CTL_FAILED : CTL_DONE;
}

static enum ctl_exit begin_verify(struct run *r, struct arena *kept)
{
    enum ctl_exit status = CTL_FAILED;

    if (r->settings->anchor && !anchors_load(&r->anchors, r->settings->anchor))
        subcommand_error(r->command, "cannot read %s: %s", r->settings->anchor, strerror(errno));
    else
        status = verify(r, kept);
    anchors_release(&r->anchors);
    return status;
}

/* ---- list ---- */

static void print_line(const struct audit_list_item *found)
{
    const struct audit_entry *e = &found->entry;
    char time[TIME_TEXT_SIZE];
    int64_t at_ms = 0;

    (void)stream_id_time(e->id, &at_ms);
    time_print(at_ms, time);
    (void)printf("%02x-%.*s  %s  %s  %.*s (%.*s)  %.*s  %.*s  %.*s  x%.*s  %.*s\n", found->shard,
                 STR_ARG(e->id), time, str_equal(e->v[AUDIT_SUCCESS], STR("1")) ? "done" : "FAILED",
                 STR_ARG(e->v[AUDIT_ACTOR]), STR_ARG(e->v[AUDIT_ROLE]), STR_ARG(e->v[AUDIT_ACTION]),
                 STR_ARG(e->v[AUDIT_RESOURCE]), STR_ARG(e->v[AUDIT_SUBJECT]),
                 STR_ARG(e->v[AUDIT_COUNT]), STR_ARG(e->v[AUDIT_DETAILS]));
}

static enum ctl_exit list(struct run *r)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct audit_list *l = arena_zalloc(r->arena, sizeof(*l));
    struct pipeline pipeline;

    if (!l)
        return CTL_FAILED;
    l->limit = (size_t)r->settings->limit;
    pipeline_init(&pipeline, r->arena, NULL);
    while (audit_list_step(l, &pipeline, &p) == STEP_MORE) {
        if (!subcommand_round_trip(&r->engine, &pipeline, &p))
            break;
    }
    if (p.code != PROBLEM_NONE)
        return subcommand_fail(r->command, &r->engine, &p);
    for (size_t i = 0; i < l->n; i++)
        print_line(&l->items[i]);
    return CTL_DONE;
}

static enum ctl_exit run(const struct subcommand *command, const void *settings,
                         struct arena *arena)
{
    struct run r = {.command = command, .settings = settings};
    enum ctl_exit status = CTL_FAILED;

    if (r.settings->anchor && r.settings->action != VERIFY)
        return subcommand_usage_error(command, "--anchor is for verify");
    r.arena = arena_new(1 << 16, 256 << 20);
    if (r.arena && engine_open(&r.engine, "mastery-ctl audit", NULL,
                               r.settings->action == VERIFY ? ENGINE_SEALING : 0))
        status = r.settings->action == VERIFY ? begin_verify(&r, arena) : list(&r);
    engine_close(&r.engine);
    arena_free(r.arena);
    return status;
}

/* clang-format off */
static const struct option_rule options[] = {
    {.name = "action", .value_name = "ACTION", .type = OPTION_OPERAND, .choices = actions, .required = true,
     .offset = offsetof(struct settings, action), .description = "verify or list"},
    {.name = "anchor", .value_name = "FILE", .type = OPTION_TEXT, .offset = offsetof(struct settings, anchor),
     .description = "with verify: a worker's log (- is standard input) to agree with"},
    {.name = "limit", .value_name = "N", .type = OPTION_INT, .min = 1, .max = 10000,
     .offset = offsetof(struct settings, limit), .description = "with list: the newest N (100)"},
    {0},
};
/* clang-format on */

static const struct settings presets = {.limit = 100};

const struct subcommand audit_subcommand = {
    .name = "audit",
    .summary = "Checks the audit log, and shows its newest records",
    .description =
        "\nverify  follows each shard's chain of seals with AUDIT_KEY, and names the first "
        "record or\n"
        "        seal of each shard that is not as it was sealed; exit status 1 then\n"
        "list    a line each, newest first\n",
    .options = options,
    .default_settings = &presets,
    .settings_size = sizeof(struct settings),
    .run = run,
};
