# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that are killed, retired, stopped or gone (faults 1, 12 and 17 of the hazards)."""
import os
import signal
import time

import pytest
from harness.engine import fresh_id
from harness.expect import assert_ok, assert_problem
from harness.load import Load, together
from harness.model import scores
from harness.nginx import Nginx
from harness.prometheus import Scrape
from harness.process import alive, children, pause, resume
from harness.wait import assert_stays, wait_for, within

QUERY = "/api/v1/mastery/query"
KILLS = int(os.environ.get("MASTERY_TEST_KILLS", "50"))


class Writers:
    """Callers that state scores of students of their own and remember what was acknowledged."""

    def __init__(self, engine, callers, keep=True):
        self.engine, self.keep = engine, keep
        self.clients = [engine.admin() for _ in range(callers)]
        self.students = [fresh_id() for _ in range(callers)]
        self.acknowledged = {}
        self.tried = {}

    def write(self, caller, iteration):
        student, score = self.students[caller], round((iteration % 997) / 1000, 3)
        self.tried[student] = score
        response = self.engine.calculate(student, (score,) * 4, by=self.clients[caller])
        if not self.keep:
            self.clients[caller].close()
        if response.status == 200:
            assert response.json["student_id"] == student, "the answer of another request"
            assert response.json["mastery_score"] == score, "the answer of another request"
            self.acknowledged[student] = score
        return response.status

    def assert_nothing_lost(self):
        """What is stored is what was acknowledged last, or the try after it."""
        reader = self.engine.admin()
        for student, score in self.acknowledged.items():
            body = assert_ok(reader.post(QUERY, {"student_id": student}))
            assert body["mastery_score"] in (score, self.tried[student])


def gauges_rest(engine):
    client = engine.client()
    text = client.get("/metrics").text
    client.close()
    return Scrape(text).value("active_requests") <= 1


def kill_one(engine, iteration):
    """Kills a living process of the pool; whether there was one."""
    pool = engine.pool()
    if pool:
        os.kill(pool[iteration % len(pool)], signal.SIGKILL)
    return bool(pool)


def test_killed_processes_lose_no_acknowledged_write(start_engine):
    """Fault 1: kill -9 each 100 ms under load, and each fifth time when writes have succeeded."""
    engine = start_engine()
    writers, kills = Writers(engine, 4), 0
    with Load(4, writers.write) as load:
        while kills < KILLS:
            kills += kill_one(engine, kills)
            time.sleep(0.1)
            if kills % 5 == 0:
                written = load.results.count(200)
                wait_for(lambda n=written: load.results.count(200) > n + 5, "further writes")
    assert not load.errors, load.errors[:3]
    statuses = load.results
    assert set(statuses) <= {200, 502, 503}, set(statuses)
    assert statuses.count(200) > 50
    assert len(statuses) - statuses.count(200) <= kills * 4 + 4, "more failed than were in flight"
    wait_for(engine.pool_is_whole, "pool whole")
    writers.assert_nothing_lost()
    wait_for(lambda: gauges_rest(engine), "no request counted as active for ever")


def test_fifty_quick_kills_leave_the_pool_whole(start_engine):
    """multiwatch must never give a slot up (hazards M1)."""
    engine = start_engine()
    killed = 0
    while killed < 50:
        killed += kill_one(engine, 0)
        time.sleep(0.05)
    wait_for(engine.pool_is_whole, "pool whole")
    assert_stays(engine.pool_is_whole, "pool whole")
    assert_ok(engine.calculate(fresh_id()))


def test_counters_never_fall_when_processes_are_killed(start_engine):
    engine = start_engine()
    last = 0
    for iteration in range(30):
        engine.calculate(fresh_id())
        kill_one(engine, iteration)
        wait_for(engine.pool_is_whole, "pool whole")
        response = engine.client().get("/metrics")
        if response.status == 200:
            total = Scrape(response.text).sum("mastery_calculations_total")
            assert total >= last
            last = total
    assert last >= 25


def test_retiring_processes_fail_no_request(start_engine):
    """Fault 17: TERM to each in turn under load, and nginx reloaded: no failure, no double.

    A connection a request: nginx closes the idle ones of its clients when it is reloaded, and a
    client cannot tell that from a request that failed.
    """
    engine = start_engine(POOL_SIZE=4, DRAIN_TIMEOUT_S=10)
    writers, retired = Writers(engine, 4, keep=False), set()

    def others():
        """Two at least: one that is to retire, and one that serves meanwhile. A process that retires
        is not replaced before it has ended."""
        pids = [pid for pid in engine.pool() if pid not in retired]
        return len(pids) >= 2 and pids

    with Load(4, writers.write) as load:
        for iteration in range(8):
            [pid, *_] = wait_for(others, "processes that do not retire")
            os.kill(pid, signal.SIGTERM)
            retired.add(pid)
            if iteration % 3 == 0:
                os.kill(engine.nginx_pid, signal.SIGHUP)
            served = len(load.results)
            wait_for(lambda n=served: len(load.results) > n + 50, "further requests")
    assert not load.errors, load.errors[:3]
    assert set(load.results) == {200}
    wait_for(lambda: not any(map(alive, retired)), "all retired processes gone")
    wait_for(engine.pool_is_whole, "pool whole")
    writers.assert_nothing_lost()


def test_processes_that_retire_by_count_fail_no_request(start_engine):
    engine = start_engine(MAX_REQUESTS="200")
    first, writers = engine.pool(), Writers(engine, 4)
    with Load(4, writers.write) as load:
        wait_for(lambda: not set(first) & set(engine.pool()), "all replaced")
        wait_for(lambda: len(load.results) > 2000, "many requests")
    assert not load.errors, load.errors[:3]
    assert set(load.results) == {200}
    writers.assert_nothing_lost()


@pytest.mark.parametrize("size", [1, 3])
def test_processes_that_reach_their_limit_together_refuse_no_request(start_engine, size):
    """Those whose requests need new connections too: somebody accepts them (hazards X4)."""
    engine = start_engine(POOL_SIZE=size, MAX_REQUESTS=100)
    first = set(engine.pool())
    few, many = Writers(engine, 2), Writers(engine, 24, keep=False)
    with Load(2, few.write) as load:
        wait_for(lambda: len(load.results) > 150 * size, "requests beyond the limit of each")
        with Load(24, many.write) as more:
            wait_for(lambda: not first & set(engine.pool()), "all replaced")
            wait_for(lambda: len(more.results) > 600 * size or more.errors, "many requests")
    assert not load.errors + more.errors, (load.errors + more.errors)[:3]
    assert set(load.results + more.results) == {200}
    many.assert_nothing_lost()


@pytest.mark.parametrize("path", ["/health", "/openapi.json"])
def test_retiring_process_ends_each_connection_behind_an_answer(start_pool, path):
    """When its time runs out: with a byte more, by which nginx knows that it is the end."""
    pool = start_pool(DRAIN_TIMEOUT_S=4)
    [pid] = pool.pids()
    with pool.connect() as connection:

        def last_answer():
            response = connection.request("GET", path)
            assert response.status == 200 and isinstance(response.json, dict)
            return connection.has_more()

        assert not last_answer()
        os.kill(pid, signal.SIGTERM)
        wait_for(last_answer, "the end")
        assert connection.rest() == b"\0"
    wait_for(lambda: not alive(pid), "it has left")


def test_process_that_is_never_let_go_by_nginx_fails_no_request(start_pool):
    """It leaves, though each of its connections always has another request."""
    pool = start_pool(DRAIN_TIMEOUT_S=4)
    token = pool.token("caller", "admin")
    with Nginx(pool.socket_path, keepalive_requests=10**9) as nginx:
        clients = [nginx.client(token) for _ in range(8)]

        def write(caller, _iteration):
            body = {"student_id": f"student-{caller}", "components": scores(0.5, 0.5, 0.5, 0.5)}
            return clients[caller].post("/api/v1/mastery/calculate", body).status

        with Load(8, write) as load:
            for _ in range(3):
                before = len(load.results)
                wait_for(lambda: len(load.results) > before + 100, "each is in use")
                [leaving] = pool.pids()
                os.kill(leaving, signal.SIGTERM)
                wait_for(lambda: not alive(leaving), "it has left")
                wait_for(pool.pids, "another serves")
    assert not load.errors, load.errors[:3]
    assert set(load.results) == {200}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {
            "DAPR_PUBSUB": "kafka",
            "DAPR_TOPIC_EVENTS": "lessons",
            "DAPR_TOPIC_DEAD": "lessons/dead",
            "DAPR_BULK_MESSAGES": 50,
            "DAPR_BULK_WAIT_MS": 30,
        },
    ],
    ids=["defaults", "own"],
)
def test_sidecar_learns_the_subscriptions_while_the_pool_is_gone(start_engine, settings):
    """It asks once (hazards Y10)."""
    engine = start_engine(POOL_SIZE=1, **settings)
    client = engine.sidecar()
    served = client.get("/dapr/subscribe")
    processes = [engine.pool_pid, *children(engine.pool_pid)]
    for pid in processes:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(map(alive, processes)), "pool gone")
    alone = client.get("/dapr/subscribe")
    assert served.status == alone.status == 200 and alone.json == served.json
    assert alone.headers["Content-Type"] == "application/json"
    assert client.post("/dapr/events", {}).status == 502


def test_pool_that_is_gone_is_502_in_the_contracts_form(start_engine):
    engine = start_engine()
    processes = [engine.pool_pid, *children(engine.pool_pid)]
    for pid in processes:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(map(alive, processes)), "pool gone")
    client = engine.admin()
    for method, path in (("GET", "/health"), ("GET", "/ready"), ("POST", QUERY), ("GET", "/x")):
        response = client.request(method, path, headers={"X-Request-ID": "while-away"})
        assert_problem(response, 502)
        assert response.headers["X-Request-ID"] == "while-away"
        assert response.seconds < within(1.2)
    assert_problem(client.raw(b"GET / HTTP/1.1\r\n\r\n"), 400)


def test_pool_that_is_told_to_end_ends(start_engine):
    engine = start_engine()
    assert_ok(engine.calculate(fresh_id()))
    processes = [engine.pool_pid, *children(engine.pool_pid)]
    os.kill(engine.pool_pid, signal.SIGTERM)
    wait_for(lambda: not any(map(alive, processes)), "pool drained and gone")


def test_stopped_process_holds_up_only_its_own_connections(start_engine):
    """Fault 12: SIGSTOP one process for 15 s."""
    engine = start_engine()
    [stopped, *_] = engine.pool()
    clients = [engine.admin() for _ in range(16)]
    student = fresh_id()
    assert_ok(engine.calculate(student))
    together(16, lambda i: clients[i].get(f"/api/v1/mastery/history/{student}"))

    def ask(caller, _iteration):
        response = clients[caller].get(f"/api/v1/mastery/history/{student}")
        return response.status, response.seconds

    with Load(16, ask) as load:
        pause(stopped)
        time.sleep(15)  # longer than nginx waits for an answer
        served = len(load.results)
        wait_for(lambda: len(load.results) > 500, "the other process serves")
        resume(stopped)
        wait_for(lambda: len(load.results) > served + 200, "further answers")
    assert not load.errors, load.errors[:3]
    # 503: taken up after the pause by a process that finds its time for the store over
    assert {status for status, _ in load.results} <= {200, 502, 503, 504}
    # nginx gives up after 12 s; a second request on the same connection would need as long again
    assert max(seconds for _, seconds in load.results) < 12 + within(1)
    slow = [result for result in load.results if result[1] > within(1)]
    assert len(slow) <= 16 * 4
    wait_for(engine.pool_is_whole, "pool whole")
    assert_ok(engine.calculate(student))


def test_stopped_pool_is_504_in_the_contracts_form(start_engine):
    engine = start_engine()
    pids = engine.pool()
    for pid in pids:
        pause(pid)
    client = engine.client()
    response = client.get("/health")
    assert response.status in (502, 504)
    assert_problem(response, response.status)
    assert response.seconds < 12 + within(1)
    for pid in pids:
        if alive(pid):
            resume(pid)
    wait_for(lambda: engine.client().get("/health").status == 200, "serving again")


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
def test_crash_is_one_process_and_it_is_replaced(start_engine, number):
    engine = start_engine(may_crash=True)
    before = engine.pool()
    os.kill(before[0], number)
    wait_for(lambda: before[0] not in engine.pool() and engine.pool_is_whole(), "replaced")
    assert before[1] in engine.pool()
    assert_ok(engine.calculate(fresh_id()))
    assert not list(engine.state_dir.rglob("core*"))
