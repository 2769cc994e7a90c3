# SPDX-License-Identifier: GPL-3.0-or-later
"""A master becomes a replica and does not die: the connections to it live on, and must be left
(hazards X1). Two servers behind one stable address that leads only new connections elsewhere."""
import contextlib

import pytest
from harness.ctl import run_ctl
from harness.engine import fresh_id
from harness.load import Load
from harness.model import COMPONENTS
from harness.pool import PoolClient
from harness.redis_server import RedisPair
from harness.wait import LIMIT_S, assert_stays, wait_for, within

CALLERS = 6


@pytest.fixture
def pair():
    with RedisPair() as pair:
        yield pair


def not_ready(pool, reason):
    response = pool.request("GET", "/ready")
    return response.status == 503 and reason in response.json["reason"]


def is_ready(pool):
    return pool.request("GET", "/ready").status == 200


def write(client, student, score):
    components = dict.fromkeys(COMPONENTS, score)
    body = {"student_id": student, "components": components}
    return client.post("/api/v1/mastery/calculate", body)


def read(client, student):
    return client.post("/api/v1/mastery/query", {"student_id": student})


def score_of(response):
    """None for a response that says nothing about what the store has now."""
    fresh = response.status == 200 and response.headers["X-Cache"] != "STALE"
    return response.json["mastery_score"] if fresh else None


def test_roles_swapped_under_load(start_pool, pair):
    """Each caller writes a score of its own student and reads it: a read after an acknowledged write
    must not have an older score, on whichever server the write was."""
    pool = start_pool(pair.address.url)
    with contextlib.ExitStack() as stack:
        clients = [PoolClient(pool, keep=True) for _ in range(CALLERS)]
        for client in clients:
            stack.callback(client.close)
        students = [fresh_id() for _ in clients]

        def write_and_read(caller, iteration):
            score = round((iteration % 997) / 1000, 3)
            written = write(clients[caller], students[caller], score)
            assert written.status in (200, 503), written
            if written.status == 503:
                return False, False
            found = score_of(read(clients[caller], students[caller]))
            assert found in (None, score), f"{found} is older than {score}"
            return True, found is not None

        def good(most_recent):
            return all(all(pair) for pair in load.results[-most_recent:])

        with Load(CALLERS, write_and_read) as load:
            wait_for(lambda: len(load.results) > 200 and good(50), "writes and reads")
            pair.swap_roles()
            wait_for(lambda: not_ready(pool, "replica"), "/ready says that no write can pass")
            pair.lead_to(pair.master)
            wait_for(lambda: is_ready(pool), "ready again", within(5))
            done = len(load.results)
            wait_for(lambda: len(load.results) > done + 100 and good(100), "writes again", within(5))
    assert not load.errors, load.errors[:3]
    assert pair.replica.client().info("replication")["role"] == "slave"


def test_a_process_that_only_reads_leaves_the_replica(start_pool, pair):
    """It never meets READONLY. The replica cannot follow, so that what it has stays old."""
    pool, writer, student = start_pool(pair.address.url), start_pool(pair.master.url), fresh_id()
    assert writer.calculate(student, (0.5,) * 4).status == 200
    assert score_of(pool.query(student)) == 0.5
    assert pair.master.client().wait(1, LIMIT_S * 1000) == 1, "the replica has the write"
    pair.replica.client().execute_command("REPLICAOF", "NO", "ONE")
    pair.lead_to(pair.replica)
    pair.master.client().execute_command("REPLICAOF", "127.0.0.1", "1")
    on_the_new_master = start_pool(pair.replica.url)
    assert on_the_new_master.calculate(student, (0.75,) * 4).status == 200
    wait_for(lambda: score_of(pool.query(student)) == 0.75, "the new score", within(5))
    assert_stays(lambda: score_of(pool.query(student)) == 0.75, "the new score")


def test_worker_and_ctl_leave_the_replica(start_pool, start_worker, stand_in_sidecar, pair):
    pool = start_pool(pair.address.url)
    start_worker(pool, stand_in_sidecar)
    first, second = fresh_id(), fresh_id()
    assert pool.calculate(first).status == 200
    wait_for(lambda: stand_in_sidecar.events(first), "an event of the first write")
    pair.swap_roles()
    result = run_ctl(pool.environment, "schema")
    assert result.returncode != 0 and "replica" in result.stderr, result
    pair.lead_to(pair.master)
    wait_for(lambda: pool.calculate(second).status == 200, "writes again", within(5))
    wait_for(lambda: stand_in_sidecar.events(second), "an event of the second write")
    assert run_ctl(pool.environment, "schema").returncode == 0


def test_ready_says_why_no_write_can_pass(start_pool, redis_server):
    """A Redis that is full still replies, and serves reads."""
    pool, student, raw = start_pool(), fresh_id(), redis_server.client()
    assert pool.calculate(student).status == 200
    raw.config_set("maxmemory", 1)
    wait_for(lambda: not_ready(pool, "Redis refuses writes (OOM)"), "/ready names the error")
    assert score_of(pool.query(student)) == 0.83
    raw.config_set("maxmemory", 0)
    wait_for(lambda: is_ready(pool), "ready again")
    raw.config_set("min-replicas-to-write", 1)
    wait_for(lambda: not_ready(pool, "(NOREPLICAS)"), "/ready names the error")
