/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which students of a class need a teacher's attention first, and why (docs/mastery-model.md,
 * Attention). Pure functions; a student without any data has no facts and is not passed here. */
#ifndef DOMAIN_ATTENTION_H
#define DOMAIN_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>

#include "app/base/arena.h"

/* a week, over which the change of the score is measured and ahead of which it is predicted */
enum { ATTENTION_DAYS = 7 };

/* What is known of one student. */
struct attention_facts {
    double predicted_score; /* score predicted for ATTENTION_DAYS days later, in [0,1] */
    bool has_change;        /* false: the student has no score before the present one */
    double change; /* change of the score in the last ATTENTION_DAYS days; 0 without has_change */
    int days_inactive; /* whole UTC days since the last activity, >= 0; 0: active today */
};

/* Returns the need for attention, >= 0, in units of score, rounded to 12 decimals: 1 minus the
 * predicted score, plus the fall of the last days, plus at most 0.1 for inactivity. The student
 * with the largest value needs attention most. */
double attention_need(const struct attention_facts *facts);

enum attention_reason {
    ATTENTION_LOW,      /* a low score is predicted */
    ATTENTION_FALL,     /* the score fell */
    ATTENTION_INACTIVE, /* there was no activity for days */
    ATTENTION_REASONS,
    /* the reason of a student without any data; attention_reasons never finds it */
    ATTENTION_NO_DATA = ATTENTION_REASONS
};
/* Codes of the reasons: one for each value of enum attention_reason, then that of a student without
 * any data, at ATTENTION_NO_DATA; ends with NULL. */
extern const char *const attention_codes[ATTENTION_REASONS + 2];
/* The reason why a student without any data may need attention, as text. */
extern const char attention_no_activity[];

/* A reason that applies. */
struct attention_found {
    enum attention_reason reason;
    double value; /* the predicted score; how far the score fell, >= 0; days, >= 0. Not rounded */
    struct str text; /* sentence for a teacher, in the arena; p is NULL when out of memory */
};

/* Finds the reasons that apply, in the order of enum attention_reason. Returns their number; 0:
 * nothing about the student is remarkable. */
size_t attention_reasons(const struct attention_facts *facts, struct arena *arena,
                         struct attention_found ret[ATTENTION_REASONS]);

#endif
