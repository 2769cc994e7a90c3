# SPDX-License-Identifier: GPL-3.0-or-later
"""A network between the nodes of a Redis Cluster that may be cut."""
import asyncio
import contextlib
import threading


class Network:
    """Relays between nodes, each of which is known by the address that it connects from. What is sent between the
    nodes in `apart` and the others is lost, in both directions; clients reach all nodes at any time."""

    def __init__(self):
        self.apart = frozenset()
        self._names, self._open = {}, set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def place(self, server):
        """Puts relays before both ports of the node, which become its ports for all others. Its settings."""
        address = f"127.0.1.{len(self._names) + 1}"
        self._names[address] = server
        server.port, server.bus_port = (self._relay(server, port) for port in (server.port, server.bus_port))
        return {
            "bind-source-addr": address,
            "cluster-announce-ip": "127.0.0.1",
            "cluster-announce-port": server.port,
            "cluster-announce-bus-port": server.bus_port,
        }

    def cut(self, *servers):
        self.apart = frozenset(servers)

    def heal(self):
        """What was lost is not sent again: connections over the cut end."""
        self._do(self._end_lost())

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _is_cut(self, ends):
        return None not in ends and len(ends & self.apart) == 1

    async def _end_lost(self):
        for ends, writer in list(self._open):
            if self._is_cut(ends):
                writer.transport.abort()
        self.apart = frozenset()

    def _relay(self, server, port):
        serve = lambda reader, writer: self._serve(server, port, reader, writer)
        return self._do(asyncio.start_server(serve, "127.0.0.1", 0)).sockets[0].getsockname()[1]

    async def _serve(self, server, port, reader, writer):
        source = writer.get_extra_info("peername")[0]
        ends = frozenset((self._names.get(source), server))
        with contextlib.suppress(OSError):
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
            ways = [self._pass_on(reader, inner_writer, ends), self._pass_on(inner_reader, writer, ends)]
            await asyncio.gather(*ways, return_exceptions=True)
        writer.close()

    async def _pass_on(self, reader, writer, ends):
        entry = ends, writer
        self._open.add(entry)
        try:
            while data := await reader.read(65536):
                if not self._is_cut(ends):
                    writer.write(data)
                    await writer.drain()
        finally:
            self._open.discard(entry)
            writer.close()
