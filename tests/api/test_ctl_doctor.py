# SPDX-License-Identifier: GPL-3.0-or-later
"""mastery-ctl doctor: all is well where all is well, and each planted fault gives its own row alone."""
import contextlib
import json
import os
import re
import shutil
import signal
import threading

import pytest
from harness.audit import wait_sealed
from harness.binaries import ROOT
from harness.ctl import run_ctl
from harness.engine import Engine
from harness.ports import free_port
from harness.provider import Provider
from harness.sidecar import Sidecar
from harness.store import DEAD_LETTER_KEYS, put_dead_letter
from harness.wait import wait_for
from test_ctl import answering, at_terminal, well

CHECKS = [
    "configuration", "secrets", "keys", "identity provider", "disk", "redis", "schema", "persistence", "memory",
    "clock", "workers", "journal", "queues", "audit log", "sidecar", "metrics", "nginx", "engine",
]  # fmt: skip
NEED_REDIS = ["persistence", "memory", "clock", "workers", "journal", "queues", "audit log"]


def keep_writes(redis):
    """As the engine needs it, whatever the settings of this Redis were."""
    redis.config_set("appendonly", "yes")
    redis.config_set("appendfsync", "always")


class Deployment:
    """An engine with everything that doctor checks: a provider of keys, a sidecar, nginx."""

    def __init__(self, engine, sidecar, provider):
        self.engine, self.provider = engine, provider
        self.environment = {**engine.environment, **engine.values, "DAPR_HTTP_PORT": sidecar.port}
        self.arguments = ["--url", engine.base_url, "--nginx", engine.state_dir / "nginx/conf"]

    def doctor(self, *arguments, **settings):
        """The findings by check; arguments and settings override those of the deployment."""
        environment = {**self.environment, **settings}
        named = {name for name in arguments if str(name).startswith("--")}
        kept = [word for i in range(0, 4, 2) if self.arguments[i] not in named for word in self.arguments[i : i + 2]]
        result = run_ctl(
            {name: value for name, value in environment.items() if value is not None}, "doctor", "--json", *kept, *arguments
        )
        assert result.stderr == "", result
        found = json.loads(result.stdout)
        rows = {row["check"]: row for row in found["checks"]}
        assert list(rows) == CHECKS
        failed = any(row["state"] == "fail" for row in rows.values())
        assert (result.returncode, found["ok"]) == (int(failed), not failed)
        for row in rows.values():
            assert bool(row.get("advice")) == (row["state"] in ("warn", "fail")), row
        return rows

    def assert_rows(self, rows, **wanted):
        """Only these rows are not ok: {check: (state, text in what was found)}, with _ for spaces."""
        wanted = {name.replace("_", " "): value for name, value in wanted.items()}
        states = {name: row["state"] for name, row in rows.items() if row["state"] != "ok"}
        assert states == {name: state for name, (state, _) in wanted.items()}, rows
        for name, (_, text) in wanted.items():
            assert text in rows[name]["found"], rows[name]


@pytest.fixture(scope="module")
def deployment():
    with contextlib.ExitStack() as stack:
        provider, sidecar = stack.enter_context(Provider()), stack.enter_context(Sidecar())
        settings = {"JWT_ALGORITHM": "ES256", "JWT_JWKS_URL": provider.keys_url, "DAPR_HTTP_PORT": sidecar.port}
        engine = stack.enter_context(Engine(APPENDFSYNC="always", **settings))
        keep_writes(engine.redis())
        yield Deployment(engine, sidecar, provider)


def secret_file(folder, mode):
    path = folder / "token"
    path.write_text("x" * 64)
    path.chmod(mode)
    return path


def test_all_is_well(deployment):
    rows = deployment.doctor()
    deployment.assert_rows(rows)
    assert "ES256, 1 key from the provider" in rows["keys"]["found"] and "kid first" in rows["keys"]["found"]
    assert rows["redis"]["found"].startswith("master, version ")
    assert rows["workers"]["found"] == "1 alive"
    assert rows["metrics"]["found"] == "3 processes, circuit breakers closed"


def test_what_is_not_configured_is_skipped(deployment):
    settings = {"JWT_ALGORITHM": "HS256", "JWT_JWKS_URL": None, "DAPR_HTTP_PORT": None}
    rows = deployment.doctor("--nginx", "/nowhere", **settings)
    deployment.assert_rows(
        rows, identity_provider=("skipped", "none"), sidecar=("skipped", "none"), nginx=("fail", "/nowhere")
    )
    assert rows["keys"]["found"] == "HS256, 1 key from JWT_SECRET"


def test_faults_of_this_host(deployment, tmp_path):
    """Settings, files and addresses: one run with a fault in each row that shares nothing with the others."""
    token = secret_file(tmp_path, 0o644)
    conf = tmp_path / "conf"
    shutil.copytree(deployment.engine.state_dir / "nginx/conf", conf)
    limits = conf / "route-maps.conf"
    limits.write_text(re.sub(r" (\d+);", r" 1\1;", limits.read_text(), count=1))
    rows = deployment.doctor(
        "--nginx", conf, "--url", f"http://127.0.0.1:{free_port()}", "--min-free", "100",
        APP_API_TOKEN=None, APP_API_TOKEN_FILE=token, DAPR_HTTP_PORT=free_port(),
        METRICS_FILE=tmp_path / "none", JWT_JWKS_CACHE_FILE=deployment.engine.values["METRICS_FILE"] + ".keys",
    )  # fmt: skip
    deployment.assert_rows(
        rows,
        secrets=("fail", f"APP_API_TOKEN_FILE {token}: all users may read it"),
        disk=("fail", "METRICS_FILE: the file system of"),
        sidecar=("fail", "/v1.0/healthz/outbound: "),
        metrics=("warn", "No such file"),
        nginx=("fail", "route-maps.conf"),
        engine=("fail", "connect"),
    )


def test_every_wrong_setting_is_named(deployment):
    rows = deployment.doctor(LOG_LEVEL="loud", MAX_REQUESTS="-1")
    assert rows["configuration"]["state"] == "fail"
    assert all(name in rows["configuration"]["found"] for name in ("LOG_LEVEL", "MAX_REQUESTS"))
    others = {name: row["state"] for name, row in rows.items() if name not in ("configuration", "nginx", "engine")}
    assert set(others.values()) == {"skipped"}
    assert (rows["nginx"]["state"], rows["engine"]["state"]) == ("ok", "ok")


def test_a_broken_catalogue_is_an_error_of_the_configuration(deployment, tmp_path):
    (tmp_path / "catalogue.json").write_text("{")
    rows = deployment.doctor(RECOMMENDATIONS_FILE=tmp_path / "catalogue.json")
    assert rows["configuration"]["state"] == "fail" and "RECOMMENDATIONS_FILE" in rows["configuration"]["found"]


def test_old_keys_of_the_provider(deployment, clock_ahead):
    rows = deployment.doctor(JWT_JWKS_MAX_AGE_S=60, **clock_ahead(3600))
    deployment.assert_rows(rows, keys=("fail", "JWT_JWKS_MAX_AGE_S"), clock=("fail", "ahead of Redis"))


# --- Redis ---------------------------------------------------------------------------------------


def test_redis_away(deployment):
    rows = deployment.doctor(REDIS_URL="unix:///nowhere")
    skipped = {name.replace(" ", "_"): ("skipped", "Redis") for name in [*NEED_REDIS, "schema"]}
    deployment.assert_rows(rows, redis=("fail", "No such file"), **skipped)


def test_a_replica_is_no_redis_to_use(deployment, redis_server):
    redis_server.client().replicaof("127.0.0.1", free_port())
    rows = deployment.doctor(REDIS_URL=redis_server.url)
    skipped = {name.replace(" ", "_"): ("skipped", "Redis") for name in [*NEED_REDIS, "schema"]}
    deployment.assert_rows(rows, redis=("fail", "replica"), **skipped)


@contextlib.contextmanager
def changed(redis, **settings):
    before = {name: redis.config_get(name)[name] for name in settings}
    try:
        for name, value in settings.items():
            redis.config_set(name, value)
        yield
    finally:
        for name, value in before.items():
            redis.config_set(name, value)


def test_settings_of_redis_that_lose_data_and_a_provider_that_is_away(deployment, tmp_path):
    redis = deployment.engine.redis()
    token = secret_file(tmp_path, 0o660)
    deployment.provider.stop()
    try:
        with changed(redis, **{"appendonly": "no", "maxmemory-policy": "allkeys-lru"}):
            rows = deployment.doctor(APP_API_TOKEN=None, APP_API_TOKEN_FILE=token)
    finally:
        deployment.provider.start()
    deployment.assert_rows(
        rows,
        secrets=("fail", "others than the owner may write"),
        identity_provider=("fail", "JWT_JWKS_URL"),
        persistence=("fail", "appendonly is no"),
        memory=("fail", "allkeys-lru"),
    )


def test_settings_of_redis_that_are_a_risk_and_keys_that_cannot_be_used(deployment, tmp_path):
    redis = deployment.engine.redis()
    keys, token = tmp_path / "keys.pem", secret_file(tmp_path, 0o600)
    keys.write_text("no key")
    with changed(redis, appendfsync="everysec", maxmemory=redis.info("memory")["used_memory"] * 21 // 20):
        rows = deployment.doctor(
            JWT_JWKS_URL=None, JWT_PUBLIC_KEY_FILE=keys, APP_API_TOKEN=None, APP_API_TOKEN_FILE=token
        )
    deployment.assert_rows(
        rows,
        keys=("fail", "JWT_PUBLIC_KEY_FILE"),
        identity_provider=("skipped", "none"),
        persistence=("warn", "appendfsync is everysec"),
        memory=("warn", "of maxmemory"),
    )
    assert rows["secrets"]["found"] == "1 files, closed to other users"


def test_a_store_of_a_later_version(deployment, redis_server):
    redis_server.client().set("schema", 99)
    rows = deployment.doctor(REDIS_URL=redis_server.url)
    skipped = {name.replace(" ", "_"): ("skipped", "Redis") for name in NEED_REDIS}
    deployment.assert_rows(rows, schema=("fail", "99"), **skipped)


def test_a_worker_that_hangs_is_not_alive(deployment):
    pid = int(deployment.engine.values["WORKER_PID"])
    os.kill(pid, signal.SIGSTOP)
    try:
        rows = deployment.doctor()
    finally:
        os.kill(pid, signal.SIGCONT)
    deployment.assert_rows(rows, workers=("fail", "no worker is alive"), journal=("skipped", "no worker"))
    redis = deployment.engine.redis()
    wait_for(lambda: sum(int(text.split()[1]) for text in redis.hgetall("workers").values()) == 256, "leases are back")


class Beating:
    """A worker, as far as its heartbeats show it."""

    def __init__(self, redis, shards, lag_ms):
        self.redis, self.shards, self.lag_ms = redis, shards, lag_ms
        self.ended, self.thread = threading.Event(), threading.Thread(target=self.beat, daemon=True)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def beat(self):
        beats = 0
        while not self.ended.wait(0.02):
            beats += 1
            self.redis.hset("workers", "w", f"{beats} {self.shards} {self.lag_ms} 1")


@pytest.mark.parametrize("shards, lag_ms, row", [(256, 61000, "journal"), (256, 11000, "journal"), (200, 0, "workers")])
def test_workers_that_do_not_keep_up(deployment, redis_server, shards, lag_ms, row):
    keep_writes(redis_server.client())
    with Beating(redis_server.client(), shards, lag_ms):
        rows = deployment.doctor(REDIS_URL=redis_server.url)
    state = "fail" if lag_ms > 60000 else "warn"
    deployment.assert_rows(rows, **{row: (state, "200 of 256 shards" if row == "workers" else f"{lag_ms // 1000}.0 s late")})


# --- queues and the audit log, with a service -----------------------------------------------------


@pytest.fixture(scope="module")
def sealed(deployment):
    """The shard of a seal, made with a history that mastery-ctl erases again."""
    redis = deployment.engine.redis()
    deployment.engine.ctl("seed", "--student", "sealed", "--days", "1")
    deployment.engine.ctl("erase", "sealed")
    # no later segment takes the place of what a test writes
    wait_for(lambda: redis.hgetall("audit:heads"), "a segment")
    wait_sealed(redis)
    return next(iter(redis.hgetall("audit:heads")))


def test_dead_letters_a_chain_made_anew_and_an_engine_that_is_not_ready(deployment, sealed):
    redis = deployment.engine.redis()
    before = redis.hget("audit:heads", sealed)
    number, head = before.split()
    redis.hset("audit:heads", sealed, f"{number} {head[::-1]}")
    put_dead_letter(redis, {"event_id": "e"})
    reason = json.dumps({"status": "not_ready", "reason": "the process is draining"})
    with answering({"/health": well(), "/ready": (503, reason)}) as url:
        rows = deployment.doctor("--url", url)
    redis.hset("audit:heads", sealed, before)
    redis.delete(*DEAD_LETTER_KEYS)
    deployment.assert_rows(
        rows,
        queues=("warn", "1 dead letters"),
        audit_log=("fail", f"shard {sealed[:2]}: the latest segment has another head"),
        engine=("fail", "the process is draining"),
    )
    assert "mastery-ctl dead list" in rows["queues"]["advice"]


def test_a_key_of_another_program_a_chain_cut_off_and_a_broken_sidecar(deployment, sealed):
    redis = deployment.engine.redis()
    before = redis.hget("audit:heads", sealed)
    number, head = before.split()
    redis.hset("audit:heads", sealed, f"{int(number) + 1} {head}")
    redis.set("{00}:outbox", "x")
    with answering({"/v1.0/healthz/outbound": (500, "")}) as url:
        rows = deployment.doctor(DAPR_HTTP_ENDPOINT=url)
    redis.hset("audit:heads", sealed, before)
    redis.delete("{00}:outbox")
    deployment.assert_rows(
        rows,
        queues=("fail", "cannot be read"),
        audit_log=("fail", "end of the chain"),
        sidecar=("fail", "HTTP status 500"),
    )


@pytest.mark.parametrize(
    "key, fault", [(None, "AUDIT_KEY"), ("another key, of more than thirty-two bytes", "a key that is not in AUDIT_KEY")]
)
def test_the_key_of_the_audit_log_and_a_reason_with_control_characters(deployment, sealed, key, fault):
    reason = json.dumps({"status": "x", "reason": "a\x1b[2J"})
    with answering({"/health": well(), "/ready": (503, reason)}) as url:
        rows = deployment.doctor("--url", url, AUDIT_KEY=key)
    deployment.assert_rows(rows, audit_log=("fail", fault), engine=("fail", "HTTP status 503"))
    assert "\x1b" not in rows["engine"]["found"]


def test_an_address_that_is_none_is_wrong_usage():
    result = run_ctl({}, "doctor", "--url", "127.0.0.1:8005")
    assert (result.returncode, result.stdout) == (2, "") and "--url" in result.stderr


# --- the output ----------------------------------------------------------------------------------


def test_the_documentation_has_a_row_for_each_check():
    text = (ROOT / "docs/operations.md").read_text()
    section = text[text.index("| check | fails when") : text.index("What is not configured is skipped")]
    assert re.findall(r"^\| (\w[\w ]*) \|", section, re.M) == ["check", *CHECKS]
    assert f"`mastery-ctl doctor` runs {len(CHECKS)} checks" in text


def test_lines_for_people(deployment):
    result = run_ctl({**deployment.environment, "REDIS_URL": "unix:///nowhere"}, "doctor", *deployment.arguments)
    lines = result.stdout.splitlines()
    assert result.returncode == 1 and "\x1b" not in result.stdout
    assert [line[6:24].strip() for line in lines[:-1] if "to do: " not in line] == CHECKS
    [i] = [i for i, line in enumerate(lines) if line.startswith("fail")]
    assert lines[i].split()[:2] == ["fail", "redis"] and lines[i + 1].strip().startswith("to do: start Redis")
    assert lines[-1] == "9 ok, 0 warnings, 1 failed, 8 skipped"


def test_a_terminal_has_colours(deployment):
    settings = {**deployment.environment, "LOG_LEVEL": "loud"}
    status, seen = at_terminal("doctor", *deployment.arguments, **settings)
    assert status == 1 and "\x1b[31mfail  \x1b[0mconfiguration" in seen


def test_doctor_writes_nothing(deployment, redis_server):
    redis_server.client().config_set("maxmemory", 1)  # so that a write would be refused
    rows = deployment.doctor(REDIS_URL=redis_server.url)
    assert rows["redis"]["state"] == "ok" and redis_server.client().dbsize() == 0
