# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS at nginx: what is spoken and what is not; HTTP/2; what changes in answers and what must not."""
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
from email.parser import Parser

import pytest
from harness.client import Response, Client
from harness.engine import ROOT, Engine, fresh_id
from harness.expect import assert_common_headers, assert_ok, assert_problem
from harness.load import until_refused
from harness.ports import free_port
from harness.tls import Authority
from harness.wait import LIMIT_S, wait_for

SCORES = {"completion": 0.8, "quiz": 0.9, "quality": 0.85, "consistency": 0.7}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secure(authority):
    """An engine with TLS; `port` is that port's."""
    certificate, key = authority.issue("127.0.0.1", "localhost")
    port = free_port()
    settings = {"TLS_CERT": certificate, "TLS_KEY": key, "TLS_PORT": port}
    with Engine(**settings, TLS_ADDRESS="127.0.0.1", RATE_LIMITS="on") as engine:
        engine.port, engine.https = port, f"https://127.0.0.1:{port}"
        engine.certificate, engine.key = certificate, key
        yield engine


@pytest.fixture
def client(secure, authority):
    return Client(secure.https, secure.token(fresh_id("admin"), "admin"), tls=authority.context())


def hello(port, context):
    """The connection, once both sides have agreed."""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as sock:
        with context.wrap_socket(sock, server_hostname="127.0.0.1") as wrapped:
            return wrapped.version(), wrapped.cipher()[0], wrapped.selected_alpn_protocol()


def test_requests_come_through_and_say_so(client):
    student = fresh_id()
    body = {"student_id": student, "components": SCORES}
    assert_ok(client.post("/api/v1/mastery/calculate", body), tls=True)
    response = client.post("/api/v1/mastery/query", {"student_id": student})
    assert assert_ok(response, tls=True)["mastery_score"] == 0.83
    assert re.match(r"max-age=\d{7,}", response.headers["Strict-Transport-Security"])


@pytest.mark.parametrize(
    "path, length, status", [("/nothing", 0, 404), ("/docs", 0, 200), ("/health?", 20000, 414)]
)
def test_every_answer_says_so(client, path, length, status):
    response = client.get(path + "x" * length)
    assert response.status == status
    assert_common_headers(response, tls=True)


def test_the_port_without_tls_says_nothing_of_it(secure):
    assert_common_headers(secure.client().get("/health"), tls=False)


def test_the_port_of_tls_has_addresses_of_its_own(secure):
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.2", secure.port)) != 0
    assert secure.client().get("/health").status == 200


def test_http_at_the_port_of_tls_is_an_error_in_the_usual_form(secure):
    assert_problem(Client(f"http://127.0.0.1:{secure.port}").get("/health"), 400)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_present_versions_are_spoken(secure, authority, version):
    context = authority.context(minimum_version=version, maximum_version=version)
    name, cipher, _ = hello(secure.port, context)
    assert name == version.name.replace("_", ".")
    assert re.search("GCM|CHACHA20", cipher)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_past_versions_are_not(secure, authority, version):
    context = authority.context(minimum_version=version, maximum_version=version)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="(?i)alert|version"):
        hello(secure.port, context)


@pytest.mark.parametrize(
    "cipher",
    ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-CCM", "AES128-SHA"],
)
def test_weak_ciphers_are_not(secure, authority, cipher):
    context = authority.context(maximum_version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(f"{cipher}:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="(?i)handshake.failure|alert"):
        hello(secure.port, context)


def test_a_client_of_another_authority_does_not_believe_it(secure, tmp_path):
    with pytest.raises(ssl.SSLCertVerificationError):
        hello(secure.port, Authority(tmp_path, "Another").context())


def test_a_renewed_certificate_is_taken_by_a_reload(secure, authority):
    def serial():
        pem = ssl.get_server_certificate(("127.0.0.1", secure.port), ca_certs=str(authority.path))
        return ssl.PEM_cert_to_DER_cert(pem)

    before = serial()
    for new, old in zip(authority.issue("127.0.0.1"), (secure.certificate, secure.key)):
        shutil.copy(new, old)
    os.kill(secure.nginx_pid, signal.SIGHUP)
    wait_for(lambda: serial() != before, "the new certificate")


@pytest.mark.parametrize(
    "settings, named",
    [
        ({"TLS_CERT": "/c.pem"}, "TLS_KEY is not set"),
        ({"TLS_KEY": "/k.pem"}, "TLS_CERT is not set"),
        ({"TLS_CERT": "c.pem", "TLS_KEY": "/k.pem"}, "TLS_CERT must be an absolute path"),
        ({"TLS_CERT": "/c", "TLS_KEY": "/k", "TLS_PORT": "x"}, "TLS_PORT must be a whole number"),
        ({"TLS_CERT": "/c", "TLS_KEY": "/k", "TLS_PORT": "8005"}, "PORT and TLS_PORT are the same"),
        ({"TLS_CERT": "/c", "TLS_KEY": "/k", "TLS_PORT": "8006"}, "DAPR_PORT and TLS_PORT are the"),
        ({"TLS_ADDRESS": "here"}, 'TLS_ADDRESS: "here" is not an address'),
        ({"GZIP": "maybe"}, "GZIP must be on or off"),
        ({"ACCESS_LOG_ALL": "1"}, "ACCESS_LOG_ALL must be on or off"),
        ({"DOCS_VIEWER": "docs;x"}, "DOCS_VIEWER must be a path"),
    ],
)
def test_wrong_settings_are_named(tmp_path, settings, named):
    result = subprocess.run(
        [ROOT / "scripts/render-nginx", tmp_path / "conf"],
        env={"PATH": os.environ["PATH"], "FCGI_SOCKET": "/s", "NGINX_RUNTIME_DIR": "/r", **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2 and named in result.stderr, result.stderr
    assert not (tmp_path / "conf").exists()


# HTTP/2


class NoAnswer(Exception):
    pass


@pytest.fixture
def curl(secure, authority):
    """One request by HTTP/2: curl(path, argument…)."""
    token = secure.token(fresh_id("admin"), "admin")

    def ask(path, *arguments, body=None):
        result = subprocess.run(
            ["curl", "-sS", "-i", "--noproxy", "*", "--http2", "--path-as-is", "-m", "60"]
            + ["--cacert", str(authority.path), "-H", f"Authorization: Bearer {token}"]
            + ["-H", "Content-Type: application/json", *arguments, secure.https + path],
            input=body,
            capture_output=True,
            check=False,
        )
        heads, _, content = result.stdout.partition(b"\r\n\r\n")
        while heads.startswith(b"HTTP/2 100"):
            heads, _, content = content.partition(b"\r\n\r\n")
        line, _, headers = heads.decode().partition("\r\n")
        if not line.startswith("HTTP/2 "):
            raise NoAnswer(result.stderr)
        return Response(int(line.split()[1]), Parser().parsestr(headers), content)

    return ask


def test_http_2_is_offered_and_1_1_still_there(secure, authority):
    for offered, chosen in ((["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], None)):
        context = authority.context()
        if offered:
            context.set_alpn_protocols(offered)
        assert hello(secure.port, context)[2] == chosen


@pytest.mark.parametrize("length", [[], ["-H", "Content-Length:"]], ids=["stated", "not stated"])
def test_bodies_come_through_by_http_2(curl, length):
    body = b'{"student_id":"%s","components":{"completion":1,"quiz":1,"quality":1,"consistency":1}}'
    response = curl(
        "/api/v1/mastery/calculate", *length, "--data-binary", "@-", body=body % fresh_id().encode()
    )
    assert assert_ok(response, tls=True)["mastery_score"] == 1


@pytest.mark.parametrize("length", [[], ["-H", "Content-Length:"]], ids=["stated", "not stated"])
def test_bodies_too_large_are_refused_by_http_2(curl, length):
    body = b"x" * (3 << 20)
    response = curl("/api/v1/mastery/query", *length, "--data-binary", "@-", body=body)
    assert_problem(response, 413, tls=True)


@pytest.mark.parametrize(
    "path, arguments, status",
    [
        ("/nothing", [], 404),
        ("/health", ["-X", "DELETE"], 405),
        ("/health", ["-X", "TRACE"], 405),
        ("/metrics", ["-X", "POST"], 405),
        ("/%6detrics", [], 404),
        ("//metrics", [], 404),
        ("/x/..%2fmetrics", [], 404),
        ("/%00", [], 400),
        ("/health?a=b", [], 200),
    ],
)
def test_answers_look_the_same_by_http_2(curl, path, arguments, status):
    response = curl(path, *arguments)
    (assert_ok if status == 200 else assert_problem)(response, status, tls=True)


def test_headers_too_large_end_the_connection_of_http_2(curl):
    """nginx says so in HTTP/2's own words, and has no answer of a status for it."""
    with pytest.raises(NoAnswer):
        curl("/health", "-H", "X-Large: " + "y" * 12000)
    assert curl("/health").status == 200


def test_limits_count_by_http_2_too(curl):
    responses = until_refused(lambda _: curl("/api/v1/mastery/statistics/nobody"))
    assert len(responses) > 10 and {response.status for response in responses[:-1]} == {404}
    assert_problem(responses[-1], 429, tls=True)
