# SPDX-License-Identifier: GPL-3.0-or-later
"""An erasure while the worker has something of the student in hand: nothing of it goes out
afterwards, and nothing comes back into Redis (docs/privacy.md)."""
import json
import subprocess

import pytest
from harness.binaries import bin_dir
from harness.engine import fresh_id
from harness.events import event
from harness.ports import free_port
from harness.prometheus import Scrape
from harness.redis_server import RedisStandIn
from harness.sidecar import Sidecar
from harness.store import DEAD_LETTER_KEYS, dead_letters, neighbour, put_dead_letter, put_event_job, raw, tagged, tombstone
from harness.wait import wait_for

DEAD, REWRITE = "queue:{dead}", "erasures:rewrite"


def call(pool, method, path, json=None):
    return pool.request(method, path, json=json, token=pool.token("root", "admin"))


def erase(pool, student):
    response = call(pool, "DELETE", f"/api/v1/compliance/student/{student}")
    assert response.status == 200, response
    return response.json["deleted"]


def calculate(pool, student):
    response = pool.calculate(student)
    assert response.status == 200, response


def scrape(pool):
    return Scrape(pool.request("GET", "/metrics").text)


def letters(store, student=None):
    return [one for one in dead_letters(store) if student is None or student in json.dumps(one)]


def holds(store, key, student):
    """By what Redis would write to a file."""
    keys = DEAD_LETTER_KEYS if key == DEAD else (key,)
    return any(student.encode() in raw(store, one) for one in keys)


def attempts(sidecar, student):
    return [item for item in sidecar.attempts if item.event["subject"] == student]


class StandIn(RedisStandIn):
    """Shows each answer too, before it is passed on: `on_answer`."""

    on_reply = None

    def _give(self, data, client):
        if self.on_reply:
            self.on_reply(data)
        return super()._give(data, client)


@pytest.fixture
def between(redis_server):
    """Between the worker alone and Redis."""
    with StandIn(redis_server.path) as running:
        yield running


@pytest.fixture
def start_behind(between, start_worker):
    """Starts workers that reach Redis through the stand-in."""
    return lambda pool, sidecar=None, **settings: start_worker(
        pool, sidecar, REDIS_URL=between.url, **settings
    )


class Once:
    """Does something the first time that it is called about one of these, and only then."""

    def __init__(self, *words, do):
        self.words, self.do, self.done = [word.encode() for word in words], do, False

    def __call__(self, data):
        if not self.done and all(word in data for word in self.words):
            self.done = True
            self.do()
        return True


# Events


@pytest.fixture
def erased_while_away(pool, store, start_worker):
    """A port where no sidecar has been yet, and a student whose events waited for it."""
    port, student = free_port(), fresh_id()
    start_worker(pool, DAPR_HTTP_PORT=port, DAPR_RETRY_MS=10)
    calculate(pool, student)
    tried = lambda: scrape(pool).value("outbox_events_total", status="failed")
    wait_for(tried, "tried")
    assert erase(pool, student)["outbox_events"] == 2
    return port, student


def test_what_waited_for_the_sidecar_is_not_sent(pool, store, erased_while_away):
    port, student = erased_while_away
    with Sidecar(port) as sidecar:
        other = neighbour(student)
        calculate(pool, other)
        wait_for(lambda: len(sidecar.events(other)) == 2, "those behind it")
        assert not attempts(sidecar, student)
    assert not store.xlen(tagged(student, "outbox"))


def test_what_waited_for_the_sidecar_does_not_die(pool, store, erased_while_away):
    port, student = erased_while_away
    sidecar = Sidecar(port)
    sidecar.mode = "forbidden"
    with sidecar:
        other = neighbour(student)
        calculate(pool, other)
        wait_for(lambda: len(letters(store)) >= 2, "those behind it")
        assert not attempts(sidecar, student)
    assert len(letters(store, other)) == len(letters(store)) == 2
    assert not holds(store, DEAD, student)


def test_the_circuit_closes_though_nothing_is_left_to_try(pool, start_worker):
    port, students = free_port(), [fresh_id() for _ in range(5)]
    start_worker(pool, DAPR_HTTP_PORT=port)
    for student in students:
        calculate(pool, student)
    opened = lambda: scrape(pool).value("circuit_breaker_state", service="dapr") != 0
    wait_for(opened, "the circuit open")
    for student in students:
        erase(pool, student)
    healthy = lambda: call(pool, "GET", "/ready").json["dependencies"]["dapr"] == "healthy"
    with Sidecar(port):
        wait_for(healthy, "seen to be back")
        assert not opened()


def test_what_is_refused_after_the_erasure_leaves_no_letter(
    pool, store, stand_in_sidecar, start_worker
):
    """The call was on its way."""
    start_worker(pool, stand_in_sidecar, DAPR_TIMEOUT_MS=5000)
    stand_in_sidecar.mode, student = "hang", fresh_id()
    calculate(pool, student)
    wait_for(lambda: attempts(stand_in_sidecar, student), "on its way")
    assert erase(pool, student)["outbox_events"] == 2
    other = neighbour(student)
    calculate(pool, other)
    stand_in_sidecar.release("forbidden")
    wait_for(lambda: len(letters(store, other)) == 2, "those behind it")
    assert len(attempts(stand_in_sidecar, student)) == 1
    assert not holds(store, DEAD, student)


def test_a_letter_written_during_the_erasure_is_taken_back(
    pool, store, between, stand_in_sidecar, start_behind
):
    stand_in_sidecar.mode, student = "forbidden", fresh_id()
    between.watch = Once("EVALSHA", DEAD, student, do=lambda: erase(pool, student))
    start_behind(pool, stand_in_sidecar)
    calculate(pool, student)
    wait_for(lambda: between.watch.done, "erased")
    other = neighbour(student)
    calculate(pool, other)
    wait_for(lambda: len(letters(store, other)) == 2, "those behind it")
    assert not holds(store, DEAD, student)


def test_an_erasure_between_reading_and_sending_calls_it_off(
    pool, store, between, stand_in_sidecar, start_behind
):
    student = fresh_id()
    between.on_reply = Once("mastery.updated", student, do=lambda: erase(pool, student))
    start_behind(pool, stand_in_sidecar)
    calculate(pool, student)
    wait_for(lambda: between.on_reply.done, "erased")
    other = neighbour(student)
    calculate(pool, other)
    wait_for(lambda: len(stand_in_sidecar.events(other)) == 2, "those behind it")
    assert not attempts(stand_in_sidecar, student)


def test_an_answer_that_quotes_the_event_is_not_in_the_log(
    pool, store, stand_in_sidecar, start_worker
):
    worker, student = start_worker(pool, stand_in_sidecar), fresh_id()
    stand_in_sidecar.receive = lambda item, _: (403, b"no: " + item.body)
    calculate(pool, student)
    wait_for(lambda: len(letters(store, student)) == 2, "dead")
    lines = wait_for(lambda: worker.lines("outbox.dead"), "the log says so")
    assert lines[0]["status"] == 403
    assert student in letters(store)[0]["reason"] and student not in worker.log()


# The journal, and jobs


def test_a_journal_entry_taken_meanwhile_leaves_no_letter(pool, store, between, start_behind):
    """One that no program knows."""
    student = fresh_id()
    calculate(pool, student)
    store.delete(tagged(student, "journal"))
    store.xadd(tagged(student, "journal"), {"e": json.dumps({"student_id": student, "kind": "unknown"})})
    between.watch = Once("EVALSHA", DEAD, student, do=lambda: erase(pool, student))
    start_behind(pool)
    wait_for(lambda: between.watch.done, "erased")
    store.xadd(tagged(student, "journal"), {"e": "another"})
    wait_for(lambda: [one for one in letters(store) if student not in json.dumps(one)], "one behind it")
    assert not holds(store, DEAD, student)


def bad_event(student):
    return {**event(student=student), "event_type": "nothing.known"}


def test_a_job_that_dies_meanwhile_leaves_no_letter(pool, store, between, start_behind):
    student, other = fresh_id(), fresh_id()
    calculate(pool, student)
    between.watch = Once("EVALSHA", DEAD, student, do=lambda: erase(pool, student))
    start_behind(pool)
    put_event_job(store, bad_event(student))
    wait_for(lambda: between.watch.done, "erased")
    put_event_job(store, bad_event(other))
    wait_for(lambda: letters(store, other), "another one")
    wait_for(lambda: not store.xlen("queue:{batch}:high"), "both are finished")
    assert not holds(store, DEAD, student)


def test_a_job_that_is_put_off_meanwhile_does_not_come_back(pool, store, between, start_behind):
    """Redis is full, so it is to be tried later; and just then the student is erased."""
    student = fresh_id()
    calculate(pool, student)
    for level in ("high", "normal", "low"):
        store.xgroup_create(f"queue:{{batch}}:{level}", "workers", "0", mkstream=True)
    put_event_job(store, event(student=student))
    store.config_set("maxmemory", 1)
    between.watch = Once("queue:{batch}:later", " event 1 ", do=lambda: erase(pool, student))
    start_behind(pool)
    wait_for(lambda: between.watch.done, "erased")
    store.config_set("maxmemory", 0)
    wait_for(lambda: not store.exists("queue:{batch}:later") and not store.xlen("queue:{batch}:high"), "over")
    pending = lambda: store.xpending("queue:{batch}:high", "workers")["pending"]
    wait_for(lambda: not pending(), "finished")
    assert not list(store.scan_iter(f"*student:{student}*")) and store.exists(tombstone(student))
    assert not holds(store, DEAD, student)


def test_a_letter_taken_meanwhile_is_not_put_back(pool, store, between):
    """mastery-ctl dead retry has read it, and then the student is erased."""
    student, other = fresh_id(), fresh_id()
    calculate(pool, student)
    for one in (student, other):
        put_dead_letter(store, event(student=one))
    between.on_reply = Once(student, other, do=lambda: erase(pool, student))
    environment = {**pool.environment, "REDIS_URL": between.url}
    command = [str(bin_dir() / "mastery-ctl"), "dead", "retry", "all"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "1 put back\n" and between.on_reply.done
    [(_, job)] = store.xrange("queue:{batch}:normal")
    assert other in store.hget(DEAD_LETTER_KEYS[1], job["b"])


def test_a_letter_of_a_request_written_during_the_erasure_is_taken_back(start_pool, store, between):
    """By Dapr's request, between its two looks at the tombstone."""
    token, student = "a token for the sidecar, long enough", fresh_id()
    direct, pool = start_pool(), start_pool(between.url, APP_API_TOKEN=token)
    wait_for(lambda: direct.calculate(student).status == 200, "the store in reach")
    between.watch = Once("EVALSHA", DEAD, student, do=lambda: erase(direct, student))
    channel = {"CONTENT_TYPE": "application/cloudevents+json", "MASTERY_LISTENER": "sidecar"}
    bad = {"specversion": "1.0", "id": "x", "source": "tests", "type": "com.dapr.event.sent", "data": bad_event(student)}
    response = pool.request("POST", "/dapr/events", json=bad, headers={"dapr-api-token": token}, **channel)
    assert response.json == {"status": "DROP"} and between.watch.done
    assert not letters(store) and not holds(store, DEAD, student)


def test_a_statement_about_a_student_erased_meanwhile_is_ignored(start_pool, store, between):
    """As one that comes after the erasure: the others of the list are not refused."""
    direct, pool, student = start_pool(), start_pool(between.url), fresh_id()
    wait_for(lambda: direct.calculate(student).status == 200, "the store in reach")
    body = {
        "actor": {"account": {"homePage": "https://learnflow.example", "name": student}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
        "object": {"id": "https://learnflow.example/q", "definition": {"type": "http://adlnet.gov/expapi/activities/assessment"}},
        "result": {"score": {"scaled": 0.5}},
    }
    between.watch = Once("EVALSHA", "journal", student, do=lambda: erase(direct, student))
    headers = {"X-Experience-API-Version": "1.0.3"}
    token = pool.token("root", "admin")
    response = pool.request("POST", "/api/v1/xapi/statements", json=[body], token=token, headers=headers)
    assert between.watch.done and response.status == 200, response
    assert store.exists(tombstone(student)) and not store.exists(tagged(student, f"student:{student}"))


# What the worker completes


def test_the_wish_to_write_the_file_anew_is_kept_until_it_is_granted(
    pool, store, between, start_behind, start_worker
):
    """The first try breaks the connection; and just before the second there comes another wish. That is
    granted an hour later, or by the next worker."""
    asked, runs = [], []

    def watch(command):
        if b"GET" in command and REWRITE.encode() in command:
            runs.append(command)
        if b"BGREWRITEAOF" in command:
            asked.append(store.get(REWRITE))
            if len(asked) == 1:
                raise ConnectionError
            if len(asked) == 2:
                store.set(REWRITE, "another")
        return True

    between.watch = watch
    store.set(REWRITE, "one")
    first = start_behind(pool)
    wait_for(lambda: store.get(REWRITE) == "another", "one is granted")
    before = len(runs)
    wait_for(lambda: len(runs) > before + 1, "a whole run")
    assert first.drain() == 0
    start_worker(pool)
    wait_for(lambda: not store.exists(REWRITE), "granted")
    assert asked == ["one", "one"]


def test_one_that_cannot_be_completed_does_not_block_the_others(pool, store, start_worker):
    student, broken = fresh_id(), fresh_id()
    calculate(pool, student)
    store.hset(tagged(broken, f"student:{broken}:recommended"), "not", "a text")
    store.zadd("erasures", {"no id!": 0, "": 1, "x" * 129: 2, broken: 3, student: 4})
    worker = start_worker(pool)
    wait_for(lambda: store.zrange("erasures", 0, -1) == [broken], "all but that one")
    assert store.zscore("erasures", broken) > 3, "behind the others"
    assert store.get(tombstone(student)) == "erased"
    wait_for(lambda: len(worker.lines("erasure.of_nobody")) == 3, "three are in the log")
    wait_for(lambda: worker.lines("erasure.completed"), "the completed one is in the log")
    assert len(worker.lines("erasure.completed")) == 1
