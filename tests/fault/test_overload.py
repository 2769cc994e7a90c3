# SPDX-License-Identifier: GPL-3.0-or-later
"""More requests than the pool can serve: refusals come early and say when to come again, and then
everything is as before. How much it serves meanwhile is measured by bench/overload, not here."""
import contextlib
import resource
import socket
import time

import pytest
from harness.engine import fresh_id
from harness.expect import assert_ok, assert_problem
from harness.load import together
from harness.process import children, pause, resume, rss_kib
from harness.prometheus import Scrape
from harness.wait import wait_for

QUERY = "/api/v1/mastery/query"
IDLE = 10_000
MIB = 1 << 20


def passed(seconds_ago):
    """The parameter by which nginx says when it passed a request on."""
    return {"MASTERY_PASSED": f"{time.time() - seconds_ago:.3f}"}


def ask(pool, **params):
    return pool.request("POST", QUERY, json={"student_id": "s"}, **params)


def refusals(pool):
    return Scrape(pool.request("GET", "/metrics").text).value("overload_refusals_total")


def test_request_that_has_waited_too_long_is_refused_before_any_work(start_pool, store):
    """Before the token is looked at: it has none, which would be 401."""
    pool = start_pool(QUEUE_TIMEOUT_MS=1000)
    calls = store.info("commandstats")
    for _ in range(3):
        response = ask(pool, **passed(5))
        assert (response.status, response.json["error"]["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert response.headers["Retry-After"] == "1"
    assert refusals(pool) == 3
    scripts = ("cmdstat_evalsha", "cmdstat_hmget", "cmdstat_hgetall")
    assert all(store.info("commandstats").get(name) == calls.get(name) for name in scripts)
    assert ask(pool, **passed(-600)).status == 401  # a busy machine may take its time


@pytest.mark.parametrize("milliseconds", ["000", "007", "070", "700"])
def test_time_is_read_with_any_milliseconds(start_pool, milliseconds):
    pool = start_pool(QUEUE_TIMEOUT_MS=1000)
    assert ask(pool, MASTERY_PASSED=f"{int(time.time()) - 5}.{milliseconds}").status == 503


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
def test_probes_and_scrapes_are_served_however_late(start_pool, path):
    pool = start_pool(QUEUE_TIMEOUT_MS=1000)
    wait_for(lambda: pool.request("GET", "/ready").status == 200, "the store in reach")
    assert pool.request("GET", path, **passed(30)).status == 200


@pytest.mark.parametrize(
    "value",
    ["", "soon", "17", "17.", ".123", "17.1", "17.1234", "17.1a3", "17.-12", "-17.123", "9" * 30 + ".123", "99999999999.000"],
)
def test_time_that_says_nothing_refuses_nothing(start_pool, value):
    assert ask(start_pool(QUEUE_TIMEOUT_MS=1000), MASTERY_PASSED=value).status == 401


def test_clock_that_was_set_refuses_nothing(start_pool):
    pool = start_pool(QUEUE_TIMEOUT_MS=1000)
    for seconds in (-86400, 86400):
        assert ask(pool, **passed(seconds)).status == 401


@pytest.mark.parametrize("ahead_s", [-60, 60])
def test_wait_is_by_the_clock_of_this_host_not_by_that_of_redis(start_pool, clock_ahead, ahead_s):
    """nginx writes this host's time; a host whose clock is wrong neither refuses nor admits all."""
    pool = start_pool(QUEUE_TIMEOUT_MS=1000, **clock_ahead(ahead_s))
    wait_for(lambda: pool.request("GET", "/ready").status == 200, "Redis' clock measured")
    assert ask(pool, **passed(5 - ahead_s)).status == 503
    assert ask(pool, **passed(-30 - ahead_s)).status == 401


def test_limit_of_the_wait_can_be_set(start_pool):
    assert ask(start_pool(QUEUE_TIMEOUT_MS=0), **passed(60)).status == 401
    assert ask(start_pool(QUEUE_TIMEOUT_MS=10000), **passed(5)).status == 401


def test_what_waited_for_a_pool_that_stood_still_is_refused_and_the_next_is_served(start_engine):
    """nginx tells the pool since when each request waits."""
    engine = start_engine(QUEUE_TIMEOUT_MS=100, NGINX_REQUESTS=8)
    student = fresh_id()
    assert engine.calculate(student).status == 200
    clients = [engine.admin() for _ in range(24)]
    stopped, done = engine.pool(), []

    def query(i):
        response = clients[i].post(QUERY, {"student_id": student})
        done.append(response)
        if len(done) == 16:  # beyond the limit of nginx: refused at once, though nobody serves
            time.sleep(0.3)  # the others wait for longer than the pool allows
            for pid in stopped:
                resume(pid)
        return response

    for pid in stopped:
        pause(pid)
    responses = together(24, query)
    for response in responses:
        assert_problem(response, 503, "SERVICE_UNAVAILABLE")
        assert response.headers["Retry-After"] == "1"
    assert_ok(clients[0].post(QUERY, {"student_id": student}))
    found = Scrape(clients[0].get("/metrics").text)
    assert found.value("overload_refusals_total") == 8
    assert found.value("active_requests") <= 1


def test_ten_thousand_idle_connections_leave_the_pool_free(start_engine):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < IDLE + 1000:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, IDLE + 1000), hard))
    engine = start_engine()
    student, admin = fresh_id(), engine.admin()
    assert engine.calculate(student, by=admin).status == 200
    nginx = [engine.nginx_pid, *children(engine.nginx_pid)]
    before = sum(rss_kib(pid) for pid in nginx)
    with contextlib.ExitStack() as stack:
        host, port = admin.host, admin.port
        for i in range(IDLE):
            source = (f"127.0.1.{i % 200 + 1}", 0)
            stack.enter_context(socket.create_connection((host, port), source_address=source))
        assert_ok(admin.post(QUERY, {"student_id": student}))
        found = Scrape(admin.get("/metrics").text)
        assert found.value("active_requests") <= 1
        assert (sum(rss_kib(pid) for pid in nginx) - before) * 1024 < 64 * MIB
    wait_for(lambda: engine.calculate(student, by=admin).status == 200, "served afterwards")
