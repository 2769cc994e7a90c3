/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The job kind "batch": computes one chunk of a batch. */
#ifndef WORKER_JOB_BATCH_H
#define WORKER_JOB_BATCH_H

#include "app/worker/jobs.h"

job_step job_batch;
/* Marks the batch as failed; its callback is queued if it has one. */
job_on_dead_letter job_batch_on_dead_letter;

/* The body of a job about a batch: {"batch":ID,"from":N}. */
struct batch_body {
    struct str batch; /* lives in the job's arena */
    int64_t from;     /* first position of the chunk, a multiple of BATCH_CHUNK; 0 if absent */
};
/* Returns false with job->problem set. */
bool job_parse_batch_body(struct job *job, struct batch_body *ret);

#endif
