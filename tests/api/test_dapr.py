# SPDX-License-Identifier: GPL-3.0-or-later
"""/dapr: what the sidecar asks, and the events that it brings (protocols: Dapr, CloudEvents)."""
import base64
import contextlib
import json
import re

import pytest
from harness.cloudevents import (
    BATCH,
    STRUCTURED,
    base64_of,
    binary_headers,
    bulk,
    own,
    raw,
    wrapped,
)
from harness.engine import fresh_id, redis_process
from harness.events import GOOD, event, now_ms
from harness.expect import assert_ok, assert_problem
from harness.model import DAY_MS, Student, assert_agrees
from harness.store import dead_letters
from harness.wait import wait_for


class Sidecar:
    """The side of Dapr that calls its app."""

    def __init__(self, engine):
        self.client = engine.sidecar()
        self.token = engine.values["APP_API_TOKEN"]

    def send(self, body, content_type=STRUCTURED, **headers):
        """Posts to /dapr/events; the answer's JSON."""
        headers = {"dapr-api-token": self.token, "Content-Type": content_type, **headers}
        body = body if isinstance(body, (str, bytes)) else json.dumps(body)
        return assert_ok(self.client.request("POST", "/dapr/events", body=body, headers=headers))

    def status(self, *arguments, **headers):
        response = self.send(*arguments, **headers)
        assert set(response) == {"status"}
        return response["status"]

    def statuses(self, *entries):
        response = self.send(bulk(*entries), "application/json")
        assert set(response) == {"statuses"}
        names = [row["entryId"] for row in response["statuses"]]
        assert names == [str(index) for index in range(len(entries))]
        return [row["status"] for row in response["statuses"]]


@pytest.fixture
def sidecar(engine):
    side = Sidecar(engine)
    yield side
    side.client.close()


def letters(engine):
    return dead_letters(engine.redis())


def letters_about(engine, mark):
    return [letter for letter in letters(engine) if mark in json.dumps(letter)]


def has_data(admin, student):
    return admin.post("/api/v1/mastery/query", {"student_id": student}).status == 200


# What is asked at the start


def test_subscription_names_the_topic_and_our_route(engine):
    response = engine.sidecar().get("/dapr/subscribe")
    [subscription] = assert_ok(response)
    assert subscription == {
        "pubsubname": "pubsub",
        "topic": "learning.events",
        "route": "/dapr/events",
    }


def test_config_is_empty_and_open(engine):
    assert assert_ok(engine.sidecar().get("/dapr/config")) == {}


def test_subscription_is_as_configured_and_there_without_the_store(start_engine):
    engine = start_engine(
        DAPR_PUBSUB="kafka",
        DAPR_TOPIC_EVENTS="lessons",
        DAPR_TOPIC_DEAD="lessons.dead",
        DAPR_BULK_MESSAGES=50,
        POOL_SIZE=1,
    )
    redis_process(engine).stop()
    [subscription] = assert_ok(engine.sidecar().get("/dapr/subscribe"))
    assert subscription == {
        "pubsubname": "kafka",
        "topic": "lessons",
        "route": "/dapr/events",
        "deadLetterTopic": "lessons.dead",
        "bulkSubscribe": {"enabled": True, "maxMessagesCount": 50, "maxAwaitDurationMs": 20},
    }


# Who may bring events


@pytest.mark.parametrize("token", [None, "", "wrong", "x" * 5000])
def test_events_need_the_sidecars_token(engine, admin, student, token):
    headers = {"Content-Type": STRUCTURED}
    if token is not None:
        headers["dapr-api-token"] = token
    body = json.dumps(own(event("quiz.completed", student)))
    response = engine.sidecar().request("POST", "/dapr/events", body=body, headers=headers)
    assert_problem(response, 401, "AUTH_ERROR")
    assert not has_data(admin, student)


@pytest.mark.parametrize("role", ["student", "admin"])
def test_a_users_token_does_not_open_events(engine, student, role):
    client = engine.sidecar(token=engine.token(student, role))
    body = json.dumps(own(event("quiz.completed", student)))
    response = client.request(
        "POST", "/dapr/events", body=body, headers={"Content-Type": STRUCTURED}
    )
    assert_problem(response, 401)


def test_publishers_authorization_beside_the_sidecars_token_is_not_looked_at(sidecar, student):
    body = own(event("quiz.completed", student))
    assert sidecar.status(body, Authorization="Bearer nonsense") == "SUCCESS"


# Ways in


def as_text(body):
    return wrapped(json.dumps(body), datacontenttype="text/plain")


WAYS = {
    "wrapped": wrapped,
    "wrapped as text": as_text,
    "own envelope": own,
    "own envelope around the whole body": lambda body: own(body, data=body),
    "raw payload": raw,
    "extensions and nulls": lambda body: own(
        body,
        traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01",
        expiration=None,
        dataschema=None,
    ),
}
WITHOUT_EVENT_ID = ("own envelope", "extensions and nulls")  # source and id identify the event


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("event_type", GOOD)
def test_structured_events_count(admin, sidecar, student, event_type, way):
    body, model = event(event_type, student), Student()
    model.ingest(body)
    assert sidecar.status(WAYS[way](body)) == "SUCCESS"
    assert_agrees(admin, student, model)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/cloudevents+json; charset=utf-8",
        "APPLICATION/CloudEvents+JSON",
        "application/json",
    ],
)
def test_envelope_in_other_content_types(admin, sidecar, student, content_type):
    assert sidecar.status(wrapped(event("quiz.completed", student)), content_type) == "SUCCESS"
    assert has_data(admin, student)


@pytest.mark.parametrize("event_type", GOOD)
def test_binary_events_count(admin, sidecar, student, event_type):
    body, model = event(event_type, student), Student()
    model.ingest(body)
    headers = binary_headers(body)
    content_type = headers.pop("Content-Type")
    assert sidecar.status(body["data"], content_type, **headers) == "SUCCESS"
    assert_agrees(admin, student, model)


def test_binary_attributes_are_decoded(admin, sidecar):
    student = fresh_id()
    body = event("quiz.completed", student)
    quoted = {"ce-subject": f'"{student}"', "ce-source": "Euro%20%E2%82%AC%20%F0%9F%98%80"}
    headers = binary_headers(body, **quoted, **{"ce-type": "quiz%2Ecompleted"})
    del headers["Content-Type"]
    assert sidecar.status(body["data"], "text/plain", **headers) == "SUCCESS"
    assert has_data(admin, student)


@pytest.mark.parametrize(
    "attributes",
    [
        {"ce-source": "%C0%A0"},
        {"ce-source": "%4"},
        {"ce-source": '"open'},
        {"ce-subject": "%00"},
        {"ce-specversion": "0.3"},
        {"ce-time": "yesterday"},
        {"ce-datacontenttype": "application/json"},
        {"ce-type": "quiz.gone"},
    ],
    ids=str,
)
def test_badly_encoded_binary_events_are_dropped(engine, admin, sidecar, student, attributes):
    body = event("quiz.completed", student)
    headers = binary_headers(body, **attributes)
    content_type = headers.pop("Content-Type")
    assert sidecar.status(body["data"], content_type, **headers) == "DROP"
    assert not has_data(admin, student)


def test_events_of_many_in_one_call_each_get_their_status(engine, admin, sidecar):
    students = [fresh_id() for _ in range(3)]
    bodies = [event("quiz.completed", student) for student in students]
    bad = wrapped(event("quiz.completed", fresh_id("bad"), score=2))
    found = sidecar.statuses(
        wrapped(bodies[0]),
        bad,
        base64_of(bodies[1]),
        "no base64!",
        base64_of(own(bodies[2])),
        7,
        None,
    )
    assert found == ["SUCCESS", "DROP", "SUCCESS", "DROP", "SUCCESS", "DROP", "DROP"]
    assert all(has_data(admin, student) for student in students)


def test_many_events_of_few_students_in_one_call(admin, sidecar):
    """More than go to the store at once, several for each student, of past days too."""
    plan = {fresh_id(): Student() for _ in range(3)}
    bodies = []
    for index in range(150):
        student = list(plan)[index % 3]
        body = event("quiz.completed", student, now_ms() - index % 7 * DAY_MS, score=index / 150)
        plan[student].ingest(body)
        bodies.append(body)
    assert sidecar.statuses(*map(wrapped, bodies)) == ["SUCCESS"] * 150
    for student, model in plan.items():
        assert_agrees(admin, student, model)


def test_entries_without_a_name_are_not_spoken_of(sidecar, student):
    body = bulk(*(wrapped(event("quiz.completed", student)) for _ in range(2)))
    del body["entries"][0]["entryId"]
    response = sidecar.send(body, "application/json")
    assert response == {"statuses": [{"entryId": "1", "status": "SUCCESS"}]}


def test_empty_bulk(sidecar):
    assert sidecar.send(bulk(), "application/json") == {"statuses": []}


def test_batch_of_cloudevents(admin, sidecar, student):
    good, bad = own(event("quiz.completed", student)), {"specversion": "1.0"}
    assert sidecar.status([good], BATCH) == "SUCCESS"
    assert sidecar.status([good, bad], BATCH) == "SUCCESS"
    assert sidecar.status([bad], BATCH) == "DROP"
    assert sidecar.status([], BATCH) == "SUCCESS"
    assert has_data(admin, student)


# Twice


@pytest.mark.parametrize("way", WAYS)
def test_twice_is_success_twice_and_counts_once(admin, sidecar, student, way):
    body, model = event("quiz.completed", student), Student()
    model.ingest(body)
    for _ in range(3):
        assert sidecar.status(WAYS[way](body)) == "SUCCESS"
    again = WAYS[way](body) if way in WITHOUT_EVENT_ID else wrapped(body)
    assert sidecar.statuses(WAYS[way](body), again, again) == ["SUCCESS"] * 3
    assert_agrees(admin, student, model)


def test_by_http_and_by_dapr_is_still_once(admin, sidecar, student):
    body, model = event("quiz.completed", student), Student()
    model.ingest(body)
    assert_ok(admin.post("/api/v1/mastery/ingest", body), 202)
    assert sidecar.status(own(body, data=body)) == "SUCCESS"
    assert_agrees(admin, student, model)


# Never to be taken


def without(mapping, *names):
    return {name: value for name, value in mapping.items() if name not in names}


def cases():
    body = event("quiz.completed", "dropped")
    yield "no JSON", "{", "JSON"
    yield "no object", "[1]", "event"
    yield "null", "null", "event"
    yield "NUL in it", json.dumps(own(body, id="a\u0000b")), "JSON"
    for name in ("id", "source", "specversion", "type"):
        yield f"no {name}", without(wrapped(body), name), name
        yield f"null {name}", wrapped(body, **{name: None}), name
        yield f"empty {name}", wrapped(body, **{name: ""}), name
        yield f"{name} no text", wrapped(body, **{name: 5}), name
        yield f"{name} with controls", wrapped(body, **{name: "a\u0085b"}), name
    yield "another version", wrapped(body, specversion="1.1"), "specversion"
    yield "empty subject", own(body, subject=""), "subject"
    yield "bad time", wrapped(body, time="now"), "time"
    yield "no data", without(wrapped(body), "data"), "data"
    yield "both data", wrapped(body, data_base64="e30="), "data_base64"
    yield "data no object", wrapped([body]), "data"
    yield "data no JSON", wrapped("text"), "data"
    yield "data a number", wrapped(7), "data"
    yield "bad base64", without(wrapped(body, data_base64="e30"), "data"), "data_base64"
    yield "base64 no text", without(wrapped(body, data_base64=7), "data"), "data_base64"
    yield "no student", wrapped(without(body, "student_id")), "student_id"
    yield "bad student", own(body, subject="a b"), "student_id"
    yield "no event type", wrapped(without(body, "event_type")), "event_type"
    yield "types that differ", own(body, data=body, type="lesson.viewed"), "event_type"
    yield "no event id where Dapr made the envelope", wrapped(without(body, "event_id")), "event_id"
    yield "no event id in a raw payload", raw(without(body, "event_id")), "event_id"
    yield "no time where Dapr made the envelope", wrapped(without(body, "timestamp")), "timestamp"
    for name, offset_ms in (("too old", -91 * DAY_MS), ("too early", 2 * 3600000)):
        yield name, wrapped(event("quiz.completed", "dropped", now_ms() + offset_ms)), "timestamp"
    yield "bad data", wrapped(event("quiz.completed", "dropped", score=2)), "data.score"


CASES = list(cases())


def is_about_a_student(body):
    """Otherwise nobody could find it when the student is to be erased, so it is not kept."""
    text = json.dumps(body)
    for encoded in re.findall(r"[A-Za-z0-9+/]{16,}={0,2}", text):
        with contextlib.suppress(ValueError):
            text += base64.b64decode(encoded, validate=True).decode()
    return isinstance(body, dict) and '"dropped"' in text.replace("\\", "")


@pytest.mark.parametrize("body, named", [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_invalid_event_is_dropped_and_kept_as_a_dead_letter(engine, sidecar, body, named):
    before = len(letters(engine))
    assert sidecar.status(body) == "DROP"
    kept = letters(engine)
    assert len(kept) == before + 1
    assert set(kept[-1]) - {"bytes_not_kept"} == {"reason", "source", "event", "at"}
    assert kept[-1]["source"] == "dapr" and named in kept[-1]["reason"]
    if is_about_a_student(body):
        assert kept[-1]["event"] == body and "bytes_not_kept" not in kept[-1]
    else:
        assert kept[-1]["event"] is None and kept[-1]["bytes_not_kept"] > 0


def test_dropped_events_leave_no_data(admin):
    assert not has_data(admin, "dropped")


def test_large_dead_letter_is_cut(engine, sidecar):
    assert sidecar.status(wrapped({"student_id": "dropped", "data": "x" * 200000})) == "DROP"
    kept = letters(engine)[-1]
    assert isinstance(kept["event"], str) and len(kept["event"]) == 16384


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/mixed", ""])
def test_other_content_types_are_415(engine, content_type):
    headers = {"dapr-api-token": engine.values["APP_API_TOKEN"], "Content-Type": content_type}
    response = engine.sidecar().request("POST", "/dapr/events", body="{}", headers=headers)
    assert_problem(response, 415)


# The store away


def test_store_down_is_retry_and_back_is_success(start_engine):
    engine = start_engine(POOL_SIZE=1, STORE_BREAKER_OPEN_MS=100)
    sidecar, admin, student = Sidecar(engine), engine.admin(), fresh_id()
    body, model = event("quiz.completed", student), Student()
    model.ingest(body)
    assert sidecar.status(wrapped(body)) == "SUCCESS"
    store = redis_process(engine)
    store.stop()
    other = event("lesson.viewed", student)
    model.ingest(other)
    bad = wrapped(event("quiz.completed", student, score=2))
    assert sidecar.status(wrapped(body)) == "RETRY"
    assert sidecar.status(bad) == "RETRY", "dropped without a dead letter"
    assert sidecar.statuses(wrapped(other), bad, raw(body)) == ["RETRY"] * 3
    assert sidecar.status([own(other), bad], BATCH) == "RETRY"
    store.start()
    wait_for(engine.ready, "ready")
    wait_for(lambda: sidecar.status(wrapped(other)) == "SUCCESS", "taken")
    assert sidecar.statuses(wrapped(other), bad, raw(body)) == ["SUCCESS", "DROP", "SUCCESS"]
    assert_agrees(admin, student, model)


def test_events_are_counted_in_the_metrics(engine, sidecar, student):
    def counted(kind, status):
        name = "mastery_engine_events_processed_total"
        line = f'{name}{{event_type="{kind}",status="{status}"}}'
        text = engine.client().get("/metrics").text
        return sum(float(row.split()[-1]) for row in text.splitlines() if row.startswith(line))

    kinds = [("milestone.reached", "accepted"), ("milestone.reached", "duplicate")]
    kinds += [("milestone.reached", "rejected"), ("unknown", "rejected")]
    before = [counted(*kind) for kind in kinds]
    body = event("milestone.reached", student)
    bad = event("milestone.reached", student, milestone_value=-1)
    sidecar.statuses(wrapped(body), wrapped(body), wrapped(bad), wrapped({}))
    assert [counted(*kind) for kind in kinds] == [number + 1 for number in before]
