# SPDX-License-Identifier: GPL-3.0-or-later
"""FastCGI, record by record (FastCGI specification 1.0, section 3)."""
import email.parser
import io
import json as jsonlib
import select
import socket
import struct
import time
import uuid

from harness.client import Response
from harness.wait import LIMIT_S

BEGIN_REQUEST, ABORT_REQUEST, END_REQUEST = 1, 2, 3
PARAMS, STDIN, STDOUT, STDERR = 4, 5, 6, 7
DATA, GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = 8, 9, 10, 11
RESPONDER, KEEP_CONNECTION = 1, 1
HEADER = struct.Struct(">BBHHBx")


def record(kind, content=b"", request_id=1, version=1):
    """One record; its content padded to eight bytes as nginx does."""
    padding = -len(content) % 8
    header = HEADER.pack(version, kind, request_id, len(content), padding)
    return header + content + bytes(padding)


def begin(keep=True, request_id=1, role=RESPONDER):
    flags = KEEP_CONNECTION if keep else 0
    return record(BEGIN_REQUEST, struct.pack(">HB5x", role, flags), request_id)


def _length(n):
    return bytes([n]) if n < 128 else struct.pack(">I", n | 0x80000000)


def pairs(params):
    """Name-value pairs in their wire form."""
    out = []
    for name, value in params.items():
        name, value = name.encode(), value.encode("utf-8", "surrogateescape")
        out.append(_length(len(name)) + _length(len(value)) + name + value)
    return b"".join(out)


def stream(kind, content, request_id=1, end=True):
    """A stream in as many records as it takes, closed by an empty one."""
    source, records = io.BytesIO(content), []
    while piece := source.read(65528):
        records.append(record(kind, piece, request_id))
    return b"".join(records) + (record(kind, b"", request_id) if end else b"")


def request_params(method, target, body=b"", token=None, headers=None, **more):
    """The parameters that nginx would pass on for such a request."""
    params = {
        "REQUEST_METHOD": method,
        "REQUEST_URI": target,
        "DOCUMENT_URI": target.partition("?")[0],
        "REQUEST_ID": str(uuid.uuid4()),
    }
    if body:
        params.update(CONTENT_LENGTH=str(len(body)), CONTENT_TYPE="application/json")
    if token:
        params["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    for name, value in (headers or {}).items():
        params["HTTP_" + name.upper().replace("-", "_")] = value
    params.update(more)
    return params


def request_bytes(method, target, body=b"", token=None, headers=None, keep=True, **more):
    """A whole request, ready to be sent."""
    params = request_params(method, target, body, token, headers, **more)
    return begin(keep) + stream(PARAMS, pairs(params)) + stream(STDIN, body)


class FastCgi:
    """A connection to a FastCGI application's socket."""

    def __init__(self, path, timeout=LIMIT_S):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(str(path))
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def request(self, method, target, json=None, token=None, headers=None, keep=True, **more):
        """Sends a request and reads its response."""
        body = b"" if json is None else jsonlib.dumps(json).encode()
        began = time.monotonic()
        self.send(request_bytes(method, target, body, token, headers, keep, **more))
        response = self.read_response()
        assert response is not None, "closed without a response"
        response.seconds = time.monotonic() - began
        return response

    def _read_exactly(self, n):
        while len(self._buffer) < n:
            try:
                piece = self.sock.recv(65536)
            except ConnectionResetError:
                piece = b""
            if not piece:
                return None
            self._buffer += piece
        taken, self._buffer = self._buffer[:n], self._buffer[n:]
        return taken

    def record(self):
        """(kind, request id, content), or None at the end of the connection."""
        header = self._read_exactly(8)
        if header is None:
            return None
        _, kind, request_id, length, padding = HEADER.unpack(header)
        content = self._read_exactly(length + padding)
        return None if content is None else (kind, request_id, content[:length])

    def read_response(self):
        """The next response, or None when the connection ends before one is complete."""
        out = b""
        while True:
            got = self.record()
            if got is None:
                return None
            kind, _, content = got
            if kind == STDOUT:
                out += content
            elif kind == END_REQUEST:
                return parse_response(out)

    def has_more(self, seconds=0.05):
        """Whether something, or the end, has come after the response."""
        return bool(self._buffer or select.select([self.sock], [], [], seconds)[0])

    def rest(self):
        """What comes after the responses until the application closes."""
        while piece := self.sock.recv(65536):
            self._buffer += piece
        return self._buffer

    def is_closed(self, timeout=1.0):
        """Whether the application closes within this time, sending nothing more."""
        self.sock.settimeout(timeout)
        try:
            return self._buffer == b"" and self.sock.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def parse_response(out):
    """A CGI response: headers with a Status among them, an empty line, the body."""
    head, _, body = out.partition(b"\r\n\r\n")
    headers = email.parser.Parser().parsestr(head.decode("latin-1"), headersonly=True)
    status = int((headers["Status"] or "200").split()[0])
    return Response(status, headers, body)
