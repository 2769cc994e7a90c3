# SPDX-License-Identifier: GPL-3.0-or-later
"""A response that the client has got is the one that a repeat with its Idempotency-Key gets, even if the
connection to Redis ended before the response was recorded."""
import uuid

import pytest
from harness.engine import fresh_id
from harness.model import scores
from harness.wait import wait_for


@pytest.fixture
def pool(start_pool, stand_in):
    return start_pool(redis_url=stand_in.url, REQUEST_DEADLINE_S=2)


def calculate(pool, student, key):
    body = {"student_id": student, "components": scores(0.5)}
    headers = {"HTTP_IDEMPOTENCY_KEY": key}
    token = pool.token("root", "admin")
    response = pool.request("POST", "/api/v1/mastery/calculate", json=body, token=token, **headers)
    assert response.status in (200, 409, 503), response
    return response.status == 200 and response


def cut_before_recording(stand_in):
    """The connection ends before the command with the response that is to be recorded."""

    def watch(command):
        if b"idempotency:{" not in command or b'"success":true' not in command:
            return True
        stand_in.watch = None
        stand_in.drop_all()
        return False

    stand_in.watch = watch


@pytest.mark.xfail(reason="a response is sent although it could not be recorded", strict=True)
def test_repeat_gets_the_first_response_though_the_connection_was_cut(pool, stand_in):
    student, key = fresh_id(), str(uuid.uuid4())
    cut_before_recording(stand_in)
    first = wait_for(lambda: calculate(pool, student, key), "the first success")
    assert stand_in.watch is None, "nothing was cut"
    wait_for(lambda: pool.calculate(student, (0.9,) * 4).status == 200, "the score changed since")
    again = wait_for(lambda: calculate(pool, student, key), "the second success")
    assert again.body == first.body
    assert again.headers["Idempotency-Replayed"] == "true"
