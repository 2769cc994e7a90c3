# SPDX-License-Identifier: GPL-3.0-or-later
"""scripts/run and scripts/stop: what they start, say and leave."""
import os
import re
import shlex
import socket
import stat
import subprocess
import time

import pytest
from harness.client import Client
from harness.engine import Engine
from harness.expect import assert_ok
from harness.load import RateLimit
from harness.process import alive, descendants
from harness.redis_server import RedisServer
from harness.wait import LIMIT_S, within


@pytest.fixture(scope="module")
def demo():
    """An engine as a newcomer has it, with its demo class; what was printed is in `said`."""
    engine = Engine(NO_SEED="")
    try:
        engine.said = engine.script("run", "--detach")
        engine.read_values()
        yield engine
    finally:
        engine.stop()


def test_file_of_values_has_what_it_should(demo):
    names = {"BASE_URL", "DAPR_URL", "REDIS_URL", "JWT_SECRET", "APP_API_TOKEN"}
    assert names <= set(demo.values)
    for name in ("NGINX_PID", "POOL_PID", "REDIS_PID"):
        assert alive(int(demo.values[name]))
    mode = stat.S_IMODE(os.stat(demo.state_dir / "env").st_mode)
    assert mode & 0o077 == 0, "secrets that anybody may read"


def test_lines_to_try_work_when_pasted(demo):
    lines = [line for line in demo.said.splitlines() if line.startswith("curl ")]
    assert len(lines) >= 3
    for line in lines:
        done = subprocess.run(
            [*shlex.split(line), "-w", "\n%{http_code}"],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=True,
        )
        assert done.stdout.endswith("\n200"), f"{line}\n{done.stdout}"


def test_demo_class_has_two_weeks_of_history(demo):
    teacher = Client(demo.base_url, demo.values["TEACHER_TOKEN"])
    for student in ("student-1", "student-2", "student-3"):
        body = assert_ok(teacher.get(f"/api/v1/mastery/history/{student}?days=90"))
        assert body["history_count"] == 14


def test_tokens_printed_are_those_of_their_roles(demo):
    for name in ("STUDENT_TOKEN", "TEACHER_TOKEN", "ADMIN_TOKEN"):
        assert demo.values[name] in demo.said
    student = Client(demo.base_url, demo.values["STUDENT_TOKEN"])
    assert student.get("/api/v1/mastery/history/student-1").status == 200
    assert student.get("/api/v1/mastery/history/student-2").status == 403


def test_second_start_takes_less_than_five_seconds(demo):

    def starts_in_time():
        """On a busy machine one start may be late, but not all."""
        demo.script("stop")
        began = time.monotonic()
        demo.said = demo.script("run", "--detach")
        seconds = time.monotonic() - began
        demo.read_values()
        return seconds < within(5)

    assert any(starts_in_time() for _ in range(5))
    assert demo.client().get("/ready").status == 200


def test_data_and_secrets_outlive_a_restart(start_engine):
    engine = start_engine()
    assert_ok(engine.calculate("somebody"))
    before = dict(engine.values)
    engine.script("stop")
    engine.script("run", "--detach")
    engine.read_values()
    for name in ("JWT_SECRET", "APP_API_TOKEN"):
        assert engine.values[name] == before[name]
    body = assert_ok(engine.admin().post("/api/v1/mastery/query", {"student_id": "somebody"}))
    assert body["mastery_score"] == 0.83


def test_stop_leaves_no_process_and_no_socket(start_engine):
    engine = start_engine()
    tops = [int(value) for name, value in engine.values.items() if name.endswith("_PID") and value]
    pids = tops + [pid for top in tops for pid in descendants(top)]
    assert len(pids) >= 5
    engine.script("stop")
    assert not [pid for pid in pids if alive(pid)]
    assert not [path for path in engine.state_dir.rglob("*") if path.is_socket()]
    assert not (engine.state_dir / "env").exists()


def test_stop_is_content_when_nothing_runs(start_engine):
    engine = start_engine()
    engine.script("stop")
    engine.script("stop")


def test_stop_ends_what_is_half_dead(start_engine):
    engine = start_engine()
    for pid in engine.pool():
        os.kill(pid, 19)
    os.kill(int(engine.values["REDIS_PID"]), 9)
    pids = engine.pool()
    engine.script("stop")
    assert not [pid for pid in pids if alive(pid)]


def test_two_engines_run_side_by_side(engine, start_engine):
    other = start_engine()
    assert_ok(other.calculate("only-there"))
    response = engine.admin().post("/api/v1/mastery/query", {"student_id": "only-there"})
    assert response.status == 404
    token = other.token("only-there", "student")
    refused = engine.client().get("/api/v1/mastery/history/only-there", token=token)
    assert refused.status == 401, "two engines share a secret"


def test_taken_port_is_said_plainly():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        engine = Engine(PORT=port)
        try:
            with pytest.raises(RuntimeError, match=rf"{port}.*in use"):
                engine.script("run", "--detach")
            assert not [path for path in engine.state_dir.rglob("*") if path.is_socket()]
        finally:
            engine.stop()


def test_second_run_in_one_state_folder_is_refused(start_engine):
    engine = start_engine()
    with pytest.raises(RuntimeError, match="already"):
        engine.script("run", "--detach")
    assert engine.client().get("/ready").status == 200


@pytest.mark.parametrize(
    "name, value",
    [("POOL_SIZE", "none"), ("APPENDFSYNC", "no"), ("PORT", "http"), ("RATE_LIMITS", "maybe")],
)
def test_bad_setting_is_named_and_nothing_is_left(name, value):
    engine = Engine(**{name: value})
    try:
        with pytest.raises(RuntimeError, match=name):
            engine.script("run", "--detach")
        assert not [path for path in engine.state_dir.rglob("*") if path.is_socket()]
    finally:
        engine.stop()


@pytest.fixture
def guarded_redis():
    """A Redis of somebody else's, with a password."""
    with RedisServer("--requirepass", "of the tests") as server:
        yield server


def keys_of(server):
    return set(server.client(password="of the tests").scan_iter("*"))


def test_named_redis_is_used_and_none_is_started(guarded_redis, start_engine):
    engine = start_engine(REDIS_URL=guarded_redis.url, REDIS_PASSWORD="of the tests", NO_SEED="")
    assert engine.values["REDIS_URL"] == guarded_redis.url
    assert not engine.values["REDIS_PID"] and not engine.values["REDIS_CONF"]
    assert not list((engine.state_dir / "redis").iterdir()), "a Redis of its own was configured"
    assert "cohort:{demo-class}" in keys_of(guarded_redis)
    assert_ok(engine.calculate("in-the-named-one"))
    assert [key for key in keys_of(guarded_redis) if key.endswith("student:in-the-named-one")]


def test_named_redis_outlives_the_engine(guarded_redis, start_engine):
    engine = start_engine(REDIS_URL=guarded_redis.url, REDIS_PASSWORD="of the tests")
    assert_ok(engine.calculate("somebody"))
    engine.script("stop")
    assert guarded_redis.process.poll() is None
    assert [key for key in keys_of(guarded_redis) if key.endswith("student:somebody")]


def test_another_redis_gets_a_demo_class_of_its_own(redis_server, start_engine):
    engine = start_engine(NO_SEED="")
    engine.script("stop")
    engine.environment["REDIS_URL"] = redis_server.url
    engine.script("run", "--detach")
    engine.read_values()
    assert redis_server.client().exists("cohort:{demo-class}")


def test_sourced_values_do_not_keep_the_own_redis_from_starting(start_engine):
    """. STATE_DIR/env exports REDIS_URL: the own Redis, which is gone when the engine has stopped."""
    engine = start_engine()
    engine.script("stop")
    engine.environment["REDIS_URL"] = engine.values["REDIS_URL"]
    engine.script("run", "--detach")
    engine.read_values()
    assert alive(int(engine.values["REDIS_PID"]))


def test_named_redis_that_is_not_there_is_said_plainly(tmp_path):
    engine = Engine(REDIS_URL=f"unix://{tmp_path}/none.sock")
    try:
        with pytest.raises(RuntimeError, match=rf"REDIS_URL.*{tmp_path}/none.sock"):
            engine.script("run", "--detach")
    finally:
        engine.stop()


def test_pool_has_the_size_asked_for(start_engine):
    assert len(start_engine(POOL_SIZE=3).pool()) == 3


def test_metrics_are_for_configured_networks_only(start_engine):
    engine = start_engine(METRICS_ALLOW="10.0.0.0/8")
    for path in ("/metrics", "/metrics/detailed", "/api/v1/mastery/metrics/prometheus"):
        response = engine.client().get(path)
        assert response.status == 403
        assert response.json["error"]["code"] == "FORBIDDEN"
        for forwarded in ("10.1.1.1", "10.1.1.1, 127.0.0.1"):
            headers = {"X-Forwarded-For": forwarded, "X-Real-IP": forwarded}
            assert engine.client().get(path, headers=headers).status == 403


def test_metrics_are_not_passed_on(start_engine):
    """Behind a proxy that is believed everybody may seem to come from within."""
    engine = start_engine(METRICS_ALLOW="127.0.0.1 10.0.0.0/8", TRUSTED_PROXIES="127.0.0.0/8")
    client = engine.client()
    assert client.get("/metrics").status == 200
    for forwarded in ("10.1.1.1", "127.0.0.1", "10.1.1.1, 127.0.0.1", "8.8.8.8"):
        response = client.get("/metrics", headers={"X-Forwarded-For": forwarded})
        assert response.status == 403 and response.json["error"]["code"] == "FORBIDDEN", forwarded
    assert client.get("/health", headers={"X-Forwarded-For": "10.1.1.1"}).status == 200


def test_configured_origins_may_ask_and_no_others(start_engine):
    engine = start_engine(CORS_ORIGINS="https://learn.example.org")
    client, good = engine.client(), "https://learn.example.org"
    asked = {"Access-Control-Request-Method": "POST"}
    preflight = client.request(
        "OPTIONS", "/api/v1/mastery/query", headers={"Origin": good, **asked}
    )
    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == good
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    allowed = preflight.headers["Access-Control-Allow-Headers"].lower()
    for name in ("authorization", "content-type", "x-request-id", "traceparent", "idempotency-key"):
        assert name in allowed
    for response in (
        client.get("/health", headers={"Origin": good}),
        client.get("/nothing", headers={"Origin": good}),
    ):
        assert response.headers["Access-Control-Allow-Origin"] == good
        exposed = response.headers["Access-Control-Expose-Headers"].lower()
        for name in ("x-request-id", "x-trace-id", "retry-after", "x-cache"):
            assert name in exposed
        assert "Origin" in response.headers["Vary"]
    for origin in ("https://evil.example", good + ".evil.example", "http://learn.example.org"):
        response = client.get("/health", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in response.headers


def two(client, header, *values):
    """The response to a request with the header twice."""
    lines = "".join(f"{header}: {value}\r\n" for value in values)
    return client.raw(f"GET /health HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())


def test_hsts_comes_with_tls_at_a_trusted_proxy(start_engine):
    engine = start_engine(TRUSTED_PROXIES="127.0.0.1")
    secure = engine.client().get("/health", headers={"X-Forwarded-Proto": "https"})
    assert re.match(r"max-age=\d{7,}", secure.headers["Strict-Transport-Security"])
    plain = engine.client().get("/health", headers={"X-Forwarded-Proto": "http"})
    assert "Strict-Transport-Security" not in plain.headers
    assert "Strict-Transport-Security" not in two(engine.client(), "X-Forwarded-Proto", "http", "https").headers


def test_trusted_proxy_tells_the_clients_address(start_engine):
    engine = start_engine(TRUSTED_PROXIES="127.0.0.1", RATE_LIMITS="on")
    client, limit = engine.client(), RateLimit(50)

    def health(addresses):
        return client.get("/health", headers={"X-Forwarded-For": addresses})

    limit.exhaust(lambda: health("198.51.100.7"))
    assert health("198.51.100.8").status == 200
    limit.exhaust(lambda: health("198.51.100.8, 198.51.100.7"))
    limit.exhaust(lambda: two(client, "X-Forwarded-For", "198.51.100.8", "198.51.100.7"))
    limit.assert_exhausted()
