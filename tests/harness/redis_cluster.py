# SPDX-License-Identifier: GPL-3.0-or-later
"""A Redis Cluster on loopback. With TEST_REDIS=cluster in the environment, engines and pools use such a one
instead of one Redis on a unix socket."""
import atexit
import contextlib
import os
import re

import pytest
import redis
from redis.cluster import ClusterNode, RedisCluster

from harness.ports import free_port
from harness.redis_server import RedisServer
from harness.wait import wait_for

SLOTS = 16384


def by_cluster():
    return os.environ.get("TEST_REDIS") == "cluster"


def slot_of(key):
    return redis.cluster.key_slot(key.encode())


class ClusterClient(RedisCluster):
    def config_set(self, name, value):
        """On all masters, not on one of them."""
        return self.execute_command("CONFIG SET", name, value, target_nodes=RedisCluster.PRIMARIES)


def client_of(url, **options):
    """A client of the cluster that REDIS_URL names."""
    ports = [int(port) for port in re.findall(r":(\d+)", url)]
    return ClusterClient(startup_nodes=[ClusterNode("127.0.0.1", port) for port in ports], **options)


class ClusterServer(RedisServer):
    """One node. settings: of redis.conf, instead of the tests' own."""

    def __init__(self, **settings):
        self.port, self.bus_port = free_port(), free_port()
        settings = {
            "port": self.port,
            "bind": "127.0.0.1",
            "cluster-enabled": "yes",
            "cluster-port": self.bus_port,
            "cluster-node-timeout": "5000",
            "cluster-require-full-coverage": "no",
            "cluster-allow-replica-migration": "no",  # or a replica may leave its master for one that has none
            "rdbcompression": "no",  # a client of the cluster sets it on one node only
            "repl-diskless-sync-delay": "0",
            "repl-ping-replica-period": "1",  # only then is a replica shown
            **{name.replace("_", "-"): value for name, value in settings.items()},
        }
        super().__init__(*(word for name, value in settings.items() for word in (f"--{name}", str(value))))

    @property
    def id(self):
        return self.client().execute_command("CLUSTER MYID")

    def info(self):
        return self.client().execute_command("CLUSTER INFO")

    def is_master(self):
        return self.client().role()[0] == "master"

    def meet(self, other):
        self.client().execute_command("CLUSTER MEET", "127.0.0.1", other.port, other.bus_port)


class Cluster:
    """So many masters with the slots in equal parts. replicas_of: the number of its master, for each replica."""

    def __init__(self, masters=3, replicas_of=(0, 1, 2), **settings):
        self.masters = [ClusterServer(**settings) for _ in range(masters)]
        self.replicas = [ClusterServer(**settings) for _ in replicas_of]
        self._replicas_of = replicas_of
        self._stack = contextlib.ExitStack()

    @property
    def servers(self):
        return self.masters + self.replicas

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            for server in self.servers:
                stack.enter_context(server)
            self._join()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _join(self):
        count = len(self.masters)
        for number, server in enumerate(self.servers):
            server.client().execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
            for other in self.servers[:number]:
                server.meet(other)
        for number, master in enumerate(self.masters):
            bounds = SLOTS * number // count, SLOTS * (number + 1) // count - 1
            master.client().execute_command("CLUSTER ADDSLOTSRANGE", *bounds)
        wait_for(lambda: all(self._knows_all(server) for server in self.servers), "all nodes know one another")
        for number, replica in zip(self._replicas_of, self.replicas):
            replica.client().execute_command("CLUSTER REPLICATE", self.masters[number].id)
        wait_for(lambda: all(self._is_whole(server) for server in self.servers), "the cluster is whole")

    def _knows_all(self, server):
        return server.info()["cluster_known_nodes"] == str(len(self.servers))

    def _is_whole(self, server):
        """It knows all masters, and they their replicas."""
        ranges = server.client().execute_command("CLUSTER SLOTS")
        replicas = sum(len(replicas) for _, _, _, *replicas in ranges)
        linked = server.is_master() or server.client().info("replication")["master_link_status"] == "up"
        counts = len(ranges), replicas, server.info()["cluster_state"]
        return linked and counts == (len(self.masters), len(self.replicas), "ok")

    @property
    def url(self):
        return "redis://" + ",".join(f"127.0.0.1:{server.port}" for server in self.masters) + "/?cluster"

    def client(self, decode=True, **options):
        return client_of(self.url, decode_responses=decode, **options)

    def move_slot(self, slot, source, target):
        """As redis-cli --cluster reshard does, with the keys that are there."""
        here, there = source.client(decode=False), target.client(decode=False)
        there.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", source.id)
        here.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", target.id)
        while keys := here.execute_command("CLUSTER GETKEYSINSLOT", slot, 10):
            here.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        for server in (target, source, *self.masters):
            if server.is_up():
                server.client().execute_command("CLUSTER SETSLOT", slot, "NODE", target.id)

    def master_of(self, key):
        """The server that has the slot of the key."""
        slot = slot_of(key)
        ranges = next(server for server in self.servers if server.is_up()).client().execute_command("CLUSTER SLOTS")
        port = next(master[1] for first, last, master, *_ in ranges if first <= slot <= last)
        return next(server for server in self.servers if server.port == port)


class LentCluster:
    """Three masters for one test, which leaves them to the next: a cluster takes seconds to start."""

    idle = []

    def __enter__(self):
        if not self.idle:
            cluster = Cluster(replicas_of=()).__enter__()
            atexit.register(cluster.__exit__)
            self.idle.append(cluster)
        self.cluster = self.idle.pop()
        return self

    def __exit__(self, *_):
        for server in self.cluster.servers:
            store = server.client()
            store.flushall()
            for name, value in {"maxmemory": 0, "min-replicas-to-write": 0, "appendonly": "no"}.items():
                store.config_set(name, value)
        self.idle.append(self.cluster)

    @property
    def url(self):
        return self.cluster.url

    @property
    def path(self):
        pytest.skip("this test is about one server")

    def stop(self):
        pytest.skip("this test is about one server")

    def client(self, **options):
        return self.cluster.client(**options)
