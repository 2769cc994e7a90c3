# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP client that sends exactly what it is told (requests tidies paths), and raw sockets."""
import http.client
import json as jsonlib
import socket
import ssl
import time
from urllib.parse import urlsplit

NOT_GIVEN = object()


class Answer:
    """Status, headers (any case), body, and how long it took in seconds."""

    def __init__(self, status, headers, body, seconds=0.0):
        self.status, self.headers, self.body, self.seconds = status, headers, body, seconds

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def json(self):
        assert self.body, f"no body: {self!r}"
        return jsonlib.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


class Client:
    """One kept connection to one address; source: the loopback address to come from; tls: the SSL
    context of an address that begins with https, else the system's; reuse_tls: keep such a
    connection too, although a request fails when the server has closed it in the meantime."""

    def __init__(self, url, token=None, source=None, timeout=15, tls=None, reuse_tls=False):
        parts = urlsplit(url)
        self.tls = tls or (ssl.create_default_context() if parts.scheme == "https" else None)
        self.reuse_tls = reuse_tls
        self.host, self.port, self.prefix = parts.hostname, parts.port, parts.path.rstrip("/")
        self.token, self.source, self.timeout = token, source, timeout
        self._connection = None

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self):
        source = (self.source, 0) if self.source else None
        kind, options = http.client.HTTPConnection, {}
        if self.tls:
            kind, options = http.client.HTTPSConnection, {"context": self.tls}
        self._connection = kind(
            self.host, self.port, timeout=self.timeout, source_address=source, **options
        )
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _is_stale(self):
        """Whether the kept connection has been closed by the other side in the meantime."""
        sock = self._connection.sock
        if sock is None:
            return True
        sock.setblocking(False)
        try:
            return sock.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            sock.settimeout(self.timeout)

    def request(self, method, path, json=NOT_GIVEN, body=None, headers=None, token=NOT_GIVEN):
        """json: the body, with its content type. token: another than the client's, or None."""
        headers = dict(headers or {})
        if json is not NOT_GIVEN:
            body = jsonlib.dumps(json)
            headers.setdefault("Content-Type", "application/json")
        token = self.token if token is NOT_GIVEN else token
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token}")
        # Nobody can look into a connection with TLS without reading: each request has its own.
        if self._connection is None or (not self.reuse_tls if self.tls else self._is_stale()):
            self.close()
            self._connect()
        return self._exchange(method, self.prefix + path, body, headers)

    def _exchange(self, method, path, body, headers):
        began = time.monotonic()
        try:
            body = body.encode() if isinstance(body, str) else body
            self._connection.request(method, path, body=body, headers=headers)
            response = self._connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        except BaseException:
            self.close()
            raise
        answer.seconds = time.monotonic() - began
        if response.will_close:
            self.close()
        return answer

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, json=NOT_GIVEN, **options):
        return self.request("POST", path, json=json, **options)

    def put(self, path, json=NOT_GIVEN, **options):
        return self.request("PUT", path, json=json, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)

    def raw(self, data, timeout=10):
        """Sends bytes on a connection of its own and reads one answer, whatever may follow it."""
        with self.socket(timeout) as sock:
            try:
                sock.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before it was all sent; the answer may be there all the same
            return read_answer(sock)

    def socket(self, timeout=10):
        return socket.create_connection((self.host, self.port), timeout=timeout)


def read_answer(sock, method="GET"):
    """One HTTP answer from a socket, or None when the other side closed without any."""
    response = http.client.HTTPResponse(sock, method=method)
    try:
        response.begin()
        return Answer(response.status, response.headers, response.read())
    except (http.client.BadStatusLine, ConnectionResetError):
        return None
    finally:
        response.close()
