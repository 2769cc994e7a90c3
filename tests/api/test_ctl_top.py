# SPDX-License-Identifier: GPL-3.0-or-later
"""mastery-ctl top: rates and processes from the metrics file, queues from Redis, and its screen."""
import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import termios
import threading

import pytest
from harness.binaries import bin_dir
from harness.ctl import run_ctl
from harness.redis_kinds import trust
from harness.store import put_dead_letter
from harness.wait import LIMIT_S, wait_for
from test_ctl import environment


@contextlib.contextmanager
def requests(pool):
    """Requests without a pause, as fast as they are served."""
    ended = threading.Event()

    def send():
        while not ended.is_set():
            pool.request("GET", "/health")

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def top(settings, *arguments):
    return run_ctl(settings, "top", "--once", "--interval", "1", *arguments)


def top_json(settings):
    result = top(settings, "--json")
    assert (result.returncode, result.stderr) == (0, ""), result
    return json.loads(result.stdout)


def stream(settings):
    """A running top that writes a line of JSON for each interval."""
    return subprocess.Popen(
        [str(bin_dir() / "mastery-ctl"), "top", "--interval", "1", "--json"],
        env={**trust(), **{name: str(value) for name, value in settings.items()}},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_rates_latencies_and_processes(pool, start_worker):
    worker = start_worker(pool)
    with requests(pool):
        wait_for(lambda: top_json(pool.environment)["workers"] == 1, "a heartbeat")
        found = top_json(pool.environment)
    numbers = found["requests"]
    assert numbers["per_second"] > 0 and numbers["errors_per_second"] == 0
    assert 0 < numbers["p50_ms"] <= numbers["p95_ms"] <= numbers["p99_ms"] and numbers["mean_ms"] > 0
    assert found["breakers"] == {"redis": "closed", "dapr": "closed"}
    processes = {process["program"]: process for process in found["processes"]}
    assert set(processes) == {"mastery-fcgi", "mastery-worker"}
    assert processes["mastery-fcgi"]["pid"] in pool.pids() and processes["mastery-worker"]["pid"] == worker.pid
    assert processes["mastery-fcgi"]["requests_per_second"] > 0
    assert processes["mastery-worker"]["requests_per_second"] == 0
    assert all(process["memory_bytes"] > 1 << 20 for process in processes.values())
    assert 0.5 < found["interval_s"] < LIMIT_S


def test_the_rates_of_all_intervals_add_up_to_the_requests(pool):
    """The sum and the processes are read one after the other: a request that ends in between is in the sum of the next
    interval, so only several intervals together have the same number."""
    count, sums, of_processes = 50, 0, 0
    process = stream(pool.environment)
    json.loads(process.stdout.readline())
    for _ in range(count):
        assert pool.request("GET", "/health").status == 200

    def all_counted():
        nonlocal sums, of_processes
        found = json.loads(process.stdout.readline())
        sums += found["requests"]["per_second"] * found["interval_s"]
        of_processes += sum(each["requests_per_second"] for each in found["processes"]) * found["interval_s"]
        return min(sums, of_processes) > count - 0.5

    wait_for(all_counted, "all requests in an interval")
    process.terminate()
    process.communicate(timeout=LIMIT_S)
    assert (sums, of_processes) == (pytest.approx(count), pytest.approx(count))


def test_the_depths_of_the_queues(redis_server, tmp_path):
    redis = redis_server.client()
    for shard, entries in (("00", 2), ("ff", 3)):
        for _ in range(entries):
            redis.xadd(f"{{{shard}}}:journal", {"e": "{}"})
    redis.xadd("{7f}:outbox", {"e": "{}"})
    for name, entries in (("high", 1), ("normal", 2), ("low", 3)):
        for _ in range(entries):
            redis.xadd(f"queue:{{batch}}:{name}", {"k": "x"})
    redis.zadd("queue:{batch}:later", {"a": 1, "b": 2})
    put_dead_letter(redis, {"event_id": "e"})
    redis.hset("workers", mapping={"a": "1 128 1500 1", "b": "1 128 2500 1"})
    found = top_json(environment(REDIS_URL=redis_server.url, METRICS_FILE=tmp_path / "none"))
    assert found["queues"] == {
        "journal": 5, "outbox": 1, "jobs_high": 1, "jobs_normal": 2, "jobs_low": 3, "jobs_later": 2, "dead_letters": 1,
    }  # fmt: skip
    assert (found["workers"], found["lag_ms"]) == (2, 2500)
    assert found["requests"] is None and "No such file" in found["metrics_problem"] and found["processes"] == []


def test_redis_away_shows_the_breakers(redis_server, pool):
    redis_server.stop()

    def is_open():
        pool.request("GET", "/ready")
        found = top_json(pool.environment)
        return found["breakers"]["redis"] != "closed" and found

    found = wait_for(is_open, "an open circuit breaker")
    assert found["queues"] is None and found["redis_problem"]
    assert found["processes"][0]["breakers"]["redis"] != "closed"
    text = top(pool.environment).stdout
    assert re.search(r"^breakers +redis (open|half_open) dapr closed", text, re.M)
    assert "queues    Redis cannot be reached: " in text


def test_without_any_source_it_is_3(tmp_path):
    settings = environment(REDIS_URL="unix:///nowhere", METRICS_FILE=tmp_path / "none")
    result = top(settings)
    assert result.returncode == 3
    assert "No such file" in result.stdout and "Redis cannot be reached" in result.stdout


def test_a_metrics_file_of_another_version_is_left_alone(redis_server, tmp_path):
    path = tmp_path / "metrics"
    path.write_bytes(b"x" * 100)
    path.chmod(0o600)
    found = top_json(environment(REDIS_URL=redis_server.url, METRICS_FILE=path))
    assert "of another version" in found["metrics_problem"] and path.read_bytes() == b"x" * 100


def test_lines_for_people_and_rates_of_0_of_an_idle_pool(pool):
    for _ in range(5):
        assert pool.request("GET", "/health").status == 200
    result = top(pool.environment)
    lines = result.stdout.splitlines()
    assert result.returncode == 0 and "\x1b" not in result.stdout
    assert re.fullmatch(r"mastery-ctl top  \S+Z, over \d+\.\d s", lines[0])
    assert [line.split()[0] for line in lines[1:5]] == ["requests", "latency", "breakers", "queues"]
    assert lines[1].startswith("requests  0.0/s, 0.0/s failed (5xx), 0 in progress")
    assert lines[6].split() == ["PID", "PROGRAM", "REQ/S", "5XX/S", "PROGRESS", "CPU", "%", "MIB"]
    pid, program = lines[7].split()[:2]
    assert int(pid) in pool.pids() and program == "mastery-fcgi"


# --- the screen ----------------------------------------------------------------------------------


class Terminal:
    """mastery-ctl top on a terminal of its own, with what it has written so far."""

    def __init__(self, settings):
        self.ours, self.theirs = pty.openpty()
        self.before, self.seen = termios.tcgetattr(self.theirs), b""
        self.process = subprocess.Popen(
            [str(bin_dir() / "mastery-ctl"), "top", "--interval", "1"],
            env={**trust(), **{name: str(value) for name, value in settings.items()}},
            stdin=self.theirs, stdout=self.theirs, stderr=self.theirs, start_new_session=True,
        )  # fmt: skip
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        with contextlib.suppress(OSError):
            while piece := os.read(self.ours, 4096):
                self.seen += piece

    def end(self):
        status = self.process.wait(timeout=LIMIT_S)
        wait_for(lambda: self.seen.endswith(b"\x1b[?25h\x1b[?1049l"), "the screen is restored")
        after = termios.tcgetattr(self.theirs)
        os.close(self.theirs)
        return status, after


@pytest.mark.parametrize("way", ["q", "ctrl-c", "term"])
def test_the_screen_ends_cleanly(pool, way):
    terminal = Terminal(pool.environment)
    wait_for(lambda: b"mastery-fcgi" in terminal.seen, "a page")
    assert terminal.seen.startswith(b"\x1b[?1049h\x1b[?25l\x1b[H\x1b[J")
    assert terminal.process.poll() is None
    if way == "term":
        terminal.process.send_signal(signal.SIGTERM)
    else:
        os.write(terminal.ours, {"q": b"xq", "ctrl-c": b"\x03"}[way])
    status, after = terminal.end()
    assert (status, after) == (0, terminal.before)


def test_without_a_terminal_it_goes_on_until_a_signal(pool):
    process = stream(pool.environment)
    first, second = (json.loads(process.stdout.readline())["at"] for _ in range(2))
    assert first < second
    process.terminate()
    process.communicate(timeout=LIMIT_S)
