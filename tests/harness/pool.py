# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool without nginx, with an environment of one's own: spoken to in FastCGI."""
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from harness.binaries import ROOT, assert_no_report, bin_dir, sanitizer_options
from harness.fastcgi import FastCgi
from harness.model import COMPONENTS
from harness.process import alive, children, log_lines, program
from harness.redis_server import LONG_TIMEOUTS, without_none
from harness.redis_kinds import trust
from harness.token import make_token
from harness.wait import LIMIT_S, wait_for

AUDIT_KEY = "a key for the audit log of tests, long enough"
SECRET = "a secret for tests, of more than thirty-two bytes"


class Pool:
    """spawn-fcgi, multiwatch and so many processes, on a socket in a folder of their own.

    may_crash: the test sees to it that a process ends badly, and sanitizers may say so.
    log_to: a descriptor to write the log to, instead of the file log_path.
    """

    def __init__(
        self, redis_url, size=1, umask=None, may_crash=False, log_to=None, **environment
    ):
        self._log_to = log_to
        self.may_crash, self._program = may_crash, str(bin_dir() / "mastery-fcgi")
        self.folder = Path(tempfile.mkdtemp(prefix="mp-"))
        self.socket_path = self.folder / "pool.sock"
        self.size, self._umask = size, umask
        defaults = {
            "PATH": os.environ["PATH"],
            "ENVIRONMENT": "test",
            "REDIS_URL": redis_url,
            "JWT_SECRET": SECRET,
            "AUDIT_KEY": AUDIT_KEY,
            "METRICS_FILE": str(self.folder / "metrics"),
            "RECOMMENDATIONS_FILE": str(ROOT / "conf" / "recommendations.json"),
            "DRAIN_TIMEOUT_S": "2",  # tests may end with connections open, or Redis away
            **LONG_TIMEOUTS,
            **trust(),
            **sanitizer_options(quarantine_size_mb=1, thread_local_quarantine_size_kb=64),
        }
        self.environment = without_none({**defaults, **environment})
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        command = [ROOT / "scripts" / "spawn-pool", self.socket_path, str(self.size), self._program]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log if self._log_to is None else self._log_to,
                umask=-1 if self._umask is None else self._umask,
            )
        try:
            wait_for(self.serves, "pool serving")
        except BaseException:
            self.stop()
            raise
        return self

    @property
    def log_path(self):
        return self.folder / "log"

    def lines(self, event):
        """The log lines of that event."""
        return log_lines(self.log_path, event)

    def serves(self):
        assert self.process.poll() is None, self.log_path.read_text()
        try:
            return len(self.pids()) == self.size and self.request("GET", "/health").status == 200
        except (OSError, AssertionError):
            return False

    def stop(self):
        """Every process that was started ends, by itself if it can."""
        if alive(self.process.pid):
            self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
        try:
            if not self.may_crash:
                assert_no_report(self.log_path)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self):
        pids = [self.process.pid, *self.pids()]
        for pid in pids:
            for number in (signal.SIGCONT, signal.SIGKILL):
                if alive(pid):
                    os.kill(pid, number)
        self.process.wait()

    def pids(self):
        found = children(self.process.pid)
        return [pid for pid in found if program(pid) == "mastery-fcgi"]

    def connect(self, timeout=LIMIT_S):
        return FastCgi(self.socket_path, timeout)

    def request(self, method, target, **options):
        """One request on a connection of its own."""
        with self.connect() as connection:
            return connection.request(method, target, keep=False, **options)

    def token(self, user, role, **claims):
        return make_token(self.environment["JWT_SECRET"].split("\n")[0], user, role, **claims)

    def calculate(self, student, scores=(0.8, 0.9, 0.85, 0.7)):
        body = {"student_id": student, "components": dict(zip(COMPONENTS, scores))}
        return self.request(
            "POST", "/api/v1/mastery/calculate", json=body, token=self.token("root", "admin")
        )

    def query(self, student, user="root", role="admin", **options):
        body = {"student_id": student, **options}
        return self.request(
            "POST", "/api/v1/mastery/query", json=body, token=self.token(user, role)
        )


class PoolClient:
    """What harness.client.Client is, for a pool without nginx: an admin. keep: over one connection,
    which is made anew when it has broken; otherwise each request has its own."""

    def __init__(self, pool, keep=False):
        self.pool, self.token, self.keep = pool, pool.token("root", "admin"), keep
        self._connection = None

    def close(self):
        if self._connection:
            self._connection.close()
            self._connection = None

    def request(self, method, path, **options):
        if not self.keep:
            return self.pool.request(method, path, token=self.token, **options)
        if self._connection is None:
            self._connection = self.pool.connect()
        try:
            return self._connection.request(method, path, token=self.token, **options)
        except BaseException:
            self.close()
            raise

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, json, **options):
        return self.request("POST", path, json=json, **options)

    def delete(self, path):
        return self.request("DELETE", path)
