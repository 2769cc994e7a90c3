/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "app/base/clock.h"
#include "app/obs/metrics_sample.h"

void metrics_tests(void);

enum { HEALTH, QUERY, OTHER, ENDPOINTS };

static const struct metrics_endpoint endpoints[ENDPOINTS] = {
    [HEALTH] = {"GET", "/health"},
    [QUERY] = {"POST", "/api/v1/mastery/history/{student_id}"},
    [OTHER] = {"other", "other"},
};

/* Each test has its own file, in its own directory. */
struct metrics_file {
    char directory[32];
    char path[64];
};

static struct metrics_file metrics_file_make(void)
{
    struct metrics_file file = {.directory = "/tmp/test-metrics-XXXXXX"};

    CU_ASSERT_FATAL(mkdtemp(file.directory) != NULL);
    (void)snprintf(file.path, sizeof(file.path), "%s/metrics", file.directory);
    return file;
}

/* Fails when the directory holds any other file. */
static void metrics_file_remove(const struct metrics_file *file)
{
    (void)unlink(file->path);
    CU_ASSERT_EQUAL(rmdir(file->directory), 0);
}

static struct metrics *open_metrics(const struct metrics_file *file)
{
    char error[200] = "";
    struct metrics *m = metrics_open(file->path, endpoints, ENDPOINTS, error);

    if (!m)
        CU_FAIL(error);
    CU_ASSERT_FATAL(m != NULL);
    return m;
}

static struct metrics_summary summary_of(struct metrics *m)
{
    struct metrics_summary summary;

    metrics_summarize(m, &summary);
    return summary;
}

/* --- Text --- */

/* Returns the whole text; the caller frees it. */
static char *print(struct metrics *m, bool openmetrics)
{
    struct arena *arena = arena_new(4096, 1 << 20);
    struct buf out;

    CU_ASSERT_FATAL(arena != NULL);
    buf_init(&out, arena);
    metrics_print(m, &out, openmetrics, "1.2.3", "ab\"c\\d", "");
    CU_ASSERT_FALSE(out.failed);
    const struct str view = buf_view(&out);
    char *text = strndup(view.p, view.n);
    CU_ASSERT_FATAL(text != NULL);
    CU_ASSERT_EQUAL(strlen(text), view.n);
    arena_free(arena);
    return text;
}

static bool has_line(const char *text, const char *line)
{
    char framed[400];

    (void)snprintf(framed, sizeof(framed), "\n%s\n", line);
    const bool there = strstr(text, framed) != NULL;
    if (!there)
        CU_FAIL(line);
    return there;
}

static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz_", name.p[i]))
            return false;
    return str_starts_with(name, STR("mastery_engine_"));
}

/* The family of the current line, and the state of its histogram. */
struct check {
    bool openmetrics, has_type;
    struct str family, type;
    double last_bucket, infinity;
    struct str seen[2000]; /* series, to find repeated ones */
    size_t seen_count;
};

static void check_comment(struct check *check, struct str line)
{
    (void)str_cut(&line, ' ');
    const struct str kind = str_cut(&line, ' '), name = str_cut(&line, ' ');

    CU_ASSERT(is_name(name));
    if (str_equal(kind, STR("HELP"))) {
        for (size_t i = 0; i < check->seen_count; i++) /* a family comes once */
            CU_ASSERT_FALSE(str_equal(check->seen[i], name));
        check->seen[check->seen_count++] = name;
        check->family = name;
        check->has_type = false;
        CU_ASSERT(line.n > 0);
    } else if (str_equal(kind, STR("TYPE"))) {
        CU_ASSERT(str_equal(name, check->family) && !check->has_type);
        check->type = line;
        check->has_type = true;
    } else {
        CU_ASSERT(check->openmetrics && str_equal(kind, STR("UNIT")));
        CU_ASSERT(str_equal(name, check->family) && str_equal(line, STR("seconds")));
    }
}

static bool suffix_fits(const struct check *check, struct str suffix)
{
    if (str_equal(check->type, STR("histogram")))
        return str_equal(suffix, STR("_bucket")) || str_equal(suffix, STR("_sum")) ||
               str_equal(suffix, STR("_count"));
    if (check->openmetrics && str_equal(check->type, STR("counter")))
        return str_equal(suffix, STR("_total"));
    if (check->openmetrics && str_equal(check->type, STR("info")))
        return str_equal(suffix, STR("_info"));
    return suffix.n == 0;
}

static void check_bucket(struct check *check, struct str series, struct str suffix, double value)
{
    if (str_equal(suffix, STR("_bucket"))) {
        CU_ASSERT(value >= check->last_bucket);
        check->last_bucket = value;
        if (memmem(series.p, series.n, "le=\"+Inf\"", 9)) {
            check->infinity = value;
            check->last_bucket = 0;
        }
    } else if (str_equal(suffix, STR("_count"))) {
        CU_ASSERT_EQUAL(value, check->infinity);
    }
}

static void check_sample(struct check *check, struct str line)
{
    const char *space = memrchr(line.p, ' ', line.n);

    CU_ASSERT_FATAL(space != NULL);
    const struct str series = {line.p, (size_t)(space - line.p)};
    const struct str value = {space + 1, line.n - series.n - 1};
    struct str rest = series;
    const struct str name = str_cut(&rest, '{');
    double number = -1;
    CU_ASSERT(is_name(name) && check->has_type && str_starts_with(name, check->family));
    const struct str suffix = {name.p + check->family.n, name.n - check->family.n};
    CU_ASSERT(suffix_fits(check, suffix));
    for (size_t i = 0; i < check->seen_count; i++)
        CU_ASSERT_FALSE(str_equal(check->seen[i], series) && series.n != check->family.n);
    CU_ASSERT_FATAL(check->seen_count < sizeof(check->seen) / sizeof(check->seen[0]));
    check->seen[check->seen_count++] = series;
    CU_ASSERT(str_to_double(value, &number) && number >= 0);
    check_bucket(check, series, suffix, number);
}

static void check_format(const char *text, bool openmetrics)
{
    struct check *check = calloc(1, sizeof(*check));
    struct str rest = str_of(text);

    CU_ASSERT_FATAL(check != NULL && rest.n > 0 && text[rest.n - 1] == '\n');
    check->openmetrics = openmetrics;
    while (rest.n > 0) {
        const struct str line = str_cut(&rest, '\n');
        CU_ASSERT(line.n > 0);
        if (str_equal(line, STR("# EOF"))) {
            CU_ASSERT(openmetrics && rest.n == 0);
        } else if (line.p[0] == '#') {
            check_comment(check, line);
        } else {
            check_sample(check, line);
        }
    }
    CU_ASSERT_EQUAL(openmetrics, strstr(text, "\n# EOF\n") != NULL);
    free(check);
}

static void count_some(struct metrics *m)
{
    metrics_observe_request(m, HEALTH, 200, 400);
    metrics_observe_request(m, HEALTH, 200, 500);
    metrics_observe_request(m, HEALTH, 503, 501);
    metrics_observe_request(m, QUERY, 418, 60000000);
    metrics_observe_request(m, OTHER, 404, -5);
    metrics_add(m, METRIC_EVENTS, "quiz.completed", "failed", 7);
    metrics_add(m, METRIC_CACHE_HITS, NULL, NULL, 3);
    metrics_observe_batch(m, "low", 0.0625);
    metrics_gauge_add(m, GAUGE_ACTIVE_REQUESTS, 2);
    metrics_gauge_add(m, GAUGE_ACTIVE_REQUESTS, -1);
    metrics_set_breaker(m, METRIC_SERVICE_REDIS, BREAKER_GAUGE_HALF_OPEN, 4, 1000);
}

#define P "mastery_engine_"

static const char *const prometheus_lines[] = {
    P "build_info{version=\"1.2.3\",commit=\"ab\\\"c\\\\d\"} 1",
    "# TYPE " P "build_info gauge",
    "# TYPE " P "http_requests_total counter",
    P "http_requests_total{method=\"GET\",endpoint=\"/health\",status_code=\"200\"} 2",
    P "http_requests_total{method=\"GET\",endpoint=\"/health\",status_code=\"503\"} 1",
    P "http_requests_total{method=\"POST\",endpoint=\"/api/v1/mastery/history/{student_id}\","
      "status_code=\"other\"} 1",
    P "http_requests_total{method=\"other\",endpoint=\"other\",status_code=\"404\"} 1",
    "# TYPE " P "http_request_duration_seconds histogram",
    P "http_request_duration_seconds_bucket{method=\"GET\",endpoint=\"/health\",le=\"0.0005\"} 2",
    P "http_request_duration_seconds_bucket{method=\"GET\",endpoint=\"/health\",le=\"0.001\"} 3",
    P "http_request_duration_seconds_bucket{method=\"GET\",endpoint=\"/health\",le=\"1\"} 3",
    P "http_request_duration_seconds_bucket{method=\"GET\",endpoint=\"/health\",le=\"2.5\"} 3",
    P "http_request_duration_seconds_bucket{method=\"GET\",endpoint=\"/health\",le=\"10\"} 3",
    P "http_request_duration_seconds_bucket{method=\"GET\",endpoint=\"/health\",le=\"+Inf\"} 3",
    P "http_request_duration_seconds_sum{method=\"GET\",endpoint=\"/health\"} 0.001401",
    P "http_request_duration_seconds_count{method=\"GET\",endpoint=\"/health\"} 3",
    P "active_requests 1",
    P "processes 1",
    P "circuit_breaker_state{service=\"redis\"} 2",
    P "circuit_breaker_state{service=\"dapr\"} 0",
    P "events_processed_total{event_type=\"quiz.completed\",status=\"failed\"} 7",
    P "events_processed_total{event_type=\"unknown\",status=\"failed\"} 0",
    P "mastery_calculations_total{result_type=\"stated\"} 0",
    P "cache_hits_total 3",
    P "batch_processing_duration_seconds_bucket{priority=\"low\",le=\"0.05\"} 0",
    P "batch_processing_duration_seconds_bucket{priority=\"low\",le=\"0.1\"} 1",
    P "batch_processing_duration_seconds_sum{priority=\"low\"} 0.062500",
    P "batch_processing_duration_seconds_count{priority=\"high\"} 0",
};

static const char *const openmetrics_lines[] = {
    "# TYPE " P "build info",
    P "build_info{version=\"1.2.3\",commit=\"ab\\\"c\\\\d\"} 1",
    "# TYPE " P "http_requests counter",
    P "http_requests_total{method=\"GET\",endpoint=\"/health\",status_code=\"200\"} 2",
    "# UNIT " P "http_request_duration_seconds seconds",
    P "http_request_duration_seconds_bucket{method=\"GET\",endpoint=\"/health\",le=\"1.0\"} 3",
    P "http_request_duration_seconds_bucket{method=\"GET\",endpoint=\"/health\",le=\"10.0\"} 3",
    P "http_request_duration_seconds_bucket{method=\"GET\",endpoint=\"/health\",le=\"0.025\"} 3",
    "# TYPE " P "cache_hits counter",
    P "cache_hits_total 3",
};

static void the_text_follows_prometheus_format_0_0_4(void)
{
    const struct metrics_file file = metrics_file_make();
    struct metrics *m = open_metrics(&file);

    count_some(m);
    char *text = print(m, false);
    check_format(text, false);
    for (size_t i = 0; i < sizeof(prometheus_lines) / sizeof(prometheus_lines[0]); i++)
        CU_ASSERT(has_line(text, prometheus_lines[i]));
    CU_ASSERT_PTR_NULL(strstr(text, "# UNIT"));
    free(text);
    metrics_close(m);
    metrics_file_remove(&file);
}

static void the_text_follows_openmetrics_1_0(void)
{
    const struct metrics_file file = metrics_file_make();
    struct metrics *m = open_metrics(&file);

    count_some(m);
    char *text = print(m, true);
    check_format(text, true);
    for (size_t i = 0; i < sizeof(openmetrics_lines) / sizeof(openmetrics_lines[0]); i++)
        CU_ASSERT(has_line(text, openmetrics_lines[i]));
    free(text);
    metrics_close(m);
    metrics_file_remove(&file);
}

static void requests_appear_once_they_occurred_and_counters_at_once(void)
{
    const struct metrics_file file = metrics_file_make();
    struct metrics *m = open_metrics(&file);
    char *text = print(m, false);

    check_format(text, false);
    CU_ASSERT_PTR_NULL(strstr(text, "_requests_total{"));
    CU_ASSERT_PTR_NULL(strstr(text, "request_duration_seconds_bucket{"));
    CU_ASSERT(has_line(text, P "redis_operations_total{operation=\"write\",status=\"timeout\"} 0"));
    free(text);
    metrics_close(m);
    metrics_file_remove(&file);
}

static void a_text_without_room_marks_its_buf(void)
{
    const struct metrics_file file = metrics_file_make();
    struct metrics *m = open_metrics(&file);
    struct arena *arena = arena_new(256, 2000);
    struct buf out;

    CU_ASSERT_FATAL(arena != NULL);
    buf_init(&out, arena);
    metrics_print(m, &out, false, "1", "2", "");
    CU_ASSERT(out.failed);
    arena_free(arena);
    metrics_close(m);
    metrics_file_remove(&file);
}

/* --- Processes --- */

/* Starts a process that counts requests, sets its gauges and waits to be killed. */
static pid_t start_process(const struct metrics_file *file, int requests)
{
    int ready[2];
    char byte = 0;

    CU_ASSERT_FATAL(pipe(ready) == 0);
    const pid_t pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        char error[200];
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* not to outlive a test that is broken off */
        struct metrics *m = metrics_open(file->path, endpoints, ENDPOINTS, error);
        for (int i = 0; m && i < requests; i++)
            metrics_observe_request(m, QUERY, 200, 1000);
        if (m) {
            metrics_gauge_add(m, GAUGE_ACTIVE_REQUESTS, 5);
            metrics_set_breaker(m, METRIC_SERVICE_REDIS, BREAKER_GAUGE_OPEN, 3, 77);
            (void)!write(ready[1], "r", 1);
        }
        for (;;)
            (void)pause();
    }
    CU_ASSERT_FATAL(read(ready[0], &byte, 1) == 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

/* Kills the process and waits until it is a zombie: its parent may not reap it for a while. */
static void kill_process(pid_t pid)
{
    siginfo_t about;

    CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &about, WEXITED | WNOWAIT), 0);
}

static void reap(pid_t pid)
{
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

static void a_killed_process_leaves_counters_but_no_gauges(void)
{
    const struct metrics_file file = metrics_file_make();
    struct metrics *m = open_metrics(&file);
    const pid_t child = start_process(&file, 10);

    metrics_observe_request(m, QUERY, 200, 1000);
    metrics_gauge_add(m, GAUGE_ACTIVE_REQUESTS, 1);
    struct metrics_summary summary = summary_of(m);
    CU_ASSERT_EQUAL(summary.requests_total, 11);
    CU_ASSERT_EQUAL(summary.active_requests, 6);
    CU_ASSERT_EQUAL(summary.live_processes, 2);
    CU_ASSERT_EQUAL(summary.breakers[METRIC_SERVICE_REDIS].state, BREAKER_GAUGE_OPEN);
    CU_ASSERT_EQUAL(summary.breakers[METRIC_SERVICE_REDIS].failures, 3);
    CU_ASSERT_EQUAL(summary.breakers[METRIC_SERVICE_REDIS].opened_at_ms, 77);

    kill_process(child);
    for (int reaped = 0; reaped < 2; reaped++) {
        summary = summary_of(m);
        CU_ASSERT_EQUAL(summary.requests_total, 11);
        CU_ASSERT_EQUAL(metrics_endpoint_total(m, QUERY), 11);
        CU_ASSERT_EQUAL(summary.active_requests, 1);
        CU_ASSERT_EQUAL(summary.live_processes, 1);
        CU_ASSERT_EQUAL(summary.breakers[METRIC_SERVICE_REDIS].state, BREAKER_GAUGE_CLOSED);
        if (reaped == 0)
            reap(child);
    }
    metrics_close(m);
    metrics_file_remove(&file);
}

static void a_slot_is_used_again_with_its_counters(void)
{
    const struct metrics_file file = metrics_file_make();
    struct metrics *m = open_metrics(&file);

    /* More than there are slots: without reuse the last ones would find none. */
    for (int i = 0; i < 150; i++) {
        const pid_t child = start_process(&file, 1);
        const struct metrics_summary summary = summary_of(m);
        CU_ASSERT_EQUAL(summary.active_requests, 5); /* of this child alone */
        CU_ASSERT_EQUAL(summary.requests_total, (uint64_t)i + 1);
        kill_process(child);
        reap(child);
    }
    metrics_close(m);
    metrics_file_remove(&file);
}

static void closing_gives_the_slot_back(void)
{
    const struct metrics_file file = metrics_file_make();
    struct metrics *m = open_metrics(&file);

    for (int i = 0; i < 300; i++) {
        struct metrics *other = open_metrics(&file);
        metrics_observe_request(other, HEALTH, 200, 1);
        metrics_gauge_add(other, GAUGE_STORE_IN_USE, 1);
        metrics_close(other);
    }
    const struct metrics_summary summary = summary_of(m);
    CU_ASSERT_EQUAL(summary.requests_total, 300);
    CU_ASSERT_EQUAL(summary.store_in_use, 0);
    CU_ASSERT_EQUAL(summary.live_processes, 1);
    metrics_close(m);
    metrics_close(NULL);
    metrics_file_remove(&file);
}

static void without_a_free_slot_opening_fails(void)
{
    const struct metrics_file file = metrics_file_make();
    struct metrics *all[128];
    char error[200] = "";

    for (int i = 0; i < 128; i++)
        all[i] = open_metrics(&file);
    CU_ASSERT_PTR_NULL(metrics_open(file.path, endpoints, ENDPOINTS, error));
    CU_ASSERT(strstr(error, "128") != NULL);
    for (int i = 0; i < 128; i++)
        metrics_close(all[i]);
    metrics_file_remove(&file);
}

static void processes_that_start_together_share_one_file(void)
{
    enum { CHILDREN = 16 };

    for (int round = 0; round < 10; round++) {
        const struct metrics_file file = metrics_file_make();
        pid_t children[CHILDREN];
        for (int i = 0; i < CHILDREN; i++) {
            children[i] = fork();
            CU_ASSERT_FATAL(children[i] >= 0);
            if (children[i] > 0)
                continue;
            char error[200];
            struct metrics *m = metrics_open(file.path, endpoints, ENDPOINTS, error);
            for (int n = 0; m && n < 1000; n++)
                metrics_observe_request(m, HEALTH, 200, 1);
            metrics_close(m);
            _exit(0);
        }
        for (int i = 0; i < CHILDREN; i++)
            reap(children[i]);
        struct metrics *m = open_metrics(&file);
        CU_ASSERT_EQUAL(metrics_endpoint_total(m, HEALTH), CHILDREN * 1000);
        metrics_close(m);
        metrics_file_remove(&file);
    }
}

static void the_worst_breaker_of_the_pool_is_shown(void)
{
    static const struct {
        enum breaker_gauge a, b, worst;
    } cases[] = {
        {BREAKER_GAUGE_CLOSED, BREAKER_GAUGE_CLOSED, BREAKER_GAUGE_CLOSED},
        {BREAKER_GAUGE_CLOSED, BREAKER_GAUGE_HALF_OPEN, BREAKER_GAUGE_HALF_OPEN},
        {BREAKER_GAUGE_OPEN, BREAKER_GAUGE_HALF_OPEN, BREAKER_GAUGE_OPEN},
        {BREAKER_GAUGE_HALF_OPEN, BREAKER_GAUGE_OPEN, BREAKER_GAUGE_OPEN},
    };
    const struct metrics_file file = metrics_file_make();
    struct metrics *a = open_metrics(&file), *b = open_metrics(&file);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        metrics_set_breaker(a, METRIC_SERVICE_DAPR, cases[i].a, 1, 0);
        metrics_set_breaker(b, METRIC_SERVICE_DAPR, cases[i].b, 2, 5);
        const struct metrics_summary summary = summary_of(a);
        CU_ASSERT_EQUAL(summary.breakers[METRIC_SERVICE_DAPR].state, cases[i].worst);
        CU_ASSERT_EQUAL(summary.breakers[METRIC_SERVICE_DAPR].failures, 3);
        CU_ASSERT_EQUAL(summary.breakers[METRIC_SERVICE_DAPR].opened_at_ms, 5);
        CU_ASSERT_EQUAL(summary.breakers[METRIC_SERVICE_REDIS].state, BREAKER_GAUGE_CLOSED);
    }
    metrics_close(a);
    metrics_close(b);
    metrics_file_remove(&file);
}

/* --- The file --- */

static void counters_outlive_all_processes(void)
{
    const struct metrics_file file = metrics_file_make();
    struct stat about;
    struct metrics *m = open_metrics(&file);

    metrics_observe_request(m, HEALTH, 200, 1);
    metrics_close(m);
    m = open_metrics(&file);
    CU_ASSERT_EQUAL(metrics_endpoint_total(m, HEALTH), 1);
    CU_ASSERT_EQUAL(stat(file.path, &about), 0);
    CU_ASSERT_EQUAL(about.st_mode & 07777, 0660);
    metrics_close(m);
    metrics_file_remove(&file);
}

static void another_layout_makes_the_file_anew(void)
{
    static const struct metrics_endpoint renamed[ENDPOINTS] = {
        {"GET", "/health"}, {"POST", "/elsewhere"}, {"other", "other"}};
    const struct metrics_file file = metrics_file_make();
    struct metrics *old = open_metrics(&file);
    char error[200];

    metrics_observe_request(old, HEALTH, 200, 1);
    struct metrics *new = metrics_open(file.path, renamed, ENDPOINTS, error);
    CU_ASSERT_FATAL(new != NULL);
    CU_ASSERT_EQUAL(metrics_endpoint_total(new, HEALTH), 0);
    metrics_observe_request(old, HEALTH, 200, 1); /* those that run on keep the old one */
    CU_ASSERT_EQUAL(metrics_endpoint_total(old, HEALTH), 2);
    CU_ASSERT_EQUAL(metrics_endpoint_total(new, HEALTH), 0);
    metrics_close(old);
    metrics_close(new);
    new = metrics_open(file.path, renamed, ENDPOINTS - 1, error); /* fewer of them */
    CU_ASSERT_PTR_NOT_NULL(new);
    metrics_close(new);
    metrics_file_remove(&file);
}

static void a_damaged_file_is_made_anew(void)
{
    const struct metrics_file file = metrics_file_make();
    static const off_t cut_to[] = {0, 1, 64, 100000};

    for (size_t i = 0; i < sizeof(cut_to) / sizeof(cut_to[0]); i++) {
        struct metrics *m = open_metrics(&file);
        metrics_observe_request(m, HEALTH, 200, 1);
        metrics_close(m);
        CU_ASSERT_EQUAL(truncate(file.path, cut_to[i]), 0);
        m = open_metrics(&file);
        CU_ASSERT_EQUAL(metrics_endpoint_total(m, HEALTH), 0);
        metrics_close(m);
    }
    metrics_file_remove(&file);
}

/* The file is shared: whatever is written into it, no process reads beyond its end. */
static void a_number_of_slots_beyond_the_file_is_not_believed(void)
{
    enum { SLOTS_USED_AT = 32 }; /* struct metrics_header in metrics_layout.h */
    static const uint64_t used = UINT64_C(1) << 40;
    const struct metrics_file file = metrics_file_make();
    struct metrics *m = open_metrics(&file);
    int fd = open(file.path, O_RDWR | O_CLOEXEC);

    metrics_observe_request(m, HEALTH, 200, 1);
    CU_ASSERT_EQUAL(pwrite(fd, &used, sizeof(used), SLOTS_USED_AT), sizeof(used));
    CU_ASSERT_EQUAL(metrics_endpoint_total(m, HEALTH), 1);
    CU_ASSERT_TRUE(metrics_take_permit(m, 1));
    metrics_reset(m);
    CU_ASSERT_EQUAL(metrics_endpoint_total(m, HEALTH), 0);
    CU_ASSERT_EQUAL(close(fd), 0);
    metrics_close(m);
    metrics_file_remove(&file);
}

static void a_path_that_cannot_be_is_an_error_that_names_it(void)
{
    char error[200] = "";

    CU_ASSERT_PTR_NULL(metrics_open("/nowhere/metrics", endpoints, ENDPOINTS, error));
    CU_ASSERT(strstr(error, "/nowhere/metrics") != NULL);
    CU_ASSERT_PTR_NULL(metrics_open("/tmp", endpoints, ENDPOINTS, error));
    CU_ASSERT(strstr(error, "/tmp") != NULL);
}

static void a_link_in_its_place_is_not_followed(void)
{
    const struct metrics_file file = metrics_file_make();
    char error[200] = "";

    CU_ASSERT_EQUAL(symlink("/tmp/test-metrics-elsewhere", file.path), 0);
    CU_ASSERT_PTR_NULL(metrics_open(file.path, endpoints, ENDPOINTS, error));
    metrics_file_remove(&file);
}

/* --- Summary --- */

static void reset_clears_counters_of_all_and_keeps_gauges(void)
{
    const struct metrics_file file = metrics_file_make();
    struct metrics *m = open_metrics(&file);
    const pid_t child = start_process(&file, 10);

    count_some(m);
    const int64_t before = clock_wall_ms();
    metrics_reset(m);
    const struct metrics_summary summary = summary_of(m);
    CU_ASSERT_EQUAL(summary.requests_total, 0);
    CU_ASSERT_EQUAL(summary.errors_total, 0);
    CU_ASSERT_EQUAL(summary.cache_hits, 0);
    CU_ASSERT_EQUAL(summary.average_latency_ms, 0);
    CU_ASSERT_EQUAL(summary.p99_ms, 0);
    CU_ASSERT_EQUAL(summary.active_requests, 6);
    CU_ASSERT_EQUAL(summary.breakers[METRIC_SERVICE_REDIS].state, BREAKER_GAUGE_OPEN);
    CU_ASSERT(summary.counting_since_ms >= before);
    char *text = print(m, false);
    CU_ASSERT_PTR_NULL(strstr(text, "_requests_total{"));
    CU_ASSERT(has_line(text, P "batch_processing_duration_seconds_sum{priority=\"low\"} 0.000000"));
    free(text);
    kill_process(child);
    reap(child);
    metrics_close(m);
    metrics_file_remove(&file);
}

static void errors_are_statuses_from_500_on(void)
{
    static const int statuses[] = {200, 204, 400, 404, 429, 500, 502, 503, 504, 418};
    const struct metrics_file file = metrics_file_make();
    struct metrics *m = open_metrics(&file);

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        metrics_observe_request(m, i % ENDPOINTS, statuses[i], 2000);
    const struct metrics_summary summary = summary_of(m);
    CU_ASSERT_EQUAL(summary.requests_total, 10);
    CU_ASSERT_EQUAL(summary.errors_total, 4);
    CU_ASSERT_DOUBLE_EQUAL(summary.average_latency_ms, 2, 1e-9);
    metrics_close(m);
    metrics_file_remove(&file);
}

/* Requests as count and duration, and the percentiles that result. */
static const struct {
    struct {
        int count;
        int64_t us;
    } requests[3];
    double p50_ms, p95_ms, p99_ms;
} distributions[] = {
    {{{100, 300}}, 0.25, 0.475, 0.495},                       /* spread over 0 to 0.5 ms */
    {{{50, 400}, {50, 800}}, 0.5, 0.95, 0.99},                /* half in each of the first two */
    {{{90, 400}, {10, 90000}}, 0.2777778, 75, 95},            /* 50 to 100 ms */
    {{{98, 400}, {2, 60000000}}, 0.255102, 0.4846939, 10000}, /* beyond the last bound */
    {{{1, 1500}}, 1.75, 2.425, 2.485},
};

static void percentiles_are_interpolated_inside_buckets(void)
{
    const struct metrics_file file = metrics_file_make();
    struct metrics *m = open_metrics(&file);

    for (size_t i = 0; i < sizeof(distributions) / sizeof(distributions[0]); i++) {
        metrics_reset(m);
        for (size_t j = 0; j < 3; j++)
            for (int n = 0; n < distributions[i].requests[j].count; n++)
                metrics_observe_request(m, (size_t)n % ENDPOINTS, 200,
                                        distributions[i].requests[j].us);
        const struct metrics_summary summary = summary_of(m);
        CU_ASSERT_DOUBLE_EQUAL(summary.p50_ms, distributions[i].p50_ms, 1e-6);
        CU_ASSERT_DOUBLE_EQUAL(summary.p95_ms, distributions[i].p95_ms, 1e-6);
        CU_ASSERT_DOUBLE_EQUAL(summary.p99_ms, distributions[i].p99_ms, 1e-6);
    }
    metrics_close(m);
    metrics_file_remove(&file);
}

/* A reader owns no slot, changes nothing, and measures what happened between two samples. */
static void a_reader_measures_the_interval_between_two_samples(void)
{
    struct metrics_file file = metrics_file_make();
    struct metrics *m = open_metrics(&file);
    static struct metrics_sample before, after;
    const struct metrics_process *own;
    struct metrics *reader;
    char error[200];

    metrics_observe_request(m, QUERY, 200, 400000); /* before the interval */
    reader = metrics_open_reader(file.path, endpoints, ENDPOINTS, error);
    CU_ASSERT_FATAL(reader != NULL);
    metrics_take_sample(reader, &before);
    for (int i = 0; i < 99; i++)
        metrics_observe_request(m, HEALTH, 200, 700);
    metrics_observe_request(m, QUERY, 503, 30000);
    metrics_gauge_add(m, GAUGE_ACTIVE_REQUESTS, 3);
    metrics_take_sample(reader, &after);
    CU_ASSERT_EQUAL(after.requests - before.requests, 100);
    CU_ASSERT_EQUAL(after.errors - before.errors, 1);
    CU_ASSERT(metrics_sample_percentile_ms(&before, &after, 0.5) < 1);
    CU_ASSERT(metrics_sample_percentile_ms(&before, &after, 0.999) > 20);
    CU_ASSERT(metrics_sample_percentile_ms(&before, &after, 0.999) < 100);
    CU_ASSERT_DOUBLE_EQUAL(metrics_sample_mean_ms(&before, &after), (99 * 0.7 + 30) / 100, 1e-9);
    CU_ASSERT_EQUAL_FATAL(after.n, 1);
    own = metrics_sample_find(&after, getpid(), after.processes[0].slot);
    CU_ASSERT_PTR_NOT_NULL_FATAL(own);
    CU_ASSERT_EQUAL(own->requests, 101);
    CU_ASSERT_EQUAL(own->active, 3);
    metrics_reset(m);
    metrics_observe_request(m, HEALTH, 200, 700);
    before = after;
    metrics_take_sample(reader, &after); /* counts that were reset are those since then */
    CU_ASSERT_DOUBLE_EQUAL(metrics_sample_mean_ms(&before, &after), 0.7, 1e-9);
    metrics_close(reader);
    CU_ASSERT_EQUAL(summary_of(m).live_processes, 1);
    metrics_close(m);
    metrics_file_remove(&file);
}

static void a_reader_makes_and_replaces_no_file(void)
{
    struct metrics_file file = metrics_file_make();
    char error[200] = "";

    CU_ASSERT_PTR_NULL(metrics_open_reader(file.path, endpoints, ENDPOINTS, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "No such file"));
    CU_ASSERT_EQUAL(access(file.path, F_OK), -1);
    metrics_close(open_metrics(&file));
    CU_ASSERT_PTR_NULL(metrics_open_reader(file.path, endpoints, ENDPOINTS - 1, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "of another version"));
    metrics_file_remove(&file);
}

static void every_label_combination_has_a_cell_of_its_own(void)
{
    static const char *const types[] = {
        "exercise.completed", "quiz.completed",   "lesson.viewed", "content.rated",
        "milestone.reached",  "quality.assessed", "unknown"};
    static const char *const statuses[] = {"accepted", "duplicate", "rejected", "failed",
                                           "ignored"};
    const struct metrics_file file = metrics_file_make();
    struct metrics *m = open_metrics(&file);
    uint64_t total = 0;

    for (size_t i = 0; i < 7; i++)
        for (size_t j = 0; j < 5; j++)
            metrics_add(m, METRIC_EVENTS, types[i], statuses[j], UINT64_C(1) << total++);
    metrics_add(m, METRIC_SPANS, NULL, NULL, 1000);
    char *text = print(m, false);
    const char *at = text;
    for (uint64_t i = 0; i < total; i++) {
        at = strstr(at, "\n" P "events_processed_total{");
        CU_ASSERT_FATAL(at != NULL);
        at = strchr(at, '}') + 2;
        CU_ASSERT_EQUAL(strtoull(at, NULL, 10), UINT64_C(1) << i);
    }
    CU_ASSERT(has_line(text, P "trace_spans_total 1000"));
    free(text);
    metrics_close(m);
    metrics_file_remove(&file);
}

static void odd_batch_durations_are_counted_as_0_or_the_longest(void)
{
    static const double seconds[] = {-1, 0, __builtin_nan(""), __builtin_inf(), 1e300};
    const struct metrics_file file = metrics_file_make();
    struct metrics *m = open_metrics(&file);

    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
        metrics_observe_batch(m, "high", seconds[i]);
    char *text = print(m, false);
    CU_ASSERT(has_line(
        text, P "batch_processing_duration_seconds_bucket{priority=\"high\",le=\"0.05\"} 3"));
    CU_ASSERT(has_line(text, P "batch_processing_duration_seconds_count{priority=\"high\"} 5"));
    free(text);
    metrics_close(m);
    metrics_file_remove(&file);
}

#undef P

/* --- The permit to retire --- */

static struct metrics *open_serving(const struct metrics_file *file)
{
    struct metrics *m = open_metrics(file);

    metrics_gauge_set(m, GAUGE_SERVING, 1);
    return m;
}

static void one_process_retires_at_a_time(void)
{
    const struct metrics_file file = metrics_file_make();
    struct metrics *a = open_serving(&file), *b = open_serving(&file),
                   *worker = open_metrics(&file);

    CU_ASSERT_TRUE(metrics_take_permit(a, 1000));
    CU_ASSERT_FALSE(metrics_take_permit(b, 2000));
    metrics_close(a);
    CU_ASSERT_FALSE(metrics_take_permit(b, 3000)); /* nobody is in its place yet */
    a = open_metrics(&file);
    CU_ASSERT_FALSE(metrics_take_permit(b, 4000)); /* its replacement does not serve yet */
    metrics_gauge_set(a, GAUGE_SERVING, 1);
    CU_ASSERT_TRUE(metrics_take_permit(b, 5000));
    metrics_close(worker);
    metrics_close(b);
    metrics_close(a);
    metrics_file_remove(&file);
}

static void a_smaller_pool_retires_after_ten_seconds(void)
{
    const struct metrics_file file = metrics_file_make();
    struct metrics *a = open_serving(&file), *b = open_serving(&file), *c = open_serving(&file);

    CU_ASSERT_TRUE(metrics_take_permit(a, 1000));
    metrics_close(a);
    CU_ASSERT_FALSE(metrics_take_permit(b, 60000)); /* the ten seconds begin here */
    CU_ASSERT_FALSE(metrics_take_permit(c, 69999));
    CU_ASSERT_TRUE(metrics_take_permit(c, 70000));
    metrics_close(c);
    CU_ASSERT_FALSE(metrics_take_permit(b, 70001)); /* and again: it was one of two */
    CU_ASSERT_TRUE(metrics_take_permit(b, 80001));
    metrics_close(b);
    metrics_file_remove(&file);
}

static void a_killed_process_gives_its_permit_back(void)
{
    const struct metrics_file file = metrics_file_make();
    struct metrics *survivor = open_serving(&file);
    int pipe_ends[2];
    char byte;

    CU_ASSERT_EQUAL_FATAL(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        if (metrics_take_permit(open_metrics(&file), 1000))
            (void)!write(pipe_ends[1], "t", 1);
        (void)pause();
        _exit(0);
    }
    CU_ASSERT_EQUAL(read(pipe_ends[0], &byte, 1), 1);
    CU_ASSERT_FALSE(metrics_take_permit(survivor, 2000));
    (void)kill(child, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
    CU_ASSERT_TRUE(metrics_take_permit(survivor, 3000));
    (void)close(pipe_ends[0]);
    (void)close(pipe_ends[1]);
    metrics_close(survivor);
    metrics_file_remove(&file);
}

void metrics_tests(void)
{
    CU_Suite *suite = CU_add_suite("metrics", NULL, NULL);

    CU_add_test(suite, "the text follows Prometheus format 0.0.4",
                the_text_follows_prometheus_format_0_0_4);
    CU_add_test(suite, "the text follows OpenMetrics 1.0", the_text_follows_openmetrics_1_0);
    CU_add_test(suite, "requests appear once they occurred, counters at once",
                requests_appear_once_they_occurred_and_counters_at_once);
    CU_add_test(suite, "a text without room marks its buf", a_text_without_room_marks_its_buf);
    CU_add_test(suite, "a killed process leaves counters but no gauges",
                a_killed_process_leaves_counters_but_no_gauges);
    CU_add_test(suite, "a slot is used again, with its counters",
                a_slot_is_used_again_with_its_counters);
    CU_add_test(suite, "closing gives the slot back", closing_gives_the_slot_back);
    CU_add_test(suite, "without a free slot opening fails", without_a_free_slot_opening_fails);
    CU_add_test(suite, "processes that start together share one file",
                processes_that_start_together_share_one_file);
    CU_add_test(suite, "the worst breaker of the pool is shown",
                the_worst_breaker_of_the_pool_is_shown);
    CU_add_test(suite, "counters outlive all processes", counters_outlive_all_processes);
    CU_add_test(suite, "another layout makes the file anew", another_layout_makes_the_file_anew);
    CU_add_test(suite, "a damaged file is made anew", a_damaged_file_is_made_anew);
    CU_add_test(suite, "a number of slots beyond the file is not believed",
                a_number_of_slots_beyond_the_file_is_not_believed);
    CU_add_test(suite, "a path that cannot be is an error that names it",
                a_path_that_cannot_be_is_an_error_that_names_it);
    CU_add_test(suite, "a link in its place is not followed", a_link_in_its_place_is_not_followed);
    CU_add_test(suite, "reset clears counters of all and keeps gauges",
                reset_clears_counters_of_all_and_keeps_gauges);
    CU_add_test(suite, "errors are statuses from 500 on", errors_are_statuses_from_500_on);
    CU_add_test(suite, "percentiles are interpolated inside buckets",
                percentiles_are_interpolated_inside_buckets);
    CU_add_test(suite, "a reader measures the interval between two samples",
                a_reader_measures_the_interval_between_two_samples);
    CU_add_test(suite, "a reader makes and replaces no file", a_reader_makes_and_replaces_no_file);
    CU_add_test(suite, "every label combination has a cell of its own",
                every_label_combination_has_a_cell_of_its_own);
    CU_add_test(suite, "odd batch durations are counted as 0 or the longest",
                odd_batch_durations_are_counted_as_0_or_the_longest);
    CU_add_test(suite, "one process retires at a time", one_process_retires_at_a_time);
    CU_add_test(suite, "a smaller pool retires after ten seconds",
                a_smaller_pool_retires_after_ten_seconds);
    CU_add_test(suite, "a killed process gives its permit back",
                a_killed_process_gives_its_permit_back);
}
