/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kinds of jobs: each is implemented in a file of the same name. */
#ifndef WORKER_JOB_KINDS_H
#define WORKER_JOB_KINDS_H

#include "app/worker/jobs.h"

job_step job_event;    /* processes a learning event that was a dead letter */
job_step job_batch;    /* computes one chunk of a batch */
job_step job_callback; /* posts the status of a batch that has ended */

/* Marks the batch of the job as failed, and queues its callback if it has one. */
job_on_dead_letter job_batch_on_dead_letter;

/* The body of a job about a batch: {"batch":ID,"from":N}. */
struct batch_body {
    struct str batch; /* lives in the job's arena */
    int64_t from;     /* first position of the chunk, a multiple of BATCH_CHUNK; 0 if absent */
};
/* Returns false with job->problem set. Implemented in job_batch.c. */
bool job_parse_batch_body(struct job *job, struct batch_body *ret);

#endif
