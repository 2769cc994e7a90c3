# SPDX-License-Identifier: GPL-3.0-or-later
"""TEST_REDIS in the environment (tls, sentinel, cluster) says how engines and pools reach Redis. Without it they
use one Redis on a unix socket."""
import os

from harness.redis_cluster import LentCluster
from harness.redis_server import PERSISTENT, RedisServer
from harness.redis_tls import DefaultSecureRedis, shared_authority
from harness.sentinels import WatchedRedis

KIND = os.environ.get("TEST_REDIS", "")
# Tests that mean nothing there, with the reason. Tests with a stand-in between a program and Redis are left out of a
# cluster too (LentCluster.path).
LEFT_OUT = {
    "cluster": {"test_a_replica_is_no_redis_to_use": "a node of a cluster is refused as one server, replica or not"},
}
SERVERS = {"": RedisServer, "tls": DefaultSecureRedis, "sentinel": WatchedRedis, "cluster": LentCluster}


def new_server():
    """The Redis of a test."""
    return SERVERS[KIND]()


def new_engine_server():
    """The Redis of an engine that outlives a kill; None: scripts/run starts one."""
    return SERVERS[KIND](*PERSISTENT) if KIND else None


def reason_to_leave_out(test):
    """None: it is run."""
    return LEFT_OUT.get(KIND, {}).get(test)


def trust():
    """Environment of a process that is to believe the shared authority, whatever its REDIS_URL is."""
    return {"SSL_CERT_FILE": str(shared_authority().path)} if KIND == "tls" else {}
