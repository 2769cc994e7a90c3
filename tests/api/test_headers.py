# SPDX-License-Identifier: GPL-3.0-or-later
"""Headers of every response: request id, trace, security; on errors of nginx's own too."""
import re

import pytest
from harness.expect import TRACEPARENT, UUID, assert_common_headers, assert_problem

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"

# One request for each way an answer can come about.
WAYS = {
    "success": ("GET", "/health", {}, 200),
    "text": ("GET", "/metrics", {}, 200),
    "options": ("OPTIONS", "/health", {}, 204),
    "unauthorized": ("GET", "/api/v1/cohorts", {}, 401),
    "not found": ("GET", "/nothing", {}, 404),
    "not allowed": ("DELETE", "/health", {}, 405),
    "not allowed by nginx": ("TRACE", "/health", {}, 405),
    "too large": ("POST", "/api/v1/mastery/query", {"Content-Length": "9999999"}, 413),
    "too long": ("GET", "/health?" + "x" * 20000, {}, 414),
    "headers too large": ("GET", "/health", {"X-Large": "x" * 20000}, 431),
    "bad line": ("GET", "/%00", {}, 400),
    "bad request": ("GET", "/", {"Transfer-Encoding": "chunked", "Content-Length": "5"}, 400),
}
# Refused before nginx has read a header, so that nothing of them can come back.
HEADERS_READ = [way for way in WAYS if way not in ("too long", "bad line")]


def ask(client, way="success", **headers):
    """The answer that comes about in this way."""
    method, path, more, status = WAYS[way]
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in {"Host": "x", **headers, **more}.items()]
    text = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""])
    response = client.raw(text.encode("latin-1"))
    assert response.status == status, response
    return response


@pytest.mark.parametrize("way", WAYS)
def test_every_answer_has_the_common_headers(anonymous, way):
    assert_common_headers(ask(anonymous, way))


@pytest.mark.parametrize("way", HEADERS_READ)
def test_callers_request_id_comes_back(anonymous, way):
    response = ask(anonymous, way, X_Request_ID="Order-66_of.the-day")
    assert response.headers["X-Request-ID"] == "Order-66_of.the-day"
    if response.status >= 400:
        assert response.json["correlation_id"] == "Order-66_of.the-day"


@pytest.mark.parametrize("way", WAYS)
def test_without_a_request_id_there_is_a_new_uuid(anonymous, way):
    first, second = ask(anonymous, way), ask(anonymous, way)
    assert UUID.fullmatch(first.headers["X-Request-ID"])
    assert UUID.fullmatch(second.headers["X-Request-ID"])
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]


@pytest.mark.parametrize("request_id", ["x", "x" * 128, "0", "-", "_.-", "a" * 64])
def test_sound_request_ids_are_kept(anonymous, request_id):
    response = ask(anonymous, X_Request_ID=request_id)
    assert response.headers["X-Request-ID"] == request_id


UNSOUND = ["", "x" * 129, "a b", "a/b", "a%0d%0ab", "ü", "a,b", "a;b", '"a"', "<a>", "a\tb", "a{}"]


@pytest.mark.parametrize("request_id", UNSOUND, ids=repr)
@pytest.mark.parametrize("way", ["success", "not found", "bad request"])
def test_unsound_request_ids_are_replaced(anonymous, way, request_id):
    response = ask(anonymous, way, X_Request_ID=request_id)
    assert UUID.fullmatch(response.headers["X-Request-ID"])
    if response.status >= 400:
        assert response.json["correlation_id"] == response.headers["X-Request-ID"]


def test_two_request_ids_give_one(anonymous):
    text = "GET /nothing HTTP/1.1\r\nHost: x\r\nX-Request-ID: a\r\nX-Request-ID: b\r\n\r\n"
    response = anonymous.raw(text.encode())
    assert response.status in (400, 404)
    assert_problem(response, response.status)


# W3C Trace Context


def trace_of(response):
    """(trace id, span id, flags) of an answer."""
    return TRACEPARENT.fullmatch(response.headers["traceparent"]).groups()


@pytest.mark.parametrize("way", HEADERS_READ)
def test_valid_trace_goes_on_with_a_span_of_its_own(anonymous, way):
    response = ask(anonymous, way, traceparent=f"00-{TRACE_ID}-{SPAN_ID}-01")
    trace_id, span_id, flags = trace_of(response)
    assert trace_id == TRACE_ID == response.headers["X-Trace-ID"]
    assert span_id not in (SPAN_ID, "0" * 16)
    assert flags == "01"


@pytest.mark.parametrize("way", WAYS)
def test_without_a_trace_a_new_one_begins(anonymous, way):
    first, second = trace_of(ask(anonymous, way)), trace_of(ask(anonymous, way))
    assert first[0] != second[0] and first[1] != second[1]
    assert first[0] != "0" * 32 and first[1] != "0" * 16
    assert first[2] == "02"


@pytest.mark.parametrize(
    "sent, flags",
    [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03"), ("ff", "03"), ("f4", "00")],
)
@pytest.mark.parametrize("way", ["success", "bad request"])
def test_flags_sampled_and_random_go_on_and_no_others(anonymous, way, sent, flags):
    response = ask(anonymous, way, traceparent=f"00-{TRACE_ID}-{SPAN_ID}-{sent}")
    assert trace_of(response)[2] == flags


@pytest.mark.parametrize(
    "traceparent",
    [
        f"cc-{TRACE_ID}-{SPAN_ID}-01",
        f"cc-{TRACE_ID}-{SPAN_ID}-01-what-the-future-will-be-like",
        f"01-{TRACE_ID}-{SPAN_ID}-01",
    ],
)
@pytest.mark.parametrize("way", ["success", "bad request"])
def test_trace_of_a_later_version_goes_on_as_ours(anonymous, way, traceparent):
    response = ask(anonymous, way, traceparent=traceparent)
    assert trace_of(response)[0] == TRACE_ID


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "x",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f"00-{TRACE_ID}-{SPAN_ID}-",
        f"00-{TRACE_ID}-{SPAN_ID}-1",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"00-{TRACE_ID}-{SPAN_ID}-01.",
        f"00-{TRACE_ID}-{SPAN_ID}-0x",
        f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID.upper()}-01",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"0-{TRACE_ID}-{SPAN_ID}-01",
        f"cc-{TRACE_ID}-{SPAN_ID}-01.what-the-future-will-not-be-like",
        f"00-{TRACE_ID[1:]}-{SPAN_ID}-01",
        f"00_{TRACE_ID}_{SPAN_ID}_01",
    ],
    ids=lambda text: text[:60],
)
@pytest.mark.parametrize("way", ["success", "bad request"])
def test_invalid_trace_is_left_for_a_new_one(anonymous, way, traceparent):
    trace_id, _, flags = trace_of(ask(anonymous, way, traceparent=traceparent))
    assert trace_id not in (TRACE_ID, "0" * 32)
    assert flags == "02"


def test_bad_tracestate_spoils_no_good_trace(anonymous):
    response = ask(anonymous, traceparent=f"00-{TRACE_ID}-{SPAN_ID}-01", tracestate="=,=,===")
    assert trace_of(response)[0] == TRACE_ID


# Security


@pytest.mark.parametrize("way", WAYS)
def test_content_security_policy_allows_nothing(anonymous, way):
    assert "default-src 'none'" in ask(anonymous, way).headers["Content-Security-Policy"]


def test_hsts_is_not_sent_without_tls_whatever_the_client_claims(anonymous):
    response = ask(anonymous, X_Forwarded_Proto="https")
    assert "Strict-Transport-Security" not in response.headers


def test_no_origin_is_let_in_that_is_not_configured(anonymous):
    for origin in ("https://evil.example", "null", "http://127.0.0.1"):
        response = ask(anonymous, Origin=origin)
        assert "Access-Control-Allow-Origin" not in response.headers


def test_preflight_of_an_unknown_origin_grants_nothing(anonymous):
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    response = anonymous.request("OPTIONS", "/api/v1/mastery/query", headers=headers)
    assert "Access-Control-Allow-Origin" not in response.headers


def test_header_values_cannot_be_split(anonymous):
    for value in ("a\rSet-Cookie: x=y", "a%0d%0aSet-Cookie:%20x=y"):
        text = f"GET /nothing HTTP/1.1\r\nHost: x\r\nX-Request-ID: {value}\r\n\r\n"
        response = anonymous.raw(text.encode())
        assert "Set-Cookie" not in response.headers
        assert response.status in (400, 404)


def test_api_version_is_the_same_everywhere(anonymous):
    versions = {ask(anonymous, way).headers["X-API-Version"] for way in WAYS}
    assert len(versions) == 1 and re.fullmatch(r"[0-9A-Za-z.]+", versions.pop())
