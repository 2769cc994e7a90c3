# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of the pool and of the worker, and a store that is away: no write is without its record,
or counted twice, and of reads a second's counts at most are lost."""
import os
import signal

from harness.audit import count_of, ctl_audit, pseudonym, records, sealed, wait_count, wait_records
from harness.engine import fresh_id
from harness.model import scores
from harness.process import pause, resume
from harness.wait import wait_for


def total_reads(redis):
    return count_of(redis, t="read")


def test_every_acknowledged_write_has_its_record(start_pool, start_worker, redis_server):
    pool = start_pool(size=2, may_crash=True, AUDIT_SEAL_S=1)
    redis = redis_server.client()
    worker, written = start_worker(pool), []
    for iteration in range(60):
        student = fresh_id()
        body = {"student_id": student, "components": scores(0.5)}
        response = pool.request("POST", "/api/v1/mastery/calculate", json=body, token=pool.token("root", "admin"))
        assert response.status == 200, response
        written.append(student)
        if iteration % 15 == 7:
            for pid in pool.pids():
                os.kill(pid, signal.SIGKILL)
            wait_for(pool.serves, "the pool is back")
        if iteration % 20 == 10:
            worker.kill()
            worker = start_worker(pool)
    wait_count(redis, len(written), t="calculated")
    wait_for(lambda: sealed(redis), "sealed")
    found = records(redis, t="calculated")
    assert sorted(record["w"] for record in found) == sorted(pseudonym(redis, student) for student in written)
    result = ctl_audit(pool, "verify")
    assert result.returncode == 0, result


def test_reads_older_than_a_second_survive_a_kill(start_pool, redis_server):
    pool = start_pool(may_crash=True)
    redis, student = redis_server.client(), fresh_id()
    assert pool.calculate(student).status == 200
    for _ in range(30):
        assert pool.query(student).status == 200
    wait_for(lambda: total_reads(redis) == 30, "all are counted, within the window")
    for _ in range(7):
        assert pool.query(student).status == 200
    for pid in pool.pids():
        os.kill(pid, signal.SIGKILL)
    wait_for(pool.serves, "the pool is back")
    assert 30 <= total_reads(redis) <= 37


def test_a_process_that_retires_leaves_nothing_untold(start_pool, redis_server):
    pool = start_pool(MAX_REQUESTS=5, DRAIN_TIMEOUT_S=60)
    redis, student = redis_server.client(), fresh_id()
    assert pool.calculate(student).status == 200
    for _ in range(40):
        wait_for(lambda: pool.query(student).status == 200, "a read")
    wait_for(lambda: total_reads(redis) == 40, "every read recorded")


def test_notes_wait_for_a_store_that_is_away(start_pool, redis_server):
    pool = start_pool(STORE_ROUND_TIMEOUT_MS=200)
    redis, student = redis_server.client(), fresh_id()
    assert pool.calculate(student).status == 200
    assert pool.query(student, student, "student").status == 200
    wait_for(lambda: total_reads(redis) == 1, "counted")
    pause(redis_server.process.pid)
    try:
        for _ in range(3):
            response = pool.query(student, student, "student")
            assert response.status == 200 and response.headers["X-Cache"] == "STALE", response
        assert pool.query(student, "t9", "teacher").status == 503
        assert pool.query(student, "other", "student").status == 403
    finally:
        resume(redis_server.process.pid)
    wait_for(lambda: total_reads(redis) - len(records(redis, s="0")) >= 4, "recorded afterwards")
    assert wait_records(redis, s="0")
