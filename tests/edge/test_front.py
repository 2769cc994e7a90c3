# SPDX-License-Identifier: GPL-3.0-or-later
"""What nginx does with answers: compression, and pages of other origins."""
import gzip

import pytest
from harness.contract import ROWS
from harness.engine import Engine, fresh_id
from harness.expect import assert_common_headers, assert_ok, assert_problem
from harness.load import until_refused
from harness.model import COMPONENTS


# Compression

GZIP = {"Accept-Encoding": "gzip"}


def test_large_answers_are_compressed_for_who_asks(anonymous):
    plain = anonymous.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    small = anonymous.get("/openapi.json", headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == "gzip" and len(small.body) < len(plain.body) / 5
    assert gzip.decompress(small.body) == plain.body
    for response in (plain, small):
        assert "Accept-Encoding" in response.headers["Vary"]
        assert_common_headers(response)


@pytest.mark.parametrize("path", ["/metrics", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"])
@pytest.mark.parametrize("accept", ["*/*", "application/openmetrics-text"])
def test_texts_are_compressed_too(anonymous, path, accept):
    response = anonymous.get(path, headers={**GZIP, "Accept": accept})
    assert response.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(response.body)


@pytest.mark.parametrize("path", ["/health", "/nothing", "/docs/favicon-32x32.png"])
def test_small_answers_and_pictures_are_not(anonymous, path):
    assert "Content-Encoding" not in anonymous.get(path, headers=GZIP).headers


def test_an_answer_that_is_replayed_is_the_same_compressed_or_not(admin):
    student, key = fresh_id(), fresh_id()
    body = {"student_id": student, "components": dict.fromkeys(COMPONENTS, 0.5)}
    first = admin.post("/api/v1/mastery/calculate", body, headers={"Idempotency-Key": key})
    again = admin.post(
        "/api/v1/mastery/calculate", body, headers={"Idempotency-Key": key, **GZIP}
    )
    assert_ok(first)
    packed = again.headers.get("Content-Encoding") == "gzip"
    assert (gzip.decompress(again.body) if packed else again.body) == first.body


def test_nothing_is_compressed_for_the_sidecar_on_the_same_machine(engine):
    response = engine.sidecar().get("/openapi.json", headers=GZIP)
    assert response.status == 200 and "Content-Encoding" not in response.headers


def test_compression_can_be_left_to_others(start_engine):
    response = start_engine(GZIP="off").client().get("/openapi.json", headers=GZIP)
    assert response.status == 200 and "Content-Encoding" not in response.headers


# Pages of other origins

ORIGIN = {"Origin": "https://learn.example.org"}
OTHER = {"Origin": "https://other.example.org:8443"}


@pytest.fixture(scope="module")
def open_to_pages():
    origins = f"{ORIGIN['Origin']}, {OTHER['Origin']}"
    with Engine(CORS_ORIGINS=origins, RATE_LIMITS="on", METRICS_ALLOW="10.0.0.0/8") as engine:
        yield engine


def assert_let_in(response, origin=ORIGIN):
    headers = response.headers
    assert headers.get_all("Access-Control-Allow-Origin") == [origin["Origin"]]
    assert "Origin" in [value.strip() for value in ",".join(headers.get_all("Vary")).split(",")]
    exposed = headers["Access-Control-Expose-Headers"]
    for name in ("X-Request-ID", "X-Trace-ID", "X-Cache", "Retry-After", "Location", "WWW-Authenticate"):
        assert name in exposed
    for name in ("X-Experience-API-Version", "X-Experience-API-Consistent-Through"):
        assert name in exposed, "a page with an xAPI client could not read it"
    assert "Access-Control-Allow-Credentials" not in headers
    assert_common_headers(response)


def preflight(client, path, method, origin):
    asked = {"Access-Control-Request-Method": method}
    asked["Access-Control-Request-Headers"] = "authorization,content-type"
    return client.request("OPTIONS", path, headers={**origin, **asked})


@pytest.mark.parametrize("origin", [ORIGIN, OTHER], ids=lambda origin: origin["Origin"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/api/v1/mastery/query", "/nothing", "/docs", "/metrics"])
def test_a_preflight_is_told_what_may_come(open_to_pages, path, method, origin):
    response = preflight(open_to_pages.client(), path, method, origin)
    assert response.status == 204 and not response.body
    assert_let_in(response, origin)
    assert method in response.headers["Access-Control-Allow-Methods"]
    allowed = response.headers["Access-Control-Allow-Headers"].lower()
    assert "authorization" in allowed and "content-type" in allowed
    assert "x-experience-api-version" in allowed and "ce-specversion" in allowed
    assert int(response.headers["Access-Control-Max-Age"]) > 0


def test_answers_and_errors_of_the_engine_are_for_the_page(open_to_pages):
    client = open_to_pages.client()
    for path in ("/health", "/nothing", "/api/v1/cohorts", "/docs", "/openapi.json"):
        assert_let_in(client.get(path, headers=ORIGIN))


def test_errors_of_nginx_are_for_the_page_too(open_to_pages):
    client = open_to_pages.client(source="127.9.9.9")
    origin = f"Origin: {ORIGIN['Origin']}\r\n"
    responses = {
        403: client.get("/metrics", headers=ORIGIN),
        405: client.request("TRACE", "/health", headers=ORIGIN),
        413: client.raw(
            f"POST /x HTTP/1.1\r\nHost: x\r\n{origin}Content-Length: 9999999\r\n\r\n".encode()
        ),
        429: until_refused(lambda _: client.get("/ready", headers=ORIGIN))[-1],
    }
    for status, response in responses.items():
        assert_problem(response, status)
        assert_let_in(response)


@pytest.mark.parametrize("path", sorted({path for row in ROWS for path in row.paths} | {"/nothing"}))
def test_a_preflight_names_the_methods_of_the_path(open_to_pages, engine, path):
    """In Allow, as OPTIONS from elsewhere does."""
    client = engine.client()
    asked = preflight(open_to_pages.client(), path, "POST", ORIGIN)
    assert asked.headers.get_all("Allow") == client.request("OPTIONS", path).headers.get_all("Allow")


def test_an_asking_page_uses_up_no_limit(open_to_pages):
    client = open_to_pages.client(source="127.9.9.8")
    responses = [preflight(client, "/metrics/reset", "POST", ORIGIN) for _ in range(60)]
    assert {response.status for response in responses} == {204}


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "https://learn.example.org.evil.example", "null", "*", ""]
    + ["http://learn.example.org", "https://learn.example.org:444", "https://learn-example.org"]
    + ["https://learn.example.org https://evil.example"],
)
def test_other_origins_are_granted_nothing(open_to_pages, origin):
    client = open_to_pages.client(source="127.9.9.7")
    for response in (
        client.get("/api/v1/cohorts", headers={"Origin": origin}),
        preflight(client, "/api/v1/mastery/query", "POST", {"Origin": origin}),
    ):
        granted = [name for name in response.headers if name.startswith("Access-Control")]
        assert granted == []
        assert "Origin" in response.headers["Vary"]
        assert_common_headers(response)


def test_origins_that_are_none_stop_the_start(start_engine):
    for origin in ("*", "learn.example.org", "https://a.example/path", "https://a.example;x"):
        with pytest.raises(RuntimeError, match="CORS_ORIGINS"):
            start_engine(CORS_ORIGINS=origin)
