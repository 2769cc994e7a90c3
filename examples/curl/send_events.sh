#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A student's learning events. Each has an id of its own: sent again, it counts once. So --retry is safe, which
# repeats a request after 429 and 503, as late as the response's Retry-After says.
set -eu
now=$(date -u +%FT%TZ)

send() {
    curl -sS --fail-with-body --retry 5 -H "Authorization: Bearer $STUDENT_TOKEN" \
        -H 'Content-Type: application/json' -d "$1" "$BASE_URL/api/v1/mastery/ingest"
    echo
}

send '{"event_id": "example-quiz", "event_type": "quiz.completed", "timestamp": "'"$now"'",
       "data": {"quiz_id": "quiz-fractions", "topic_ids": ["fractions"], "score": 0.9,
                "questions_total": 10, "questions_correct": 9, "time_spent_seconds": 300}}'
send '{"event_id": "example-exercise", "event_type": "exercise.completed", "timestamp": "'"$now"'",
       "data": {"exercise_id": "exercise-7", "topic_ids": ["fractions"], "difficulty": "medium",
                "completion_rate": 1, "correctness": 0.8, "time_spent_seconds": 420}}'
