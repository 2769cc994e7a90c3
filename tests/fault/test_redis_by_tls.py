# SPDX-License-Identifier: GPL-3.0-or-later
"""A Redis across a network, by TLS: who is believed, what the message says otherwise, and what happens when
the connection breaks."""
import contextlib
import socket
import time

import pytest
from harness.ctl import run_ctl
from harness.engine import fresh_id
from harness.events import event
from harness.process import cpu_seconds
from harness.redis_tls import SecureRedis
from harness.tls import Authority
from harness.wait import wait_for


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def start_redis(authority):
    """start_redis(tls_auth_clients="yes", …): a Redis with TLS on its `port`."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(SecureRedis(authority, **settings))


@pytest.fixture
def start(start_pool, authority):
    """start(server, **settings): a pool that believes the authority."""
    return lambda server, url=None, **settings: start_pool(
        url or server.secure_url, **{"REDIS_CA_FILE": authority.path, **settings}
    )


def ready(pool):
    return pool.request("GET", "/ready").status == 200


def commands(server):
    """All but our own look at them."""
    stats = server.client().info("commandstats")
    ours = {"cmdstat_info", "cmdstat_ping", "cmdstat_client|setinfo"}
    return {name: entry["calls"] for name, entry in stats.items() if name not in ours}


def refused(server, pool, *words):
    """No command reaches Redis, though the engine tries, and /ready says why, without names of hosts."""
    before = commands(server)
    reason = lambda: pool.request("GET", "/ready").json.get("reason", "")
    wait_for(lambda: all(word in reason() for word in words), lambda: f"{words} in /ready: {reason()}")
    assert "localhost" not in reason() and str(server.port) not in reason()
    for _ in range(3):
        assert pool.request("GET", "/ready").status == 503
        assert pool.calculate(fresh_id()).status == 503
    result = run_ctl({**pool.environment}, "schema")
    assert result.returncode != 0 and all(word in result.stderr for word in words), result.stderr
    assert commands(server) == before


def test_all_commands_go_by_tls(start_redis, start):
    server, student = start_redis(), fresh_id()
    pool = start(server, size=2)
    wait_for(lambda: ready(pool), "ready")
    assert pool.calculate(student).status == 200
    assert pool.query(student).json["mastery_score"] == 0.83
    peers = lambda: [client["laddr"] for client in server.client().client_list()]
    by_tls = lambda: [at for at in peers() if at == f"127.0.0.1:{server.port}"]
    wait_for(lambda: len(by_tls()) >= 2, "both processes are there")
    assert len(peers()) == len(by_tls()) + 1, peers()
    assert run_ctl(pool.environment, "schema").returncode == 0


def test_one_mebibyte_passes_both_ways(start_redis, start):
    """A body of the largest size is one argument of a command, and comes back as one reply."""
    server, student = start_redis(), fresh_id()
    pool = start(server)
    wait_for(lambda: ready(pool), "ready")
    token = pool.token("root", "admin")
    sent = [event("content.rated", student, own=["x" * 1000000]) for _ in range(3)]
    for body in sent:
        assert pool.request("POST", "/api/v1/mastery/ingest", json=body, token=token).status == 202
    export = pool.request("GET", f"/api/v1/compliance/export/{student}", token=token)
    assert [one["event_id"] for one in export.json["data"]["events"]] == [one["event_id"] for one in sent]
    assert {len(one["data"]["own"][0]) for one in export.json["data"]["events"]} == {1000000}


def test_redis_that_is_killed_is_away_until_it_is_back(start_redis, start):
    server, student = start_redis(), fresh_id()
    pool = start(server)
    wait_for(lambda: ready(pool), "ready")
    assert pool.calculate(student).status == 200
    server.stop()
    wait_for(lambda: not ready(pool), "noticed")
    assert pool.calculate(student).status == 503
    server.start()
    wait_for(lambda: ready(pool), "back")
    wait_for(lambda: pool.calculate(student).status == 200, "written again")


def test_a_client_certificate_is_shown_where_it_is_asked_for(start_redis, start, authority):
    server = start_redis(tls_auth_clients="yes")
    certificate, key = authority.issue("engine")
    pool = start(server, REDIS_CERT_FILE=certificate, REDIS_KEY_FILE=key)
    wait_for(lambda: ready(pool), "ready")
    assert pool.calculate(fresh_id()).status == 200


def test_the_name_to_verify_can_be_set(start_redis, start):
    server = start_redis(names=["redis.example.org"])
    pool = start(server, url=f"rediss://127.0.0.1:{server.port}", REDIS_TLS_NAME="redis.example.org")
    wait_for(lambda: ready(pool), "ready")


def test_a_redis_of_another_authority_is_not_believed(start_redis, start, tmp_path):
    server = start_redis()
    pool = start(server, REDIS_CA_FILE=Authority(tmp_path, "Another").path)
    refused(server, pool, "certificate of Redis is not signed by an authority of REDIS_CA_FILE")


def test_the_systems_authorities_are_the_default(start_redis, start):
    server = start_redis()
    refused(server, start(server, REDIS_CA_FILE=None), "is not signed by an authority of REDIS_CA_FILE")


def test_a_redis_of_another_name_is_not_believed(start_redis, start):
    server = start_redis(names=["elsewhere.example.org"])
    refused(server, start(server), "certificate of Redis is for another name")


def test_a_redis_of_another_address_is_not_believed(start_redis, start):
    server = start_redis(names=["localhost"])
    pool = start(server, url=f"rediss://127.0.0.1:{server.port}")
    refused(server, pool, "does not name the address")


def test_a_certificate_that_has_expired_is_not_believed(start_redis, start, authority):
    server = start_redis(certificate=authority.issue("localhost", has_expired=True))
    refused(server, start(server), "has expired")


def test_redis_refuses_who_shows_no_certificate(start_redis, start):
    server = start_redis(tls_auth_clients="yes")
    refused(server, start(server), "REDIS_CERT_FILE")


def test_redis_refuses_who_shows_no_certificate_by_tls_1_2(start_redis, start):
    server = start_redis(tls_auth_clients="yes", tls_protocols="TLSv1.2")
    refused(server, start(server), "REDIS_CERT_FILE")


def test_tls_1_1_is_not_enough(start_redis, start):
    server = start_redis(tls_protocols="TLSv1.1", tls_ciphers="DEFAULT@SECLEVEL=0")
    refused(server, start(server), "TLS 1.1 or older only; 1.2 is required")


def test_tls_to_a_port_without_it_is_found_at_once(start_redis, start):
    server = start_redis(port=0, tls_port=0)
    server.client().config_set("port", server.port)
    pool = start(server)  # with a time limit of five seconds, longer than refused() waits for ctl
    refused(server, pool, "the server does not speak TLS on this port")


def test_a_port_with_tls_is_found_by_who_speaks_without_it(start_redis, start_pool):
    server = start_redis()
    refused(server, start_pool(f"redis://localhost:{server.port}"), "must begin with rediss://")


def test_a_server_that_does_not_answer_the_handshake(start_pool, authority):
    """The process serves meanwhile, and waits without using the processor."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"rediss://127.0.0.1:{silent.getsockname()[1]}"
        pool = start_pool(url, REDIS_CA_FILE=authority.path, STORE_CONNECT_TIMEOUT_MS=1000)
        [pid] = pool.pids()
        begin, used = time.monotonic(), cpu_seconds(pid)
        said = lambda: "did not answer the handshake" in pool.log_path.read_text()
        wait_for(said, "the log says so")
        assert pool.request("GET", "/health").status == 200
        assert cpu_seconds(pid) - used < 0.5 * (time.monotonic() - begin)


def test_certificates_are_replaced_without_a_restart(start_redis, start, authority, tmp_path):
    """Redis gets a certificate of another authority, and requires one of the client."""
    other = Authority(tmp_path / "other", "Another")
    trusted, certificate, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    for path, source in zip((trusted, certificate, key), (authority.path, *authority.issue("engine"))):
        path.write_bytes(source.read_bytes())
    server = start_redis(tls_auth_clients="yes")
    pool = start(server, REDIS_CA_FILE=trusted, REDIS_CERT_FILE=certificate, REDIS_KEY_FILE=key)
    wait_for(lambda: ready(pool), "ready")
    new_certificate, new_key = other.issue("localhost")
    config = server.client()
    config.execute_command(
        "CONFIG", "SET", "tls-cert-file", str(new_certificate), "tls-key-file", str(new_key), "tls-ca-cert-file", str(other.path)
    )
    for path, source in zip((trusted, certificate, key), (other.path, *other.issue("engine"))):
        path.write_bytes(source.read_bytes())
    before = config.info("stats")["total_connections_received"]
    config.client_kill_filter(_type="normal", skipme=True)
    wait_for(lambda: config.info("stats")["total_connections_received"] > before, "connected anew")
    wait_for(lambda: ready(pool), "ready with the new files")
    assert pool.calculate(fresh_id()).status == 200


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"REDIS_CA_FILE": "/nonexistent/ca.pem"}, "REDIS_CA_FILE: the file cannot be used (No such file"),
        ({"REDIS_CA_FILE": "KEY"}, "REDIS_CA_FILE: the file cannot be used"),
        ({"REDIS_CERT_FILE": "CERTIFICATE"}, "REDIS_KEY_FILE: REDIS_CERT_FILE needs it"),
        ({"REDIS_KEY_FILE": "KEY"}, "REDIS_CERT_FILE: REDIS_KEY_FILE needs it"),
        ({"REDIS_CERT_FILE": "CERTIFICATE", "REDIS_KEY_FILE": "OTHER"}, "is not the key of REDIS_CERT_FILE"),
        ({"REDIS_URL": "redis://localhost", "REDIS_CA_FILE": "CA"}, "REDIS_CA_FILE: REDIS_URL is not for TLS"),
    ],
)
def test_wrong_files_are_refused_at_start(authority, settings, words):
    files = dict(zip(("CERTIFICATE", "KEY"), authority.issue("engine")))
    files |= {"OTHER": authority.issue("other")[1], "CA": authority.path}
    settings = {name: str(files.get(value, value)) for name, value in settings.items()}
    environment = {
        "REDIS_URL": "rediss://localhost:1", "JWT_SECRET": "x" * 40, "AUDIT_KEY": "y" * 40, **settings,
    }
    result = run_ctl(environment, "schema")
    assert result.returncode != 0 and words in result.stderr, result.stderr
