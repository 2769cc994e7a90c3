# SPDX-License-Identifier: GPL-3.0-or-later
"""A name server that is slow, silent or gone must not stop the event loop (hazards X2)."""
import pytest
from harness.ctl import run_ctl
from harness.engine import fresh_id
from harness.names import NAME, Names
from harness.pool import SECRET
from harness.redis_server import TcpRedis
from harness.wait import assert_typical, wait_for

TRIES = 20


@pytest.fixture
def tcp_redis():
    with TcpRedis() as server:
        server.named_url = f"redis://{NAME}:{server.port}"
        yield server


@pytest.fixture
def names():
    with Names("127.0.0.1") as names:
        yield names


def assert_quick(pool, ready):
    """/health and /ready are answered at once, the latter with this status."""
    healths, readies = [], []
    for _ in range(TRIES):
        response = pool.request("GET", "/health")
        assert response.status == 200
        healths.append(response.seconds)
        response = pool.request("GET", "/ready")
        assert response.status == ready
        readies.append(response.seconds)
    assert_typical(healths, 0.1)
    assert_typical(readies, 0.2)


def test_first_start_with_a_silent_name_server(start_pool, tcp_redis, names):
    names.answer("hang")
    pool = start_pool(tcp_redis.named_url, STORE_CONNECT_TIMEOUT_MS=200, **names.environment)
    assert_quick(pool, 503)
    assert pool.calculate(fresh_id()).status == 503
    names.answer("127.0.0.1")
    wait_for(lambda: pool.request("GET", "/ready").status == 200, "ready")
    assert pool.calculate(fresh_id()).status == 200


@pytest.mark.parametrize("failure", ["hang", "fail"])
def test_the_last_good_address_is_used(start_pool, tcp_redis, names, failure):
    pool = start_pool(tcp_redis.named_url, **names.environment)
    assert pool.calculate(fresh_id()).status == 200
    names.answer(failure)
    for _ in range(3):
        tcp_redis.client().execute_command("CLIENT", "KILL", "TYPE", "normal")
        wait_for(lambda: pool.calculate(fresh_id()).status == 200, "writes without a name server")
    wait_for(lambda: pool.request("GET", "/ready").status == 200, "ready")
    assert_quick(pool, 200)


def test_a_name_is_resolved_anew_for_each_connection(start_pool, tcp_redis, names):
    pool = start_pool(tcp_redis.named_url, **names.environment)
    assert pool.calculate(fresh_id()).status == 200
    names.answer("127.0.0.2")  # nothing listens there
    tcp_redis.client().execute_command("CLIENT", "KILL", "TYPE", "normal")
    wait_for(lambda: pool.calculate(fresh_id()).status == 503, "the new address is used")
    names.answer("127.0.0.1")
    wait_for(lambda: pool.calculate(fresh_id()).status == 200, "the old address again")


def test_a_second_link_that_waits_for_a_name_harms_nothing(
    start_pool, start_worker, stand_in_sidecar, tcp_redis, names
):
    """The worker reads journals on one connection while the other one, on which it waits for entries,
    has to be made anew."""
    pool = start_pool(tcp_redis.named_url, **names.environment)
    start_worker(pool, stand_in_sidecar)
    raw, waits = tcp_redis.client(), []

    def waiting():
        waits[:] = [client["id"] for client in raw.client_list() if client["cmd"] == "xread"]
        return waits

    def published(student):
        assert pool.calculate(student).status == 200
        wait_for(lambda: stand_in_sidecar.events(student), "an event")

    published(fresh_id())
    names.answer("hang")
    for _ in range(3):
        wait_for(waiting, "the worker waits for entries")
        for each in waits:
            raw.client_kill_filter(_id=each)
        published(fresh_id())


def test_ctl_names_the_host(tcp_redis, names):
    names.answer("fail")
    result = run_ctl(
        {"REDIS_URL": tcp_redis.named_url, "JWT_SECRET": SECRET, **names.environment}, "schema"
    )
    assert result.returncode != 0
    assert f"cannot resolve {NAME}" in result.stderr, result.stderr
