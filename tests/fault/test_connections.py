# SPDX-License-Identifier: GPL-3.0-or-later
"""Many kept connections, several web servers, clients that vanish or dawdle (faults 14 and 18)."""
import os
import random
import socket
import struct
import threading
import time

import pytest
from harness.binaries import sanitized
from harness.client import read_response
from harness.engine import fresh_id
from harness.expect import assert_ok
from harness.fastcgi import begin, request_bytes
from harness.load import Load, together
from harness.model import scores
from harness.nginx import Nginx
from harness.process import open_files, rss_kib
from harness.prometheus import Scrape
from harness.wait import assert_stays, assert_typical, wait_for

QUERY = "/api/v1/mastery/query"
DISCONNECTS = int(os.environ.get("MASTERY_TEST_DISCONNECTS", "2000"))
REQUESTS = int(os.environ.get("MASTERY_TEST_REQUESTS", "20000"))


# Kept connections


@pytest.mark.parametrize("size", [1, 2])
def test_sixty_four_kept_connections_at_once_are_all_served(start_pool, size):
    pool = start_pool(size=size)
    student = fresh_id()
    assert pool.calculate(student).status == 200
    token = pool.token(student, "student")
    connections = [pool.connect() for _ in range(64)]
    times = []
    for iteration in range(10):
        for connection in connections:
            connection.send(request_bytes("GET", f"/api/v1/mastery/history/{student}", token=token))
        began = time.monotonic()
        for connection in random.Random(iteration).sample(connections, 64):
            assert connection.read_response().json["student_id"] == student
        times.append(time.monotonic() - began)
    for connection in connections:
        connection.close()
    assert_typical(times, 2)


def test_sixty_four_callers_at_once_through_nginx_are_all_served(engine):
    students = [fresh_id() for _ in range(64)]
    clients = [engine.admin() for _ in students]

    def round_trip(i):
        score = round(i / 100, 2)
        assert_ok(engine.calculate(students[i], (score,) * 4, by=clients[i]))
        for _ in range(5):
            body = assert_ok(clients[i].post(QUERY, {"student_id": students[i]}))
            assert (body["student_id"], body["mastery_score"]) == (students[i], score)

    together(64, round_trip)


def test_busy_connections_starve_no_newcomer(start_pool):
    pool = start_pool()
    busy = [pool.connect() for _ in range(32)]

    def ask(caller, _iteration):
        return busy[caller].request("GET", "/").status

    with Load(8, ask) as load:
        times = [pool.request("GET", "/health").seconds for _ in range(50)]
    assert set(load.results) == {200} and not load.errors
    assert_typical(times, 0.5)


def test_two_web_servers_in_front_of_one_pool_both_progress(start_pool):
    """Each keeps up to 64 connections; neither may starve the other."""
    pool = start_pool(size=2)
    student = fresh_id()
    assert pool.calculate(student).status == 200
    token = pool.token(student, "student")
    with Nginx(pool.socket_path) as first, Nginx(pool.socket_path) as second:
        clients = [server.client(token) for server in (first, second) for _ in range(32)]

        def ask(caller, _iteration):
            response = clients[caller].get(f"/api/v1/mastery/history/{student}")
            assert response.status == 200 and response.json["student_id"] == student
            return caller, response.seconds

        with Load(len(clients), ask) as load:
            wait_for(lambda: len(load.results) > 40 * len(clients), "many answers")
    assert not load.errors, load.errors[:3]
    per_caller = [0] * len(clients)
    for caller, _ in load.results:
        per_caller[caller] += 1
    assert min(per_caller) > 0, "a caller starved"
    shares = sum(per_caller[:32]), sum(per_caller[32:])
    assert min(shares) > 0.25 * sum(shares), f"one web server starved: {shares}"
    assert_typical([seconds for _, seconds in load.results], 1.2)


def test_late_web_server_is_served_while_another_holds_its_connections(start_pool):
    pool = start_pool(size=2)
    with Nginx(pool.socket_path) as first:
        clients = [first.client() for _ in range(64)]
        together(64, lambda i: clients[i].get("/health"))
        with Load(16, lambda i, _: clients[i].get("/health").status) as load:
            with Nginx(pool.socket_path) as second:
                late = second.client()
                times = [late.get("/health").seconds for _ in range(30)]
    assert set(load.results) == {200} and not load.errors
    assert_typical(times, 0.5)


# Clients that vanish


def vanish(client, iteration, token, student):
    """Begins a request and goes away by RST at some point of it."""
    body = f'{{"student_id":"{student}"}}'
    head = f"POST {QUERY} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    data = (head + body).encode()
    with client.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(data if iteration % 3 else data[: iteration % len(data)])


def test_clients_that_vanish_leave_nothing_behind(start_engine):
    engine = start_engine()
    student = fresh_id()
    assert_ok(engine.calculate(student))
    token = engine.token(student, "student")
    client = engine.client()
    for iteration in range(2000):
        vanish(client, iteration, token, student)
    wait_until_quiet(engine, QUERY)
    pool = engine.pool()
    before = {pid: (open_files(pid), rss_kib(pid)) for pid in pool}
    for iteration in range(DISCONNECTS):
        vanish(client, iteration, token, student)
    wait_until_quiet(engine, QUERY)
    assert engine.pool() == pool
    for pid in pool:
        files, memory = before[pid]
        assert open_files(pid) <= files + 64
        if not sanitized():  # which keeps what was freed
            assert rss_kib(pid) <= memory + 4096  # arenas are kept for later, so many at most
    wait_for(lambda: files_at_rest(engine, pool), "connections closed by nginx")
    found = Scrape(client.get("/metrics").text)
    assert found.value("active_requests") <= 1


def files_at_rest(engine, pool):
    """nginx lets its idle connections go after five seconds; then few files are open."""
    return all(open_files(pid) < 24 for pid in pool) and engine.pool() == pool


def test_web_server_that_vanishes_while_answers_are_due(start_pool):
    pool = start_pool()
    [pid] = pool.pids()
    student = fresh_id()
    assert pool.calculate(student).status == 200
    token = pool.token(student, "student")
    files = open_files(pid)
    for _ in range(300):
        connection = pool.connect()
        connection.send(request_bytes("GET", f"/api/v1/mastery/history/{student}", token=token))
        connection.close()
    assert pool.request("GET", "/health").status == 200
    wait_for(lambda: open_files(pid) <= files, "connections closed")
    assert pool.pids() == [pid]


def test_connection_closed_between_requests_is_let_go(start_pool):
    pool = start_pool()
    [pid] = pool.pids()
    files = open_files(pid)
    for _ in range(300):
        with pool.connect() as connection:
            assert connection.request("GET", "/health").status == 200
    wait_for(lambda: open_files(pid) <= files, "connections closed")


def test_more_connections_than_allowed_wait_for_their_turn(start_pool):
    pool = start_pool(MAX_CONNECTIONS=8)
    connections = [pool.connect() for _ in range(8)]
    for connection in connections:
        assert connection.request("GET", "/health").status == 200
    with pool.connect() as waiting:
        waiting.send(request_bytes("GET", "/health"))
        assert_stays(lambda: not waiting.has_more(0), "nothing answered", 0.3)
        connections.pop().close()
        assert waiting.read_response().status == 200
    for connection in connections:
        connection.close()


# Clients that dawdle (fault 14)


def assert_others_are_served(engine):
    """Others need milliseconds, not the seconds for which slow clients hold a process that waits
    for them."""
    client = engine.client()
    assert_typical([client.get("/health").seconds for _ in range(100)], 0.1)


def wait_until_quiet(engine, endpoint):
    """Until the number of answered requests to the endpoint has not changed for half a second."""
    client, last, changed = engine.client(), None, time.monotonic()

    def quiet():
        nonlocal last, changed
        response = client.get("/metrics")
        if response.status != 200:  # nginx has given up, so many requests are before this one
            return False
        seen = Scrape(response.text).sum("http_requests_total", endpoint=endpoint)
        if seen != last:
            last, changed = seen, time.monotonic()
        return time.monotonic() - changed > 0.5

    wait_for(quiet, f"no further requests to {endpoint}")


def dawdle(engine, ended, head, pace):
    """Sends a byte now and then, until told to end or hung up on; whether it was hung up on."""
    with engine.client().socket() as sock:
        sock.settimeout(pace)
        for byte in head * 100:
            try:
                sock.sendall(bytes([byte]))
                sock.recv(1)
                return True  # the end of the connection, or an answer such as 408
            except TimeoutError:
                pass
            except OSError:
                return True
            if ended.is_set():
                return False
    return False


SLOW_HEAD = b"GET /health HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
SLOW_BODY = b"POST /api/v1/mastery/query HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"


def test_slow_heads_disturb_nobody_and_are_ended(start_engine):
    engine, ended = start_engine(), threading.Event()
    hung_up = []

    def run():
        hung_up.append(dawdle(engine, ended, SLOW_HEAD, 0.5))

    threads = [threading.Thread(target=run) for _ in range(200)]
    for thread in threads:
        thread.start()
    try:
        assert_others_are_served(engine)
        wait_for(lambda: len(hung_up) == 200, "no slow client is kept for ever")
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert hung_up == [True] * 200


def test_slow_bodies_never_reach_the_pool(start_engine):
    engine = start_engine()
    socks = [engine.client().socket() for _ in range(200)]
    for sock in socks:
        sock.sendall(SLOW_BODY + b"x")
    assert_others_are_served(engine)
    found = Scrape(engine.client().get("/metrics").text)
    assert found.value("active_requests") <= 1
    for sock in socks:
        response = read_response(sock)
        assert response is None or response.status == 408
        sock.close()


def test_slow_readers_hold_up_nobody(start_engine):
    engine = start_engine()
    socks = []
    for _ in range(50):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client = engine.client()
        sock.connect((client.host, client.port))
        sock.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        socks.append(sock)
    wait_until_quiet(engine, "/openapi.json")  # all of them are stuck
    assert_others_are_served(engine)
    for sock in socks:
        sock.close()


# Memory


def storm(pool, token, student, requests):
    """So many requests of every kind, over a few kept connections."""
    body = {"student_id": student, "include_history": True}
    components = scores(0.5)
    kinds = [
        ("POST", QUERY, body, token),
        ("POST", "/api/v1/mastery/calculate", {**body, "components": components}, token),
        ("GET", f"/api/v1/mastery/history/{student}?days=90", None, token),
        ("GET", f"/api/v1/mastery/statistics/{student}", None, token),
        ("POST", QUERY, {"student_id": "not an id"}, token),
        ("POST", QUERY, body, None),
        ("GET", "/nothing", None, None),
        ("GET", "/metrics", None, None),
    ]
    connections = [pool.connect() for _ in range(4)]
    for i in range(requests):
        method, path, json, who = kinds[i % len(kinds)]
        response = connections[i % 4].request(method, path, json=json, token=who)
        assert response.status in (200, 400, 401, 404), response
    for connection in connections:
        connection.close()


def test_memory_is_flat_over_many_requests(start_pool):
    pool = start_pool(MAX_REQUESTS=0)
    [pid] = pool.pids()
    student = fresh_id()
    token = pool.token(student, "student")
    storm(pool, token, student, max(2000, REQUESTS // 10))
    warm = rss_kib(pid)
    storm(pool, token, student, REQUESTS)
    growth = 4096 if sanitized() else 1024
    assert rss_kib(pid) <= warm + growth, f"{warm} KiB grew to {rss_kib(pid)} KiB"
    assert pool.pids() == [pid]


def test_large_bodies_leave_no_large_process(start_pool):
    pool = start_pool()
    [pid] = pool.pids()
    token = pool.token("root", "admin")
    numbers = {"student_id": "x", "x": [0] * 40000}
    text = {"student_id": "x", "x": "y" * 1000000}
    for _ in range(3):
        pool.request("POST", QUERY, json=numbers, token=token)
        pool.request("POST", QUERY, json=text, token=token)
    warm = rss_kib(pid)
    for _ in range(30):
        assert pool.request("POST", QUERY, json=numbers, token=token).status in (400, 404)
        assert pool.request("POST", QUERY, json=text, token=token).status == 404
    growth = 16384 if sanitized() else 2048
    assert rss_kib(pid) <= warm + growth, f"{warm} KiB grew to {rss_kib(pid)} KiB"


def test_requests_in_two_halves_are_whole(start_pool):
    """Records may arrive in any pieces."""
    pool = start_pool()
    data = request_bytes("GET", "/health")
    with pool.connect() as connection:
        for cut in range(8, len(data), 5):
            connection.send(data[:cut])
            time.sleep(0.005)
            connection.send(data[cut:])
            assert connection.read_response().status == 200
        connection.send(begin())
        time.sleep(0.05)
        connection.send(data[16:])
        assert connection.read_response().status == 200
