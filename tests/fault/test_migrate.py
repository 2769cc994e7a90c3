# SPDX-License-Identifier: GPL-3.0-or-later
"""mastery-ctl migrate: records in the forms of 0.1.0 become packed ones, and nothing else changes."""
import json
import random
import threading

import pytest
from harness.ctl import run_ctl
from harness.engine import Engine, fresh_id
from harness.events import event, now_ms
from harness.expect import assert_ok
from harness.model import DAY_MS, Student, assert_agrees
from harness.store import student_key
from harness.wait import wait_for

INGEST = "/api/v1/mastery/ingest"
OLD, PACKED = "1", "3"
OLD_SUFFIXES = (":day:*", ":opening:*", ":marks")


@pytest.fixture
def own_engine():
    """An engine on a store whose schema number is that of 0.1.0, so that it writes its forms."""
    with Engine(POOL_SIZE=1) as running:
        begin_with_old_forms(running)
        yield running


def begin_with_old_forms(engine):
    """As if a program of 0.1.0 had used the store first."""
    store = engine.redis()
    store.set("schema", OLD)
    reconnect(engine)
    student = fresh_id()
    write = lambda: assert_ok(engine.calculate(student)) and old_keys(engine, student)
    wait_for(write, "the processes know the number")


def reconnect(engine):
    """Each new connection reads the schema number."""
    engine.redis().client_kill_filter(_type="normal", skipme=True)
    engine.wait_ready()


def old_keys(engine, student):
    store = engine.redis()
    keys = [key for suffix in OLD_SUFFIXES for key in store.keys(student_key(student, suffix))]
    entries = engine.redis(decode=False).xrange(student_key(student, ":events"))
    plain = [fields for _, fields in entries if b"e" in fields]
    return keys + plain


def body_of(student, ago, kind="quiz.completed", **data):
    return event(kind, student, at_ms=now_ms() - ago * DAY_MS, **data)


def ingest(engine, body, model=None):
    assert_ok(engine.admin().post(INGEST, body), 202)
    if model:
        model.ingest(body)


def term(engine, student, agos=(80, 79, 60, 59, 40, 12, 11, 2, 1, 0)):
    """Events in the order of their days, with gaps. Returns their model and the events."""
    model, bodies = Student(), []
    for ago in agos:
        for kind in ("exercise.completed", "quiz.completed"):
            bodies.append(body_of(student, ago, kind))
            ingest(engine, bodies[-1], model)
    wait_logged(engine, student, len(bodies))
    return model, bodies


def wait_logged(engine, student, count):
    key = student_key(student, ":events")
    wait_for(lambda: engine.redis().xlen(key) == count, "the worker has logged the events")


def shown(engine, student):
    """What does not change by the migration."""
    admin = engine.admin()
    data = assert_ok(admin.get(f"/api/v1/compliance/export/{student}"))["data"]
    data.pop("audit_logs"), data.pop("predictions", None)
    history = assert_ok(admin.get(f"/api/v1/mastery/history/{student}?days=90"))["history"]
    return json.dumps([data, history], sort_keys=True)


def migrate(engine):
    return json.loads(engine.ctl("migrate", "--json"))["converted"]


def test_old_forms_are_written_until_then_and_packed_ones_after(own_engine):
    student = fresh_id()
    _, bodies = term(own_engine, student)
    before = shown(own_engine, student)
    store = own_engine.redis()
    assert store.hlen(student_key(student, ":marks")) == len(bodies)
    assert not store.exists(student_key(student, ":days"), student_key(student, ":counted"))
    assert store.hexists(student_key(student), "m"), "the result, which 0.1.0 reads"
    assert store.get("schema") == OLD
    converted = migrate(own_engine)
    assert converted["events"] >= len(bodies) and converted["marks"] >= len(bodies) and converted["days"] >= 10
    assert converted["results"] >= 1 and not store.hexists(student_key(student), "m")
    assert store.get("schema") == PACKED
    assert old_keys(own_engine, student) == []
    assert shown(own_engine, student) == before
    reconnect(own_engine)
    assert shown(own_engine, student) == before
    assert set(migrate(own_engine).values()) == {0}


def test_events_count_once_across_the_migration(own_engine):
    student = fresh_id()
    model, bodies = term(own_engine, student)
    migrate(own_engine)
    for body in bodies:
        ingest(own_engine, body)
    ingest(own_engine, body_of(student, 30), model)  # between two days that were migrated
    ingest(own_engine, body_of(student, 0), model)
    assert_agrees(own_engine.admin(), student, model)
    keys = own_engine.redis().keys(student_key(student, ":*"))
    assert not [key for key in keys if ":day:" in key or ":opening:" in key or key.endswith(":marks")]


def test_both_forms_together_are_one_history(own_engine):
    """A process learns that the number was raised to 2 from the fence of the shard, at its next write."""
    student = fresh_id()
    model, bodies = term(own_engine, student)
    store = own_engine.redis()
    for shard in range(256):
        store.set(f"{{{shard:02x}}}:schema", 2)
    store.set("schema", 2)
    for body in [body_of(student, 70), body_of(student, 0), body_of(student, 41, "exercise.completed")]:
        ingest(own_engine, body, model)
    assert store.exists(student_key(student, ":days"))
    for body in bodies:
        ingest(own_engine, body)
    wait_logged(own_engine, student, len(bodies) + 3)
    assert_agrees(own_engine.admin(), student, model)
    before = shown(own_engine, student)
    migrate(own_engine)
    assert shown(own_engine, student) == before
    assert_agrees(own_engine.admin(), student, model)


def test_opening_is_kept_for_late_events(own_engine):
    """The day before a gap has expired; the state with which the gap ended is among the closed days."""
    student, store = fresh_id(), own_engine.redis()
    model = Student()
    for ago in (89, 20, 0):
        ingest(own_engine, body_of(student, ago), model)
    [first, *_] = sorted(store.keys(student_key(student, ":day:*")))
    assert store.delete(first) == 1, "as at its expiry"
    migrate(own_engine)
    ingest(own_engine, body_of(student, 50, "exercise.completed"), model)
    assert_agrees(own_engine.admin(), student, model)
    days = assert_ok(own_engine.admin().get(f"/api/v1/mastery/history/{student}?days=90"))["history"]
    assert len(days) == 4


def test_a_migration_beside_traffic_loses_nothing(own_engine):
    """Writers go on while it runs, also of days of the past, and while it is cut short and begun again."""
    students = [fresh_id() for _ in range(6)]
    models = {student: term(own_engine, student)[0] for student in students}
    stop, failures = threading.Event(), []

    def write(student, seed):
        draw, sent = random.Random(seed), 0
        while not stop.is_set() and sent < 200:
            body = body_of(student, draw.choice([0, 0, 1, 30, 61]))
            response = own_engine.admin().post(INGEST, body)
            if response.status == 202:
                models[student].ingest(body)
                sent += 1
            else:
                failures.append(response)

    threads = [threading.Thread(target=write, args=(student, i)) for i, student in enumerate(students)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        migrate(own_engine)
        own_engine.redis().set("schema", 2)
    migrate(own_engine)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    for student in students:
        wait_for(lambda s=student: own_engine.redis().xlen(student_key(s, ":events")) > 20, "logged")
        assert_agrees(own_engine.admin(), student, models[student])


def test_a_state_that_cannot_be_read_ends_the_migration(own_engine):
    student, store = fresh_id(), own_engine.redis()
    term(own_engine, student, (3, 1, 0))
    [key, *_] = sorted(store.keys(student_key(student, ":day:*")))
    store.set(key, "damaged", keepttl=True)
    result = run_ctl({**own_engine.environment, **own_engine.values}, "migrate")
    assert result.returncode == 1 and key in result.stderr
    assert store.get("schema") == "2"
    store.delete(key)
    migrate(own_engine)
    assert store.get("schema") == PACKED


def test_an_erasure_removes_both_forms(own_engine):
    student, store = fresh_id(), own_engine.redis()
    term(own_engine, student, (5, 1, 0))
    for shard in range(256):
        store.set(f"{{{shard:02x}}}:schema", 2)
    store.set("schema", 2)
    ingest(own_engine, body_of(student, 2))
    assert_ok(own_engine.admin().request("DELETE", f"/api/v1/compliance/student/{student}"))
    assert [key for key in store.keys(student_key(student, ":*"))] == []
