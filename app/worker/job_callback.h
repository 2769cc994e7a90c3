/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The job kind "callback": posts the status of a batch that has ended to the URL that its submitter
 * gave. */
#ifndef WORKER_JOB_CALLBACK_H
#define WORKER_JOB_CALLBACK_H

#include "app/worker/jobs.h"

job_step job_callback;

#endif
