#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What a student should do next, the most urgent first.
set -eu
curl -sS --fail-with-body -H "Authorization: Bearer $STUDENT_TOKEN" -H 'Content-Type: application/json' \
    -d '{"student_id": "student-1"}' "$BASE_URL/api/v1/recommendations/adaptive"
