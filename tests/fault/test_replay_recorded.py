# SPDX-License-Identifier: GPL-3.0-or-later
"""A response that the client has got is the one that a repeat with its Idempotency-Key gets: a success that could
not be recorded is 503."""
import uuid

import pytest
from harness.engine import fresh_id
from harness.events import event
from harness.model import scores
from harness.wait import wait_for


@pytest.fixture
def pool(start_pool, stand_in):
    return start_pool(redis_url=stand_in.url, REQUEST_DEADLINE_S=2)


def calculate(student):
    return "/api/v1/mastery/calculate", {"student_id": student, "components": scores(0.5)}


def ingest(student):
    return "/api/v1/mastery/ingest", event(student=student, event_id=f"{student}-once", score=0.5)


def batch(student):
    return "/api/v1/batch/mastery", {"student_ids": [student]}


def cut(stand_in, redis):
    """The connection ends, and the command does not arrive."""
    stand_in.drop_all()
    return False


def refuse(stand_in, redis):
    """Redis refuses to write; it is the test that lets it write again."""
    redis.config_set("min-replicas-to-write", 1)
    return True


def fail_the_recording(stand_in, redis, how):
    def watch(command):
        if b"idempotency:{" not in command or b"done " not in command:
            return True
        stand_in.watch = None
        return how(stand_in, redis)

    stand_in.watch = watch


def batches(redis):
    return {key.split(":")[1] for key in redis.scan_iter("batch:*")}


@pytest.mark.parametrize("how", [cut, refuse])
@pytest.mark.parametrize("make", [calculate, ingest, batch])
def test_success_that_could_not_be_recorded_is_not_sent(pool, stand_in, redis_server, make, how):
    redis, student = redis_server.client(), fresh_id()
    path, body = make(student)
    headers = {"HTTP_IDEMPOTENCY_KEY": str(uuid.uuid4())}
    token = pool.token("root", "admin")

    def send():
        return pool.request("POST", path, json=body, token=token, **headers)

    def succeed():
        response = send()
        assert response.status in (200, 202, 409, 503), response
        return response.status in (200, 202) and response

    fail_the_recording(stand_in, redis, how)
    response = send()
    assert stand_in.watch is None, "no recording has failed"
    assert (response.status, response.headers["Retry-After"]) == (503, "1"), response
    redis.config_set("min-replicas-to-write", 0)
    changed = batches(redis)
    first = wait_for(succeed, "the first success")
    if make is not batch:
        wait_for(lambda: pool.calculate(student, (0.9,) * 4).status == 200, "the score changed since")
    again = wait_for(succeed, "the second success")
    assert again.body == first.body
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert batches(redis) == changed, "a second batch"
