# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd's units: sound in systemd's own eyes, and what they promise, tried without a running one."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest
from harness.binaries import sanitized, sanitizer_options
from harness.client import Client
from harness.engine import ROOT, bin_dir
from harness.load import Load
from harness.model import scores
from harness.nginx import Nginx
from harness.pool import AUDIT_KEY, SECRET
from harness.ports import free_port
from harness.process import alive, children, program
from harness.redis_server import LONG_TIMEOUTS
from harness.token import make_token
from harness.wait import LIMIT_S, wait_for

CONF = ROOT / "conf/systemd"
BODY = {
    "student_id": "under-load",
    "components": scores(0.5),
}
SERVICES = ["mastery-engine@", "mastery-worker", "mastery-engine-nginx"]


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")


def filled(folder):
    """The units as make fills them in, with binaries that are there."""
    words = {
        "bindir": bin_dir(),
        "sbindir": bin_dir(),
        "sysconfdir": folder,
        "pkgdatadir": ROOT / "scripts",
    }
    for path in CONF.glob("mastery-*"):
        if path.suffix in (".socket", ".target") or path.name.endswith(".service.in"):
            text = path.read_text().replace("@HARDENING@", (CONF / "hardening.conf").read_text())
            for word, value in words.items():
                text = text.replace(f"@{word}@", str(value))
            (folder / path.name.removesuffix(".in")).write_text(text)
    return folder


@pytest.fixture
def units(tmp_path):
    return filled(tmp_path)


def analyze(units, *arguments):
    return subprocess.run(
        ["systemd-analyze", *map(str, arguments)],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:", "SYSTEMD_COLORS": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def about_us(output):
    """Lines about our units; those of the distribution are not ours to judge."""
    return [line for line in output.splitlines() if "mastery" in line]


@needs("systemd-analyze")
def test_systemd_finds_nothing_wrong(units):
    if not (bin_dir() / "mastery-worker").exists():
        pytest.skip("mastery-worker is not built")
    (units / "mastery-engine@.service").rename(units / "mastery-engine@1.service")
    shutil.copy(units / "mastery-engine@1.service", units / "mastery-engine@2.service")
    names = [path for path in sorted(units.iterdir())]
    result = analyze(units, "verify", "--man=no", *names)
    assert not about_us(result.stdout), result.stdout


@needs("systemd-analyze")
def test_verify_sees_a_mistake(units):
    """The test above would say so."""
    unit = units / "mastery-worker.service"
    unit.write_text(unit.read_text().replace("PrivateTmp=yes", "PrivatTmp=yes"))
    assert about_us(analyze(units, "verify", "--man=no", unit).stdout)


@needs("systemd-analyze")
@pytest.mark.parametrize("service", SERVICES)
def test_little_is_exposed(units, service):
    unit = units / f"{service}.service"
    if "@" in service:
        unit = unit.rename(units / "mastery-engine@1.service")
    result = analyze(units, "security", "--offline=true", "--threshold=25", unit)
    assert result.returncode == 0, result.stdout


def settings(path):
    """NAME=value lines, as systemd and a shell read them."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_sample_settings_are_settings_of_the_engine():
    table = (ROOT / "app/base/config.def").read_text()
    known = set(re.findall(r"^(?:TEXT|SECRET|INT|CHOICE|NUMBER)\((\w+)", table, re.MULTILINE))
    for name in settings(CONF / "engine.env.in"):
        assert name in known or name.removesuffix("_FILE") in known, name


def test_sample_settings_are_settings_of_nginx():
    script = (ROOT / "scripts/render-nginx").read_text()
    for name in settings(CONF / "nginx.env"):
        assert re.search(rf"^#   (\w+, )*{name}\b", script, re.MULTILINE), name


def test_a_shell_reads_the_samples_as_systemd_does():
    for name in ("engine.env.in", "nginx.env"):
        result = subprocess.run(
            ["sh", "-euc", f'set -a; . "{CONF / name}"; env'], capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        for line in settings(CONF / name).items():
            assert "=".join(line).replace('"', "") in result.stdout.splitlines()


def test_every_template_of_nginx_is_installed():
    listed = set(re.findall(r"conf/nginx/([\w-]+\.conf)", (ROOT / "Makefile.am").read_text()))
    assert listed == {path.name for path in (ROOT / "conf/nginx").glob("*.conf")}


@needs("nginx")
def test_the_hosts_own_nginx_may_pass_to_ours(tmp_path):
    (tmp_path / "nginx.conf").write_text(
        f"""pid {tmp_path}/pid; events {{}}
        http {{ server {{ listen 127.0.0.1:1; include {ROOT}/conf/nginx-host/mastery-engine.conf; }} }}"""
    )
    command = ["nginx", "-t", "-q", "-e", "stderr", "-p", str(tmp_path), "-c"]
    result = subprocess.run(
        [*command, str(tmp_path / "nginx.conf")], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0 and "[emerg]" not in result.stderr, result.stderr


@needs("systemd-sysusers")
@needs("systemd-tmpfiles")
def test_user_and_folders_are_made(tmp_path):
    if os.getuid() != 0:
        pytest.skip("only root may give files away")
    (tmp_path / "etc").mkdir()
    groups = "root:x:0:\nadm:x:4:\nwww-data:x:33:\n"
    users = "root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n"
    (tmp_path / "etc/group").write_text(groups)
    (tmp_path / "etc/passwd").write_text(users)
    for tool, file in {
        "systemd-sysusers": CONF / "sysusers.d/mastery-engine.conf",
        "systemd-tmpfiles": CONF / "tmpfiles.d/mastery-engine.conf",
    }.items():
        command = [tool, f"--root={tmp_path}", str(file)]
        command += ["--create"] if tool == "systemd-tmpfiles" else []
        subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S)
    user = re.search(r"^mastery-engine:x:(\d+):(\d+):", (tmp_path / "etc/passwd").read_text(), re.M)
    assert user, (tmp_path / "etc/passwd").read_text()
    run, log = (tmp_path / "run/mastery-engine").stat(), (tmp_path / "var/log/mastery-engine").stat()
    assert (run.st_mode & 0o7777, run.st_uid, run.st_gid) == (0o750, int(user.group(1)), 33)
    assert (log.st_mode & 0o7777, log.st_uid, log.st_gid) == (0o750, 33, 4)


@needs("logrotate")
def test_logrotate_understands_its_file(tmp_path):
    state, file = tmp_path / "state", tmp_path / "mastery-engine"
    shutil.copy(ROOT / "conf/logrotate/mastery-engine", file)
    file.chmod(0o644)  # whatever the checkout's umask was
    result = subprocess.run(
        ["logrotate", "--debug", "--state", str(state), str(file)],
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert result.returncode == 0 and "error:" not in result.stderr, result.stderr


@needs("logrotate")
def test_a_rotated_log_goes_on_in_a_new_file(start_engine, tmp_path):
    if os.getuid() != 0:
        pytest.skip("only root may rotate as another user")
    engine = start_engine()
    log = engine.state_dir / "log/access.log"

    def asked(name, path):
        engine.client().get("/docs", headers={"X-Request-ID": name})
        wait_for(lambda: path.exists() and name in path.read_text(), f"{name} in {path}")

    asked("before-rotation", log)
    text = (ROOT / "conf/logrotate/mastery-engine").read_text()
    for old, new in {
        "/var/log/mastery-engine/*.log": str(log),
        "su www-data adm": "su root root",
        "create 0640 www-data adm": "create 0640 root root",
        "[ -d /run/systemd/system ]": "true",
        "systemctl kill --kill-who=main --signal=USR1 mastery-engine-nginx.service": (
            f"kill -s USR1 {engine.nginx_pid}"
        ),
    }.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "rotate").write_text(text)
    (tmp_path / "rotate").chmod(0o644)
    log.parent.chmod(0o750)
    subprocess.run(
        ["logrotate", "--force", "--state", tmp_path / "state", tmp_path / "rotate"],
        check=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert "before-rotation" in log.with_name("access.log.1").read_text()
    asked("after-rotation", log)
    assert "before-rotation" not in log.read_text() and log.stat().st_mode & 0o777 == 0o640


class Units:
    """What mastery-engine.socket and mastery-engine@1, @2 do: one socket, which is descriptor 0 of
    every process, and each process started again when it has ended."""

    def __init__(self, redis_url, *prefix):
        self.folder = Path(tempfile.mkdtemp(prefix="mu-"))
        self.folder.chmod(0o755)
        self.socket_path = self.folder / "engine.sock"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.socket_path))
        self.listener.listen(1024)
        self.environment = {
            "PATH": os.environ["PATH"],
            "REDIS_URL": redis_url,
            "JWT_SECRET": SECRET,
            "AUDIT_KEY": AUDIT_KEY,
            "METRICS_FILE": str(self.folder / "metrics"),
            "MAX_REQUESTS": "0",
            **LONG_TIMEOUTS,
            "ENVIRONMENT": "test",
            "RECOMMENDATIONS_FILE": str(ROOT / "conf/recommendations.json"),
            **sanitizer_options(),
        }
        self.prefix = prefix
        self.processes = {}

    def __enter__(self):
        for number in (1, 2):
            self.start(number)
        return self

    def __exit__(self, *_):
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.listener.close()
        shutil.rmtree(self.folder)

    def start(self, number, program="mastery-fcgi"):
        with open(self.folder / "log", "ab") as log:
            self.processes[number] = subprocess.Popen(
                [*self.prefix, str(bin_dir() / program)],
                env=self.environment,
                stdin=self.listener,
                stdout=log,
                stderr=log,
            )

    def restart(self, number):
        """As systemctl restart: SIGTERM, and up to TimeoutStopSec for it to end."""
        self.processes[number].send_signal(signal.SIGTERM)
        self.processes[number].wait(timeout=LIMIT_S)
        self.start(number)


def test_processes_restarted_in_turn_fail_no_request(redis_server):
    token = make_token(SECRET, "root", "admin")
    with Units(redis_server.url) as units, Nginx(units.socket_path) as nginx:
        wait_for(lambda: nginx.client().get("/health").status == 200, "serving")
        client = nginx.client(token)
        with Load(1, lambda *_: client.post("/api/v1/mastery/calculate", BODY).status) as load:
            for number in (1, 2):
                before = len(load.results)
                units.restart(number)
                wait_for(lambda b=before: len(load.results) > b + 20, "requests meanwhile")
        assert set(load.results) == {200} and not load.errors
        assert all(alive(process.pid) for process in units.processes.values())


def test_the_socket_keeps_who_comes_while_no_process_is_there(redis_server):
    with Units(redis_server.url) as units, Nginx(units.socket_path) as nginx:
        wait_for(lambda: nginx.client().get("/health").status == 200, "serving")
        for process in units.processes.values():
            process.kill()
            process.wait()
        responses = []
        asking = threading.Thread(target=lambda: responses.append(nginx.client().get("/health")))
        asking.start()
        asking.join(timeout=0.5)
        assert asking.is_alive(), "refused, not kept"
        units.start(1)
        asking.join(timeout=LIMIT_S)
        assert [response.status for response in responses] == [200]


@needs("systemd-socket-activate")
def test_systemd_hands_the_socket_to_who_is_needed(redis_server, tmp_path):
    """Sockets= and StandardInput=socket: nobody runs until somebody comes."""
    with Units(redis_server.url) as units:
        path = tmp_path / "engine.sock"
        settings = [f"--setenv={name}={value}" for name, value in units.environment.items()]
        with open(tmp_path / "log", "wb") as log:
            process = subprocess.Popen(
                ["systemd-socket-activate", "--inetd", f"--listen={path}", *settings]
                + [str(bin_dir() / "mastery-fcgi")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            wait_for(path.exists, "the socket")
            assert program(process.pid) == "systemd-socket-activate"
            with Nginx(path) as nginx:
                response = nginx.client(make_token(SECRET, "root", "admin")).get("/health")
                assert response.status == 200
            assert program(process.pid) == "mastery-fcgi"
            process.terminate()
            assert process.wait(timeout=LIMIT_S) == 0
        finally:
            process.kill()
            process.wait()


def allowed_calls(units, service):
    """The system calls that the unit's filter leaves, by systemd's own lists. @default, which every filter has, is
    among @system-service."""
    text = (units / f"{service}.service").read_text()
    lines = re.findall(r"^SystemCallFilter=(.*)$", text, re.MULTILINE)

    def expand(name):
        if not name.startswith("@"):
            return {name}
        output = analyze(units, "syscall-filter", name).stdout
        names = [line.strip() for line in output.splitlines()[1:]]
        names = [line for line in names if line and not line.startswith("#")]
        return set().union(*map(expand, names))

    allowed = set()
    for line in lines:
        names = set().union(*map(expand, line.removeprefix("~").split()))
        allowed = allowed - names if line.startswith("~") else allowed | names
    return allowed


def calls_of(trace):
    """The system calls of a trace by strace -f."""
    return set(re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.MULTILINE))


@needs("systemd-analyze")
@needs("strace")
def test_the_engine_makes_no_call_that_its_unit_forbids(redis_server, units, tmp_path):
    if sanitized():
        pytest.skip("sanitizers make calls of their own")
    trace = tmp_path / "trace"
    with Units(redis_server.url, "strace", "-f", "-qq", "-o", str(trace), "-A") as running:
        running.start("worker", "mastery-worker")
        with Nginx(running.socket_path) as nginx:
            client = nginx.client(make_token(SECRET, "root", "admin"))
            wait_for(lambda: client.get("/ready").status == 200, "serving")
            for _ in range(5):
                assert client.post("/api/v1/mastery/calculate", BODY).status == 200
                client.get("/metrics")
            wait_for(lambda: b"worker.started" in (running.folder / "log").read_bytes(), "worker started")
        for process in running.processes.values():  # strace itself takes no signals
            for pid in children(process.pid):
                os.kill(pid, signal.SIGTERM)
            process.wait(timeout=LIMIT_S)
    calls = calls_of(trace)
    assert "epoll_wait" in calls or "epoll_pwait" in calls
    for service in ("mastery-engine@", "mastery-worker"):
        assert calls - allowed_calls(units, service) <= {"execve"}


@needs("systemd-analyze")
@needs("strace")
@needs("nginx")
def test_nginx_and_its_rendering_make_no_call_that_their_unit_forbids(units, tmp_path):
    if sanitized():
        pytest.skip("sanitizers make calls of their own")
    port, dapr_port = free_port(), free_port()
    environment = {
        "PATH": os.environ["PATH"], "PORT": str(port), "DAPR_PORT": str(dapr_port), "LISTEN_ADDRESS": "127.0.0.1",
        "FCGI_SOCKET": str(tmp_path / "engine.sock"), "NGINX_RUNTIME_DIR": str(tmp_path),
        "NGINX_TEMPLATES": str(ROOT / "conf/nginx"), "MASTERY_CTL": str(bin_dir() / "mastery-ctl"),
        "ACCESS_LOG": str(tmp_path / "access.log"), "METRICS_ALLOW": "127.0.0.1",
    }  # fmt: skip
    traced, trace = ["strace", "-f", "-qq", "-A", "-o"], tmp_path / "trace"
    conf = tmp_path / "conf"
    subprocess.run(
        [*traced, trace, ROOT / "scripts/render-nginx", conf], env=environment, check=True, timeout=LIMIT_S
    )
    nginx = ["nginx", "-e", "stderr", "-p", tmp_path, "-c", conf / "nginx.conf", "-g", "daemon off;"]
    process = subprocess.Popen([*traced, trace, *nginx], stdin=subprocess.DEVNULL)
    wait_for(lambda: status_of(port) == 502, "nginx")
    for pid in children(process.pid):
        os.kill(pid, signal.SIGQUIT)
    process.wait(timeout=LIMIT_S)
    of_root = {"setuid", "setgroups"}  # the unit's nginx has its user already
    assert calls_of(trace) - allowed_calls(units, "mastery-engine-nginx") - of_root <= {"execve"}


def status_of(port):
    """That of a request to an nginx without a pool; None while it does not listen."""
    client = Client(f"http://127.0.0.1:{port}")
    try:
        return client.get("/health").status
    except OSError:
        return None
    finally:
        client.close()

