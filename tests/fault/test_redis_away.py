# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis dead, stopped, full, read-only or busy: an answer in time, and all well soon after.

Faults 3, 4, 6, 7, 8, 10 of the hazards, by the full engine.
"""
import contextlib
import os
import signal
import threading
import time

import pytest
import redis
from harness.engine import fresh_id, redis_process
from harness.expect import assert_ok, assert_problem
from harness.load import Load
from harness.redis_server import DEFAULT_TIMEOUTS, LONG_TIMEOUTS
from harness.wait import assert_typical, wait_for, within

QUERY = "/api/v1/mastery/query"


@pytest.fixture
def broken(start_engine, request):
    """An engine whose Redis the test may do anything to. It waits for replies as long as without
    settings: on a machine with other load even a healthy Redis may be too late."""
    engine = start_engine(DRAIN_TIMEOUT_S=1, **getattr(request, "param", DEFAULT_TIMEOUTS))
    engine.store = redis_process(engine)
    yield engine
    with contextlib.suppress(ProcessLookupError):
        engine.store.signal(signal.SIGCONT)


def stop_by_kill(store):
    store.stop()
    return lambda: store.start()


def stop_by_pause(store):
    store.signal(signal.SIGSTOP)
    return lambda: store.signal(signal.SIGCONT)


# For tests in which Redis never hangs.
waits_long = pytest.mark.parametrize("broken", [LONG_TIMEOUTS], indirect=True, ids=["waits-long"])
STOPS = [pytest.param(stop_by_kill, id="killed"), pytest.param(stop_by_pause, id="stopped")]


def count_of(results, status):
    return sum(result[0] == status for result in results)


def student_calls(engine, student):
    """One call of every endpoint that needs the store."""
    admin = engine.admin()
    return {
        "query": lambda: admin.post(QUERY, {"student_id": student}),
        "calculate": lambda: engine.calculate(student, by=admin),
        "history": lambda: admin.get(f"/api/v1/mastery/history/{student}"),
        "statistics": lambda: admin.get(f"/api/v1/mastery/statistics/{student}"),
        "explain": lambda: admin.get(f"/api/v1/mastery/explain/{student}"),
        "cohort": lambda: admin.get("/api/v1/cohorts/some"),
        "cohorts": lambda: admin.get("/api/v1/cohorts"),
        "put": lambda: admin.put(
            "/api/v1/cohorts/x", {"name": "x", "teacher_ids": [], "student_ids": []}
        ),
    }


@pytest.mark.parametrize("stop", STOPS)
def test_every_endpoint_refuses_in_time(broken, stop):
    calls = student_calls(broken, fresh_id())
    stop(broken.store)
    for _ in range(3):
        for name, call in calls.items():
            response = call()
            assert_problem(response, 503, "SERVICE_UNAVAILABLE")
            assert response.seconds < within(1.2), f"{name} took {response.seconds:.3f} s"


def all_not_ready(client):
    """Each new connection may reach another process."""
    statuses = []
    for _ in range(20):
        statuses.append(client.get("/ready").status)
        client.close()
    return set(statuses) == {503}


@pytest.mark.parametrize("stop", STOPS)
def test_health_stays_and_ready_goes_at_once(broken, stop):
    client, times = broken.client(), []
    broken.wait_ready()
    stop(broken.store)
    # Every process sends a heartbeat each second and allows a second for its reply.
    wait_for(lambda: all_not_ready(client), "503 by every process")
    for _ in range(30):
        assert assert_ok(client.get("/health"))["status"] == "healthy"
        ready = client.get("/ready")
        assert ready.status == 503 and ready.json["status"] == "not_ready"
        times.append(ready.seconds)
        client.close()
    assert_typical(times, 0.2)


@pytest.mark.parametrize("stop", STOPS)
def test_open_and_refused_requests_do_not_need_the_store(broken, stop):
    stop(broken.store)
    client = broken.client()
    for path in ("/", "/metrics", "/metrics/detailed", "/openapi.json"):
        assert client.get(path).status == 200
    assert_problem(client.get("/api/v1/mastery/history/someone"), 401)
    student = broken.client(fresh_id(), "student")
    assert_problem(student.get("/api/v1/mastery/history/someone"), 403)
    assert_problem(student.get("/api/v1/mastery/history/.not-an-id"), 400)


@pytest.mark.parametrize("stop", STOPS)
def test_full_service_within_two_seconds_of_its_return(broken, stop):
    student, pool = fresh_id(), broken.pool()
    calls = student_calls(broken, student)
    start = stop(broken.store)
    for call in calls.values():
        assert call().status == 503
    time.sleep(1)  # by then each process has seen it fail, and pauses between its probes
    start()
    began = last_bad = time.monotonic()
    in_a_row = 0
    while in_a_row < 20:  # enough for each process to have been met
        one_of_the_pool = broken.admin()
        good = broken.calculate(student, by=one_of_the_pool).status == 200
        good = one_of_the_pool.get("/ready").status == 200 and good
        in_a_row = in_a_row + 1 if good else 0
        last_bad = last_bad if good else time.monotonic()
        one_of_the_pool.close()
        assert last_bad - began < within(2), f"only {in_a_row} good answers in a row"
    assert broken.pool() == pool, "a process was restarted"


def test_engine_starts_and_recovers_though_redis_is_away(broken):
    broken.store.stop()
    for pid in broken.pool():
        # multiwatch starts others, which find no store from their first moment on
        signal_and_wait(broken, pid)
    assert broken.client().get("/health").status == 200
    assert broken.client().get("/ready").status == 503
    broken.store.start()
    broken.wait_ready()


def signal_and_wait(engine, pid):
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: pid not in engine.pool() and engine.pool_is_whole(), "replaced")


def test_stopped_redis_never_gives_one_students_answer_to_another(broken):
    """Late replies must not be taken for those of the next request (hazards H3, fault 4)."""
    students = {fresh_id(): round(0.05 + i / 50, 2) for i in range(40)}
    for student, score in students.items():
        assert_ok(broken.calculate(student, (score,) * 4))
    names = list(students)
    clients = [broken.admin() for _ in range(8)]

    def ask(caller, iteration):
        student = names[(caller * 7 + iteration) % len(names)]
        response = clients[caller].post(QUERY, {"student_id": student})
        if response.status == 200:
            assert response.json["data"]["student_id"] == student
            assert response.json["mastery_score"] == students[student]
        return response.status, response.seconds

    with Load(len(clients), ask) as load:
        for pause in (0.3, 0.05, 1.0, 0.15, 5.0, 0.25):
            served = len(load.results)
            wait_for(lambda n=served: count_of(load.results[n:], 200) > 50, "answers again")
            broken.store.signal(signal.SIGSTOP)
            time.sleep(pause)
            broken.store.signal(signal.SIGCONT)
        wait_for(lambda: count_of(load.results[-50:], 200) == 50, "full service again")
    assert not load.errors, load.errors[:3]
    assert {status for status, _ in load.results} <= {200, 503}
    assert max(seconds for _, seconds in load.results) < within(1.2)


def test_stale_answer_for_ones_own_data_is_marked(start_engine):
    engine = start_engine(POOL_SIZE=1, DRAIN_TIMEOUT_S=1)
    student, other = fresh_id(), fresh_id()
    for each in (student, other):
        assert_ok(engine.calculate(each))
    client = engine.client(student, "student")
    fresh = assert_ok(client.post(QUERY, {"student_id": student}))
    store = redis_process(engine)
    store.stop()
    time.sleep(1.1)
    response = client.post(QUERY, {"student_id": student})
    stale = assert_ok(response)
    assert response.headers["X-Cache"] == "STALE"
    assert 1 <= int(response.headers["Age"]) <= 60
    assert stale["data"] == fresh["data"] and stale["mastery_score"] == fresh["mastery_score"]
    assert stale["metadata"]["correlation_id"] == response.headers["X-Request-ID"]
    assert_problem(client.post(QUERY, {"student_id": other}), 403)
    asked_never = engine.client(other, "student").post(QUERY, {"student_id": other})
    assert_problem(asked_never, 503)
    store.start()
    wait_for(
        lambda: client.post(QUERY, {"student_id": student}).headers["X-Cache"] == "HIT",
        "fresh answers again",
    )


def test_teacher_gets_nothing_stale_whose_right_cannot_be_looked_up(start_engine):
    engine = start_engine(POOL_SIZE=1, DRAIN_TIMEOUT_S=1)
    student, teacher = fresh_id(), fresh_id("t")
    assert_ok(engine.calculate(student))
    roster = {"name": "x", "teacher_ids": [teacher], "student_ids": [student]}
    assert_ok(engine.admin().put("/api/v1/cohorts/c1", roster), 201)
    client = engine.client(teacher, "teacher")
    assert_ok(client.post(QUERY, {"student_id": student}))
    redis_process(engine).stop()
    assert_problem(client.post(QUERY, {"student_id": student}), 503)
    assert_problem(client.post(QUERY, {"student_id": fresh_id()}), 503)


def test_no_acknowledged_write_is_lost_when_redis_is_killed(start_engine):
    """Fault 3, with appendfsync always: what was answered is on the disk."""
    engine = start_engine(APPENDFSYNC="always")
    store, clients = redis_process(engine), [engine.admin() for _ in range(4)]

    def write(caller, iteration):
        student, score = fresh_id(), round((iteration % 1000) / 1000, 3)
        response = engine.calculate(student, (score,) * 4, by=clients[caller])
        return response.status, student, score

    with Load(len(clients), write) as load:
        wait_for(lambda: count_of(load.results, 200) > 200, "writes")
        store.stop()
        wait_for(lambda: count_of(load.results, 503) > 50, "refused writes")
        store.start()
        wait_for(lambda: count_of(load.results[-20:], 200) == 20, "full service again")
    assert not load.errors, load.errors[:3]
    assert {status for status, _, _ in load.results} == {200, 503}
    acknowledged = {student: score for status, student, score in load.results if status == 200}
    reader = engine.admin()

    def read(student):
        response = reader.post(QUERY, {"student_id": student})
        return None if response.status == 503 else assert_ok(response)

    for student, score in acknowledged.items():
        found = wait_for(lambda s=student: read(s), "an answer")
        assert found["mastery_score"] == score


def dump_of_student(engine, student):
    """Every key of the student's, raw."""
    raw = engine.redis(decode=False)
    return {key: raw.dump(key) for key in sorted(raw.scan_iter(f"*student:{student}*"))}


@waits_long
def test_full_redis_refuses_writes_whole_and_still_reads(broken):
    """Fault 6: OOM."""
    student, client = fresh_id(), broken.admin()
    assert_ok(broken.calculate(student, by=client))
    before, raw = dump_of_student(broken, student), broken.redis()
    assert before
    raw.config_set("maxmemory", 1)
    try:
        for _ in range(20):
            assert_problem(broken.calculate(student, (0.1,) * 4, by=client), 503)
            body = assert_ok(client.post(QUERY, {"student_id": student}))
            assert body["mastery_score"] == 0.83
            assert_ok(client.get(f"/api/v1/mastery/history/{student}"))
        assert dump_of_student(broken, student) == before, "half a write was applied"
    finally:
        raw.config_set("maxmemory", 0)
    assert_ok(broken.calculate(student, (0.1,) * 4, by=client))


@waits_long
def test_read_only_redis_refuses_writes_and_recovers(broken):
    """Fault 7: READONLY, as after a failover."""
    student, client = fresh_id(), broken.admin()
    assert_ok(broken.calculate(student, by=client))
    raw = broken.redis()
    raw.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        for _ in range(10):
            response = broken.calculate(student, (0.1,) * 4, by=client)
            assert_problem(response, 503)
            assert response.seconds < within(1.2)
    finally:
        raw.execute_command("REPLICAOF", "NO", "ONE")
    wait_for(lambda: broken.calculate(student, by=client).status == 200, "writes again")


@waits_long
def test_replica_without_its_master_refuses_and_recovers(broken):
    """Fault 7: MASTERDOWN."""
    student, client = fresh_id(), broken.admin()
    assert_ok(broken.calculate(student, by=client))
    raw = broken.redis()
    raw.config_set("replica-serve-stale-data", "no")
    raw.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        assert_problem(broken.calculate(student, by=client), 503)
        assert_problem(client.get(f"/api/v1/mastery/history/{student}"), 503)
        assert client.get("/health").status == 200
    finally:
        raw.execute_command("REPLICAOF", "NO", "ONE")
    wait_for(lambda: broken.calculate(student, by=client).status == 200, "writes again")


@waits_long
def test_connections_killed_all_the_time_spoil_no_read_after_a_write(broken):
    """Fault 8: CLIENT KILL each 50 ms, and not before each caller has been through a write and a read
    since the last one; reads are asked once more, writes may be refused."""
    clients = [broken.admin() for _ in range(4)]
    students = [fresh_id() for _ in clients]
    ended = threading.Event()

    def kill():
        raw, done = broken.redis(), 0
        while not ended.wait(0.05):
            if len(load.results) < done + 2 * len(clients):
                continue
            done = len(load.results)
            with contextlib.suppress(redis.RedisError):
                raw.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    def write_and_read(caller, iteration):
        score = round((iteration % 997) / 1000, 3)
        written = broken.calculate(students[caller], (score,) * 4, by=clients[caller])
        read = clients[caller].post(QUERY, {"student_id": students[caller]})
        if written.status == 200 and read.status == 200 and read.headers["X-Cache"] != "STALE":
            assert read.json["mastery_score"] == score
        return written.status, read.status

    load = Load(len(clients), write_and_read)
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with load:
            wait_for(lambda: len(load.results) > 800, "many writes and reads")
    finally:
        ended.set()
        killer.join()
    assert not load.errors, load.errors[:3]
    statuses = {status for pair in load.results for status in pair}
    assert statuses <= {200, 503}, statuses
    good = [pair for pair in load.results if pair == (200, 200)]
    assert len(good) > len(load.results) / 4
    wait_for(lambda: broken.calculate(students[0]).status == 200, "all well again")


def test_busy_redis_is_away_until_the_script_is_killed(broken):
    """Fault 10: first nothing, then BUSY to everything."""
    student, client = fresh_id(), broken.admin()
    assert_ok(broken.calculate(student, by=client))
    raw = broken.redis()
    raw.config_set("busy-reply-threshold", 1500)

    def spin():
        with contextlib.suppress(redis.RedisError):
            broken.redis().eval("while true do end", 0)

    script = threading.Thread(target=spin)
    script.start()
    try:
        wait_for(lambda: broken.calculate(student, by=client).status == 503, "busy")
        ended = time.monotonic() + 4
        while time.monotonic() < ended:
            response = broken.calculate(student, by=client)
            assert_problem(response, 503)
            assert response.seconds < within(1.2)
            assert client.get("/health").status == 200
    finally:
        wait_for(lambda: script_killed(broken), "script killed")
        script.join()
    wait_for(lambda: broken.calculate(student, by=client).status == 200, "service back")


def script_killed(engine):
    try:
        engine.redis().script_kill()
        return True
    except redis.exceptions.ResponseError as error:
        return "NOTBUSY" in str(error)


def test_circuit_and_readiness_show_in_the_metrics(broken):
    broken.store.signal(signal.SIGSTOP)
    client = broken.client()
    broken.calculate(fresh_id())
    body = assert_ok(client.get("/metrics/detailed"))
    assert body["circuit_breakers"]["redis"]["state"] in ("open", "half_open")
    assert "mastery_engine_circuit_breaker_state" in client.get("/metrics").text
    broken.store.signal(signal.SIGCONT)

    def closed():
        broken.calculate(fresh_id())
        client.close()
        state = client.get("/metrics/detailed").json["circuit_breakers"]["redis"]["state"]
        return state == "closed"

    wait_for(closed, "circuit closed again")
