# SPDX-License-Identifier: GPL-3.0-or-later
"""The export: all that is kept of a student, with a hash that anybody can compute again."""
import hashlib
import http.client
import json
import math
import os
import subprocess
import time

import pytest
from harness.binaries import ROOT
from harness.engine import fresh_id
from harness.events import event
from harness.expect import assert_ok, assert_problem
from harness.keys import EXPORTED
from harness.redis_server import RedisStandIn
from harness.store import put_dead_letter, student_key, tagged
from harness.wait import wait_for

EXPORT = "/api/v1/compliance/export"
SECTIONS = sorted(EXPORTED | {"activity", "audit_logs", "topics"})


def number(value):
    """A double as ECMAScript prints it (RFC 8785 section 3.2.2.3), from Python's own digits."""
    if value == 0:
        return "0"
    if value < 0:
        return "-" + number(-value)
    mantissa, _, exponent = repr(float(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    zeros = len(whole + fraction) - len((whole + fraction).lstrip("0"))
    point = len(whole) - zeros + int(exponent or 0)
    digits = digits.rstrip("0") or "0"
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    tail = "." + digits[1:] if len(digits) > 1 else ""
    return f"{digits[0]}{tail}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def canonical(value):
    """RFC 8785, written anew: nothing of it is the engine's."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        members = (f"{json.dumps(n, ensure_ascii=False)}:{canonical(value[n])}" for n in names)
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    assert math.isfinite(value)
    return number(value)


def export(client, student):
    return assert_ok(client.get(f"{EXPORT}/{student}"))


def assert_hash(body):
    data = canonical(body["data"]).encode()
    assert hashlib.sha256(data).hexdigest() == body["integrity_hash"]


COMMENT = 'naïve "€" \U0001f600\r\n\t\x01\x1b[31m\x7f\x85 a < b </b>'


@pytest.fixture
def learner(engine, admin, student):
    """A student of whom there is a record of every kind."""
    send = lambda path, body, status=200: assert_ok(admin.post(path, body), status)
    cohort, who = fresh_id("c"), {"student_id": student}
    roster = {"name": "x", "teacher_ids": [], "student_ids": [student]}
    assert_ok(admin.put(f"/api/v1/cohorts/{cohort}", roster), 201)
    assert_ok(engine.calculate(student))
    for kind in ("quiz.completed", "content.rated"):
        more = {"comment": COMMENT} if kind == "content.rated" else {}
        send("/api/v1/mastery/ingest", event(kind, student, **more), 202)
    send("/api/v1/predictions/next-week/intervention", {**who, "intervention_type": "review"})
    given = send("/api/v1/recommendations/adaptive", who)["recommendations"]
    feedback = {"recommendation_id": given[0]["recommendation_id"], "completed": True}
    send("/api/v1/recommendations/feedback", feedback)
    send("/api/v1/recommendations/learning-path", who)
    consent = {"consent_type": "research", "granted": True}
    send(f"/api/v1/compliance/consent/{student}", consent)
    # not only in the journal: an event that moves from there during an export comes after later ones
    wait_for(lambda: engine.redis().xlen(student_key(student, ":events")) == 2, "events kept")
    return {"student": student, "cohort": cohort}


def test_everything_is_in_it(admin, learner):
    student = learner["student"]
    body = export(admin, student)
    data = body["data"]
    assert list(data) == SECTIONS, "sorted, and all there"
    assert body["export_version"] == "1.0" and body["compliance"] == "GDPR Article 20"
    assert body["student_id"] == student
    query = assert_ok(admin.post("/api/v1/mastery/query", {"student_id": student}))
    assert data["current_mastery"] == query["data"]
    history = assert_ok(admin.get(f"/api/v1/mastery/history/{student}?days=90"))
    assert data["mastery_history"] == history["history"]
    statistics = assert_ok(admin.get(f"/api/v1/mastery/statistics/{student}"))
    assert data["activity"] == statistics["statistics"]["activity"]
    topics = assert_ok(admin.get(f"/api/v1/mastery/topics/{student}"))["topics"]
    assert [topic.pop("evidence") for topic in topics] == [pytest.approx(1.2, rel=1e-4)]
    assert data["topics"] == [{**topic, "evidence": 1.2} for topic in topics]
    by_kind = {one["event_type"]: one for one in data["events"]}
    assert set(by_kind) == {"quiz.completed", "content.rated"}
    assert by_kind["content.rated"]["data"]["comment"] == COMMENT, "as it was sent"
    [prediction] = data["predictions"]
    assert prediction["intervention_type"] == "review"
    shown = assert_ok(admin.get(f"/api/v1/recommendations/{student}/history?days=90"))
    assert data["recommendations"] == shown["recommendations"]
    assert data["learning_path"]["path_id"].startswith("path_")
    [consent] = data["consent_records"]
    assert consent["consent_type"] == "research" and consent["granted"]
    assert data["cohorts"] == [learner["cohort"]]


def test_whole_numbers_beyond_64_bits_stay_these_numbers(admin, student):
    """The shortest decimal of the same double, not the limit of an integer type (field case C16)."""
    numbers = [-12345678901234567890123, 12345678901234567890123, 2**64, -(2**63) - 1, 2**64 - 1]
    body = event("quiz.completed", student, numbers=numbers)
    assert_ok(admin.post("/api/v1/mastery/ingest", body), 202)
    wait_for(lambda: export(admin, student)["data"]["events"], "event kept")
    response = admin.get(f"{EXPORT}/{student}")
    [kept] = response.json["data"]["events"]
    assert list(map(float, kept["data"]["numbers"])) == list(map(float, numbers))
    printed = response.text[response.text.index('"numbers":[') :].partition("]")[0]
    assert printed == '"numbers":[' + ",".join(map(number, numbers))
    assert_hash(response.json)


def test_what_waits_or_was_given_up_is_in_it(start_pool, redis_server):
    """No worker runs: an event in the journal, a batch, and dead letters (hazards X11)."""
    pool, store, student = start_pool(), redis_server.client(), fresh_id()

    def call(method, path, body=None):
        response = pool.request(method, path, json=body, token=pool.token("root", "admin"))
        assert response.status in (200, 202), response
        return response.json

    wait_for(lambda: pool.calculate(student).status == 200, "the store in reach")
    sent = event("content.rated", student, comment="mine")
    call("POST", "/api/v1/mastery/ingest", sent)
    stated = {"completion": 0.1, "quiz": 0.2, "quality": 0.3, "consistency": 0.4}
    batches = [
        call("POST", "/api/v1/batch/mastery", {"requests": [{"student_id": student, "components": stated}]})["batch_id"]
        for _ in range(20)
    ]
    for number in range(150):
        put_dead_letter(store, {**sent, "number": number})
    put_dead_letter(store, {"student_id": "other", "quiz_id": student})
    body = call("GET", f"{EXPORT}/{student}")
    assert_hash(body)
    assert [one["event_id"] for one in body["data"]["events"]] == [sent["event_id"]]
    assert {one["batch_id"]: one["components"] for one in body["data"]["batches"]} == dict.fromkeys(batches, stated)
    letters = body["data"]["dead_letters"]
    assert [one["event"]["number"] for one in letters] == list(range(150)), "and not that of somebody else"
    assert set(letters[0]) == {"reason", "source", "at", "event"}


def test_event_that_the_worker_moves_meanwhile_is_exported_once(start_pool, start_worker, redis_server):
    """The worker moves it from the journal, which has been read, to the student's events, read next."""
    store, student = redis_server.client(), fresh_id()
    with RedisStandIn(redis_server.path) as between:
        pool = start_pool(between.url, STORE_ROUND_TIMEOUT_MS=5000)
        token = pool.token("root", "admin")

        def send(difficulty):
            body = event("quiz.completed", student, difficulty=difficulty)
            assert pool.request("POST", "/api/v1/mastery/ingest", json=body, token=token).status == 202
            return body["event_id"]

        def work_before_the_events_are_read(command):
            if student_key(student, ":events").encode() in command:
                between.watch = None
                start_worker(pool, REDIS_URL=redis_server.url)
                wait_for(lambda: store.xlen(tagged(student, "journal")) == 0, "journal processed")
            return True

        sent = [send(difficulty) for difficulty in ("easy", "medium", "hard") for _ in range(5)]
        between.watch = work_before_the_events_are_read
        response = pool.request("GET", f"{EXPORT}/{student}", token=token)
        assert between.watch is None and response.status == 200, response
        assert [one["event_id"] for one in response.json["data"]["events"]] == sent
        assert_hash(response.json)


def test_large_events_are_exported(admin, student):
    """More than fits into one reply: 24 events of 900 kB each."""
    sent = [event("content.rated", student, own=["x" * 900000]) for _ in range(24)]
    for body in sent:
        assert_ok(admin.post("/api/v1/mastery/ingest", body), 202)
    body = export(admin, student)
    assert {one["event_id"] for one in body["data"]["events"]} == {one["event_id"] for one in sent}
    assert_hash(body)


def test_the_hash_can_be_computed_again(admin, learner):
    body = export(admin, learner["student"])
    assert_hash(body)
    body["data"]["current_mastery"]["mastery_score"] += 0.1
    with pytest.raises(AssertionError):
        assert_hash(body)


def test_the_command_of_the_document_gives_the_hash(admin, learner, tmp_path):
    text = (ROOT / "docs" / "privacy.md").read_text()
    command = text[text.index("python3 -c") : text.index("export.json\n```")]
    response = admin.get(f"{EXPORT}/{learner['student']}")
    (tmp_path / "export.json").write_bytes(response.body)
    ran = subprocess.run(command + "export.json", shell=True, cwd=tmp_path, capture_output=True,
                         text=True, check=True)  # fmt: skip
    assert ran.stdout.strip() == response.json["integrity_hash"]


def test_data_is_printed_in_its_canonical_form(admin, learner):
    response = admin.get(f"{EXPORT}/{learner['student']}")
    printed = canonical(response.json["data"])
    assert f'"data":{printed},"integrity_hash"' in response.text


@pytest.mark.parametrize("value, text", [
    (0.1, "0.1"), (100, "100"), (1e21, "1e+21"), (1e20, "100000000000000000000"),
    (1e-6, "0.000001"), (1e-7, "1e-7"), (1.5e-9, "1.5e-9"), (123.25, "123.25"), (5e-324, "5e-324"),
])  # fmt: skip
def test_numbers_of_the_tests_own_form(value, text):
    assert number(value) == text


def test_the_alias_is_the_same(admin, learner):
    student = learner["student"]
    other = assert_ok(admin.get(f"/api/v1/compliance/student/{student}/export"))
    again = export(admin, student)["data"]
    # each export is in the audit log, and so in the next one
    assert {**other["data"], "audit_logs": []} == {**again, "audit_logs": []}


def test_of_nobody_there_is_none(admin, student):
    assert_problem(admin.get(f"{EXPORT}/{student}"), 404, "NOT_FOUND")


def test_who_has_accessed_the_data_is_in_it(admin, learner, student):
    entries = lambda: export(admin, student)["data"]["audit_logs"]
    wait_for(lambda: {"student-export"} <= {entry["action"] for entry in entries()}, "audited")
    for entry in entries():
        assert set(entry) >= {"id", "user_id", "action", "resource", "timestamp", "success"}
        assert student not in json.dumps(entry), "by pseudonym alone"
    assert_hash(export(admin, student))


def test_a_consent_alone_is_exported(admin, student):
    body = {"consent_type": "analytics", "granted": False}
    assert_ok(admin.post(f"/api/v1/compliance/consent/{student}", body))
    data = export(admin, student)["data"]
    assert len(data["consent_records"]) == 1 and data["current_mastery"] is None


def test_who_may(admin, as_user, anonymous, learner):
    student = learner["student"]
    assert export(as_user(student), student)["exported_by"] == student
    teacher = fresh_id("t")
    roster = {"name": "x", "teacher_ids": [teacher], "student_ids": [student]}
    assert_ok(admin.put(f"/api/v1/cohorts/{learner['cohort']}", roster))
    assert_problem(as_user(teacher, "teacher").get(f"{EXPORT}/{student}"), 403)
    assert_problem(as_user(fresh_id()).get(f"{EXPORT}/{student}"), 403)
    assert_problem(anonymous.get(f"{EXPORT}/{student}"), 401)


# Large ones

EVENTS = 40_000  # some 450 a day for 90 days


def stream_of(student):
    return student_key(student, ":events")


def fill(store, student, count):
    one = json.dumps(event(student=student))
    start = int(time.time() * 1000) - 86_400_000
    pipe = store.pipeline(transaction=False)
    for n in range(count):
        pipe.xadd(stream_of(student), {"e": one}, id=f"{start + n}-0")
    pipe.execute()


def resident_mb(pid):
    pages = int((open(f"/proc/{pid}/statm")).read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_a_large_export_is_whole_and_takes_little_memory(start_engine):
    # AddressSanitizer keeps what is freed for a while; here it must not
    options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
    engine, student = start_engine(POOL_SIZE=1, ASAN_OPTIONS=options), fresh_id()
    [pid] = engine.pool()
    client = engine.client(fresh_id("a"), "admin", source=None)
    client.timeout = 120
    fill(engine.redis(), student, 500)
    export(client, student)
    before = resident_mb(pid)
    fill(engine.redis(), student + "x", EVENTS)
    response = client.get(f"{EXPORT}/{student}x")
    body = assert_ok(response)
    assert len(body["data"]["events"]) == EVENTS
    assert_hash(body)
    size_mb = len(response.body) / 2**20
    assert size_mb > 8
    grown = resident_mb(pid) - before
    assert grown < size_mb, f"{size_mb:.0f} MB took {grown:.0f} MB"


def logged(engine):
    """The log line of the latest export."""
    lines = (engine.state_dir / "log/pool.log").read_text().splitlines()
    lines = [json.loads(line) for line in lines if '"student-export"' in line]
    return lines[-1] if lines else None


def test_head_of_a_large_export_has_no_body(start_engine):
    engine, student = start_engine(POOL_SIZE=1), fresh_id()
    fill(engine.redis(), student, 3000)
    client = engine.admin()
    whole = client.get(f"{EXPORT}/{student}")
    wait_for(lambda: logged(engine), "its log line")
    assert (logged(engine)["status"], logged(engine)["bytes"]) == (200, len(whole.body))
    response = client.request("HEAD", f"{EXPORT}/{student}")
    assert response.status == 200 and response.body == b""
    assert export(client, student)["student_id"] == student


def test_what_cannot_be_read_to_its_end_is_cut_short(start_engine):
    engine, student = start_engine(POOL_SIZE=1), fresh_id()
    store, client = engine.redis(), engine.admin()
    fill(store, student, 3000)
    store.xadd(stream_of(student), {"e": "nonsense"})
    with pytest.raises(http.client.IncompleteRead):
        client.get(f"{EXPORT}/{student}")
    wait_for(lambda: logged(engine), "its log line")
    assert (logged(engine)["status"], logged(engine)["level"]) == (500, "warning")
    few = fresh_id()
    store.xadd(stream_of(few), {"e": "nonsense"})
    assert_problem(engine.admin().get(f"{EXPORT}/{few}"), 500, "INTERNAL_ERROR")
    engine.wait_ready()
