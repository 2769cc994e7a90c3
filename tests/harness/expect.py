# SPDX-License-Identifier: GPL-3.0-or-later
"""What every response, and every refusal, must look like."""
import re
from datetime import datetime

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

CODES = {
    400: {"VALIDATION_ERROR", "INVALID_JSON", "BAD_REQUEST"},
    401: {"AUTH_ERROR"},
    403: {"FORBIDDEN"},
    404: {"NOT_FOUND"},
    405: {"METHOD_NOT_ALLOWED"},
    413: {"PAYLOAD_TOO_LARGE"},
    415: {"UNSUPPORTED_MEDIA_TYPE"},
    429: {"RATE_LIMITED"},
    500: {"INTERNAL_ERROR"},
    503: {"SERVICE_UNAVAILABLE", "NOT_REPLICATED"},
}


def assert_time(text):
    assert TIME.fullmatch(text), f"not a time of the contract: {text!r}"
    datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")


def assert_common_headers(response, tls=False):
    """The headers that stand on every response, whoever made it; tls: the client came by it."""
    headers = response.headers
    for name in (
        "X-Request-ID",
        "X-Trace-ID",
        "traceparent",
        "X-Service-Name",
        "X-API-Version",
        "X-Content-Type-Options",
        "X-Frame-Options",
        "Content-Security-Policy",
        "Referrer-Policy",
    ):
        values = headers.get_all(name) or []
        assert len(values) == 1, f"{name} stands {len(values)} times on {response!r}"
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", headers["X-Request-ID"])
    trace = TRACEPARENT.fullmatch(headers["traceparent"])
    assert trace, headers["traceparent"]
    assert headers["X-Trace-ID"] == trace.group(1)
    assert headers["X-Service-Name"] == "mastery-engine"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    hsts = headers.get_all("Strict-Transport-Security") or []
    assert len(hsts) == tls, f"{len(hsts)} times HSTS on a connection with{'' if tls else 'out'} TLS"


def assert_problem(response, status, code=None, tls=False):
    """The response is an error in the contract's form; returns its error object."""
    assert response.status == status, f"{status} expected: {response!r}"
    assert response.headers.get_content_type() == "application/json", response.headers.items()
    body = response.json
    assert set(body) == {"success", "error", "correlation_id"}, body
    assert body["success"] is False
    assert set(body["error"]) == {"code", "message", "details"}, body
    assert isinstance(body["error"]["message"], str) and body["error"]["message"]
    assert isinstance(body["error"]["details"], dict)
    allowed = {code} if code else CODES.get(status)
    assert allowed is None or body["error"]["code"] in allowed, body
    assert body["correlation_id"] == response.headers["X-Request-ID"]
    assert_common_headers(response, tls)
    assert_headers_of_status(response)
    return body["error"]


def assert_headers_of_status(response):
    """Headers that belong to certain statuses."""
    headers = response.headers
    if response.status == 401:
        assert headers["WWW-Authenticate"].startswith('Bearer realm="mastery-engine"')
    if response.status == 405:
        assert headers["Allow"]
    if response.status in (429, 503):
        assert re.fullmatch(r"[1-9][0-9]*", headers["Retry-After"] or ""), headers["Retry-After"]


def assert_invalid(response, *fields):
    """The response is a VALIDATION_ERROR that names exactly these fields."""
    error = assert_problem(response, 400, "VALIDATION_ERROR")
    for entry in error["details"]["errors"]:
        assert set(entry) == {"field", "message"} and entry["message"], entry
    named = sorted(entry["field"] for entry in error["details"]["errors"])
    assert named == sorted(fields), f"fields named: {named}"
    return error


def assert_ok(response, status=200, tls=False):
    """The response is a success with the common headers; returns its JSON."""
    assert response.status == status, f"{status} expected: {response!r}"
    assert_common_headers(response, tls)
    assert response.headers.get_content_type() == "application/json"
    return response.json
