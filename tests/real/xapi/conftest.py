# SPDX-License-Identifier: GPL-3.0-or-later
"""The xAPI clients of npm and PyPI, and a web server with a page that uses them."""
import base64
import http.server
import json
import threading
import urllib.request
from pathlib import Path

import pytest
from harness.real import built

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def clients():
    """The folder in which they are installed."""
    return Path(built(HERE))


class Site(http.server.BaseHTTPRequestHandler):
    """The page, the clients' scripts, and as much of a learning management system as cmi5 needs:
    token, launch data, preferences. Statements are passed on to the engine as they are."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Nothing is logged."""

    def respond(self, status, content, content_type="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path.startswith("/lms/activities/state"):
            launch = {"contextTemplate": {"extensions": {"https://w3id.org/xapi/cmi5/context/extensions/sessionid": "s"}}}
            self.respond(200, json.dumps({"launchMode": "Normal", "moveOn": "Passed", **launch}).encode())
        elif path.startswith("/lms/"):
            self.respond(404, b"{}")
        elif path.startswith("/modules/"):
            file = self.server.modules / path.removeprefix("/modules/")
            self.respond(200, file.read_bytes(), "text/javascript")
        else:
            self.respond(200, (HERE / "page.html").read_bytes(), "text/html")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/lms/fetch":
            token = base64.b64encode(f"{self.server.key}:{self.server.secret}".encode()).decode()
            self.respond(200, json.dumps({"auth-token": token}).encode())
        else:
            self.pass_on(body)

    def do_PUT(self):
        self.pass_on(self.rfile.read(int(self.headers["Content-Length"])))

    def pass_on(self, body):
        names = ("Authorization", "Content-Type", "X-Experience-API-Version")
        request = urllib.request.Request(
            self.server.engine + self.path.replace("/lms/", "/xapi/"),
            method=self.command,
            data=body,
            headers={name: self.headers[name] for name in names},
        )
        try:
            with urllib.request.urlopen(request) as response:
                self.respond(response.status, response.read())
        except urllib.error.HTTPError as error:
            self.respond(error.code, error.read())


@pytest.fixture
def site(clients):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.modules = clients / "node_modules"
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
