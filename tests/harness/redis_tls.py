# SPDX-License-Identifier: GPL-3.0-or-later
"""A Redis that speaks TLS on its `port`, with the certificate of an authority of the tests."""
from harness.ports import free_port
from harness.redis_server import RedisServer


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
