# SPDX-License-Identifier: GPL-3.0-or-later
"""/openapi.json against answers that come seldom: it lists each one's status and headers."""
import re
import uuid

import pytest
from harness.batches import Batches, stating
from harness.described import assert_as_described, pattern_of, resolve
from harness.engine import Engine, fresh_id, redis_process
from harness.events import event, now_ms
from harness.expect import assert_ok
from harness.load import until_refused
from harness.model import DAY_MS, scores, to_text

BATCH = "/api/v1/batch/mastery"
CALCULATE = "/api/v1/mastery/calculate"
COHORTS = "/api/v1/cohorts"
INGEST = "/api/v1/mastery/ingest"
NEXT_WEEK = "/api/v1/predictions/next-week"
PROCESS = "/api/v1/process"
QUERY = "/api/v1/mastery/query"
STATEMENTS, ABOUT = "/api/v1/xapi/statements", "/api/v1/xapi/about"
ROSTER = {"name": "x", "teacher_ids": [], "student_ids": []}


@pytest.fixture(scope="module")
def document(engine):
    return assert_ok(engine.client().get("/openapi.json"))


@pytest.fixture(scope="module")
def limited():
    with Engine(RATE_LIMITS="on") as running:
        yield running


@pytest.fixture
def described(document):
    """described(answer, method, path): it is."""

    def check(response, method, path):
        assert_as_described(document, response, pattern_of(document, path), method.lower())

    return check


@pytest.fixture
def ask(described, admin):
    """ask(status, method, path, …): the answer, which is of that status and as described."""

    def send(status, method, path, body=None, key=None, by=admin, **headers):
        options = {"headers": {name.replace("_", "-"): value for name, value in headers.items()}}
        if key:
            options["headers"]["Idempotency-Key"] = key
        if body is not None:
            options["json"] = body
        response = by.request(method, path, **options)
        assert response.status == status, response
        described(response, method, path)
        return response

    return send


def operations_with_body(document):
    """(path, method, operation) of those that have a body."""
    for path, item in document["paths"].items():
        for method in ("post", "put"):
            if "requestBody" in item.get(method, {}):
                yield path, method, item[method]


def calculation(student, value=0.5):
    return {"student_id": student, "components": scores(value)}


def intent(name, **payload):
    return {"intent": name, "payload": payload}


def milestone(student, message="x"):
    data = {"milestone_type": "m", "milestone_value": 1, "message": message}
    return event("milestone.reached", student, event_id=fresh_id("e"), **data)


def statement(student, score=0.5):
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, student)),
        "actor": {"account": {"homePage": "https://lms.example.org", "name": student}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/passed", "display": {"en": "passed"}},
        "object": {
            "id": "https://lms.example.org/activities/1",
            "definition": {"type": "http://adlnet.gov/expapi/activities/assessment"},
        },
        "result": {"score": {"scaled": score}},
        "timestamp": to_text(now_ms()),
    }


# Successes


def test_a_cohort_is_made_and_replaced(ask):
    path = f"{COHORTS}/{fresh_id('c')}"
    ask(201, "PUT", path, ROSTER)
    ask(200, "PUT", path, ROSTER)
    ask(200, "DELETE", path)
    ask(404, "DELETE", path)


@pytest.mark.parametrize("path", [BATCH, "/api/v1/analytics/batch/mastery"])
def test_a_batch_has_a_location(ask, student, path):
    response = ask(202, "POST", path, stating([student]))
    ask(200, "GET", response.headers["Location"])


def test_a_batch_of_a_process_call_has_a_location(ask, student):
    response = ask(202, "POST", PROCESS, intent("batch_process", **stating([student])))
    ask(200, "GET", response.headers["Location"])


def test_queries_say_where_the_answer_is_from(engine, ask, student):
    body = {"student_id": student}
    ask(404, "POST", QUERY, body)
    yesterday = to_text(now_ms() - DAY_MS)[:10]
    engine.seed([(student, yesterday, 0.5, 0.5, 0.5, 0.5)])
    assert ask(200, "POST", QUERY, body).headers["X-Cache"] == "HIT"
    assert ask(200, "POST", QUERY, {**body, "date": yesterday}).headers["X-Cache"] == "MISS"


def test_predictions_say_where_the_answer_is_from(ask, student):
    ask(200, "POST", CALCULATE, calculation(student))
    ask(200, "POST", PROCESS + "/mastery", calculation(student))
    body = {"student_id": student}
    assert ask(200, "POST", NEXT_WEEK, body).headers["X-Cache"] == "MISS"
    assert ask(200, "POST", NEXT_WEEK, body).headers["X-Cache"] == "HIT"
    ask(200, "POST", NEXT_WEEK + "/intervention", {**body, "intervention_type": "review"})
    assert ask(200, "POST", PROCESS + "/prediction", body).headers["X-Cache"]
    assert ask(200, "POST", PROCESS, intent("get_prediction", **body)).headers["X-Cache"]
    ask(200, "POST", PROCESS + "/path", body)


# What an Idempotency-Key does


REPEATED = [
    (200, CALCULATE, calculation),
    (202, INGEST, milestone),
    (202, BATCH, lambda student: stating([student])),
    (200, PROCESS + "/mastery", calculation),
    (200, PROCESS, lambda student: intent("mastery_calculation", **calculation(student))),
    (202, PROCESS, lambda student: intent("batch_process", **stating([student]))),
]


@pytest.mark.parametrize("status, path, make", REPEATED)
def test_a_replay_is_as_described(ask, student, status, path, make):
    body, key = make(student), fresh_id("key")
    first = ask(status, "POST", path, body, key)
    again = ask(status, "POST", path, body, key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    ask(409, "POST", path, make(fresh_id()), key)
    ask(400, "POST", path, body, "k" * 129)


# Conflicts, and too little data


@pytest.mark.parametrize("method, body", [("PUT", ROSTER), ("DELETE", None)])
def test_a_cohort_under_change_is_a_conflict(engine, ask, method, body):
    cohort = fresh_id("c")
    path, lock = f"{COHORTS}/{cohort}", f"cohort:{{{cohort}}}:lock"
    ask(201, "PUT", path, ROSTER)
    engine.redis().set(lock, "another", ex=600)
    ask(409, method, path, body)
    engine.redis().delete(lock)
    ask(200, method, path, body)


def test_an_ended_batch_is_a_conflict(ask, admin, student):
    batches = Batches(admin)
    batch = batches.submit(stating([student]))
    batches.wait(batch)
    ask(409, "DELETE", f"{BATCH}/{batch}")


def test_too_little_data(ask, student):
    pair = [student, fresh_id()]
    ask(200, "POST", CALCULATE, calculation(student))
    compare = "/api/v1/analytics/compare/"
    ask(422, "POST", compare + "students", {"student_ids": pair})
    sides = {"cohort_a_student_ids": pair, "cohort_b_student_ids": pair}
    ask(422, "POST", compare + "cohorts", sides)


# xAPI: its headers are on every answer, errors too


VERSION = {"X_Experience_API_Version": "1.0.3"}


def test_xapi_answers_are_as_described(engine, ask, student):
    sent = statement(student)
    ask(200, "POST", STATEMENTS, sent, **VERSION)
    ask(409, "POST", STATEMENTS, {**sent, "result": {"score": {"scaled": 0.75}}}, **VERSION)
    ask(400, "POST", STATEMENTS, sent)
    ask(401, "POST", STATEMENTS, sent, by=engine.client(), **VERSION)
    ask(403, "POST", STATEMENTS, sent, by=engine.client(fresh_id(), "student"), **VERSION)
    ask(415, "POST", STATEMENTS, sent, Content_Type="text/plain", **VERSION)


# Refusals


def test_headers_of_refusals_are_as_described(engine, ask, student):
    body = {"student_id": student}
    ask(401, "POST", QUERY, body, by=engine.client())
    ask(401, "POST", QUERY, body, by=engine.client(student, exp=1))
    ask(403, "POST", QUERY, body, by=engine.client(fresh_id(), "student"))
    ask(415, "POST", QUERY, body, Content_Type="text/plain")
    twice = {"Authorization": "Bearer x", "authorization": "Bearer x"}
    ask(400, "GET", "/health", by=engine.client(), **twice)


def test_a_refused_media_type_names_those_of_the_document(engine, document, admin):
    refused = {}
    for path, method, operation in operations_with_body(document):
        client = engine.sidecar() if operation.get("x-listener") == "sidecar" else admin
        if path.startswith("/dapr/"):
            headers = {"dapr-api-token": engine.values["APP_API_TOKEN"]}
        else:
            headers = {"X-Experience-API-Version": "1.0.3"}
        query = f"?statementId={uuid.uuid4()}" if method == "put" and "xapi" in path else ""
        address = re.sub(r"{\w+}", str(uuid.uuid4()), path) + query
        headers["Content-Type"] = "text/plain"
        response = client.request(method.upper(), address, body="x", headers=headers)
        assert response.status == 415, f"{method} {path}: {response}"
        refused[method, path] = response.headers["Accept"].split(", ")
        assert set(refused[method, path]) == set(operation["requestBody"]["content"]), path
    cloudevents = ["application/cloudevents+json", "application/cloudevents-batch+json", "application/json"]
    assert refused["post", "/api/v1/events"] == refused["post", "/dapr/events"] == cloudevents
    assert refused["put", "/xapi/statements"] == ["application/json"]


@pytest.mark.parametrize("path", ["/dapr/subscribe", "/dapr/config"])
def test_what_is_the_sidecars_is_missing_elsewhere(engine, ask, path):
    ask(404, "GET", path, by=engine.client())
    ask(200, "GET", path, by=engine.sidecar())


@pytest.mark.parametrize("method, path", [("GET", "/health"), ("POST", STATEMENTS)])
def test_one_request_too_many_is_as_described(limited, described, method, path):
    client = limited.client(fresh_id(), "student")
    described(until_refused(lambda _: client.request(method, path))[-1], method, path)


def test_answers_without_the_store_are_as_described(start_engine, ask, student):
    engine = start_engine(POOL_SIZE=1)
    own, body = engine.client(student), {"student_id": student}
    ask(200, "POST", CALCULATE, calculation(student), by=own)
    ask(200, "POST", QUERY, body, by=own)
    store = redis_process(engine)
    store.stop()
    stale = ask(200, "POST", QUERY, body, by=own)
    assert stale.headers["X-Cache"] == "STALE" and stale.headers["Age"]
    ask(503, "POST", NEXT_WEEK, body, by=own)
    ask(503, "POST", STATEMENTS, statement(student), by=own, **VERSION)
    ask(503, "POST", PROCESS + "/prediction", body, by=own)
    assert ask(503, "GET", "/ready", by=own).json["status"] == "not_ready"
    store.start()


@pytest.mark.parametrize("path", ["/openapi.json", ABOUT, "/xapi/about"])
def test_what_clients_ask_first_is_as_described(ask, path):
    ask(200, "GET", path)


# Requests


def taken(document, path, method="post"):
    """The headers that the operation takes: name, whether it is required."""
    declared = document["paths"][path][method]["parameters"]
    parameters = [resolve(document, parameter) for parameter in declared]
    return {p["name"]: p["required"] for p in parameters if p["in"] == "header"}


EVERYWHERE = {"X-Request-ID": False, "traceparent": False}


@pytest.mark.parametrize("path", sorted({row[1] for row in REPEATED}))
def test_a_key_is_taken(document, path):
    assert taken(document, path) == {**EVERYWHERE, "Idempotency-Key": False}


def test_a_version_is_taken(document):
    assert taken(document, STATEMENTS) == {**EVERYWHERE, "X-Experience-API-Version": True}
    assert taken(document, ABOUT, "get") == EVERYWHERE


@pytest.mark.parametrize("path", [QUERY, NEXT_WEEK, PROCESS + "/path"])
def test_no_key_is_taken(document, path):
    assert taken(document, path) == EVERYWHERE
