# SPDX-License-Identifier: GPL-3.0-or-later
"""POST /api/v1/events: CloudEvents of publishers without Dapr; and what makes an event the same one
again, here as on /dapr/events (docs/events.md, CloudEvents)."""
import json

import pytest
from harness.cloudevents import STRUCTURED, base64_of, own
from harness.events import event
from harness.expect import assert_ok
from harness.model import Student, assert_agrees


def by_dapr(engine):
    client, token = engine.sidecar(), engine.values["APP_API_TOKEN"]

    def deliver(body, content_type=STRUCTURED, **headers):
        headers = {"dapr-api-token": token, "Content-Type": content_type, **headers}
        response = client.request("POST", "/dapr/events", body=json.dumps(body), headers=headers)
        assert assert_ok(response) == {"status": "SUCCESS"}

    return deliver


@pytest.fixture(params=[by_dapr], ids=["dapr"])
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
