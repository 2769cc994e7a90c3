# SPDX-License-Identifier: GPL-3.0-or-later
"""What the processes may not do, and who may come near them: Redis without our password, sockets
without our group, secrets without our user are out of reach."""
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from harness.process import children, program
from harness.wait import LIMIT_S, wait_for

NOBODY = 65534
PASSWORD = "the password of this Redis"
# Connects to a socket or opens a file, as somebody else, and says how that went.
TRY = """
import socket, sys
try:
    if sys.argv[1] == "connect":
        socket.socket(socket.AF_UNIX).connect(sys.argv[2])
    else:
        open(sys.argv[2], "rb").read(1)
    print("let in")
except OSError as error:
    print(type(error).__name__)
"""


def processes(engine):
    """The engine's own processes, by name."""
    pool, worker = (int(engine.values[name]) for name in ("POOL_PID", "WORKER_PID"))
    found = [pid for pid in children(pool) if program(pid) == "mastery-fcgi"]
    assert found and program(worker) == "mastery-worker"
    return [*found, worker]


def status_of(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_processes_may_run_no_other_program(engine):
    for pid in processes(engine):
        status = status_of(pid)
        assert status["NoNewPrivs"] == "1", status["Name"]
        assert status["Seccomp"] == "2", "no filter of system calls"
        assert status["Umask"] == "0007"


def test_processes_leave_no_core(engine):
    for pid in processes(engine):
        limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
        [core] = [line for line in limits if line.startswith("Max core file size")]
        assert core.split()[4:6] == ["0", "0"]


def as_somebody_else(action, path, group=NOBODY):
    """Root may become anybody; whoever is not root has no other user to try it with."""
    result = subprocess.run(
        [sys.executable, "-c", TRY, action, str(path)],
        user=NOBODY,
        group=group,
        extra_groups=[],
        cwd="/",
        stdout=subprocess.PIPE,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    return result.stdout.strip()


def sockets(engine):
    run = Path(engine.values["REDIS_URL"].removeprefix("unix://")).parent
    found = [path for path in run.iterdir() if stat.S_ISSOCK(path.stat().st_mode)]
    assert {path.name for path in found} >= {"redis.sock", "engine.sock"}
    return found


@pytest.fixture
def open_folders(start_engine):
    """An engine in whose folders anybody may go about: what is in them must be closed by itself."""
    engine = start_engine()
    run = sockets(engine)[0].parent
    for folder in {engine.state_dir, run, *run.parents} - {Path("/"), Path("/tmp")}:
        folder.chmod(folder.stat().st_mode | 0o011)
    return engine


def test_sockets_are_for_the_group_alone(open_folders):
    for path in sockets(open_folders):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == 0o660, (path, oct(mode))
        if os.geteuid() == 0:
            group = 54321  # nobody else is in it
            assert as_somebody_else("connect", path) == "PermissionError", path
            os.chown(path, -1, group)
            assert as_somebody_else("connect", path) == "PermissionError", path
            assert as_somebody_else("connect", path, group) == "let in", path


def test_secrets_logs_and_metrics_are_for_nobody_else(open_folders):
    state = open_folders.state_dir
    paths = [state / "env", Path(open_folders.values["METRICS_FILE"])]
    paths += [*(state / "secrets").iterdir(), *(state / "log").iterdir()]
    paths += [path for path in (state / "redis").rglob("*") if path.is_file()]
    assert len(paths) > 6
    for path in paths:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o007 == 0, (path, oct(mode))
        if os.geteuid() == 0:
            assert as_somebody_else("open", path) == "PermissionError", path


def test_the_sidecars_listener_and_redis_are_not_on_the_network(engine):
    """Of all ports the engine opens one to the network: the public one."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    listening = {line.split()[1] for line in lines if line.split()[3] == "0A"}
    sidecar = int(engine.dapr_url.rpartition(":")[2])
    assert f"0100007F:{sidecar:04X}" in listening
    with pytest.raises(OSError):
        socket.create_connection((_own_address(), sidecar), timeout=LIMIT_S).close()
    assert engine.values["REDIS_URL"].startswith("unix://")


def _own_address():
    """An address of this machine that is not 127.0.0.1; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.2"
        return sock.getsockname()[0]


@pytest.mark.parametrize("password", [None, "another password", PASSWORD[:-1], PASSWORD + "x"])
def test_a_redis_with_a_password_serves_nobody_without_it(redis_server, start_pool, password):
    redis_server.client().config_set("requirepass", PASSWORD)
    settings = {} if password is None else {"REDIS_PASSWORD": password}
    pool = start_pool(**settings)
    assert pool.calculate("someone").status == 503
    assert pool.request("GET", "/ready").status == 503
    log = pool.log_path.read_text()
    assert "NOAUTH" in log or "WRONGPASS" in log
    assert PASSWORD[:-1] not in log


def test_a_redis_with_a_password_serves_whoever_has_it(redis_server, start_pool):
    redis_server.client().config_set("requirepass", PASSWORD)
    pool = start_pool(REDIS_PASSWORD=PASSWORD)
    wait_for(lambda: pool.calculate("someone").status == 200, "connected")
    assert pool.request("GET", "/ready").status == 200
    assert PASSWORD not in pool.log_path.read_text()
