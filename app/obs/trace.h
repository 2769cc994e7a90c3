/* SPDX-License-Identifier: GPL-3.0-or-later */
/* W3C Trace Context, level 2: read, continue, print. */
#ifndef OBS_TRACE_H
#define OBS_TRACE_H

#include "app/base/str.h"

enum { TRACE_ID_SIZE = 33, SPAN_ID_SIZE = 17, TRACEPARENT_SIZE = 56, TRACESTATE_MAX = 512 };

struct trace {
    char trace_id[TRACE_ID_SIZE]; /* 32 lower-case hex digits and NUL */
    char span_id[SPAN_ID_SIZE];   /* ours, new for each request */
    unsigned char flags;          /* bit 0 sampled, bit 1 random trace-id */
    bool continued;               /* the caller's trace, not a new one */
    /* tracestate to pass on, maybe empty: points into the argument, or to kept_state when members
     * had to be cut; so a struct trace must not be copied. */
    struct str state;
    char state_buf[TRACESTATE_MAX];
};

/* Continues a valid traceparent (a bad tracestate is dropped alone), else starts a new trace, with
 * the random flag set and unsampled. Both arguments may be empty. */
void trace_begin(struct trace *trace, struct str traceparent, struct str tracestate);
/* 00-<trace-id>-<our span>-<flags> */
void trace_print(const struct trace *trace, char ret_text[TRACEPARENT_SIZE]);

#endif
