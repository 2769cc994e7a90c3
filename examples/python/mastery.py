# SPDX-License-Identifier: GPL-3.0-or-later
"""A student's mastery now: the score from 0 to 1, its level, and the components that it consists of."""
import json
import os
import urllib.request

request = urllib.request.Request(
    os.environ["BASE_URL"] + "/api/v1/mastery/query",
    json.dumps({"student_id": "student-1"}).encode(),
    {"Authorization": f"Bearer {os.environ['STUDENT_TOKEN']}", "Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=10) as response:
    result = json.load(response)
print(f"mastery {result['mastery_score']:.2f} {result['level']}")
for name, value in result["data"]["components"].items():
    print(f"{name} {value:.2f}")
