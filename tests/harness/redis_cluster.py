# SPDX-License-Identifier: GPL-3.0-or-later
"""A Redis Cluster on loopback."""
import atexit
import contextlib
import functools

import redis
from redis.cluster import ClusterNode, RedisCluster

from harness.ports import free_ports
from harness.redis_server import RedisServer
from harness.redis_tls import tls_settings
from harness.wait import wait_for

SLOTS = 16384


def slot_of(key):
    return redis.cluster.key_slot(key.encode())


class ClusterMonitor:
    """MONITOR of all masters. What is seen ends with the first ECHO, which the client sends to all of them."""

    def __init__(self, clients):
        self._monitors = [client.monitor() for client in clients]

    def __enter__(self):
        for monitor in self._monitors:
            monitor.__enter__()
        return self

    def __exit__(self, *error):
        for monitor in self._monitors:
            monitor.__exit__(*error)

    def listen(self):
        """The lines of one master after the other; of the ECHO that ends them one line, the last."""
        for number, monitor in enumerate(self._monitors, 1):
            for line in monitor.listen():
                if not line["command"].startswith("ECHO "):
                    yield line
                    continue
                if number == len(self._monitors):
                    yield line
                break


class ClusterClient(RedisCluster):
    """What concerns a whole server goes to all masters."""

    COMMAND_FLAGS = {
        **RedisCluster.COMMAND_FLAGS,
        **dict.fromkeys(("CONFIG SET", "DBSIZE", "ECHO", "KEYS"), RedisCluster.PRIMARIES),
    }

    def masters(self):
        """A client of each."""
        return [self.get_redis_connection(node) for node in self.get_primaries()]

    def monitor(self):
        return ClusterMonitor(self.masters())

    @functools.cached_property
    def with_bytes(self):
        """A client of the same cluster that does not decode replies."""
        nodes = [ClusterNode(node.host, node.port) for node in self.get_primaries()]
        return ClusterClient(startup_nodes=nodes, decode_responses=False)


def servers_of(client):
    """A client of each server that takes writes."""
    return client.masters() if isinstance(client, ClusterClient) else [client]


class ClusterServer(RedisServer):
    """One node. port: for clients; the next one is the bus port. settings: of redis.conf, instead of the tests' own. authority: the node speaks TLS alone, and requires
    a certificate of this authority. network: all others reach the node by relays of this network."""

    def __init__(self, port, authority=None, network=None, **settings):
        self.port, self.bus_port = port, port + 1
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
        if authority:
            settings |= tls_settings(authority, self.port, *authority.issue("127.0.0.1"))
            settings |= {"tls-cluster": "yes", "tls-replication": "yes"}
        if network:
            settings |= network.place(self)
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
    """So many masters with the slots in equal parts. replicas_of: the number of its master, for each replica.
    settings: of each node."""

    def __init__(self, masters=3, replicas_of=(0, 1, 2), **settings):
        self.scheme = "rediss" if settings.get("authority") else "redis"
        first = free_ports(2 * (masters + len(replicas_of)))
        servers = [ClusterServer(first + 2 * number, **settings) for number in range(masters + len(replicas_of))]
        self.masters, self.replicas = servers[:masters], servers[masters:]
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
        self.wait_whole()

    def wait_whole(self):
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
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in self.masters)
        return f"{self.scheme}://{hosts}/?cluster"

    def client(self, decode=True, **options):
        nodes = [ClusterNode("127.0.0.1", server.port) for server in self.masters]
        return ClusterClient(startup_nodes=nodes, decode_responses=decode, **options)

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
    """Three masters with a replica each for one test, which leaves them to the next: a cluster takes seconds to
    start. What one server does all nodes do. options: it is persistent in any case."""

    idle = []

    def __init__(self, *options):
        self.cluster = None

    def __enter__(self):
        if not self.idle:
            # No replica takes over: a test that stops all nodes finds them as they were.
            cluster = Cluster(appendonly="yes", cluster_node_timeout=60000).__enter__()
            atexit.register(cluster.__exit__)
            self.idle.append(cluster)
        self.cluster = self.idle.pop()
        return self

    def __exit__(self, *_):
        if self.cluster is None:
            return
        if not all(server.is_up() for server in self.cluster.servers):
            self.stop()
            self.start()
        for master in self.cluster.masters:
            store = master.client()
            store.flushall()
            for name, value in {"maxmemory": 0, "min-replicas-to-write": 0}.items():
                store.config_set(name, value)
        self.idle.append(self.cluster)

    @property
    def url(self):
        return self.cluster.url

    @property
    def path(self):
        raise AssertionError("a cluster has no single server for a stand-in: name the test in LEFT_OUT (redis_kinds.py)")

    @property
    def folders(self):
        """Of the masters: replicas keep what is erased in their files for longer (docs/privacy.md)."""
        return [folder for server in self.cluster.masters for folder in server.folders]

    def signal(self, number):
        for server in self.cluster.servers:
            server.signal(number)

    def stop(self):
        for server in self.cluster.servers:
            server.stop()

    def start(self):
        for server in self.cluster.servers:
            server.start()
        self.cluster.wait_whole()

    def client(self, decode=True, **options):
        return self.cluster.client(decode, **options)
