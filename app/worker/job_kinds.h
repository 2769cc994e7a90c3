/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kinds of jobs (entries of the job queue in Redis). Each kind has a step function, implemented
 * in the file of the same name. */
#ifndef WORKER_JOB_KINDS_H
#define WORKER_JOB_KINDS_H

#include "app/worker/jobs.h"

job_step job_event;    /* processes a learning event again that was a dead letter */
job_step job_batch;    /* computes one chunk (up to 64 students) of a batch */
job_step job_callback; /* sends the status of a batch that has ended to its callback URL */

/* Called when a job of the kind batch became a dead letter: marks its batch as failed, and queues
 * the callback of the batch if it has one. */
job_on_dead_letter job_batch_on_dead_letter;

/* The parsed body of a job of the kinds batch and callback, in JSON {"batch":ID,"from":N}: the job
 * is about the students of the batch from position N (0: the first) on. */
struct batch_body {
    struct str batch; /* id of the batch; the text lives in the arena of the job */
    int64_t from;     /* position of the first student of the chunk in the batch, a multiple of
                         BATCH_CHUNK; 0 if the JSON has no "from" */
};
/* Parses the body of the job. Returns false with job->problem set if it has another form, or a
 * "from" that is no multiple of BATCH_CHUNK. Implemented in job_batch.c. */
bool job_parse_batch_body(struct job *job, struct batch_body *ret);

#endif
