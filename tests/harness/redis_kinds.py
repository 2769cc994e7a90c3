# SPDX-License-Identifier: GPL-3.0-or-later
"""TEST_REDIS in the environment (tls, sentinel, cluster) says how engines and pools reach Redis. Without it they
use one Redis on a unix socket."""
import os

from harness.redis_cluster import LentCluster
from harness.redis_server import PERSISTENT, RedisServer
from harness.redis_tls import DefaultSecureRedis, shared_authority
from harness.sentinels import WatchedRedis

KIND = os.environ.get("TEST_REDIS", "")
SERVERS = {"": RedisServer, "tls": DefaultSecureRedis, "sentinel": WatchedRedis, "cluster": LentCluster}


def new_server():
    """The Redis of a test."""
    return SERVERS[KIND]()


def new_engine_server():
    """The Redis of an engine that outlives a kill; None: scripts/run starts one."""
    return SERVERS[KIND](*PERSISTENT) if KIND else None


def trust():
    """Environment of a process that is to believe the shared authority, whatever its REDIS_URL is."""
    return {"SSL_CERT_FILE": str(shared_authority().path)} if KIND == "tls" else {}
