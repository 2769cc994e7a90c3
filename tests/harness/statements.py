# SPDX-License-Identifier: GPL-3.0-or-later
"""xAPI statements as learning tools send them."""
import uuid

from harness.events import now_ms
from harness.model import to_text

PATH = "/api/v1/xapi/statements"
VERSION = {"X-Experience-API-Version": "1.0.3"}
VERBS = "http://adlnet.gov/expapi/verbs/"
ACTIVITIES = "http://adlnet.gov/expapi/activities/"


def statement(student, verb="passed", activity="assessment", at_ms=None, **more):
    made = {
        "id": str(uuid.uuid4()),
        "actor": {"account": {"homePage": "https://lms.example.org", "name": student}},
        "verb": {"id": verb if "://" in verb else VERBS + verb, "display": {"en-US": verb}},
        "object": {"id": "https://lms.example.org/activities/1"},
        "timestamp": to_text(now_ms() if at_ms is None else at_ms),
        **more,
    }
    if activity:
        made["object"]["definition"] = {"type": ACTIVITIES + activity}
    return made
