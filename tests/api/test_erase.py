# SPDX-License-Identifier: GPL-3.0-or-later
"""Erasure: nothing of the student is left in the raw store, the log, other processes' memory; and
nothing of anybody else is missing (docs/privacy.md)."""
import base64
import json

import pytest
from harness.audit import count_of, records
from harness.engine import Engine, fresh_id, redis_process
from harness.events import event, now_ms
from harness.expect import assert_ok, assert_problem
from harness.keys import STUDENT_KEYS, row_of
from harness.mentions import mentioning
from harness.model import DAY_MS
from harness.redis_cluster import servers_of
from harness.store import DEAD_LETTER_KEYS, dead_letters, put_event_job, student_key, tagged, tombstone
from harness.wait import wait_for

ERASE = "/api/v1/compliance/student"
SCORES = {"completion": 0.8, "quiz": 0.9, "quality": 0.85, "consistency": 0.7}


def erase(client, student, query=""):
    return assert_ok(client.delete(f"{ERASE}/{student}{query}"))


def fill(engine, admin, student, others=("other",)):
    """A record of every kind about the student."""
    send = lambda path, body, status=200, **more: assert_ok(admin.post(path, body, **more), status)
    who, cohort = {"student_id": student}, fresh_id("c")
    roster = {"name": "x", "teacher_ids": ["t"], "student_ids": [student, *others]}
    assert_ok(admin.put(f"/api/v1/cohorts/{cohort}", roster), 201)
    key = {"headers": {"Idempotency-Key": fresh_id("k")}}
    # after some days without a change, the next one stores with which state its day began
    send("/api/v1/mastery/ingest", event(student=student, at_ms=now_ms() - 3 * DAY_MS), 202)
    send("/api/v1/mastery/calculate", {**who, "components": SCORES}, **key)
    body = event(student=student)
    send("/api/v1/mastery/ingest", body, 202, headers={"Idempotency-Key": fresh_id("k")})
    send("/api/v1/predictions/next-week", who)
    given = send("/api/v1/recommendations/adaptive", who)["recommendations"]
    said = {"recommendation_id": given[0]["recommendation_id"], "completed": True}
    send("/api/v1/recommendations/feedback", said)
    send("/api/v1/recommendations/learning-path", who)
    send(f"/api/v1/compliance/consent/{student}", {"consent_type": "research", "granted": True})
    batch = {"requests": [{**who, "components": SCORES}, {"student_id": "other", "components": SCORES}]}
    job = send("/api/v1/batch/mastery", batch, 202)["batch_id"]
    status = lambda: assert_ok(admin.get(f"/api/v1/batch/mastery/{job}"))["status"]
    wait_for(lambda: status() == "completed", "batch done")
    store = engine.redis()
    for bad in envelopes(student).values():
        send_from_dapr(engine, bad)
    wait_for(lambda: store.exists(student_key(student, ":events")), "event kept")
    call_by_other_names(engine, admin, student)
    return cohort


def encoded(value):
    return base64.b64encode(json.dumps(value).encode()).decode()


def envelopes(student):
    """CloudEvents that can never be counted, with the student in all places where one may stand."""
    body = event("content.rated", student, rating=9, comment="of a child")
    whole = {"specversion": "1.0", "id": "x", "source": "tests", "type": "com.dapr.event.sent"}
    return {
        "data": {**whole, "data": body},
        "a subject": {**whole, "subject": student, "data": {}},
        "a text": {"specversion": "1.0", "data": json.dumps(body)},
        "base64": {**whole, "data_base64": encoded(body)},
        "base64 of a text": {"specversion": "1.0", "data_base64": encoded(json.dumps(body))},
        "inner data alone": {**whole, "data": {"event_id": "evt-000001", "data": {"student_id": student}}},
        "an unknown member": {**whole, "data": {"student_id": "somebody", "learner": student}},
    }


def send_from_dapr(engine, body):
    headers = {"dapr-api-token": engine.values["APP_API_TOKEN"], "Content-Type": "application/cloudevents+json"}
    text = body if isinstance(body, str) else json.dumps(body)
    response = engine.sidecar().request("POST", "/dapr/events", body=text, headers=headers)
    assert assert_ok(response) == {"status": "DROP"}


def call_by_other_names(engine, admin, student):
    """The id where it names nobody, as a person would write it who does not know better."""
    assert_ok(admin.get(f"/api/v1/compliance/audit/logs?user_id={student}"))
    said = {"recommendation_id": student, "completed": True}
    assert_problem(admin.post("/api/v1/recommendations/feedback", said), 404)
    store = engine.redis()
    wait_for(lambda: count_of(store, o="audit"), "the reads are noted")


@pytest.fixture(scope="module")
def searched_engine():
    """An engine for these tests only, whose whole store is searched for their students."""
    with Engine() as running:
        yield running


@pytest.fixture
def own_engine(searched_engine):
    """The engine without what tests before have left in the queues."""
    store = searched_engine.redis()
    store.delete(*DEAD_LETTER_KEYS)
    store.zrem("batches", "broken")
    return searched_engine


@pytest.fixture
def root(own_engine):
    client = own_engine.admin()
    yield client
    client.close()


# Nothing is left


def test_nothing_is_left_and_nothing_else_is_missing(own_engine, root):
    store, student = own_engine.redis(decode=False), fresh_id("ab")
    longer = student + "c"
    for name in (student, longer):
        fill(own_engine, root, name, others=("other", longer) if name == student else ())
    before = mentioning(store, student)
    untouched = {key for key in mentioning(store, longer) if longer in key}
    keys = set(own_engine.redis().scan_iter("*", count=1000))
    assert not {key for key in keys if not row_of(key)}, "not in app/store/keys.def"
    present = {row_of(key) for key in before}
    # Those of schema number 1: tests/fault/test_migrate.py
    kinds = {row.pattern for row in STUDENT_KEYS if "SCHEMA_1" not in row.id} - {"{ss}:student:HASH:erased"}
    shared = {"queue:{dead}", "batch:{ID}", "cohort:{ID}", "{ss}:recommended:TOKEN"}
    assert kinds | shared <= present, "the test has forgotten a kind"
    assert set(DEAD_LETTER_KEYS[1:]) <= before
    dry = erase(root, student, "?dry_run=true")
    assert mentioning(store, student) == before, "a dry run has changed something"
    response = erase(root, student)
    assert response["status"] == "success" and dry["status"] == "dry_run"
    assert response["deleted"] == dry["deleted"]
    deleted = response["deleted"]
    assert deleted["dead_letters"] == len(envelopes(student)) and deleted["rosters"] == 1
    assert deleted["batches"] == 1 and deleted["idempotency"] == 2
    assert not mentioning(store, student)
    assert store.get(tombstone(student)) == b"erased" and store.ttl(tombstone(student)) > 0
    assert untouched <= {key for key in mentioning(store, longer) if longer in key}
    assert_ok(root.post("/api/v1/mastery/query", {"student_id": longer}))
    assert_ok(root.get(f"/api/v1/mastery/history/{longer}"))


def test_nothing_is_kept_for_longer_than_the_table_says(own_engine, root):
    """Kinds that the worker trims: test_worker.py, test_what_is_too_old_goes."""
    store, student = own_engine.redis(), fresh_id()
    fill(own_engine, root, student)
    for row in STUDENT_KEYS:
        suffix = row.suffix + "*" if row.family == "KEY_DAILY" else row.suffix
        for key in store.scan_iter(student_key(student, suffix), count=1000):
            days = store.ttl(key) / 86_400
            if row.retention == "RETAIN_EXPIRY":
                assert 0 < days <= row.days, (key, days)
            elif row.retention == "RETAIN_ALWAYS":
                assert store.ttl(key) == -1, (key, days)


def test_what_redis_refuses_is_not_taken_for_gone(own_engine, root):
    """An error among the answers of the walk: nothing is called done, and the next time it is."""
    store, student = own_engine.redis(decode=False), fresh_id("ab")
    fill(own_engine, root, student)
    store.zadd(student_key(student, ":batches"), {"broken": 4e12})
    store.set("batch:{broken}:students", "a text")
    assert root.delete(f"{ERASE}/{student}").status >= 500
    assert store.get(tombstone(student)) == b"erasing"
    store.delete("batch:{broken}:students")
    erase(root, student)
    assert not mentioning(store, student) and store.exists(tombstone(student))


def test_who_was_only_asked_about_is_nobody(own_engine, root):
    store, student = own_engine.redis(decode=False), fresh_id()
    assert_ok(root.get(f"/api/v1/mastery/history/{student}"))
    wait_for(lambda: store.exists(student_key(student, ":pseudonym")), "the read is noted")
    assert_problem(root.delete(f"{ERASE}/{student}"), 404, "NOT_FOUND")
    assert_problem(root.get(f"/api/v1/compliance/export/{student}"), 404, "NOT_FOUND")
    assert_ok(own_engine.calculate(student))


def test_the_audit_record_is_what_is_left(own_engine, root):
    student = fresh_id()
    assert_ok(own_engine.calculate(student))
    erase(root, student)
    erase(root, student)
    found = records(own_engine.redis())
    assert student not in str(found)
    hashed = own_engine.ctl("log-hash", student).strip()
    [record] = [one for one in found if one["o"] == f"student/{hashed}"]
    assert record["t"] == "erased" and record["r"] == "admin" and record["s"] == "1"


def rewrites(store):
    stats = [one.info("commandstats") for one in servers_of(store)]
    return sum(each.get("cmdstat_bgrewriteaof", {"calls": 0})["calls"] for each in stats)


def rewrite(store):
    """Whether a rewrite of a server has ended that began after this call; a worker may have begun another one before."""
    if store.info("persistence")["aof_rewrite_in_progress"]:
        return False
    store.bgrewriteaof()
    wait_for(lambda: store.info("persistence")["aof_rewrite_in_progress"] == 0, "the rewrite's end")
    return True


def test_the_file_of_commands_and_the_log_hold_no_id(own_engine, root):
    store, student = own_engine.redis(), fresh_id("ab")
    fill(own_engine, root, student)
    root.get(f"/api/v1/mastery/history/{student}?x={student}")
    root.get(f"/nowhere/{student}")
    for server in servers_of(store):
        server.slowlog_reset()
    erase(root, student)
    assert store.exists("erasures:rewrite") or rewrites(store) > 0, "a worker rewrites the file within the hour"
    for server in servers_of(store):
        wait_for(lambda server=server: rewrite(server), "file rewritten")
    files = [path for folder in own_engine.folders() for path in folder.rglob("*") if path.is_file()]
    found = {path.name: path.read_bytes().count(student.encode()) for path in files}
    found = {name: count for name, count in found.items() if count}
    assert not found
    assert student not in str([server.slowlog_get(100) for server in servers_of(store)])


# What it answers


def test_of_nobody_there_is_nothing_to_erase(own_engine, root):
    store, student = own_engine.redis(decode=False), fresh_id()
    for query in ("", "?dry_run=true"):
        assert_problem(root.delete(f"{ERASE}/{student}{query}"), 404, "NOT_FOUND")
    assert not mentioning(store, student)


def test_a_number_in_a_dead_letter_is_a_student_where_the_id_stands(own_engine, root):
    store, number = own_engine.redis(), "73501"
    for event in (
        {"student_id": 73501},
        {"data": {"student_id": 73501, "attempts": 1}},
        {"specversion": "1.0", "subject": 73501},
    ):
        send_from_dapr(own_engine, event)
    assert erase(root, number)["deleted"]["dead_letters"] == 3
    assert not dead_letters(store)


def test_a_number_beyond_64_bits_in_a_dead_letter_is_a_student_too(own_engine, root):
    """Its digits are kept as they were sent, so they are as much an id as those of a small one."""
    number = "12345678901234567890123"
    send_from_dapr(own_engine, '{"student_id":%s}' % number)
    assert erase(root, number)["deleted"]["dead_letters"] == 1


def put_letter_of_version_0_1_0(store, event):
    """In no index: the text is in the entry."""
    letter = {"reason": "r", "source": "dapr", "event": event, "at": "2026-01-01T00:00:00.000Z"}
    store.xadd("queue:{dead}", {"e": json.dumps(letter)})


def test_dead_letters_of_version_0_1_0_are_found(own_engine, root):
    store, student, other = own_engine.redis(), fresh_id(), fresh_id()
    for name in (student, other):
        for number, event in enumerate([*envelopes(name).values(), f"{{cut {name}"]):
            put_letter_of_version_0_1_0(store, event | {"x": "x" * 60_000} if number == 0 else event)
    put_letter_of_version_0_1_0(store, {"data": {"note": f"{student}x and x{student}"}})
    count = len(envelopes(student)) + 1
    assert erase(root, student, "?dry_run=true")["deleted"]["dead_letters"] == count
    assert store.xlen("queue:{dead}") == 2 * count + 1
    assert erase(root, student)["deleted"]["dead_letters"] == count
    assert not mentioning(own_engine.redis(decode=False), student)
    assert store.xlen("queue:{dead}") == count + 1, "those of others stay"


def test_who_is_in_a_dead_letter_alone_is_erased_too(own_engine, root):
    store, student = own_engine.redis(), fresh_id()
    send_from_dapr(own_engine, {"student_id": student})
    send_from_dapr(own_engine, {"student_id": student + "x"})
    assert erase(root, student)["deleted"]["dead_letters"] == 1
    assert store.xlen("queue:{dead}") == 1
    left = mentioning(own_engine.redis(decode=False), student)
    assert not left and store.exists(tombstone(student))


def test_repeating_it_is_safe(own_engine, root):
    student = fresh_id()
    assert_ok(own_engine.calculate(student))
    assert erase(root, student)["deleted"]["current_mastery"] == 1
    for query in ("", "?dry_run=true", ""):
        assert set(erase(root, student, query)["deleted"].values()) == {0}


@pytest.mark.parametrize("role", ["student", "teacher"])
def test_only_admins_may(engine, as_user, student, role):
    assert_ok(engine.calculate(student))
    assert_problem(as_user(student, role).delete(f"{ERASE}/{student}"), 403, "FORBIDDEN")


def test_a_bad_dry_run_is_refused(admin, student):
    assert admin.delete(f"{ERASE}/{student}?dry_run=perhaps").status == 400


# Nobody comes back


def decide(client, student, kind, granted):
    decision = {"consent_type": kind, "granted": granted}
    return client.post(f"/api/v1/compliance/consent/{student}", decision)


def test_new_data_is_refused(own_engine, root):
    store, student = own_engine.redis(decode=False), fresh_id()
    cohort = fill(own_engine, root, student)
    erase(root, student)
    body = {"student_id": student, "components": SCORES}
    key = {"headers": {"Idempotency-Key": "k"}}
    assert_problem(root.post("/api/v1/mastery/calculate", body, **key), 403, "FORBIDDEN")
    assert_problem(root.post("/api/v1/mastery/ingest", event(student=student), **key), 403, "FORBIDDEN")
    for consent in (("research", True), ("data_processing", False), ("analytics", True)):
        response = decide(root, student, *consent)
        assert "erased" in assert_problem(response, 403, "FORBIDDEN")["message"]
    assert_ok(root.post("/api/v1/recommendations/adaptive", {"student_id": student}))
    assert_problem(root.post("/api/v1/predictions/next-week", {"student_id": student}), 404)
    roster = {"name": "x", "teacher_ids": ["t"], "student_ids": ["other", student]}
    shown = assert_ok(root.put(f"/api/v1/cohorts/{cohort}", roster))
    assert shown["student_ids"] == ["other"] and shown["student_count"] == 1
    put_event_job(store, event(student=student))
    wait_for(lambda: store.xlen("queue:{batch}:high") == 0, "job done")
    assert not mentioning(store, student) and store.exists(tombstone(student))


@pytest.mark.parametrize("role", ["student", "admin"])
def test_a_new_consent_lets_the_student_enrol_again(own_engine, root, role):
    """Erasure is not a ban (C36)."""
    store, student = own_engine.redis(), fresh_id()
    assert_ok(own_engine.calculate(student))
    erase(root, student)
    assert_problem(own_engine.calculate(student), 403, "FORBIDDEN")
    client = root if role == "admin" else own_engine.client(student, "student")
    assert assert_ok(decide(client, student, "data_processing", True))["version"] == 1
    assert not store.exists(tombstone(student))
    assert_ok(own_engine.calculate(student))
    assert assert_ok(root.get(f"/api/v1/mastery/history/{student}"))["history_count"] == 1


def test_an_erasure_in_progress_is_not_lifted(own_engine, root):
    store, student = own_engine.redis(), fresh_id()
    store.set(tombstone(student), "erasing")
    assert_problem(decide(root, student, "data_processing", True), 403, "FORBIDDEN")
    assert store.get(tombstone(student)) == "erasing"
    store.delete(tombstone(student))


SPOILT = {
    "bad data": lambda e: e["data"]["data"].update(score=7),
    "no event id": lambda e: e["data"].pop("event_id"),
    "no id": lambda e: e.pop("id"),
    "another version": lambda e: e.update(specversion="7"),
    "a subject alone": lambda e: e.update(subject=e.pop("data")["student_id"]),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_an_event_that_could_not_be_taken_is_not_kept_either(own_engine, root, spoil):
    """Of others it would be: as a dead letter."""
    store, gone, other = own_engine.redis(decode=False), fresh_id(), fresh_id()
    fill(own_engine, root, gone)
    erase(root, gone)
    for student in (gone, other):
        envelope = {"specversion": "1.0", "id": "x", "source": "tests", "type": "com.dapr.event.sent",
                    "data": event("quiz.completed", student)}  # fmt: skip
        spoil(envelope)
        send_from_dapr(own_engine, envelope)
    assert not mentioning(store, gone) and store.exists(tombstone(gone))
    assert mentioning(store, other) == set(DEAD_LETTER_KEYS[1:])


def test_another_process_forgets_its_last_answers(start_engine):
    engine = start_engine(POOL_SIZE=4, STALE_ANSWERS=1000, DRAIN_TIMEOUT_S=1)
    root, student = engine.admin(), fresh_id()
    assert_ok(engine.calculate(student))
    body = {"student_id": student, "include_components": True}
    clients = [engine.client(student, "student") for _ in range(24)]
    for client in clients:
        assert_ok(client.post("/api/v1/mastery/query", body))
    erase(root, student)
    redis_process(engine).stop()
    for client in clients:
        response = client.post("/api/v1/mastery/query", body)
        assert response.status == 503, response
