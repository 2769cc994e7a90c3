# SPDX-License-Identifier: GPL-3.0-or-later
"""The load test itself: it asks for everything, judges what it sees, and leaves nothing behind."""
import json
import os
import re
import socket
import subprocess
import sys
import textwrap

import pytest
from harness.binaries import ROOT
from harness.engine import Engine
from harness.wait import wait_for
from load import behaviour, report, runner

SCRIPT = ROOT / "scripts/load"
SECRET = "s" * 32
# Who resets the counters destroys what is measured; pages and the sidecar's own routes are no load.
LEFT_OUT = {"POST /metrics/reset", "GET /docs", "GET /redoc", "GET /dapr/subscribe", "GET /dapr/config", "POST /dapr/events"}
ANSWER = {
    "recommendations": [{"recommendation_id": "rec_1"}],
    "batch_id": "batch_1",
}


@pytest.fixture(scope="module")
def limited():
    with Engine(RATE_LIMITS="on", STORE_ROUND_TIMEOUT_MS=1000) as running:
        yield running


def load(*arguments, **environment):
    settings = {name: value for name, value in (os.environ | environment).items() if value is not None}
    return subprocess.run(
        [SCRIPT, *map(str, arguments)], env=settings, capture_output=True, text=True, timeout=600, check=False
    )


def everything_asked():
    """Names of all that the users can ask for, by each task of each kind once or oftener."""
    names, world = set(), behaviour.World(SECRET)

    def call(name, *_):
        names.add(name)
        return 202 if "batch" in name else 200, {}, ANSWER

    for _ in range(5):
        world.students.append(world.new_name())
    for kind in behaviour.KINDS:
        person = kind(world, call)
        for _ in range(3):
            for _, task in person.tasks():
                task()
    return names


def canonical_routes(engine):
    """Of the document without the aliases, which the service's own list has not."""
    paths = engine.admin().get("/openapi.json").json["paths"]
    listed = engine.admin().get("/").json["endpoints"]
    for path, methods in paths.items():
        for method in methods:
            if path in listed and method in ("get", "post", "put", "delete"):
                yield f"{method.upper()} {path}"


def test_every_endpoint_is_in_the_mix(engine):
    assert set(canonical_routes(engine)) - everything_asked() - LEFT_OUT == set()


def test_a_short_run_reports_and_leaves_nothing(limited, tmp_path):
    result = load(
        "--users", 8, "--spawn-rate", 8, "--run-time", "3s", "--recovery-time", "1s", "--output", tmp_path,
        limited.base_url, JWT_SECRET=limited.secret,
    )  # fmt: skip
    found = json.loads((tmp_path / "users-8.json").read_text())
    assert result.returncode in (0, 1), result.stderr
    assert found["users"] == 8 and found["requests"] > 0 and found["recovery"]["requests"] > 0
    assert found["commit"] == limited.admin().get("/").json["commit"]
    assert set(found["breakers"]) == {"redis", "dapr"}
    page = (tmp_path / "users-8.html").read_text()
    assert "<svg" in page and "POST /api/v1/mastery/calculate" in page
    assert not re.search(r"<script|src=|href=|@import|url\(", page), "self-contained"
    check_statuses(limited, found)
    check_what_is_left(limited, result)


def erasure_is_there(engine):
    return "/api/v1/compliance/student/{student_id}" in engine.admin().get("/").json["endpoints"]


def check_statuses(engine, found):
    """404 only where a route is not there, refusals where the machine is busy; nothing else."""
    expected = {"200", "201", "202", "204", "409", "429", "503"} | (set() if erasure_is_there(engine) else {"404"})
    assert set(found["statuses"]) <= expected


def check_what_is_left(engine, result):
    if not erasure_is_there(engine):
        assert "could not be erased" in result.stderr
        return
    assert "could not be erased" not in result.stderr
    store = engine.redis()
    left = lambda: list(store.scan_iter("*student:load_*", count=1000))
    wait_for(lambda: not left(), timeout=20, what="nothing left of the load's students")


@pytest.mark.parametrize("arguments", ["--users 0", "--users 1001", "--run-time soon", "--loud", "http://a http://b"])
def test_wrong_usage_is_2(arguments):
    assert load(*arguments.split(), JWT_SECRET=SECRET).returncode == 2


def test_without_a_secret_it_says_so(engine):
    result = load(engine.base_url, JWT_SECRET=None, JWT_SECRET_FILE=None)
    assert result.returncode == 2 and "JWT_SECRET" in result.stderr


def test_nobody_there_is_3():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        result = load(f"http://127.0.0.1:{unused.getsockname()[1]}", JWT_SECRET=SECRET)
    assert result.returncode == 3 and "refused" in result.stderr


# ---- what it concludes ----


def results(users=50, **changes):
    facts = {
        "users": users,
        "requests_per_second": 130,
        "error_share": 0.0,
        "p95_ms": 20,
        "graceful": True,
        "recovered": True,
        "statuses": {"200": 1},
        "recovery": {"p95_ms": 9, "errors": 0, "statuses": {"200": 1}},
    }
    return facts | changes


def verdicts(**facts):
    return [bool(holds) for _, holds, _ in report.verdicts(results(**facts))]


def test_the_limits_of_the_list_are_kept_to_the_letter():
    assert verdicts() == [True, True, True]
    assert verdicts(requests_per_second=100) == [False, True, True]
    assert verdicts(error_share=0.001) == [True, False, True]
    assert verdicts(p95_ms=200) == [True, True, False]


def test_more_users_may_be_refused_gracefully():
    assert verdicts(users=200, error_share=0.2, p95_ms=900) == [True, True]
    assert verdicts(users=200, graceful=False) == [False, True]
    assert verdicts(users=200, recovered=False) == [True, False]


@pytest.mark.parametrize(
    "status, has_retry_after, graceful",
    [(200, False, True), (429, True, True), (503, True, True), (429, False, False), (503, False, False),
     (409, True, True), (409, False, False), (502, False, False), (500, True, False), (0, False, False), (401, False, False)],
)  # fmt: skip
def test_only_a_refusal_that_says_when_to_come_again_is_graceful(status, has_retry_after, graceful):
    sample = runner.Sample(0.0, "POST /x", 1.0, status, has_retry_after)
    assert bool(sample.graceful) is graceful
    assert sample.good is (status == 200)
    assert runner.sums([sample], 1.0)["errors"] == (0 if status == 200 else 1)


def test_users_wait_as_long_as_they_are_told():
    waited = []
    answers = iter([(429, {"Retry-After": "2"}, None), (503, {"Retry-After": "13"}, None), (429, {}, None), (200, {}, None)])
    probe = behaviour.Probe(behaviour.World(SECRET), lambda *_: next(answers), waited.append)
    for _ in range(4):
        probe.get("/health")
    assert waited == [2, 13, 1]


def test_what_users_need_is_repeated_until_it_holds():
    waited, asked, world = [], [], behaviour.World(SECRET)
    statuses = [429, 503, 0, 502, 409, 200, 200]

    def call(name, method, path, body, headers):
        asked.append((name, headers.get("Idempotency-Key")))
        assert world.students == [] or len(asked) > 6, "nobody else may ask about a student without data"
        return statuses.pop(0), {"Retry-After": "3"}, {"recommendations": []}

    behaviour.Student(world, call, waited.append)
    assert waited == [3, 3, 1, 1, 3] and len(world.students) == 1
    assert len(set(asked[:6])) == 1, "the same calculation, whose key makes the repetition safe"


def test_no_name_is_used_again_after_its_student_was_erased():
    world = behaviour.World(SECRET)
    names = [world.new_name() for _ in range(3)]
    world.names.pop(names[0])
    assert world.new_name() not in names


def test_what_can_never_hold_is_not_repeated():
    world = behaviour.World(SECRET)
    behaviour.Student(world, lambda *_: (401, {}, None), pytest.fail)
    assert world.students == [] and len(world.names) == 1


def test_repeating_ends_with_the_run():
    world = behaviour.World(SECRET)
    behaviour.Student(world, lambda *_: (503, {}, None), lambda _: True)
    assert world.students == []


def test_a_deployment_that_refuses_the_load_is_told(engine):
    result = load(engine.base_url, "--users", 1, "--run-time", "1s", JWT_SECRET="x" * 32)
    assert result.returncode == 3 and "the load cannot be prepared: POST /api/v1/mastery/calculate is 401" in result.stderr


def test_of_so_many_users_most_are_students_and_nobody_is_missing():
    for users in (5, 8, 50, 200):
        kinds = behaviour.kinds_of(users)
        assert len(kinds) == users and set(kinds) == set(behaviour.KINDS)
    assert kinds.count(behaviour.Student) == 120


# ---- locust ----

LOCUST = """
class _Hook:
    def add_listener(self, function):
        return function


class events:
    test_start = spawning_complete = test_stop = _Hook()


def between(low, high):
    return lambda user: low


def task(function):
    function.is_task = True
    return function


class HttpUser:
    wait_time = None
"""
DRIVE = """
import test_load

asked = []


class Answer:
    status_code, headers = 200, {}
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def success(self): pass
    def json(self): return {"recommendations": [], "batch_id": "b"}


class Client:
    def request(self, method, path, json=None, headers=None, name=None, catch_response=False):
        assert headers["Authorization"].startswith("Bearer ") and catch_response
        asked.append(name)
        return Answer()


test_load.world.students.append(test_load.world.new_name())
users = [value for value in vars(test_load).values() if isinstance(value, type) and getattr(value, "kind", None)]
assert sum(user.weight for user in users) == 100
for kind in users:
    user = kind()
    user.client = Client()
    user.on_start()
    for _ in range(20):
        user.act()
print(len(users), "/api/v1/mastery/history/{student_id}" in asked or len(asked) > 50)
"""


def test_the_file_for_locust_acts_as_locust_would_have_it(tmp_path):
    (tmp_path / "locust.py").write_text(textwrap.dedent(LOCUST))
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT / 'tests/load'}", "JWT_SECRET": SECRET}
    result = subprocess.run(
        [sys.executable, "-c", DRIVE], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.stdout == "5 True\n", result.stderr
