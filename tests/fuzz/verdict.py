# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold of each response, whatever the request was. Each failure begins with the kind of it."""
import gzip
import json
import re

from harness.described import assert_as_described, assert_headers_as_described
from harness.expect import assert_common_headers, assert_problem

# docs/api.md: what nginx itself refuses, on every route.
BY_NGINX = {400, 403, 404, 405, 408, 413, 414, 429, 431}
TYPES = {"application/json", "text/plain", "application/openmetrics-text", "text/html", "text/css", "text/javascript", "image/png"}
FORMS_OF_THEIR_OWN = re.compile(r"/(?:api/v1/process|process|dapr/events)(?:[/?]|$)")
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class Verdict:
    def __init__(self, document):
        self.document = document
        # (expression, path): texts before parameters, as the router has it.
        paths = sorted(document["paths"], key=lambda path: path.count("{"))
        self.patterns = [(re.compile("[^/]+".join(map(re.escape, re.split(r"{[^}]+}", path)))), path) for path in paths]

    def failures(self, request, response):
        """request: None when nobody knows which one the server took it for."""
        found = []
        if response.headers["Content-Encoding"] == "gzip":
            response.body = gzip.decompress(response.body)
        for check in (self.status, self.headers, self.content, self.error, self.documented, self.request_id):
            try:
                check(request, response)
            except (AssertionError, ValueError, OSError, KeyError) as error:
                found.append(f"{check.__name__}: {str(error) or repr(error)}"[:1500])
        return found

    def operation(self, request):
        """(path, method) in the document, or None."""
        path = request.target.partition(b"?")[0].decode("latin-1")
        method = request.method.decode("latin-1")
        for expression, pattern in self.patterns:
            if expression.fullmatch(path):
                name = "get" if method == "HEAD" else method.lower()
                return (pattern, name) if name.upper() in (method, "GET") and name in self.document["paths"][pattern] else None
        return None

    # The checks

    def status(self, _, response):
        assert 200 <= response.status < 500, f"{response.status} is not allowed: {response!r}"

    def headers(self, _, response):
        assert_common_headers(response)

    def content(self, request, response):
        head = request and request.method == b"HEAD"
        if head or response.status in (204, 304):
            assert not response.body, "a body where none may be"
            return
        kind = response.headers.get_content_type()
        assert kind in TYPES, f"Content-Type {kind}"
        if kind == "application/json":
            strict_json(response.body)

    def error(self, request, response):
        if response.status < 400 or (request and request.method == b"HEAD"):
            return
        if by_engine(response) and request and FORMS_OF_THEIR_OWN.match(request.target.decode("latin-1")):
            return  # by the document
        assert_problem(response, response.status, CODES.get(response.status))

    def documented(self, request, response):
        if request is None or not request.target.startswith(b"/"):
            return  # nobody knows the path, or nginx has taken it out of a whole address
        operation = self.operation(request)
        if not by_engine(response):
            page = response.status in (200, 304, 412) and b"/docs" in request.target or b"/redoc" in request.target
            assert page or response.status in BY_NGINX, f"{response.status} by nginx"
        elif operation is None:
            assert response.status in (204, 400, 404, 405), f"{response.status} without an operation"
        elif str(response.status) not in self.document["paths"][operation[0]][operation[1]]["responses"]:
            raise AssertionError(f"{operation} does not list {response.status}: {response!r}")
        else:
            self.described(request, response, *operation)

    def described(self, request, response, path, method):
        json_body = response.headers.get_content_type() == "application/json" and response.body
        if request.method == b"HEAD" or not json_body:
            assert_headers_as_described(self.document, response, path, method)
            return
        assert_as_described(self.document, response, path, method)

    def request_id(self, request, response):
        """The caller's, when there is a valid one and the headers have been read."""
        given = request.header(b"x-request-id") if request else []
        if len(given) == 1 and REQUEST_ID.fullmatch(given[0]) and by_engine(response):
            assert response.headers["X-Request-ID"].encode() == given[0], "not the caller's X-Request-ID"


CODES = {408: "REQUEST_TIMEOUT", 409: "CONFLICT", 414: "URI_TOO_LONG", 422: "INSUFFICIENT_DATA", 431: "HEADERS_TOO_LARGE"}


def by_engine(response):
    """nginx's own responses have no such header."""
    return "Server-Timing" in response.headers


def strict_json(data):
    def pairs(members):
        assert len({name for name, _ in members}) == len(members), "a name occurs twice"
        return dict(members)

    def constant(text):
        raise ValueError(f"{text} is not JSON")

    return json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant)
