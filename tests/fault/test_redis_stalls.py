# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis that pauses, as for a slow fsync: up to the deadline of a request its pause is latency; a longer
one is 503 in time, on a connection that stays, and no reply reaches another request than its own."""
import time

import pytest
from harness.engine import fresh_id
from harness.load import Load
from harness.model import scores
from harness.process import paused
from harness.redis_server import DEFAULT_TIMEOUTS
from harness.wait import wait_for, within

CALLERS = 6


@pytest.fixture
def pool(start_pool):
    return start_pool(**DEFAULT_TIMEOUTS)


class Callers:
    """Each has a student and alternates between a write and a read of it."""

    def __init__(self, pool):
        self.pool, self.students = pool, [fresh_id() for _ in range(CALLERS)]
        self.connections = [pool.connect() for _ in range(CALLERS)]
        self.token = pool.token("root", "admin")

    def __call__(self, caller, iteration):
        """Statuses and seconds of both. A read shows the caller's own write, if that was confirmed."""
        student, value = self.students[caller], round((iteration % 997) / 1000, 3)
        body = {"student_id": student, "components": scores(value)}
        written = self._post(caller, "calculate", body)
        read = self._post(caller, "query", {"student_id": student})
        if read.status == 200:
            assert read.json["data"]["student_id"] == student
        if (written.status, read.status, read.headers.get("X-Cache")) == (200, 200, "HIT"):
            assert read.json["mastery_score"] == value
        return (written.status, read.status), max(written.seconds, read.seconds)

    def _post(self, caller, what, body):
        return self.connections[caller].request("POST", f"/api/v1/mastery/{what}", json=body, token=self.token)


def wait_served(load, n=5 * CALLERS):
    """So many of the latest results are good ones."""
    before = len(load.results)
    wait_for(
        lambda: sum(statuses == (200, 200) for statuses, _ in load.results[before:]) >= n, "served"
    )


def test_pauses_below_the_deadline_are_latency(pool, redis_server):
    with Load(CALLERS, Callers(pool)) as load:
        for _ in range(4):
            wait_served(load)
            with paused(redis_server):
                time.sleep(0.6)
        wait_served(load)
    assert not load.errors, load.errors[:3]
    assert {statuses for statuses, _ in load.results} == {(200, 200)}


def connections(redis_server):
    """Ids of the connections to Redis, without that of the one who asks."""
    client = redis_server.client()
    return {each["id"] for each in client.client_list()} - {str(client.client_id())}


def test_pause_beyond_the_deadline_is_503_in_time_and_keeps_the_connection(pool, redis_server):
    """The replies to requests that have failed meanwhile are read, and reach nobody."""
    with Load(CALLERS, Callers(pool)) as load:
        wait_served(load)
        before = connections(redis_server)
        with paused(redis_server):
            wait_for(lambda: any(503 in s for s, _ in load.results), "503")
            began = time.monotonic()
            ready = pool.request("GET", "/ready")
            assert ready.status == 503 and time.monotonic() - began < within(0.2)
        wait_served(load)
        assert connections(redis_server) == before
    assert '"reason":"Redis does not reply"' in pool.log_path.read_text()
    assert not load.errors, load.errors[:3]
    assert {status for pair, _ in load.results for status in pair} <= {200, 503}
    assert max(seconds for _, seconds in load.results) < within(1)


def test_long_pause_closes_the_connection_and_mixes_nothing_up(pool, redis_server):
    with Load(CALLERS, Callers(pool)) as load:
        wait_served(load)
        before = connections(redis_server)
        with paused(redis_server):
            time.sleep(4)
        wait_served(load)
        assert not connections(redis_server) & before
    assert not load.errors, load.errors[:3]
    assert {status for pair, _ in load.results for status in pair} <= {200, 503}
    assert max(seconds for _, seconds in load.results) < within(1)
