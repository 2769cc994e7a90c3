# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at each step of a request with an Idempotency-Key: whoever repeats it gets one effect,
and nobody gets the key for another body (hazards W15)."""
import itertools
import os
import re
import signal
import threading
import uuid

import pytest
from harness.engine import fresh_id
from harness.events import event
from harness.interleavings import Commands, arguments, is_of_a_request, keys_of, name_of
from harness.model import scores
from harness.wait import wait_for

RUNNING = re.compile(r"running (\w{64}) (\w+) (\d+) (\w+)")


def calculate(student, number):
    value = 0.5 + number / 10
    components = scores(value)
    return "/api/v1/mastery/calculate", {"student_id": student, "components": components}


def ingest(student, number):
    body = event(student=student, event_id=f"{student}-once", score=0.5 + number / 10)
    return "/api/v1/mastery/ingest", {**body, "timestamp": body["timestamp"][:19] + ".000Z"}


def batch(student, number):
    return "/api/v1/batch/mastery", {"student_ids": [student] + ["another"] * number}


def samples(pool, student):
    """How many statements and events the student's days rest on."""
    path = f"/api/v1/mastery/history/{student}"
    history = pool.request("GET", path, token=pool.token("root", "admin")).json["history"]
    return sum(day["sample_size"] for day in history)


def batches(redis):
    return len({key.split(":")[1] for key in redis.scan_iter("batch:*")})


class Killer:
    """Between the pool and Redis: counts a request's commands, and kills before the chosen one."""

    def __init__(self, pool, stand_in):
        self.pool, self.seen, self.at, self.cut = pool, 0, None, None
        stand_in.watch = self.watch

    def watch(self, command):
        words = arguments(command)
        if not is_of_a_request(name_of(words), keys_of(words)):
            return True
        if self.cut is threading.current_thread():  # one a connection: what was sent before death
            return False
        self.seen += 1
        if self.seen == self.at:
            self.cut = threading.current_thread()
            os.kill(self.pool.pids()[0], signal.SIGKILL)
        return self.seen != self.at

    def aim(self, at):
        self.seen, self.at, self.cut = 0, at, None


class Caller:
    """Repeats one request; `number` chooses among different bodies for it."""

    def __init__(self, pool, make, student):
        self.pool, self.make, self.student = pool, make, student
        self.key = str(uuid.uuid4())
        self.requests = {number: make(student, number) for number in (0, 1)}

    def send(self, number=0):
        path, body = self.requests[number]
        return self.pool.request(
            "POST",
            path,
            json=body,
            token=self.pool.token("caller", "admin"),
            headers={"Idempotency-Key": self.key},
        )


@pytest.fixture
def pool(start_pool, stand_in):
    return start_pool(redis_url=stand_in.url, may_crash=True)


def assert_conflict(response):
    assert response.status == 409 and response.json["error"]["code"] == "CONFLICT", response


def assert_not_recorded(response):
    """The change is made, but its answer is not kept, and therefore not sent."""
    assert response.status == 503 and response.headers["Retry-After"] == "1", response


def let_time_pass(redis):
    """As if no request that began before could still be running."""
    for key in redis.scan_iter("idempotency:*"):
        match = RUNNING.fullmatch(redis.get(key))
        if match:
            redis.set(key, f"running {match[1]} {match[2]} 1 {match[4]}", keepttl=True)


def killed(pool, caller):
    """The request, whose process dies before it has answered."""
    with pytest.raises(AssertionError, match="closed without a response"):
        caller.send()
    wait_for(pool.serves, "another process")
    wait_for(lambda: pool.request("GET", "/ready").status == 200, "it has found its store")


def effect_of(make, pool, redis, caller):
    return batches(redis) if make is batch else samples(pool, caller.student)


@pytest.mark.parametrize("make", [calculate, ingest, batch])
def test_killed_at_any_step_it_has_one_effect(pool, stand_in, redis_server, make):
    redis, killer = redis_server.client(), Killer(pool, stand_in)
    assert Caller(pool, make, fresh_id()).send().status in (200, 202)
    steps = killer.seen
    assert steps >= 4, "taking the key, reading, writing, keeping the answer"
    for at in range(1, steps + 1):
        for key in [*redis.scan_iter("idempotency:*"), *redis.scan_iter("batch:*")]:
            redis.delete(key)
        caller = Caller(pool, make, fresh_id())
        killer.aim(at)
        killed(pool, caller)
        killer.aim(None)
        if list(redis.scan_iter("idempotency:*")):
            assert_conflict(caller.send())  # it might still run
            assert_conflict(caller.send(1))
            let_time_pass(redis)
            assert_conflict(caller.send(1))  # the key belongs to its body
        again = caller.send()
        assert again.status in (200, 202), (at, again)
        assert effect_of(make, pool, redis, caller) == 1, at
        replayed = caller.send()
        assert replayed.body == again.body and replayed.headers["Idempotency-Replayed"] == "true"
        assert replayed.headers["Location"] == again.headers["Location"]
        assert_conflict(caller.send(1))
        assert effect_of(make, pool, redis, caller) == 1, at


def test_one_that_was_thought_dead_does_not_spoil_the_key(pool, stand_in, redis_server):
    """It slept, and another has taken its key over when it comes to keep its answer."""
    redis, killer = redis_server.client(), Killer(pool, stand_in)
    caller = Caller(pool, calculate, fresh_id())
    assert Caller(pool, calculate, fresh_id()).send().status == 200
    steps, taken_over = killer.seen, []

    def watch(command):
        if killer.watch(command) and killer.seen == steps:
            key = [k for k in redis.scan_iter("idempotency:*") if "running" in redis.get(k)][0]
            digest, effect = RUNNING.fullmatch(redis.get(key)).group(1, 4)
            redis.set(key, f"running {digest} another 99999999999999 {effect}", keepttl=True)
            taken_over.append((key, redis.get(key)))
        return True

    killer.aim(None)
    stand_in.watch = watch
    assert_not_recorded(caller.send())
    [(key, record)] = taken_over
    assert redis.get(key) == record
    stand_in.watch = None
    assert_conflict(caller.send())
    assert redis.get(key) == record


def test_the_answer_of_one_that_took_longer_than_its_lease_is_kept(pool, stand_in, redis_server):
    """Nobody has taken its key over: the effect is one, and its answer counts."""
    redis, killer = redis_server.client(), Killer(pool, stand_in)
    caller = Caller(pool, calculate, fresh_id())
    assert Caller(pool, calculate, fresh_id()).send().status == 200
    steps = killer.seen

    def watch(command):
        if killer.watch(command) and killer.seen == steps:
            let_time_pass(redis)
        return True

    for key in redis.scan_iter("idempotency:*"):
        redis.delete(key)
    killer.aim(None)
    stand_in.watch = watch
    first = caller.send()
    assert first.status == 200
    stand_in.watch = None
    again = caller.send()
    assert again.body == first.body and again.headers["Idempotency-Replayed"] == "true"
    assert samples(pool, caller.student) == 1


def test_the_answer_of_one_that_took_longer_than_any_request_is_not_kept(pool, stand_in, redis_server):
    """Its record would outlive the list by which an erasure finds it. The effect is one all the same."""
    redis, killer = redis_server.client(), Killer(pool, stand_in)
    caller = Caller(pool, calculate, fresh_id())
    assert Caller(pool, calculate, fresh_id()).send().status == 200
    steps = killer.seen

    def watch(command):
        if killer.watch(command) and killer.seen == steps:
            let_time_pass(redis)
            for key in redis.scan_iter("idempotency:*"):
                redis.pexpire(key, 86400_000 - 600_001)
        return True

    for key in redis.scan_iter("idempotency:*"):
        redis.delete(key)
    killer.aim(None)
    stand_in.watch = watch
    assert_not_recorded(caller.send())
    stand_in.watch = None
    again = caller.send()
    assert again.status == 200 and "Idempotency-Replayed" not in again.headers
    assert caller.send().body == again.body
    assert samples(pool, caller.student) == 1


def test_it_is_kept_for_a_day_and_no_longer(pool, redis_server):
    redis, caller = redis_server.client(), Caller(pool, calculate, fresh_id())
    assert caller.send().status == 200
    [key] = redis.scan_iter("idempotency:*")
    assert 86400_000 - 60_000 < redis.pttl(key) <= 86400_000
    redis.delete(key)
    assert "Idempotency-Replayed" not in caller.send().headers
    assert caller.send().headers["Idempotency-Replayed"] == "true"


def test_replies_lost_twice_in_a_row_make_one_change(start_pool, stand_in):
    """The second request takes over the record of the first one, whose outcome is unknown, and fails too:
    the third one must still find which change it repeats."""
    commands, steady = Commands(stand_in), start_pool()
    pool = start_pool(stand_in.url, STORE_BREAKER_OPEN_MS=50, STORE_ROUND_TIMEOUT_MS=1000)
    caller = Caller(pool, calculate, fresh_id())
    wait_for(lambda: caller.send().status == 200, "the store in reach")
    commands.aim(None, None)
    assert Caller(pool, calculate, fresh_id()).send().status == 200
    write = commands.trace.index("student_change") + 1
    for second in itertools.product(range(1, write), ("before", "after")):
        points = ((write, "after"), second)
        caller = Caller(pool, calculate, fresh_id())
        for at, way in points:
            commands.aim(at, way)
            caller.send()
        commands.aim(None, None)
        wait_for(lambda: caller.send().status == 200, "done")
        assert samples(steady, caller.student) == 1, (points, commands.trace)
