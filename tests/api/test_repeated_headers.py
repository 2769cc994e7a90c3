# SPDX-License-Identifier: GPL-3.0-or-later
"""A header that is sent twice is refused, or its first value counts, in nginx and engine alike; the second one is
never used (docs/security.md, Repeated headers)."""
import json
import uuid

import pytest
from harness.engine import fresh_id
from harness.expect import assert_ok, assert_problem
from harness.model import scores

CALCULATE = "/api/v1/mastery/calculate"


def ask(client, method, path, *headers, body=""):
    """headers: pairs, in their order; Host and Content-Length are added where they are not among them."""
    names = {name for name, _ in headers}
    own = (("Host", "x"), ("Content-Length", len(body)))
    lines = [f"{name}: {value}" for name, value in (*own, *headers) if name not in names or (name, value) in headers]
    return client.raw("\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", body]).encode())


def bearer(client):
    return "Authorization", f"Bearer {client.token}"


@pytest.mark.parametrize(
    "header, value",
    [("Host", "x"), ("Authorization", "Bearer x"), ("Content-Length", "0"), ("Transfer-Encoding", "chunked")],
)
def test_two_of_these_are_refused(anonymous, header, value):
    response = ask(anonymous, "POST", CALCULATE, (header, value), (header, value))
    assert_problem(response, 400, "BAD_REQUEST")


def test_second_content_type_does_not_count(admin, student):
    body = json.dumps({"student_id": student, "components": scores(0.5)})
    types = (("Content-Type", "text/plain"), ("Content-Type", "application/json"))
    assert_problem(ask(admin, "POST", CALCULATE, bearer(admin), *types, body=body), 415)
    assert_ok(ask(admin, "POST", CALCULATE, bearer(admin), types[1], body=body))


def test_second_idempotency_key_does_not_count(admin, student):
    first, second = (("Idempotency-Key", str(uuid.uuid4())) for _ in range(2))
    json_type = "Content-Type", "application/json"

    def calculate(score, *keys):
        body = json.dumps({"student_id": student, "components": scores(score)})
        return ask(admin, "POST", CALCULATE, bearer(admin), json_type, *keys, body=body)

    assert_ok(calculate(0.5, first, second))
    other = calculate(0.9, second)
    assert assert_ok(other)["mastery_score"] == 0.9
    assert "Idempotency-Replayed" not in other.headers


def test_second_request_id_does_not_count(anonymous):
    response = ask(anonymous, "GET", "/nothing", ("X-Request-ID", "one"), ("X-Request-ID", "two"))
    assert_problem(response, 404)
    assert response.headers["X-Request-ID"] != "two"


def test_second_traceparent_does_not_count(anonymous):
    one, two = ("1" * 32, "2" * 32)
    parents = [("traceparent", f"00-{trace}-00f067aa0ba902b7-01") for trace in (one, two)]
    response = ask(anonymous, "GET", "/health", *parents)
    assert assert_ok(response) and response.headers["X-Trace-ID"] != two


def test_second_version_of_xapi_does_not_count(admin):
    kind = "Content-Type", "application/json"

    def fields(*versions):
        headers = [("X-Experience-API-Version", version) for version in versions]
        response = ask(admin, "POST", "/xapi/statements", bearer(admin), kind, *headers, body="[{}]")
        return {row["field"] for row in assert_problem(response, 400)["details"]["errors"]}

    assert fields("0.9", "1.0.3") == {"X-Experience-API-Version"}
    assert "X-Experience-API-Version" not in fields("1.0.3")


def test_second_token_of_the_sidecar_does_not_count(engine):
    tokens = [("dapr-api-token", token) for token in ("wrong", engine.values["APP_API_TOKEN"])]
    event = {"specversion": "1.0", "id": fresh_id(), "source": "s", "type": "t"}

    def deliver(*headers):
        kind = "Content-Type", "application/cloudevents+json"
        return ask(engine.sidecar(), "POST", "/dapr/events", kind, *headers, body=json.dumps(event))

    assert_problem(deliver(*tokens), 401, "AUTH_ERROR")
    assert_ok(deliver(tokens[1]))
