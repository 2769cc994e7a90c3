# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that are all there before Redis replies to the first of them."""
import json

from harness.fastcgi import request_bytes
from harness.process import pause, resume


def send_at_once(pool, server, requests):
    """Each process of the pool has read its share of the requests before the server of their data replies to the
    first one. requests: (path, body), or (path, body, content type). The responses."""
    token = pool.token("root", "admin")
    connections = [pool.connect() for _ in requests]
    pause(server.process.pid)
    for connection, (path, body, *kind) in zip(connections, requests):
        more = {"CONTENT_TYPE": kind[0]} if kind else {}
        connection.send(request_bytes("POST", path, json.dumps(body).encode(), token, **more))
    resume(server.process.pid)
    responses = [connection.read_response() for connection in connections]
    for connection in connections:
        connection.close()
    return responses


def scripts_run(redis):
    """How many scripts this server has run."""
    counts = redis.info("commandstats")
    return sum(counts.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "evalsha"))
