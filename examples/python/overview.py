# SPDX-License-Identifier: GPL-3.0-or-later
"""A class for its teacher: the three students who need attention most, each with the reasons."""
import json
import os
import urllib.request

request = urllib.request.Request(
    os.environ["BASE_URL"] + "/api/v1/cohorts/demo-class/overview?sort=attention&limit=3",
    headers={"Authorization": f"Bearer {os.environ['TEACHER_TOKEN']}"},
)
with urllib.request.urlopen(request, timeout=10) as response:
    overview = json.load(response)
print(f"{overview['name']}: {overview['total']} students")
for student in overview["students"]:
    # Of a student who has withdrawn consent to analytics there is the id alone.
    reasons = student["attention"]["reasons"] if "attention" in student else ["no consent to analytics"]
    print(f"{student['student_id']}: {'; '.join(reasons) or 'nothing'}")
