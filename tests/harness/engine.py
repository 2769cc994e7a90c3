# SPDX-License-Identifier: GPL-3.0-or-later
"""A complete private engine (Redis, pool, nginx), started as a user would start it."""
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path

import redis

from harness.binaries import ROOT, assert_no_report, bin_dir
from harness.client import Client
from harness.ctl import run_ctl
from harness.deployment import read_env
from harness.model import COMPONENTS
from harness.process import alive, children, program
from harness.redis_kinds import new_engine_server, trust
from harness.redis_server import LONG_TIMEOUTS, without_none
from harness.token import make_token
from harness.wait import wait_for

START_TIMEOUT = 300  # the first start under sanitizers or valgrind


def fresh_id(prefix="s"):
    """An id that no other test has used."""
    return f"{prefix}_{uuid.uuid4().hex[:16]}"


class Engine:
    """Settings are environment variables of scripts/run, beyond or instead of the tests' own.

    may_crash: the test sees to it that a process ends badly, and sanitizers may say so.
    """

    def __init__(self, may_crash=False, **settings):
        self.may_crash, binaries = may_crash, bin_dir()
        self.state_dir = Path(tempfile.mkdtemp(prefix="me-"))
        defaults = {
            **os.environ,
            **trust(),
            "STATE_DIR": str(self.state_dir),
            "PORT": "0",
            "NO_SEED": "1",
            "BIN_DIR": str(binaries),
            "RATE_LIMITS": "off",
            "APPENDFSYNC": "everysec",
            "POOL_SIZE": "2",
            "AUDIT_SEAL_S": "1",
            "REDIS_URL": "",  # its own Redis, whatever the environment of the tests names
            **LONG_TIMEOUTS,
        }
        self.environment = without_none({**defaults, **settings})
        self.values = {}
        self.other_redis = None if self.environment["REDIS_URL"] else new_engine_server()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        try:
            if self.other_redis:
                self.environment["REDIS_URL"] = self.other_redis.__enter__().url
            self.script("run", "--detach")
            self.read_values()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        """Everything ends, and nothing but the state folder may be left, which goes too."""
        try:
            self.script("stop")
            if not self.may_crash:
                assert_no_report(self.state_dir / "log" / "pool.log")
        finally:
            for pid in self.processes():
                os.kill(pid, signal.SIGKILL)
            if self.other_redis:
                self.other_redis.__exit__()
            shutil.rmtree(self.state_dir, ignore_errors=True)

    def script(self, name, *arguments, **options):
        result = subprocess.run(
            [str(ROOT / "scripts" / name), *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=START_TIMEOUT,
            text=True,
            **options,
        )
        if result.returncode != 0:
            raise RuntimeError(f"scripts/{name} ended with {result.returncode}:\n{result.stdout}")
        return result.stdout

    def read_values(self):
        self.values.update(read_env(self.state_dir))

    # Addresses and clients

    @property
    def base_url(self):
        return self.values["BASE_URL"]

    @property
    def dapr_url(self):
        return self.values["DAPR_URL"]

    @property
    def secret(self):
        return self.values["JWT_SECRET"]

    def token(self, user, role, **claims):
        return make_token(self.secret, user, role, **claims)

    def client(self, user=None, role="student", source=None, **claims):
        """A client with a token for this user, or without any."""
        token = self.token(user, role, **claims) if user else None
        return Client(self.base_url, token, source)

    def admin(self):
        return self.client(fresh_id("admin"), "admin")

    def sidecar(self, **options):
        return Client(self.dapr_url, **options)

    def redis(self, decode=True):
        if self.other_redis:
            return self.other_redis.client(decode)
        password = self.values.get("REDIS_PASSWORD")
        return redis.Redis.from_url(self.values["REDIS_URL"], password=password, decode_responses=decode)

    def folders(self):
        """Where it and its Redis write their files."""
        return [self.state_dir, *(self.other_redis.folders if self.other_redis else ())]

    # Data

    def calculate(self, student, scores=(0.8, 0.9, 0.85, 0.7), weights=None, by=None):
        """Stores a student's components; returns the response."""
        body = {"student_id": student, "components": dict(zip(COMPONENTS, scores))}
        if weights is not None:
            body["weights"] = dict(zip(COMPONENTS, weights))
        return (by or self.admin()).post("/api/v1/mastery/calculate", body)

    def ctl(self, *arguments, text="", check=True):
        """mastery-ctl with this engine's settings; its standard output."""
        result = run_ctl({**self.environment, **self.values}, *arguments, text=text)
        if check and result.returncode != 0:
            raise RuntimeError(f"mastery-ctl {arguments}: {result.returncode}\n{result.stderr}")
        return result.stdout

    def seed(self, rows):
        """rows: (student, date, completion, quiz, quality, consistency); days of history."""
        lines = ["student_id,date,completion,quiz,quality,consistency"]
        lines += [",".join(str(value) for value in row) for row in rows]
        return self.ctl("seed", "-", text="\n".join(lines) + "\n")

    # Processes

    def processes(self):
        """All processes that the engine's own file of values names and that still live."""
        values = [value for name, value in self.values.items() if name.endswith("_PID")]
        pids = [int(value) for value in values if value]
        found = []
        for pid in pids:
            found += [child for child in [pid, *children(pid)] if alive(child)]
        return found

    @property
    def pool_pid(self):
        """multiwatch, whose children are the pool."""
        return int(self.values["POOL_PID"])

    @property
    def nginx_pid(self):
        return int(self.values["NGINX_PID"])

    def pool(self):
        """The processes of the pool that live now."""
        return [pid for pid in children(self.pool_pid) if program(pid) == "mastery-fcgi"]

    def pool_size(self):
        return int(self.environment["POOL_SIZE"])

    def pool_is_whole(self):
        return len(self.pool()) == self.pool_size()

    def redis_pid(self):
        return self.redis().info("server")["process_id"]

    def socket_path(self):
        """The pool's socket: the one that is not Redis's."""
        sockets = [path for path in self.state_dir.rglob("*") if path.is_socket()]
        [path] = [path for path in sockets if str(path) not in self.values["REDIS_URL"]]
        return path

    def ready(self):
        return Client(self.base_url).get("/ready").status == 200

    def wait_ready(self):
        wait_for(self.ready, "engine ready")


class RunningEngine(Engine):
    """One that runs somewhere already: MASTERY_BASE_URL says where, and DAPR_URL, REDIS_URL,
    REDIS_PASSWORD, JWT_SECRET and APP_API_TOKEN are its own. Its processes are out of reach."""

    def __init__(self):
        names = "DAPR_URL REDIS_URL REDIS_PASSWORD JWT_SECRET APP_API_TOKEN AUDIT_KEY".split()
        self.environment = {**os.environ, "BIN_DIR": str(bin_dir())}
        self.values = {name: os.environ[name] for name in names if os.environ.get(name)}
        self.values["BASE_URL"] = os.environ["MASTERY_BASE_URL"]
        self.other_redis = None

    def start(self):
        self.wait_ready()
        return self

    def stop(self):
        pass


def redis_process(engine):
    """The engine's Redis, to be stopped in every way and started again as it was; all nodes of a cluster."""
    return engine.other_redis or _OwnRedis(engine)


class _OwnRedis:
    """The Redis that scripts/run has started."""

    def __init__(self, engine):
        info = engine.redis().info("server")
        self.engine, self.pid = engine, info["process_id"]
        self._config = info["config_file"]
        self._cwd = os.readlink(f"/proc/{self.pid}/cwd")

    def signal(self, number):
        os.kill(self.pid, number)

    def stop(self):
        """At once, as by kill -9."""
        self.signal(signal.SIGKILL)
        wait_for(lambda: not alive(self.pid), "redis gone")

    def start(self):
        with open(self.engine.state_dir / "redis-again.log", "ab") as log:
            child = subprocess.Popen(
                ["redis-server", self._config, "--daemonize", "no"],
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.pid = child.pid
        self.engine.values["REDIS_AGAIN_PID"] = str(child.pid)
        wait_for(self.is_up, "redis back")
        return child

    def is_up(self):
        try:
            return self.engine.redis().ping()
        except redis.RedisError:
            return False
