# SPDX-License-Identifier: GPL-3.0-or-later
"""Many writes to one student at once, by all processes of a pool (docs/architecture.md, Writes)."""
import json

import pytest
from harness.at_once import scripts_run, send_at_once
from harness.engine import fresh_id
from harness.events import event
from harness.model import scores
from harness.packed import mark_of, marks
from harness.pool import Pool
from harness.redis_server import RedisServer
from harness.store import student_key, tagged

CONNECTIONS, ROUNDS, PROCESSES = 64, 5, 4


@pytest.fixture(scope="module")
def store():
    with RedisServer() as redis:
        yield redis


@pytest.fixture(scope="module")
def pool(store):
    with Pool(store.url, size=PROCESSES) as running:
        yield running


def statement(student, number):
    return "/api/v1/mastery/calculate", {"student_id": student, "components": scores(0.5 + number % 50 / 100)}


def learning_event(student, _):
    return "/api/v1/mastery/ingest", event("quiz.completed", student=student)


@pytest.mark.parametrize("write", [statement, learning_event])
def test_writes_of_all_processes_to_one_student_succeed_and_are_all_stored(pool, store, write):
    """Losers of a race are stored by the next script of their process, together with those that wait."""
    student, redis, statuses = fresh_id(), store.client(), []
    before = scripts_run(redis)
    for number in range(ROUNDS):
        requests = [write(student, number + i) for i in range(CONNECTIONS)]
        statuses += [response.status for response in send_at_once(pool, store, requests)]
    assert {status // 100 for status in statuses} == {2}, statuses
    entries = [json.loads(fields["e"]) for _, fields in redis.xrange(tagged(student, "journal"))]
    assert [entry["revision"] for entry in entries] == list(range(1, len(statuses) + 1))
    if write is learning_event:
        ids = {entry["event"]["event_id"] for entry in entries}
        assert set(map(mark_of, ids)) == set(marks(redis, student)) and len(ids) == len(statuses)
    assert scripts_run(redis) - before < len(statuses)
