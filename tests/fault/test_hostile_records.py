# SPDX-License-Identifier: GPL-3.0-or-later
"""FastCGI records that nobody should send, on the socket and inside bodies (faults 15 and 16)."""
import json
import struct
import time

import pytest
from harness.engine import fresh_id
from harness.fastcgi import (
    ABORT_REQUEST,
    BEGIN_REQUEST,
    DATA,
    GET_VALUES,
    HEADER,
    PARAMS,
    STDIN,
    UNKNOWN_TYPE,
    begin,
    pairs,
    record,
    request_bytes,
    request_params,
    stream,
)
from harness.model import scores
from harness.prometheus import Scrape
from harness.wait import assert_typical, wait_for, within

CALCULATE = "/api/v1/mastery/calculate"


def forged(target="/", padding=0, **more):
    """Records that would be a request of their own, were they read as such."""
    token = more.pop("token", None)
    more.setdefault("MASTERY_LISTENER", "sidecar")
    return b"x" * padding + request_bytes("GET", target, token=token, **more)


def counted(text, endpoint="/"):
    """Requests to an endpoint that nothing but forged ones asks for."""
    return Scrape(text).sum("http_requests_total", endpoint=endpoint)


def scrape(pool):
    return pool.request("GET", "/metrics").text


def calculation(student):
    body = {"student_id": student, "components": scores(0.5)}
    return json.dumps(body).encode()


def assert_serves(pool, bound=1.0):
    """The pool answers a newcomer within the bound, and is whole."""
    response = pool.request("GET", "/health")
    assert response.status == 200 and response.seconds < within(bound), "another client was held up"
    wait_for(lambda: len(pool.pids()) == pool.size, "pool whole")


def send_what_is_taken(connection, data):
    """The other side may close before it has taken everything."""
    try:
        connection.send(data)
    except OSError:
        pass


# Half a request, and then …


def then_silence(_connection):
    """Keeps the connection open, to be closed by the pool."""


def then_close(connection):
    connection.close()


def then_abort(connection):
    send_what_is_taken(connection, record(ABORT_REQUEST))


def halves(token=None):
    """Beginnings of a good calculation."""
    body = calculation("half")
    params = pairs(request_params("POST", CALCULATE, body, token))
    head = begin() + stream(PARAMS, params)
    return {
        "one byte": b"\x01",
        "half a header": begin()[:4],
        "a header without its content": begin()[:8],
        "half a begin": begin()[:12],
        "begin alone": begin(),
        "half a header of params": begin() + record(PARAMS, params)[:4],
        "half params": begin() + record(PARAMS, params)[: len(params) // 2],
        "params without their end": begin() + record(PARAMS, params),
        "no body": head,
        "half a header of the body": head + record(STDIN, body)[:4],
        "half a body": head + record(STDIN, body)[: 8 + len(body) // 2],
        "half a body, ended": head + stream(STDIN, body[: len(body) // 2]),
        "a body without its end": head + stream(STDIN, body, end=False),
    }


@pytest.mark.parametrize("end", [then_silence, then_close, then_abort], ids=lambda f: f.__name__)
@pytest.mark.parametrize("how", halves())
def test_half_request_frees_the_process_and_stores_nothing(start_pool, redis_server, how, end):
    pool = start_pool(redis_server.url)
    pids, before = pool.pids(), set(redis_server.client().keys("*"))
    connection = pool.connect()
    connection.send(halves(pool.token("root", "admin"))[how])
    end(connection)
    assert_serves(pool, 1)
    if end is then_silence:
        assert connection.is_closed(within(1)), "a half request holds its connection for ever"
    assert_serves(pool)
    assert pool.pids() == pids, "a process ended"
    assert set(redis_server.client().keys("*")) == before, "something was stored"
    connection.close()


def test_silent_connections_disturb_nobody(start_pool):
    pool = start_pool()
    idle = [pool.connect() for _ in range(50)]
    times = [pool.request("GET", "/health").seconds for _ in range(50)]
    assert_typical(times, 0.1)
    with pool.connect() as late:
        late.send(b"")
        assert late.request("GET", "/health").status == 200
    for connection in idle:
        assert connection.request("GET", "/health").status == 200
        connection.close()


def test_many_half_requests_at_once_pass(start_pool):
    pool = start_pool(size=2)
    stuck = [pool.connect() for _ in range(8)]
    for connection in stuck:
        connection.send(begin()[:4])
    wait_for(lambda: pool.request("GET", "/health").status == 200, "served")
    for connection in stuck:
        connection.close()
    assert_serves(pool)


def test_drip_ends_at_the_deadline_of_the_request(start_pool):
    """Whoever sends a byte now and then cannot hold a process longer than its deadline."""
    pool = start_pool(REQUEST_DEADLINE_S=2)
    connection = pool.connect()
    data = halves()["no body"]
    try:
        with pytest.raises(OSError):  # the end of the connection, or of the process
            for byte in data:
                connection.send(bytes([byte]))
                time.sleep(0.2)
    finally:
        connection.close()
    wait_for(pool.serves, "serving again")


# Records that are no request


def params_of_lengths(*lengths):
    """Params that announce lengths and stop."""
    return b"".join(struct.pack(">I", length | 0x80000000) for length in lengths)


def endless_params():
    """Pairs without end, in records without end."""
    piece = pairs({f"NAME_{i}": "x" for i in range(3000)})
    return b"".join(record(PARAMS, piece) for _ in range(34))


FOUR_VALUES = pairs(
    dict.fromkeys(("FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS", "FCGI_MAX_CONN"), "")
)
HOSTILE = {
    "get values": record(GET_VALUES, FOUR_VALUES, 0),
    "get many values": record(GET_VALUES, FOUR_VALUES * 20, 0),
    "get values, alone, with content": record(GET_VALUES, b"x" * 5000, 0),
    "get values after begin": begin() + record(GET_VALUES, FOUR_VALUES * 20, 0),
    "unknown management record": record(UNKNOWN_TYPE, b"12345678", 0),
    "type 0": record(0, b"x"),
    "type 255": record(255, b"x" * 100, 0),
    "data": record(DATA, b"x" * 100),
    "params first": record(PARAMS, b"x" * 100),
    "body first": record(STDIN, b"x" * 100),
    "abort first": record(ABORT_REQUEST),
    "end request": record(3, bytes(8)),
    "request id 0": request_bytes("GET", "/health").replace(b"\x00\x01", b"\x00\x00", 1),
    "begin with id 0": record(BEGIN_REQUEST, struct.pack(">HB5x", 1, 1), 0),
    "version 2": record(BEGIN_REQUEST, struct.pack(">HB5x", 1, 1), 1, 2),
    "version 0": record(BEGIN_REQUEST, struct.pack(">HB5x", 1, 1), 1, 0),
    "role of an authorizer": begin(role=2) + stream(PARAMS, b""),
    "role of a filter": begin(role=3) + stream(PARAMS, b""),
    "unknown role": begin(role=999) + stream(PARAMS, b""),
    "begin too short": record(BEGIN_REQUEST, b"\x00\x01"),
    "begin too long": record(BEGIN_REQUEST, bytes(100)),
    "two begins": begin() + begin(),
    "another request within": begin() + begin(request_id=2) + stream(PARAMS, b"", 2),
    "params of another request": begin() + stream(PARAMS, b"x", 2),
    "two lengths of a gibibyte": begin() + record(PARAMS, params_of_lengths(1 << 30, 1 << 30)),
    "two lengths of all bits": begin() + record(PARAMS, params_of_lengths(0x7FFFFFFF, 0x7FFFFFFF)),
    "a length beyond the record": begin() + record(PARAMS, b"\x05\x7fHELLO"),
    "half a long length": begin() + stream(PARAMS, b"\x80\x00"),
    "100 000 params": begin() + endless_params() + record(PARAMS),
    "params with NUL": begin()
    + stream(PARAMS, pairs({"REQUEST\x00_METHOD": "GET", "REQUEST_URI": "/\x00x", "": ""})),
    "no params": begin() + stream(PARAMS, b"") + stream(STDIN, b""),
    "noise": bytes(range(256)) * 16,
    "zeros": bytes(4096),
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_records_end_at_most_one_process(start_pool, data):
    pool = start_pool(size=2, may_crash=True)
    pids = set(pool.pids())
    with pool.connect() as connection:
        send_what_is_taken(connection, data)
        wait_for(pool.serves, "serving, and the pool whole")
    assert len(pids - set(pool.pids())) <= 1, "more than one process ended"
    assert pool.calculate(fresh_id()).status == 200


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_records_behind_a_good_request_do_no_more(start_pool, data):
    pool = start_pool(size=2, may_crash=True)
    pids = set(pool.pids())
    with pool.connect() as connection:
        assert connection.request("GET", "/health").status == 200
        send_what_is_taken(connection, data)
        wait_for(pool.serves, "serving, and the pool whole")
    assert len(pids - set(pool.pids())) <= 1, "more than one process ended"
    assert pool.calculate(fresh_id()).status == 200


@pytest.mark.parametrize(
    "kind", ["get values", "get many values", "type 255", "version 2", "noise"]
)
def test_connection_that_begins_with_no_request_is_closed_and_the_process_lives(start_pool, kind):
    pool = start_pool()
    pids = pool.pids()
    with pool.connect() as connection:
        connection.send(HOSTILE[kind])
        assert connection.is_closed(within(1.5))
    assert_serves(pool)
    assert pool.pids() == pids


# Parameters that lie


@pytest.mark.parametrize(
    "more",
    [
        {"CONTENT_LENGTH": "5"},
        {"CONTENT_LENGTH": "99999"},
        {"CONTENT_LENGTH": "-1"},
        {"CONTENT_LENGTH": "x"},
        {"CONTENT_LENGTH": "9223372036854775808"},
        {"CONTENT_LENGTH": ""},
        {},
    ],
    ids=str,
)
def test_body_counts_only_with_its_true_length(start_pool, redis_server, more):
    pool = start_pool()
    student = fresh_id()
    body = calculation(student)
    params = request_params("POST", CALCULATE, body, pool.token("root", "admin"))
    params.pop("CONTENT_LENGTH")
    with pool.connect() as connection:
        connection.send(begin() + stream(PARAMS, pairs({**params, **more})) + stream(STDIN, body))
        response = connection.read_response()
        assert response is None or response.status >= 400, response
    assert not redis_server.client().keys(f"*{student}*")
    assert_serves(pool)


@pytest.mark.parametrize(
    "name, values",
    [
        ("HTTP_AUTHORIZATION", ["Bearer x", "Bearer y"]),
        ("HTTP_DAPR_API_TOKEN", ["x", "y"]),
        ("REQUEST_URI", ["/health", "/metrics"]),
        ("CONTENT_LENGTH", ["0", "5"]),
    ],
)
def test_parameter_that_comes_twice_is_refused(start_pool, name, values):
    pool = start_pool()
    params = request_params("GET", "/api/v1/cohorts")
    params.pop(name, None)
    twice = b"".join(pairs({name: value}) for value in values)
    with pool.connect() as connection:
        connection.send(begin() + stream(PARAMS, pairs(params) + twice) + stream(STDIN, b""))
        response = connection.read_response()
        assert response is None or response.status in (400, 401, 404), response
    assert_serves(pool)


# Requests forged in the bodies of others (hazards F1)

REFUSALS = {
    401: {"token": None},
    403: {"token": ("someone", "student")},
    415: {"token": ("root", "admin"), "CONTENT_TYPE": "text/plain"},
    400: {"token": ("root", "admin")},
    405: {"token": None, "method": "PUT"},
    404: {"token": None, "target": "/nothing"},
}


def refused_request(pool, status, body):
    """A request that is refused before its body is looked at."""
    more = dict(REFUSALS[status])
    token, target = more.pop("token"), more.pop("target", CALCULATE)
    token = pool.token(*token) if token else None
    return request_bytes(more.pop("method", "POST"), target, body, token, **more)


def body_of(status, forgery, length):
    """Fillers, then the forgery; sound JSON about somebody else in front where it takes that."""
    if status != 403:
        return b"x" * length + forgery
    head = b'{"student_id":"other","x":"'
    return head + b"x" * max(0, length - len(head)) + forgery


@pytest.mark.parametrize("status", [401, 404, 405, 415, 400])
def test_forged_records_in_a_refused_body_are_never_run_on_the_socket(start_pool, status):
    pool = start_pool()
    before, sent = counted(scrape(pool)), 0
    offsets = [*range(0, 64), *range(6000, 8300), 65528, 65536]
    with pool.connect() as connection:
        for length in offsets:
            connection.send(refused_request(pool, status, body_of(status, forged(), length)))
            response = connection.read_response()
            assert response is not None and response.status == status, (length, response)
            sent += 1
            assert connection.request("GET", "/health").json.get("status") == "healthy", length
    assert counted(scrape(pool)) == before, "a forged request was run"
    assert sent == len(offsets)


def test_body_that_is_too_large_is_413_and_nothing_of_it_is_run(start_pool):
    pool = start_pool()
    before = counted(scrape(pool))
    body = forged() * 40000
    assert len(body) > 4 << 20
    connection = pool.connect()
    data = request_bytes("POST", CALCULATE, body, pool.token("root", "admin"))
    send_what_is_taken(connection, data)
    response = connection.read_response()
    assert response is None or response.status == 413
    assert connection.is_closed(within(3)), "the connection is kept with a body unread"
    assert counted(scrape(pool)) == before


@pytest.mark.parametrize("length", ["0", "100", "6000"])
def test_records_behind_the_announced_length_are_never_run(start_pool, length):
    """nginx announces the true length; a peer that lies gets nothing by it."""
    pool = start_pool()
    before = counted(scrape(pool))
    body = b"x" * int(length) + forged()
    connection = pool.connect()
    connection.send(request_bytes("POST", CALCULATE, body, None, CONTENT_LENGTH=length))
    first, second = connection.read_response(), None
    if first is not None:
        assert first.status in (400, 401)
        connection.sock.settimeout(0.5)
        try:
            second = connection.read_response()
        except TimeoutError:
            pass
    assert second is None, f"answered: {second!r}"
    assert counted(scrape(pool)) == before
    connection.close()


@pytest.mark.parametrize("status", [401, 403, 413, 415])
def test_forged_records_in_a_body_are_never_run_through_nginx(engine, status):
    """The way of hazards F1: a plain POST, its fillers shifting the forgery over buffer edges."""
    admin = engine.admin()
    before = counted(admin.get("/metrics").text)
    tokens = {401: None, 403: engine.token("someone", "student"), 413: None}
    token = tokens.get(status, admin.token)
    offsets = range(6000, 8200) if status != 413 else [(1 << 20) + k for k in range(5)]
    headers = {"Content-Type": "text/plain" if status == 415 else "application/json"}
    client = engine.client()
    health = engine.client()
    for length in offsets:
        body = body_of(status, forged(), length)
        if status == 403:
            body = json.dumps({"student_id": "other", "components": "x" * length}).encode() + body
        try:
            response = client.post(CALCULATE, body=body, headers=headers, token=token)
        except OSError:
            client.close()  # a large body may be refused before it has all been sent
            continue
        assert response.status in (status, 400), (length, response)
        assert health.get("/health").json.get("status") == "healthy", length
    assert counted(admin.get("/metrics").text) == before, "a forged request was run"


def test_forged_records_in_an_accepted_body_are_just_text(engine, student):
    """latin-1 text in an unknown field: taken, ignored, never run."""
    admin = engine.admin()
    before = counted(admin.get("/metrics").text)
    text = forged().decode("latin-1").replace("\x00", "\x01")
    for length in range(6000, 8200, 97):
        body = {"student_id": student, "components": scores(0.5)}
        body["x"] = "y" * length + text
        data = json.dumps(body, ensure_ascii=False).encode()
        response = admin.post(CALCULATE, body=data, headers={"Content-Type": "application/json"})
        assert response.status in (200, 400), response
    assert counted(admin.get("/metrics").text) == before


def test_header_of_a_record_keeps_its_form():
    """The builder of the records above builds what the specification says."""
    assert record(STDIN, b"abc") == HEADER.pack(1, STDIN, 1, 3, 5) + b"abc" + bytes(5)
