# SPDX-License-Identifier: GPL-3.0-or-later
"""A master of a Redis Cluster is cut off from all other nodes and lives on, while the engine reaches both sides
(docs/reliability.md, Redis Cluster)."""
import time

import pytest
from harness.engine import fresh_id
from harness.load import Load
from harness.network import Network
from harness.pool import Pool
from harness.redis_cluster import Cluster
from harness.store import shard_of, student_key
from harness.wait import wait_for

SHARDS = [f"{number:02x}" for number in range(256)]


@pytest.fixture
def network():
    with Network() as running:
        yield running


@pytest.fixture
def cluster(network):
    """Of the two replicas of the first master one is elected, the other confirms its writes."""
    with Cluster(replicas_of=(0, 0), network=network, cluster_node_timeout=2000) as running:
        yield running


def writes_to(pool, shards):
    """A call for Load: writes a student of these shards. (student, status, when it began and ended)."""

    def call(*_):
        student = fresh_id()
        while shard_of(student) not in shards:
            student = fresh_id()
        began = time.monotonic()
        status = pool.calculate(student).status
        return student, status, began, time.monotonic()

    return call


def acknowledged(load, since=0.0):
    """(student, when the write began and ended)."""
    return [(student, *times) for student, status, *times in list(load.results) if status == 200 and times[0] >= since]


def test_a_partition_loses_nothing_that_replicas_confirmed(cluster, network):
    """Without STORE_WAIT_REPLICAS it loses what the old master accepts before it notices that it is alone."""
    old = cluster.masters[0]
    shards = {shard for shard in SHARDS if cluster.master_of(f"{{{shard}}}:journal") is old}
    mark = f"{{{min(shards)}}}:replicated"
    with Pool(cluster.url, STORE_WAIT_REPLICAS=1, STORE_ROUND_TIMEOUT_MS=1000) as careful, Pool(cluster.url) as plain:
        with Load(2, writes_to(careful, shards)) as confirmed, Load(2, writes_to(plain, shards)) as accepted:
            loads = confirmed, accepted
            wait_for(lambda: all(len(acknowledged(load)) > 20 for load in loads), "writes before the partition")
            before = time.monotonic()
            client = old.client()
            wait_for(lambda: client.set(mark, 1) and client.execute_command("WAIT", 2, 100) == 2, "replicas in step")
            cut_at = time.monotonic()
            network.cut(old)
            wait_for(lambda: old.info()["cluster_state"] == "fail", "the old master knows that it is alone")
            refused_at = time.monotonic()
            [new] = wait_for(lambda: [one for one in cluster.replicas if one.is_master()], "a replica is elected")
            elected_at = time.monotonic()
            assert old.is_up() and old.is_master()
            later = lambda load: len(acknowledged(load, since=elected_at)) > 20
            wait_for(lambda: all(later(load) for load in loads), "writes on the new master")
        assert not confirmed.errors and not accepted.errors, (confirmed.errors[:3], accepted.errors[:3])
        network.heal()
        wait_for(lambda: not old.is_master(), "the old master follows the new one")
        redis = new.client()
        lost, safe = ([one for one in acknowledged(load) if not redis.exists(student_key(one[0]))] for load in (accepted, confirmed))
    assert not safe, "confirmed by a replica and lost"
    assert lost, "the old master has accepted nothing: there was no partition"
    assert all(ended >= before and began <= refused_at for _, began, ended in lost), "lost outside of the partition"
    last = max(began for _, began, _ in lost)
    print(f"{len(lost)} lost in {last - cut_at:.1f} s, elected after {elected_at - cut_at:.1f} s")  # with pytest -s
