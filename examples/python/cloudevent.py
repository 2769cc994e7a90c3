# SPDX-License-Identifier: GPL-3.0-or-later
"""A learning event in the envelope of CloudEvents 1.0, as message brokers deliver it. source and id together say which
event it is."""
import datetime
import json
import os
import urllib.request

event = {
    "specversion": "1.0", "source": "https://lms.school.example", "id": "lesson-1",
    "type": "lesson.viewed", "subject": "student-1",
    "time": datetime.datetime.now(datetime.timezone.utc).isoformat(),
    "data": {"lesson_id": "lesson-angles", "duration_seconds": 600, "completion_percentage": 100},
}  # fmt: skip
request = urllib.request.Request(
    os.environ["BASE_URL"] + "/api/v1/events",
    json.dumps(event).encode(),
    {"Authorization": f"Bearer {os.environ['TEACHER_TOKEN']}", "Content-Type": "application/cloudevents+json"},
)
with urllib.request.urlopen(request, timeout=10) as response:
    print(json.load(response)["status"])
