# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit records whose replies are lost, or late, are in the log once (hazards X3)."""
import time

import pytest
from harness.audit import counts, records
from harness.engine import fresh_id
from harness.process import pause, resume
from harness.redis_server import DEFAULT_TIMEOUTS
from harness.wait import wait_for

READS = 5


class LostReplies:
    """Lets so many of the commands that record accesses reach Redis, and ends their connection."""

    def __init__(self, stand_in, commands):
        self.stand_in, self.left = stand_in, commands
        stand_in.watch = self.watch

    def watch(self, command):
        if b"SCRIPT" in command:  # the handshake of a new connection
            self.stand_in.mode = "pass"
        elif b":audit:from:" in command or b":audit:reads" in command:
            if self.left > 0:
                self.left -= 1
                self.stand_in.mode, self.stand_in.cut_after = "cut", 0
        return True


def reads(redis):
    counted = sum(n for _, _, n in counts(redis, t="read"))
    return counted + sum(int(record["n"]) for record in records(redis, t="read"))


def assert_recorded_once(pool, redis, student, so_far):
    """A further read is recorded after all that came before it. Stale responses are recorded too."""
    cached = "STALE"
    while cached == "STALE":
        response = pool.query(student)
        assert response.status == 200, response
        cached, so_far = response.headers["X-Cache"], so_far + 1
    wait_for(lambda: reads(redis) >= so_far, "recorded")
    assert reads(redis) == so_far


def read(pool, student):
    for _ in range(READS):
        response = pool.query(student)
        assert (response.status, response.headers["X-Cache"]) == (200, "HIT"), response


@pytest.mark.parametrize("lost", [1, 2, 5])
def test_reads_are_counted_once_when_replies_are_lost(start_pool, stand_in, redis_server, lost):
    pool, redis, student = start_pool(stand_in.url, STORE_BREAKER_OPEN_MS=50), redis_server.client(), fresh_id()
    assert pool.calculate(student).status == 200
    replies = LostReplies(stand_in, lost)
    read(pool, student)
    wait_for(lambda: replies.left == 0, "lost")
    wait_for(lambda: reads(redis) >= READS, "recorded")
    assert_recorded_once(pool, redis, student, READS)


def test_change_is_recorded_once_when_replies_are_lost(start_pool, stand_in, redis_server):
    pool, redis = start_pool(stand_in.url, STORE_BREAKER_OPEN_MS=50), redis_server.client()
    roster = {"name": "x", "teacher_ids": [], "student_ids": []}
    replies = LostReplies(stand_in, 3)

    def put(name):
        token = pool.token("root", "admin")
        return pool.request("PUT", f"/api/v1/cohorts/{name}", json=roster, token=token).status

    assert put("c1") == 201
    wait_for(lambda: replies.left == 0, "lost")
    wait_for(lambda: put("c2") in (200, 201), "another change")
    wait_for(lambda: records(redis, o="cohorts/c2"), "recorded")
    wait_for(lambda: records(redis, o="cohorts/c1"), "recorded")
    assert len(records(redis, o="cohorts/c1")) == 1


@pytest.mark.parametrize("seconds", [1.6, 4.5], ids=["connection stays", "connection closed"])
def test_reads_are_counted_once_when_redis_pauses(start_pool, redis_server, seconds):
    """The counts are sent half a second after the reads, into the pause. Redis runs them afterwards,
    from either connection."""
    pool, redis, student = start_pool(**DEFAULT_TIMEOUTS), redis_server.client(), fresh_id()
    assert pool.calculate(student).status == 200
    read(pool, student)
    pause(redis_server.process.pid)
    try:
        time.sleep(seconds)
    finally:
        resume(redis_server.process.pid)
    wait_for(lambda: reads(redis) >= READS, "recorded")
    assert_recorded_once(pool, redis, student, READS)
