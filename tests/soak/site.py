# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run judges: an engine by scripts/run, before it a Redis that keeps what it has acknowledged, and
between them a stand-in that can cut connections. The worker is started anew when it has ended, as an init
system would do."""
import contextlib
import glob
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

from harness.binaries import assert_no_report, bin_dir, sanitized
from harness.engine import Engine
from harness.process import alive
from harness.redis_server import LONG_TIMEOUTS, RedisServer, RedisStandIn
from harness.token import make_token
from harness.wait import wait_for
from harness.worker import Process

# Takes the place of mastery-fcgi: the next process that starts while the file exists has a wrong clock. The
# program faketime would be another process between this one and multiwatch.
WITH_CLOCK = """#!/bin/sh
if mv {folder}/clock-is-wrong {folder}/used 2>/dev/null; then
    export FAKETIME=+1h LD_PRELOAD={library}
fi
exec {program}
"""


def faketime_library():
    """The path of libfaketime; None without it, and with sanitizers, which require to be loaded first."""
    return None if sanitized() else next(iter(glob.glob("/usr/lib/*/faketime/libfaketime.so.1")), None)
LONG_S = 86400


class Site:
    """settings: of the engine, beyond those of a run."""

    def __init__(self, **settings):
        self.settings = {
            "POOL_SIZE": 2,
            "MAX_REQUESTS": 2000,
            "STORE_ROUND_TIMEOUT_MS": 200,
            "STORE_CONNECT_TIMEOUT_MS": 200,
            **settings,
        }
        self._stack = contextlib.ExitStack()
        self.redis = self.stand_in = self.engine = self.worker = None
        self.erased_may_return = False
        self._tokens = {}

    def __enter__(self):
        try:
            self.redis = self._enter(RedisServer("--appendonly", "yes", "--appendfsync", "always"))
            self.stand_in = self._enter(RedisStandIn(self.redis.path))
            self.folder = Path(tempfile.mkdtemp(prefix="mk-"))
            self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            settings = {"BIN_DIR": self._binaries(), "REDIS_URL": self.stand_in.url, **self.settings}
            self.engine = self._enter(Engine(**settings))
            self._take_over_worker()
            self._find_what_is_served()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _enter(self, manager):
        return self._stack.enter_context(manager)

    def _binaries(self):
        """A folder with the engine's programs, of which mastery-fcgi may have a wrong clock."""
        for path in bin_dir().glob("mastery-*"):
            (self.folder / path.name).symlink_to(path)
        if faketime_library():
            wrapper, program = self.folder / "mastery-fcgi", bin_dir() / "mastery-fcgi"
            wrapper.unlink()
            wrapper.write_text(WITH_CLOCK.format(folder=self.folder, library=faketime_library(), program=program))
            wrapper.chmod(0o755)
        return self.folder

    def _take_over_worker(self):
        pid = int(self.engine.values["WORKER_PID"])
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        environment = dict(word.decode().split("=", 1) for word in words if b"=" in word)
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not alive(pid), "first worker ended")
        log = self.engine.state_dir / "log" / "worker-of-the-run.log"
        self.worker = Process([str(bin_dir() / "mastery-worker")], environment, log).start()
        self._stack.callback(assert_no_report, log)
        self._stack.callback(self.worker.kill)

    def _find_what_is_served(self):
        """Whether an erased student may return by a new consent: an older engine refuses."""
        admin, student = self.engine.admin(), "probe-of-the-run"
        self.engine.calculate(student)
        admin.delete(f"/api/v1/compliance/student/{student}")
        body = {"consent_type": "data_processing", "granted": True}
        response = admin.post(f"/api/v1/compliance/consent/{student}", body)
        self.erased_may_return = response.status == 200
        admin.delete(f"/api/v1/compliance/student/{student}")
        admin.close()

    @property
    def base_url(self):
        return self.engine.base_url

    @property
    def dapr_url(self):
        return self.engine.dapr_url

    @property
    def app_api_token(self):
        return self.engine.values["APP_API_TOKEN"]

    @property
    def ctl_environment(self):
        """For mastery-ctl, which goes to Redis by itself and waits as long as it takes."""
        engine = self.engine
        return {**engine.environment, **engine.values, **LONG_TIMEOUTS, "REDIS_URL": self.redis.url}

    def token(self, user, role):
        """Issued an hour and a half ago, so that a process whose clock is off accepts it."""
        if (user, role) not in self._tokens:
            now = int(time.time())
            claims = {"iat": now - 5400, "exp": now + LONG_S}
            self._tokens[user, role] = make_token(self.engine.secret, user, role, **claims)
        return self._tokens[user, role]

    # --- processes ---

    def pool(self):
        return self.engine.pool()

    def a_process(self, number):
        """One of the pool, or None while there is none."""
        pids = self.pool()
        return pids[number % len(pids)] if pids else None

    def restart_redis(self):
        """After a kill: its file is read, then it accepts connections."""
        self.redis.process.wait()
        self.redis.path.unlink(missing_ok=True)
        self.redis.start()

    def keep_worker(self):
        """Starts the worker when it has ended."""
        if not self.worker.alive():
            self.worker.start()

    def whole_again(self):
        """All faults are over: waits until everything runs and answers."""
        self.keep_worker()
        wait_for(self.engine.pool_is_whole, "pool whole")
        self.engine.wait_ready()

    def turnovers(self):
        """Processes that have left because of MAX_REQUESTS."""
        text = (self.engine.state_dir / "log" / "pool.log").read_text(errors="replace")
        return text.count('"reason":"MAX_REQUESTS"')
