# SPDX-License-Identifier: GPL-3.0-or-later
"""Real sentinels with a master and its replicas, and a stand-in that answers as a sentinel what it is told."""
import atexit
import contextlib
import functools
import shutil
import signal
import socketserver
import subprocess
import tempfile
import threading
from pathlib import Path

import redis

from harness.ports import free_port
from harness.redis_server import TcpRedis, command_end
from harness.wait import wait_for

NAME = "mymaster"


def _watch(master_port):
    return (
        f"sentinel monitor {NAME} 127.0.0.1 {master_port} 2",
        f"sentinel down-after-milliseconds {NAME} 1000",
        f"sentinel failover-timeout {NAME} 5000",
    )


class Sentinel:
    """`lines`: of its configuration, beside the tests' own. options: of the client that looks at it.
    master_port: None for one that watches no server yet."""

    def __init__(self, master_port=None, *lines, secure=None, **options):
        self.port, self.options, self.process = free_port(), options, None
        self.folder = Path(tempfile.mkdtemp(prefix="mn-"))
        self.config = self.folder / "sentinel.conf"
        ports = [f"port {self.port}"]
        if secure:
            certificate, key = secure.issue("localhost", "127.0.0.1")
            ports = ["port 0", f"tls-port {self.port}", f"tls-cert-file {certificate}", f"tls-key-file {key}"]
            ports += [f"tls-ca-cert-file {secure.path}", "tls-auth-clients no", "tls-replication yes"]
            self.options |= {"ssl": True, "ssl_ca_certs": str(secure.path)}
        self.config.write_text(
            "\n".join(
                [
                    *ports,
                    "bind 127.0.0.1",
                    f"dir {self.folder}",
                    *(_watch(master_port) if master_port else ()),
                    *lines,
                    "",
                ]
            )
        )

    def __enter__(self):
        command = ["redis-server", str(self.config), "--sentinel"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for(self.is_up, "sentinel up")
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()

    def client(self):
        return redis.Redis(port=self.port, decode_responses=True, **self.options)

    def is_up(self):
        try:
            return self.client().ping()
        except redis.RedisError:
            return False

    def state(self):
        return self.client().sentinel_master(NAME)


def _url(sentinels, name):
    hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in sentinels)
    return f"redis+sentinel://{hosts}/{name}"


@functools.cache
def _shared_sentinels():
    """Three of them for all tests of this process."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return [stack.enter_context(Sentinel()) for _ in range(3)]


class WatchedRedis(TcpRedis):
    """A Redis that is found by sentinels. It has no replica, so they name it even while it is away."""

    def __enter__(self):
        super().__enter__()
        for sentinel in _shared_sentinels():
            sentinel.client().sentinel_monitor(self.name, "127.0.0.1", self.port, 2)
        return self

    def __exit__(self, *_):
        for sentinel in _shared_sentinels():
            sentinel.client().sentinel_remove(self.name)
        super().__exit__()

    @property
    def name(self):
        """Of the master, for the sentinels."""
        return f"master-{self.port}"

    @property
    def url(self):
        return _url(_shared_sentinels(), self.name)


class Guarded:
    """A master, `replicas` and three sentinels that know one another and all of them."""

    def __init__(self, replicas=1):
        self.servers = [TcpRedis() for _ in range(1 + replicas)]
        self.sentinels, self._stack = [], contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            master, *replicas = [stack.enter_context(server) for server in self.servers]
            for replica in replicas:
                replica.follow(master)
            for _ in range(3):
                self.sentinels.append(stack.enter_context(Sentinel(master.port)))
            wait_for(lambda: all(self._knows_all(sentinel) for sentinel in self.sentinels), "sentinels know all")
            for replica in replicas:
                wait_for(lambda replica=replica: replica.link() == "up", "replica follows")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _knows_all(self, sentinel):
        state = sentinel.state()
        return state["num-slaves"] == len(self.servers) - 1 and state["num-other-sentinels"] == 2

    @property
    def url(self):
        return _url(self.sentinels, NAME)

    def master(self):
        """The server that the first sentinel names."""
        port = self.sentinels[0].state()["port"]
        [server] = [server for server in self.servers if server.port == port]
        return server


class SentinelStandIn:
    """Answers each question with `names`, a port, or None for a name that it does not know; after
    stop() it is away until start()."""

    def __init__(self, names):
        self.names, self.asked, self.port = names, 0, free_port()
        self._server = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        stand_in = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                data = b""
                while piece := self.request.recv(4096):
                    data += piece
                    while end := command_end(data):
                        data = data[end:]
                        self.request.sendall(stand_in.answer())

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address, daemon_threads = True, True

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        if self._server:
            self._server.shutdown()
            self._server.server_close()
        self._server = None

    def answer(self):
        self.asked += 1
        if self.names is None:
            return b"*-1\r\n"
        port = str(self.names).encode()
        return b"*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n" % (len(port), port)
