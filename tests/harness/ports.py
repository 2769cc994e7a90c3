# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of 127.0.0.1 that no other program uses."""
import os
import socket


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def free_ports(count):
    """So many in a row, below those that the kernel takes for outgoing connections; at most 64, so that two
    processes that begin at the same time do not find the same ones."""
    for first in range(20000 + os.getpid() % 150 * 64, 32000, 7):
        sockets = [socket.socket() for _ in range(count)]
        try:
            for number, sock in enumerate(sockets):
                sock.bind(("127.0.0.1", first + number))
            return first
        except OSError:
            continue
        finally:
            for sock in sockets:
                sock.close()
    raise RuntimeError("no free ports")
