# SPDX-License-Identifier: GPL-3.0-or-later
"""A private Redis, and a stand-in between the engine and it that misbehaves on command."""
import functools
import itertools
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import redis

from harness.ports import free_port
from harness.wait import wait_for

# For an engine whose test is not about a Redis that hangs: with other load even a healthy one may
# need longer than the second that the engine waits otherwise.
LONG_TIMEOUTS = {
    "STORE_ROUND_TIMEOUT_MS": "5000",
    "STORE_CONNECT_TIMEOUT_MS": "5000",
    "QUEUE_TIMEOUT_MS": "10000",
}
# None removes a setting, so that the engine waits as long as it does by default.
DEFAULT_TIMEOUTS = dict.fromkeys(LONG_TIMEOUTS)


def without_none(settings):
    """The settings as texts; those that are None are left out."""
    return {name: str(value) for name, value in settings.items() if value is not None}


# Options of a Redis that has all that it has confirmed after kill -9, too.
PERSISTENT = ("--appendonly", "yes", "--appendfsync", "everysec")


class RedisServer:
    """A Redis on a unix socket of its own, nothing kept on disk unless asked for. wrapper: a command that
    ends by executing the one behind it."""

    def __init__(self, *options, wrapper=()):
        self.folder = Path(tempfile.mkdtemp(prefix="mr-"))
        self.path = self.folder / "redis.sock"
        self._options, self._wrapper, self.process = options, wrapper, None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        command = [*self._wrapper, "redis-server", "--port", "0", "--unixsocket", str(self.path), "--save", ""]
        command += ["--dir", str(self.folder), "--maxmemory-policy", "noeviction", *self._options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for(self.is_up, "redis up")
        return self

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """At once, as by kill -9."""
        if self.process and self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        if self.path.exists():
            self.path.unlink()

    @property
    def folders(self):
        """Where it writes its files."""
        return [self.folder]

    @property
    def url(self):
        return f"unix://{self.path}"

    def client(self, decode=True, **options):
        return redis.Redis(unix_socket_path=str(self.path), decode_responses=decode, **options)

    def is_up(self):
        try:
            return self.client().ping()
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False


class TcpRedis(RedisServer):
    """Reached by TCP too, on its `port`."""

    def __init__(self, *options):
        self.port = free_port()
        address = ("--port", str(self.port), "--bind", "127.0.0.1")
        super().__init__(*address, "--repl-diskless-sync-delay", "0", *options)

    def follow(self, other):
        """Becomes the other one's replica; the link may come later."""
        self.client().execute_command("REPLICAOF", "127.0.0.1", other.port)

    def link(self):
        """Of a replica to its master: up or down."""
        return self.client().info("replication").get("master_link_status")


class RedisPair:
    """A master and a replica with one stable address, as behind a virtual IP or a Service: `address`
    leads each new connection to one of them, and cuts none when that changes."""

    def __init__(self):
        self.master, self.replica = self.servers = [TcpRedis(), TcpRedis()]
        self.address = RedisStandIn(self.master.path)

    def __enter__(self):
        for server in self.servers:
            server.start()
        self.address.__enter__()
        self.replica.follow(self.master)
        wait_for(lambda: self.replica.link() == "up", "the replica follows its master")
        return self

    def __exit__(self, *_):
        self.address.__exit__()
        for server in self.servers:
            server.__exit__()

    def swap_roles(self):
        """As SENTINEL FAILOVER of a living master does, without loss: the master pauses writes until
        the replica has all of them. New connections still lead to the same server as before."""
        self.master.client().execute_command("FAILOVER")
        self.master, self.replica = self.replica, self.master
        wait_for(lambda: self.replica.link() == "up", "the roles are swapped")

    def lead_to(self, server):
        self.address.upstream = str(server.path)


def command_end(data):
    """Length of the first complete RESP command in data, 0 while it is not complete."""
    end = data.find(b"\r\n")
    if end < 0:
        return 0
    at, count = end + 2, int(data[1:end])
    for _ in range(count):
        end = data.find(b"\r\n", at)
        if end < 0:
            return 0
        length = int(data[at:end][1:])
        at = end + 2 + length + 2
        if at > len(data):
            return 0
    return at


def reply_end(data, at=0):
    """Where the first complete RESP reply in data ends, 0 while it is not complete."""
    end = data.find(b"\r\n", at)
    if end < 0:
        return 0
    kind, value, at = data[at : at + 1], data[at + 1 : end], end + 2
    if kind == b"$" and int(value) >= 0:
        at += int(value) + 2
    for _ in range(int(value) if kind == b"*" else 0):
        at = reply_end(data, at)
        if not at:
            return 0
    return at if at <= len(data) else 0


class RedisStandIn:
    """Listens as a Redis would. What it does is its `mode`, which may change at any time:

    pass    everything goes to the real Redis and back
    say     every command gets `reply` (bytes), nothing reaches Redis
    hang    commands are read and get no reply
    drip    real replies, a byte each 100 ms
    cut     real replies, but the connection ends after `cut_after` more bytes of them
    refuse  new connections are closed at once, and the present ones too

    `watch`, when it is set, sees every command and says whether it may reach Redis in mode pass.

    `stepper`, when it is set, decides alone what becomes of the commands on connections made from then on.
    `stepper.wants(command)` says which ones it deals with; the others go to Redis. For such a one
    `stepper.step(command, execute)` is called, with a function that has Redis execute it and returns the
    reply. It returns the reply for the client, or None, which ends the connection. No command of the same
    connection is taken up before the replies to those before it, so that the order is the same in every run.
    """

    def __init__(self, upstream):
        self.upstream = str(upstream)
        self.folder = Path(tempfile.mkdtemp(prefix="ms-"))
        self.path = self.folder / "stand-in.sock"
        self.mode, self.reply, self.cut_after = "pass", b"", 0
        self.commands, self.watch, self.stepper = 0, None, None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        self._open, self._closing = set(), False

    @property
    def url(self):
        return f"unix://{self.path}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._closing = True
        self._listener.close()
        self.drop_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def say(self, reply):
        self.mode, self.reply = "say", reply

    def refuse(self):
        self.mode = "refuse"
        self.drop_all()

    def drop_all(self):
        for sock in list(self._open):
            _shut(sock)

    def _accept(self):
        while not self._closing:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.mode == "refuse":
                client.close()
            else:
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        server = socket.socket(socket.AF_UNIX)
        self._open.add(client)
        try:
            server.connect(self.upstream)
            (self._relay_in_steps if self.stepper else self._relay)(client, server)
        except OSError:
            pass
        finally:
            self._open.discard(client)
            client.close()
            server.close()

    def _relay(self, client, server):
        pending = b""
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ)
            selector.register(server, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    if key.fileobj is client:
                        pending = self._take(pending + data, client, server)
                    elif not self._give(data, client):
                        return

    def _relay_in_steps(self, client, server):
        pending = b""
        while data := client.recv(65536):
            commands, pending = _split(pending + data)
            for wanted, group in itertools.groupby(commands, self.stepper.wants):
                group = list(group)
                if not wanted:
                    client.sendall(_execute(server, b"".join(group), len(group)))
                for command in group if wanted else ():
                    reply = self.stepper.step(command, functools.partial(_execute, server, command))
                    if reply is None:
                        return
                    client.sendall(reply)

    def _take(self, data, client, server):
        """Deals with every complete command in data; the rest of it."""
        while end := command_end(data):
            command, data = data[:end], data[end:]
            self.commands += 1
            if self.mode == "say":
                client.sendall(self.reply)
            elif self.mode != "hang" and (not self.watch or self.watch(command)):
                server.sendall(command)
        return data

    def _give(self, data, client):
        """Forwards a reply, as the mode requires. False when the connection is to end."""
        if self.mode == "hang":
            return True
        if self.mode == "cut":
            piece, self.cut_after = data[: self.cut_after], self.cut_after - len(data)
            client.sendall(piece)
            return self.cut_after > 0
        if self.mode != "drip":
            client.sendall(data)
            return True
        for byte in data:
            if self.mode == "drip":
                time.sleep(0.1)
            client.sendall(bytes([byte]))
        return True


def _split(data):
    """The complete commands in data, and the rest of it."""
    commands = []
    while end := command_end(data):
        commands.append(data[:end])
        data = data[end:]
    return commands, data


def _execute(server, commands, count=1):
    """Sends so many commands to Redis; the replies."""
    server.sendall(commands)
    replies, complete = b"", 0
    while count:
        data = server.recv(65536)
        if not data:
            raise ConnectionResetError("Redis has ended the connection")
        replies += data
        while count and (end := reply_end(replies, complete)):
            complete, count = end, count - 1
    return replies


def _shut(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
