# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults. Each is a function that injects one into the site, lasts as long as the plan says, and undoes it.
"""
import contextlib
import os
import signal
import socket
import threading
import time

import redis
from harness.process import alive, pause, resume
from harness.wait import wait_for
from soak.site import faketime_library

CUT_WAIT_S = 2  # for a command to cut; with no load there may be none
SLOW_CLIENTS = 12


def kill_pool(site, fault):
    """kill -9 of a process of the pool, which multiwatch replaces."""
    pid = site.a_process(fault.number)
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_worker(site, fault):
    site.worker.kill()
    site.keep_worker()


def kill_redis(site, fault):
    site.redis.process.kill()
    time.sleep(fault.hold_s)
    site.restart_redis()


@contextlib.contextmanager
def _paused(pid):
    pause(pid)
    try:
        yield
    finally:
        if alive(pid):
            with contextlib.suppress(ProcessLookupError):
                resume(pid)


def stop_pool(site, fault):
    """SIGSTOP of a process of the pool, then SIGCONT."""
    pid = site.a_process(fault.number)
    if pid:
        with contextlib.suppress(ProcessLookupError), _paused(pid):
            time.sleep(fault.hold_s)


def stop_worker(site, fault):
    site.keep_worker()
    with _paused(site.worker.pid):
        time.sleep(fault.hold_s)


def stop_redis(site, fault):
    with _paused(site.redis.process.pid):
        time.sleep(fault.hold_s)


def worker_away(site, fault):
    """SIGTERM, and no worker for a while."""
    site.worker.signal(signal.SIGTERM)
    site.worker.child.wait()
    time.sleep(fault.hold_s)
    site.keep_worker()


def client_kill(site, fault):
    """CLIENT KILL of all connections, each 50 ms."""
    client, ends = site.redis.client(), time.monotonic() + fault.hold_s
    while time.monotonic() < ends:
        with contextlib.suppress(redis.RedisError):
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        time.sleep(0.05)


def cut_command(site, fault):
    """All connections end before a command, which does not reach Redis."""
    left, cut = [fault.number % 50], threading.Event()

    def watch(_command):
        left[0] -= 1
        if left[0] >= 0:
            return True
        site.stand_in.watch = None
        site.stand_in.drop_all()
        cut.set()
        return False

    site.stand_in.watch = watch
    cut.wait(CUT_WAIT_S)
    site.stand_in.watch = None


def cut_reply(site, fault):
    """A connection ends within a reply: what the commands have done is unknown to the engine."""
    site.stand_in.cut_after = fault.number % 5000
    site.stand_in.mode = "cut"
    ends = time.monotonic() + CUT_WAIT_S
    while site.stand_in.cut_after > 0 and time.monotonic() < ends:
        time.sleep(0.005)
    site.stand_in.mode = "pass"
    site.stand_in.drop_all()


def redis_full(site, fault):
    """Writes that need memory are refused."""
    client = site.redis.client()
    client.config_set("maxmemory", 1)
    time.sleep(fault.hold_s)
    client.config_set("maxmemory", 0)


def nginx_reload(site, fault):
    os.kill(site.engine.nginx_pid, signal.SIGHUP)


def retire(site, fault):
    """SIGTERM: the process serves its connections to the end and is replaced."""
    pid = site.a_process(fault.number)
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def slow_clients(site, fault):
    """Connections with half a head, with half a body, and without anybody who reads the response."""
    port = int(site.base_url.rsplit(":", 1)[1])
    head = b"POST /api/v1/mastery/ingest HTTP/1.1\r\nHost: x\r\n"
    texts = [head, head + b"Content-Length: 65536\r\n\r\n{", b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 20]
    with contextlib.ExitStack() as stack:
        for number in range(SLOW_CLIENTS):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            sock.settimeout(1)
            with contextlib.suppress(OSError):
                sock.sendall(texts[number % len(texts)])
        time.sleep(fault.hold_s)


def wrong_clock(site, fault):
    """A process of the pool whose clock is an hour ahead, in the place of a killed one."""
    (site.folder / "used").unlink(missing_ok=True)
    (site.folder / "clock-is-wrong").touch()
    before = set(site.pool())
    kill_pool(site, fault)
    wait_for((site.folder / "used").exists, "a process with a wrong clock")
    time.sleep(fault.hold_s)
    for pid in set(site.pool()) - before:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


FAULTS = {
    "kill-pool": kill_pool,
    "kill-worker": kill_worker,
    "kill-redis": kill_redis,
    "stop-pool": stop_pool,
    "stop-worker": stop_worker,
    "stop-redis": stop_redis,
    "worker-away": worker_away,
    "client-kill": client_kill,
    "cut-command": cut_command,
    "cut-reply": cut_reply,
    "redis-full": redis_full,
    "nginx-reload": nginx_reload,
    "retire": retire,
    "slow-clients": slow_clients,
    "wrong-clock": wrong_clock,
}


def possible():
    """The kinds that can be injected here: a wrong clock needs Debian's package libfaketime, and no sanitizers."""
    return [kind for kind in FAULTS if kind != "wrong-clock" or faketime_library()]
