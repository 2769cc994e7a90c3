#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A learning event in the envelope of CloudEvents 1.0, as message brokers deliver it. source and id together say which
# event it is.
set -eu
curl -sS --fail-with-body -H "Authorization: Bearer $TEACHER_TOKEN" \
    -H 'Content-Type: application/cloudevents+json' "$BASE_URL/api/v1/events" -d '{
        "specversion": "1.0", "source": "https://lms.school.example", "id": "lesson-1",
        "type": "lesson.viewed", "subject": "student-1", "time": "'"$(date -u +%FT%TZ)"'",
        "data": {"lesson_id": "lesson-angles", "duration_seconds": 600, "completion_percentage": 100}}'
