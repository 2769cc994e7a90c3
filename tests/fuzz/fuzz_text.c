/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Input: a byte that chooses a parser of a short text, then the text. What a parser accepts must
 * have the form that its header promises, and printed again give the same. */
#include <math.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include "app/base/base64.h"
#include "app/base/clock.h"
#include "app/base/percent.h"
#include "app/base/public_address.h"
#include "app/base/redis_url.h"
#include "app/http/query.h"
#include "app/http/request.h"
#include "app/obs/trace.h"
#include "app/service/audit_list.h"
#include "app/service/callback.h"
#include "app/service/json_mentions.h"
#include "app/store/batch_record.h"
#include "app/store/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_hex(const char *text, size_t n)
{
    require(strlen(text) == n && strspn(text, "0123456789abcdef") == n);
}

/* traceparent, newline, tracestate */
static void fuzz_trace(struct str text, struct arena *arena)
{
    struct str parent = str_cut(&text, '\n');
    struct trace trace, next;
    char printed[TRACEPARENT_SIZE];

    (void)arena;
    trace_begin(&trace, parent, text);
    require_hex(trace.trace_id, TRACE_ID_SIZE - 1);
    require_hex(trace.span_id, SPAN_ID_SIZE - 1);
    require(trace.state.n <= TRACESTATE_MAX && (trace.continued || trace.state.n == 0));
    trace_print(&trace, printed);
    trace_begin(&next, str_of(printed), trace.state);
    require(next.continued && strcmp(next.trace_id, trace.trace_id) == 0);
    require(str_equal(next.state, trace.state));
}

static void fuzz_accept(struct str text, struct arena *arena)
{
    (void)arena;
    for (int i = 0; i < 2; i++) {
        double quality =
            http_accept_quality(text, i ? STR("text/plain") : STR("application/openmetrics-text"));

        require(quality >= 0 && quality <= 1);
    }
    (void)http_media_type_is(text, STR("application/json"));
    (void)http_method_of(text);
}

static void fuzz_query(struct str text, struct arena *arena)
{
    struct query_parameter *first = NULL;
    char *decoded = arena_alloc(arena, text.n + 1);
    size_t n = 0;

    if (decoded && percent_decode(text, true, decoded, &n))
        require(n <= text.n);
    if (query_parse(text, arena, &first))
        require(first || text.n == 0 || text.p[0] == '&');
}

static void fuzz_base64(struct str text, struct arena *arena)
{
    struct str plain = base64_decode(text, arena), url = base64url_decode(text, arena);

    require(!plain.p || plain.n <= text.n / 4 * 3);
    require(!url.p || url.n == text.n * 3 / 4);
}

static void fuzz_redis_url(struct str text, struct arena *arena)
{
    struct redis_url url;
    const char *why = redis_url_parse(arena_copy(arena, text).p, &url);

    require(!why || *why);
    require(why || (url.path == NULL) == (url.host_count > 0));
    for (size_t i = 0; !why && i < url.host_count; i++)
        require(*url.hosts[i].name && url.hosts[i].port > 0 && url.hosts[i].port < 65536);
    require(why || url.host_count < 2 || url.master.n > 0 || url.is_cluster);
}

static void fuzz_clock(struct str text, struct arena *arena)
{
    char printed[TIME_TEXT_SIZE];
    int64_t at_ms, again_ms;
    int32_t day, again = 0;

    (void)arena;
    if (time_parse(text, &at_ms)) {
        time_print(at_ms, printed);
        require(time_parse(str_of(printed), &again_ms) && again_ms == at_ms);
    }
    if (day_parse(text, &day)) {
        day_print(day, printed);
        require(str_equal(str_of(printed), text) && day_parse(str_of(printed), &again));
        require(again == day && day_in_month(day) >= 1 && day_in_month(day) <= 31);
    }
}

/* two ids of entries of a stream, separated by a newline, and the whole as a cursor */
static void fuzz_stream_id(struct str text, struct arena *arena)
{
    struct audit_cursor cursor, again;
    char printed[AUDIT_CURSOR_SIZE];
    struct str rest = text, first = str_cut(&rest, '\n');
    int64_t at_ms;

    (void)arena;
    require(stream_id_compare(first, rest) == -stream_id_compare(rest, first) ||
            (stream_id_compare(first, rest) < 0) == (stream_id_compare(rest, first) > 0));
    require(!stream_id_time(first, &at_ms) || stream_id_compare(first, first) == 0);
    if (audit_cursor_parse(text, &cursor)) {
        audit_cursor_print(&cursor, printed);
        require(audit_cursor_parse(str_of(printed), &again) && again.shard == cursor.shard);
        require(strcmp(again.id, cursor.id) == 0);
    }
}

static void fuzz_callback(struct str text, struct arena *arena)
{
    static const struct config config = {.callback_hosts = "example.org, *.example.com, 10.0.0.1",
                                         .callback_secret = "a secret of the fuzzer, 32 bytes"};
    const char *why = callback_refusal(&config, text);

    (void)arena;
    require(!why || *why);
    require(why || (text.n > 8 && strncasecmp(text.p, "https://", 8) == 0));
}

static void fuzz_address(struct str text, struct arena *arena)
{
    struct sockaddr_storage address = {0};

    (void)arena;
    memcpy(&address, text.p, text.n < sizeof(address) ? text.n : sizeof(address));
    for (size_t n = 0; n <= text.n && n <= sizeof(address); n++)
        (void)address_is_public((const struct sockaddr *)&address, n);
}

static void fuzz_batch_item(struct str text, struct arena *arena)
{
    struct batch_item item, again;
    struct str printed;

    if (!batch_parse_item(text, &item) || !item.stated)
        return;
    printed = batch_print_item(arena, &item);
    require(batch_parse_item(printed, &again) && again.stated == item.stated);
    require(again.own_weights == item.own_weights);
}

static void fuzz_mentions(struct str text, struct arena *arena)
{
    (void)arena;
    (void)entry_belongs_to(text, STR("abc"));
}

static void (*const parsers[])(struct str text, struct arena *arena) = {
    fuzz_trace,     fuzz_accept,   fuzz_query,   fuzz_base64,     fuzz_redis_url, fuzz_clock,
    fuzz_stream_id, fuzz_callback, fuzz_address, fuzz_batch_item, fuzz_mentions,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(4096, 16 << 20);

    /* copied, so that the sanitizer sees where it ends */
    if (size > 0)
        parsers[data[0] % (sizeof(parsers) / sizeof(parsers[0]))](
            arena_copy(arena, (struct str){(const char *)data + 1, size - 1}), arena);
    arena_free(arena);
    return 0;
}
