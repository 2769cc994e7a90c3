#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The score predicted for seven days from now, and the interval that it lies in with a probability of 90 %.
set -eu
curl -sS --fail-with-body -H "Authorization: Bearer $TEACHER_TOKEN" -H 'Content-Type: application/json' \
    -d '{"student_id": "student-1"}' "$BASE_URL/api/v1/predictions/next-week"
