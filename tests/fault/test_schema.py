# SPDX-License-Identifier: GPL-3.0-or-later
"""The store's schema: a version that does not know it leaves the store alone, and says so."""
import json
import os
import re

import pytest
from harness.binaries import ROOT
from harness.ctl import run_ctl
from harness.engine import fresh_id, redis_process
from harness.expect import assert_ok, assert_problem
from harness.model import scores
from harness.wait import wait_for

OURS = re.search(r"STORE_SCHEMA = (\d+)", (ROOT / "app/store/schema.h").read_text())[1]
NEWER = str(int(OURS) + 1)


@pytest.fixture(scope="module")
def own_engine():
    """Whose store these tests may leave in any state that they put right again."""
    from harness.engine import Engine

    with Engine(POOL_SIZE=1) as running:
        yield running


@pytest.fixture
def later(own_engine):
    """An engine that has come back to a store of a later version."""
    store = own_engine.redis()
    store.set("schema", NEWER)
    store.client_kill_filter(_type="normal", skipme=True)
    wait_for(lambda: not own_engine.ready(), "not ready")
    yield own_engine
    own_engine.redis().set("schema", OURS)
    own_engine.wait_ready()


def everything(engine):
    """What stands in the store, but for what changes by itself with time."""
    store = engine.redis(decode=False)
    keys = [key for key in store.scan_iter() if b"lease" not in key and key != b"workers"]
    return {key: store.dump(key) for key in keys}


def ctl(engine, *arguments):
    return run_ctl({**engine.environment, **engine.values}, *arguments)


def lines(engine, name="pool"):
    for line in (engine.state_dir / f"log/{name}.log").read_text().splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def test_a_new_store_gets_the_schema(own_engine):
    assert own_engine.redis().get("schema") == OURS
    assert own_engine.ctl("schema") == f"store {OURS}, this version {OURS}\n"


def test_a_later_store_is_left_alone(later):
    before = everything(later)
    student = fresh_id()
    assert_problem(later.calculate(student), 503, "SERVICE_UNAVAILABLE")
    assert_problem(later.admin().post("/api/v1/mastery/query", {"student_id": student}), 503, "SERVICE_UNAVAILABLE")
    assert later.client().get("/health").status == 200
    response = later.client().get("/ready")
    assert response.status == 503 and response.json["dependencies"]["state_store"] == "unavailable"
    assert everything(later) == before


def test_not_even_the_first_request_on_a_new_connection_writes(start_pool, redis_server):
    """It is put behind the greeting, whose answer is not known yet."""
    pool, store = start_pool(), redis_server.client()
    headers = {"Idempotency-Key": "once"}
    for iteration in range(5):
        student = fresh_id()
        store.set("schema", OURS)
        wait_for(lambda: pool.request("GET", "/ready").status == 200, "ready")
        assert pool.calculate(f"before-{iteration}").status == 200
        before = set(store.keys())
        store.set("schema", NEWER)
        store.client_kill_filter(_type="normal", skipme=True)
        body = {"student_id": student, "components": scores(0.5)}
        token = pool.token("root", "admin")
        response = pool.request("POST", "/api/v1/mastery/calculate", json=body, token=token, headers=headers)
        assert_problem_of_pool(response)
        assert set(store.keys()) == before


def assert_problem_of_pool(response):
    assert response.status == 503 and response.json["error"]["code"] == "SERVICE_UNAVAILABLE", response


@pytest.mark.parametrize("program", ["pool", "worker"])
def test_the_log_says_why(later, program):
    unavailable = lambda: [line for line in lines(later, program) if line["event"] == "store.away"]
    wait_for(lambda: any(f"schema {NEWER}" in line["reason"] for line in unavailable()), "the log says so")


def test_a_program_that_starts_writes_nothing_into_a_later_store(start_pool, redis_server):
    redis_server.client().set("schema", NEWER)
    pool = start_pool()
    response = pool.request("GET", "/ready")
    assert response.status == 503
    assert redis_server.client().keys() == ["schema"]
    wait_for(lambda: f"schema {NEWER}" in pool.log_path.read_text(), "the log says why")


@pytest.mark.parametrize("arguments", [["schema"], ["dead", "list"], ["seed", "--student", "a", "--days", "1"]])
def test_the_operators_tool_leaves_it_alone_too(later, arguments):
    before = everything(later)
    result = ctl(later, *arguments)
    assert result.returncode == 3 and f"schema {NEWER}" in result.stderr
    assert everything(later) == before


def test_the_operators_tool_notes_nothing(redis_server):
    environment = {**os.environ, "REDIS_URL": redis_server.url, "JWT_SECRET": "s" * 32}
    result = run_ctl(environment, "schema")
    assert result.stdout == f"store none, this version {OURS}\n", result.stderr
    assert redis_server.client().keys() == []


def test_a_full_store_without_a_schema_is_used_all_the_same(own_engine):
    """Noting it is a write, and Redis takes none; nothing else depends on it."""
    store = own_engine.redis()
    student = fresh_id()
    assert_ok(own_engine.calculate(student))
    store.delete("schema")
    store.config_set("maxmemory", 1)
    try:
        store.client_kill_filter(_type="normal", skipme=True)
        read = lambda: own_engine.admin().post("/api/v1/mastery/query", {"student_id": student}).status == 200
        wait_for(read, "a query answered")
        assert store.get("schema") is None
    finally:
        store.config_set("maxmemory", 0)
        store.client_kill_filter(_type="normal", skipme=True)
    wait_for(lambda: own_engine.redis().get("schema") == OURS, "the schema noted")


def test_the_schema_survives_a_restart_of_redis(own_engine):
    store = redis_process(own_engine)
    store.stop()
    store.start()
    own_engine.wait_ready()
    assert own_engine.redis().get("schema") == OURS
