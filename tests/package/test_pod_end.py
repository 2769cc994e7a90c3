# SPDX-License-Identifier: GPL-3.0-or-later
"""scripts/pre-stop and serve-nginx on this host: the end of a pod's nginx, and its start without IPv6."""
import os
import signal
import socket
import subprocess

import pytest
from harness.binaries import ROOT
from harness.client import Client
from harness.wait import LIMIT_S, wait_for


@pytest.fixture
def pod_engine(start_engine):
    return start_engine()


def test_nginx_ends_at_term_without_a_request_after_the_hook(pod_engine):
    """The hook ends before nginx, whose end would kill it (FailedPreStopHook), and after its requests."""
    environment = {**os.environ, "PRE_STOP_SECONDS": "0", "NGINX_RUNTIME_DIR": str(pod_engine.state_dir / "nginx/run")}
    address = ("127.0.0.1", int(pod_engine.base_url.rpartition(":")[2]))
    kept = Client(pod_engine.base_url)
    assert kept.get("/health").status == 200
    with socket.create_connection(address, timeout=LIMIT_S) as running:
        head = b"POST /api/v1/mastery/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
        running.sendall(head)
        hook = subprocess.Popen([ROOT / "scripts/pre-stop", "nginx"], env=environment, stderr=subprocess.PIPE)
        # An idle connection is closed as soon as nginx begins to finish.
        wait_for(kept._is_stale, "idle connection closed")
        assert hook.poll() is None, "a request is running"
        running.sendall(b"{}")
        assert running.recv(65536).startswith(b"HTTP/1.1 401 ")
    assert (hook.wait(LIMIT_S), hook.stderr.read()) == (0, b"")
    os.kill(pod_engine.nginx_pid, 0)
    assert Client(pod_engine.base_url).get("/health").status == 200, "a late connection is served too"
    os.kill(pod_engine.nginx_pid, signal.SIGTERM)


@pytest.mark.parametrize("has_ipv6, expected", [(True, ["0.0.0.0", "[::]"]), (False, ["0.0.0.0"])])
def test_addresses_of_ipv6_are_left_out_where_there_is_none(tmp_path, has_ipv6, expected):
    """serve-nginx calls render-nginx with LISTEN_ADDRESS; the rest of it needs the image."""
    render = tmp_path / "render-nginx"
    render.write_text('#!/bin/sh\necho "$LISTEN_ADDRESS"\nexit 1\n')
    render.chmod(0o755)
    environment = {
        "PATH": os.environ["PATH"], "RENDER_NGINX": str(render), "NGINX_RUNTIME_DIR": str(tmp_path),
        "LISTEN_ADDRESS": "0.0.0.0 [::]", "IF_INET6": str(tmp_path if has_ipv6 else tmp_path / "none"),
    }  # fmt: skip
    result = subprocess.run([ROOT / "scripts/serve-nginx"], env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout.split()) == (78, expected)
