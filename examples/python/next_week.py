# SPDX-License-Identifier: GPL-3.0-or-later
"""The score predicted for seven days from now, and the interval that it lies in with a probability of 90 %."""
import json
import os
import urllib.request

request = urllib.request.Request(
    os.environ["BASE_URL"] + "/api/v1/predictions/next-week",
    json.dumps({"student_id": "student-1"}).encode(),
    {"Authorization": f"Bearer {os.environ['TEACHER_TOKEN']}", "Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=10) as response:
    result = json.load(response)
low, high = result["interval"]["lower"], result["interval"]["upper"]
print(f"next week {result['predicted_score']:.2f}, between {low:.2f} and {high:.2f}")
