# SPDX-License-Identifier: GPL-3.0-or-later
"""A student's learning events. Each has an id of its own: sent again, it counts once. So a request is repeated without
risk after 429, 503 and a lost connection."""
import datetime
import json
import os
import time
import urllib.error
import urllib.request

NOW = datetime.datetime.now(datetime.timezone.utc).isoformat()
EVENTS = [
    {
        "event_id": "example-quiz", "event_type": "quiz.completed", "timestamp": NOW,
        "data": {"quiz_id": "quiz-fractions", "topic_ids": ["fractions"], "score": 0.9,
                 "questions_total": 10, "questions_correct": 9, "time_spent_seconds": 300},
    },
    {
        "event_id": "example-exercise", "event_type": "exercise.completed", "timestamp": NOW,
        "data": {"exercise_id": "exercise-7", "topic_ids": ["fractions"], "difficulty": "medium",
                 "completion_rate": 1, "correctness": 0.8, "time_spent_seconds": 420},
    },
]  # fmt: skip


def send(event, tries=5):
    request = urllib.request.Request(
        os.environ["BASE_URL"] + "/api/v1/mastery/ingest",
        json.dumps(event).encode(),
        {"Authorization": f"Bearer {os.environ['STUDENT_TOKEN']}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        if error.code not in (429, 503) or tries == 1:
            raise
        pause_s = int(error.headers["Retry-After"])
    except OSError:
        if tries == 1:
            raise
        pause_s = 1
    time.sleep(pause_s)
    return send(event, tries - 1)


for item in EVENTS:
    print(send(item)["status"], item["event_id"])
