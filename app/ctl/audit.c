/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl audit: `list` prints records, `verify` checks the audit log. Each shard of the audit
 * log has two chains: of segments, which contain the records, and of seals, the form of schema 1,
 * where a seal is a MAC over the records since the previous seal and over that seal's MAC. The MAC
 * of the latest segment or seal is the chain's head. `verify` reads a chain link by link and
 * recomputes the MACs; the checks themselves are in app/service/audit_verify. The worker writes
 * heads to its log, as anchors: by these `verify` notices a chain whose end was cut off. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "app/ctl/audit_anchors.h"
#include "app/ctl/audit_newest.h"
#include "app/ctl/json_line.h"
#include "app/ctl/terminal.h"
#include "app/service/audit_archive.h"
#include "app/service/audit_segment_pack.h"
#include "app/service/audit_verify.h"
#include "app/store/keys.h"

enum action { VERIFY, LIST };
enum {
    SEGMENTS_A_STEP = 16,         /* segments that are read in one round trip */
    COUNTS_SCANNED = 2000,        /* about how many counts of a shard one HSCAN is to return */
    COUNTS_MAX = 8000,            /* most counts that it may return */
    SEALS_A_STEP = 32,            /* seals that are read in one round trip */
    RECORDS_MAX = AUDIT_PAGE_MAX, /* records that one seal can have */
};

static const char *const audit_actions[] = {"verify", "list", NULL};

struct audit_settings {
    int action;         /* enum action: verify or list */
    const char *anchor; /* path of the worker's log with anchors; NULL: none */
    int64_t limit;      /* number of records that `list` prints */
    /* `list`: only records of this actor, about this student, from and until this time (RFC 3339);
     * NULL: any */
    const char *user, *student, *since, *until;
    bool json;
};

/* Settings, connection and counts of one run of mastery-ctl audit. */
struct audit_run {
    const struct subcommand *command;
    const struct audit_settings *settings;
    struct engine engine;
    struct arena *arena;      /* replies; `verify` resets it before each page of a chain */
    struct arena *line_arena; /* for one line of the archive at a time */
    struct anchors anchors;
    struct audit_head heads[AUDIT_CHAINS][SHARDS]; /* as the worker stores them in Redis */
    uint64_t seals, records; /* numbers found intact: of seals and segments; of records */
    uint64_t shards, faults; /* number of shards with a chain; number of faults */
    struct json_line json;   /* with --json: the result of verify, while it is written */
    struct progress progress;
};

/* ---- verify ---- */

/* Returns the kind of item that has the fault: "record", "segment" or "seal". */
static const char *verify_kind(const struct audit_check *c)
{
    if (c->is_record)
        return "record";
    return c->chain == AUDIT_CHAIN_SEGMENTS ? "segment" : "seal";
}

/* Writes the fault as an object into the open array "faults". A fault of a whole chain, or of a
 * broken line of the archive, has no id; the latest MAC of the chain takes its place. */
static void verify_write_fault(struct jw *w, const struct audit_check *c)
{
    char shard[4];

    (void)snprintf(shard, sizeof(shard), "%02x", c->shard);
    jw_object(w, NULL);
    jw_text(w, "shard", shard);
    jw_text(w, "kind", verify_kind(c));
    jw_text(w, "id", *c->id ? c->id : c->link.head);
    jw_text(w, "fault", audit_fault_texts[c->fault]);
    jw_int(w, "seal_number", c->link.seal_number);
    jw_object_end(w);
}

/* Prints the fault that the check of a chain has found, and counts it in r->faults; does nothing if
 * there is no fault. A fault without an id is printed with the latest MAC of the chain. */
static void verify_report(struct audit_run *r, const struct audit_check *c)
{
    if (c->fault == AUDIT_INTACT)
        return;
    r->faults++;
    if (r->settings->json) {
        verify_write_fault(&r->json.w, c);
        return;
    }
    progress_clear();
    (void)printf("shard %02x: %s %s %s", c->shard, verify_kind(c), *c->id ? c->id : c->link.head,
                 audit_fault_texts[c->fault]);
    if (c->link.seal_number > 0)
        (void)printf(" (at %s %" PRId64 ")", c->chain == AUDIT_CHAIN_SEGMENTS ? "segment" : "seal",
                     c->link.seal_number);
    (void)putchar('\n');
}

/* Compares the seal (or segment) that was checked last with two copies of its MAC, which a forger
 * would have to change too: the head that the worker stores in Redis, and an anchor of the worker's
 * log. True when each copy equals the MAC or belongs to a seal with another number; else false with
 * the fault in c. */
static bool verify_known_heads(struct audit_run *r, struct audit_check *c)
{
    const struct audit_head *head = &r->heads[c->chain][c->shard];
    const struct anchor *anchor =
        anchors_from(&r->anchors, c->chain, c->shard, c->link.seal_number);

    if (head->exists && head->number == c->link.seal_number &&
        !audit_check_head(c, head->number, head->head))
        return false;
    return !anchor || anchor->number != c->link.seal_number ||
           audit_check_head(c, anchor->number, str_of(anchor->head));
}

/* Finds out whether a chain was cut off at its end. To be called when the last seal (or segment) in
 * Redis was checked: if a head or an anchor has a higher number, later ones were removed. True when
 * the chain is complete; false with the fault in c. */
static bool verify_last_seal(struct audit_run *r, struct audit_check *c)
{
    const struct audit_head *head = &r->heads[c->chain][c->shard];
    const struct anchor *anchor =
        anchors_from(&r->anchors, c->chain, c->shard, c->link.seal_number + 1);

    if (head->exists && head->number > c->link.seal_number)
        return audit_check_head(c, head->number, head->head);
    return !anchor || audit_check_head(c, anchor->number, str_of(anchor->head));
}

/* Queues the command that reads the records of one seal: those after the id `before` (all from the
 * first when it is empty), up to and including the id `last`. */
static struct command *verify_cmd_records(struct audit_run *r, struct pipeline *pipeline,
                                          unsigned shard, struct str before, struct str last)
{
    struct str from = before.n > 0 ? arena_printf(r->arena, "(%.*s", STR_ARG(before)) : STR("-");

    return audit_cmd_range(pipeline, AUDIT_STREAM_SCHEMA_1, shard, from, last, RECORDS_MAX);
}

/* Reads the records under n seals in one round trip, then checks seal by seal. False with a problem
 * in p when Redis fails. A fault of the audit log is no failure of this function: it ends the check
 * with true, and is in c. */
static bool verify_seals(struct audit_run *r, struct audit_check *c, const struct audit_seal *seals,
                         size_t n, struct problem *p)
{
    struct audit_entry *entries = arena_array(r->arena, RECORDS_MAX, sizeof(*entries));
    struct command *commands[SEALS_A_STEP];
    struct str before = arena_copy(r->arena, str_of(c->link.last_record_id));
    struct pipeline pipeline;
    size_t count;

    pipeline_init(&pipeline, r->arena, NULL /* owner */);
    for (size_t i = 0; i < n; i++) {
        commands[i] = verify_cmd_records(r, &pipeline, c->shard, before, seals[i].v[SEAL_LAST]);
        before = seals[i].v[SEAL_LAST];
    }
    if (!entries)
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    if (!entries || !subcommand_round_trip(&r->engine, &pipeline, p))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!audit_check_seal(c, &seals[i], r->arena) || !verify_known_heads(r, c))
            return true;
        if (!audit_parse_entries(commands[i], RECORDS_MAX, entries, &count, p))
            return false;
        if (!audit_check_records(c, &seals[i], entries, count, r->arena))
            return true;
    }
    return true;
}

/* Checks that the oldest record after the last seal is so young that the worker may not have sealed
 * it yet. An older one means that no worker seals records: a fault, which is then in c. False with
 * a problem in p when Redis fails. */
static bool verify_unsealed(struct audit_run *r, struct audit_check *c, struct problem *p)
{
    struct pipeline pipeline;
    struct command *command;
    struct audit_entry oldest;
    size_t n;

    arena_reset(r->arena);
    pipeline_init(&pipeline, r->arena, NULL /* owner */);
    command = audit_cmd_range(
        &pipeline, AUDIT_STREAM_SCHEMA_1, c->shard,
        *c->link.last_record_id ? arena_printf(r->arena, "(%s", c->link.last_record_id) : STR("-"),
        STR("+"), 1);
    if (!subcommand_round_trip(&r->engine, &pipeline, p) ||
        !audit_parse_entries(command, 1, &oldest, &n, p))
        return false;
    if (n > 0)
        /* a fault is in c->fault */
        (void)audit_check_unsealed(c, &oldest, store_now_ms(r->engine.store),
                                   0 /* sealed at once */);
    return true;
}

/* Checks the whole chain of seals of a shard, in pages of SEALS_A_STEP seals, until the end or the
 * first fault. False with a problem in p when Redis fails; otherwise c has the result of the check.
 * A page with fewer seals is the last one. "(" before an id means "after this id" to Redis. */
static bool verify_seal_chain(struct audit_run *r, struct audit_check *c, struct problem *p)
{
    char from[STREAM_ID_SIZE + 1] = "-";
    struct audit_seal seals[SEALS_A_STEP];
    size_t n = SEALS_A_STEP;

    while (n == SEALS_A_STEP && c->fault == AUDIT_INTACT) {
        struct pipeline pipeline;
        struct command *command;

        arena_reset(r->arena);
        pipeline_init(&pipeline, r->arena, NULL /* owner */);
        command = audit_seal_cmd_range(&pipeline, c->shard, str_of(from), SEALS_A_STEP);
        if (!subcommand_round_trip(&r->engine, &pipeline, p) ||
            !audit_seal_parse(command, SEALS_A_STEP, seals, &n, p))
            return false;
        if (n > 0)
            (void)snprintf(from, sizeof(from), "(%.*s", STR_ARG(seals[n - 1].id));
        if (!verify_seals(r, c, seals, n, p))
            return false;
    }
    if (c->fault != AUDIT_INTACT || !verify_last_seal(r, c))
        return true;
    return verify_unsealed(r, c, p);
}

/* ---- segments ---- */

/* Checks the ages of what is in the open segment (not packed and sealed yet): of its oldest record,
 * and of the counted accesses in one page of HSCAN. One that is older than AUDIT_SEAL_S and a
 * minute means that no worker closes segments: a fault, which is then in c. False with a problem in
 * p when Redis fails. */
static bool verify_open(struct audit_run *r, struct audit_check *c, struct problem *p)
{
    int64_t now_ms = store_now_ms(r->engine.store), seal_s = r->engine.config.audit_seal_s;
    struct pipeline pipeline;
    struct command *records, *counts;
    struct audit_counted_read *reads;
    struct audit_entry oldest;
    struct str cursor;
    size_t n;

    arena_reset(r->arena);
    reads = arena_array(r->arena, COUNTS_MAX, sizeof(*reads));
    pipeline_init(&pipeline, r->arena, NULL /* owner */);
    records = audit_cmd_range(&pipeline, AUDIT_STREAM_OPEN, c->shard, STR("-"), STR("+"), 1);
    counts =
        audit_cmd_scan_counts(&pipeline, AUDIT_STREAM_OPEN, c->shard, STR("0"), COUNTS_SCANNED);
    if (!reads)
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    if (!reads || !subcommand_round_trip(&r->engine, &pipeline, p) ||
        !audit_parse_entries(records, 1, &oldest, &n, p))
        return false;
    if (n > 0 && !audit_check_unsealed(c, &oldest, now_ms, seal_s))
        return true;
    if (!audit_parse_counts(counts, AUDIT_STREAM_OPEN, COUNTS_MAX, &cursor, reads, &n, p))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (audit_entry_of_count(r->arena, &reads[i], &oldest) &&
            !audit_check_unsealed(c, &oldest, now_ms, seal_s))
            return true;
    }
    return true;
}

/* Checks the segments of a shard that are in the archive (files in AUDIT_ARCHIVE_DIR). False when
 * the check ends here: with a fault in c, or because the archive cannot be read, which is reported
 * and counted in r->faults. */
static bool verify_archive(struct audit_run *r, struct audit_check *c)
{
    const char *folder = r->engine.config.audit_archive_dir;
    struct audit_archive_reader reader;
    struct audit_segment_text values;
    struct str text;
    bool intact = audit_archive_open(&reader, folder, c->shard, r->arena);
    enum audit_archive_read result = intact ? AUDIT_ARCHIVE_SEGMENT : AUDIT_ARCHIVE_ERROR;

    while (intact && result == AUDIT_ARCHIVE_SEGMENT) {
        arena_reset(r->line_arena);
        result = audit_archive_next(&reader, r->line_arena, &values, &text);
        if (result == AUDIT_ARCHIVE_SEGMENT)
            intact = audit_check_segment_text(c, &values, text) && verify_known_heads(r, c);
        else if (result == AUDIT_ARCHIVE_BROKEN)
            intact = audit_check_broken_line(c);
    }
    if (result == AUDIT_ARCHIVE_ERROR) {
        subcommand_error(r->command, "cannot read the archive in %s: %s", folder, strerror(errno));
        r->faults++;
    }
    audit_archive_close(&reader);
    return intact && result == AUDIT_ARCHIVE_END;
}

/* Returns whether the segment, read from Redis, was already checked in the archive: Redis has not
 * removed it yet. archived: number of the last segment in the archive; 0: none. That segment itself
 * must have the same head in Redis; otherwise the fault is in c. */
static bool verify_is_archived(struct audit_run *r, struct audit_check *c,
                               const struct audit_segment *segment, int64_t archived)
{
    struct audit_segment_text values;

    if (archived == 0 || !audit_segment_unpack(r->arena, segment, &values) ||
        values.link.number > archived)
        return false;
    (void)audit_check_head(c, values.link.number, str_of(values.link.head)); /* c has the fault */
    return true;
}

/* Checks the chain of segments of a shard, first in the archive, then in Redis in pages of
 * SEGMENTS_A_STEP, until the end or the first fault. A page with fewer segments is the last one.
 * "(" before an id means "after this id" to Redis. False with a problem in p when Redis fails;
 * otherwise c has the result. */
static bool verify_segment_chain(struct audit_run *r, struct audit_check *c, struct problem *p)
{
    char from[STREAM_ID_SIZE + 1] = "-";
    struct audit_segment segments[SEGMENTS_A_STEP];
    size_t n = SEGMENTS_A_STEP;
    int64_t archived;

    arena_reset(r->arena);
    if (*r->engine.config.audit_archive_dir && !verify_archive(r, c))
        return true;
    archived = c->link.seal_number;
    while (n == SEGMENTS_A_STEP) {
        struct pipeline pipeline;
        struct command *command;

        arena_reset(r->arena);
        pipeline_init(&pipeline, r->arena, NULL /* owner */);
        command =
            audit_segment_cmd_range(&pipeline, c->shard, str_of(from), STR("+"), SEGMENTS_A_STEP);
        if (!subcommand_round_trip(&r->engine, &pipeline, p) ||
            !audit_segment_parse(command, SEGMENTS_A_STEP, segments, &n, p))
            return false;
        for (size_t i = 0; i < n && c->fault == AUDIT_INTACT; i++) {
            if (!verify_is_archived(r, c, &segments[i], archived) &&
                audit_check_segment(c, &segments[i], r->arena))
                (void)verify_known_heads(r, c); /* a fault is in c */
        }
        if (c->fault != AUDIT_INTACT)
            return true;
        if (n > 0)
            (void)snprintf(from, sizeof(from), "(%.*s", STR_ARG(segments[n - 1].id));
    }
    return !verify_last_seal(r, c) || verify_open(r, c, p);
}

/* ---- all ---- */

/* Reads the heads that the worker stores in Redis and copies them to the arena `retained`, because
 * r->arena is reset. They are read before the seals: a head read after them could belong to a seal
 * that was added in between and that the check has not seen. False with a problem in p when Redis
 * fails. */
static bool verify_read_heads(struct audit_run *r, struct arena *retained, struct problem *p)
{
    struct pipeline pipeline;
    struct command *command;

    pipeline_init(&pipeline, r->arena, NULL /* owner */);
    command = audit_heads_cmd_get(&pipeline);
    if (!subcommand_round_trip(&r->engine, &pipeline, p) ||
        !audit_heads_parse(command, AUDIT_CHAIN_SEALS, r->heads[AUDIT_CHAIN_SEALS], p) ||
        !audit_heads_parse(command, AUDIT_CHAIN_SEGMENTS, r->heads[AUDIT_CHAIN_SEGMENTS], p))
        return false;
    for (size_t i = 0; i < (size_t)AUDIT_CHAINS * SHARDS; i++) {
        struct audit_head *head = &r->heads[i / SHARDS][i % SHARDS];

        if (head->exists)
            head->head = arena_copy(retained, head->head);
    }
    return true;
}

/* Prints the summary, or completes the JSON. Returns CTL_FAILED when a shard has a fault. */
static enum ctl_exit verify_print_summary(struct audit_run *r)
{
    enum ctl_exit status = r->faults > 0 ? CTL_FAILED : CTL_DONE;
    struct jw *w = &r->json.w;

    progress_clear();
    if (!r->settings->json) {
        (void)printf("%" PRIu64 " records under %" PRIu64 " seals in %" PRIu64 " shards, %" PRIu64
                     " faults\n",
                     r->records, r->seals, r->shards, r->faults);
        return status;
    }
    jw_array_end(w);
    jw_bool(w, "intact", r->faults == 0);
    jw_int(w, "records", (int64_t)r->records);
    jw_int(w, "seals", (int64_t)r->seals);
    jw_int(w, "shards", (int64_t)r->shards);
    return json_line_end(&r->json, r->command, status);
}

/* Verifies both chains of a shard, and reports and counts what was found. False with a problem in p
 * when Redis fails. */
static bool verify_shard(struct audit_run *r, unsigned shard, struct problem *p)
{
    int64_t retained_since_ms =
        subcommand_now_ms(&r->engine) - r->engine.config.audit_days * INT64_C(86400000);
    bool has_chain = false;

    for (enum audit_chain chain = 0; chain < AUDIT_CHAINS; chain++) {
        struct audit_check c = {.keys = &r->engine.audit_keys,
                                .chain = chain,
                                .shard = shard,
                                .retained_since_ms = retained_since_ms};

        if (!(chain == AUDIT_CHAIN_SEALS ? verify_seal_chain(r, &c, p)
                                         : verify_segment_chain(r, &c, p)))
            return false;
        verify_report(r, &c);
        r->seals += c.seals;
        r->records += c.records;
        has_chain = has_chain || c.seals > 0;
    }
    r->shards += has_chain;
    return true;
}

/* Verifies all shards and prints a summary. An error of Redis ends the run. A fault does not, so
 * that one run finds the first fault of each chain. Returns CTL_FAILED when there is a fault. */
static enum ctl_exit audit_verify_all(struct audit_run *r, struct arena *retained)
{
    struct problem p = {.code = PROBLEM_NONE};

    jw_array(json_line_begin(&r->json, retained), "faults");
    r->progress.what = "shards";
    if (!verify_read_heads(r, retained, &p))
        return subcommand_fail(r->command, &r->engine, &p);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        progress_draw(&r->progress, shard, SHARDS, -1);
        if (!verify_shard(r, shard, &p)) {
            progress_clear();
            return subcommand_fail(r->command, &r->engine, &p);
        }
    }
    return verify_print_summary(r);
}

/* Loads the anchors, if --anchor is given, then verifies: a file that cannot be read is reported
 * before the long check. anchors_release accepts anchors that were never loaded. */
static enum ctl_exit audit_verify_with_anchors(struct audit_run *r, struct arena *retained)
{
    enum ctl_exit status = CTL_FAILED;

    if (r->settings->anchor && !anchors_load(&r->anchors, r->settings->anchor))
        subcommand_error(r->command, "cannot read %s: %s", r->settings->anchor, strerror(errno));
    else
        status = audit_verify_all(r, retained);
    anchors_release(&r->anchors);
    return status;
}

/* Prints the newest records that pass the filters of the command line. */
static enum ctl_exit audit_list_newest(struct audit_run *r)
{
    const struct audit_newest newest = {.command = r->command,
                                        .engine = &r->engine,
                                        .arena = r->arena,
                                        .user = r->settings->user,
                                        .student = r->settings->student,
                                        .since = r->settings->since,
                                        .until = r->settings->until,
                                        .limit = (size_t)r->settings->limit,
                                        .json = r->settings->json};

    return audit_newest_print(&newest);
}

/* Runs `verify` or `list`; only `verify` needs the keys of the seals (ENGINE_SEALING). `arena`,
 * which is never reset, has what is too large for the stack, and copies that must outlive a reset
 * of r->arena. engine_close and arena_free accept what was never opened. */
static enum ctl_exit audit_run(const struct subcommand *command, const void *settings,
                               struct arena *arena)
{
    struct audit_run *r = arena_zalloc(arena, sizeof(*r));
    enum ctl_exit status = CTL_FAILED;

    if (!r)
        return CTL_FAILED;
    r->command = command;
    r->settings = settings;
    if (r->settings->anchor && r->settings->action != VERIFY)
        return subcommand_usage_error(command, "--anchor is for verify");
    if ((r->settings->user || r->settings->student || r->settings->since || r->settings->until) &&
        r->settings->action != LIST)
        return subcommand_usage_error(command, "--user, --student, --since, --until are for list");
    r->arena = arena_new(1 << 16, 256 << 20); /* bytes at first, and at most */
    r->line_arena = arena_new(1 << 16, 64 << 20);
    if (r->arena && r->line_arena &&
        engine_open(&r->engine, "mastery-ctl audit", /* no router: only metrics need it */ NULL,
                    r->settings->action == VERIFY ? ENGINE_SEALING : 0))
        status = r->settings->action == VERIFY ? audit_verify_with_anchors(r, arena)
                                               : audit_list_newest(r);
    engine_close(&r->engine);
    arena_free(r->line_arena);
    arena_free(r->arena);
    return status;
}

/* clang-format off */
static const struct option_rule audit_options[] = {
    {.name = "action", .value_name = "ACTION", .type = OPTION_OPERAND, .choices = audit_actions,
     .required = true,
     .offset = offsetof(struct audit_settings, action), .description = "verify or list"},
    {.name = "anchor", .value_name = "FILE", .type = OPTION_TEXT,
     .offset = offsetof(struct audit_settings, anchor),
     .description = "with verify: a worker's log with anchors to compare (-: stdin)"},
    {.name = "limit", .value_name = "N", .type = OPTION_INT, .min = 1, .max = 10000,
     .offset = offsetof(struct audit_settings, limit),
     .description = "with list: the newest N (100)"},
    {.name = "user", .value_name = "ID", .type = OPTION_ID,
     .offset = offsetof(struct audit_settings, user),
     .description = "with list: only what this user did (reads the log of every shard)"},
    {.name = "student", .value_name = "ID", .type = OPTION_ID,
     .offset = offsetof(struct audit_settings, student),
     .description = "with list: only what is about this student, the last minutes included"},
    {.name = "since", .value_name = "TIME", .type = OPTION_TEXT,
     .offset = offsetof(struct audit_settings, since),
     .description = "with list: only from this time on (RFC 3339)"},
    {.name = "until", .value_name = "TIME", .type = OPTION_TEXT,
     .offset = offsetof(struct audit_settings, until),
     .description = "with list: only until this time (RFC 3339)"},
    OPTION_JSON(audit_settings),
    {0},
};
/* clang-format on */

static const struct audit_settings audit_defaults = {.limit = 100};

const struct subcommand audit_subcommand = {
    .name = "audit",
    .summary = "Verifies the audit log, or prints its newest records",
    .description =
        "\nverify  recomputes each shard's chain with AUDIT_KEY and names the first "
        "record,\n"
        "        seal or segment that was changed, removed or inserted; exit status 1 then\n"
        "list    prints one line for each record, newest first\n",
    .json = "for verify an object: faults (shard, kind, id, fault, seal_number), intact, records, "
            "seals, shards; for list a line for each record: id, at, last, success, actor, role, "
            "action, "
            "resource, subject, correlation_id, count, details",
    .options = audit_options,
    .default_settings = &audit_defaults,
    .settings_size = sizeof(struct audit_settings),
    .run = audit_run,
};
