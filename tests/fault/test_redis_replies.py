# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Redis may say that it should not, byte by byte: by a stand-in between pool and Redis.

Faults 5 and 11 of the hazards, and the table of R1.
"""
import time

import json

import pytest
from harness.engine import fresh_id
from harness.redis_server import DEFAULT_TIMEOUTS, RedisStandIn
from harness.wait import assert_typical, wait_for, within

AWAY = [
    "LOADING Redis is loading the dataset in memory",
    "READONLY You can't write against a read only replica.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "BUSY Redis is busy running a script.",
    "MISCONF Redis is configured to save RDB snapshots, but it's unable to persist to disk.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "NOREPLICAS Not enough good replicas to write.",
    "CLUSTERDOWN The cluster is down",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "NOAUTH Authentication required.",
    "DENIED Redis is running in protected mode",
    "NOPERM this user has no permissions to run the 'get' command",
    "MOVED 3999 127.0.0.1:6381",
    "ASK 3999 127.0.0.1:6381",
    "CROSSSLOT Keys in request don't hash to the same slot",
]
ODD = {
    "a status": b"+OK\r\n",
    "a number": b":5\r\n",
    "a huge number": b":9223372036854775807\r\n",
    "nil": b"$-1\r\n",
    "an empty text": b"$0\r\n\r\n",
    "a text": b"$5\r\nhello\r\n",
    "binary": b"$4\r\n\x00\xff\x00\xfe\r\n",
    "a nil array": b"*-1\r\n",
    "an empty array": b"*0\r\n",
    "an array of nils": b"*3\r\n$-1\r\n$-1\r\n$-1\r\n",
    "an array of odd things": b"*4\r\n:1\r\n+a\r\n$1\r\nb\r\n*1\r\n:2\r\n",
    "an error in an array": b"*2\r\n$1\r\na\r\n-ERR no\r\n",
    "JSON of a stranger": b'$31\r\n{"student_id":"x","level":"y"}\n\r\n',
    "a wrong type": b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
    "an unknown error": b"-ODD something nobody has heard of\r\n",
    "an error of a script": b"-ERR user_script:1: Script attempted to access a global\r\n",
    "never any script": b"-NOSCRIPT No matching script. Please use EVAL.\r\n",
}
BROKEN = {
    "no RESP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "an unknown type": b"?what\r\n",
    "RESP3": b"%1\r\n+a\r\n:1\r\n",
    "a negative length": b"$-5\r\n",
    "a length of letters": b"$abc\r\nxx\r\n",
    "an array too large": b"*2147483647\r\n",
    "a text too large": b"$9223372036854775807\r\n",
    "nested without end": b"*1\r\n" * 64,
    "too many answers": b"+OK\r\n" * 64,
    "zeros": bytes(512),
}


@pytest.fixture
def pool(start_pool, stand_in):
    """One process whose Redis is the stand-in. It waits for replies as long as without settings."""
    return start_pool(stand_in.url, STORE_BREAKER_OPEN_MS=50, **DEFAULT_TIMEOUTS)


def calls(pool, student):
    token = pool.token("root", "admin")
    get = "/api/v1/mastery/{}/" + student
    return [
        lambda: pool.query(student),
        lambda: pool.calculate(student),
        lambda: pool.request("GET", get.format("history"), token=token),
        lambda: pool.request("GET", get.format("statistics"), token=token),
        lambda: pool.request("GET", "/api/v1/cohorts", token=token),
        lambda: pool.request("GET", "/api/v1/cohorts/some", token=token),
    ]


def reason_of_absence(pool):
    """What the log says when the circuit breaker has opened."""
    lines = map(json.loads, pool.log_path.read_text().splitlines())
    return next((line["reason"] for line in lines if line["event"] == "store.away"), None)


def wait_until_served(pool, student):
    wait_for(lambda: pool.calculate(student).status == 200, "service back")


def assert_served_again(pool, stand_in, student):
    stand_in.mode = "pass"
    wait_until_served(pool, student)
    response = wait_for(lambda: (a := pool.query(student)).status == 200 and a, "a query answered")
    assert response.json["mastery_score"] == 0.83


@pytest.mark.parametrize("text", AWAY, ids=lambda text: text.split()[0])
def test_error_of_a_store_that_is_away_is_503(pool, stand_in, text):
    student, pids = fresh_id(), pool.pids()
    wait_until_served(pool, student)
    stand_in.say(b"-" + text.encode() + b"\r\n")
    for call in calls(pool, student):
        response = call()
        assert response.status == 503 and int(response.headers["Retry-After"]) >= 1, response
        assert response.json["error"]["code"] == "SERVICE_UNAVAILABLE"
        assert text.split()[0] not in response.text and "edis" not in response.text
        assert response.seconds < within(1.2)
    assert pool.request("GET", "/health").status == 200
    assert reason_of_absence(pool) != ""
    assert_served_again(pool, stand_in, student)
    assert pool.pids() == pids


@pytest.mark.parametrize("reply", ODD.values(), ids=ODD)
def test_unexpected_reply_harms_nobody(pool, stand_in, reply):
    student, pids = fresh_id(), pool.pids()
    wait_until_served(pool, student)
    stand_in.say(reply)
    for call in calls(pool, student):
        response = call()
        assert response.status in (200, 404, 500, 503), response
        assert response.json is not None
        assert response.seconds < within(1.2)
        for internal in ("WRONGTYPE", "edis", "script", "MOVED", "ODD", "hello"):
            assert internal not in response.text
    assert pool.pids() == pids, "a process ended"
    assert_served_again(pool, stand_in, student)


@pytest.mark.parametrize("reply", BROKEN.values(), ids=BROKEN)
def test_what_is_no_reply_at_all_harms_nobody(pool, stand_in, reply):
    student, pids = fresh_id(), pool.pids()
    wait_until_served(pool, student)
    stand_in.say(reply)
    for call in calls(pool, student):
        response = call()
        assert response.status in (500, 503) or reply.startswith(b"+OK"), response
        assert response.seconds < within(1.2)
    assert pool.pids() == pids, "a process ended"
    assert_served_again(pool, stand_in, student)


def test_a_text_that_does_not_end_takes_little_memory(start_pool, stand_in):
    """The process ends the connection; it does not collect the text until its time is over (hazards H7)."""
    pool, student = start_pool(stand_in.url, STORE_BREAKER_OPEN_MS=50), fresh_id()
    wait_until_served(pool, student)
    stand_in.say(b"$300000000\r\n" + b"x" * 60_000_000)

    assert pool.query(student).status == 503
    assert "larger than any" in wait_for(lambda: reason_of_absence(pool), "logged")
    assert_served_again(pool, stand_in, student)


@pytest.mark.parametrize("mode", ["hang", "drip", "refuse"])
def test_redis_that_hangs_drips_or_refuses_is_503_in_time(pool, stand_in, mode):
    """Fault 11: a byte each 100 ms must not pass for an answer (hazards H2)."""
    student = fresh_id()
    wait_until_served(pool, student)
    stand_in.mode = mode
    if mode == "refuse":
        stand_in.drop_all()
    others = []
    for call in calls(pool, student):
        response = call()
        assert response.status == 503, response
        assert response.seconds < within(1.2)
        others.append(pool.request("GET", "/health").seconds)
    assert_typical(others, 0.2)
    assert_served_again(pool, stand_in, student)


def test_answer_cut_at_any_byte_is_never_taken_for_whole(start_pool, redis_server):
    """Fault 11: the outcome of the write is unknown, repeating it is safe."""
    with RedisStandIn(redis_server.path) as stand_in:
        pool = start_pool(stand_in.url, STORE_BREAKER_OPEN_MS=50)
        student = fresh_id()
        assert pool.calculate(student).status == 200
        for cut_after in [*range(0, 40), *range(40, 1600, 97)]:
            score = round(cut_after / 2000, 4)
            stand_in.cut_after, stand_in.mode = cut_after, "cut"
            response = pool.calculate(student, (score,) * 4)
            assert response.status in (200, 503), (cut_after, response)
            stand_in.mode = "pass"
            wait_for(lambda: pool.calculate(student, (score,) * 4).status == 200, "service back")
            assert pool.query(student).json["mastery_score"] == score
        history = pool.query(student, include_history=True).json["history"]
        assert len(history) == 1


def test_redis_without_room_for_another_client_is_503(start_pool, redis_server):
    """It says so at once, and closes (hazards R11)."""
    pool, student = start_pool(), fresh_id()
    assert pool.calculate(student).status == 200
    control = redis_server.client()
    control.ping()
    control.config_set("maxclients", 1)
    control.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    for call in calls(pool, student):
        response = call()
        assert response.status == 503 and int(response.headers["Retry-After"]) >= 1, response
        assert response.seconds < within(1.2)
    control.config_set("maxclients", 100)
    wait_until_served(pool, student)


def test_reads_are_asked_once_more_on_a_new_connection(start_pool, stand_in):
    pool, student = start_pool(stand_in.url), fresh_id()
    assert pool.calculate(student).status == 200
    for _ in range(20):
        stand_in.drop_all()
        time.sleep(0.01)
        assert pool.query(student).status == 200


def test_open_circuit_asks_nothing_and_answers_at_once(start_pool, stand_in):
    pool = start_pool(stand_in.url, STORE_BREAKER_OPEN_MS=60000, STORE_ROUND_TIMEOUT_MS=500)
    student = fresh_id()
    assert pool.calculate(student).status == 200
    stand_in.mode = "hang"
    assert pool.query(student).status in (200, 503)
    times = []

    def asks_nothing():
        """False while what was sent before, a PING included, still arrives."""
        asked = stand_in.commands
        for _ in range(50):
            response = pool.calculate(student)
            assert response.status == 503
            times.append(response.seconds)
        return stand_in.commands == asked

    wait_for(asks_nothing, "no command to Redis")
    assert_typical(times, 0.1)
