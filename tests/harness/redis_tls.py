# SPDX-License-Identifier: GPL-3.0-or-later
"""A Redis that speaks TLS on its `port`, with the certificate of an authority of the tests."""
import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from harness.ports import free_port
from harness.redis_server import RedisServer
from harness.tls import Authority


@functools.cache
def shared_authority():
    folder = Path(tempfile.mkdtemp(prefix="ma-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Authority(folder)


def tls_settings(authority, port, certificate, key):
    """Of a Redis that speaks TLS on the port, and nothing else on any."""
    return {
        "port": 0,
        "tls-port": port,
        "tls-cert-file": certificate,
        "tls-key-file": key,
        "tls-ca-cert-file": authority.path,
        "bind": "127.0.0.1",
    }


class SecureRedis(RedisServer):
    """settings: of redis.conf, instead of the tests' own. names: those in the certificate."""

    def __init__(self, authority, *options, names=("localhost", "127.0.0.1"), certificate=None, **settings):
        self.authority, self.port = authority, free_port()
        self.certificate, self.key = certificate or authority.issue(*names)
        settings = {
            **tls_settings(authority, self.port, self.certificate, self.key),
            "tls-auth-clients": "no",
            **{name.replace("_", "-"): value for name, value in settings.items()},
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        super().__init__(*words, *options)

    @property
    def secure_url(self):
        return f"rediss://localhost:{self.port}"


class DefaultSecureRedis(SecureRedis):
    def __init__(self, *options):
        super().__init__(shared_authority(), *options)

    @property
    def url(self):
        return self.secure_url
