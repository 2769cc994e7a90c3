# SPDX-License-Identifier: GPL-3.0-or-later
"""A Redis across a network, behind stunnel: who is believed, and what happens when it goes away."""
import pytest
from harness.engine import fresh_id
from harness.ports import free_port
from harness.redis_server import RedisServer
from harness.tls import Authority
from harness.tunnel import Tunnel
from harness.wait import wait_for


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def start_redis(authority):
    """start_redis(tls-auth-clients="yes", …): a Redis with TLS on its `port`."""
    started = []

    def start(names=("localhost",), **settings):
        certificate, key = authority.issue(*names)
        port = free_port()
        settings = {
            "tls-port": port,
            "tls-cert-file": certificate,
            "tls-key-file": key,
            "tls-ca-cert-file": authority.path,
            "tls-auth-clients": "no",
            "bind": "127.0.0.1",
            **settings,
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        server = RedisServer(*words).start()
        server.port = port
        started.append(server)
        return server

    yield start
    for server in started:
        server.__exit__()


def ready(pool):
    return pool.request("GET", "/ready").status == 200


def test_the_store_is_reached_through_the_tunnel_and_no_other_way(
    start_redis, start_pool, authority
):
    server = start_redis()
    with Tunnel(server.port, authority) as tunnel:
        pool = start_pool(tunnel.url, size=2)
        wait_for(lambda: ready(pool), "ready")
        student = fresh_id()
        assert pool.calculate(student).status == 200
        assert pool.query(student).json["mastery_score"] == 0.83
        peers = lambda: [client["laddr"] for client in server.client().client_list()]
        through = lambda: [at for at in peers() if at == f"127.0.0.1:{server.port}"]
        wait_for(lambda: len(through()) >= 2, "both processes are there")
        assert len(peers()) == len(through()) + 1, peers()


def test_a_tunnel_that_breaks_is_a_store_that_is_away(start_redis, start_pool, authority):
    server, student = start_redis(), fresh_id()
    with Tunnel(server.port, authority) as tunnel:
        pool = start_pool(tunnel.url)
        wait_for(lambda: ready(pool), "ready")
        assert pool.calculate(student).status == 200
        tunnel.stop()
        wait_for(lambda: not ready(pool), "noticed")
        assert pool.calculate(student).status == 503
        tunnel.start()
        wait_for(lambda: ready(pool), "back")
        wait_for(lambda: pool.calculate(student).status == 200, "written again")


def test_a_client_certificate_is_shown_where_it_is_asked_for(start_redis, start_pool, authority):
    server = start_redis(**{"tls-auth-clients": "yes"})
    certificate, key = authority.issue("engine")
    with Tunnel(server.port, authority, cert=certificate, key=key) as tunnel:
        pool = start_pool(tunnel.url)
        wait_for(lambda: ready(pool), "ready")
        assert pool.calculate(fresh_id()).status == 200


def refused(server, start_pool, tunnel):
    """No command has reached Redis, though the engine has tried."""
    pool = start_pool(tunnel.url)
    before = commands(server)
    for _ in range(3):
        assert pool.request("GET", "/ready").status == 503
        assert pool.calculate(fresh_id()).status == 503
    return commands(server) == before


def commands(server):
    """All but our own look at them."""
    stats = server.client().info("commandstats")
    ours = {"cmdstat_info", "cmdstat_ping", "cmdstat_client|setinfo"}
    return {name: entry["calls"] for name, entry in stats.items() if name not in ours}


def test_a_redis_of_another_authority_is_not_believed(start_redis, start_pool, tmp_path):
    server = start_redis()
    with Tunnel(server.port, Authority(tmp_path, "Another")) as tunnel:
        assert refused(server, start_pool, tunnel)
        wait_for(lambda: "certificate verify failed" in tunnel.log_path.read_text(), "the log says why")


def test_a_redis_of_another_name_is_not_believed(start_redis, start_pool, authority):
    server = start_redis(names=["elsewhere.example.org"])
    with Tunnel(server.port, authority) as tunnel:
        assert refused(server, start_pool, tunnel)
        wait_for(lambda: "certificate verify failed" in tunnel.log_path.read_text(), "the log says why")


def test_redis_refuses_who_shows_no_certificate(start_redis, start_pool, authority):
    server = start_redis(**{"tls-auth-clients": "yes"})
    with Tunnel(server.port, authority) as tunnel:
        assert refused(server, start_pool, tunnel)
