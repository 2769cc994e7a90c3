/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints the metrics in the text formats Prometheus 0.0.4 and OpenMetrics 1.0. A sample is one line
 * with a value; a family is all samples of one metric's name; a series is a name with one set of
 * label values. Both formats require that a family's samples follow each other. The counters of
 * metrics.def are always printed, also when they are 0. Numbers of requests are printed only for
 * endpoints and statuses that have occurred. No floating-point number is printed, so the locale has
 * no effect. */
#include <inttypes.h>
#include <stdio.h>

#include "app/obs/metrics_layout.h"
#include "app/obs/refusals.h"

#define PREFIX "mastery_engine_"

struct printer {
    const struct metrics *m; /* metrics whose totals are printed */
    struct buf *out;
    bool openmetrics; /* true: OpenMetrics; false: Prometheus text format */
};

/* The labels of one series as they are printed between the braces: name="value",name="value". */
struct series {
    char text[400];
    size_t n;
};

/* --- Parts of a sample's line --- */

/* Appends a label value and escapes backslash, quote and newline in it. A value that does not fit
 * is cut: each byte may need two bytes, and one more must stay free for the closing quote. */
static void series_put_escaped(struct series *series, const char *p, size_t n)
{
    for (size_t i = 0; i < n && series->n + 3 < sizeof(series->text); i++) {
        if (p[i] == '\\' || p[i] == '"' || p[i] == '\n')
            series->text[series->n++] = '\\';
        series->text[series->n++] = (char)(p[i] == '\n' ? 'n' : p[i]);
    }
}

/* Appends name="value", after a comma when there is a label already. */
static void series_put_label(struct series *series, struct str name, struct str value)
{
    const int n = snprintf(series->text + series->n, sizeof(series->text) - series->n, "%s%.*s=\"",
                           series->n > 0 ? "," : "", STR_ARG(name));

    assert(n > 0 && series->n + (size_t)n + 2 < sizeof(series->text));
    series->n += (size_t)n;
    series_put_escaped(series, value.p, value.n);
    series->text[series->n++] = '"';
}

/* Prints the lines HELP and TYPE of a family. suffix is "_total", "_info" or ""; in OpenMetrics the
 * name of the family is printed without it. */
static void print_family(const struct printer *printer, const char *name, const char *suffix,
                         const char *type, const char *help)
{
    const char *shown = printer->openmetrics ? "" : suffix;

    buf_printf(printer->out, "# HELP " PREFIX "%s%s %s\n", name, shown, help);
    buf_printf(printer->out, "# TYPE " PREFIX "%s%s %s\n", name, shown, type);
}

/* Prints the line UNIT of a family in OpenMetrics; the Prometheus format has no such line. */
static void print_unit(const struct printer *printer, const char *name, const char *unit)
{
    if (printer->openmetrics)
        buf_printf(printer->out, "# UNIT " PREFIX "%s %s\n", name, unit);
}

/* Prints the start of a sample: the name, the labels in braces if there are any, and a space. */
static void print_name(const struct printer *printer, const char *name, const char *suffix,
                       const struct series *labels)
{
    buf_str(printer->out, STR(PREFIX));
    buf_text(printer->out, name);
    buf_text(printer->out, suffix);
    if (labels->n > 0) {
        buf_char(printer->out, '{');
        buf_put(printer->out, labels->text, labels->n);
        buf_char(printer->out, '}');
    }
    buf_char(printer->out, ' ');
}

/* Prints one sample: name, labels, value, newline. */
static void print_sample(const struct printer *printer, const char *name, const char *suffix,
                         const struct series *labels, uint64_t value)
{
    print_name(printer, name, suffix, labels);
    buf_printf(printer->out, "%" PRIu64 "\n", value);
}

/* Prints a number of microseconds as seconds with six decimals, then a newline. */
static void print_seconds(const struct printer *printer, uint64_t us)
{
    buf_printf(printer->out, "%" PRIu64 ".%06" PRIu64 "\n", us / 1000000, us % 1000000);
}

/* --- Histograms --- */

/* Prints a bucket's upper bound in seconds to ret_text, without needless zeros: 0.0005, 2.5, 10. In
 * OpenMetrics one zero remains after the point: 10.0. */
static void print_bound(const struct printer *printer, uint64_t bound_us, char ret_text[32])
{
    int n =
        snprintf(ret_text, 32, "%" PRIu64 ".%06" PRIu64, bound_us / 1000000, bound_us % 1000000);

    while (ret_text[n - 1] == '0' && (ret_text[n - 2] != '.' || !printer->openmetrics))
        n--;
    if (ret_text[n - 1] == '.')
        n--;
    ret_text[n] = '\0';
}

/* Prints the samples of a histogram: one for each bucket, the sum of the durations, and their
 * number. In `cells` each bucket counts only its own range; the formats require cumulative buckets,
 * so `count` grows from bucket to bucket. */
static void print_histogram(const struct printer *printer, const char *name,
                            const struct series *labels, const uint64_t *cells,
                            const uint64_t *bounds_us)
{
    uint64_t count = 0;

    for (size_t i = 0; i < BUCKETS; i++) {
        struct series with_bound = *labels;
        char bound[32] = "+Inf";
        if (i < BOUNDS)
            print_bound(printer, bounds_us[i], bound);
        series_put_label(&with_bound, STR("le"), str_of(bound));
        count += cells[i];
        print_sample(printer, name, "_bucket", &with_bound, count);
    }
    print_name(printer, name, "_sum", labels);
    print_seconds(printer, cells[BUCKETS]);
    print_sample(printer, name, "_count", labels, count);
}

/* --- Families --- */

/* Returns the labels `method` and `endpoint` of an endpoint. */
static struct series endpoint_series(const struct printer *printer, size_t endpoint)
{
    struct series series = {.n = 0};

    series_put_label(&series, STR("method"), str_of(printer->m->endpoints[endpoint].method));
    series_put_label(&series, STR("endpoint"), str_of(printer->m->endpoints[endpoint].pattern));
    return series;
}

/* Prints the number of an endpoint's requests for each status that has occurred. */
static void print_endpoint_statuses(const struct printer *printer, size_t endpoint)
{
    const uint64_t *cells = printer->m->totals + metrics_endpoint_cell(endpoint);

    for (size_t i = 0; i < STATUSES; i++) {
        char status[16] = "other";
        if (cells[i] == 0)
            continue;
        if (metrics_statuses[i] != 0)
            (void)snprintf(status, sizeof(status), "%d", metrics_statuses[i]);
        struct series series = endpoint_series(printer, endpoint);
        series_put_label(&series, STR("status_code"), str_of(status));
        print_sample(printer, "http_requests", "_total", &series, cells[i]);
    }
}

/* Prints the counter of requests by endpoint and status. */
static void print_requests(const struct printer *printer)
{
    print_family(printer, "http_requests", "_total", "counter", "HTTP requests answered");
    for (size_t i = 0; i < printer->m->endpoint_count; i++)
        print_endpoint_statuses(printer, i);
}

/* Returns whether at least one of the n cells is not 0. */
static bool has_count(const uint64_t *cells, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (cells[i] > 0)
            return true;
    return false;
}

/* Prints a histogram of the durations for each endpoint that has had a request. */
static void print_durations(const struct printer *printer)
{
    const char *name = "http_request_duration_seconds";

    print_family(printer, name, "", "histogram", "Time from reading a request to its answer");
    print_unit(printer, name, "seconds");
    for (size_t i = 0; i < printer->m->endpoint_count; i++) {
        const uint64_t *cells = printer->m->totals + metrics_endpoint_cell(i) + STATUSES;
        if (!has_count(cells, BUCKETS))
            continue;
        const struct series series = endpoint_series(printer, i);
        print_histogram(printer, name, &series, cells, metrics_request_bounds_us);
    }
}

/* Prints a histogram of the processing times of batch jobs for each priority. */
static void print_batches(const struct printer *printer)
{
    const char *name = "batch_processing_duration_seconds";

    print_family(printer, name, "", "histogram", "Time from taking up a batch job to its end");
    print_unit(printer, name, "seconds");
    for (size_t i = 0; i < PRIORITIES; i++) {
        struct series series = {.n = 0};
        series_put_label(&series, STR("priority"), str_of(metrics_priorities[i]));
        print_histogram(printer, name, &series, printer->m->totals + metrics_batch_cell(i),
                        metrics_batch_bounds_us);
    }
}

/* Prints a counter of metrics.def for each combination of its label values, even when it is 0,
 * because Prometheus' function rate() needs a value before the first increase. The row's name ends
 * with _total, which is cut here; print_family and print_sample add it where the format has it. */
static void print_counter(const struct printer *printer, enum metric row)
{
    const struct counter_row *counter = &metrics_rows[row];
    const struct label_set *labels = &printer->m->labels[row];
    const uint64_t *cells = printer->m->totals + metrics_row_cell(row);
    const size_t values_a = metrics_label_values(labels, 0);
    const size_t values_b = metrics_label_values(labels, 1);
    char name[80];

    (void)snprintf(name, sizeof(name), "%.*s", (int)(strlen(counter->name) - strlen("_total")),
                   counter->name);
    print_family(printer, name, "_total", "counter", counter->help);
    for (size_t a = 0; a < values_a; a++) {
        for (size_t b = 0; b < values_b; b++) {
            struct series series = {.n = 0};
            if (labels->n > 0)
                series_put_label(&series, labels->v[0].name, labels->v[0].values[a]);
            if (labels->n > 1)
                series_put_label(&series, labels->v[1].name, labels->v[1].values[b]);
            print_sample(printer, name, "_total", &series, cells[a * values_b + b]);
        }
    }
}

/* Prints a gauge without labels and unit. */
static void print_gauge(const struct printer *printer, const char *name, const char *help,
                        int64_t value)
{
    print_family(printer, name, /* suffix */ "", "gauge", help);
    buf_printf(printer->out, PREFIX "%s %" PRId64 "\n", name, value);
}

/* Prints a gauge whose unit is seconds; the other gauges have none. A negative value is printed as
 * 0. */
static void print_gauge_seconds(const struct printer *printer, const char *name, const char *help,
                                int64_t value_ms)
{
    print_family(printer, name, "", "gauge", help);
    print_unit(printer, name, "seconds");
    print_name(printer, name, /* suffix */ "", /* no labels */ &(struct series){.n = 0});
    print_seconds(printer, (uint64_t)(value_ms > 0 ? value_ms : 0) * 1000);
}

/* Prints the gauges of the running processes; first those without a unit. */
static void print_gauges(const struct printer *printer, const struct metrics_live *live)
{
    static const struct {
        const char *name, *help;
    } gauge_texts[GAUGES] = {
        [GAUGE_ACTIVE_REQUESTS] = {"active_requests", "Requests being worked on"},
        [GAUGE_STORE_CONNECTIONS] = {"store_connections", "Open connections to Redis"},
        [GAUGE_STORE_IN_USE] = {"store_connections_in_use",
                                "Connections to Redis that wait for replies"},
        [GAUGE_SERVING] = {"processes_serving", "Processes that accept connections"},
        [GAUGE_PREDICTIONS_VERIFIED] = {"predictions_verified",
                                        "Predictions of the configured "
                                        "model about one of the last 28 days"},
        [GAUGE_PREDICTIONS_COVERED] = {"predictions_covered", "Those of predictions_verified whose "
                                                              "interval contains the true score"},
        [GAUGE_KEYS_REFUSED] = {"keys_refused", "Processes that keep old secrets because the files "
                                                "hold what cannot be taken"},
    };

    for (size_t i = 0; i < GAUGES; i++) {
        if (gauge_texts[i].name)
            print_gauge(printer, gauge_texts[i].name, gauge_texts[i].help, live->gauges[i]);
    }
    print_gauge_seconds(printer, "journal_lag_seconds",
                        "Longest time lately from a change to its journal entry being turned",
                        live->gauges[GAUGE_JOURNAL_LAG_MS]);
    print_gauge_seconds(printer, "clock_skew_seconds",
                        "Difference of this machine's clock to that of Redis, without its sign",
                        live->gauges[GAUGE_CLOCK_SKEW_MS]);
    print_gauge_seconds(printer, "provider_keys_age_seconds",
                        "Time since the identity provider's keys were fetched",
                        live->gauges[GAUGE_PROVIDER_AGE_MS]);
    print_gauge(printer, "processes", "Running processes that count here", live->processes);
}

/* Prints for each service the worst state of a circuit breaker, as its number in enum
 * breaker_gauge. */
static void print_breakers(const struct printer *printer, const struct metrics_live *live)
{
    static const char *const services[METRIC_SERVICES] = {
        [METRIC_SERVICE_REDIS] = "redis", [METRIC_SERVICE_DAPR] = "dapr"};

    print_family(printer, "circuit_breaker_state", "", "gauge",
                 "Worst circuit breaker of the running processes: 0 closed, 1 open, 2 half-open");
    for (size_t i = 0; i < METRIC_SERVICES; i++) {
        struct series series = {.n = 0};
        series_put_label(&series, STR("service"), str_of(services[i]));
        print_sample(printer, "circuit_breaker_state", "", &series,
                     (uint64_t)live->breakers[i].state);
    }
}

/* Prints how many responses nginx has made without the engine, for each status that it can make.
 * folder: the folder of nginx's counts (refusals.h). */
static void print_refusals(const struct printer *printer, const char *folder)
{
    const char *name = "nginx_refusals";

    print_family(printer, name, "_total", "counter",
                 "Error responses that nginx made itself, which http_requests_total does not have");
    for (int i = 0; i < REFUSAL_STATUSES; i++) {
        struct series labels = {.n = 0};
        char status[16];
        int n = snprintf(status, sizeof(status), "%d", refusal_statuses[i]);

        series_put_label(&labels, STR("status_code"), (struct str){status, (size_t)n});
        print_sample(printer, name, "_total", &labels, refusals_count(folder, refusal_statuses[i]));
    }
}

/* Prints build_info, a metric that always has the value 1; version and commit are its labels. */
static void print_build(const struct printer *printer, const char *version, const char *commit)
{
    struct series series = {.n = 0};

    print_family(printer, "build", "_info", printer->openmetrics ? "info" : "gauge",
                 "What is running");
    series_put_label(&series, STR("version"), str_of(version));
    series_put_label(&series, STR("commit"), str_of(commit));
    print_sample(printer, "build", "_info", &series, 1);
}

/* Adds up all slots, then prints family after family. out->failed is set when out of memory.
 * OpenMetrics requires the last line "# EOF". */
void metrics_print(struct metrics *metrics, struct buf *out, bool openmetrics, const char *version,
                   const char *commit, const char *refusals)
{
    const struct printer printer = {metrics, out, openmetrics};
    struct metrics_live live;

    metrics_sum(metrics, &live);
    print_build(&printer, version, commit);
    print_requests(&printer);
    print_durations(&printer);
    print_gauges(&printer, &live);
    print_breakers(&printer, &live);
    for (size_t i = 0; i < METRICS; i++)
        print_counter(&printer, (enum metric)i);
    print_batches(&printer);
    if (*refusals)
        print_refusals(&printer, refusals);
    if (openmetrics)
        buf_str(out, STR("# EOF\n"));
}
