# SPDX-License-Identifier: GPL-3.0-or-later
"""/api/v1/process: intents do what their twins over HTTP do, and only for whom they would."""
import os
import signal

import pytest
from harness.client import Client
from harness.engine import fresh_id, redis_process
from harness.expect import assert_common_headers, assert_ok, assert_problem
from harness.load import RateLimit
from harness.process import program
from harness.store import tagged
from harness.token import make_token
from harness.wait import wait_for

SCORES = {"completion": 0.8, "quiz": 0.9, "quality": 0.85, "consistency": 0.7}
PATHS = ["/api/v1/process", "/process", "/api/v1/process/process"]
CODES = {
    "VALIDATION_ERROR",
    "SECURITY_ERROR",
    "INVALID_INTENT",
    "NOT_FOUND",
    "TIMEOUT_ERROR",
    "INTERNAL_ERROR",
}
TWINS = {
    "mastery_calculation": "/api/v1/mastery/calculate",
    "get_prediction": "/api/v1/predictions/next-week",
    "generate_path": "/api/v1/recommendations/learning-path",
    "batch_process": "/api/v1/batch/mastery",
    "analytics_query": "/api/v1/analytics/mastery-history",
}


class Caller:
    """Calls process by the sidecar's listener or the public one, with what it is given."""

    def __init__(self, engine, sidecar_token=False, user_token=None, url=None):
        self.client = Client(url or engine.dapr_url, user_token)
        token = engine.values["APP_API_TOKEN"]
        self.headers = {"dapr-api-token": token} if sidecar_token else {}

    def post(self, path, body):
        response = self.client.post(path, body, headers=self.headers)
        self.client.close()
        return response

    def process(self, intent, payload, path="/api/v1/process", **more):
        return self.post(path, {"intent": intent, "payload": payload, **more})


@pytest.fixture
def dapr(engine):
    """Whom the sidecar's token alone makes trusted."""
    return Caller(engine, sidecar_token=True)


@pytest.fixture
def public(engine):
    return Caller(engine, url=engine.base_url)


def assert_done(response, intent, status=200):
    """A success in the form of process; its data."""
    body = assert_ok(response, status)
    assert set(body) == {"success", "data", "error", "metadata", "correlation_id"}
    assert body["success"] is True and body["error"] is None
    assert body["metadata"] == {"intent": intent}
    assert body["correlation_id"] == response.headers["X-Request-ID"]
    assert "no-store" in response.headers["Cache-Control"]
    return body["data"]


def assert_refused(response, status, error_code, code=None, intent=None, retryable=False):
    """A refusal in the form of process; its error object."""
    assert response.status == status, response
    assert_common_headers(response)
    body = response.json
    assert set(body) == {"success", "data", "error", "metadata", "correlation_id"}
    assert body["success"] is False and body["data"] is None
    assert set(body["error"]) == {"code", "message", "details"}
    assert body["error"]["code"] == (code or error_code)
    assert error_code in CODES
    assert body["metadata"] == {"error_code": error_code, "retryable": retryable, "intent": intent}
    assert body["correlation_id"] == response.headers["X-Request-ID"]
    if status == 401:
        assert response.headers["WWW-Authenticate"].startswith("Bearer realm=")
    return body["error"]


def fields_of(error):
    return sorted(row["field"] for row in error["details"]["errors"])


# Doing


@pytest.mark.parametrize("path", PATHS)
def test_mastery_calculation_is_calculate(dapr, admin, student, path):
    data = assert_done(
        dapr.process("mastery_calculation", {"student_id": student, "components": SCORES}, path),
        "mastery_calculation",
    )
    assert data["mastery_score"] == 0.83 and data["student_id"] == student
    queried = assert_ok(admin.post("/api/v1/mastery/query", {"student_id": student}))
    assert queried["data"] == data["data"]


@pytest.mark.parametrize("path", ["/api/v1/process/mastery", "/api/v1/process/process/mastery"])
def test_body_of_mastery_is_the_payload(dapr, student, path):
    body = {"student_id": student, "components": SCORES, "weights": dict.fromkeys(SCORES, 0.25)}
    data = assert_done(dapr.post(path, body), "mastery_calculation")
    assert data["mastery_score"] == 0.8125


def test_without_components_it_is_computed_from_what_is_stored(engine, dapr, admin, student):
    stated = assert_ok(engine.calculate(student))
    data = assert_done(
        dapr.process("mastery_calculation", {"student_id": student}), "mastery_calculation"
    )
    assert data["mastery_score"] == stated["mastery_score"]
    assert data["data"]["components"] == stated["data"]["components"]
    assert data["data"]["calculated_at"] > stated["data"]["calculated_at"]
    assert data["data"]["evidence"]["quiz"] < 5
    queried = assert_ok(admin.post("/api/v1/mastery/query", {"student_id": student}))
    assert queried["data"] == data["data"]
    history = assert_ok(admin.get(f"/api/v1/mastery/history/{student}"))["history"]
    assert [day["sample_size"] for day in history] == [1], "nothing has happened but the statement"


def test_nothing_stored_is_not_found(dapr, student):
    response = dapr.process("mastery_calculation", {"student_id": student})
    assert_refused(response, 404, "NOT_FOUND", intent="mastery_calculation")


@pytest.mark.parametrize("intent", TWINS)
def test_intents_answer_as_their_twins_or_are_not_known(engine, dapr, admin, student, intent):
    """Whether the twin exists or not: no intent pretends."""
    assert_ok(engine.calculate(student))
    payload = {
        "mastery_calculation": {"student_id": student, "components": SCORES},
        "batch_process": {"student_ids": [student]},
        "analytics_query": {"student_id": student, "days": 7, "aggregation": "daily"},
    }.get(intent, {"student_id": student})
    twin = admin.post(TWINS[intent], payload)
    if intent == "analytics_query":
        payload["query_type"] = "history"
    response = dapr.process(intent, payload)
    if twin.status == 404:
        assert_refused(response, 400, "INVALID_INTENT", intent=intent)
    else:
        data = assert_done(response, intent, twin.status)
        assert set(data) == set(twin.json)


@pytest.mark.parametrize("kind", ["prediction", "path"])
@pytest.mark.parametrize("prefix", ["/api/v1/process", "/api/v1/process/process"])
def test_short_forms_are_the_intents(engine, dapr, student, kind, prefix):
    intent = {"prediction": "get_prediction", "path": "generate_path"}[kind]
    assert_ok(engine.calculate(student))
    whole = dapr.process(intent, {"student_id": student})
    short = dapr.post(f"{prefix}/{kind}", {"student_id": student})
    assert short.status == whole.status
    assert short.json["metadata"] == whole.json["metadata"]
    assert short.json["success"] == whole.json["success"]


# Refusing


@pytest.mark.parametrize("intent", ["", "calculate", "MASTERY_CALCULATION", "unknown", " "])
def test_unknown_intent(dapr, student, intent):
    response = dapr.process(intent, {"student_id": student})
    if intent:
        assert_refused(response, 400, "INVALID_INTENT")
    else:
        assert fields_of(assert_refused(response, 400, "VALIDATION_ERROR")) == ["intent"]


@pytest.mark.parametrize(
    "body, fields",
    [
        ({}, ["intent", "payload"]),
        ({"intent": 5, "payload": {}}, ["intent"]),
        ({"intent": "mastery_calculation"}, ["payload"]),
        ({"intent": "mastery_calculation", "payload": None}, ["payload"]),
        ({"intent": "mastery_calculation", "payload": []}, ["payload"]),
        ({"intent": "mastery_calculation", "payload": "x"}, ["payload"]),
        ({"intent": "mastery_calculation", "payload": {}}, ["payload.student_id"]),
        (
            {"intent": "mastery_calculation", "payload": {"student_id": "a b", "components": 5}},
            ["payload.components", "payload.student_id"],
        ),
        (
            {
                "intent": "mastery_calculation",
                "payload": {
                    "student_id": "a",
                    "components": SCORES,
                    "weights": dict.fromkeys(SCORES, 0.3),
                },
            },
            ["payload.weights"],
        ),
        (
            {
                "intent": "analytics_query",
                "payload": {"student_id": "x", "query_type": "history", "start_date": "2026-01-01", "days": 1},
            },
            ["payload.days", "payload.end_date"],
        ),
        (
            {"intent": "batch_process", "payload": {"student_ids": ["a"], "requests": []}},
            ["payload.requests"],
        ),
        ({"intent": "analytics_query", "payload": {}}, ["payload.query_type", "payload.student_id"]),
        ({"intent": "analytics_query", "payload": {"query_type": "x"}}, ["payload.query_type", "payload.student_id"]),
        (
            {"intent": "mastery_calculation", "payload": {}, "security_context": 5},
            ["security_context"],
        ),
    ],
    ids=str,
)
def test_bad_calls_name_their_fields(dapr, body, fields):
    intent = body.get("intent") if isinstance(body.get("intent"), str) else None
    error = assert_refused(dapr.post("/process", body), 400, "VALIDATION_ERROR", intent=intent)
    assert fields_of(error) == fields


def test_bad_payload_of_a_short_form_names_the_fields_themselves(dapr):
    response = dapr.post("/api/v1/process/mastery", {"components": {**SCORES, "quiz": 2}})
    error = assert_refused(response, 400, "VALIDATION_ERROR", intent="mastery_calculation")
    assert fields_of(error) == ["components.quiz", "student_id"]


def test_what_is_no_json_is_a_validation_error(engine, dapr):
    headers = {**dapr.headers, "Content-Type": "application/json"}
    response = engine.sidecar().request("POST", "/process", body="{", headers=headers)
    assert_refused(response, 400, "VALIDATION_ERROR", "INVALID_JSON")
    headers["Content-Type"] = "text/plain"
    response = engine.sidecar().request("POST", "/process", body="{}", headers=headers)
    assert_refused(response, 415, "VALIDATION_ERROR", "UNSUPPORTED_MEDIA_TYPE")


def test_store_away_is_a_timeout_that_may_be_tried_again(start_engine):
    engine = start_engine(POOL_SIZE=1)
    student, caller = fresh_id(), Caller(engine, sidecar_token=True)
    assert_done(
        caller.process("mastery_calculation", {"student_id": student, "components": SCORES}),
        "mastery_calculation",
    )
    redis_process(engine).stop()
    response = caller.process("mastery_calculation", {"student_id": student})
    code = "SERVICE_UNAVAILABLE"
    intent = "mastery_calculation"
    assert_refused(response, 503, "TIMEOUT_ERROR", code, intent=intent, retryable=True)
    assert int(response.headers["Retry-After"]) > 0


# Who is trusted


def calculation(student):
    return {"student_id": student, "components": SCORES}


def test_nobody_is_401(engine, public, student):
    for caller in (public, Caller(engine)):
        response = caller.process("mastery_calculation", calculation(student))
        assert_refused(response, 401, "SECURITY_ERROR", "AUTH_ERROR")


def test_nobody_is_told_nothing_about_the_body(engine):
    for body in ("{", '{"intent":"none"}', "[]", '{"intent":"mastery_calculation"}', ""):
        headers = {"Content-Type": "application/json"}
        response = engine.client().request("POST", "/process", body=body, headers=headers)
        assert_refused(response, 401, "SECURITY_ERROR", "AUTH_ERROR")


def test_sidecars_token_counts_on_its_own_listener_only(engine, student):
    caller = Caller(engine, sidecar_token=True, url=engine.base_url)
    response = caller.process("mastery_calculation", calculation(student))
    assert_refused(response, 401, "SECURITY_ERROR", "AUTH_ERROR")


@pytest.mark.parametrize("token", ["", "x", "app"])
def test_wrong_sidecars_token_is_401(engine, student, token):
    caller = Caller(engine)
    caller.headers = {"dapr-api-token": token}
    response = caller.process("mastery_calculation", calculation(student))
    assert_refused(response, 401, "SECURITY_ERROR", "AUTH_ERROR")


def test_users_token_does_not_help_a_wrong_token_of_the_sidecar(engine, student):
    """No rate limit counts a request with the header (hazards X19)."""
    caller = Caller(engine, user_token=engine.token(student, "student"))
    caller.headers = {"dapr-api-token": "app"}
    response = caller.process("mastery_calculation", calculation(student))
    assert_refused(response, 401, "SECURITY_ERROR", "AUTH_ERROR")
    caller.headers = {}
    assert_done(caller.process("mastery_calculation", calculation(student)), "mastery_calculation")


@pytest.mark.parametrize("sent, status", [("any", 401), (None, 200)])
def test_without_app_api_token_no_token_is_the_sidecars(start_pool, student, sent, status):
    pool = start_pool()
    body = {"intent": "mastery_calculation", "payload": calculation(student)}
    headers = {"dapr-api-token": sent} if sent else {}
    token = pool.token(student, "student")
    response = pool.request("POST", "/process", json=body, token=token, headers=headers, MASTERY_LISTENER="sidecar")
    assert response.status == status


FORGED = [
    {"user_id": "admin", "roles": ["admin"]},
    {"user_id": "root", "roles": "admin", "token": None},
    {"token": "", "roles": ["service"]},
    {"token": "not.a.token", "user_id": "x"},
    {"token": 5},
    {"token": ["a"], "roles": ["admin"]},
]


@pytest.mark.parametrize("context", FORGED, ids=str)
def test_forged_context_gets_nothing(public, admin, student, context):
    response = public.process("mastery_calculation", calculation(student), security_context=context)
    assert_refused(response, 401, "SECURITY_ERROR", "AUTH_ERROR")
    assert admin.post("/api/v1/mastery/query", {"student_id": student}).status == 404


def test_claimed_roles_do_not_add_to_a_token(engine, public, admin, student):
    context = {"token": engine.token(fresh_id(), "student"), "user_id": student, "roles": ["admin"]}
    response = public.process("mastery_calculation", calculation(student), security_context=context)
    intent = "mastery_calculation"
    assert_refused(response, 403, "SECURITY_ERROR", "FORBIDDEN", intent=intent)
    assert admin.post("/api/v1/mastery/query", {"student_id": student}).status == 404


@pytest.mark.parametrize("where", ["header", "body", "both"])
@pytest.mark.parametrize("listener", ["public", "sidecar"])
def test_users_token_has_the_users_rights(engine, where, listener):
    student, other = fresh_id(), fresh_id()
    token = engine.token(student, "student")
    url = engine.base_url if listener == "public" else engine.dapr_url
    caller = Caller(engine, user_token=None if where == "body" else token, url=url)
    context = {} if where == "header" else {"security_context": {"token": token}}
    intent = "mastery_calculation"
    assert_done(caller.process(intent, calculation(student), **context), intent)
    response = caller.process(intent, calculation(other), **context)
    assert_refused(response, 403, "SECURITY_ERROR", "FORBIDDEN", intent=intent)


@pytest.mark.parametrize("where", ["header", "body"])
def test_users_token_beside_the_sidecars_counts_instead_of_it(engine, where):
    """Whoever may call us through any sidecar has its token added: it must not lift rights."""
    student, other = fresh_id(), fresh_id()
    token = engine.token(student, "student")
    caller = Caller(engine, True, token if where == "header" else None)
    context = {} if where == "header" else {"security_context": {"token": token}}
    intent = "mastery_calculation"
    assert_done(caller.process(intent, calculation(student), **context), intent)
    response = caller.process(intent, calculation(other), **context)
    assert_refused(response, 403, "SECURITY_ERROR", "FORBIDDEN", intent=intent)


@pytest.mark.parametrize("where", ["header", "body"])
@pytest.mark.parametrize("bad", ["garbage", "expired", "other secret"])
def test_bad_token_beside_the_sidecars_is_401(engine, student, where, bad):
    token = {
        "garbage": "a.b.c",
        "expired": engine.token(student, "admin", exp=1300819380),
        "other secret": make_token("x" * 32, student, "admin"),
    }[bad]
    caller = Caller(engine, True, token if where == "header" else None)
    context = {} if where == "header" else {"security_context": {"token": token}}
    response = caller.process("mastery_calculation", calculation(student), **context)
    assert_refused(response, 401, "SECURITY_ERROR", "AUTH_ERROR")
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_two_tokens_of_two_users_are_401(engine, student):
    caller = Caller(engine, user_token=engine.token(student, "student"), url=engine.base_url)
    context = {"token": engine.token(fresh_id("admin"), "admin")}
    response = caller.process("mastery_calculation", calculation(student), security_context=context)
    assert_refused(response, 401, "SECURITY_ERROR", "AUTH_ERROR")


def test_teacher_has_own_students(engine, admin, student):
    teacher, intent = fresh_id("t"), "mastery_calculation"
    roster = {"name": "x", "teacher_ids": [teacher], "student_ids": [student]}
    assert_ok(admin.put(f"/api/v1/cohorts/{fresh_id('c')}", roster), 201)
    caller = Caller(engine, user_token=engine.token(teacher, "teacher"), url=engine.base_url)
    assert_done(caller.process(intent, calculation(student)), intent)
    response = caller.process(intent, calculation(fresh_id()))
    assert_refused(response, 403, "SECURITY_ERROR", "FORBIDDEN", intent=intent)


@pytest.mark.parametrize("role", ["student", "teacher"])
def test_batches_stay_for_admins(engine, student, role):
    caller = Caller(engine, user_token=engine.token(student, role), url=engine.base_url)
    response = caller.process("batch_process", {"student_ids": [student]})
    assert_refused(response, 403, "SECURITY_ERROR", "FORBIDDEN", intent="batch_process")
    assert_problem(caller.client.get("/api/v1/batch/mastery/x"), 403, "FORBIDDEN")


def test_batch_of_an_intent_is_a_batch(dapr, admin, student):
    body = {"requests": [{"student_id": student, "components": SCORES}], "priority": "high"}
    data = assert_done(dapr.process("batch_process", body), "batch_process", 202)
    path = f"/api/v1/batch/mastery/{data['batch_id']}"
    wait_for(lambda: admin.get(path).json["status"] == "completed", "completed")
    assert admin.post("/api/v1/mastery/query", {"student_id": student}).status == 200


def test_bad_batch_of_an_intent_names_its_fields(dapr):
    body = {"requests": [{"student_id": "a", "components": {**SCORES, "quiz": 2}}]}
    error = assert_refused(
        dapr.process("batch_process", body), 400, "VALIDATION_ERROR", intent="batch_process"
    )
    assert fields_of(error) == ["payload.requests[0].components.quiz"]


def test_sidecars_token_opens_nothing_but_process(engine, student):
    caller = Caller(engine, sidecar_token=True)
    response = caller.post("/api/v1/mastery/calculate", calculation(student))
    assert_problem(response, 401)


def test_what_the_sidecar_does_is_noted_as_daprs(engine, dapr, admin, student):
    """The journal says who: there the worker takes the audit record from."""
    workers = [pid for pid in engine.processes() if program(pid) == "mastery-worker"]
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        dapr.process("mastery_calculation", calculation(student))
        entries = [entry["e"] for _, entry in engine.redis().xrange(tagged(student, "journal"))]
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
    assert any(student in entry and '"actor":"dapr"' in entry for entry in entries)


# Around


def test_health_is_open_and_names_the_intents(engine):
    for client in (engine.client(), engine.sidecar()):
        body = assert_ok(client.get("/api/v1/process/health"))
        assert body["status"] == "healthy"
        assert "mastery_calculation" in body["intents"]


def test_calls_are_counted_by_intent_and_status(engine, dapr, student):
    def counted(intent, status):
        line = f'mastery_engine_dapr_invocations_total{{intent="{intent}",status="{status}"}}'
        text = engine.client().get("/metrics").text
        return sum(float(row.split()[-1]) for row in text.splitlines() if row.startswith(line))

    intent = "mastery_calculation"
    kinds = [(intent, "success"), (intent, "error"), ("unknown", "error")]
    before = [counted(*kind) for kind in kinds]
    dapr.process("mastery_calculation", calculation(student))
    dapr.process("mastery_calculation", {})
    dapr.process("none", {})
    assert [counted(*kind) for kind in kinds] == [number + 1 for number in before]


def test_limits_are_lifted_for_the_sidecar_alone(start_engine):
    engine = start_engine(RATE_LIMITS="on", POOL_SIZE=1)
    dapr, student = Caller(engine, sidecar_token=True), fresh_id()
    token = engine.token(student, "student")
    user = Caller(engine, user_token=token, url=engine.base_url)
    body = calculation(student)
    statuses = [dapr.process("mastery_calculation", body).status for _ in range(130)]
    assert set(statuses) == {200}
    limit = RateLimit(100)
    *passed, _ = limit.exhaust(lambda: user.process("mastery_calculation", body))
    assert {response.status for response in passed} == {200}
    limit.assert_exhausted()


def test_get_is_405_with_allow(admin):
    response = admin.get("/api/v1/process")
    assert_problem(response, 405)
    assert response.headers["Allow"] == "POST, OPTIONS"
