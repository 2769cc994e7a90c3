# SPDX-License-Identifier: GPL-3.0-or-later
"""POST /api/v1/events: CloudEvents of publishers without Dapr (docs/events.md, CloudEvents); and what
makes an event the same one again, here and on /dapr/events."""
import json

import pytest
from harness.cloudevents import BATCH, STRUCTURED, base64_of, binary_headers, own, wrapped
from harness.engine import fresh_id, redis_process
from harness.events import GOOD, event
from harness.expect import assert_invalid, assert_ok, assert_problem
from harness.model import Student, assert_agrees
from harness.wait import wait_for

EVENTS = "/api/v1/events"


def post(client, body, content_type=STRUCTURED, **headers):
    headers = {"Content-Type": content_type, **headers}
    body = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return client.request("POST", EVENTS, body=body, headers=headers)


def accepted(response, count=1):
    """The ids under which the events are recorded."""
    answer = assert_ok(response, 202)
    assert set(answer) == {"status", "event_ids", "correlation_id"}
    assert answer["status"] == "accepted" and len(answer["event_ids"]) == count
    return answer["event_ids"]


def by_dapr(engine):
    client, token = engine.sidecar(), engine.values["APP_API_TOKEN"]

    def deliver(body, content_type=STRUCTURED, **headers):
        headers = {"dapr-api-token": token, "Content-Type": content_type, **headers}
        response = client.request("POST", "/dapr/events", body=json.dumps(body), headers=headers)
        assert assert_ok(response) == {"status": "SUCCESS"}

    return deliver


def by_http(engine):
    client = engine.admin()
    return lambda *arguments, **headers: accepted(post(client, *arguments, **headers))


@pytest.fixture(params=[by_dapr, by_http], ids=["dapr", "http"])
def deliver(request, engine):
    """Delivers an event, which must be accepted."""
    return request.param(engine)


def exported_events(admin, student):
    response = admin.get(f"/api/v1/compliance/export/{student}")
    return assert_ok(response)["data"]["events"]


# What makes an event the same one again


def test_same_id_of_two_sources_was_one_event_and_the_second_was_lost(admin, deliver, student):
    """Field case C03: an id is unique only within its source."""
    model = Student()
    for source, score in (("/quiz-service", 0.2), ("/exam-service", 1)):
        body = event("quiz.completed", student, score=score, questions_correct=int(10 * score))
        model.ingest(body)
        for _ in range(2):
            deliver(own(body, id="partition:0/offset:3", source=source))
    assert len(exported_events(admin, student)) == 2
    assert_agrees(admin, student, model)


def test_source_and_id_are_not_joined_ambiguously(admin, deliver, student):
    body = event("quiz.completed", student)
    for source, identity in (("/a", "b/c"), ("/a/b", "c"), ("/a/b/c", "c")):
        deliver(own(body, source=source, id=identity))
    assert len(exported_events(admin, student)) == 3


IDS = ["1", "42", "order 12345678", "éval-0001", "p" * 90, "x" * 2000, '"<&>\\', "日本語 😀"]


@pytest.mark.parametrize("identity", IDS, ids=range(len(IDS)))
def test_id_in_another_form_than_ours_was_dropped(admin, deliver, student, identity):
    """Field case C11: an id is any text that is not empty."""
    body, model = event("quiz.completed", student), Student()
    model.ingest(body)
    for _ in range(2):
        deliver(own(body, id=identity))
    [stored] = exported_events(admin, student)
    assert 8 <= len(stored["event_id"]) <= 64 and stored["event_id"].isascii()
    assert_agrees(admin, student, model)


def test_own_envelope_around_base64_was_dropped(admin, deliver, student):
    """Field case C05: data_base64 carries the same data; the envelope's id, subject and time hold."""
    body, model = event("quiz.completed", student), Student()
    model.ingest(body)
    envelope = own(body)
    deliver({**envelope, "data": None, "data_base64": base64_of(envelope["data"])})
    deliver(envelope)
    assert len(exported_events(admin, student)) == 1
    assert_agrees(admin, student, model)


def test_event_id_in_the_data_counts_before_source_and_id(admin, deliver, student):
    body, model = event("quiz.completed", student), Student()
    model.ingest(body)
    assert_ok(admin.post("/api/v1/mastery/ingest", body), 202)
    for source in ("/a", "/b"):
        deliver(own(body, source=source, id=source, data=body))
        deliver(own(body, source=source, data={**body["data"], "event_id": body["event_id"]}))
    assert len(exported_events(admin, student)) == 1
    assert_agrees(admin, student, model)


# Forms


@pytest.mark.parametrize("event_type", GOOD)
def test_structured_event_counts(admin, student, event_type):
    body, model = event(event_type, student), Student()
    model.ingest(body)
    [identity] = accepted(post(admin, own(body)))
    assert accepted(post(admin, own(body))) == [identity]
    assert [e["event_id"] for e in exported_events(admin, student)] == [identity]
    assert_agrees(admin, student, model)


@pytest.mark.parametrize("event_type", GOOD)
def test_binary_event_counts(admin, student, event_type):
    body, model = event(event_type, student), Student()
    model.ingest(body)
    headers = binary_headers(body)
    identities = accepted(post(admin, body["data"], headers.pop("Content-Type"), **headers))
    assert accepted(post(admin, own(body))) == identities, "the form does not matter"
    assert_agrees(admin, student, model)


@pytest.mark.parametrize("content_type", ["text/plain", "application/vnd.quiz+json; charset=utf-8"])
def test_binary_attributes_are_decoded_whatever_the_content_type(admin, student, content_type):
    body = event("quiz.completed", student)
    odd = {"ce-id": "Euro%20%E2%82%AC%20%F0%9F%98%80", "ce-subject": f'"{student}"'}
    identities = accepted(post(admin, body["data"], content_type, **binary_headers(body, **odd)))
    assert accepted(post(admin, own(body, id="Euro € 😀"))) == identities


def test_batch_counts_in_its_order(admin):
    plan = {fresh_id(): Student() for _ in range(3)}
    bodies = [event(kind, student) for kind in GOOD for student in plan]
    for body in bodies:
        plan[body["student_id"]].ingest(body)
    batch = [wrapped(body) if index % 2 else own(body) for index, body in enumerate(bodies)]
    batch.append(own(bodies[0]))
    identities = accepted(post(admin, batch, BATCH), len(batch))
    assert identities[1::2][: len(bodies) // 2] == [body["event_id"] for body in bodies[1::2]]
    assert identities[-1] == identities[0] and len(set(identities)) == len(bodies)
    assert accepted(post(admin, batch, BATCH), len(batch)) == identities
    for student, model in plan.items():
        assert_agrees(admin, student, model)


def test_empty_batch_is_accepted(admin):
    assert accepted(post(admin, [], BATCH), 0) == []
    assert accepted(post(admin, [], BATCH, **{"Idempotency-Key": fresh_id()}), 0) == []


def test_batch_of_a_thousand_and_no_more(admin, student):
    batch = [own(event("lesson.viewed", student)) for _ in range(1001)]
    assert_problem(post(admin, batch, BATCH), 413, "PAYLOAD_TOO_LARGE")
    assert admin.post("/api/v1/mastery/query", {"student_id": student}).status == 404
    accepted(post(admin, batch[:1000], BATCH), 1000)
    assert len(exported_events(admin, student)) == 1000


@pytest.mark.parametrize(
    "content_type", ["application/cloudevents+json; charset=utf-8", "APPLICATION/CloudEvents+JSON", "application/json"]
)
def test_envelope_in_other_content_types(admin, student, content_type):
    accepted(post(admin, own(event("quiz.completed", student)), content_type))


# Refusals


def is_unknown(admin, student):
    return admin.post("/api/v1/mastery/query", {"student_id": student}).status == 404


def malformed():
    body = event("quiz.completed", "malformed")
    for name in ("id", "source", "specversion", "type"):
        yield {**own(body), name: None}, name
        yield {**own(body), name: ""}, name
        yield {**own(body), name: 7}, name
    yield own(body, specversion="0.3"), "specversion"
    yield own(body, time="yesterday"), "time"
    yield own(body, id="a\u0085"), "id"
    yield own(body, subject=None), "student_id"
    yield own(body, subject="a b"), "student_id"
    yield own(body, time=None), "timestamp"
    yield own(body, data=None), "data"
    yield own(body, data=[1]), "data"
    yield own(body, data_base64="e30="), "data_base64"
    yield {**own(body), "data": None, "data_base64": "e30"}, "data_base64"
    yield own(body, data={**body["data"], "score": 2}), "data.score"
    yield own(body, data={**body, "event_id": "short"}), "event_id"
    yield own(body, type="lesson.viewed", data=body), "event_type"
    yield own(body, type="com.dapr.event.sent", data={**body, "event_id": None}), "event_id"
    yield 7, "event"
    yield None, "event"
    yield [own(body)], "event"


MALFORMED = list(malformed())


@pytest.mark.parametrize("body, field", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_event_refuses_its_request_and_its_batch(admin, student, body, field):
    assert_invalid(post(admin, body), field)
    good = own(event("quiz.completed", student))
    assert_invalid(post(admin, [good, body, good, body], BATCH), f"[1].{field}", f"[3].{field}")
    assert is_unknown(admin, student)


@pytest.mark.parametrize(
    "attributes, field",
    [
        ({"ce-id": None}, "id"),
        ({"ce-source": None}, "source"),
        ({"ce-specversion": None}, "specversion"),
        ({"ce-type": None}, "type"),
        ({"ce-source": "%C0%A0"}, "source"),
        ({"ce-specversion": "0.3"}, "specversion"),
        ({"ce-datacontenttype": "application/json"}, "datacontenttype"),
    ],
    ids=str,
)
def test_malformed_binary_event_is_refused(admin, student, attributes, field):
    body = event("quiz.completed", student)
    headers = binary_headers(body, **attributes)
    assert_invalid(post(admin, body["data"], headers.pop("Content-Type"), **headers), field)
    assert is_unknown(admin, student)


def test_body_that_is_no_json_or_no_list_is_refused(admin):
    for content_type in (STRUCTURED, BATCH):
        assert_problem(post(admin, "{", content_type), 400, "INVALID_JSON")
        assert_problem(post(admin, "", content_type), 400, "INVALID_JSON")
    assert_invalid(post(admin, {}, BATCH), "body")


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/cloudevents+avro", ""])
def test_other_content_types_are_415(admin, student, content_type):
    assert_problem(post(admin, own(event("quiz.completed", student)), content_type), 415)
    assert is_unknown(admin, student)


def test_body_over_four_mebibytes_is_413(admin):
    assert_problem(post(admin, b"[" + b" " * (4 << 20), BATCH), 413)


# Rights: those of ingest


def test_student_may_leave_out_the_own_id(engine, admin, student):
    client = engine.client(student)
    accepted(post(client, own(event("quiz.completed", student), subject=None)))
    accepted(post(client, own(event("quiz.completed", student))))
    assert len(exported_events(admin, student)) == 2


def test_one_missing_right_refuses_the_batch(engine, admin):
    taught, stranger, teacher = fresh_id(), fresh_id(), fresh_id("t")
    cohort = {"name": "x", "teacher_ids": [teacher], "student_ids": [taught]}
    assert admin.put(f"/api/v1/cohorts/{fresh_id('c')}", cohort).status == 201
    mine, other = (own(event("quiz.completed", one)) for one in (taught, stranger))
    for client in (engine.client(teacher, "teacher"), engine.client(taught)):
        assert_problem(post(client, [mine, other], BATCH), 403, "FORBIDDEN")
        assert_problem(post(client, other), 403, "FORBIDDEN")
        assert is_unknown(admin, taught) and is_unknown(admin, stranger)
    for client in (engine.client(teacher, "teacher"), engine.client(taught)):
        accepted(post(client, [mine], BATCH))
        accepted(post(client, mine))
    assert len(exported_events(admin, taught)) == 1


def withdraw(admin, student):
    path = f"/api/v1/compliance/consent/{student}"
    assert_ok(admin.post(path, {"consent_type": "data_processing", "granted": True}))
    assert_ok(admin.post(path + "/withdraw", {"consent_type": "data_processing"}))


def erase(admin, student):
    assert_ok(admin.delete(f"/api/v1/compliance/student/{student}"))


@pytest.mark.parametrize("forbid", [withdraw, erase])
def test_student_who_is_erased_or_wants_no_new_data_refuses_the_batch(admin, student, forbid):
    gone = fresh_id()
    accepted(post(admin, own(event("quiz.completed", gone))))
    forbid(admin, gone)
    good, bad = (own(event("quiz.completed", one)) for one in (student, gone))
    for batch in ([good, bad], [bad, good], [bad]):
        assert_problem(post(admin, batch, BATCH), 403, "FORBIDDEN")
    assert_problem(post(admin, bad), 403, "FORBIDDEN")
    assert is_unknown(admin, student)
    accepted(post(admin, [good], BATCH))


# Idempotency-Key


def keyed():
    return {"Idempotency-Key": fresh_id("key")}


def test_same_key_gets_the_first_response_again(admin, student):
    batch, key = [own(event("quiz.completed", student)) for _ in range(2)], keyed()
    first = post(admin, batch, BATCH, **key)
    accepted(first, 2)
    again = post(admin, batch, BATCH, **key)
    assert again.text == first.text and again.headers["Idempotency-Replayed"] == "true"
    assert_problem(post(admin, batch[:1], BATCH, **key), 409, "CONFLICT")


def test_same_key_with_other_attributes_in_headers_is_a_conflict(admin, student):
    """The body of both is the data alone."""
    body, key = event("quiz.completed", student), keyed()
    headers = binary_headers(body)
    accepted(post(admin, body["data"], **{"content_type": headers.pop("Content-Type")}, **headers, **key))
    for name, value in (("ce-id", "another"), ("ce-source", "another"), ("ce-subject", fresh_id())):
        response = post(admin, body["data"], "application/json", **{**headers, name: value}, **key)
        assert_problem(response, 409, "CONFLICT")
    assert post(admin, body["data"], "application/json", **headers, **key).headers["Idempotency-Replayed"] == "true"


def test_erasure_deletes_the_stored_response(engine, admin, student):
    """An event_id is the publisher's, who may have put a name into it."""
    mate, redis = fresh_id(), engine.redis()
    batch = [own(body, data=body) for body in (event("quiz.completed", one) for one in (student, mate))]
    identities = accepted(post(admin, batch, BATCH, **keyed()), 2)

    def stored():
        return [key for key in redis.scan_iter("idempotency:*") if identities[0] in (redis.get(key) or "")]

    assert len(stored()) == 1
    erase(admin, student)
    assert stored() == []


# The store away


def test_store_down_is_503_and_the_batch_counts_once_afterwards(start_engine):
    engine = start_engine(POOL_SIZE=1, STORE_BREAKER_OPEN_MS=100)
    admin, student = engine.admin(), fresh_id()
    batch = [own(event("quiz.completed", student)) for _ in range(3)]
    accepted(post(admin, batch[:1], BATCH))
    store = redis_process(engine)
    store.stop()
    assert_problem(post(admin, batch, BATCH), 503)
    store.start()
    wait_for(engine.ready, "ready")
    wait_for(lambda: post(admin, batch, BATCH).status == 202, "accepted")
    assert len(exported_events(admin, student)) == 3


# Webhook handshake


def handshake(engine, origin=None, **headers):
    headers.update({"WebHook-Request-Origin": origin} if origin else {})
    response = engine.client().request("OPTIONS", EVENTS, headers=headers)
    assert response.status == 204 and response.headers["Allow"] == "POST, OPTIONS"
    return {k.lower(): v for k, v in response.headers.items() if k.lower().startswith("webhook-")}


def test_handshake_is_granted_to_configured_origins_only(start_engine):
    engine = start_engine(WEBHOOK_ORIGINS="events.example.org, eventgrid.azure.net", POOL_SIZE=1)
    granted = handshake(engine, "Events.example.org", **{"WebHook-Request-Rate": "500"})
    assert granted == {"webhook-allowed-origin": "Events.example.org", "webhook-allowed-rate": "100"}
    assert handshake(engine, "eventgrid.azure.net")["webhook-allowed-origin"] == "eventgrid.azure.net"
    for origin in ("example.org", "events.example.org.evil.org", "*", "events.example.org, x", None):
        assert handshake(engine, origin) == {}
    callback = {"WebHook-Request-Callback": "https://example.org/confirm?id=1"}
    assert handshake(engine, "example.org", **callback) == {}
    response = engine.client().request("OPTIONS", "/api/v1/mastery/ingest", headers={"WebHook-Request-Origin": "events.example.org"})
    assert "WebHook-Allowed-Origin" not in response.headers


def test_handshake_may_be_granted_to_all_and_to_nobody(engine, start_engine):
    assert handshake(engine, "events.example.org") == {}
    granted = handshake(start_engine(WEBHOOK_ORIGINS="*", POOL_SIZE=1), "events.example.org")
    assert granted == {"webhook-allowed-origin": "*", "webhook-allowed-rate": "100"}
