/* SPDX-License-Identifier: GPL-3.0-or-later */
/* W3C Trace Context, level 2. A trace is one request across several services; a span is the section
 * of it in one service. The headers traceparent and tracestate carry a trace from caller to
 * callee. */
#ifndef OBS_TRACE_H
#define OBS_TRACE_H

#include "app/base/str.h"

enum { TRACE_ID_SIZE = 33, SPAN_ID_SIZE = 17, TRACEPARENT_SIZE = 56, TRACESTATE_MAX = 512 };

struct trace {
    char trace_id[TRACE_ID_SIZE]; /* 32 lower-case hex digits and NUL */
    char span_id[SPAN_ID_SIZE];   /* random, new for each request */
    unsigned char flags;          /* bit 0: sampled, bit 1: random trace-id */
    bool continued;               /* true: trace_id is the caller's; false: it is new */
    /* tracestate for requests to other services; may be empty. It points into the argument of
     * trace_begin or, when members had to be dropped, into state_buf; therefore a struct trace must
     * not be copied. */
    struct str state;
    char state_buf[TRACESTATE_MAX];
};

/* Continues the trace of a valid traceparent; otherwise starts a new trace with a random id, which
 * is not sampled. Ignores an invalid tracestate as a whole. Both arguments may be empty. The text
 * of tracestate must live as long as *trace. */
void trace_begin(struct trace *trace, struct str traceparent, struct str tracestate);
/* Prints the traceparent for a request of the engine to another service:
 * 00-<trace_id>-<span_id>-<flags>. */
void trace_print(const struct trace *trace, char ret_text[TRACEPARENT_SIZE]);

#endif
