# SPDX-License-Identifier: GPL-3.0-or-later
"""The load of the checklist, by the real locust: its commands with --headless, its exit status as the verdict."""
import os
import signal
import subprocess
from pathlib import Path

import pytest
from harness.binaries import ROOT
from harness.engine import Engine, redis_process
from harness.real import built
from harness.wait import wait_for

BY_DEFAULT = None  # of these settings the tests' own values are for slow machines
ENGINE = {"RATE_LIMITS": "on", "POOL_SIZE": 2, "STORE_ROUND_TIMEOUT_MS": BY_DEFAULT, "APPENDFSYNC": "always"}


@pytest.fixture(scope="session")
def locust():
    program = built(Path(__file__).parent)
    print(subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout)
    return program


@pytest.fixture
def engine():
    with Engine(**ENGINE) as running:
        yield running


@pytest.fixture
def start(locust):
    """Starts locust with the checklist's command; none is left at the end of the test."""
    started = []

    def run(*arguments):
        started.append(start_locust(locust, *arguments))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


def start_locust(locust, url, secret, users, spawn_rate, run_time):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JWT_")}
    if secret:
        environment["JWT_SECRET"] = secret
    command = [
        locust, "-f", "tests/load/test_load.py", f"--host={url}", f"--users={users}", f"--spawn-rate={spawn_rate}",
        f"--run-time={run_time}", "--headless", "--only-summary",
    ]  # fmt: skip
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process):
    output, _ = process.communicate(timeout=600)
    print(output)
    return process.returncode, output


def test_without_a_secret_it_ends_at_once(start):
    status, output = finish(start("http://127.0.0.1:9", None, 50, 5, "5m"))
    assert status == 1
    assert output == "JWT_SECRET, JWT_SECRET_FILE or JWT_PRIVATE_KEY_FILE is required: it signs the users' tokens\n"


def test_a_deployment_that_takes_no_load_is_told(start, engine):
    status, output = finish(start(engine.base_url, "x" * 32, 50, 5, "5m"))
    assert status == 1
    assert "the load cannot be prepared: POST /api/v1/mastery/calculate is 401" in output


def test_fifty_users_meet_the_limits_of_the_checklist(start, engine):
    """On a machine that does nothing else."""
    status, output = finish(start(engine.base_url, engine.secret, 50, 5, "40s"))
    assert status == 0 and output.count("\nok    ") == 3, "all three limits hold"
    assert " 0 errors, " in output
    nothing_is_left(engine)


def test_two_hundred_users_are_refused_gracefully(start, engine):
    status, output = finish(start(engine.base_url, engine.secret, 200, 20, "40s"))
    assert status == 0 and output.count("\nok    ") == 2
    nothing_is_left(engine)


def nothing_is_left(engine):
    store = engine.redis()
    wait_for(lambda: not list(store.scan_iter("*student:load_*", count=1000)), "nothing left", 30)


def test_circuit_breaker_opens_and_closes_at_its_thresholds_under_load(start, engine):
    """A stall of Redis within STORE_ROUND_TIMEOUT_MS is latency. A longer one opens the circuit, as do failed
    connections when Redis is gone; it closes when Redis is back. The users are refused with Retry-After alone, and
    obey it."""
    store = redis_process(engine)

    def breaker():  # with a token of its own, whose limit the load does not use up
        return engine.admin().get("/metrics/detailed").json["circuit_breakers"]["redis"]

    process = start(engine.base_url, engine.secret, 60, 30, "30s")
    wait_for(lambda: len(list(engine.redis().scan_iter("*student:load_*", count=1000))) > 60, "under load", 60)
    before = breaker()
    assert before["state"] == "closed"
    for _ in range(3):
        store.signal(signal.SIGSTOP)
        breaker()
        store.signal(signal.SIGCONT)
    assert breaker()["state"] == "closed", "three short stalls"
    store.signal(signal.SIGSTOP)
    wait_for(lambda: breaker()["state"] == "open", "open while Redis stalls", 20)
    store.signal(signal.SIGCONT)
    wait_for(lambda: breaker()["state"] == "closed", "closed when it has caught up", 20)
    store.stop()
    wait_for(lambda: breaker()["state"] == "open", "open without Redis", 20)
    store.start()
    wait_for(lambda: breaker()["state"] == "closed", "closed when it is back", 20)
    status, output = finish(process)
    assert status == 0 and "'503': " in output and output.count("\nok    ") == 2
    assert not {"'0': ", "'500': ", "'502': ", "'504': "} & {word + " " for word in output.replace("{", "").split()}
    nothing_is_left(engine)
