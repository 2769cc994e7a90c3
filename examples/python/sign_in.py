# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing in: the token goes into the header Authorization of each request. It names the user and the role, so the
same request has another response for each token: here, the classes that this teacher may see."""
import json
import os
import urllib.error
import urllib.request

request = urllib.request.Request(
    os.environ["BASE_URL"] + "/api/v1/cohorts", headers={"Authorization": f"Bearer {os.environ['TEACHER_TOKEN']}"}
)
try:
    with urllib.request.urlopen(request, timeout=10) as response:
        for cohort in json.load(response)["cohorts"]:
            print(f"{cohort['cohort_id']}: {cohort['name']}")
except urllib.error.HTTPError as error:
    problem = json.load(error)["error"]
    raise SystemExit(f"{error.code} {problem['code']}: {problem['message']}") from error
