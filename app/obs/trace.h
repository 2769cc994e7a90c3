/* SPDX-License-Identifier: GPL-3.0-or-later */
/* W3C Trace Context, level 2: continues the trace of the caller, or starts one. */
#ifndef OBS_TRACE_H
#define OBS_TRACE_H

#include "app/base/str.h"

enum { TRACE_ID_SIZE = 33, SPAN_ID_SIZE = 17, TRACEPARENT_SIZE = 56, TRACESTATE_MAX = 512 };

struct trace {
    char trace_id[TRACE_ID_SIZE]; /* 32 lower-case hex digits and NUL */
    char span_id[SPAN_ID_SIZE];   /* random, new for each request */
    unsigned char flags;          /* bit 0: sampled, bit 1: random trace-id */
    bool continued;               /* the caller's trace, not a new one */
    /* tracestate to send on, maybe empty. Points into the argument of trace_begin, or into
     * state_buf when members had to be dropped: a struct trace must not be copied. */
    struct str state;
    char state_buf[TRACESTATE_MAX];
};

/* Continues a valid traceparent, else starts a new trace (random, not sampled). Of an invalid
 * tracestate nothing is used. Both arguments may be empty; tracestate must live as long as *trace.
 */
void trace_begin(struct trace *trace, struct str traceparent, struct str tracestate);
/* Prints the traceparent for a request of ours: 00-<trace_id>-<span_id>-<flags>. */
void trace_print(const struct trace *trace, char ret_text[TRACEPARENT_SIZE]);

#endif
