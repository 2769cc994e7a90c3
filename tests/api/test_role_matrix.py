# SPDX-License-Identifier: GPL-3.0-or-later
"""Every route by every path and listener, for every kind of caller: what the contract's tables say
(harness/contract.py), and nothing by which a caller without the right could tell who exists."""
import re
import uuid

import pytest
from harness.client import Client
from harness.contract import BOTH, CALLERS, NO, RIGHTS, ROWS, about_a_student, expected
from harness.engine import fresh_id
from harness.expect import assert_common_headers, assert_headers_of_status, assert_ok
from harness.process import pause, resume
from harness.redis_kinds import KIND

CHANGING = {
    "date",
    "x-request-id",
    "x-trace-id",
    "traceparent",
    "server-timing",
    "x-experience-api-consistent-through",
}
UNKNOWN_BATCH = str(uuid.uuid4())


class Stage:
    """A student and a mate in a taught cohort, and everybody who might ask about them."""

    def __init__(self, engine):
        self.engine, self.admin = engine, engine.admin()
        self.student, self.mate, self.stranger = (fresh_id() for _ in range(3))
        self.teacher, self.dismissed, self.left, self.other = (fresh_id("t") for _ in range(4))
        self.cohort, self.missing = fresh_id("c"), fresh_id()
        for student in (self.student, self.mate, self.stranger):
            assert_ok(engine.calculate(student, by=self.admin))
        self.make_cohorts()
        response = self.admin.post("/api/v1/recommendations/adaptive", {"student_id": self.student})
        self.recommendation = assert_ok(response)["recommendations"][0]["recommendation_id"]
        self.routes = {
            (method.upper(), path)
            for path, item in assert_ok(self.admin.get("/openapi.json"))["paths"].items()
            for method in item
            if method in ("get", "put", "post", "delete")
        }
        self.batch = self.make_batch()
        self.give_consent()

    def make_cohorts(self):
        """The rosters in the end; before, the dismissed and the left teacher had a right."""
        self.roster = {"name": "x", "teacher_ids": [self.teacher]}
        self.roster["student_ids"] = [self.student, self.mate]
        before = {**self.roster, "teacher_ids": [self.teacher, self.dismissed]}
        self.put_cohort(self.cohort, before)
        assert self.read_by(self.dismissed) == 200
        self.put_cohort(self.cohort, self.roster)
        elsewhere = fresh_id("c")
        leaving = {"name": "y", "teacher_ids": [self.left], "student_ids": [self.student]}
        self.put_cohort(elsewhere, leaving)
        assert self.read_by(self.left) == 200
        self.put_cohort(elsewhere, {**leaving, "student_ids": [self.stranger]})
        others = {"name": "z", "teacher_ids": [self.other], "student_ids": [self.stranger]}
        self.put_cohort(fresh_id("c"), others)

    def put_cohort(self, cohort, roster):
        assert self.admin.put(f"/api/v1/cohorts/{cohort}", roster).status in (200, 201)

    def read_by(self, teacher):
        token = self.engine.token(teacher, "teacher")
        return self.admin.get(f"/api/v1/mastery/history/{self.student}", token=token).status

    def make_batch(self):
        if ("POST", "/api/v1/batch/mastery") not in self.routes:
            return UNKNOWN_BATCH
        body = {"student_ids": [self.mate], "priority": "low"}
        return assert_ok(self.admin.post("/api/v1/batch/mastery", body), 202)["batch_id"]

    def give_consent(self):
        if ("POST", "/api/v1/compliance/consent/{student_id}") in self.routes:
            path = f"/api/v1/compliance/consent/{self.student}"
            body = {"consent_type": "communication", "granted": True}
            assert_ok(self.admin.post(path, body))

    def has(self, method, path):
        """Whether the engine has the route, whatever it calls the values in its path."""
        shape = re.sub(r"\{\w+\}", "{}", path)
        return any(m == method and re.sub(r"\{\w+\}", "{}", p) == shape for m, p in self.routes)

    def token(self, caller):
        token = self.engine.token
        return {
            "nobody": None,
            "expired": token(self.student, "student", exp=1300819380),
            "garbage": "not.a.token",
            "student": token(self.student, "student"),
            "another student": token(self.stranger, "student"),
            "teacher": token(self.teacher, "teacher"),
            "another teacher": token(self.other, "teacher"),
            "dismissed teacher": token(self.dismissed, "teacher"),
            "teacher of one who left": token(self.left, "teacher"),
            "admin": token("root", "admin"),
            "sidecar": None,
        }[caller.removesuffix(" by the sidecar")]

    def request(self, row, path, caller, url):
        """The row's request, from this caller, on the listener at url."""
        headers = dict(row.headers)
        if "sidecar" in caller:
            headers["dapr-api-token"] = self.engine.values["APP_API_TOKEN"]
        options = {"headers": headers, "token": self.token(caller)}
        if row.body:
            options["json"] = row.body(self)
        target = path.format(
            student_id=self.student,
            cohort_id=self.cohort,
            spare_cohort_id=fresh_id("c"),
            batch_id=self.batch,
        )
        client = Client(url)
        try:
            query = row.query() if callable(row.query) else row.query
            return client.request(row.method, target + query, **options)
        finally:
            client.close()


@pytest.fixture(scope="module")
def stage(engine):
    return Stage(engine)


def name_of(row):
    """For the test's name: the path, and the intent where one path has several."""
    text = f"{row.method} {row.paths[0]}"
    return text + (f" {ROWS.index(row)}" if sum(row.paths == r.paths for r in ROWS) > 1 else "")


EACH_ROW = pytest.mark.parametrize("row", ROWS, ids=name_of)


@pytest.mark.parametrize("caller", CALLERS)
@EACH_ROW
def test_the_contracts_right(stage, row, caller):
    """A route that the engine does not have may be missing, but not answer otherwise."""
    if row.needs and not stage.has(*row.needs):
        return
    for path in row.paths:
        for listener, url in zip(BOTH, (stage.engine.base_url, stage.engine.dapr_url)):
            statuses = expected(row, caller, listener)
            if not stage.has(row.method, path):
                statuses = (*statuses, 404, 405)
            response = stage.request(row, path, caller, url)
            assert response.status in statuses, (path, listener, response)
            assert_common_headers(response)
            assert_headers_of_status(response)


def test_every_route_of_the_engine_has_a_row(stage):
    known = {(row.method, re.sub(r"\{\w+\}", "{}", path)) for row in ROWS for path in row.paths}
    routes = {(method, re.sub(r"\{\w+\}", "{}", path)) for method, path in stage.routes}
    assert len(routes) > 50
    assert routes - known == set(), "a route without a row in harness/contract.py"


# No oracle


def refused_callers(row):
    return [c for c in CALLERS if RIGHTS[row.right][c] == NO and "sidecar" not in c]


class Missing:
    """The same stage, about a student and a mate of whom nobody has heard."""

    def __init__(self, stage):
        self._stage, self.student, self.mate = stage, stage.missing, fresh_id()
        self.cohort = fresh_id("c")

    def __getattr__(self, name):
        return getattr(self._stage, name)

    def request(self, *arguments):
        return Stage.request(self, *arguments)


def without_what_changes(response):
    body = response.json
    body.pop("correlation_id")
    headers = {k.lower(): v for k, v in response.headers.items() if k.lower() not in CHANGING}
    return response.status, body, headers


def both_about(stage):
    return stage, Missing(stage)


@EACH_ROW
def test_a_refusal_does_not_tell_who_exists(stage, row):
    if not about_a_student(row) or not stage.has(row.method, row.paths[0]):
        return
    for caller in refused_callers(row):
        responses = [
            one.request(row, row.paths[0], caller, stage.engine.base_url)
            for one in both_about(stage)
        ]
        there, missing = (without_what_changes(response) for response in responses)
        assert there[0] == 403 and there == missing, caller


# The audit log is written behind the answer, for every request; scripts are seen by their call.
BEHIND = re.compile(r":audit\b|:pseudonym\b")
# The heartbeats of the process, once a second: is Redis a master, does it take writes, which workers
# are there, was a student erased, and what time is it? And what sentinels ask and say.
HEARTBEAT = {"ROLE", "CLUSTER", "CLIENT", "SETRANGE", "HGETALL workers", "GET erasures:epoch", "TIME"}
HEARTBEAT |= {"PING", "INFO", "PUBLISH", "SUBSCRIBE"}


class Commands:
    """What Redis is asked while something is done. Nobody but one process of the pool may ask."""

    def __init__(self, engine):
        self._marker, self._monitor = engine.redis(), engine.redis().monitor().__enter__()
        self._count = 0

    def of(self, action):
        action()
        self._count += 1
        mark = f"mark {self._count}"
        self._marker.echo(mark)
        asked = []
        for line in self._monitor.listen():
            words = line["command"].split(" ")
            if line["command"] == f"ECHO {mark}":
                return sorted(asked) if KIND == "cluster" else asked  # whose nodes are asked at the same time
            if line["client_type"] == "lua" or BEHIND.search(line["command"]):
                continue
            if not {words[0], line["command"]} & HEARTBEAT:
                # arguments of a script may contain spaces: its digest and the number of its keys
                asked.append(tuple(words[:3]) if words[0] == "EVALSHA" else (words[0], len(words)))
        raise AssertionError("the monitor has ended")


def test_a_refusal_asks_redis_the_same_whoever_exists(start_engine):
    engine = start_engine(POOL_SIZE=1)
    stage = Stage(engine)
    worker = int(engine.values["WORKER_PID"])
    pause(worker)
    try:
        commands, seen = Commands(engine), set()
        commands.of(lambda: None)  # what the worker has asked before
        for row in ROWS:
            if not about_a_student(row) or not stage.has(row.method, row.paths[0]):
                continue
            for caller in refused_callers(row):
                there, missing = (
                    commands.of(lambda: one.request(row, row.paths[0], caller, engine.base_url))
                    for one in both_about(stage)
                )
                assert there == missing, (name_of(row), caller)
                seen.update(there)
    finally:
        resume(worker)
    assert seen, "a teacher's right has to be asked for"


def test_the_engine_has_every_route_of_the_contract(stage):
    missing = {(r.method, path) for r in ROWS for path in r.paths if not stage.has(r.method, path)}
    assert not missing
