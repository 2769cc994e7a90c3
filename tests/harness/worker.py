# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers of one's own beside a pool, and a sidecar in a process of its own."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from harness.client import Client
from harness.binaries import bin_dir
from harness.ports import free_port
from harness.process import log_lines
from harness.wait import LIMIT_S, wait_for


class Process:
    """Something that is started, killed, stopped and started again, with its output in a file."""

    def __init__(self, command, environment, log_path):
        self.command, self.environment, self.log_path = command, environment, log_path
        self.child = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    @property
    def pid(self):
        return self.child.pid

    def signal(self, number):
        self.child.send_signal(number)

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def kill(self):
        if self.alive():
            self.child.kill()
            self.child.send_signal(signal.SIGCONT)
        if self.child:
            self.child.wait()

    def log(self):
        return Path(self.log_path).read_text()


class Worker(Process):
    """environment: the pool's, whose Redis and metrics it shares."""

    def __init__(self, environment, folder, name="worker", **settings):
        settings = {key: str(value) for key, value in settings.items()}
        super().__init__(
            [str(bin_dir() / "mastery-worker")],
            {**environment, **settings},
            Path(folder) / f"{name}.log",
        )

    def drain(self, number=signal.SIGTERM, timeout=LIMIT_S):
        """Signals it to end; its exit status."""
        self.signal(number)
        return self.child.wait(timeout)

    def lines(self, event):
        """The log lines of that event."""
        return log_lines(self.log_path, event)


class SidecarProcess(Process):
    """harness.sidecar as a process; what it received is in a file that outlives it."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="md-"))
        self.port, self.path = free_port(), self.folder / "published"
        self.path.touch()
        tests = Path(__file__).resolve().parents[1]
        super().__init__(
            [sys.executable, "-m", "harness.sidecar", str(self.port), str(self.path)],
            {**os.environ, "PYTHONPATH": str(tests)},
            self.folder / "log",
        )

    def __enter__(self):
        self.start()
        wait_for(self.is_up, "sidecar up")
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def is_up(self):
        client = Client(f"http://127.0.0.1:{self.port}", timeout=LIMIT_S)
        try:
            return client.get("/v1.0/healthz").status == 204
        except OSError:
            return False
        finally:
            client.close()

    def events(self):
        """What was published, in order; a line that a kill has cut short does not count."""
        lines = self.path.read_bytes().split(b"\n")
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found
