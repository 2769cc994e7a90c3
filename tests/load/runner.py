# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the users of behaviour.py as threads, each on a kept connection of its own, and records every response."""
import json
import random
import statistics
import threading
import time

from harness.client import Client
from harness.deployment import send
from load.behaviour import PAUSE_S, REFUSALS, kinds_of, right

TIMEOUT_S = 30
RECOVERY_USERS = 5


class Sample:
    """A response, or a failed request: status 0."""

    __slots__ = ("at", "name", "ms", "status", "has_retry_after")

    def __init__(self, at, name, ms, status, has_retry_after):
        self.at, self.name, self.ms, self.status, self.has_retry_after = at, name, ms, status, has_retry_after

    @property
    def good(self):
        return right(self.name, self.status)

    @property
    def graceful(self):
        """Right, or refused with the time after which it is not."""
        return self.good or (self.status in REFUSALS and self.has_retry_after)


def parsed(content):
    try:
        return json.loads(content)
    except ValueError:
        return None


class Run:
    def __init__(self, url, world):
        self.url, self.world = url, world
        self.samples, self.failures = [], []
        self.began = time.monotonic()
        self._stop = threading.Event()

    def caller(self):
        """A `call` of behaviour.py on a connection of its own."""
        client = Client(self.url, timeout=TIMEOUT_S, reuse_tls=True)

        def call(name, method, path, body, headers):
            began = time.monotonic()
            options = {"headers": headers} if body is None else {"headers": headers, "json": body}
            response = send(client, method, path, **options)
            if response.status == 0:
                self.failures.append(f"{name}: {response.text}")
            has_retry_after = bool(response.headers.get("Retry-After"))
            self.samples.append(
                Sample(began - self.began, name, response.seconds * 1000, response.status, has_retry_after)
            )
            return response.status, response.headers, parsed(response.body)

        return call

    def _user(self, kind):
        person = kind(self.world, self.caller(), self._stop.wait)
        while not self._stop.wait(random.uniform(*PAUSE_S)):
            person.act()

    def go(self, users, spawn_rate, seconds):
        """Starts users one after the other, then lets all run for so long. Returns the seconds until the last start."""
        threads = []
        for kind in kinds_of(users):
            threads.append(threading.Thread(target=self._user, args=(kind,), daemon=True))
            threads[-1].start()
            self._stop.wait(1 / spawn_rate)
        all_there = time.monotonic() - self.began
        self._stop.wait(seconds)
        self._stop.set()
        for thread in threads:
            thread.join(TIMEOUT_S)
        return all_there


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0


def sums(samples, seconds):
    """The figures of the checklist: a response that is not right is an error, 429 and 503 too."""
    times = [sample.ms for sample in samples]
    bad = [sample for sample in samples if not sample.good]
    statuses = {}
    for sample in samples:
        statuses[str(sample.status)] = statuses.get(str(sample.status), 0) + 1
    return {
        "requests": len(samples),
        "seconds": round(seconds, 1),
        "requests_per_second": round(len(samples) / seconds, 1) if seconds else 0,
        "errors": len(bad),
        "error_share": len(bad) / len(samples) if samples else 0,
        "p50_ms": round(statistics.median(times), 1) if times else 0,
        "p95_ms": round(percentile(times, 0.95), 1),
        "p99_ms": round(percentile(times, 0.99), 1),
        "statuses": dict(sorted(statuses.items())),
        "graceful": bool(samples) and all(sample.graceful for sample in samples),
    }


def breakers(url, token):
    """The states of the circuit breakers; empty where the metrics are closed to this address."""
    response = send(Client(url), "GET", "/metrics/detailed", token=token)
    found = parsed(response.body) if response.status == 200 else None
    return {name: breaker["state"] for name, breaker in found["circuit_breakers"].items()} if found else {}


def prepare(url, world):
    """What has to be there before the users. SetUpFailed when the deployment does not allow it."""
    world.metrics = bool(breakers(url, world.admin_token()))
    world.prepare(Client(url, timeout=TIMEOUT_S))


def judged(url, world, users, samples, all_there, seconds, recovery_seconds):
    """The results of a run of which `samples` are known and all users were there at `all_there`, after a few users
    on the same students have shown the recovery: (results, failures of the recovery)."""
    steady = [sample for sample in samples if sample.at >= all_there]
    results = {"url": url, "users": users, **sums(steady, seconds), "breakers": breakers(url, world.admin_token())}
    # Requests sent before all users had started count here, but not in the rate.
    results["graceful"] = results["graceful"] and all(sample.graceful for sample in samples)
    after = Run(url, world)
    after.go(RECOVERY_USERS, RECOVERY_USERS, recovery_seconds)
    results["recovery"] = sums(after.samples, recovery_seconds)
    results["recovered"] = results["recovery"]["p95_ms"] < 200 and all(
        sample.good or sample.status == 429 for sample in after.samples
    )
    return results, after.failures


def whole_run(url, world, users, spawn_rate, seconds, recovery_seconds):
    """The load, then the recovery: (results, samples, failures)."""
    prepare(url, world)
    load = Run(url, world)
    all_there = load.go(users, spawn_rate, seconds)
    results, failures = judged(url, world, users, load.samples, all_there, seconds, recovery_seconds)
    return results, load.samples, load.failures + failures
