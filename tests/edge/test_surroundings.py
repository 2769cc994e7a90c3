# SPDX-License-Identifier: GPL-3.0-or-later
"""Locale, time zone, umask, signals and the configuration of a process (hazards, faults 23, 24)."""
import os
import re
import signal
import stat
import subprocess
from pathlib import Path

import pytest
from harness.engine import bin_dir, fresh_id
from harness.fastcgi import request_bytes
from harness.pool import SECRET
from harness.process import pause, resume
from harness.wait import LIMIT_S, wait_for

TIMES = re.compile(rb'"(calculated_at|query_time|timestamp)":"[^"]*"|"correlation_id":"[^"]*"')


def steady(response):
    """The body without what differs from one request to the next."""
    return TIMES.sub(b"", response.body)


def test_answers_are_the_same_bytes_in_any_locale_and_time_zone(start_pool, redis_server):
    plain = start_pool(redis_server.url)
    odd = start_pool(
        redis_server.url, LC_ALL="de_DE.UTF-8", LANG="de_DE.UTF-8", TZ="Pacific/Kiritimati"
    )
    first, second = fresh_id(), fresh_id()
    scores = (0.8, 0.9, 0.85, 1e-7)
    stated = [plain.calculate(first, scores), odd.calculate(second, scores)]
    assert steady(stated[0]).replace(first.encode(), second.encode()) == steady(stated[1])
    for student in (first, second):
        asked = [pool.query(student, include_history=True) for pool in (plain, odd)]
        assert [response.status for response in asked] == [200, 200]
        assert steady(asked[0]) == steady(asked[1])
        assert asked[1].json["data"]["components"]["consistency"] == 1e-7


def sockets(pid):
    """How many sockets the process has; the first is the listener."""
    return [os.readlink(file)[:6] for file in Path(f"/proc/{pid}/fd").iterdir()].count("socket")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_socket_and_shared_memory_are_never_open_to_all(start_pool, umask):
    pool = start_pool(umask=umask)
    mode = stat.S_IMODE(os.stat(pool.socket_path).st_mode)
    assert mode & 0o007 == 0 and mode & ~0o660 == 0, oct(mode)
    mode = stat.S_IMODE(os.stat(pool.environment["METRICS_FILE"]).st_mode)
    assert mode & 0o007 == 0, oct(mode)


def test_process_leaves_no_core_file(start_pool):
    pool = start_pool()
    [pid] = pool.pids()
    with open(f"/proc/{pid}/limits", encoding="ascii") as limits:
        [line] = [line for line in limits if line.startswith("Max core file size")]
    assert line.split()[4] == "0"


def start_alone(**environment):
    """mastery-fcgi from a shell, without a socket on its standard input; it must not stay."""
    return subprocess.run(
        [str(bin_dir() / "mastery-fcgi")],
        env={"PATH": os.environ["PATH"], "JWT_SECRET": SECRET, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def test_from_a_shell_it_says_what_it_wants():
    result = start_alone()
    assert result.returncode != 0
    assert "FCGI_LISTEN" in result.stderr + result.stdout


@pytest.mark.parametrize("secret", ["", "hunter2", "hunter2" + "x" * 24, "x" * 32 + "\nhunter2"])
def test_weak_secrets_are_refused_at_the_start(tmp_path, secret):
    result = start_alone(JWT_SECRET=secret, FCGI_LISTEN=str(tmp_path / "socket"))
    assert result.returncode != 0
    assert "JWT_SECRET" in result.stderr + result.stdout
    assert "hunter2" not in result.stderr + result.stdout


def test_all_errors_of_the_configuration_are_told_at_once(tmp_path):
    bad = {"MAX_REQUESTS": "many", "REQUEST_DEADLINE_S": "0", "LOG_LEVEL": "loud"}
    bad.update(JWT_ALGORITHM="HS512", REDIS_URL="http://127.0.0.1")
    result = start_alone(FCGI_LISTEN=str(tmp_path / "socket"), **bad)
    assert result.returncode != 0
    for name in bad:
        assert name in result.stderr + result.stdout, name


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGHUP, signal.SIGWINCH, signal.SIGCHLD])
def test_stray_signals_fail_no_request(start_pool, number):
    pool = start_pool()
    [pid] = pool.pids()
    student = fresh_id()
    for _ in range(200):
        os.kill(pid, number)
        assert pool.calculate(student).status == 200
    assert pool.pids() == [pid]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1])
def test_signal_to_leave_lets_kept_connections_finish(start_pool, number):
    pool = start_pool(DRAIN_TIMEOUT_S=60)
    [pid] = pool.pids()
    with pool.connect() as kept:
        assert kept.request("GET", "/health").status == 200
        os.kill(pid, number)
        wait_for(lambda: kept.request("GET", "/ready").status == 503, "leaving")
        for _ in range(5):
            assert kept.request("GET", "/health").status == 200
        assert pool.pids() == [pid]
    wait_for(lambda: pid not in pool.pids(), "gone when its last connection has closed")
    wait_for(pool.serves, "replaced")
    wait_for(lambda: pool.request("GET", "/ready").status == 200, "the new process ready")


def test_new_process_accepts_no_request_before_its_first_check_of_redis(start_pool, redis_server):
    """Its first response to /ready must not be a 503 that only says that it has just started."""
    pool = start_pool(redis_server.url)
    [pid] = pool.pids()
    pause(redis_server.process.pid)
    try:
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: pool.pids() not in ([], [pid]), "replaced")
        connection = pool.connect()
        connection.send(request_bytes("GET", "/ready"))
        wait_for(lambda: sockets(pool.pids()[0]) > 1, "connecting to Redis")
    finally:
        resume(redis_server.process.pid)
    assert connection.read_response().status == 200
    connection.close()


def test_leaving_process_takes_no_new_connections(start_pool):
    pool = start_pool(size=2, DRAIN_TIMEOUT_S=60)
    connections = [pool.connect() for _ in range(8)]
    for connection in connections:
        assert connection.request("GET", "/health").status == 200
    leaving = pool.pids()[0]
    os.kill(leaving, signal.SIGTERM)

    def shows():
        statuses = [connection.request("GET", "/ready").status for connection in connections]
        return 503 in statuses or leaving not in pool.pids()

    wait_for(shows, "leaving")
    for _ in range(40):
        assert pool.request("GET", "/ready").status == 200
    for connection in connections:
        connection.close()
