# SPDX-License-Identifier: GPL-3.0-or-later
"""STORE_WAIT_REPLICAS: a replica that is stopped delays responses to writes, and nothing else (hazards X3)."""
import time
import uuid

import pytest
from harness.audit import counts, records
from harness.engine import fresh_id
from harness.events import event
from harness.load import Load
from harness.model import scores
from harness.ports import free_port
from harness.process import paused
from harness.redis_server import DEFAULT_TIMEOUTS, RedisServer
from harness.wait import assert_typical, wait_for, within

QUERY = "/api/v1/mastery/query"
CALCULATE = "/api/v1/mastery/calculate"


@pytest.fixture
def primary():
    with RedisServer("--port", str(free_port()), "--repl-diskless-sync-delay", "0") as server:
        yield server


@pytest.fixture
def replica(primary):
    port = primary.client().config_get("port")["port"]
    with RedisServer("--replicaof", f"127.0.0.1 {port}") as server:
        client = primary.client()
        wait_for(lambda: client.set("x", 1) and client.execute_command("WAIT", 1, 100) == 1, "replica in step")
        yield server


@pytest.fixture
def pool(primary, replica, start_pool):
    return start_pool(primary.url, STORE_WAIT_REPLICAS=1, **DEFAULT_TIMEOUTS)


def post(pool, path, body, **options):
    return pool.request("POST", path, json=body, token=pool.token("root", "admin"), **options)


def assert_not_replicated(response):
    assert response.status == 503 and response.json["error"]["code"] == "NOT_REPLICATED", response
    assert response.headers["Retry-After"] == "1"
    assert response.seconds < within(1)


def test_write_is_on_the_replica_when_it_is_answered(pool, replica):
    for number in range(20):
        student = fresh_id()
        assert pool.calculate(student, (number / 20,) * 4).status == 200
        assert any(student in key for key in replica.client().scan_iter(f"*student:{student}", count=10000))


def test_stopped_replica_takes_no_read_down(pool, replica):
    """Reads go on at their pace while writes wait; a write that was not confirmed in time is there."""
    students = [fresh_id() for _ in range(4)]
    for student in students:
        assert pool.calculate(student).status == 200

    def write(caller, _):
        return pool.calculate(students[caller], (0.5,) * 4)

    with paused(replica), Load(len(students), write) as writes:
        wait_for(lambda: len(writes.results) >= 8, "writes")
        times = []
        for number in range(100):
            response = pool.query(students[number % 4])
            assert (response.status, response.headers["X-Cache"]) == (200, "HIT"), response
            assert response.json["mastery_score"] == 0.5
            times.append(response.seconds)
        prediction = post(pool, "/api/v1/predictions/next-week", {"student_id": students[0]})
        assert prediction.status == 200, prediction
    assert_typical(times, 0.2)
    assert not writes.errors, writes.errors[:3]
    for response in writes.results[:8]:
        assert_not_replicated(response)
    wait_for(lambda: pool.calculate(students[0]).status == 200, "writes confirmed again")


def test_short_stop_of_the_replica_is_latency(pool, replica):
    with Load(4, lambda *_: pool.calculate(fresh_id()).status) as load:
        for _ in range(3):
            served = len(load.results)
            wait_for(lambda n=served: len(load.results) > n + 20, "writes")
            with paused(replica):
                time.sleep(0.4)
    assert not load.errors and set(load.results) == {200}


def test_repeated_write_is_applied_once(pool, replica):
    student, key = fresh_id(), {"Idempotency-Key": str(uuid.uuid4())}
    learning_event = event(student=student, event_id=f"{student}-1", score=0.7)
    body = {"student_id": student, "components": scores(0.5)}
    with paused(replica):
        for _ in range(2):
            assert_not_replicated(post(pool, "/api/v1/mastery/ingest", learning_event))
            assert_not_replicated(post(pool, CALCULATE, body, headers=key))
    wait_for(lambda: post(pool, "/api/v1/mastery/ingest", learning_event).status == 202, "confirmed")
    replayed = wait_for(lambda: (a := post(pool, CALCULATE, body, headers=key)).status == 200 and a, "replay")
    assert replayed.headers["Idempotency-Replayed"] == "true"
    history = pool.request("GET", f"/api/v1/mastery/history/{student}", token=pool.token("root", "admin")).json
    assert sum(day["sample_size"] for day in history["history"]) == 2


def test_each_access_is_recorded_once(pool, primary, replica):
    """Also that of a change that was made and not confirmed: it succeeded."""
    redis, student = primary.client(), fresh_id()
    assert pool.calculate(student).status == 200
    roster = {"name": "x", "teacher_ids": [], "student_ids": []}
    with paused(replica):
        for _ in range(7):
            assert pool.query(student).status == 200
        response = pool.request("PUT", "/api/v1/cohorts/c1", json=roster, token=pool.token("root", "admin"))
        assert_not_replicated(response)
        wait_for(lambda: sum(n for _, _, n in counts(redis)) >= 7, "reads counted")
        [record] = wait_for(lambda: records(redis, o="cohorts/c1"), "change recorded")
        assert record["s"] == "1"
    wait_for(lambda: pool.calculate(student).status == 200, "writes confirmed again")
    assert sum(n for _, _, n in counts(redis)) == 7
    assert len(records(redis, o="cohorts/c1")) == 1


def test_without_the_setting_there_is_one_connection(start_pool, redis_server):
    pool = start_pool()
    assert pool.calculate(fresh_id()).status == 200
    client = redis_server.client()
    assert len({each["id"] for each in client.client_list()} - {str(client.client_id())}) == 1
    assert "cmdstat_wait" not in client.info("commandstats")
