#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A student's mastery now: the score from 0 to 1, its level, and the components that it consists of.
set -eu
curl -sS --fail-with-body -H "Authorization: Bearer $STUDENT_TOKEN" -H 'Content-Type: application/json' \
    -d '{"student_id": "student-1"}' "$BASE_URL/api/v1/mastery/query"
