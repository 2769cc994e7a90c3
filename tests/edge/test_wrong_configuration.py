# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the settings is said once, a line each, and nothing is started; by the exit
status those who start it again know why, and it takes its time, so that they do not do it in a rush."""
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from harness.binaries import ROOT, bin_dir, sanitizer_options
from harness.pool import SECRET
from harness.wait import LIMIT_S, wait_for

NO_SOCKET, WRONG_CONFIG = 73, 78

# Settings beside or instead of the good ones, and what each line must tell.
WRONG = {
    "no secret": ({"JWT_SECRET": ""}, ["JWT_SECRET: .*needs JWT_SECRET"]),
    "short secret": ({"JWT_SECRET": "x" * 31}, ["JWT_SECRET: .*shorter than 32 bytes"]),
    "empty secret file": ({"JWT_SECRET_FILE": "/dev/null"}, ["JWT_SECRET_FILE: /dev/null"]),
    "missing secret file": ({"JWT_SECRET_FILE": "/nowhere"}, ["JWT_SECRET_FILE: /nowhere: No such"]),
    "bad address": ({"REDIS_URL": "http://redis"}, ["REDIS_URL: "]),
    "address of another program": ({"REDIS_URL": "redis+tls://redis"}, ["REDIS_URL: TLS is written rediss://host:port"]),
    "sentinel without master": ({"REDIS_URL": "redis+sentinel://h"}, ["REDIS_URL: the name of the master is missing"]),
    "authority without TLS": ({"REDIS_CA_FILE": "/nowhere"}, ["REDIS_CA_FILE: REDIS_URL is not for TLS"]),
    "missing authority": (
        {"REDIS_URL": "rediss://redis", "REDIS_CA_FILE": "/nowhere"}, ["REDIS_CA_FILE: the file cannot be used (No such"],
    ),
    "unwritable metrics": ({"METRICS_FILE": "/nowhere/metrics"}, ["/nowhere/metrics"]),
    "quotes around a secret": ({"JWT_SECRET": f'"{SECRET}"'}, ['JWT_SECRET: .*begins and ends with ".*remove the quotes']),
    "quotes around a file": ({"AUDIT_KEY_FILE": "'/nowhere'"}, ["AUDIT_KEY_FILE: .*No such", "AUDIT_KEY_FILE: .*begins and ends with '"]),
    "quotes around a text": ({"METRICS_FILE": '"/tmp/m"'}, ['METRICS_FILE: .*remove the quotes']),
    "claim by a bad pointer": ({"JWT_ROLE_CLAIM": "/a~b"}, ["JWT_ROLE_CLAIM: in a JSON Pointer "]),
    "roles that are none": (
        {"JWT_ROLE_MAP": "a=student, b=service,=admin,,c"},
        [f'JWT_ROLE_MAP: "{entry}" is not of the form' for entry in ("", "=admin", "b=service", "c")],
    ),
    "several at once": (
        {"JWT_SECRET": "short", "REDIS_URL": "redis", "LOG_LEVEL": "loud", "DRAIN_TIMEOUT_S": "0"},
        ["DRAIN_TIMEOUT_S", "JWT_SECRET", "LOG_LEVEL", "REDIS_URL"],
    ),
}


@pytest.fixture
def settings(tmp_path):
    """Good ones, but for Redis, which is away; that is no reason not to start."""
    return {
        "PATH": f"{bin_dir()}:{os.environ['PATH']}:/usr/sbin",
        "JWT_SECRET": SECRET,
        "AUDIT_KEY": SECRET,
        "REDIS_URL": f"unix://{tmp_path}/redis.sock",
        "METRICS_FILE": str(tmp_path / "metrics"),
        "RECOMMENDATIONS_FILE": str(ROOT / "conf/recommendations.json"),
        **sanitizer_options(),
    }


def run(command, settings, **options):
    """Exit status, the lines on stderr in order of the alphabet, and the seconds it took."""
    began = time.monotonic()
    result = subprocess.run(
        command, env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False, **options,
    )  # fmt: skip
    return result.returncode, sorted(result.stderr.splitlines()), time.monotonic() - began


def assert_told(lines, expected):
    assert len(lines) == len(expected), lines
    for line, words in zip(lines, expected):
        for word in words.split(".*"):
            assert word in line, lines
        assert "xxxx" not in line and "short" not in line.split()[1:2], "a secret is not told"


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize(
    "command", [["mastery-fcgi", "--check"], ["mastery-worker"], [str(ROOT / "scripts/serve-pool")]]
)
def test_wrong_settings_are_told_and_nothing_starts(settings, tmp_path, command, name):
    changes, expected = WRONG[name]
    command = [shutil.which(command[0], path=settings["PATH"]), *command[1:]]
    socket = tmp_path / "engine.sock"
    status, lines, seconds = run(command, {**settings, "FCGI_SOCKET": str(socket), **changes})
    assert status == WRONG_CONFIG
    assert_told(lines, expected)
    assert seconds > 1 and not socket.exists()


def test_a_process_of_the_pool_says_the_same(settings, tmp_path):
    """Without --check, as multiwatch starts it: its socket is there, its settings are wrong."""
    changes = {"FCGI_LISTEN": str(tmp_path / "socket"), "JWT_SECRET": ""}
    status, lines, seconds = run([str(bin_dir() / "mastery-fcgi")], {**settings, **changes})
    assert (status, len(lines)) == (WRONG_CONFIG, 1) and seconds > 1


@pytest.mark.parametrize("program", ["mastery-fcgi", "mastery-worker"])
def test_check_of_good_settings_says_nothing_and_ends(settings, program):
    assert run([str(bin_dir() / program), "--check"], settings)[:2] == (0, [])


@pytest.mark.parametrize("program", ["mastery-fcgi", "mastery-worker"])
def test_check_writes_nothing(settings, redis_server, program):
    redis = redis_server.client()
    before = redis.info("stats")["total_connections_received"]
    settings = {**settings, "REDIS_URL": redis_server.url}
    assert run([str(bin_dir() / program), "--check"], settings)[:2] == (0, [])
    assert not Path(settings["METRICS_FILE"]).exists() and not redis.keys("*")
    # the connections of this test: the one before the check, and perhaps another one after it
    assert redis.info("stats")["total_connections_received"] - before <= 1


def may_be_written_by_others(path):
    path.chmod(0o666)


def is_of_another_user(path):
    os.chown(path, 65534, 65534)


@pytest.mark.parametrize("arguments", [["--check"], []], ids=["check", "start"])
@pytest.mark.parametrize("program", ["mastery-fcgi", "mastery-worker"])
@pytest.mark.parametrize("change", [may_be_written_by_others, is_of_another_user])
def test_a_metrics_file_of_others_is_not_trusted(settings, tmp_path, program, change, arguments):
    path = Path(settings["METRICS_FILE"])
    path.touch(0o660)
    if change is is_of_another_user and os.getuid() != 0:
        pytest.skip("only root may give a file to another user")
    change(path)
    settings = {**settings, "FCGI_LISTEN": str(tmp_path / "socket")}
    status, lines, _ = run([str(bin_dir() / program), *arguments], settings)
    assert (status, len(lines)) == (WRONG_CONFIG, 1), lines
    assert ": METRICS_FILE " in lines[0] and "remove it" in lines[0], lines
    assert path.stat().st_size == 0, "the file was written to"


@pytest.mark.parametrize("path", ["/nowhere/socket", "/proc/socket", "/tmp/" + "x" * 108])
def test_a_socket_that_cannot_be_made(settings, path):
    command = [str(bin_dir() / "mastery-fcgi")]
    status, lines, seconds = run(command, {**settings, "FCGI_LISTEN": path})
    assert (status, len(lines)) == (NO_SOCKET, 1) and lines[0].startswith("FCGI_LISTEN: ")
    assert path in lines[0] and seconds > 1


def test_no_socket_at_all(settings):
    status, lines, seconds = run([str(bin_dir() / "mastery-fcgi")], settings)
    assert (status, len(lines)) == (NO_SOCKET, 1) and "FCGI_LISTEN" in lines[0] and seconds > 1


def test_serve_pool_without_a_folder_for_its_socket(settings):
    command = [str(ROOT / "scripts/serve-pool")]
    status, lines, seconds = run(command, {**settings, "FCGI_SOCKET": "/nowhere/engine.sock"})
    assert (status, len(lines)) == (NO_SOCKET, 1), lines
    assert "/nowhere" in lines[0] and seconds > 1


def test_serve_pool_may_not_write_there(settings, tmp_path):
    if os.getuid() != 0:
        pytest.skip("only root may become somebody else")
    tmp_path.chmod(0o755)
    for folder in list(tmp_path.parents)[:-2]:
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    status, lines, _ = run(
        [str(ROOT / "scripts/serve-pool")],
        {**settings, "FCGI_SOCKET": str(tmp_path / "engine.sock")},
        user=65534, group=65534, cwd="/",
    )  # fmt: skip
    assert (status, len(lines)) == (NO_SOCKET, 1), lines
    assert "user 65534 cannot write" in lines[0]


@pytest.mark.parametrize("size", ["0", "-1", "two", "1000", " 2"])
def test_serve_pool_wants_a_number_of_processes(settings, tmp_path, size):
    changes = {"FCGI_SOCKET": str(tmp_path / "engine.sock"), "POOL_SIZE": size}
    status, lines, _ = run([str(ROOT / "scripts/serve-pool")], {**settings, **changes})
    assert (status, len(lines)) == (WRONG_CONFIG, 1) and "POOL_SIZE" in lines[0]


def test_serve_nginx_says_what_is_wrong(settings, tmp_path):
    nginx = {
        "NGINX_RUNTIME_DIR": str(tmp_path),
        "RENDER_NGINX": str(ROOT / "scripts/render-nginx"),
        "METRICS_ALLOW": "everybody",
        "PORT": "http",
    }
    status, lines, seconds = run([str(ROOT / "scripts/serve-nginx")], {**settings, **nginx})
    assert (status, len(lines)) == (WRONG_CONFIG, 2) and seconds > 1
    assert "METRICS_ALLOW" in lines[0] and "PORT" in lines[1]
    nginx["NGINX_RUNTIME_DIR"] = "/nowhere"
    status, lines, _ = run([str(ROOT / "scripts/serve-nginx")], {**settings, **nginx})
    assert (status, len(lines)) == (NO_SOCKET, 1) and "NGINX_RUNTIME_DIR" in lines[0]


def test_a_pool_that_cannot_start_is_tried_again_slowly(settings, tmp_path):
    """multiwatch would go on at once: the pause is the process's own."""
    log = tmp_path / "log"
    with open(log, "wb") as output:
        began = time.monotonic()
        pool = subprocess.Popen(
            ["spawn-fcgi", "-n", "-s", str(tmp_path / "socket"), "--", shutil.which("multiwatch")]
            + ["-f", "1", "-r", "1000000", "-t", "1000", "--", str(bin_dir() / "mastery-fcgi")],
            env={**settings, "JWT_SECRET": ""}, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        wait_for(lambda: log.read_bytes().count(b"needs JWT_SECRET") >= 3, "three starts")
        assert time.monotonic() - began > 2, "three starts have two pauses between them"
        assert pool.poll() is None
    finally:
        pool.terminate()
        pool.wait(timeout=LIMIT_S)
