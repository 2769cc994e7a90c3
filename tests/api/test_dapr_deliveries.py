# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sidecar delivers gets a status that it does not repeat for ever, of whatever size and form
(hazards Y1, Y9)."""
import json

import pytest
from harness.cloudevents import STRUCTURED, base64_of, bulk, own, raw, wrapped
from harness.engine import fresh_id
from harness.events import event
from harness.expect import assert_ok
from harness.model import Student, assert_agrees
from harness.sidecar import Sidecar
from harness.store import dead_letters

MIB = 1 << 20


@pytest.fixture
def deliver(engine):
    """deliver(body, content_type, headers): the response as the sidecar gets it."""
    sidecar = Sidecar(app=engine.dapr_url, app_token=engine.values["APP_API_TOKEN"])

    def send(body, content_type=STRUCTURED, **headers):
        body = body if isinstance(body, (str, bytes)) else json.dumps(body)
        return sidecar.call_app(
            "POST", "/dapr/events", body=body, headers={"Content-Type": content_type, **headers}
        )

    return send


def status(response):
    return assert_ok(response)["status"]


def last_letter(engine):
    return dead_letters(engine.redis())[-1]


# Size

TOO_LARGE = {
    "4 194 000 bytes in an envelope": lambda student: wrapped(
        {"student_id": student, "data": "x" * 4194000}
    ),
    "quotes, twice as long in JSON": lambda student: wrapped('"' * 2200000),
    "controls, six times as long in JSON": lambda student: wrapped("\1" * 4194000),
    "raw, in base64": lambda student: raw({"student_id": student, "data": "x" * 4194000}),
}


@pytest.mark.parametrize("form", TOO_LARGE)
def test_event_of_any_size_is_dropped_and_leaves_a_letter(engine, deliver, student, form):
    body = json.dumps(TOO_LARGE[form](student))
    before = len(dead_letters(engine.redis()))
    assert status(deliver(body)) == "DROP"
    assert len(dead_letters(engine.redis())) == before + 1


def test_letter_of_a_large_event_has_its_head_and_its_student(engine, deliver, student):
    body = json.dumps(wrapped({"student_id": student, "text": "x" * 5 * MIB}))
    assert status(deliver(body)) == "DROP"
    letter = last_letter(engine)
    assert letter["event"] == body[:16384]
    assert engine.redis().zrangebylex("queue:{dead}:index", f"[{student} ", f"[{student}!")


@pytest.mark.parametrize(
    "head",
    [
        '{"student_id":"\\u0061%s","data":"',  # an escaped id
        '{"student_id":12345,"subject":"%s","data":"',
        '{"text":"{\\"student_id\\":\\"%s\\"}","data":"',
        '{"student_ids":[1,2],"subject":"%s","data":"',
        '{"name":"%s","data":"',  # no known student
    ],
)
def test_head_in_which_somebody_could_be_overlooked_is_not_kept(engine, deliver, student, head):
    body = head % student + "x" * 5 * MIB + '"}'
    assert status(deliver(body)) == "DROP"
    letter = last_letter(engine)
    assert letter["event"] is None and letter["bytes_not_kept"] == len(body)


@pytest.mark.parametrize("content_type, found", [(STRUCTURED, 200), ("application/json", 404)])
def test_what_nginx_does_not_pass_on_is_dropped_too(deliver, content_type, found):
    """404 drops all events of a list."""
    response = deliver("x" * 33 * MIB, content_type)
    assert response.status == found and json.loads(response.body) == {"status": "DROP"}


def test_other_routes_of_the_sidecar_keep_their_limits(engine, deliver):
    client = engine.sidecar(token=engine.token(fresh_id(), "admin"))
    response = client.request("POST", "/api/v1/mastery/query", body="x" * 2 * MIB)
    assert response.status == 413


# Headers: the metadata of the publisher


@pytest.mark.parametrize(
    "headers",
    [
        {"metadata-note": "n" * 20000},
        {f"metadata-{i}": "n" * 1000 for i in range(100)},
        {"Authorization": "Bearer " + "n" * 20000},
        {"ce-id": "n" * 20000, "Idempotency-Key": "k" * 9000, "X-Request-ID": "!"},
        {"If-Match": "*", "If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT", "Range": "bytes=9-"},
    ],
    ids=["one of 20 kB", "100 kB", "a token", "of the engine", "conditions"],
)
def test_event_with_large_metadata_counts(engine, admin, deliver, student, headers):
    body, model = event("quiz.completed", student), Student()
    model.ingest(body)
    assert status(deliver(wrapped(body), **headers)) == "SUCCESS"
    assert_agrees(admin, student, model)


@pytest.mark.parametrize(
    "headers",
    [
        {"metadata-note": "n" * 100000},
        {f"metadata-{i}": "n" * 30000 for i in range(10)},
        {"Authorization": "n" * 30000, "ce-id": "n" * 30000},
    ],
    ids=["one", "all", "passed on"],
)
def test_event_with_more_metadata_than_fits_is_dropped(deliver, student, headers):
    assert status(deliver(wrapped(event("quiz.completed", student)), **headers)) == "DROP"


def test_other_routes_refuse_large_headers(engine):
    client = engine.sidecar(token=engine.token(fresh_id(), "admin"))
    assert client.get("/api/v1/cohorts", headers={"note": "n" * 100000}).status == 431


# Form: what a single delivery means, an entry of a bulk means too

FORMS = {
    "bare": lambda body: body,
    "bare in an envelope": wrapped,
    "bare in base64": raw,
    "an envelope in an envelope": lambda body: wrapped(own(body)),
    "an envelope in base64": lambda body: raw(own(body)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_counts_once_singly_and_in_bulk(admin, deliver, student, form):
    body, model = event("quiz.completed", student), Student()
    model.ingest(body)
    delivered = FORMS[form](body)
    assert status(deliver(delivered)) == "SUCCESS"
    entries = bulk(delivered, base64_of(delivered))
    statuses = assert_ok(deliver(entries, "application/json"))["statuses"]
    assert [entry["status"] for entry in statuses] == ["SUCCESS"] * 2
    assert_agrees(admin, student, model)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_dropped_singly_and_in_bulk(engine, deliver, student, form):
    delivered = FORMS[form](event("quiz.completed", student, score=2))
    assert status(deliver(delivered)) == "DROP"
    reason = last_letter(engine)["reason"]
    assert "data.score" in reason
    entries = bulk(delivered, base64_of(delivered))
    statuses = assert_ok(deliver(entries, "application/json"))["statuses"]
    assert [entry["status"] for entry in statuses] == ["DROP"] * 2
    assert [letter["reason"] for letter in dead_letters(engine.redis())[-2:]] == [reason] * 2


# Bulk


def test_bulk_of_large_events_counts(admin, deliver):
    """Ten events of 500 kB, which is how many Redis hands out at once."""
    bodies = [{**event("quiz.completed", fresh_id()), "note": "x" * 500000} for _ in range(10)]
    statuses = assert_ok(deliver(bulk(*map(wrapped, bodies)), "application/json"))["statuses"]
    assert [entry["status"] for entry in statuses] == ["SUCCESS"] * 10


BAD_NEIGHBOURS = {
    "larger than an event may be": lambda: json.dumps(wrapped("x" * 13 * MIB)),
    "six times as long in JSON": lambda: json.dumps(wrapped("\1" * 4194000)),
    "too many values": lambda: json.dumps(wrapped([0] * 130000)),
    "nested too deep": lambda: json.dumps(wrapped(json.loads("[" * 40 + "]" * 40))),
    "a NUL character": lambda: json.dumps(wrapped("\0")),
    "half a character": lambda: json.dumps(wrapped("\ud800")),
    "a key twice": lambda: '{"specversion":"1.0","specversion":"1.0"}',
    "brackets and quotes in text": lambda: json.dumps(wrapped('"}]}\\"[{\\')),
    "no event": lambda: "null",
}


def statuses_of(response):
    return [entry["status"] for entry in assert_ok(response)["statuses"]]


def bulk_text(*events):
    """The text of a bulk with these texts as its events."""
    body = json.dumps(bulk(*(f"event {i}" for i in range(len(events)))))
    for i, text in enumerate(events):
        body = body.replace(f'"event {i}"', text, 1)
    return body


@pytest.mark.parametrize("neighbour", BAD_NEIGHBOURS)
def test_bad_entry_of_a_bulk_is_dropped_alone(engine, admin, deliver, student, neighbour):
    before, model = len(dead_letters(engine.redis())), Student()
    bodies = [event("quiz.completed", student) for _ in range(2)]
    for body in bodies:
        model.ingest(body)
    first, last = (json.dumps(wrapped(body)) for body in bodies)
    response = deliver(bulk_text(first, BAD_NEIGHBOURS[neighbour](), last), "application/json")
    assert statuses_of(response) == ["SUCCESS", "DROP", "SUCCESS"]
    assert_agrees(admin, student, model)
    assert len(dead_letters(engine.redis())) == before + 1


def test_largest_bulk_counts(deliver):
    """With more values than a single request may have."""
    topics = [f"topic-{i}" for i in range(20)]
    bodies = [event("quiz.completed", fresh_id(), topic_ids=topics) for _ in range(1000)]
    note = {f"key {i}": [] for i in range(10)}
    left = [wrapped({**body, "note": note}) for body in bodies]
    while left:
        outcomes = statuses_of(deliver(bulk(*left), "application/json"))
        assert outcomes[0] == "SUCCESS" and set(outcomes) <= {"SUCCESS", "RETRY"}
        left = [item for item, outcome in zip(left, outcomes) if outcome == "RETRY"]


def test_bulk_longer_than_is_parsed_at_once_is_delivered_in_parts(deliver):
    left = [wrapped({**event("quiz.completed", fresh_id()), "note": "x" * 3 * MIB}) for _ in range(9)]
    calls = 0
    while left:
        outcomes = statuses_of(deliver(bulk(*left), "application/json"))
        assert outcomes[0] == "SUCCESS" and set(outcomes) <= {"SUCCESS", "RETRY"}
        left, calls = [item for item, outcome in zip(left, outcomes) if outcome == "RETRY"], calls + 1
    assert calls == 3


@pytest.mark.parametrize("cut", ["]", '"entries"', '"entryId": "0"'])
def test_bulk_that_is_cut_off_is_dropped(engine, deliver, cut):
    """404 makes the sidecar drop it: its entries cannot have a status each."""
    before = len(dead_letters(engine.redis()))
    body = json.dumps(bulk(wrapped({}))).replace(cut, "", 1)
    response = deliver(body, "application/json")
    assert response.status == 404 and json.loads(response.body) == {"status": "DROP"}
    assert len(dead_letters(engine.redis())) == before + 1


def test_deliveries_as_the_sidecar_makes_them_count(engine, admin, student):
    sidecar = Sidecar(app=engine.dapr_url, app_token=engine.values["APP_API_TOKEN"])
    assert sidecar.probe() == 200
    bodies = [event(kind, student) for kind in ("quiz.completed", "lesson.viewed", "exercise.completed")]
    model = Student()
    for body in bodies:
        model.ingest(body)
    envelopes = [sidecar.envelope(body, expiration="2099-01-01T00:00:00Z") for body in bodies]
    assert sidecar.deliver(envelopes[0], metadata={"ttlInSeconds": "9"}) == "SUCCESS"
    assert sidecar.deliver_bulk([envelopes[1], sidecar.envelope({}), base64_of(bodies[2])]) == [
        "SUCCESS",
        "DROP",
        "SUCCESS",
    ]
    assert sidecar.deliver_by_policy(envelopes * 10) == ["SUCCESS"] * 30
    assert_agrees(admin, student, model)
