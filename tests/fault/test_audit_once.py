# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit records whose replies are lost, or late, are in the log once (hazards X3)."""
import itertools
import time

import pytest
from harness.audit import count_of, recorded, records, unstored
from harness.engine import fresh_id
from harness.process import pause, resume
from harness.redis_server import DEFAULT_TIMEOUTS
from harness.store import shard_of, student_key
from harness.wait import wait_for

READS = 5
LOG_KEY = "a key for the hashes in the log of tests"
MORE_THAN_A_COMMAND = 300  # events of one shard


class LostReplies:
    """Lets so many of the commands that record accesses reach Redis, and ends their connection."""

    def __init__(self, stand_in, commands):
        self.stand_in, self.left = stand_in, commands
        stand_in.watch = self.watch

    def watch(self, command):
        if b"SCRIPT" in command:  # the handshake of a new connection
            self.stand_in.mode = "pass"
        elif b":audit:from:" in command or b":audit:reads:from:" in command:
            if self.left > 0:
                self.left -= 1
                self.stand_in.mode, self.stand_in.cut_after = "cut", 0
        return True


def reads(redis):
    return count_of(redis, t="read")


def answered(response):
    """The circuit breaker may still be open; then nothing is read."""
    assert response.status in (200, 503), response
    return response if response.status == 200 else None


def assert_recorded_once(pool, redis, student, so_far):
    """A further read is recorded after all that came before it. Stale responses are recorded too."""
    cached = "STALE"
    while cached == "STALE":
        response = wait_for(lambda: answered(pool.query(student)), "Redis is back for the process")
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


def ids_of_one_shard():
    shard = shard_of("s0")
    return (name for name in (f"s{i}" for i in itertools.count()) if shard_of(name) == shard)


def test_it_is_known_after_a_lost_reply_which_events_were_refused(start_pool, stand_in, redis_server):
    """One command counts both reads; one of the students has a key of another type."""
    pool, redis = start_pool(stand_in.url, STORE_BREAKER_OPEN_MS=50, LOG_KEY=LOG_KEY), redis_server.client()
    victim, other = itertools.islice(ids_of_one_shard(), 2)
    for student in victim, other:
        assert pool.calculate(student).status == 200
    redis.rpush(student_key(victim, ":pseudonym"), "not a record of the engine")
    replies = LostReplies(stand_in, 1)
    for student in victim, other:
        assert pool.query(student).status == 200
    wait_for(lambda: replies.left == 0, "lost")
    wait_for(lambda: unstored(pool.log_path.read_text(), LOG_KEY), "the one is in the log")
    assert [line["reason"] for line in unstored(pool.log_path.read_text(), LOG_KEY)] == ["refused"]
    assert reads(redis) == 1


def test_many_refusals_of_one_shard_are_recorded_once_when_replies_are_lost(start_pool, stand_in, redis_server):
    pool, redis = start_pool(stand_in.url, STORE_BREAKER_OPEN_MS=50), redis_server.client()
    students = list(itertools.islice(ids_of_one_shard(), MORE_THAN_A_COMMAND + 1))

    def refuse(connection, student):
        token = pool.token("nosy", "student")
        response = connection.request("POST", "/api/v1/mastery/query", json={"student_id": student}, token=token)
        assert response.status == 403, response

    with pool.connect() as connection:
        pause(redis_server.process.pid)
        try:
            for student in students[1:]:
                refuse(connection, student)
            replies = LostReplies(stand_in, 3)
        finally:
            resume(redis_server.process.pid)
        wait_for(lambda: replies.left == 0, "lost")
        wait_for(lambda: recorded(redis) >= MORE_THAN_A_COMMAND, "recorded")
        refuse(connection, students[0])
        wait_for(lambda: recorded(redis) > MORE_THAN_A_COMMAND, "the last one, after all others")
    assert recorded(redis) == MORE_THAN_A_COMMAND + 1
