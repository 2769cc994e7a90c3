# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the users of behaviour.py as threads with a kept connection each, and notes every answer."""
import http.client
import json
import random
import statistics
import threading
import time
from urllib.parse import urlsplit

from behaviour import PAUSE_S, kinds_of, right

TIMEOUT_S = 30
RECOVERY_USERS = 5


class Connection:
    """One kept connection; a new one after any surprise."""

    def __init__(self, url):
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._make = lambda: kind(parts.hostname, parts.port, timeout=TIMEOUT_S)
        self._http = self._make()

    def ask(self, method, path, body, headers):
        if body is not None:
            body, headers = json.dumps(body), {"Content-Type": "application/json", **headers}
        try:
            self._http.request(method, path, body=body, headers=headers)
            answer = self._http.getresponse()
            content = answer.read()
        except Exception:
            self.close()
            raise
        if answer.will_close:
            self.close()
        return answer.status, answer.headers, content

    def close(self):
        self._http.close()
        self._http = self._make()


class Sample:
    """An answer, or none: status 0."""

    __slots__ = ("at", "name", "ms", "status", "told")

    def __init__(self, at, name, ms, status, told):
        self.at, self.name, self.ms, self.status, self.told = at, name, ms, status, told

    @property
    def good(self):
        return right(self.name, self.status)

    @property
    def graceful(self):
        """Right, or refused with the time after which it is not."""
        return self.good or (self.status in (429, 503) and self.told)


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
        connection = Connection(self.url)

        def call(name, method, path, body, headers):
            began = time.monotonic()
            try:
                status, answered, content = connection.ask(method, path, body, headers)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{name}: {error!r}")
                status, answered, content = 0, {}, b""
            ended = time.monotonic()
            told = bool(answered.get("Retry-After"))
            self.samples.append(Sample(began - self.began, name, (ended - began) * 1000, status, told))
            return status, answered, parsed(content)

        return call

    def _user(self, kind):
        person = kind(self.world, self.caller())
        while not self._stop.wait(random.uniform(*PAUSE_S)):
            person.turn()

    def go(self, users, spawn_rate, seconds):
        """Users come one after the other, then all stay for so long. Returns when the last had come."""
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
    """What the list asks about: all that is not right counts as an error here, 429 and 503 too."""
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
    """The states of the circuits, or nothing where they may not be seen."""
    try:
        status, _, content = Connection(url).ask("GET", "/metrics/detailed", None, {"Authorization": f"Bearer {token}"})
    except (OSError, http.client.HTTPException):
        return {}
    found = parsed(content) or {}
    return {name: said["state"] for name, said in found["circuit_breakers"].items()} if status == 200 else {}


def patient(url):
    """call(token, method, path) -> status, for cleaning up: what is refused is tried again."""
    connection = Connection(url)

    def call(token, method, path):
        for _ in range(20):
            try:
                status, headers, _ = connection.ask(method, path, None, {"Authorization": f"Bearer {token}"})
            except (OSError, http.client.HTTPException):
                status, headers = 0, {}
            if status not in (0, 429, 503):
                break
            time.sleep(min(5.0, float(headers.get("Retry-After") or 1)))
        return status

    return call


def whole_run(url, world, users, spawn_rate, seconds, recovery_seconds):
    """The load, then a few users on the same world: is all as before? -> (results, samples, failures)."""
    world.metrics = bool(breakers(url, world.admin_token()))
    load = Run(url, world)
    all_there = load.go(users, spawn_rate, seconds)
    steady = [sample for sample in load.samples if sample.at >= all_there]
    results = {"url": url, "users": users, **sums(steady, seconds), "breakers": breakers(url, world.admin_token())}
    # What came before all were there is looked at too, but for the rate.
    results["graceful"] = results["graceful"] and all(sample.graceful for sample in load.samples)
    after = Run(url, world)
    after.go(RECOVERY_USERS, RECOVERY_USERS, recovery_seconds)
    results["recovery"] = sums(after.samples, recovery_seconds)
    results["recovered"] = results["recovery"]["p95_ms"] < 200 and all(
        sample.good or sample.status == 429 for sample in after.samples
    )
    return results, load.samples, load.failures + after.failures
