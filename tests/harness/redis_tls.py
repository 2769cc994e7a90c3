# SPDX-License-Identifier: GPL-3.0-or-later
"""A Redis that speaks TLS on its `port`, with the certificate of an authority of the tests. With
TEST_REDIS=tls in the environment, engines and pools use such a one instead of one on a unix socket."""
import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

from harness.ports import free_port
from harness.redis_cluster import LentCluster, by_cluster
from harness.redis_server import RedisServer
from harness.tls import Authority


def by_tls():
    return os.environ.get("TEST_REDIS") == "tls"


@functools.cache
def shared_authority():
    folder = Path(tempfile.mkdtemp(prefix="ma-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Authority(folder)


def trust():
    """Environment of a process that is to believe the shared authority, whatever its REDIS_URL is."""
    return {"SSL_CERT_FILE": str(shared_authority().path)} if by_tls() else {}


def new_server():
    """The Redis of a test."""
    if by_cluster():
        return LentCluster()
    return DefaultSecureRedis(shared_authority()) if by_tls() else RedisServer()


class SecureRedis(RedisServer):
    """settings: of redis.conf, instead of the tests' own. names: those in the certificate."""

    def __init__(self, authority, *options, names=("localhost", "127.0.0.1"), certificate=None, **settings):
        self.authority, self.port = authority, free_port()
        self.certificate, self.key = certificate or authority.issue(*names)
        settings = {
            "tls-port": self.port,
            "tls-cert-file": self.certificate,
            "tls-key-file": self.key,
            "tls-ca-cert-file": authority.path,
            "tls-auth-clients": "no",
            "bind": "127.0.0.1",
            **{name.replace("_", "-"): value for name, value in settings.items()},
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        super().__init__(*words, *options)

    @property
    def secure_url(self):
        return f"rediss://localhost:{self.port}"


class DefaultSecureRedis(SecureRedis):
    @property
    def url(self):
        return self.secure_url
