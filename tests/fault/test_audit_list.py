# SPDX-License-Identifier: GPL-3.0-or-later
"""A segment of the audit log is closed between two reads of one list of records, or of one export: each record
is in it once. Which commands are between them is decided here, not by the time that passes."""
import threading

import pytest
from harness.audit import pseudonym, records, wait_count, wait_records, wait_sealed
from harness.engine import fresh_id
from harness.store import tagged
from harness.wait import LIMIT_S, wait_for

REFUSALS, READERS = 12, 5  # more refusals than a list reads at first, each of which is a record
OPEN, OPEN_UP = (b"XREVRANGE", b":audit:open"), (b"XRANGE", b":audit:open")
COUNTS, INDEX = (b"HSCAN", b":audit:counts"), (b"\r\nGET\r\n", b":audit:of:")
# the command of the list that arrives only when the segment is closed; whether the list is about a student
CASES = {
    "what is open": (OPEN, False),
    "counts": (COUNTS, False),
    "more that is open": ((*OPEN, b"\r\n("), False),
    "what is open, of a student": (OPEN, True),
    "counts, of a student": (COUNTS, True),
    "the index of a student": (INDEX, True),
    "more that is open, of a student": ((*OPEN, b"\r\n("), True),
}


class CloseWhileListing:
    """Holds the worker's command that closes a segment until the list sends a command with these texts,
    which is held in turn until the segment is closed."""

    def __init__(self, redis, student, texts):
        self.is_closed = lambda: redis.exists(tagged(student, "audit:segments"))
        shard = tagged(student, "").encode()  # the start of its keys
        self.texts, self.close = (*texts, shard), (b"EVALSHA", shard + b"audit:segments", b":lease")
        self.worker_waits, self.list_waits = threading.Event(), threading.Event()

    def __call__(self, command):
        if all(text in command for text in self.close):
            self.worker_waits.set()
            self.list_waits.wait(LIMIT_S)
        elif self.worker_waits.is_set() and not self.list_waits.is_set() and all(text in command for text in self.texts):
            self.list_waits.set()
            wait_for(self.is_closed, "the segment is closed")
        return True


def fill(pool, redis, student):
    """The records of a student that are open: refusals, a change, reads."""
    query = lambda user, role: pool.request("POST", "/api/v1/mastery/query", token=pool.token(user, role), json={"student_id": student})
    assert pool.calculate(student).status == 200
    wait_count(redis, t="calculated")
    for number in range(REFUSALS):
        assert query(f"t{number}", "teacher").status == 403
    for number in range(READERS):
        assert query(f"reader-{number}", "admin").status == 200
    wait_records(redis, REFUSALS, s="0")
    wait_count(redis, REFUSALS + READERS, t="read", o="mastery")


def check_read_while_closing(start_pool, start_worker, stand_in, redis_server, texts, read):
    """read(pool, student) returns a response and the audit records in it."""
    pool, redis, student = start_pool(redis_url=stand_in.url), redis_server.client(), fresh_id()
    worker = start_worker(pool)
    fill(pool, redis, student)
    assert worker.drain() == 0
    stand_in.watch = watch = CloseWhileListing(redis, student, texts)
    start_worker(pool, AUDIT_SEAL_S=1)
    assert watch.worker_waits.wait(LIMIT_S)
    logs = read(pool, student)
    assert watch.list_waits.is_set()
    stand_in.watch = None
    wait_sealed(redis)
    own = records(redis, w=pseudonym(redis, student), o="mastery")
    assert len(own) == 1 + REFUSALS + READERS
    expected = sorted(f"{record['shard']}-{record['id']}" for record in own)
    assert sorted(log["id"] for log in logs if log["id"] in expected) == expected


@pytest.mark.parametrize("name", CASES)
def test_a_list_has_each_record_once(start_pool, start_worker, stand_in, redis_server, name):
    texts, of_one = CASES[name]

    def read(pool, student):
        query = f"limit=100&student_id={student}" if of_one else "limit=100"
        response = pool.request("GET", f"/api/v1/compliance/audit/logs?{query}", token=pool.token("root", "admin"))
        return response.json["logs"]

    check_read_while_closing(start_pool, start_worker, stand_in, redis_server, texts, read)


@pytest.mark.parametrize("texts", [OPEN_UP, COUNTS, INDEX], ids=["what is open", "counts", "the index"])
def test_an_export_has_each_record_once(start_pool, start_worker, stand_in, redis_server, texts):
    def read(pool, student):
        response = pool.request("GET", f"/api/v1/compliance/export/{student}", token=pool.token("root", "admin"))
        return response.json["data"]["audit_logs"]

    check_read_while_closing(start_pool, start_worker, stand_in, redis_server, texts, read)
