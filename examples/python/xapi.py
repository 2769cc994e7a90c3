# SPDX-License-Identifier: GPL-3.0-or-later
"""An xAPI statement, as learning tools send it. The response has the statement's id."""
import json
import os
import urllib.request

statement = {
    "id": "3f6c1a52-6b0e-4a4f-9d8e-2f6f0c3b7a01",
    "actor": {"account": {"homePage": "https://school.example", "name": "student-1"}},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
    "object": {"id": "https://school.example/quizzes/angles"},
    "result": {"score": {"scaled": 0.75}, "duration": "PT4M30S"},
}
request = urllib.request.Request(
    os.environ["BASE_URL"] + "/api/v1/xapi/statements",
    json.dumps(statement).encode(),
    {
        "Authorization": f"Bearer {os.environ['STUDENT_TOKEN']}",
        "Content-Type": "application/json",
        "X-Experience-API-Version": "1.0.3",
    },
)
with urllib.request.urlopen(request, timeout=10) as response:
    print("recorded", *json.load(response))
