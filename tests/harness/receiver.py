# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that receives callbacks, over HTTP or TLS, on 127.0.0.1 or another address."""
import http.server
import json
import select
import shutil
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        receiver.calls.append(Call(self.path, dict(self.headers.items()), body))
        if receiver.holds_on(self.connection):
            receiver.respond(self)

    do_GET = do_POST

    def log_message(self, *_):
        pass


class Call:
    def __init__(self, path, headers, body):
        self.path, self.body = path, body
        self.headers = {name.lower(): value for name, value in headers.items()}

    @property
    def json(self):
        return json.loads(self.body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def get_request(self):
        sock, address = super().get_request()
        self.receiver.connections += 1
        return sock, address

    def handle_error(self, *_):
        pass


class Receiver:
    """responses: the next ones, in order: a status, or (status, headers, body); 204 after them.
    connections: how many have been made, with a request or not. gate: while it is cleared, callers
    wait for their responses; most_waiting: how many did at the same time, until they hung up."""

    def __init__(self, responses=(), tls=False):
        self.responses, self.calls, self.connections = list(responses), [], 0
        self.gate, self.waiting, self.most_waiting = threading.Event(), 0, 0
        self.gate.set()
        self._lock = threading.Lock()
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.receiver = self
        self.folder = Path(tempfile.mkdtemp(prefix="mc-"))
        self.scheme = "https" if tls else "http"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate, self._make_certificate())
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.gate.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def port(self):
        return self._server.server_address[1]

    @property
    def certificate(self):
        return self.folder / "certificate.pem"

    def url(self, host="127.0.0.1", path="/ended"):
        return f"{self.scheme}://{host}:{self.port}{path}"

    def hosts(self, *names):
        """As CALLBACK_HOSTS has them."""
        return ",".join(f"{name}:{self.port}" for name in names or ("127.0.0.1",))

    def holds_on(self, connection):
        """Waits for the gate; whether the caller has waited as well."""
        self._count(1)
        try:
            while not self.gate.wait(0.02):
                if select.select([connection], [], [], 0)[0]:
                    return False
            return True
        finally:
            self._count(-1)

    def _count(self, change):
        with self._lock:
            self.waiting += change
            self.most_waiting = max(self.most_waiting, self.waiting)

    def respond(self, handler):
        response = self.responses.pop(0) if self.responses else 204
        status, headers, body = response if isinstance(response, tuple) else (response, {}, b"")
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            if status != 204:
                handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def _make_certificate(self):
        key = self.folder / "key.pem"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
        command += ["ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=receiver"]
        command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key)]
        command += ["-out", str(self.certificate)]
        subprocess.run(command, check=True, capture_output=True)
        return key
