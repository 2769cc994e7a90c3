# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to Redis ends at each command of a list: sent again, each item counts once
(hazards X14)."""
import itertools
import threading

import pytest
from harness.cloudevents import BATCH, bulk, own, wrapped
from harness.engine import fresh_id
from harness.events import event
from harness.packed import marks
from harness.store import student_key
from harness.wait import wait_for

SECRET = "the secret of the sidecar, long enough for all"
XAPI = {"X-Experience-API-Version": "1.0.3"}
COUNT = 3


def statement(student):
    """Neither an id nor a timestamp: only its place tells it from its neighbours in the list."""
    return {
        "actor": {"account": {"homePage": "https://lms.example.org", "name": student}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
        "object": {
            "id": "https://lms.example.org/activities/1",
            "definition": {"type": "http://adlnet.gov/expapi/activities/assessment"},
        },
    }


def statements(student):
    return "/api/v1/xapi/statements", [statement(student) for _ in range(COUNT)], XAPI


def statements_with_a_key(student):
    path, body, headers = statements(student)
    return path, body, {**headers, "Idempotency-Key": f"key of {student}"}


def batch_of_cloudevents(student):
    events = [own(event("quiz.completed", student)) for _ in range(COUNT)]
    return "/api/v1/events", events, {}, {"CONTENT_TYPE": BATCH}


def bulk_of_the_sidecar(student):
    events = [wrapped(event("quiz.completed", student)) for _ in range(COUNT)]
    return "/dapr/events", bulk(*events), {"dapr-api-token": SECRET}


class Cut:
    """Ends the connections when the chosen command about the student arrives, before Redis gets it
    or after. Commands that came with it on the same connection are lost."""

    def __init__(self, stand_in, student, at, reaches):
        self.stand_in, self.student, self.at, self.reaches = stand_in, student.encode(), at, reaches
        self.seen, self.cut = 0, None
        stand_in.watch = self.watch

    def watch(self, command):
        if self.cut is threading.current_thread():
            return False
        if self.student not in command:
            return True
        self.seen += 1
        if self.seen != self.at:
            return True
        self.cut = threading.current_thread()
        self.stand_in.drop_all()
        return self.reaches


MAKERS = [statements, statements_with_a_key, batch_of_cloudevents, bulk_of_the_sidecar]


def succeeded(response):
    return response.status in (200, 202) and "RETRY" not in response.text


@pytest.mark.parametrize("reaches", [True, False], ids=["reaches Redis", "is lost"])
@pytest.mark.parametrize("make", MAKERS)
def test_a_list_that_was_cut_off_counts_once_when_it_is_sent_again(
    start_pool, stand_in, store, make, reaches
):
    pool = start_pool(stand_in.url, APP_API_TOKEN=SECRET, STORE_BREAKER_OPEN_MS=50)
    admin = pool.token("root", "admin")
    for at in itertools.count(1):
        student = fresh_id()
        path, body, headers, *parameters = make(student)
        parameters = {"MASTERY_LISTENER": "sidecar", **dict(*parameters)}

        def send():
            return pool.request("POST", path, json=body, headers=headers, token=admin, **parameters)

        wait_for(lambda: pool.request("GET", "/ready").status == 200, "the store back")
        cut = Cut(stand_in, student, at, reaches)
        first = send()
        if not cut.cut:
            assert succeeded(first)
            break
        wait_for(lambda: succeeded(send()), "the list accepted")
        assert len(marks(store, student)) == COUNT, at
        history = pool.request("GET", f"/api/v1/mastery/history/{student}", token=admin)
        assert sum(day["sample_size"] for day in history.json["history"]) == COUNT, at
    assert at > 2, "the list is read and written"
