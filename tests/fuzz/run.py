# SPDX-License-Identifier: GPL-3.0-or-later
"""A run: cases one after the other, their responses judged, and from time to time the logs and the processes."""
import dataclasses
import http.client
import json
import random
import re
import time
from collections import Counter
from urllib.parse import urlsplit

from harness.binaries import REPORT, sanitized, sanitizer_options
from harness.engine import Engine
from harness.expect import assert_ok
from harness.process import rss_kib
from harness.wait import LIMIT_S, wait_for

from fuzz.grammar import Maker, operations_of
from fuzz.verdict import Verdict, by_engine
from fuzz.wire import Request, exchange
from fuzz.world import MARK, World

WORLD_CASES, CHECK_CASES = 300, 500  # so many cases with one world, and between two looks at the logs
TIMEOUT_S = 60
GROWTH_KIB = 48 << 10  # of a process after the first look; sanitizers keep freed memory
SHRINK_STEPS = 300
OWN_ID = re.compile(rb"r[0-9a-f]{32}")  # what grammar.py sends as X-Request-ID


@dataclasses.dataclass
class Failure:
    number: int
    text: str
    case: object = None


class Log:
    """What has been added to a file of JSON lines since the last look, and the other lines."""

    def __init__(self, path):
        self.path, self._at, self._rest = path, 0, b""

    def new_lines(self):
        with open(self.path, "rb") as file:
            file.seek(self._at)
            data = self._rest + file.read()
            self._at = file.tell()
        *lines, self._rest = data.split(b"\n")
        return lines


class Logs:
    """Each response's id must be in the log of what made it: nginx or the engine."""

    def __init__(self, folder):
        self.logs = {name: Log(folder / name) for name in ("access.log", "pool.log")}
        self.expected = {name: {} for name in self.logs}  # id -> (status, number of the case)
        self.seen = {name: Counter() for name in self.logs}
        for name in self.logs:
            self.logs[name].new_lines()

    def expect(self, number, response):
        identity = response.headers["X-Request-ID"] or ""
        log = "pool.log" if by_engine(response) else "access.log"
        self.expected[log][identity] = (response.status, number)

    def read(self, name):
        """Reads what is new; yields a failure for each line that may not be."""
        for line in self.logs[name].new_lines():
            text = line.decode("utf-8", "replace")
            if REPORT.search(text):
                yield Failure(0, f"log: {text}")
            if MARK in text:
                yield Failure(0, f"log: an id is in {name}: {text[:1000]}")
            if line.startswith(b"{"):
                yield from self.read_entry(name, text)

    def read_entry(self, name, text):
        try:
            entry = json.loads(text)
        except ValueError:
            yield Failure(0, f"log: {name} has a line that is not JSON: {text[:1000]}")
            return
        identity = entry.get("request_id")
        if "status" not in entry:
            return  # not the line of a response
        self.seen[name][identity] += 1
        status, number = self.expected[name].get(identity, (None, 0))
        if status not in (None, entry["status"]):
            yield Failure(number, f"log: {name} has {entry['status']} for a response of {status}")

    def check(self, limit=LIMIT_S):
        """The failures in what is new; limit: seconds for lines that are not there yet."""
        found = []
        for name, expected in self.expected.items():

            def complete():
                found.extend(self.read(name))
                return all(self.seen[name][identity] for identity in expected)

            try:
                wait_for(complete, f"each id in {name}", limit)
            except AssertionError:
                missing = [v for identity, v in expected.items() if not self.seen[name][identity]]
                found += [Failure(n, f"log: {name} has no line of a {status}") for status, n in missing[:3]]
            twice = [v for identity, v in expected.items() if self.seen[name][identity] > 1]
            found += [Failure(n, f"log: {name} has two lines of a {status}") for status, n in twice[:3]]
            expected.clear()
            self.seen[name].clear()
        return found


class Run:
    """On an engine that runs; seed: of all cases."""

    def __init__(self, engine, seed):
        self.engine, self.seed = engine, seed
        self.document = assert_ok(engine.client().get("/openapi.json"))
        self.operations, self.verdict = operations_of(self.document), Verdict(self.document)
        parts = {"public": urlsplit(engine.base_url), "sidecar's": urlsplit(engine.dapr_url)}
        self.addresses = {name: (url.hostname, url.port) for name, url in parts.items()}
        self.logs = Logs(engine.state_dir / "log")
        self.pids, self.memory = engine.pool(), {}
        self.world, self.world_number = None, None
        self.failures, self.statuses, self.silent = [], Counter(), 0
        self.known = set()  # failures, without what differs from case to case
        self.reached = set()  # (path, method, status) of the document

    def case(self, number):
        if self.world_number != number // WORLD_CASES:
            self.world_number = number // WORLD_CASES
            self.world = World(self.engine, f"{self.seed}-{self.world_number}-{int(time.time())}")
        return Maker(random.Random(f"{self.seed}/{number}"), self.operations, self.world).case()

    def responses(self, case):
        """[(request, response)] and the failures of the connection."""
        try:
            found = exchange(self.addresses[case.listener], case, TIMEOUT_S)
        except (http.client.HTTPException, OSError) as error:
            return [], [f"connection: {error!r}"]
        if not found and not case.never_ends() and len(case.to_bytes()) < 60000:
            return [], ["connection: no response"]
        return found, []

    def judged(self, case):
        """The failures of a case, and its responses."""
        found, failures = self.responses(case)
        for request, response in found:
            failures += self.verdict.failures(request, response)
        return failures, found

    def one(self, number):
        case = self.case(number)
        failures, found = self.judged(case)
        self.silent += not found
        for request, response in found:
            self.logs.expect(number, response)
            self.statuses[response.status] += 1
            operation = request and by_engine(response) and self.verdict.operation(request)
            if operation:
                self.reached.add((*operation, response.status))
        for text in failures[:1]:
            if self.is_new(text):
                self.failures.append(Failure(number, text, self.shrunk(case, text.partition(":")[0])))

    def is_new(self, text):
        """Whether no failure before had the same beginning, apart from numbers and ids."""
        key = re.sub(r"[0-9a-f-]{4,}|\d+", "", text)[:100]
        return key not in self.known and not self.known.add(key)

    def look(self):
        """At the logs and the processes."""
        self.failures += self.logs.check()
        pids = self.engine.pool()
        if pids != self.pids:
            self.failures.append(Failure(0, f"process: the pool was {self.pids} and is {pids}"))
            self.pids, self.memory = pids, {}
        for pid in pids:
            now = rss_kib(pid)
            first = self.memory.setdefault(pid, now)
            if now > first + GROWTH_KIB * (4 if sanitized() else 1):
                self.failures.append(Failure(0, f"memory: process {pid} has grown from {first} to {now} KiB"))
                self.memory[pid] = now

    def run(self, first, count, seconds, most_failures=10):
        """Cases from the number first on, until one of the limits that are given; the number of them."""
        began, number = time.monotonic(), first
        while (count is None or number < first + count) and (seconds is None or time.monotonic() < began + seconds):
            self.one(number)
            number += 1
            if number % CHECK_CASES == 0:
                self.look()
            if len(self.failures) >= most_failures:
                break
        self.look()
        return number - first

    # The shortest case that fails in the same way

    def shrunk(self, case, kind):
        for _ in range(SHRINK_STEPS):
            for smaller in smaller_cases(case):
                if self.fails(smaller, kind):
                    case = smaller
                    break
            else:
                break
        return case

    def fails(self, case, kind):
        failures, _ = self.judged(with_new_ids(case))
        return any(text.startswith(f"{kind}:") for text in failures)


def with_new_ids(case):
    """The same case under other request ids, because each id is expected in the logs once."""

    def replaced(name, value):
        return (name, b"r%032x" % random.getrandbits(128)) if OWN_ID.fullmatch(value) else (name, value)

    requests = [dataclasses.replace(r, headers=[replaced(*header) for header in r.headers]) for r in case.requests]
    return dataclasses.replace(case, requests=requests)


def smaller_cases(case):
    """Cases with one thing less."""
    if case.cut:
        yield dataclasses.replace(case, cut=0)
    for at in range(len(case.requests) if len(case.requests) > 1 else 0):
        yield dataclasses.replace(case, requests=case.requests[:at] + case.requests[at + 1 :])
    for at, request in enumerate(case.requests):
        for smaller in smaller_requests(request):
            yield dataclasses.replace(case, requests=[*case.requests[:at], smaller, *case.requests[at + 1 :]])


def smaller_requests(request):
    plain = Request(request.method, request.target, request.headers, request.body, request.framing)
    if (request.version, request.end) != (plain.version, plain.end):
        yield dataclasses.replace(plain, detail=request.detail)
    if request.body is None and request.framing != "none" or request.body and request.framing not in ("length", "none"):
        yield dataclasses.replace(request, framing="length" if request.body else "none")
    for count in (len(request.headers) // 2, 1):
        for at in range(0, len(request.headers), count or 1):
            yield dataclasses.replace(request, headers=request.headers[:at] + request.headers[at + count :] if count else [])
    for name in ("target", "body"):
        data = getattr(request, name) or b""
        for part in {len(data) // 2, len(data) // 8, 1} - {0}:
            for at in range(0, len(data), part) if len(data) // part < 40 else ():
                yield dataclasses.replace(request, **{name: data[:at] + data[at + part :]})


def settings(limits):
    """Of an engine whose memory can be compared before and after, although sanitizers keep freed memory."""
    return {"RATE_LIMITS": limits, **sanitizer_options(quarantine_size_mb=1, thread_local_quarantine_size_kb=64)}


def fuzz(seed, first=0, count=None, seconds=None, limits="off"):
    """A run on an engine of its own; returns it and the number of cases."""
    with Engine(may_crash=True, **settings(limits)) as engine:
        run = Run(engine, seed)
        return run, run.run(first, count, seconds)


def shell_quoted(data):
    """For printf '%b'-free shells: octal escapes in the format."""
    safe = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_.:/?=&{}[]\",;~+@<>()*|!"
    escapes = {13: "\\r", 10: "\\n", 37: "%%"}
    return "".join(chr(b) if b in safe else escapes.get(b, f"\\{b:03o}") for b in data)


def report(run, cases):
    lines = []
    for failure in run.failures:
        lines.append(f"seed {run.seed}, case {failure.number}: {failure.text}")
        lines.append(f"  scripts/fuzz-requests --seed {run.seed} --first {failure.number} --count 1")
        if failure.case:
            address = run.addresses[failure.case.listener]
            lines.append(f"  printf '{shell_quoted(failure.case.to_bytes()[:20000])}' | nc -q 3 {address[0]} {address[1]}")
    listed = sum(len(o["responses"]) for item in run.document["paths"].values() for o in item.values())
    statuses = ", ".join(f"{status}: {n}" for status, n in sorted(run.statuses.items()))
    lines.append(f"{cases} cases, {sum(run.statuses.values())} responses ({statuses}), {run.silent} cases without any")
    lines.append(f"{len(run.reached)} statuses of operations reached, of {listed} in the document; {len(run.failures)} failures")
    return "\n".join(lines)
