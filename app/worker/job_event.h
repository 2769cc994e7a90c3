/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The job kind "event": processes a learning event that could not be processed when it arrived. */
#ifndef WORKER_JOB_EVENT_H
#define WORKER_JOB_EVENT_H

#include "app/worker/jobs.h"

job_step job_event;

#endif
