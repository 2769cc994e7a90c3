# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in of the sidecar (tests/harness/sidecar.py) does what the real one does: the same scenarios run against
both, with an application that records what it gets. A difference here means: correct the stand-in."""
import difflib
import json
import re
import socket

import pytest
from conftest import API_TOKEN, TOPIC, Application, shipped
from harness.cloudevents import STRUCTURED
from harness.client import Client
from harness.sidecar import RESPONSES, Sidecar, completed
from harness.wait import wait_for

APP_TOKEN = "token of the application"
TRACING = {"tracing": shipped("Configuration")["spec"]["tracing"]}  # without it, a sidecar adds no trace
# What depends on the library that sends the request.
OF_THE_CLIENT = {"host", "accept-encoding", "user-agent", "connection", "content-length"}
# Values that differ each time.
CHANGING = {
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "trace": re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]"),
    "time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    "stream id": re.compile(r"\d+-\d+"),
    "forwarded": re.compile(r"for=[^;]+;by=[^;]+;host=[^;]+"),
    "address": re.compile(r"(\d+\.){3}\d+"),
}
OWN = {"specversion": "1.0", "id": "e-1", "source": "/lms", "type": "quiz.completed", "data": {"a": 1}}


def shape(value):
    """The value with a name in place of what differs each time."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    if value == socket.gethostname():
        return "<host>"
    for name, pattern in CHANGING.items():
        if isinstance(value, str) and pattern.fullmatch(value):
            return f"<{name}>"
    return value


def assert_same(real, own):
    texts = [json.dumps(value, indent=1, sort_keys=True, default=str).splitlines() for value in (real, own)]
    assert real == own, "\n".join(difflib.unified_diff(*texts, "real", "stand-in", lineterm="", n=2))


def request(call):
    """The comparable part of a request that the application got."""
    headers = {name: shape(value) for name, value in call.headers.items() if name not in OF_THE_CLIENT}
    try:
        body = shape(json.loads(call.body))
    except ValueError:
        body = call.body
    return call.method, call.path, headers, body


@pytest.fixture
def application():
    """application(subscription): one for the real sidecar, and one for the stand-in."""
    made = []

    def new(**subscription):
        made.extend(Application({"topic": TOPIC, "route": "/events", **subscription}).__enter__() for _ in range(2))
        return made[-2:]

    yield new
    for one in made:
        one.__exit__()


def retry_at_once():
    retry = {"policy": "constant", "duration": "100ms", "maxRetries": -1}
    target = {"pubsub": {"inbound": {"retry": "always"}}}
    spec = {"policies": {"retries": {"always": retry}}, "targets": {"components": target}}
    return {
        "apiVersion": "dapr.io/v1alpha1", "kind": "Resiliency", "metadata": {"name": "r"}, "spec": spec,
    }  # fmt: skip


@pytest.fixture
def start_real(new_daprd):
    def start(app, **options):
        return new_daprd(
            "mastery-engine", app=app.url, app_token=APP_TOKEN, resiliency=retry_at_once(), spec=TRACING, **options
        ).start()

    return start


def stand_in(app):
    return Sidecar(app=app.url, app_token=APP_TOKEN)


# What the application is asked at the start


def test_questions_at_the_start(application, start_real):
    real_app, app = application()
    start_real(real_app)
    stand_in(app).probe()
    stand_in(app).discover()
    questions = [[request(call) for call in one.calls] for one in (real_app, app)]
    paths = {call.path for call in real_app.calls}
    first = [{path: next(q for q in asked if q[1] == path) for path in paths} for asked in questions]
    assert_same(*first)


# Deliveries

FORMS = {
    "an object": lambda daprd: daprd.publish({"a": 1}),
    "text": lambda daprd: daprd.publish("hello", "text/plain"),
    "with a time to live": lambda daprd: daprd.publish({"a": 1}, ttlInSeconds="60"),
    "with metadata": lambda daprd: daprd.publish({"a": 1}, note="n"),
    "a CloudEvent": lambda daprd: daprd.publish(OWN, STRUCTURED),
    "raw": lambda daprd: daprd.publish({"a": 1}, rawPayload="true"),
}
EXPIRES = "2026-01-01T00:00:00Z"


def stand_in_of(form, sidecar):
    """Delivers what the stand-in makes of the same publication."""
    event, metadata = {
        "an object": (sidecar.envelope({"a": 1}, app_id="mastery-engine"), None),
        "text": (sidecar.envelope("hello", app_id="mastery-engine"), None),
        "with a time to live": (
            sidecar.envelope({"a": 1}, app_id="mastery-engine", expiration=EXPIRES), {"ttlInSeconds": "60"},
        ),
        "with metadata": (sidecar.envelope({"a": 1}, app_id="mastery-engine"), {"note": "n"}),
        "a CloudEvent": (completed(OWN), None),
        "raw": (json.dumps({"a": 1}), {"rawPayload": "true"}),
    }[form]  # fmt: skip
    return sidecar.deliver(event, "/events", metadata)


def test_single_deliveries(application, start_real):
    real_app, app = application()
    daprd = start_real(real_app, settings={"concurrency": "1"})
    found = {}
    for i, form in enumerate(FORMS):
        FORMS[form](daprd)
        wait_for(lambda n=i: len(real_app.called("/events")) == n + 1, "delivered")
        assert stand_in_of(form, stand_in(app)) == "SUCCESS"
        found[form] = [request(one.called("/events")[-1]) for one in (real_app, app)]
    assert_same(*({form: both[i] for form, both in found.items()} for i in range(2)))


ANSWERS = {
    "success": (200, b'{"status":"SUCCESS"}'), "no status": (200, b"{}"), "no body": (200, b""),
    "drop": (200, b'{"status":"DROP"}'), "retry": (200, b'{"status":"RETRY"}'), "odd": (200, b'{"status":"ODD"}'),
    "no JSON": (200, b"ok"), "a list": (200, b"[]"), "204": (204, b""), "404": (404, b""), "400": (400, b"{}"),
    "500": (500, b"{}"),
}  # fmt: skip


def outcomes_of_real(app, broker, daprd, events):
    """SUCCESS, DROP (moved to the dead letter topic) or RETRY (delivered again) of each event that was published."""
    wait_for(lambda: broker.pending() == 0, "all delivered")
    assert daprd.is_subscribed()
    dead = [json.loads(fields[b"data"])["data"]["n"] for _, fields in broker.client.xrange("dead")]
    again = [json.loads(call.body)["data"]["n"] for call in app.called("/events")]
    return {n: "DROP" if n in dead else "RETRY" if again.count(n) > 1 else "SUCCESS" for n in events}


def test_meaning_of_the_answers_to_single_deliveries(application, start_real, broker):
    real_app, app = application(deadLetterTopic="dead")
    daprd, asked = start_real(real_app), set()

    def answer(call):
        name = json.loads(call.body)["data"]["n"]
        first = name not in asked
        asked.add(name)
        return ANSWERS[name] if first else ANSWERS["success"]

    real_app.answer = answer
    for name in ANSWERS:
        daprd.publish({"n": name})
    real = outcomes_of_real(real_app, broker, daprd, ANSWERS)
    app.answer, sidecar = (lambda call: ANSWERS[json.loads(call.body)["data"]["n"]]), stand_in(app)
    assert_same(real, {name: sidecar.deliver(sidecar.envelope({"n": name}), "/events") for name in ANSWERS})


BULK = {"enabled": True, "maxMessagesCount": 4, "maxAwaitDurationMs": 500}


def test_bulk_delivery(application, start_real, broker):
    """Its form, and what becomes of entries whose statuses differ or are missing."""
    real_app, app = application(deadLetterTopic="dead", bulkSubscribe=BULK)
    statuses, calls = ["SUCCESS", "DROP", "RETRY", None], []

    def answer(call):
        entries = json.loads(call.body)["entries"]
        calls.append(call)
        found = {
            entry["entryId"]: statuses[entry["event"]["data"]["n"]] if len(calls) == 1 else "SUCCESS"
            for entry in entries
        }  # fmt: skip
        rows = [{"entryId": name, "status": status} for name, status in found.items() if status]
        return 200, json.dumps({"statuses": rows}).encode()

    real_app.answer = answer
    daprd = start_real(real_app, settings={"concurrency": "4"})
    daprd.publish_many([{"n": n} for n in range(4)])
    wait_for(lambda: broker.pending() == 0, "all delivered")
    first, second = real_app.called("/events")
    again = {entry["event"]["data"]["n"] for entry in json.loads(second.body)["entries"]}
    dead = {json.loads(fields[b"data"])["data"]["n"] for _, fields in broker.client.xrange("dead")}
    real = ["DROP" if n in dead else "RETRY" if n in again else "SUCCESS" for n in range(4)]

    calls.clear()
    app.answer, sidecar = answer, stand_in(app)
    events = [sidecar.envelope({"n": n}, app_id="mastery-engine") for n in range(4)]
    assert_same(real, sidecar.deliver_bulk(events, route="/events"))
    [own] = app.called("/events")
    for call in (first, own):
        call.body = json.dumps(sorted_entries(json.loads(call.body)))
    assert_same(request(first), request(own))


@pytest.mark.parametrize("answer", ["no status", "no body", "no JSON", "204", "404", "400", "500"])
def test_meaning_of_an_answer_to_a_whole_bulk(application, start_real, broker, answer):
    """Whether its entries are delivered again."""
    real_app, app = application(bulkSubscribe=BULK)

    def everything_counted(call):
        rows = [{"entryId": entry["entryId"], "status": "SUCCESS"} for entry in json.loads(call.body)["entries"]]
        return 200, json.dumps({"statuses": rows}).encode()

    real_app.answer = lambda call: everything_counted(call) if len(real_app.called("/events")) > 1 else ANSWERS[answer]
    start_real(real_app, settings={"concurrency": "4"}).publish_many([{"n": n} for n in range(4)])
    wait_for(lambda: broker.pending() == 0, "all delivered")
    app.answer, sidecar = (lambda _: ANSWERS[answer]), stand_in(app)
    outcomes = sidecar.deliver_bulk([sidecar.envelope({"n": n}) for n in range(4)], route="/events")
    assert [outcome == "RETRY" for outcome in outcomes] == [len(real_app.called("/events")) > 1] * 4


def sorted_entries(bulk):
    return {**bulk, "entries": sorted(bulk["entries"], key=lambda entry: entry["event"]["data"]["n"])}


# Invocation


def test_invocation(application, start_real, new_daprd):
    real_app, app = application()
    daprd = start_real(real_app)
    caller = new_daprd("some-app", callees=[daprd], spec=TRACING).start()
    headers = {"Authorization": "Bearer t", "X-Own": "1", "dapr-api-token": API_TOKEN}
    for path in ("/api/v1/process", "/api/./v1//process/", "/a?b=c%20d"):
        caller.request("POST", f"/v1.0/invoke/mastery-engine/method{path}", {"a": 1}, headers)
        stand_in(app).invoke("POST", path, '{"a": 1}', {**headers, "Content-Type": "application/json"})
    found = [[request(call) for call in one.calls if call.method == "POST"] for one in (real_app, app)]
    assert_same(*found)


# Publishing


def responses(url, calls):
    """Status and body of each publication."""
    with_token = {"dapr-api-token": API_TOKEN}
    found = {}
    for name, (path, body, headers) in calls.items():
        response = Client(url).request("POST", path, body=body, headers={**with_token, **headers})
        found[name] = response.status, response.body
    return found


def test_responses_to_publications(new_daprd, broker):
    """An event that is too large for the sidecar gets the same error as one for which the broker is away."""
    cloud = {"Content-Type": STRUCTURED}
    calls = {
        "ok": ("/v1.0/publish/pubsub/t", json.dumps(OWN), cloud),
        "wrong_token": ("/v1.0/publish/pubsub/t", json.dumps(OWN), {**cloud, "dapr-api-token": "wrong"}),
        "not_found": ("/v1.0/publish/p/t", json.dumps(OWN), cloud),
        "no_cloudevent": ("/v1.0/publish/pubsub/t", "no JSON", cloud),
        "too_large": ("/v1.0/publish/pubsub/t", json.dumps({**OWN, "data": "x" * (4 << 20)}), cloud),
    }
    daprd = new_daprd("mastery-engine", spec=TRACING).start()
    found = responses(daprd.url, calls)
    broker.kill()
    found |= responses(daprd.url, {"broken": calls["ok"]})
    healthy = Client(daprd.url).get("/v1.0/healthz/outbound").status
    modes = {name: "broken" if name == "too_large" else name for name in found}
    assert_same(
        {name: codes(response) for name, response in found.items()},
        {name: codes(RESPONSES[modes[name]]) for name in found},
    )
    with Sidecar() as sidecar:
        assert Client(sidecar.url).get("/v1.0/healthz/outbound").status == healthy


def codes(response):
    """Of a response: status, and the code of its body or else the body."""
    status, body = response
    return status, json.loads(body)["errorCode"] if body.startswith(b"{") else body


def test_event_as_it_is_stored(new_daprd, broker):
    """The sidecar overwrites some attributes."""
    body = json.dumps({**OWN, "traceparent": "own", "topic": "own", "pubsubname": "own", "partitionkey": "k"})
    headers = {"Content-Type": STRUCTURED, "traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "k=v"}
    daprd = new_daprd("mastery-engine", spec=TRACING).start()
    responses(daprd.url, {"ok": ("/v1.0/publish/pubsub/t?metadata.ttlInSeconds=9", body, headers)})
    [(_, fields)] = broker.client.xrange("t")
    with Sidecar() as sidecar:
        responses(sidecar.url, {"ok": ("/v1.0/publish/pubsub/t?metadata.ttlInSeconds=9", body, headers)})
        [own] = sidecar.events()
    assert_same(shape(json.loads(fields[b"data"])), shape(own))
