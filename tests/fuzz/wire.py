# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests as bytes, well-formed or not, and all responses that come back on their connection."""
import http.client
import socket
from dataclasses import dataclass, field

from harness.client import Response

# How the body's length is said. With some of them the server cannot know where the request ends:
# the rest is read as another request, or the request never ends and may remain without a response.
EXACT = ("length", "chunked", "none")
WITHOUT_END = ("too long", "huge", "chunk cut", "no last chunk")
WITH_REST = ("too short", "unsaid", "both", "twice", "odd", "odd chunk")
ODD_LENGTHS = [b"-1", b"+5", b"abc", b"0x5", b"", b"5 5", b"1e1", b"99999999999999999999999999", b"\xb2"]
ODD_CHUNKS = [b"-1", b"g", b"", b"5;" + b"x" * 5000, b"ffffffffffffffffff", b"0x5", b"5 ; a=b"]


@dataclass
class Request:
    """headers: (name, value) in bytes, without those of the body's length. listener: whose address."""

    method: bytes
    target: bytes
    headers: list
    body: bytes = None
    framing: str = "none"
    detail: bytes = b""  # of an odd framing
    version: bytes = b"HTTP/1.1"
    end: bytes = b"\r\n"

    def header(self, name):
        """The values of a header."""
        return [value for key, value in self.headers if key.lower() == name]

    def to_bytes(self):
        framing, body = FRAMINGS[self.framing](self.body or b"", self.detail)
        lines = [b"%s %s %s" % (self.method, self.target, self.version)]
        lines += [name + b": " + value for name, value in [*self.headers, *framing]]
        return self.end.join([*lines, b"", b""]) + body


def length(value):
    return (b"Content-Length", value if isinstance(value, bytes) else b"%d" % value)


CHUNKED = (b"Transfer-Encoding", b"chunked")


def chunks(body):
    half = len(body) // 2
    parts = [part for part in (body[:half], body[half:]) if part]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


# framing -> function of body and detail: the headers, and the bytes behind them.
FRAMINGS = {
    "none": lambda body, _: ([], b""),
    "length": lambda body, _: ([length(len(body))], body),
    "chunked": lambda body, _: ([CHUNKED], chunks(body) + b"0\r\n\r\n"),
    "too long": lambda body, _: ([length(len(body) + 7)], body),
    "huge": lambda body, _: ([length(5 << 20)], body),
    "too short": lambda body, _: ([length(len(body) // 2)], body),
    "unsaid": lambda body, _: ([], body),
    "both": lambda body, _: ([length(len(body)), CHUNKED], chunks(body) + b"0\r\n\r\n"),
    "twice": lambda body, _: ([length(len(body)), length(len(body) // 2)], body),
    "odd": lambda body, detail: ([length(detail)], body),
    "odd chunk": lambda body, detail: ([CHUNKED], detail + b"\r\n" + body + b"\r\n0\r\n\r\n"),
    "chunk cut": lambda body, _: ([CHUNKED], chunks(body)[:-3]),
    "no last chunk": lambda body, _: ([CHUNKED], chunks(body)),
}


@dataclass
class Case:
    """Requests that are sent at once over one connection. cut: so many bytes of them are not sent."""

    listener: str
    requests: list = field(default_factory=list)
    cut: int = 0

    def to_bytes(self):
        data = b"".join(request.to_bytes() for request in self.requests)
        return data[: len(data) - self.cut]

    def never_ends(self):
        return self.cut > 0 or any(r.framing in WITHOUT_END for r in self.requests)

    def may_have_more_responses(self):
        return any(r.framing in WITH_REST for r in self.requests)


class _Stream:
    """A connection as http.client wants it, for several responses one after the other."""

    def __init__(self, sock):
        self._file = sock.makefile("rb")
        self.read, self.readline = self._file.read, self._file.readline
        self.readinto, self.read1, self.peek = self._file.readinto, self._file.read1, self._file.peek

    def makefile(self, *_):
        return self

    def at_end(self):
        return not self.peek(1)

    def flush(self):
        pass

    def close(self):
        """Another response may follow."""


def read_one(stream, method):
    received = http.client.HTTPResponse(stream, method=method)
    received.begin()
    response = Response(received.status, received.headers, received.read())
    response.version, response.will_close = received.version, received.will_close
    return response


def exchange(address, case, timeout):
    """(request or None, response) for each response; raises when they are not HTTP."""
    with socket.create_connection(address, timeout=timeout) as sock:
        try:
            sock.sendall(case.to_bytes())
            if case.never_ends():
                sock.shutdown(socket.SHUT_WR)
            return read_all(sock, case)
        except (BrokenPipeError, ConnectionResetError):
            # Refused before everything was sent: a reset may overtake the response.
            return read_what_is_there(sock)


def read_what_is_there(sock):
    try:
        stream = _Stream(sock)
        return [] if stream.at_end() else [(None, read_one(stream, "GET"))]
    except (OSError, http.client.HTTPException):
        return []


def read_all(sock, case):
    stream, found = _Stream(sock), []
    for request in case.requests:
        if case.never_ends() and stream.at_end():
            return found
        found.append((request, read_one(stream, request.method.decode("latin-1"))))
        if found[-1][1].will_close:
            return found
    sock.shutdown(socket.SHUT_WR)
    while not stream.at_end():
        if not case.may_have_more_responses():
            raise http.client.HTTPException(f"more bytes than responses: {stream.peek(1)[:200]!r}")
        found.append((None, read_one(stream, "GET")))
    return found
