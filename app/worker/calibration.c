/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts how many stored predictions came true (see calibration.h). One pass scans all keys for
 * streams of predictions, and reads with each stream the student's history of scores and consents.
 * It consists of small steps with pauses, so that requests are not delayed. */
#include "app/worker/calibration.h"

#include <stdio.h>

#include "app/base/clock.h"
#include "app/service/history.h"
#include "app/service/predict.h"
#include "app/store/calibration.h"
#include "app/store/prediction.h"

/* CALIBRATION_SCAN_COUNT: keys requested of one SCAN. CALIBRATION_KEYS_MAX: most keys that are
 * accepted in its reply. CALIBRATION_READ_MAX: newest predictions that are read of one student. */
enum { CALIBRATION_SCAN_COUNT = 200, CALIBRATION_KEYS_MAX = 10000, CALIBRATION_READ_MAX = 200 };

/* first pass, after the start of the process */
static const int64_t CALIBRATION_FIRST_US = 3000000;
/* pause between two steps of a pass (one SCAN with its reads), so that requests are not delayed */
static const int64_t CALIBRATION_STEP_US = 50000;
static const int64_t CALIBRATION_PASS_US = INT64_C(86400) * 1000000;

/* The commands that read the data of one student. */
struct calibration_student {
    struct command *predictions, *days, *consents;
};

/* The students whose data one step reads; task->data points to it. */
struct calibration_step {
    struct calibration_student *students;
    size_t n;
};

/* Resets the SCAN cursor and the counts of predictions, and schedules the next pass to start after
 * delay_us. */
static void calibration_restart(struct calibration_pass *pass, int64_t delay_us)
{
    memcpy(pass->cursor, "0", sizeof("0"));
    pass->counts = (struct calibration){0};
    periodic_schedule(&pass->schedule, delay_us);
}

/* Ends a step that failed: the pass starts again from its beginning. */
static void calibration_fail(struct task *task)
{
    struct calibration_pass *pass = task->owner;

    calibration_restart(pass, WORKER_RETRY_US);
    periodic_end(&pass->schedule, task);
}

/* Sets the two gauges to the counts of the configured prediction model: verified predictions (their
 * day has come), and covered ones (the true score was inside the predicted interval). */
static void calibration_publish(struct calibration_pass *pass, const struct calibration *counts)
{
    const struct engine *engine = pass->worker->engine;
    struct calibration_count count = calibration_of_model(counts, predict_model(&engine->config));

    metrics_gauge_set(engine->metrics, GAUGE_PREDICTIONS_VERIFIED, count.verified);
    metrics_gauge_set(engine->metrics, GAUGE_PREDICTIONS_COVERED, count.covered);
    pass->published = true;
}

/* Parses the model of a stored prediction, "name/version". Returns false for an unknown model, and
 * for another version: its errors say nothing about the present one. */
static bool calibration_model(struct str text, enum prediction_model *ret)
{
    struct str name = str_cut(&text, '/'), version = text;

    if (!str_equal(version, STR(PREDICTION_MODEL_VERSION)))
        return false;
    for (int i = 0; i < PREDICTION_MODELS; i++) {
        if (str_equal(name, str_of(prediction_model_names[i]))) {
            *ret = (enum prediction_model)i;
            return true;
        }
    }
    return false;
}

/* Counts the student's predictions that came true and those that did not. Predictions that assume
 * an intervention (help for the student, such as tutoring) or are of another model version are not
 * counted. Data that cannot be parsed is left out; the student's own accuracy endpoint reports it.
 */
static void calibration_add_student(struct calibration_pass *pass, struct task *task,
                                    const struct calibration_student *student)
{
    struct problem problem = {0};
    struct prediction_record *records;
    struct history history;
    enum prediction_model model;
    size_t prediction_count;

    if (student_has_withdrawn(student->consents, CONSENT_ANALYTICS) ||
        !history_parse(student->days, &history, &problem) ||
        !prediction_parse_list(student->predictions, task->arena, &records, &prediction_count,
                               &problem))
        return;
    for (size_t i = 0; i < prediction_count; i++) {
        const struct prediction_record *record = &records[i];

        if (record->intervention.n == 0 && calibration_model(record->model, &model))
            calibration_add(&pass->counts, model,
                            record->target_day - day_of_ms(record->made_at_ms),
                            &(struct stored_prediction){record->target_day, record->score,
                                                        record->lower, record->upper},
                            history.days, history.n, day_of_ms(task->worker->now_ms));
    }
}

/* Called when the counts were stored: the next pass is due a day later. */
static void calibration_on_saved(struct task *task)
{
    struct calibration_pass *pass = task->owner;

    if (task_failed(task)) {
        calibration_fail(task);
        return;
    }
    calibration_restart(pass, CALIBRATION_PASS_US);
    periodic_end(&pass->schedule, task);
}

/* Ends a step. The cursor "0" means that SCAN has returned all keys: then the counts are published
 * and stored. */
static void calibration_end_step(struct task *task)
{
    struct calibration_pass *pass = task->owner;

    if (strcmp(pass->cursor, "0") != 0) {
        periodic_schedule(&pass->schedule, CALIBRATION_STEP_US);
        periodic_end(&pass->schedule, task);
        return;
    }
    calibration_publish(pass, &pass->counts);
    pipeline_clear(&task->pipeline);
    (void)calibration_cmd_save(&task->pipeline, &pass->counts, day_of_ms(task->worker->now_ms));
    task_submit(task, calibration_on_saved);
}

/* Called when the data of a step's students were read: counts their predictions. */
static void calibration_on_read(struct task *task)
{
    struct calibration_pass *pass = task->owner;
    const struct calibration_step *step = task->data;

    if (task_failed(task)) {
        calibration_fail(task);
        return;
    }
    for (size_t i = 0; i < step->n; i++)
        calibration_add_student(pass, task, &step->students[i]);
    calibration_end_step(task);
}

/* Called with the reply of SCAN. Queues the reads of each student whose key of predictions is in
 * the reply. */
static void calibration_on_scanned(struct task *task)
{
    struct calibration_pass *pass = task->owner;
    const redisReply *reply = ((struct command *)task->data)->reply, *keys = reply_at(reply, 1);
    struct calibration_step *step = arena_array(task->arena, 1, sizeof(*step));
    int32_t today = day_of_ms(task->worker->now_ms);
    struct str cursor, key, student;
    enum student_key kind;
    bool is_readable; /* the reply has a cursor and a list of keys */
    size_t key_count;

    is_readable = !task_failed(task) && reply_text(reply_at(reply, 0), &cursor) == REPLY_OK &&
                  cursor.n < sizeof(pass->cursor) &&
                  reply_array(keys, CALIBRATION_KEYS_MAX, &key_count) == REPLY_OK;
    if (is_readable && step)
        step->students = arena_array(task->arena, key_count, sizeof(*step->students));
    if (!is_readable || !step || !step->students) {
        calibration_fail(task);
        return;
    }
    (void)snprintf(pass->cursor, sizeof(pass->cursor), "%.*s", STR_ARG(cursor));
    pipeline_clear(&task->pipeline);
    step->n = 0;
    for (size_t i = 0; i < key_count; i++) {
        if (reply_text(reply_at(keys, i), &key) == REPLY_OK &&
            key_parse_student(key, task->arena, &student, &kind) && kind == STUDENT_KEY_PREDICTIONS)
            step->students[step->n++] = (struct calibration_student){
                prediction_cmd_list(&task->pipeline, student, CALIBRATION_READ_MAX),
                history_cmd(&task->pipeline, student, NULL, today),
                student_cmd_consent(&task->pipeline, student)};
    }
    task->data = step;
    if (step->n > 0)
        task_submit(task, calibration_on_read);
    else
        calibration_end_step(task);
}

void calibration_init(struct calibration_pass *pass, struct worker_context *worker,
                      const struct shards *shards)
{
    *pass = (struct calibration_pass){.worker = worker, .shards = shards};
    periodic_init(&pass->schedule, worker, CALIBRATION_FIRST_US);
    memcpy(pass->cursor, "0", sizeof("0"));
}

/* A worker without the lease of shard 0 sets its gauges to 0, because another worker shows them
 * now. */
void calibration_tick(struct calibration_pass *pass)
{
    struct task *task;

    if (!shards_lease_held(pass->shards, SINGLE_WORKER_SHARD)) {
        if (pass->published)
            calibration_publish(pass, &(struct calibration){0});
        pass->published = false;
        return;
    }
    if (worker_draining(pass->worker))
        return;
    task = periodic_begin(&pass->schedule, NO_SHARD, pass);
    if (!task)
        return;
    /* TYPE: the predictions of a student are a stream */
    const struct str argv[] = {
        STR("SCAN"),  arena_copy(task->arena, str_of(pass->cursor)),
        STR("MATCH"), key_pattern_students,
        STR("COUNT"), arena_printf(task->arena, "%d", CALIBRATION_SCAN_COUNT),
        STR("TYPE"),  STR("stream")};
    task->data = pipeline_add(&task->pipeline, COMMAND_READ, sizeof(argv) / sizeof(argv[0]), argv);
    task_submit(task, calibration_on_scanned);
}
