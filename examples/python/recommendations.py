# SPDX-License-Identifier: GPL-3.0-or-later
"""What a student should do next, the most urgent first."""
import json
import os
import urllib.request

request = urllib.request.Request(
    os.environ["BASE_URL"] + "/api/v1/recommendations/adaptive",
    json.dumps({"student_id": "student-1"}).encode(),
    {"Authorization": f"Bearer {os.environ['STUDENT_TOKEN']}", "Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=10) as response:
    result = json.load(response)
for step in result["recommendations"]:
    print(f"{step['priority']}, {step['area']}: {step['description']}")
