# SPDX-License-Identifier: GPL-3.0-or-later
"""A key of Redis has another type than the engine writes, as after a mistake of an operator: only what
that key holds is affected. Other students, other shards and other jobs notice nothing (hazards X6)."""
import json
import time

import pytest
from harness.audit import count_of, pseudonym, segments
from harness.engine import fresh_id
from harness.events import event
from harness.keys import STUDENT_KEYS
from harness.sidecar import Sidecar
from harness.store import dead_letters, neighbour, put_dead_letter, put_event_job, shard_of, student_key, tagged, tombstone
from harness.wait import wait_for

FIRST_SHARD = "00"  # the scans of the worker begin here
SHARD_KINDS = ["journal", "outbox", "lease", "audit", "audit:seals", "audit:reads", "audit:open", "audit:counts", "audit:segments"]
SHARED_KEYS = [
    "audit:heads", "batches", "cohorts", "erasures", "erasures:rewrite", "workers", "queue:{dead}",
    "queue:{batch}:high", "queue:{batch}:normal", "queue:{batch}:later",
]
STUDENT_KINDS = {row.id: row for row in STUDENT_KEYS}


def spoil(store, key):
    """Makes the key a list, which no record of the engine is."""
    store.delete(key)
    store.rpush(key, "not a record of the engine")


def key_of(student, kind):
    row = STUDENT_KINDS[kind]
    if row.family == "KEY_HASHED":
        return tombstone(student)
    return student_key(student, row.suffix + (time.strftime("%Y%m%d", time.gmtime()) if row.family == "KEY_DAILY" else ""))


def student_of_shard(shard):
    while True:
        found = fresh_id()
        if shard_of(found) == shard:
            return found


def stranger_to(shard):
    while True:
        found = fresh_id()
        if shard_of(found) != shard:
            return found


def ingest(pool, student):
    body = event("exercise.completed", student)
    token = pool.token("root", "admin")
    return pool.request("POST", "/api/v1/mastery/ingest", json=body, token=token)


def assert_is_served(pool, store, sidecar, student):
    """Everything that the worker and the routes do for a student is done. An event of the student is in
    the queue."""
    assert pool.calculate(student).status == 200
    assert pool.query(student).status == 200
    wait_for(lambda: store.xlen(student_key(student, ":events")) == 1, "the job was done")
    wait_for(lambda: len(sidecar.events(student)) >= 2, "both changes are published")
    name = pseudonym(store, student)
    wait_for(lambda: count_of(store, w=name) == 3, "all are recorded")
    assert [count_of(store, w=name, t=kind) for kind in ("calculated", "event", "read")] == [1, 1, 1]
    wait_for(lambda: sealed_of(store, name) == 3, "sealed")


def sealed_of(store, name):
    """How many accesses are in closed segments, by the pseudonym."""
    return sum(int(r["n"]) for segment in segments(store) for r in segment.records if r["w"] == name)


def shared_and_shard_keys():
    return [f"{{{FIRST_SHARD}}}:{kind}" for kind in SHARD_KINDS] + SHARED_KEYS


@pytest.mark.parametrize("key", shared_and_shard_keys())
def test_a_spoilt_key_of_a_shard_or_of_all_stops_no_stranger(start_pool, start_worker, store, key):
    pool, stranger = start_pool(AUDIT_SEAL_S=1), stranger_to(FIRST_SHARD)
    put_event_job(store, event("exercise.completed", stranger), "low")
    spoil(store, key)
    with Sidecar() as sidecar:
        worker = start_worker(pool, sidecar)
        assert_is_served(pool, store, sidecar, stranger)
        assert worker.alive()
    assert store.type(key) == "list", "the engine has removed what is not its own"


def test_a_spoilt_journal_does_not_end_the_waiting_for_the_others(start_pool, start_worker, store):
    """The blocking read of all journals leaves the spoilt one out."""
    pool = start_pool(AUDIT_SEAL_S=1)
    spoil(store, f"{{{FIRST_SHARD}}}:journal")
    start_worker(pool)

    def xread():
        stats = store.info("commandstats").get("cmdstat_xread", {"calls": 0, "failed_calls": 0})
        return stats["calls"], stats["failed_calls"]

    def succeeds():
        calls, failed = xread()
        wait_for(lambda: xread()[0] > calls, "another read")
        return xread()[1] == failed

    wait_for(succeeds, "a read of journals that succeeds")


@pytest.mark.parametrize("kind", STUDENT_KINDS)
def test_a_spoilt_key_of_a_student_stops_no_neighbour(start_pool, start_worker, store, kind):
    """The neighbour's records are in the same streams, and were written after the student's."""
    pool, student = start_pool(AUDIT_SEAL_S=1), fresh_id()
    other = neighbour(student)
    assert pool.calculate(student).status == 200
    assert ingest(pool, student).status in (200, 201, 202)
    spoil(store, key_of(student, kind))
    pool.query(student)
    with Sidecar() as sidecar:
        assert pool.calculate(other).status == 200
        start_worker(pool, sidecar)
        wait_for(lambda: sidecar.events(other), "published")
        wait_for(lambda: store.xlen(tagged(student, "journal")) == 0, "no entry is left")
        assert pool.query(other).status == 200
        name = pseudonym(store, other)
        wait_for(lambda: count_of(store, w=name) == 2, "the neighbour's change and read are counted")
        assert [count_of(store, w=name, t=kind) for kind in ("calculated", "read")] == [1, 1]


@pytest.mark.parametrize("kind", ["EVENTS", "PSEUDONYM"])
def test_a_change_whose_record_cannot_be_written_becomes_a_dead_letter(
    start_pool, start_worker, store, kind
):
    pool, student = start_pool(AUDIT_SEAL_S=1), fresh_id()
    other = neighbour(student)
    assert ingest(pool, student).status in (200, 201, 202)
    assert ingest(pool, other).status in (200, 201, 202)
    spoil(store, key_of(student, kind))
    worker = start_worker(pool)
    wait_for(lambda: store.xlen(tagged(student, "journal")) == 0, "no entry is left")
    [letter] = dead_letters(store)
    assert letter["source"] == tagged(student, "journal") and student in json.dumps(letter)
    assert "another type" in letter["reason"], letter
    assert store.xlen(student_key(other, ":events")) == 1
    wait_for(lambda: worker.lines("journal.unreadable"), "logged")


@pytest.mark.parametrize("kind", ["PROFILE", "MARKS", "DAYS"])
def test_no_half_of_a_change_is_written_beside_a_spoilt_journal(start_pool, store, kind):
    pool, student = start_pool(AUDIT_SEAL_S=1), fresh_id()
    spoil(store, tagged(student, "journal"))
    assert ingest(pool, student).status == 500
    assert not store.exists(key_of(student, kind))


def test_a_job_to_retry_that_cannot_be_read_becomes_a_dead_letter(start_pool, start_worker, store):
    """The jobs to be tried again after it are not held up."""
    pool, student = start_pool(AUDIT_SEAL_S=1), fresh_id()
    store.zadd("queue:{batch}:later", {"no job": 0, "7 event 0 1-1 {}": 0})
    letter = put_dead_letter(store, event("exercise.completed", student))
    store.zadd("queue:{batch}:later", {f"0 event 0 1-1 {letter}": 1})
    start_worker(pool)
    wait_for(lambda: store.xlen(student_key(student, ":events")) == 1, "the job was done")
    wait_for(lambda: len(dead_letters(store)) == 2, "the others are dead letters")
    assert store.zcard("queue:{batch}:later") == 0
