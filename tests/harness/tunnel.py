# SPDX-License-Identifier: GPL-3.0-or-later
"""stunnel by conf/stunnel, between a unix socket and a server that speaks TLS."""
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from harness.binaries import ROOT
from harness.wait import wait_for


class Tunnel:
    """lines: settings in the place of those that the file has, cert and key beside them."""

    def __init__(self, port, authority, **lines):
        self.folder = Path(tempfile.mkdtemp(prefix="mt-"))
        self.path = self.folder / "redis.sock"
        lines = {
            "accept": self.path,
            "connect": f"127.0.0.1:{port}",
            "CAfile": authority.path,
            "checkHost": "localhost",
            **lines,
        }
        text = (ROOT / "conf/stunnel/mastery-redis.conf").read_text()
        for name, value in lines.items():
            text, found = re.subn(rf"^;?{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
            assert found == 1, name
        self.config = self.folder / "stunnel.conf"
        self.config.write_text(text)
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["stunnel4", str(self.config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_for(self._listens, "stunnel up")
        return self

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.path.unlink(missing_ok=True)

    @property
    def url(self):
        return f"unix://{self.path}"

    @property
    def log_path(self):
        return self.folder / "log"

    def _listens(self):
        assert self.process.poll() is None, self.log_path.read_text()
        with socket.socket(socket.AF_UNIX) as sock:
            return sock.connect_ex(str(self.path)) == 0
