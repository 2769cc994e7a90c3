# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what, for every endpoint and every kind of caller."""
import pytest
from harness.engine import fresh_id
from harness.expect import assert_ok, assert_problem

HALVES = {"completion": 0.5, "quiz": 0.5, "quality": 0.5, "consistency": 0.5}
ROSTER = {"name": "x", "teacher_ids": [], "student_ids": []}


class Stage:
    """A student of a taught cohort, another one of a cohort of somebody else, and all callers."""

    def __init__(self, engine):
        self.engine, admin = engine, engine.admin()
        self.student, self.other, self.teacher = fresh_id(), fresh_id(), fresh_id("t")
        self.cohort, self.other_cohort = fresh_id("c"), fresh_id("c")
        self.own_roster = {"name": "x", "teacher_ids": [self.teacher]}
        self.own_roster["student_ids"] = [self.student]
        for student in (self.student, self.other):
            assert_ok(engine.calculate(student))
        assert_ok(admin.put(f"/api/v1/cohorts/{self.cohort}", self.own_roster), 201)
        others = {"name": "y", "teacher_ids": ["someone"], "student_ids": [self.other]}
        assert_ok(admin.put(f"/api/v1/cohorts/{self.other_cohort}", others), 201)

    def token(self, caller):
        engine = self.engine
        return {
            "nobody": None,
            "garbage": "not.a.token",
            "expired": engine.token(self.student, "student", exp=1300819380),
            "student": engine.token(self.student, "student"),
            "teacher": engine.token(self.teacher, "teacher"),
            "admin": engine.token(fresh_id("admin"), "admin"),
        }[caller]

    def call(self, caller, endpoint, whose):
        student = self.student if whose == "own" else self.other
        cohort = self.cohort if whose == "own" else self.other_cohort
        method, path, body = {
            "query": ("POST", "/api/v1/mastery/query", {"student_id": student}),
            "calculate": (
                "POST",
                "/api/v1/mastery/calculate",
                {"student_id": student, "components": HALVES},
            ),
            "history": ("GET", f"/api/v1/mastery/history/{student}", None),
            "statistics": ("GET", f"/api/v1/mastery/statistics/{student}", None),
            "topics": ("GET", f"/api/v1/mastery/topics/{student}", None),
            "read cohort": ("GET", f"/api/v1/cohorts/{cohort}", None),
            "list cohorts": ("GET", "/api/v1/cohorts", None),
            "write cohort": ("PUT", f"/api/v1/cohorts/{cohort}", self.own_roster),
            "delete cohort": ("DELETE", f"/api/v1/cohorts/{fresh_id('c')}", None),
            "reset metrics": ("POST", "/metrics/reset", None),
        }[endpoint]
        options = {"json": body} if body is not None else {}
        client = self.engine.client()
        try:
            return client.request(method, path, token=self.token(caller), **options)
        finally:
            client.close()


@pytest.fixture(scope="module")
def stage(engine):
    return Stage(engine)


STUDENT_ENDPOINTS = ["query", "calculate", "history", "statistics", "topics"]
COHORT_WRITES = ["write cohort", "delete cohort", "reset metrics"]
EVERY_ENDPOINT = [*STUDENT_ENDPOINTS, "read cohort", "list cohorts", *COHORT_WRITES]


@pytest.mark.parametrize("endpoint", EVERY_ENDPOINT)
@pytest.mark.parametrize("caller", ["nobody", "garbage", "expired"])
def test_without_a_good_token_is_401(stage, caller, endpoint):
    assert_problem(stage.call(caller, endpoint, "own"), 401, "AUTH_ERROR")


@pytest.mark.parametrize("endpoint", STUDENT_ENDPOINTS)
@pytest.mark.parametrize(
    "caller, whose, allowed",
    [
        ("student", "own", True),
        ("student", "other", False),
        ("teacher", "own", True),
        ("teacher", "other", False),
        ("admin", "own", True),
        ("admin", "other", True),
    ],
)
def test_student_data(stage, caller, whose, allowed, endpoint):
    response = stage.call(caller, endpoint, whose)
    if allowed:
        assert_ok(response)
    else:
        assert_problem(response, 403, "FORBIDDEN")


@pytest.mark.parametrize(
    "caller, whose, status",
    [
        ("student", "own", 403),
        ("student", "other", 403),
        ("teacher", "own", 200),
        ("teacher", "other", 403),
        ("admin", "own", 200),
        ("admin", "other", 200),
    ],
)
def test_reading_a_cohort(stage, caller, whose, status):
    response = stage.call(caller, "read cohort", whose)
    assert response.status == status, response


@pytest.mark.parametrize("caller, status", [("student", 403), ("teacher", 200), ("admin", 200)])
def test_listing_cohorts(stage, caller, status):
    assert stage.call(caller, "list cohorts", "own").status == status


@pytest.mark.parametrize("endpoint", COHORT_WRITES)
@pytest.mark.parametrize("caller", ["student", "teacher"])
def test_what_is_for_admins_alone(stage, caller, endpoint):
    assert_problem(stage.call(caller, endpoint, "own"), 403, "FORBIDDEN")


def test_admin_writes_cohorts(stage):
    assert_ok(stage.call("admin", "write cohort", "own"))


def test_refused_write_changes_nothing(stage, engine, admin):
    before = assert_ok(admin.post("/api/v1/mastery/query", {"student_id": stage.other}))["data"]
    assert stage.call("student", "calculate", "other").status == 403
    assert stage.call("teacher", "calculate", "other").status == 403
    after = assert_ok(admin.post("/api/v1/mastery/query", {"student_id": stage.other}))["data"]
    assert before == after


def without_ids_of_the_request(response):
    body = response.json
    body.pop("correlation_id")
    changing = {"date", "x-request-id", "x-trace-id", "traceparent", "server-timing"}
    headers = {k.lower(): v for k, v in response.headers.items() if k.lower() not in changing}
    headers.pop("content-length")  # the correlation id is a part of it
    return response.status, body, headers


@pytest.mark.parametrize("caller", ["student", "teacher"])
def test_refusal_does_not_tell_whether_a_student_exists(stage, caller):
    token, client = stage.token(caller), stage.engine.client()
    for path in ("/api/v1/mastery/history/{}", "/api/v1/mastery/statistics/{}", "/api/v1/mastery/topics/{}"):
        existing, missing = (
            client.get(path.format(who), token=token) for who in (stage.other, fresh_id())
        )
        assert without_ids_of_the_request(existing) == without_ids_of_the_request(missing)
    for path in ("/api/v1/mastery/query", "/api/v1/mastery/calculate"):
        existing, missing = (
            client.post(path, {"student_id": who, "components": HALVES}, token=token)
            for who in (stage.other, fresh_id())
        )
        assert existing.status == 403
        assert without_ids_of_the_request(existing) == without_ids_of_the_request(missing)


def test_refusal_does_not_tell_whether_a_cohort_exists(stage):
    client = stage.engine.client()
    for caller in ("student", "teacher"):
        existing, missing = (
            client.get(f"/api/v1/cohorts/{cohort}", token=stage.token(caller))
            for cohort in (stage.other_cohort, fresh_id("c"))
        )
        assert existing.status == 403
        assert without_ids_of_the_request(existing) == without_ids_of_the_request(missing)


def test_student_with_a_teachers_id_has_no_teachers_right(stage):
    token = stage.engine.token(stage.teacher, "student")
    response = stage.engine.client().get(f"/api/v1/mastery/history/{stage.student}", token=token)
    assert_problem(response, 403)


def test_role_in_the_body_is_not_believed(stage):
    body = {"student_id": stage.other, "role": "admin", "user_id": stage.other}
    token = stage.token("student")
    response = stage.engine.client().post("/api/v1/mastery/query", body, token=token)
    assert_problem(response, 403)
