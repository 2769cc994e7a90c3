# SPDX-License-Identifier: GPL-3.0-or-later
"""ALIVE_FILE: a probe sees whether the worker's loop runs, with Redis or without."""
import os
import subprocess

import pytest
from harness.binaries import ROOT
from harness.pool import Pool
from harness.process import pause, resume
from harness.redis_server import RedisServer
from harness.wait import wait_for
from harness.worker import Worker

PROBE = [ROOT / "scripts/health-check.sh", "worker"]


@pytest.fixture
def worker(tmp_path):
    with RedisServer() as server, Pool(server.url) as pool:
        running = Worker(pool.environment, pool.folder, ALIVE_FILE=tmp_path / "alive")
        running.server = server
        yield running
        running.kill()


def alive_file(worker):
    return worker.environment["ALIVE_FILE"]


def is_ready(worker):
    return subprocess.run(PROBE, env=worker.environment, capture_output=True, check=False).returncode == 0


def make_old(path):
    """As it is when nothing has changed it for long."""
    os.utime(path, (0, 0))


def test_a_worker_is_ready_while_its_loop_runs(worker):
    assert not is_ready(worker)
    worker.start()
    wait_for(lambda: is_ready(worker), "ready")
    make_old(alive_file(worker))
    wait_for(lambda: is_ready(worker), "changed again")
    pause(worker.pid)
    make_old(alive_file(worker))
    assert not is_ready(worker)
    resume(worker.pid)
    wait_for(lambda: is_ready(worker), "ready when it goes on")
    assert worker.drain() == 0
    assert not os.path.exists(alive_file(worker))


def test_readiness_does_not_depend_on_redis(worker):
    worker.server.stop()
    worker.start()
    wait_for(lambda: is_ready(worker), "ready without Redis")


def test_a_worker_that_cannot_start_is_not_ready(worker):
    """Its container's earlier run has left the file: nothing changes it."""
    with open(alive_file(worker), "w", encoding="ascii"):
        make_old(alive_file(worker))
    worker.environment["AUDIT_KEY"] = "short"
    worker.start()
    assert worker.child.wait() != 0
    assert not is_ready(worker)


def test_a_file_that_cannot_be_written_is_logged_once_and_ends_nothing(worker):
    worker.environment["ALIVE_FILE"] = "/nowhere/alive"
    worker.start()
    wait_for(lambda: worker.lines("worker.alive_file"), "logged")
    assert worker.lines("worker.alive_file")[0]["reason"] == "No such file or directory"
    assert worker.alive()


def test_the_probe_needs_the_name_of_the_file():
    result = subprocess.run(PROBE, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)
    assert result.returncode == 2 and "ALIVE_FILE" in result.stderr
