# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request costs the engine, counted, not timed: other load on the machine changes nothing.

One engine process without nginx serves requests one after the other on one connection, under callgrind (instructions
and allocations), and under strace (system calls). Redis counts its commands, those of scripts included. callgrind's
processor has no instructions for SHA-256, and counts a `rep stosb` once for each byte: compare numbers, they are no
times."""
import contextlib
import functools
import hashlib
import itertools
import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from harness.binaries import ROOT, bin_dir
from harness.ctl import run_ctl
from harness.fastcgi import FastCgi
from harness.model import scores
from harness.pool import AUDIT_KEY, SECRET
from harness.redis_server import LONG_TIMEOUTS, RedisServer
from harness.token import make_token
from harness.wait import wait_for

WARM_UP, MEASURED = 20, 100  # requests of each kind
# Each second the process does work of its own too. The cheapest batch has least of it, so a slow
# machine, where a batch takes longer, counts the same.
BATCHES = 10
BATCH = MEASURED // BATCHES
SEEDED_DAYS = 30
STUDENT = "cost-student"
COUNTED = ("instructions", "allocations", "system_calls", "redis_commands", "response_bytes")
EVENT_DATA = {
    "exercise_id": "e1", "difficulty": "medium", "time_spent_seconds": 60, "completion_rate": 1.0, "correctness": 0.8,
    "topic_ids": ["fractions"],
}
NUMBERS = itertools.count()


def event():
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"event_id": f"cost-{next(NUMBERS):08}", "event_type": "exercise.completed", "student_id": STUDENT,
            "timestamp": now, "data": EVENT_DATA}


# name: (method, path, body).
OPERATIONS = {
    "query": ("POST", "/api/v1/mastery/query", lambda: {"student_id": STUDENT}),
    "calculate": ("POST", "/api/v1/mastery/calculate",
                  lambda: {"student_id": STUDENT, "components": scores(0.5 + next(NUMBERS) % 100 / 1000)}),
    "ingest": ("POST", "/api/v1/mastery/ingest", event),
    "history": ("GET", "/api/v1/mastery/history/" + STUDENT, lambda: None),
    "next-week": ("POST", "/api/v1/predictions/next-week", lambda: {"student_id": STUDENT}),
}
# Deleted by UNLINK before each request, so that each prediction is made anew.
STORED_RESULTS = {"next-week": f"{{{hashlib.sha256(STUDENT.encode()).hexdigest()[:2]}}}:student:{STUDENT}:forecasts"}
NOT_COUNTED = {"cmdstat_info", "cmdstat_ping", "cmdstat_unlink"}


def environment(redis_url, folder):
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "ENVIRONMENT": "test", "REDIS_URL": redis_url, "JWT_SECRET": SECRET, "AUDIT_KEY": AUDIT_KEY,
        "FCGI_LISTEN": str(folder / "engine.sock"), "METRICS_FILE": str(folder / "metrics"),
        "RECOMMENDATIONS_FILE": str(ROOT / "conf" / "recommendations.json"), **LONG_TIMEOUTS,
    }


@contextlib.contextmanager
def engine(redis_url, folder, wrapper=()):
    """Yields (process, connection)."""
    command = [*wrapper, str(bin_dir() / "mastery-fcgi")]
    with open(folder / "log", "ab") as log:
        process = subprocess.Popen(command, env=environment(redis_url, folder), stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log)

    def connected():
        assert process.poll() is None, (folder / "log").read_text()
        with contextlib.suppress(OSError):
            return FastCgi(folder / "engine.sock")
        return None

    try:
        connection = wait_for(connected, "the engine listens")
        wait_for(lambda: connection.request("GET", "/ready").status == 200, "the engine is ready")
        yield process, connection
        connection.close()
    finally:
        process.terminate()
        process.wait()
        (folder / "engine.sock").unlink(missing_ok=True)


@functools.cache
def token():
    """The same for all requests, so that it is verified once."""
    return make_token(SECRET, "root", "admin")


def send(connection, store, operation, count):
    """Sends so many requests; returns the bytes of the responses' bodies and headers."""
    method, path, body = OPERATIONS[operation]
    size = 0
    for _ in range(count):
        if operation in STORED_RESULTS:
            store.unlink(STORED_RESULTS[operation])
        response = connection.request(method, path, json=body(), token=token())
        assert response.status in (200, 202), response
        size += len(response.body) + sum(len(name) + len(value) + 4 for name, value in response.headers.items())
    return size


def read_profile(path):
    """(instructions, calls of the allocator) in a file of callgrind's."""
    names, calls, called = {}, 0, ""
    instructions = None
    for line in path.read_text(errors="replace").splitlines():
        if match := re.match(r"c?fn=\((\d+)\)(?: (.*))?", line):
            if match[2]:
                names[match[1]] = match[2]
            called = names[match[1]] if line.startswith("c") else ""
        elif line.startswith("calls=") and re.sub(r"'\d+$", "", called) in ("malloc", "calloc", "realloc"):
            calls += int(line[6:].split()[0])
        elif match := re.match(r"(?:summary|totals): (\d+)", line):
            instructions = int(match[1])
    return instructions, calls


def control(process, option):
    subprocess.run(["callgrind_control", option, str(process.pid)], check=True, capture_output=True)


def profile(redis, folder):
    """{operation: (instructions, allocations)} of the cheapest batch, times the number of batches."""
    out, store, found = folder / "callgrind", redis.client(), {}
    wrapper = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}"]
    with engine(redis.url, folder, wrapper) as (process, connection):
        numbers = itertools.count(1)
        for operation in OPERATIONS:
            send(connection, store, operation, WARM_UP)
            batches = []
            for _ in range(BATCHES):
                control(process, "--zero")
                send(connection, store, operation, BATCH)
                control(process, "--dump")
                path = Path(f"{out}.{next(numbers)}")
                batches.append(read_profile(wait_for(lambda one=path: file_if_whole(one), "the profile")))
            found[operation] = tuple(min(values) * BATCHES for values in zip(*batches))
    return found


def file_if_whole(path):
    return path if path.exists() and re.search(r"^totals: ", path.read_text(errors="replace"), re.M) else None


def count_system_calls(process, log, work):
    """Runs work() and returns how many system calls the process made meanwhile."""
    command = ["strace", "--follow-forks", "--summary-only", "--output", str(log), "--attach", str(process.pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert "attached" in strace.stderr.readline()
        work()
        strace.send_signal(signal.SIGINT)
    total = re.search(r"^\s*100\.00\s+\S+\s+\S+\s+(\d+)", log.read_text(), re.M)
    return int(total[1])


def commands_of(store):
    counts = store.info("commandstats")
    return sum(row["calls"] for name, row in counts.items() if name not in NOT_COUNTED)


def count_calls(redis, folder):
    """{operation: (system calls, commands in Redis, bytes of responses)} of all measured requests together;
    the commands of the cheapest batch, times the number of batches."""
    store, found = redis.client(), {}
    with engine(redis.url, folder) as (process, connection):
        for operation in OPERATIONS:
            send(connection, store, operation, WARM_UP)
            sizes, commands = [], []
            work = lambda one=operation: sizes.append(send(connection, store, one, MEASURED))
            calls = count_system_calls(process, folder / "strace", work)
            for _ in range(BATCHES):
                before = commands_of(store)
                send(connection, store, operation, BATCH)
                commands.append(commands_of(store) - before)
            found[operation] = (calls, min(commands) * BATCHES, sizes[0])
    return found


def measure():
    """{operation: {what is counted: number a request}}"""
    with tempfile.TemporaryDirectory(prefix="costs-") as name, RedisServer() as redis:
        folder = Path(name)
        seed = run_ctl(environment(redis.url, folder), "seed", "--student", STUDENT, "--days", SEEDED_DAYS)
        assert seed.returncode == 0, seed.stderr
        profiles, calls = profile(redis, folder), count_calls(redis, folder)
    numbers = {operation: profiles[operation] + calls[operation] for operation in OPERATIONS}
    return {operation: {name: round(total / MEASURED, 2) for name, total in zip(COUNTED, values)}
            for operation, values in numbers.items()}


BUDGETS = ROOT / "bench" / "budgets.json"
GROWTH = 1.05  # a cost may grow by this factor before it must be justified


def over_budget(operation, costs, budget):
    """A sentence for each cost that has grown too much."""
    return [
        f"{operation}: {costs[name]:g} {name.replace('_', ' ')} a request, budget {budget[name]:g}"
        for name in COUNTED
        if costs[name] > budget[name] * GROWTH
    ]
