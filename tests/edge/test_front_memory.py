# SPDX-License-Identifier: GPL-3.0-or-later
"""What nginx holds for callers that nobody knows yet is bounded (hazards X5)."""
import contextlib
import os
import select
import socket
import subprocess

import pytest
from harness.binaries import ROOT, bin_dir
from harness.client import read_response
from harness.engine import fresh_id
from harness.expect import assert_problem
from harness.process import children, rss_kib
from harness.wait import LIMIT_S, wait_for

MIB = 1 << 20
LARGE = "/api/v1/batch/mastery"


def held_bytes(engine):
    """Memory of nginx's processes, and its temporary files, which should be in memory too."""
    pids = [engine.nginx_pid, *children(engine.nginx_pid)]
    runtime = engine.state_dir / "nginx" / "run"
    files = 0
    for pid in pids:
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                path = f"/proc/{pid}/fd/{descriptor}"
                if os.readlink(path).startswith(str(runtime)):
                    files += os.stat(path).st_size
    return sum(rss_kib(pid) for pid in pids) * 1024 + files


def unfinished(client, head, sent, source="127.0.0.1"):
    """A connection on which a request with a body has begun, and its last byte is missing."""
    sock = socket.create_connection((client.host, client.port), LIMIT_S, source_address=(source, 0))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        sock.sendall(head.encode() + sent)
    return sock


def post(path, *headers):
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
    return "\r\n".join(lines) + "\r\n\r\n"


FORMS = {
    "of a known length": (post(LARGE, f"Content-Length: {4 * MIB}"), b"[" * (4 * MIB - 1)),
    "chunked": (
        post(LARGE, "Transfer-Encoding: chunked"),
        b"3ffff8\r\n" + b"[" * (4 * MIB - 8) + b"\r\n",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_unfinished_bodies_hold_little_memory(start_engine, form):
    """Sixty of 4 MiB, all from one address and without a token."""
    engine = start_engine()
    with contextlib.closing(engine.admin()) as other, contextlib.ExitStack() as stack:
        engine.calculate("somebody", by=other)
        before = held_bytes(engine)
        socks = []
        for _ in range(60):
            socks.append(stack.enter_context(unfinished(engine.client(), *FORMS[form])))
            assert held_bytes(engine) - before < 64 * MIB
        refused = [read_response(sock) for sock in socks[8:]]
        for response in refused:
            assert response is None or assert_problem(response, 503, "SERVICE_UNAVAILABLE")
        told = [response for response in refused if response]
        assert told and {response.headers["Retry-After"] for response in told} == {"1"}
        assert engine.calculate("somebody", by=other).status == 200


def test_small_bodies_are_not_counted_with_the_large(start_engine):
    engine = start_engine(NGINX_BODIES=1)
    with contextlib.ExitStack() as stack:
        stack.enter_context(unfinished(engine.client(), *FORMS["of a known length"]))
        large = post(LARGE, "Content-Length: 66000").encode()
        wait_for(lambda: engine.client().raw(large).status == 503, "the one place taken")
        assert engine.calculate(fresh_id()).status == 200
    wait_for(lambda: engine.client().raw(large + b" " * 66000).status == 401, "the place free again")


def wait_until_taken(engine, stack, places, get, source="127.0.0.1"):
    """Takes so many places by requests whose bodies go on byte by byte, since nginx ends one that is silent,
    and waits until another request gets none. One of them is refused, and made again, when a request
    before it has its response and still counts."""
    head = post("/api/v1/mastery/query", "Content-Length: 10000")
    begin = lambda: stack.enter_context(unfinished(engine.client(), head, b"{", source))
    taken = [begin() for _ in range(places)]

    def is_refused():
        for i, sock in enumerate(taken):
            if select.select([sock], [], [], 0)[0]:
                taken[i] = begin()
            else:
                sock.sendall(b" ")
        return get().status == 503

    wait_for(is_refused, "the places taken")


def test_requests_in_progress_of_one_address_are_limited(start_engine):
    engine = start_engine(RATE_LIMITS="on", RATE_LIMIT_ADDRESS_REQUESTS=4)
    with contextlib.ExitStack() as stack:
        # each with a token of its own, since one client's limit of requests a minute is used up by waiting
        get = lambda: engine.client(fresh_id(), source="127.66.0.1").get("/nothing")
        wait_until_taken(engine, stack, 4, get, "127.66.0.1")
        assert_problem(get(), 503, "SERVICE_UNAVAILABLE")
        assert engine.client(source="127.66.0.2").get("/health").status == 200
        assert engine.sidecar().get("/health").status == 200


def test_requests_in_progress_are_limited_for_each_port_alone(start_engine):
    engine = start_engine(NGINX_REQUESTS=2)
    with contextlib.ExitStack() as stack:
        wait_until_taken(engine, stack, 2, lambda: engine.client().get("/health"))
        assert engine.sidecar().get("/health").status == 200


# The bound


def render(folder, **settings):
    environment = {
        "PATH": os.environ["PATH"],
        "FCGI_SOCKET": "/run/s",
        "NGINX_RUNTIME_DIR": str(folder),
        "MASTERY_CTL": str(bin_dir() / "mastery-ctl"),
        **{name: str(value) for name, value in settings.items()},
    }
    return subprocess.run(
        [str(ROOT / "scripts" / "render-nginx"), str(folder / "conf")],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "settings",
    [
        {"NGINX_MEMORY_MIB": 128},
        {"NGINX_CONNECTIONS": 60000},
        {"NGINX_REQUESTS": 4000},
        {"NGINX_TEMP_MIB": 3000},
        {"NGINX_WORKERS": 200},
        {"RATE_LIMIT_ZONE_MIB": 100},
    ],
    ids=str,
)
def test_limits_that_could_exceed_the_memory_stop_the_start(tmp_path, settings):
    result = render(tmp_path, **settings)
    assert result.returncode == 2 and "NGINX_MEMORY_MIB" in result.stderr


def test_bodies_that_do_not_fit_into_the_file_system_stop_the_start(tmp_path):
    result = render(tmp_path, NGINX_BODIES=100)
    assert result.returncode == 2 and "NGINX_BODIES" in result.stderr
    assert "NGINX_TEMP_MIB" in result.stderr


@pytest.mark.parametrize("settings", [{}, {"NGINX_WORKERS": 64, "NGINX_MEMORY_MIB": 2048}], ids=str)
def test_usual_limits_pass(tmp_path, settings):
    assert render(tmp_path, **settings).stderr == ""


def test_the_limit_of_an_address_comes_before_that_of_a_token(tmp_path):
    """Tokens that are invented in excess of it get no count of their own."""
    assert render(tmp_path).returncode == 0
    lines = (tmp_path / "conf" / "limit-public-50.conf").read_text().splitlines()
    assert [line.split()[1].split("_")[0] for line in lines] == ["zone=address", "zone=client"]
