# SPDX-License-Identifier: GPL-3.0-or-later
"""TEST_REDIS in the environment (tls, sentinel, cluster) says how engines and pools reach Redis. Without it they
use one Redis on a unix socket."""
import os

from harness.redis_cluster import LentCluster
from harness.redis_server import PERSISTENT, RedisServer
from harness.redis_tls import DefaultSecureRedis, shared_authority
from harness.sentinels import WatchedRedis

KIND = os.environ.get("TEST_REDIS", "")
# Tests that mean nothing there, with the reason.
STAND_IN = "a stand-in stands between a program and one server, and nodes name one another (tests/fault/test_cluster.py)"
LEFT_OUT = {
    "cluster": {
        "test_a_replica_is_no_redis_to_use": "a node of a cluster is refused as one server, replica or not",
        "test_a_store_that_hangs_is_3": STAND_IN,
        "test_change_while_the_events_are_read": STAND_IN,
        "test_class_of_200_is_read_in_one_pipeline_after_the_roster": STAND_IN,
        "test_event_that_the_worker_moves_meanwhile_counts_once": STAND_IN,
        "test_event_that_the_worker_moves_meanwhile_is_exported_once": STAND_IN,
        "test_script_that_arrives_after_its_lease_changes_nothing": STAND_IN,
        "test_seeding_can_go_on_after_the_store_went_away": STAND_IN,
        "test_worker_that_dies_over_a_batch_it_gives_up_leaves_the_call_to_another": STAND_IN,
    },
}
SERVERS = {"": RedisServer, "tls": DefaultSecureRedis, "sentinel": WatchedRedis, "cluster": LentCluster}


def new_server():
    """The Redis of a test."""
    return SERVERS[KIND]()


def new_engine_server():
    """The Redis of an engine that outlives a kill; None: scripts/run starts one."""
    return SERVERS[KIND](*PERSISTENT) if KIND else None


def left_out():
    """{name of a test that is not run with this kind: reason}."""
    return LEFT_OUT.get(KIND, {})


def trust():
    """Environment of a process that is to believe the shared authority, whatever its REDIS_URL is."""
    return {"SSL_CERT_FILE": str(shared_authority().path)} if KIND == "tls" else {}
