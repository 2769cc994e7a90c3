# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operation on one student reads in Redis does not depend on how many other students there are.

Counted, not timed. All students are of one shard, where records of others are nearest."""
import hashlib
import itertools
import re
from datetime import datetime, timedelta, timezone

import pytest
from harness.audit import wait_sealed
from harness.engine import fresh_id
from harness.events import event
from harness.store import is_turned_and_published, shard_of, student_key, tagged
from harness.wait import wait_for

FEW, MANY, IN_COHORT = 20, 400, 5
OWN = 2 + 2 * IN_COHORT  # students on whom operations are measured
HEARTBEAT_BYTES = 4000  # what the pool reads of its own accord while a request is processed
OPERATIONS = {
    "export": ("GET", "/api/v1/compliance/export/{student}", 200),
    "audit list": ("GET", "/api/v1/compliance/audit/logs?student_id={student}", 200),
    "overview": ("GET", "/api/v1/cohorts/{cohort}/overview", 200),
    "erase": ("DELETE", "/api/v1/compliance/student/{student}", 200),
}


def place_of(student):
    """Among students of one shard: where the process caches a student's part of an overview, in the place of another
    one with the same digits (app/service/overview_cache.c)."""
    return hashlib.sha256(student.encode()).digest()[1] % 128


def of_one_shard(count):
    """The first OWN of them are cached in places of their own."""
    first, found, places = fresh_id(), [], set()
    for name in (f"{first}-{n}" for n in itertools.count()):
        if shard_of(name) != shard_of(first) or (len(found) < OWN and place_of(name) in places):
            continue
        found.append(name)
        places.add(place_of(name))
        if len(found) == count:
            return found


class Platform:
    def __init__(self, pool, start_worker, store):
        self.pool, self.start_worker, self.store = pool, start_worker, store

    def request(self, method, path, status, **options):
        response = self.pool.request(method, path, token=self.pool.token("root", "admin"), **options)
        assert response.status == status, response

    def add(self, students):
        """With events, a read, and all of it in closed segments."""
        for student in students:
            for days in (3, 1, 0):
                at = datetime.now(timezone.utc) - timedelta(days=days, minutes=1)
                body = event(student=student, at_ms=int(at.timestamp() * 1000))
                self.request("POST", "/api/v1/mastery/ingest", 202, json=body)
            self.request("POST", "/api/v1/mastery/query", 200, json={"student_id": student})
        self.settle()

    def settle(self):
        worker = self.start_worker(self.pool, AUDIT_SEAL_S=1)
        wait_for(lambda: is_turned_and_published(self.store), "journal processed")
        wait_sealed(self.store)
        assert worker.drain() == 0

    def put_cohort(self, name, students):
        body = {"name": name, "teacher_ids": ["t1"], "student_ids": students}
        self.request("PUT", f"/api/v1/cohorts/{name}", 201, json=body)
        return name

    def commands(self, work):
        """The commands about records, those of scripts included, in their order. What records the access itself
        comes at any time after the response, and is left out."""
        found, is_left_out = [], False
        with self.store.monitor() as monitor:
            work()
            self.store.echo("the end")
            for command in monitor.listen():
                if command["command"] == "ECHO the end":
                    return found
                if command["client_type"] != "lua":
                    is_left_out = ":from:" in command["command"]
                is_probe = command["command"].startswith("SETRANGE ")  # whether a node of a cluster takes writes
                if "{" in command["command"] and not is_left_out and not is_probe:
                    found.append(command["command"].split(" ")[0])

    def bytes_read(self, work):
        read = lambda: self.store.info("stats")["total_net_output_bytes"]
        before = read()
        work()
        return read() - before

    def cost(self, operation, **names):
        """(commands, bytes) of an operation that may be repeated; an erasure is not, and its bytes are few."""
        method, path, status = OPERATIONS[operation]
        work = lambda: self.request(method, path.format(**names), status)
        size = self.bytes_read(work) if operation != "erase" else 0
        return self.commands(work), size


@pytest.fixture
def platform(start_pool, start_worker, redis_server):
    return Platform(start_pool(), start_worker, redis_server.client())


def test_cost_does_not_grow_with_the_platform(platform):
    students = of_one_shard(OWN + MANY)
    own, others = students[:OWN], students[OWN:]
    platform.add(own)
    cohorts = [platform.put_cohort(f"cohort-{i}", own[2 + i * IN_COHORT :][:IN_COHORT]) for i in range(2)]
    platform.add(others[:FEW])
    measure = lambda i: {name: platform.cost(name, student=own[i], cohort=cohorts[i]) for name in OPERATIONS}
    few = measure(0)
    platform.add(others[FEW:])
    many = measure(1)
    for name in OPERATIONS:
        assert many[name][0] == few[name][0], name
        assert many[name][1] <= few[name][1] + HEARTBEAT_BYTES, name
    assert 10 < len(few["export"][0]) < 300


def test_a_pass_of_the_worker_reads_nothing_of_those_who_are_not_due(platform, student):
    students = of_one_shard(FEW)
    platform.add(students)
    due_list = tagged(students[0], "retention")
    assert platform.store.zcard(due_list) == FEW
    [due] = set(platform.store.zrange(due_list, 0, -1, withscores=True)[0][1:])
    today = int(datetime.now(timezone.utc).timestamp() // 86400)
    assert due == today - 3 + 91
    platform.store.zadd(due_list, {students[0]: today})
    with platform.store.monitor() as monitor:
        worker = platform.start_worker(platform.pool)
        wait_for(lambda: platform.store.zscore(due_list, students[0]) == due, "the one who is due was looked at")
        wait_for(lambda: worker.lines("retention.done"), "the scan is over")
        platform.store.echo("the end")
        read = set()
        for command in monitor.listen():
            if command["command"] == "ECHO the end":
                break
            match = re.search(r"^(?:HGETALL|GET|XRANGE|XTRIM) (\S+)", command["command"])
            read |= {match[1]} & {student_key(one, kind) for one in students for kind in (":counted", ":days", ":events")} if match else set()
    assert read == {student_key(students[0], kind) for kind in (":counted", ":days", ":events")}


def test_an_erased_student_is_in_no_list(platform, student):
    platform.add([student])
    due_list = tagged(student, "retention")
    assert platform.store.zscore(due_list, student)
    platform.request("DELETE", f"/api/v1/compliance/student/{student}", 200)
    assert platform.store.zscore(due_list, student) is None
