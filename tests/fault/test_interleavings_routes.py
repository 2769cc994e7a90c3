# SPDX-License-Identifier: GPL-3.0-or-later
"""Every route that writes, with each of its commands to Redis lost, repeated, and held back: the client
repeats its request until it succeeds, and the store is then as after one request that nothing disturbed."""
import collections
import contextlib
import functools
import itertools
import json
import re
import threading
import uuid

import pytest
from harness.audit import records
from harness.contract import HALVES, ROWS
from harness.engine import fresh_id
from harness.events import event
from harness.interleavings import Commands, assert_equal, plain, remove_all, snapshot
from harness.pool import Pool
from harness.redis_server import RedisServer, RedisStandIn
from harness.store import shard_of, tombstone
from harness.wait import wait_for

SECRET = "a token of the sidecar's own, long"
# Short, because a held command lets its request wait so long; the process that is not disturbed has the
# long ones of the harness.
TIMEOUTS = {"STORE_ROUND_TIMEOUT_MS": 150, "STORE_BREAKER_OPEN_MS": 50, "STORE_BREAKER_FAILURES": 100}
# How the request goes on; the names in the table of docs/reliability.md.
WAYS = {
    "before": "before",  # the connection ends before the command
    "after": "after",  # the connection ends after it
    "repeat": "repeat",  # the command is executed twice
    "stop": "hold",  # held until its client has given up; then the client repeats
    "late": "hold",  # held until the client has succeeded with another process
    "reorder": "hold",  # held while another process gets the same request; then it goes on
    "overtaken": "hold",  # held until another request about the same has succeeded; its client gives up
}
V1 = "/api/v1/"


def rows_of(method, path):
    return [row for row in ROWS if row.method == method and row.paths[0] == path]


class Route:
    """A row of the contract, as it is driven here. index: which of the rows with that path. key: with an
    Idempotency-Key. again: the client sends its request once more in the end, since what is kept beside the
    effect (a response for its key, a prediction) may be lost after a success. audited: the process that
    responds makes a record of it. query: instead of the row's. without: a part of the key names of what
    differs. overtaken_by: makes a request whose effect must stay as it is when commands of this one arrive
    after it."""

    def __init__(self, method, path, index=0, key=False, audited=False, **options):
        self.row, self.key, self.audited = rows_of(method, path)[index], key, audited
        self.query = options.get("query", self.row.query)
        self.prepare, self.overtaken_by = options.get("prepare"), options.get("overtaken_by")
        self.again, self.without = options.get("again", key), options.get("without", ())
        self.ways = [way for way in WAYS if way != ("late" if self.overtaken_by else "overtaken")]
        self.name = f"{method} {path}" + (f" {index}" if index else "") + (" with a key" if key else "")


def fill(stage):
    """All kinds of records that an erasure goes through."""
    steady, student = stage.site.steady, stage.student
    stage.cohort, stage.recommendation
    stage.send_other("POST", V1 + "mastery/ingest", event(student=student))
    stage.send_other("POST", V1 + "recommendations/learning-path", {"student_id": student})
    stage.send_other("POST", V1 + "predictions/next-week", {"student_id": student})
    stage.send_other("POST", f"{V1}compliance/consent/{student}", {"consent_type": "research", "granted": True})
    stage.send_other("POST", V1 + "mastery/calculate", {"student_id": student, "components": HALVES}, key=fresh_id())
    assert steady.query(student).status == 200


def give_consent(stage):
    body = {"consent_type": "communication", "granted": True}
    stage.send_other("POST", f"{V1}compliance/consent/{stage.student}", body)


def other_roster(stage):
    body = {"name": "y", "teacher_ids": [stage.third], "student_ids": [stage.mate]}
    return {"method": "PUT", "target": f"{V1}cohorts/{stage.cohort}", "json": body, "token": stage.site.token}


ROUTES = [
    Route("POST", V1 + "mastery/calculate", key=True),
    Route("POST", V1 + "mastery/ingest"),
    Route("POST", V1 + "mastery/ingest", key=True),
    Route("POST", V1 + "xapi/statements", key=True),
    Route("PUT", V1 + "xapi/statements"),
    Route("POST", V1 + "events"),
    Route("POST", V1 + "events", 1),
    Route("POST", V1 + "events", 1, key=True),
    Route("POST", V1 + "predictions/next-week", again=True),
    Route("POST", V1 + "predictions/next-week/intervention", again=True),
    Route("POST", V1 + "recommendations/adaptive"),
    Route("POST", V1 + "recommendations/learning-path"),
    Route("POST", V1 + "recommendations/feedback", audited=True),
    Route("POST", V1 + "batch/mastery", key=True, audited=True, without=(b"unfinished",)),
    Route("DELETE", V1 + "batch/mastery/{batch_id}", audited=True),
    Route("PUT", V1 + "cohorts/{cohort_id}", audited=True, overtaken_by=other_roster),
    Route("DELETE", V1 + "cohorts/{spare_cohort_id}", audited=True, overtaken_by=other_roster),
    Route(
        "DELETE", V1 + "compliance/student/{student_id}", query="", prepare=fill, audited=True, without=(b"erasures:epoch",),
    ),
    Route("POST", V1 + "compliance/consent/{student_id}"),
    Route("POST", V1 + "compliance/consent/{student_id}/withdraw", prepare=give_consent),
    Route("POST", V1 + "process", 0, key=True),
    Route("POST", V1 + "process", 1, without=(b":journal",)),
    Route("POST", V1 + "process", 2, again=True),
    Route("POST", V1 + "process", 3),
    Route("POST", V1 + "process", 6, key=True, without=(b"unfinished",)),
    Route("POST", V1 + "process/mastery", key=True),
    Route("POST", V1 + "process/prediction", again=True),
    Route("POST", V1 + "process/path"),
    Route("POST", "/dapr/events"),
]


# Same text for the first time and for a repetition.
SYNONYMS = {"This event was recorded before; nothing has changed": "The event was recorded"}


class Site:
    """One Redis, a process behind the stand-in that is disturbed, and one beside it that is not."""

    def __init__(self):
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        enter = self._stack.enter_context
        self.redis_server = enter(RedisServer())
        self.redis = self.redis_server.client(decode=False)
        stand_in = enter(RedisStandIn(self.redis_server.path))
        self.commands = Commands(stand_in)
        self.steady = enter(Pool(self.redis_server.url, APP_API_TOKEN=SECRET))
        self.disturbed = enter(Pool(stand_in.url, APP_API_TOKEN=SECRET, **TIMEOUTS))
        self.token = self.steady.token("root", "admin")
        return self

    def __exit__(self, *_):
        self.commands.release()
        self._stack.close()

    def is_back(self):
        """The disturbed process is in service, and has nothing on its way to Redis."""
        wait_for(lambda: self.disturbed.query("nobody").status == 404, "the process in service")

    def end_leases(self, cohorts):
        """As if the time had passed for which a client is told to wait. cohorts: leases of cohorts too, which
        must not be ended early while a command is held that relies on its time."""
        for key in self.redis.scan_iter("idempotency:*"):
            record = self.redis.get(key).split(b" ")
            if record[0] == b"running":
                self.redis.set(key, b" ".join([*record[:3], b"1", *record[4:]]), keepttl=True)
        for key in self.redis.scan_iter("cohort:*:lock") if cohorts else ():
            self.redis.delete(key)


class Stage:
    """What a request is about, for the bodies of the contract's rows; made on the steady process."""

    def __init__(self, site, route):
        self.site, self.route, self.responses = site, route, []
        self.student, self.mate = fresh_id("s"), fresh_id("m")
        while shard_of(self.mate) == shard_of(self.student):  # each journal is one student's
            self.mate = fresh_id("m")
        self.teacher, self.replaced, self.third = fresh_id("t"), fresh_id("u"), fresh_id("v")
        for student in (self.student, self.mate):
            assert site.steady.calculate(student).status == 200
        if route.prepare:
            route.prepare(self)
        self.options = self.make_options()

    @property
    def names(self):
        made = {"cohort": "COHORT", "batch": "BATCH"}
        made = {self.__dict__[name]: word for name, word in made.items() if name in self.__dict__}
        people = {self.student: "STUDENT", self.mate: "MATE", tombstone(self.student): "TOMBSTONE"}
        people |= {self.teacher: "TEACHER", self.replaced: "REPLACED", self.third: "THIRD"}
        return {**people, **made, **SYNONYMS}

    def make_options(self):
        """Of the request, which is the same however often it is sent."""
        row = self.route.row
        headers = dict(row.headers)
        if self.route.key:
            headers["Idempotency-Key"] = fresh_id("key")
        if row.right == "sidecar":
            headers["dapr-api-token"] = SECRET
        query = self.route.query
        values = dict.fromkeys(re.findall(r"{(\w+)}", row.paths[0]))
        for name in values:
            values[name] = getattr(self, name.removesuffix("_id").removeprefix("spare_"))
        options = {"headers": headers, "json": row.body(self) if row.body else None}
        if "Content-Type" in headers:
            options["CONTENT_TYPE"] = headers.pop("Content-Type")
        if row.right != "sidecar":
            options["token"] = self.site.token
        if row.listeners == ("sidecar's",):
            options["MASTERY_LISTENER"] = "sidecar"
        self.target = row.paths[0].format(**values) + (query() if callable(query) else query)
        return options

    def send(self, pool):
        request_id = str(uuid.uuid4())
        response = pool.request(self.route.row.method, self.target, REQUEST_ID=request_id, **self.options)
        response.request_id = request_id
        self.responses.append(response)
        return response

    def send_other(self, method, path, body, key=None):
        headers = {"Idempotency-Key": key} if key else {}
        response = self.site.steady.request(method, path, json=body, token=self.site.token, headers=headers)
        assert 200 <= response.status < 300, response
        return response

    @functools.cached_property
    def cohort(self):
        cohort = fresh_id("c")
        body = {"name": "x", "teacher_ids": [self.replaced], "student_ids": [self.student, self.mate]}
        self.send_other("PUT", f"{V1}cohorts/{cohort}", body)
        return cohort

    @property
    def roster(self):
        """Another teacher, and a student less."""
        return {"name": "x", "teacher_ids": [self.teacher], "student_ids": [self.student]}

    @functools.cached_property
    def recommendation(self):
        response = self.send_other("POST", V1 + "recommendations/adaptive", {"student_id": self.student})
        return response.json["recommendations"][0]["recommendation_id"]

    @functools.cached_property
    def batch(self):
        return self.send_other("POST", V1 + "batch/mastery", {"student_ids": [self.student]}).json["batch_id"]

    def succeeded(self, response):
        again = response.status == 503 or "Retry-After" in response.headers or '"status":"RETRY"' in response.text
        assert again or response.status in self.route.row.status, response
        return not again

    def repeat(self, pool, held=False):
        """What a client does: sends its request again while it is told to."""

        def once():
            if self.succeeded(self.send(pool)):
                return True
            self.site.end_leases(cohorts=not held)
            return False

        wait_for(once, "the request has succeeded")

    def overtake(self):
        """The other request, repeated while its client is told to wait for the lease of this one."""
        request = self.route.overtaken_by(self)

        def once():
            response = self.site.steady.request(**request)
            assert response.status in (200, 201, 409), response
            return response.status != 409

        wait_for(once, "the other request")

    def state(self):
        """What the API and the store say of it."""
        site = self.site
        if self.route.again:
            site.end_leases(cohorts=True)
            self.repeat(site.steady)

        def get(path, user="root", role="admin"):
            response = site.steady.request("GET", path, token=site.steady.token(user, role))
            body = response.json
            body.get("data", {}).pop("audit_logs", None)  # written after the response
            return f"{response.status} {plain(json.dumps(body), self.names)}"

        student = self.student
        api = [get(f"{V1}mastery/history/{student}"), get(f"{V1}compliance/export/{student}")]
        api += [get(f"{V1}compliance/consent/status/{student}")]
        rights = itertools.product((self.teacher, self.replaced, self.third), (student, self.mate))
        api += [get(f"{V1}mastery/statistics/{who}", user, "teacher")[:3] for user, who in rights]
        if "cohort" in self.__dict__:
            api.append(get(f"{V1}cohorts/{self.cohort}"))
        return api + snapshot(site.redis, self.names, self.route.without)


def new_stage(site, route):
    remove_all(site.redis)
    return Stage(site, route)


def in_background(send):
    """Sends; a function that waits for the response."""
    found = []
    thread = threading.Thread(target=lambda: found.append(send()))
    thread.start()

    def wait():
        thread.join()
        return found[0]

    return wait


def drive(stage, way):
    """The request whose command is disturbed, and its repetitions. False: the command did not come."""
    site = stage.site
    first = in_background(lambda: stage.send(site.disturbed))
    ended = in_background(lambda: wait_for(lambda: site.commands.reached.is_set() or len(stage.responses), "aim"))
    ended()
    reached = site.commands.reached.is_set()
    if way == "late" and reached:
        first()
        stage.repeat(site.steady, held=True)
    if way == "stop":
        first()
    if way == "overtaken" and reached:
        first()
        stage.overtake()
        site.commands.release()
        site.is_back()
        site.redis.delete("unfinished")  # what its client gives up is left to the worker
        return True
    other = stage.send(site.steady) if way == "reorder" and reached else None
    site.commands.release()
    for response, pool in ((first(), site.disturbed), (other, site.steady)):
        if response and not stage.succeeded(response):
            stage.repeat(pool)
    site.is_back()
    return reached


def count(site, route):
    """The commands of an undisturbed request, the state after it, and that after the request that is to
    overtake it."""

    def once():
        stage = new_stage(site, route)
        site.is_back()
        site.commands.aim(None, None)
        return stage.succeeded(stage.send(site.disturbed)) and stage

    stage = wait_for(once, "a request that nothing disturbs")
    trace, state = list(site.commands.trace), stage.state()
    if route.overtaken_by:
        stage.overtake()
    return trace, state, stage.state()


def assert_point(site, route, way, at, trace, expected):
    """Again with new ids when other load has kept the command from coming."""

    def once():
        stage = new_stage(site, route)
        site.is_back()
        site.commands.aim(at, WAYS[way])
        reached = drive(stage, way)
        return reached and stage

    stage = wait_for(once, f"command {at} reached")
    where = f"{way}, command {at} of {trace}, {stage.responses}"
    assert_equal(stage.state(), expected, where)
    for response in stage.responses:
        response.where = where
    return stage.responses


def assert_recorded_once(site, responses):
    """Each success has its record, no request has two of the same kind about the same student, and no student
    is erased twice."""
    redis = site.redis_server.client()
    successes = {response.request_id for response in responses if 200 <= response.status < 300}
    wait_for(lambda: successes <= {record["c"] for record in records(redis)}, "a record of each success")
    found = collections.Counter()
    for record in records(redis):
        request = "any" if record["t"] == "erased" else record["c"]
        found[request, record["t"], record["o"], record["shard"]] += 1
    twice = [one for one, count in found.items() if count > 1]
    assert not twice, [response.where for response in responses if response.request_id == twice[0][0]]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_each_command_of_a_route(route, record_property):
    with Site() as site:
        trace, expected, overtaken = count(site, route)
        responses = []
        assert trace
        for way, at in itertools.product(route.ways, range(1, len(trace) + 1)):
            state = overtaken if way == "overtaken" else expected
            responses += assert_point(site, route, way, at, trace, state)
        if route.audited:
            assert_recorded_once(site, responses)
        record_property("interleavings", (route.name, len(trace), len(route.ways)))


def test_every_route_that_writes_is_driven():
    """A row of the contract that changes the store has a row here, and the other way round."""
    driven, writing, there = {id(route.row): route for route in ROUTES}, [], []
    with Site() as site:
        for row in ROWS:
            same = rows_of(row.method, row.paths[0])
            route = driven.get(id(row)) or Route(row.method, row.paths[0], [id(one) for one in same].index(id(row)))
            stage = new_stage(site, route)
            before = snapshot(site.redis, {})
            response = stage.send(site.steady)
            assert row.right == "open" or stage.succeeded(response), response
            if snapshot(site.redis, {}) != before:
                writing.append(route.name)
            if id(row) in driven:
                there.append(route.name)
    assert writing == there
