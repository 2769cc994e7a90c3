# SPDX-License-Identifier: GPL-3.0-or-later
"""Methods, unknown paths, media types, sizes: refusals by the application and by nginx alike."""
import json

import pytest
from harness.client import read_response
from harness.contract import ROWS
from harness.engine import fresh_id
from harness.expect import assert_common_headers, assert_ok, assert_problem
from harness.load import until_refused
from harness.model import scores

MIB = 1 << 20
QUERY = "/api/v1/mastery/query"
CALCULATE = "/api/v1/mastery/calculate"
OPEN_GETS = ["/", "/health", "/ready", "/metrics", "/metrics/detailed", "/openapi.json"]
ROUTES = {
    **{path: {"GET"} for path in OPEN_GETS},
    "/api/v1/mastery/metrics/prometheus": {"GET"},
    "/metrics/reset": {"POST"},
    QUERY: {"POST"},
    CALCULATE: {"POST"},
    "/api/v1/mastery/history/someone": {"GET"},
    "/api/v1/mastery/statistics/someone": {"GET"},
    "/api/v1/mastery/topics/someone": {"GET"},
    "/api/v1/cohorts": {"GET"},
    "/api/v1/cohorts/some": {"GET", "PUT", "DELETE"},
}
UNKNOWN_PATHS = [
    "/nothing",
    "/api",
    "/api/v1",
    "/api/v1/",
    "/api/v1/mastery",
    "/health/",
    "/HEALTH",
]
UNKNOWN_PATHS += ["/api/v1/mastery/history", "/api/v1/mastery/history/", "/api/v1/cohorts/"]
UNKNOWN_PATHS += ["/api/v1/mastery/history/a/b", "/index.html", "/.git/config", "/api/v2/x"]


def allowed(response):
    return {method.strip() for method in response.headers["Allow"].split(",")}


def expected_allow(methods):
    return methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())


@pytest.mark.parametrize("path", UNKNOWN_PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PROPFIND"])
def test_unknown_path_is_404(admin, method, path):
    assert_problem(admin.request(method, path), 404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/mastery/history/a/b"])
def test_unknown_path_is_404_for_anybody(anonymous, path):
    assert_problem(anonymous.get(path), 404, "NOT_FOUND")


WRONG = [
    (path, method)
    for path, methods in ROUTES.items()
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "PROPFIND", "BREW")
    if method not in methods
]


@pytest.mark.parametrize("path, method", WRONG)
def test_wrong_method_is_405_with_those_allowed(admin, path, method):
    response = admin.request(method, path)
    assert_problem(response, 405, "METHOD_NOT_ALLOWED")
    assert allowed(response) == expected_allow(ROUTES[path])


# Methods for which nginx chooses no location: the engine responds to them all the same.
METHODS_OF_NO_LOCATION = ["TRACE", "CONNECT"]


@pytest.mark.parametrize("path", sorted({path for row in ROWS for path in row.paths}))
def test_allow_is_that_of_the_path_for_every_method(anonymous, engine, path):
    """For each route of the contract, whoever makes the response: engine or nginx."""
    for client in (anonymous, engine.sidecar()):
        options = client.request("OPTIONS", path)
        for method in [*METHODS_OF_NO_LOCATION, "PATCH", "BREW"]:
            response = client.request(method, path)
            assert response.status == (405 if options.status == 204 else 404), (method, path)
            assert response.headers.get_all("Allow") == options.headers.get_all("Allow")
            assert_common_headers(response)


@pytest.mark.parametrize("method", METHODS_OF_NO_LOCATION)
@pytest.mark.parametrize("path", UNKNOWN_PATHS)
def test_unknown_path_is_404_for_trace_and_connect(anonymous, method, path):
    assert_problem(anonymous.request(method, path), 404, "NOT_FOUND")


@pytest.mark.parametrize("target", ["/health", "/nothing"])
@pytest.mark.parametrize("method", ["get", "Get", "G3T", "TRACE/"])
def test_method_that_is_no_word_of_capitals_is_400(anonymous, method, target):
    response = anonymous.raw(f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert_problem(response, 400, "BAD_REQUEST")


def test_trace_has_the_limit_of_unknown_paths(start_engine):
    client = start_engine(RATE_LIMITS="on").client()
    responses = until_refused(lambda _: client.request("TRACE", "/health"))
    assert {response.status for response in responses[:-1]} == {405}
    assert_problem(responses[-1], 429, "RATE_LIMITED")


@pytest.mark.parametrize("path", ROUTES)
def test_options_is_204_with_the_methods(anonymous, path):
    response = anonymous.request("OPTIONS", path)
    assert (response.status, response.body) == (204, b"")
    assert allowed(response) == expected_allow(ROUTES[path])
    assert len(response.headers.get_all("Allow")) == 1
    assert_common_headers(response)


@pytest.mark.parametrize("path", OPEN_GETS)
def test_head_is_get_without_a_body(anonymous, path):
    get, head = anonymous.get(path), anonymous.request("HEAD", path)
    assert (head.status, head.body) == (get.status, b"") == (200, b"")
    assert head.headers["Content-Type"] == get.headers["Content-Type"]
    assert head.headers["Content-Length"] is not None
    assert_common_headers(head)


def test_head_of_a_student_asks_for_the_same_rights(engine, as_user, student):
    path = f"/api/v1/mastery/history/{student}"
    engine.calculate(student)
    get = as_user(student).get(path)
    head = as_user(student).request("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]
    assert engine.client().request("HEAD", path).status == 401
    assert as_user(fresh_id()).request("HEAD", path).status == 403


def test_head_where_there_is_no_get_is_405(admin):
    response = admin.request("HEAD", QUERY)
    assert (response.status, response.body) == (405, b"")
    assert allowed(response) == {"POST", "OPTIONS"}


# Media types


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json5",
        "application/cloudevents+json",
        "application/xml",
        "text/json",
        "json",
        "*/*",
        "application/",
    ],
)
def test_other_media_types_are_415(admin, student, content_type):
    body = json.dumps({"student_id": student})
    response = admin.post(QUERY, body=body, headers={"Content-Type": content_type})
    assert_problem(response, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert response.headers["Accept"] == "application/json"


def test_body_without_a_media_type_is_415(admin, student):
    body = json.dumps({"student_id": student})
    response = admin.post(QUERY, body=body)
    assert_problem(response, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json; charset="utf-8"',
        "Application/JSON",
        "application/json ; charset=utf-8",
    ],
)
def test_json_media_types_are_taken(engine, admin, student, content_type):
    engine.calculate(student)
    body = json.dumps({"student_id": student})
    assert_ok(admin.post(QUERY, body=body, headers={"Content-Type": content_type}))


# Sizes


def padded_body(size, **fields):
    """A JSON object of exactly so many bytes."""
    head = json.dumps({**fields, "padding": ""})[:-2].encode()
    return head + b"x" * (size - len(head) - 2) + b'"}'


def halves(student):
    return {"student_id": student, "components": scores(0.5)}


def raw_request(client, method, path, body, *headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close"]
    lines += [f"Authorization: Bearer {client.token}", "Content-Type: application/json", *headers]
    return client.raw("\r\n".join([*lines, "", ""]).encode() + body)


def chunked(body, size=65536):
    pieces = [body[at:][:size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_body_of_one_mebibyte_is_taken(admin, student):
    body = padded_body(MIB, **halves(student))
    assert len(body) == MIB
    assert_ok(admin.post(CALCULATE, body=body, headers={"Content-Type": "application/json"}))


@pytest.mark.parametrize("size", [MIB + 1, 3 * MIB])
def test_larger_body_is_413(admin, student, size):
    body = padded_body(size, **halves(student))
    response = raw_request(admin, "POST", CALCULATE, body, f"Content-Length: {size}")
    assert_problem(response, 413, "PAYLOAD_TOO_LARGE")


def test_larger_body_in_chunks_is_413(admin, student):
    body = padded_body(MIB + 1, **halves(student))
    response = raw_request(admin, "POST", CALCULATE, chunked(body), "Transfer-Encoding: chunked")
    assert_problem(response, 413, "PAYLOAD_TOO_LARGE")


def test_larger_body_that_waits_for_continue_is_413(admin):
    headers = (f"Content-Length: {MIB + 1}", "Expect: 100-continue")
    response = raw_request(admin, "POST", CALCULATE, b"", *headers)
    assert_problem(response, 413, "PAYLOAD_TOO_LARGE")


def test_larger_body_without_a_token_is_413_or_401(anonymous):
    size = MIB + 1
    head = f"POST {CALCULATE} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()
    response = anonymous.raw(head + bytes(size))
    assert response.status in (401, 413)
    assert_problem(response, response.status)


def test_body_in_chunks_is_taken(admin, student):
    body = chunked(json.dumps(halves(student)).encode(), 7)
    assert_ok(raw_request(admin, "POST", CALCULATE, body, "Transfer-Encoding: chunked"))


def test_cohorts_take_four_mebibytes(admin):
    roster = {"name": "large", "teacher_ids": [], "student_ids": []}
    path, headers = f"/api/v1/cohorts/{fresh_id('c')}", {"Content-Type": "application/json"}
    assert_ok(admin.put(path, body=padded_body(4 * MIB, **roster), headers=headers), 201)
    body = padded_body(4 * MIB + 1, **roster)
    response = raw_request(admin, "PUT", path, body, f"Content-Length: {len(body)}")
    assert_problem(response, 413, "PAYLOAD_TOO_LARGE")


def test_uri_that_is_too_long_is_414(anonymous):
    response = anonymous.raw(b"GET /health?" + b"x" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert_problem(response, 414)


def test_header_that_is_too_large_is_431(anonymous):
    head = b"GET /health HTTP/1.1\r\nHost: x\r\nX-Large: " + b"x" * 20000 + b"\r\n\r\n"
    assert_problem(anonymous.raw(head), 431)


def test_headers_that_are_too_many_are_431(anonymous):
    lines = b"".join(b"X-Header-%d: %s\r\n" % (i, b"x" * 500) for i in range(200))
    assert_problem(anonymous.raw(b"GET /health HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n"), 431)


# What nginx refuses by itself

BAD_REQUESTS = {
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "two authorizations": (
        b"GET /health HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\n"
        b"Authorization: Bearer b\r\n\r\n"
    ),
    "bad length": b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: five\r\n\r\n",
    "two lengths": (
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
    ),
    "length and chunks": (
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "bad chunk": (
        b"POST /api/v1/mastery/query HTTP/1.1\r\nHost: a\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    ),
    "bad method": b"G\x00T /health HTTP/1.1\r\nHost: a\r\n\r\n",
    "lower-case method": b"get /health HTTP/1.1\r\nHost: a\r\n\r\n",
    "bad version": b"GET /health HTTX/1.1\r\nHost: a\r\n\r\n",
    "nul in the path": b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    "cut escape": b"GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n",
    "above the root": b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
    "noise": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_what_is_no_http_is_400(anonymous, request_bytes):
    assert_problem(anonymous.raw(request_bytes), 400, "BAD_REQUEST")


def test_server_goes_on_after_bad_requests(anonymous):
    for request_bytes in BAD_REQUESTS.values():
        anonymous.raw(request_bytes)
    assert_ok(anonymous.get("/health"))


def test_requests_in_a_pipeline_are_answered_in_order(anonymous):
    paths = ["/health", "/nothing", "/", "/health", "/api/v1/mastery/query"] * 5
    statuses = [200, 404, 200, 200, 405] * 5
    request = "".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n" for path in paths)
    with anonymous.socket() as sock:
        sock.sendall(request.encode())
        responses = sock.makefile("rb")
        found = [read_response(Kept(responses)).status for _ in paths]
    assert found == statuses


class Kept:
    """A stream of several answers, for a reader that would close it after the first."""

    def __init__(self, file):
        self._file = file

    def makefile(self, _mode):
        return self

    def __getattr__(self, name):
        return getattr(self._file, name)

    def close(self):
        """The next answer is still to be read."""


def test_no_version_of_nginx_is_told(anonymous):
    for response in (anonymous.get("/health"), anonymous.raw(b"GET / HTTP/1.1\r\n\r\n")):
        assert "/" not in (response.headers["Server"] or "")


def test_internal_locations_cannot_be_asked_for(anonymous):
    for path in ("//bad-request", "//uri-too-long", "/bad-request", "/@not-found"):
        response = anonymous.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert_problem(response, 404, "NOT_FOUND")
