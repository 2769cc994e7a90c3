# SPDX-License-Identifier: GPL-3.0-or-later
"""What is held for a time (a roster under change, an Idempotency-Key) and what is made in several steps (a
roster, a batch): cut at each step, nobody waits longer than the lease, and nothing stays half made."""
import os
import signal
import threading
import uuid

import pytest
from harness.engine import fresh_id
from harness.model import scores
from harness.packed import marks
from harness.wait import wait_for

# Short enough that a lease ends within a test, long enough for a busy machine.
TIMEOUTS = {"STORE_ROUND_TIMEOUT_MS": 1000, "STORE_CONNECT_TIMEOUT_MS": 5000, "STORE_BREAKER_OPEN_MS": 200}
# Of the connection, and of the audit log, which is written after the response.
ASIDE = (b"PING", b"SCRIPT", b"schema", b":audit", b":pseudonym")
LONGEST_LEASE_S = 3  # two seconds and the time limit of a round trip
TEACHERS = ("t-before", "t-first", "t-second")


class Cut:
    """Between the pool and Redis: counts the commands that contain `word`, and calls `act` at the chosen one.

    Neither that command nor the later ones of its connection reach Redis, unless `reaches`."""

    def __init__(self, stand_in, word):
        self.word, self.seen, self.at, self.act, self.reaches, self.dead = word.encode(), 0, None, None, False, None
        stand_in.watch = self.watch

    def aim(self, at, act, reaches=False):
        self.seen, self.at, self.act, self.reaches, self.dead = 0, at, act, reaches, None

    def watch(self, command):
        if self.dead is threading.current_thread():  # one for each connection
            return False
        if self.word not in command or any(word in command for word in ASIDE):
            return True
        self.seen += 1
        if self.seen != self.at:
            return True
        if not self.reaches:
            self.dead = threading.current_thread()
        self.act()
        return self.reaches


def assert_busy_is_short(response):
    """A refusal that says when to come back, and soon."""
    assert response.status in (409, 503), response
    assert 1 <= int(response.headers["Retry-After"]) <= LONGEST_LEASE_S, response


def repeat(send, what):
    """What a client does: repeats while it is told to."""

    def once():
        try:
            response = send()
        except (AssertionError, OSError):  # the process was killed, and is being replaced
            return None
        if response.status in (200, 201, 202):
            return response
        assert_busy_is_short(response)
        return None

    return wait_for(once, what)


def count(cut, send):
    """How many commands a request has that is not cut; on a machine with other load it may need several tries."""

    def once():
        cut.aim(None, None)
        response = send()
        assert response.status in (200, 201, 202, 503), response
        return response.status != 503 and cut.seen

    return wait_for(once, "a request that nothing cuts")


def put_roster(pool, cohort, teacher, students):
    body = {"name": "c", "teacher_ids": [teacher], "student_ids": students}
    return pool.request("PUT", f"/api/v1/cohorts/{cohort}", json=body, token=pool.token("root", "admin"))


def delete_roster(pool, cohort):
    assert pool.request("DELETE", f"/api/v1/cohorts/{cohort}", token=pool.token("root", "admin")).status == 200


def allowed(pool, student):
    """The teachers who may see the student."""
    statuses = {teacher: pool.query(student, teacher, "teacher").status for teacher in TEACHERS}
    assert set(statuses.values()) <= {200, 403}, statuses
    return [teacher for teacher in TEACHERS if statuses[teacher] == 200]


def calculate(pool, student, key, value=0.5):
    return pool.request(
        "POST",
        "/api/v1/mastery/calculate",
        json={"student_id": student, "components": scores(value)},
        token=pool.token("caller", "admin"),
        headers={"Idempotency-Key": key},
    )


def submit(pool, student, key=None):
    return pool.request(
        "POST",
        "/api/v1/batch/mastery",
        json={"requests": [{"student_id": student, "components": scores(0.5)}]},
        token=pool.token("root", "admin"),
        headers={"Idempotency-Key": key} if key else {},
    )


@pytest.fixture
def steady(start_pool):
    """A pool that nobody cuts off."""
    return start_pool()


@pytest.fixture
def cut_pool(start_pool, stand_in):
    return start_pool(stand_in.url, may_crash=True, **TIMEOUTS)


def is_back(pool):
    wait_for(lambda: pool.serves() and pool.request("GET", "/ready").status == 200, "the pool is back")


# Rosters


def roster_steps(pool, steady, stand_in, student):
    """The number of commands of a roster change that replaces one teacher by another."""
    cohort = fresh_id("c")
    assert put_roster(steady, cohort, TEACHERS[0], [student]).status == 201
    steps = count(Cut(stand_in, cohort), lambda: put_roster(pool, cohort, TEACHERS[1], [student]))
    assert steps >= 6, "lease, read, unlink, write, link, release"
    delete_roster(steady, cohort)
    return steps


def test_a_change_that_sleeps_past_its_lease_changes_nothing_more(cut_pool, steady, stand_in, redis_server, student):
    """Two changes of one roster, of which the first is stopped at each of its steps (hazards X10)."""
    redis = redis_server.client()
    steady.calculate(student)
    for at in range(1, roster_steps(cut_pool, steady, stand_in, student) + 1):
        cohort, stopped, answers = fresh_id("c"), threading.Event(), []
        cut = Cut(stand_in, cohort)
        assert put_roster(steady, cohort, TEACHERS[0], [student]).status == 201
        [pid] = cut_pool.pids()
        cut.aim(at, lambda: (os.kill(pid, signal.SIGSTOP), stopped.set()), reaches=True)
        first = threading.Thread(target=lambda: answers.append(put_roster(cut_pool, cohort, TEACHERS[1], [student])))
        first.start()
        assert stopped.wait(30), at
        repeat(lambda: put_roster(steady, cohort, TEACHERS[2], [student]), "the second change")
        os.kill(pid, signal.SIGCONT)
        first.join()
        assert answers[0].status in (200, 409, 503), (at, answers)
        assert redis.hget(f"cohort:{{{cohort}}}", "teachers") == TEACHERS[2], at
        assert allowed(steady, student) == [TEACHERS[2]], at
        delete_roster(steady, cohort)
        assert not allowed(steady, student), at


@pytest.mark.parametrize("how", ["drop", "hang", "kill"])
def test_a_roster_change_that_is_cut_delays_the_next_by_its_lease(cut_pool, steady, stand_in, student, how):
    """At each step the connection ends, Redis is silent, or the process dies (hazards X8)."""
    steady.calculate(student)
    for at in range(1, roster_steps(cut_pool, steady, stand_in, student) + 1):
        cohort = fresh_id("c")
        cut = Cut(stand_in, cohort)
        assert put_roster(steady, cohort, TEACHERS[0], [student]).status == 201
        act = {"drop": stand_in.drop_all, "hang": lambda: None, "kill": lambda: os.kill(cut_pool.pids()[0], signal.SIGKILL)}
        cut.aim(at, act[how])
        try:
            assert_busy_is_short(put_roster(cut_pool, cohort, TEACHERS[1], [student]))
        except (AssertionError, OSError):
            assert how == "kill"
        cut.aim(None, None)
        is_back(cut_pool)
        repeat(lambda: put_roster(cut_pool, cohort, TEACHERS[1], [student]), f"the change, cut at {at}")
        assert allowed(steady, student) == [TEACHERS[1]], at
        delete_roster(steady, cohort)


def test_a_refused_change_gives_its_lease_back(start_pool, redis_server, student):
    """All replies have come, one of them is an error: nothing can follow, and nobody has to wait."""
    pool, cohort = start_pool(), fresh_id("c")
    redis = redis_server.client()
    redis.set(f"teacher:{{{TEACHERS[0]}}}:cohorts", "of another type")
    assert put_roster(pool, cohort, TEACHERS[0], [student]).status == 500
    assert not list(redis.scan_iter("cohort:*:lock"))
    redis.delete(f"teacher:{{{TEACHERS[0]}}}:cohorts")
    assert put_roster(pool, cohort, TEACHERS[0], [student]).status == 200


def test_a_roster_change_that_was_cut_is_finished_by_the_worker(cut_pool, steady, stand_in, start_worker, redis_server, student):
    """Killed at each step: the rights are those of the record again, and no erased student stays in it."""
    redis, erased = redis_server.client(), fresh_id()
    for one in (student, erased):
        steady.calculate(one)
    assert steady.request("DELETE", f"/api/v1/compliance/student/{erased}", token=steady.token("root", "admin")).status == 200
    cohorts = []
    for at in range(1, roster_steps(cut_pool, steady, stand_in, student) + 1):
        cohort = fresh_id("c")
        cohorts.append(cohort)
        cut = Cut(stand_in, cohort)
        assert put_roster(steady, cohort, TEACHERS[0], [student]).status == 201
        cut.aim(at, lambda: os.kill(cut_pool.pids()[0], signal.SIGKILL))
        with pytest.raises((AssertionError, OSError)):
            put_roster(cut_pool, cohort, TEACHERS[1], [student, erased])
        cut.aim(None, None)
        is_back(cut_pool)
    assert any(erased in redis.hget(f"cohort:{{{cohort}}}", "students") for cohort in cohorts), "it was cut in time"
    start_worker(steady)
    wait_for(lambda: not redis.exists("unfinished"), "the worker has finished them")
    for cohort in cohorts:
        record = redis.hgetall(f"cohort:{{{cohort}}}")
        assert record["students"] == student and record["student_count"] == "1"
        for teacher in TEACHERS:
            linked = redis.sismember(f"teacher:{{{teacher}}}:cohorts", cohort)
            assert linked == (record["teachers"] == teacher), (cohort, teacher)


# Idempotency-Key


@pytest.mark.parametrize("how", ["drop", "hang", "kill"])
@pytest.mark.parametrize("make", [calculate, submit])
def test_a_key_is_busy_no_longer_than_its_lease(cut_pool, stand_in, redis_server, how, make):
    """Cut at each step, the same request passes soon, has one effect, and its answer is kept (hazards X8)."""
    redis = redis_server.client()

    def effects(student):
        keys = [key for key in redis.scan_iter("batch:*:students") if redis.zscore(key, student) is not None]
        return len(keys) if make is submit else len(marks(redis, student))

    act = {"drop": stand_in.drop_all, "hang": lambda: None, "kill": lambda: os.kill(cut_pool.pids()[0], signal.SIGKILL)}
    steps = count(Cut(stand_in, ""), lambda: make(cut_pool, fresh_id(), fresh_id("key")))
    for at in range(1, steps + 1):
        student, key = fresh_id(), fresh_id("key")
        cut = Cut(stand_in, "")
        cut.aim(at, act[how])
        try:
            response = make(cut_pool, student, key)
            assert response.status in (200, 202) or not assert_busy_is_short(response)
        except (AssertionError, OSError):
            assert how == "kill"
        cut.aim(None, None)
        is_back(cut_pool)
        done = repeat(lambda: make(cut_pool, student, key), f"the request, cut at {at}")
        again = repeat(lambda: make(cut_pool, student, key), "the stored answer")
        assert again.body == done.body and again.headers["Idempotency-Replayed"] == "true", at
        assert effects(student) == 1, at


def test_busy_says_when_to_come_back_and_another_body_does_not(start_pool, redis_server, student):
    pool, redis, key = start_pool(), redis_server.client(), fresh_id("key")
    assert calculate(pool, student, key).status == 200
    [record] = redis.scan_iter("idempotency:*")
    digest = redis.get(record).split(" ")[1]
    end_ms = redis.time()[0] * 1000 + 60_000
    redis.set(record, f"running {digest} another {end_ms} effect")
    busy, other = calculate(pool, student, key), calculate(pool, student, key, 0.9)
    assert busy.status == other.status == 409
    assert 55 <= int(busy.headers["Retry-After"]) <= 60 and "Retry-After" not in other.headers


@pytest.mark.parametrize("value", [0.3, 0.9])
def test_a_key_whose_record_has_expired_is_a_new_request(pool, redis_server, student, value):
    """A day later the same key makes a change again, with the same body or another (hazards X9)."""
    redis = redis_server.client()
    assert calculate(pool, student, "nightly", 0.3).status == 200
    assert calculate(pool, student, str(uuid.uuid4()), 0.6).status == 200
    for record in redis.scan_iter("idempotency:*"):
        redis.delete(record)
    answer = calculate(pool, student, "nightly", value)
    assert answer.status == 200 and answer.json["mastery_score"] == value
    assert pool.query(student).json["mastery_score"] == value
    assert calculate(pool, student, "nightly", value).headers["Idempotency-Replayed"] == "true"


def test_no_answer_is_kept_that_an_erasure_would_not_find(pool, redis_server, student):
    """The record and its entry in the student's list are two steps: without the second there is no first."""
    redis = redis_server.client()
    assert calculate(pool, student, fresh_id("key")).status == 200
    [listed] = redis.scan_iter(f"*:student:{student}:idempotency")
    redis.set(listed, "of another type")
    before = set(redis.scan_iter("idempotency:*"))
    assert calculate(pool, student, fresh_id("key"), 0.9).status == 500
    assert set(redis.scan_iter("idempotency:*")) == before
    assert pool.query(student).json["mastery_score"] == 0.5


# Batches


@pytest.mark.parametrize("how", ["drop", "kill"])
def test_a_batch_that_was_cut_is_finished_by_the_worker(cut_pool, stand_in, start_worker, steady, redis_server, how):
    """At each step of its creation: none stays pending without a job (hazards X17)."""
    redis = redis_server.client()
    cut = Cut(stand_in, "")
    steps = count(cut, lambda: submit(cut_pool, fresh_id()))
    act = {"drop": stand_in.drop_all, "kill": lambda: os.kill(cut_pool.pids()[0], signal.SIGKILL)}
    for at in range(1, steps + 1):
        cut.aim(at, act[how])
        try:
            submit(cut_pool, fresh_id())
        except (AssertionError, OSError):
            assert how == "kill"
        cut.aim(None, None)
        is_back(cut_pool)
    batches = [key for key in redis.scan_iter("batch:*") if key.endswith("}")]
    assert len(batches) > 1, "some were created before the cut"
    start_worker(steady)
    wait_for(lambda: all(redis.hget(key, "status") == "completed" for key in batches), "all batches have ended")
    wait_for(lambda: not redis.exists("unfinished"), "nothing is left to finish")
