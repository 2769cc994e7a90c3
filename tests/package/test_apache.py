# SPDX-License-Identifier: GPL-3.0-or-later
"""Apache in front of a pool, by conf/apache: what nginx promises, as far as Apache can keep it."""
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from harness.client import Client
from harness.engine import ROOT, fresh_id
from harness.expect import UUID, assert_common_headers, assert_invalid, assert_ok, assert_problem
from harness.process import alive, children
from harness.wait import LIMIT_S, wait_for, within

MODULES = Path("/usr/lib/apache2/modules")
API_TOKEN = "an app token for tests"

pytestmark = pytest.mark.skipif(
    not shutil.which("apache2", path=os.environ["PATH"] + ":/usr/sbin"),
    reason="apache2 is not installed",
)

MAIN = """
ServerRoot "{folder}"
ServerName 127.0.0.1
PidFile "{folder}/pid"
DefaultRuntimeDir "{folder}"
ErrorLog "{folder}/error.log"
{modules}
User {user}
Group {group}
StartServers 1
ThreadsPerChild 16
MaxRequestWorkers 32
<Directory />
    Require all denied
</Directory>
Define MASTERY_SOCKET {pool}
Define MASTERY_LISTEN 127.0.0.1:{port}
Define MASTERY_DAPR_LISTEN 127.0.0.1:{dapr_port}
Define MASTERY_METRICS_ALLOW "127.0.0.2"
Define MASTERY_FRONT {front}
Define MASTERY_LOG_DIR {folder}
Include "{site}"
"""
LOADED = """mpm_event alias authn_core authz_core authz_host buffer env headers proxy proxy_fcgi reqtimeout
    setenvif unique_id""".split()


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for sock in sockets:
        sock.bind(("127.0.0.1", 0))
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


class Apache:
    def __init__(self, pool):
        self.folder = Path(tempfile.mkdtemp(prefix="ma-"))
        self.port, self.dapr_port = free_ports(2)
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.dapr_url = f"http://127.0.0.1:{self.dapr_port}"
        as_root = os.getuid() == 0
        (self.folder / "apache2.conf").write_text(
            MAIN.format(
                folder=self.folder,
                modules="\n".join(
                    f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in LOADED
                ),
                user="www-data" if as_root else f"#{os.getuid()}",
                group="www-data" if as_root else f"#{os.getgid()}",
                pool=pool.socket_path,
                port=self.port,
                dapr_port=self.dapr_port,
                front=ROOT / "conf/apache/front.conf",
                site=ROOT / "conf/apache/mastery-engine.conf",
            )
        )
        if as_root:  # as the package has it: the web server's group may use the socket
            shutil.chown(pool.socket_path, group="www-data")
            pool.folder.chmod(0o711)
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(
            ["/usr/sbin/apache2", "-D", "FOREGROUND", "-f", str(self.folder / "apache2.conf")],
            stdin=subprocess.DEVNULL,
        )
        try:
            wait_for(self._listens, "apache2 up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        pids = children(self.process.pid)
        self.process.terminate()
        self.process.wait(timeout=LIMIT_S)
        wait_for(lambda: not any(map(alive, pids)), "apache2 gone")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _listens(self):
        assert self.process.poll() is None, "apache2 does not start"
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def access_log(self):
        return (self.folder / "mastery-engine.access.log").read_text().splitlines()


@pytest.fixture(scope="module")
def pool():
    from harness.pool import Pool
    from harness.redis_server import RedisServer

    with RedisServer() as server, Pool(server.url, size=2, APP_API_TOKEN=API_TOKEN) as running:
        yield running


@pytest.fixture(scope="module")
def apache(pool):
    with Apache(pool) as running:
        yield running


@pytest.fixture
def client(apache):
    return Client(apache.base_url)


@pytest.fixture
def admin(apache, pool):
    return Client(apache.base_url, pool.token("root", "admin"))


def raw(client, method, path, *headers, body=""):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers, "", body]
    return client.raw("\r\n".join(lines).encode("latin-1"))


SCORES = {"completion": 0.8, "quiz": 0.9, "quality": 0.85, "consistency": 0.7}


def test_requests_reach_the_engine_and_its_answers_the_client(admin):
    student = fresh_id()
    body = {"student_id": student, "components": SCORES}
    assert_ok(admin.post("/api/v1/mastery/calculate", body))
    asked = assert_ok(admin.post("/api/v1/mastery/query", {"student_id": student}))
    assert asked["data"]["components"]["quiz"] == 0.9
    assert_ok(admin.get(f"/api/v1/mastery/history/{student}?days=7"))


@pytest.mark.parametrize("mark", list("@:|+=~"))
def test_an_id_may_have_its_marks_encoded(admin, mark):
    """As behind nginx; a letter may not be."""
    student = fresh_id() + mark + "x"
    assert_ok(admin.post("/api/v1/mastery/calculate", {"student_id": student, "components": SCORES}))
    for spelling in (student, student.replace(mark, f"%{ord(mark):02X}"), student.replace(mark, f"%{ord(mark):02x}")):
        found = assert_ok(admin.get(f"/api/v1/mastery/history/{spelling}"))
        assert (found["student_id"], found["history_count"]) == (student, 1)
    assert_invalid(admin.get(f"/api/v1/mastery/history/{student[:-1]}%78"), "student_id")


def test_without_a_token_nothing_is_told(client):
    assert_problem(client.post("/api/v1/mastery/query", {"student_id": "x"}), 401)


@pytest.mark.parametrize(
    "method, path, status",
    [("GET", "/health", 200), ("HEAD", "/health", 200), ("OPTIONS", "/health", 204)]
    + [("GET", "/nothing", 404), ("DELETE", "/health", 405), ("GET", "/health?a=%2F&b", 200)],
)
def test_methods_paths_and_queries_come_through(client, method, path, status):
    response = client.request(method, path)
    assert response.status == status
    assert_common_headers(response)


def test_absolute_addresses_are_understood(client):
    assert raw(client, "GET", "http://x/health?y=z").status == 200


# As they are sent; all of them would be /metrics or /health once decoded, or are near it.
ODD_PATHS = """/%6detrics /x/../metrics /x/%2e%2e/metrics //metrics /./metrics /metrics/. /x/..%2fmetrics
    //health /%68ealth /./health /x/../health /health/ /health; /health%20 /health%00""".split()


@pytest.mark.parametrize("path", ODD_PATHS)
def test_a_path_with_two_readings_is_refused(client, path):
    response = raw(client, "GET", path)
    assert response.status in (400, 403, 404), response
    assert_problem(response, response.status)


# What Apache answers itself.
OWN = {
    "bad line": (["GET /%zz HTTP/1.1", "Host: x"], 400),
    "two lengths": (["POST / HTTP/1.1", "Host: x", "Content-Length: 1", "Content-Length: 2"], 400),
    "no host": (["GET / HTTP/1.1"], 400),
    "headers too large": (["GET / HTTP/1.1", "Host: x", "X-Large: " + "x" * 20000], 400),
    "too many headers": (["GET / HTTP/1.1", "Host: x", *[f"X-{i}: x" for i in range(60)]], 400),
    "zero byte": (["GET /health%00 HTTP/1.1", "Host: x"], 404),
    "too large": (["POST / HTTP/1.1", "Host: x", "Content-Length: 4194305"], 413),
    "too long": (["GET /" + "x" * 12000 + " HTTP/1.1", "Host: x"], 414),
    "not allowed": (["TRACE / HTTP/1.1", "Host: x"], 405),
    "metrics": (["GET /metrics HTTP/1.1", "Host: x"], 403),
    "metrics below": (["GET /metrics/detailed HTTP/1.1", "Host: x"], 403),
    "coding": (["POST / HTTP/1.1", "Host: x", "Transfer-Encoding: zip"], 400),
}
BEFORE_HEADERS = ["bad line", "zero byte", "too long", "two lengths", "no host", "headers too large"]
BEFORE_HEADERS += ["too many headers", "coding"]


@pytest.mark.parametrize("way", OWN)
def test_answers_of_apache_itself_look_like_the_engines(client, way):
    lines, status = OWN[way]
    response = client.raw("\r\n".join([*lines, "", ""]).encode())
    assert_problem(response, status)


@pytest.mark.parametrize("way", [way for way in OWN if way not in BEFORE_HEADERS])
def test_callers_request_id_comes_back_from_apache_too(client, way):
    lines, _ = OWN[way]
    response = client.raw("\r\n".join([*lines, "X-Request-ID: Order-66", "", ""]).encode())
    assert response.headers["X-Request-ID"] == response.json["correlation_id"] == "Order-66"


def test_callers_request_id_reaches_the_engine(client):
    response = client.get("/nothing", headers={"X-Request-ID": "Order-66_of.the-day"})
    assert response.headers["X-Request-ID"] == response.json["correlation_id"] == "Order-66_of.the-day"


@pytest.mark.parametrize("request_id", ["", "x" * 129, "a b", "a/b", "a,b", '"a"', "<a>", "a{}"])
def test_unsound_request_ids_are_replaced(client, request_id):
    response = client.get("/nothing", headers={"X-Request-ID": request_id})
    assert UUID.fullmatch(response.headers["X-Request-ID"])
    assert response.json["correlation_id"] == response.headers["X-Request-ID"]


def test_every_request_has_an_id_of_its_own(client):
    ids = {client.get("/health").headers["X-Request-ID"] for _ in range(50)}
    assert len(ids) == 50 and all(map(UUID.fullmatch, ids))


def test_callers_trace_goes_on(client):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    for path in ("/health", "/metrics"):
        response = client.get(path, headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
        assert response.headers["X-Trace-ID"] == trace
        assert response.headers["traceparent"].split("-")[1] == trace


def test_metrics_are_for_the_allowed_network(apache):
    response = Client(apache.base_url, source="127.0.0.2").get("/metrics")
    assert response.status == 200 and b"mastery_engine_" in response.body
    assert_common_headers(response)


# The token's header, and what could be taken for the parameters that the web server sets.
FORGED = ["dapr-api-token: {}", "Dapr-Api-Token: {}", "dapr_api_token: {}"]


@pytest.mark.parametrize("header", FORGED)
def test_the_sidecars_token_counts_for_nothing_in_public(client, header):
    more = ["MASTERY-LISTENER: sidecar", "MASTERY_LISTENER: sidecar"]
    body = json.dumps({"student_id": "x"})
    headers = ["Content-Type: application/json", f"Content-Length: {len(body)}", *more]
    response = raw(
        client, "POST", "/api/v1/mastery/query", header.format(API_TOKEN), *headers, body=body
    )
    assert_problem(response, 401)


def test_the_sidecars_token_counts_on_its_own_listener(apache):
    token = {"dapr-api-token": API_TOKEN}
    sidecar, public = Client(apache.dapr_url), Client(apache.base_url)
    assert sidecar.get("/dapr/subscribe", headers=token).status == 200
    assert_problem(sidecar.post("/dapr/events", {}), 401)
    assert sidecar.post("/dapr/events", {}, headers=token).status != 401
    for path in ("/dapr/subscribe", "/dapr/events"):
        response = public.request("GET", path, headers=token)
        assert response.status in (401, 404), response
        assert_problem(response, response.status)


def test_a_slow_body_is_awaited_before_the_engine_hears_of_it(client, pool):
    """Longer than the engine waits for the next byte of one that has begun."""
    body = json.dumps({"student_id": fresh_id(), "pad": "x" * 100_000}).encode()
    head = (
        "POST /api/v1/mastery/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {pool.token('root', 'admin')}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    from harness.client import read_response

    with client.socket() as sock:
        sock.sendall(head + body[:60_000])
        time.sleep(1.5)
        sock.sendall(body[60_000:])
        response = read_response(sock)
    assert response.status not in (502, 503, 504), response
    assert "X-Trace-ID" in response.headers


def test_chunked_bodies_are_understood(client, pool):
    student = fresh_id()
    body = json.dumps({"student_id": student, "components": SCORES})
    response = raw(
        client,
        "POST",
        "/api/v1/mastery/calculate",
        "Content-Type: application/json",
        f"Authorization: Bearer {pool.token('root', 'admin')}",
        "Transfer-Encoding: chunked",
        body=f"{len(body):x}\r\n{body}\r\n0\r\n\r\n",
    )
    assert_ok(response)


def test_a_chunked_body_that_is_too_large_is_refused(client, pool):
    chunk = "10000\r\n" + "x" * 65536 + "\r\n"
    response = raw(
        client,
        "POST",
        "/api/v1/mastery/query",
        "Content-Type: application/json",
        f"Authorization: Bearer {pool.token('root', 'admin')}",
        "Transfer-Encoding: chunked",
        body=chunk * 80 + "0\r\n\r\n",
    )
    assert_problem(response, 413)


def test_a_body_over_the_routes_limit_is_refused_by_the_engine(admin):
    response = admin.post("/api/v1/mastery/query", {"student_id": "x" * (1 << 20)})
    assert_problem(response, 413, "PAYLOAD_TOO_LARGE")


def test_a_pool_that_is_away_is_told_at_once(redis_server, start_pool):
    pool = start_pool(redis_server.url)
    with Apache(pool) as apache:
        client = Client(apache.base_url)
        assert client.get("/health").status == 200
        for pid in [pool.process.pid, *pool.pids()]:
            os.kill(pid, 9)
        pool.process.wait()
        wait_for(lambda: client.get("/health").status != 200, "noticed")
        began = time.monotonic()
        assert_problem(client.get("/health"), 503)
        assert time.monotonic() - began < within(2)


def test_processes_may_be_replaced_under_load(admin, pool):
    student = fresh_id()
    body = {"student_id": student, "components": SCORES}
    for iteration in range(60):
        if iteration % 20 == 10:
            os.kill(pool.pids()[0], 15)
        assert admin.post("/api/v1/mastery/calculate", body).status == 200


def test_log_lines_are_json_without_addresses_and_ids(apache, client):
    student = fresh_id("logged")
    client.get(f"/api/v1/mastery/history/{student}?secret=1", headers={"X-Request-ID": "of-log"})

    def line():
        return [entry for entry in apache.access_log() if "of-log" in entry]

    [text] = wait_for(line, "log line")
    entry = json.loads(text)
    assert entry["status"] == 401 and entry["method"] == "GET" and entry["listener"] == "public"
    everything = "\n".join(apache.access_log()) + (apache.folder / "mastery-engine.error.log").read_text()
    assert student not in everything and "127.0.0.1" not in "\n".join(apache.access_log())


def test_apache_answers_with_the_words_of_the_engine():
    problems = re.findall(
        r'^PROBLEM\((\w+), (\d+), "([^"]*)"\)',
        (ROOT / "app/base/problem.def").read_text(),
        re.MULTILINE,
    )
    known = {(code, text) for code, _, text in problems}
    front = (ROOT / "conf/apache/front.conf").read_text()
    used = re.findall(r'\\"code\\":\\"(\w+)\\",\\"message\\":\\"([^"\\]*)\\"', front)
    assert len(used) > 10 and set(used) <= known
