# SPDX-License-Identifier: GPL-3.0-or-later
"""Ids as identity providers make them (field case C33), by every route, and ids that are refused."""
import base64
import json
import os
import re
import time
import uuid
from urllib.parse import quote

import pytest
from harness.engine import fresh_id
from harness.events import event
from harness.expect import assert_invalid, assert_ok, assert_problem
from harness.mentions import mentioning
from harness.store import student_key, tombstone
from harness.wait import wait_for

MASTERY = "/api/v1/mastery"
MAY_BE_ENCODED = "@:|+=~"


def base64_subject():
    """32 random bytes, as AD FS makes subjects. A slash is in no id."""
    while "/" in (text := base64.b64encode(os.urandom(32)).decode()):
        pass
    return text if text[0] != "+" else "A" + text


MAKERS = {
    "auth0": lambda: f"auth0|{uuid.uuid4().hex[:24]}",
    "google through auth0": lambda: f"google-oauth2|{uuid.uuid4().int % 10**21}",
    "mail address": lambda: f"ann.{uuid.uuid4().hex[:8]}+x@example.org",
    "base64": base64_subject,
    "urn": lambda: f"urn:uuid:{uuid.uuid4()}",
    "home of a user": lambda: f"u~{uuid.uuid4().hex}",
    "longest": lambda: (uuid.uuid4().hex * 4)[:128],
    "like a key": lambda: f"{uuid.uuid4().hex[:12]}:events",
    "like a key of a day": lambda: f"{uuid.uuid4().hex[:12]}:day:20260101",
    "like a pseudonym": lambda: f"student:{uuid.uuid4().hex}",
    "dashes": lambda: f"--{uuid.uuid4().hex}",
}
REFUSED = {
    "129 characters": "a" * 129,
    "empty": "",
    "slash": "a/b",
    "space": "a b",
    "umlaut": "aü",
    "percent": "a%40b",
    "comma": "a,b",
    "brace": "a}b",
    "line feed": "a\n",
    **{f"leading {c}": f"{c}ann" for c in ".~@:|+="},
}
every_maker = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
every_refused = pytest.mark.parametrize("bad", REFUSED.values(), ids=REFUSED)


def spellings(some_id):
    """The id in a path: as it is, and with all that may be encoded encoded, in both cases."""
    encoded = quote(some_id, safe="")
    return {some_id, encoded, re.sub("%..", lambda found: found[0].lower(), encoded), some_id.replace("@", "%40")}


GIVEN = {"consent_type": "data_processing", "granted": True}


def put_data(engine, admin, student):
    """A score and an event that the worker has kept."""
    assert_ok(engine.calculate(student))
    assert_ok(admin.post(f"{MASTERY}/ingest", event(student=student)), 202)
    wait_for(lambda: len(export(admin, student)["events"]) == 1, "the event")
    wait_for(lambda: engine.redis().exists(student_key(student, ":events")), "event kept")


def export(admin, student):
    return assert_ok(admin.get(f"/api/v1/compliance/export/{quote(student, safe='')}"))["data"]


@every_maker
def test_a_student_with_the_id_is_served_everywhere(engine, admin, as_user, make):
    student, other = make(), fresh_id()
    own = as_user(student)
    assert assert_ok(engine.calculate(student, by=own))["student_id"] == student
    assert assert_ok(own.post(f"{MASTERY}/query", {"student_id": student}))["student_id"] == student
    assert_ok(own.post(f"{MASTERY}/ingest", event(student=student)), 202)
    for spelling in sorted(spellings(student)):
        for path in (f"{MASTERY}/history/", f"{MASTERY}/statistics/", "/api/v1/compliance/consent/status/"):
            assert_ok(own.get(path + spelling))
        assert_problem(as_user(other).get(f"{MASTERY}/history/{spelling}"), 403)
    assert_ok(own.post("/api/v1/predictions/next-week", {"student_id": student}))
    given = assert_ok(own.post("/api/v1/recommendations/adaptive", {"student_id": student}))["recommendations"]
    assert student not in given[0]["recommendation_id"]
    said = {"recommendation_id": given[0]["recommendation_id"], "completed": True}
    assert_ok(own.post("/api/v1/recommendations/feedback", said))
    consent = {"consent_type": "research", "granted": True}
    assert_ok(own.post(f"/api/v1/compliance/consent/{quote(student)}", consent))
    body = {"student_ids": [student, other], "metric": "quiz"}
    assert_ok(engine.calculate(other))
    ranked = assert_ok(admin.post("/api/v1/analytics/compare/students", body))["rankings"]
    assert {row["student_id"] for row in ranked} == {student, other}


@every_maker
def test_an_idempotency_key_belongs_to_the_caller(engine, as_user, make):
    student = make()
    body = {"student_id": student, "components": dict.fromkeys(("completion", "quiz", "quality", "consistency"), 0.5)}
    headers = {"Idempotency-Key": fresh_id("k")}
    first, again = (as_user(student).post(f"{MASTERY}/calculate", body, headers=headers) for _ in range(2))
    assert_ok(first)
    assert again.headers["Idempotency-Replayed"] == "true" and again.body == first.body


@every_maker
def test_cohort_teacher_and_members_may_have_the_id(engine, admin, as_user, make):
    cohort, teacher, student = make(), make(), make()
    body = {"name": "x", "teacher_ids": [teacher], "student_ids": [student]}
    engine.calculate(student)
    assert_ok(admin.put(f"/api/v1/cohorts/{quote(cohort, safe='')}", body), 201)
    for spelling in sorted(spellings(cohort)):
        found = assert_ok(as_user(teacher, "teacher").get(f"/api/v1/cohorts/{spelling}"))
        assert (found["cohort_id"], found["teacher_ids"], found["student_ids"]) == (cohort, [teacher], [student])
    assert_ok(as_user(teacher, "teacher").post(f"{MASTERY}/query", {"student_id": student}))
    assert_problem(as_user(make(), "teacher").post(f"{MASTERY}/query", {"student_id": student}), 403)
    assert_ok(admin.delete(f"/api/v1/cohorts/{cohort}"))


@every_maker
def test_a_batch_has_the_id(engine, admin, make):
    student = make()
    items = [{"student_id": student, "components": dict.fromkeys(("completion", "quiz", "quality", "consistency"), 0.5)}]
    job = assert_ok(admin.post("/api/v1/batch/mastery", {"requests": items}), 202)["batch_id"]
    path = f"/api/v1/batch/mastery/{job}"
    wait_for(lambda: assert_ok(admin.get(path))["status"] == "completed", "batch done")
    [result] = assert_ok(admin.get(f"{path}/results"))["results"]
    assert result["student_id"] == student and result["success"]


@every_maker
def test_export_and_erasure_find_all_and_no_more(engine, admin, make):
    """In the raw store a colon of an id may be a slash."""
    student = make()
    alike = student[:-1] + ("a" if student[-1] != "a" else "b")
    cohort, store = fresh_id("c"), engine.redis(decode=False)
    roster = {"name": "x", "teacher_ids": [], "student_ids": [student, alike]}
    assert_ok(admin.put(f"/api/v1/cohorts/{cohort}", roster), 201)
    for one in (student, alike):
        put_data(engine, admin, one)
    data = export(admin, student)
    assert len(data["events"]) == 1 and data["cohorts"] == [cohort]
    assert_ok(admin.delete(f"/api/v1/compliance/student/{quote(student, safe='')}"))
    assert store.exists(tombstone(student))
    for spelling in {student, student.replace(":", "/")}:
        assert not mentioning(store, spelling)
    assert_problem(engine.calculate(student), 403)
    assert export(admin, alike)["events"]
    assert assert_ok(admin.get(f"/api/v1/cohorts/{cohort}"))["student_ids"] == [alike]


def base64_that_begins_like_json():
    while "/" in (text := base64.b64encode(b'"' + os.urandom(30)).decode()):
        pass
    return text


@pytest.mark.parametrize("make", [*MAKERS.values(), base64_that_begins_like_json], ids=[*MAKERS, "base64 like JSON"])
def test_dead_letters_of_the_student_are_found(engine, admin, make):
    student, store = make(), engine.redis(decode=False)
    headers = {"dapr-api-token": engine.values["APP_API_TOKEN"], "Content-Type": "application/cloudevents+json"}
    envelope = {"specversion": "1.0", "id": "x", "source": "tests", "type": "t"}
    bad = event("content.rated", student, rating=9)
    for sent in (
        {**envelope, "data": bad},
        {**envelope, "subject": student, "data": {}},
        {**envelope, "data_base64": base64.b64encode(json.dumps(bad).encode()).decode()},
        {**envelope, "subject": student[:-1], "data": {}},
    ):
        response = engine.sidecar().request("POST", "/dapr/events", body=json.dumps(sent), headers=headers)
        assert assert_ok(response) == {"status": "DROP"}
    letters = export(admin, student)["dead_letters"]
    assert len(letters) == 3 and all(letter["event"] for letter in letters)
    erased = assert_ok(admin.delete(f"/api/v1/compliance/student/{student}"))["deleted"]
    assert erased["dead_letters"] == 3
    assert not mentioning(store, student) and mentioning(store, student[:-1])


@pytest.mark.parametrize("suffix", [":events", ":consent", f":day:{time.strftime('%Y%m%d')}", ":day:", ":"])
def test_an_id_like_the_key_of_another_students_record_is_a_student_of_its_own(engine, admin, suffix):
    short = fresh_id()
    for gone, stays in ((short, short + suffix), (short + suffix, short)):
        for one in (gone, stays):
            assert_ok(admin.post(f"/api/v1/compliance/consent/{one}", GIVEN))
            put_data(engine, admin, one)
        before = export(admin, stays)
        assert_ok(admin.delete(f"/api/v1/compliance/student/{gone}"))
        after = export(admin, stays)
        assert len(after["events"]) == len(after["mastery_history"]) == 1
        for name in set(before) - {"audit_logs"}:
            assert after[name] == before[name], name
        assert_ok(admin.delete(f"/api/v1/compliance/student/{stays}"))


@every_maker
def test_the_audit_log_tells_who_it_was(engine, admin, as_user, make):
    """An administrator by the id; a student by a pseudonym, which the id finds."""
    user, student = make(), make()
    actor = as_user(user, "admin")
    assert_ok(engine.calculate(student, by=actor))
    assert_ok(actor.get(f"/api/v1/compliance/export/{student}"))
    assert_ok(as_user(student).get(f"/api/v1/compliance/export/{student}"))
    logs = lambda whom: assert_ok(admin.get(f"/api/v1/compliance/audit/logs?user_id={quote(whom, safe='')}"))["logs"]
    wait_for(lambda: len(logs(user)) >= 2 and logs(student), "recorded")
    assert {log["user_id"] for log in logs(user)} == {user}
    assert {log["details"]["role"] for log in logs(user)} == {"admin"}
    name = engine.redis().get(student_key(student, ":pseudonym"))
    assert {(log["user_id"], log["resource"]) for log in logs(student)} == {(f"student:{name}", f"compliance/{name}")}


def test_a_user_who_is_called_like_a_pseudonym_is_not_the_student(engine, admin, as_user):
    student = fresh_id()
    assert_ok(engine.calculate(student))
    assert_ok(as_user(student).get(f"/api/v1/compliance/export/{student}"))
    name = wait_for(lambda: engine.redis().get(student_key(student, ":pseudonym")), "a pseudonym")
    impostor = as_user(f"student:{name}", "admin")
    cohort = {"name": "x", "teacher_ids": [], "student_ids": []}
    assert_ok(impostor.put(f"/api/v1/cohorts/{fresh_id('c')}", cohort), 201)
    logs = lambda whom: assert_ok(admin.get(f"/api/v1/compliance/audit/logs?user_id={whom}"))["logs"]
    wait_for(lambda: logs(f"student:{name}") and logs(student), "recorded")
    assert {log["details"]["role"] for log in logs(f"student:{name}")} == {"admin"}
    assert {log["details"]["role"] for log in logs(student)} == {"student"}
    exported = assert_ok(admin.get(f"/api/v1/compliance/export/{student}"))["data"]["audit_logs"]
    assert "cohorts" not in {log["resource"].split("/")[0] for log in exported}


@every_refused
def test_what_is_no_id_is_refused_in_a_body(admin, bad):
    assert_invalid(admin.post(f"{MASTERY}/query", {"student_id": bad}), "student_id")
    roster = {"name": "x", "teacher_ids": [bad], "student_ids": [fresh_id(), bad]}
    assert_invalid(admin.put(f"/api/v1/cohorts/{fresh_id('c')}", roster), "teacher_ids[0]", "student_ids[1]")
    assert_invalid(admin.post("/api/v1/batch/mastery", {"student_ids": [bad]}), "student_ids[0]")
    assert_invalid(admin.post(f"{MASTERY}/ingest", event(student=bad)), "student_id")


@every_refused
def test_a_token_with_what_is_no_id_is_401(engine, as_user, bad):
    assert_problem(as_user(bad or None, "admin").get("/api/v1/cohorts"), 401)


IN_PATHS = {
    "129 characters": "a" * 129,
    "leading dot": ".ann",
    "encoded leading at": "%40ann",
    "encoded slash": "a%2Fb",
    "encoded letter": "%41nn",
    "encoded dot": "ann%2eb",
    "encoded dash": "ann%2db",
    "twice encoded": "%252e",
    "twice encoded at": "ann%2540x",
    "space": "a%20b",
    "umlaut": "a%C3%BC",
    "comma": "a%2Cb",
    "brace": "a%7Db",
}


@pytest.mark.parametrize("bad", IN_PATHS.values(), ids=IN_PATHS)
@pytest.mark.parametrize(
    ("path", "field"), [(f"{MASTERY}/history/", "student_id"), ("/api/v1/cohorts/", "cohort_id")]
)
def test_what_is_no_id_is_refused_in_a_path(admin, path, field, bad):
    assert_invalid(admin.get(path + bad), field)


@pytest.mark.parametrize(
    "path",
    ["/api/v1/mastery/h%69story/", "/api/v1%2Fmastery/history/", "//api/v1/mastery/history/", "/api/%3A/../v1/mastery/history/"],
)
def test_elsewhere_an_encoded_path_is_404(engine, admin, path):
    student = MAKERS["mail address"]()
    assert_ok(engine.calculate(student))
    assert_problem(admin.get(path + student), 404)


def test_a_plus_in_a_path_is_a_plus(engine, admin):
    with_plus, hex_digits = fresh_id() + "+1", uuid.uuid4().hex
    assert_ok(engine.calculate(with_plus))
    for spelling in (with_plus, with_plus.replace("+", "%2B"), with_plus.replace("+", "%2b")):
        found = assert_ok(admin.get(f"{MASTERY}/history/{spelling}"))
        assert found["student_id"] == with_plus and found["history_count"] == 1
    assert assert_ok(admin.get(f"{MASTERY}/history/{hex_digits}+2"))["history_count"] == 0


def test_topics_may_have_such_ids(admin):
    student = fresh_id()
    topics = ["urn:topic:fractions", "math|7b", "loops"]
    assert_ok(admin.post(f"{MASTERY}/ingest", event(student=student, topic_ids=topics)), 202)
    response = admin.post(f"{MASTERY}/ingest", event(student=student, topic_ids=["loops", ".x"]))
    assert_invalid(response, "data.topic_ids[1]")


def test_seed_and_control_take_such_ids(engine, admin):
    student = MAKERS["mail address"]()
    engine.seed([(student, time.strftime("%Y-%m-%d"), 0.5, 0.5, 0.5, 0.5)])
    token = engine.ctl("token", "--user", student, "--role", "student").strip()
    assert_ok(admin.get(f"{MASTERY}/history/{student}", token=token))
    engine.ctl("erase", student)
    assert_problem(engine.calculate(student), 403)
