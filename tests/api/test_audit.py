# SPDX-License-Identifier: GPL-3.0-or-later
"""What requests leave in the audit log, and GET /api/v1/compliance/audit/logs."""
import hashlib
import json
import re

import pytest
from harness.audit import (
    counts,
    ctl_audit,
    log_key,
    make_minutes_old,
    pseudonym,
    record_mac,
    records,
    seal_head,
    wait_records,
    wait_sealed,
)
from harness.engine import fresh_id
from harness.events import event
from harness.expect import assert_ok, assert_problem
from harness.model import scores
from harness.pool import AUDIT_KEY
from harness.store import shard_of
from harness.wait import LIMIT_S, wait_for

QUERY = "/api/v1/mastery/query"
LOGS = "/api/v1/compliance/audit/logs"
CONSENT = "/api/v1/compliance/consent"


class School:
    """A pool, a worker, their Redis, and requests by anybody."""

    def __init__(self, pool, worker, redis):
        self.pool, self.worker, self.redis = pool, worker, redis

    def request(self, method, path, user="root", role="admin", **options):
        token = self.pool.token(user, role) if user else None
        return self.pool.request(method, path, token=token, **options)

    def query(self, student, user="root", role="admin", **options):
        return self.request("POST", QUERY, user, role, json={"student_id": student}, **options)

    def cohort(self, name, teachers, students):
        body = {"name": name, "teacher_ids": teachers, "student_ids": students}
        response = self.request("PUT", f"/api/v1/cohorts/{name}", json=body)
        assert response.status in (200, 201), response

    def logs(self, query="", status=200):
        response = self.request("GET", f"{LOGS}?{query}")
        assert response.status == status, response
        return response.json

    def all_logs(self, query=""):
        """Page by page."""
        found, cursor = [], None
        while True:
            page = self.logs(f"limit=7&{query}" + (f"&cursor={cursor}" if cursor else ""))
            found += page["logs"]
            cursor = page["next_cursor"]
            if not cursor:
                return found


@pytest.fixture
def school(start_pool, start_worker, redis_server):
    pool = start_pool()
    return School(pool, start_worker(pool), redis_server.client())


@pytest.fixture
def student(school):
    name = fresh_id()
    assert school.pool.calculate(name).status == 200
    wait_records(school.redis, t="calculated")
    return name


def digest_of(students):
    return hashlib.sha256("".join(f"{s}\n" for s in sorted(students)).encode()).hexdigest()


# ---- writes ----


def test_a_write_is_recorded_with_its_request(school):
    student = fresh_id()
    response = school.request(
        "POST",
        "/api/v1/mastery/calculate",
        json={"student_id": student, "components": scores(0.5)},
        REQUEST_ID="the-request",
    )
    assert response.status == 200, response
    [record] = wait_records(school.redis, t="calculated")
    assert record["shard"] == shard_of(student)
    assert (record["a"], record["r"], record["o"], record["s"]) == ("root", "admin", "mastery", "1")
    assert record["w"] == pseudonym(school.redis, student)
    assert re.fullmatch("[0-9a-f]{32}", record["w"])
    assert (record["c"], record["n"]) == ("the-request", "1")
    assert json.loads(record["d"])["revision"] == 1


def test_a_student_is_never_named(school):
    student = fresh_id()
    own = school.pool.token(student, "student")
    event = {
        "event_id": "evt-audit-1",
        "event_type": "lesson.viewed",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "data": {"lesson_id": "l", "duration_seconds": 1, "completion_percentage": 50},
    }
    event["timestamp"] = school.request("GET", "/health", None).json["timestamp"]
    response = school.pool.request("POST", "/api/v1/mastery/ingest", json=event, token=own)
    assert response.status == 202, response
    assert school.query(student, student, "student").status == 200
    assert school.query("somebody-else", student, "student").status == 403
    school.cohort("c1", ["t1"], [student])
    [record] = wait_records(school.redis, t="event")
    name = pseudonym(school.redis, student)
    assert (record["a"], record["r"], record["w"]) == (f"student:{name}", "student", name)
    wait_records(school.redis, s="0")
    wait_for(lambda: counts(school.redis, t="read", s="1"), "the read is counted")
    assert student not in str(records(school.redis)) + str(counts(school.redis))
    wait_sealed(school.redis)
    seals = [school.redis.xrange(key) for key in school.redis.scan_iter("{??}:audit:seals")]
    assert student not in str(seals) + str(school.redis.hgetall("audit:heads"))


# ---- reads ----


def test_reads_are_counted_and_become_one_record_a_minute(school, student):
    def read_by(user, role, times):
        for _ in range(times):
            assert school.query(student, user, role, REQUEST_ID=f"of-{user}").status == 200

    read_by("root", "admin", 5)
    read_by(student, "student", 2)
    name = pseudonym(school.redis, student)
    wait_for(lambda: sum(n for _, _, n in counts(school.redis)) == 7, "all reads are counted")
    assert not records(school.redis, t="read")
    make_minutes_old(school.redis)
    found = wait_records(school.redis, 2, t="read")
    by_actor = {record["a"]: record for record in found}
    assert set(by_actor) == {"root", f"student:{name}"}
    root = by_actor["root"]
    assert sum(int(r["n"]) for r in found if r["a"] == "root") == 5
    assert (root["w"], root["o"], root["s"], root["c"]) == (name, "mastery", "1", "of-root")
    details = json.loads(root["d"])
    assert details["route"] == "mastery-query"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00\.000Z", details["minute"])
    wait_for(lambda: not counts(school.redis), "no count is left")


def test_each_personal_read_route_is_counted(school, student):
    paths = {
        "mastery-history": ("GET", f"/api/v1/mastery/history/{student}", None),
        "mastery-statistics": ("GET", f"/api/v1/mastery/statistics/{student}", None),
        "mastery-topics": ("GET", f"/api/v1/mastery/topics/{student}", None),
        "prediction-next-week": ("POST", "/api/v1/predictions/next-week", {"student_id": student}),
        "recommendations-adaptive": ("POST", "/api/v1/recommendations/adaptive", {"student_id": student}),
        "analytics-comprehensive": (
            "POST",
            "/api/v1/analytics/comprehensive",
            {"student_id": student, "days": 7, "aggregation": "daily"},
        ),
    }
    for method, path, body in paths.values():
        options = {"json": body} if body else {}
        response = school.request(method, path, **options)
        assert response.status == 200, response

    def counted():
        return {json.loads(fields["d"])["route"] for _, fields, _ in counts(school.redis, t="read", s="1")}

    wait_for(lambda: set(paths) <= counted(), f"all of {set(paths)}")


def test_what_tells_nothing_of_anybody_leaves_nothing(school, student):
    before = len(records(school.redis))
    for path in ("/", "/health", "/api/v1/predictions/config", "/openapi.json"):
        assert school.request("GET", path).status == 200
    assert school.request("POST", QUERY, json={"student_id": "not an id"}).status == 400
    assert school.query(student).status == 200
    wait_for(lambda: counts(school.redis), "the one read")
    assert len(records(school.redis)) == before
    assert len(counts(school.redis)) == 1


def test_one_who_is_not_there_leaves_no_pseudonym(school):
    assert school.query("nobody").status == 404
    [(_, fields, number)] = wait_for(lambda: counts(school.redis, s="0"), "the try")
    assert (fields["w"], number, json.loads(fields["d"])["status"]) == ("", 1, 404)
    assert pseudonym(school.redis, "nobody") is None


def test_a_read_through_service_invocation_names_both_routes(school, student):
    body = {"intent": "get_prediction", "payload": {"student_id": student}}
    assert school.request("POST", "/api/v1/process", json=body).status == 200
    [(_, fields, _)] = wait_for(lambda: counts(school.redis, o="predictions"), "the read")
    assert json.loads(fields["d"]) == {"route": "prediction-next-week", "via": "process"}


# ---- several students ----


def test_a_comparison_of_few_notes_each_student(school, student):
    other = fresh_id()
    assert school.pool.calculate(other).status == 200
    body = {"student_ids": [student, other], "metric": "mastery_score"}
    response = school.request("POST", "/api/v1/analytics/compare/students", json=body)
    assert response.status == 200, response
    found = wait_for(
        lambda: len(c := counts(school.redis, o="analytics")) == 2 and c, "two students"
    )
    names = {pseudonym(school.redis, student), pseudonym(school.redis, other)}
    assert {fields["w"] for _, fields, _ in found} == names


def test_a_comparison_of_many_is_one_record_with_a_digest(school):
    students = [fresh_id() for _ in range(70)]
    school.cohort("large", ["t1"], students)
    response = school.request("GET", "/api/v1/cohorts/large")
    assert response.status == 200, response
    digest = digest_of(students)
    [record] = wait_records(school.redis, t="cohort-put")
    details = json.loads(record["d"])
    assert (details["students"], details["digest"]) == (70, digest)
    assert (record["o"], record["w"]) == ("cohorts/large", "")
    [(_, fields, _)] = wait_for(lambda: counts(school.redis, o="cohorts/large"), "the read")
    assert json.loads(fields["d"])["digest"] == digest


def test_cohorts_by_name_are_noted_by_their_students(school):
    students = [fresh_id() for _ in range(4)]
    for name in students:
        assert school.pool.calculate(name).status == 200
    school.cohort("a", ["t1"], students[:2])
    school.cohort("b", ["t1"], students[2:])
    body = {"cohort_a_id": "a", "cohort_b_id": "b"}
    response = school.request("POST", "/api/v1/analytics/compare/cohorts", "t1", "teacher", json=body)
    assert response.status == 200, response
    found = wait_for(
        lambda: len(c := counts(school.redis, r="teacher")) == 4 and c, "four students"
    )
    assert {f["w"] for _, f, _ in found} == {pseudonym(school.redis, s) for s in students}


# ---- at once ----


def test_changes_of_cohorts_are_recorded_at_once(school, student):
    school.cohort("c1", ["t1"], [student])
    assert school.request("DELETE", "/api/v1/cohorts/c1").status == 200
    assert school.request("POST", "/metrics/reset").status == 200
    put, = wait_records(school.redis, t="cohort-put")
    gone, = wait_records(school.redis, t="cohort-delete")
    reset, = wait_records(school.redis, t="metrics-reset")
    assert (put["o"], put["w"], put["a"]) == ("cohorts/c1", pseudonym(school.redis, student), "root")
    assert (gone["o"], reset["s"]) == ("cohorts/c1", "1")


def test_feedback_names_the_student(school, student):
    response = school.request("POST", "/api/v1/recommendations/adaptive", json={"student_id": student})
    [first, *_] = response.json["recommendations"]
    body = {"recommendation_id": first["recommendation_id"], "completed": True}
    assert school.request("POST", "/api/v1/recommendations/feedback", json=body).status == 200
    [record] = wait_records(school.redis, t="recommendations-feedback")
    assert record["w"] == pseudonym(school.redis, student)


# ---- refusals ----


def test_a_refusal_is_recorded_at_once_and_counted_from_then_on(school, student):
    for _ in range(20):
        assert school.query(student, "t9", "teacher").status == 403
    found = wait_records(school.redis, t="read", s="0")

    def all_recorded():
        at_once = sum(int(r["n"]) for r in records(school.redis, t="read", s="0"))
        return at_once + sum(n for _, _, n in counts(school.redis, s="0")) == 20

    wait_for(all_recorded, "all refusals recorded")
    assert found[0]["a"] == "t9" and found[0]["w"] == pseudonym(school.redis, student)
    assert json.loads(found[0]["d"])["status"] == 403
    assert len(records(school.redis, t="read", s="0")) <= 2  # a minute may have begun
    make_minutes_old(school.redis)
    wait_for(lambda: not counts(school.redis, s="0"), "the counts are folded")
    assert sum(int(r["n"]) for r in records(school.redis, t="read", s="0")) == 20


@pytest.mark.parametrize("others", [0, 80])
def test_what_dapr_brings_of_a_student_who_wants_no_new_data_is_a_refusal(
    start_pool, start_worker, redis_server, others
):
    """Though the answer says 200 and DROP; of many there is one record."""
    pool = start_pool(APP_API_TOKEN="a token of the sidecar's own, long")
    school = School(pool, start_worker(pool), redis_server.client())
    students = [fresh_id() for _ in range(1 + others)]
    for student in students:
        body = {"consent_type": "data_processing", "granted": False}
        assert school.request("POST", f"{CONSENT}/{student}", json=body).status == 200
    welcome = event(student=fresh_id())
    events = [*(event(student=student) for student in students), welcome]
    response = pool.request(
        "POST",
        "/dapr/events",
        json=[{"specversion": "1.0", "id": e["event_id"], "source": "tests",
               "type": "com.dapr.event.sent", "data": e} for e in events],
        headers={"dapr-api-token": pool.environment["APP_API_TOKEN"]},
        REQUEST_ID="brought",
        CONTENT_TYPE="application/cloudevents-batch+json",
        MASTERY_LISTENER="sidecar",
    )  # fmt: skip
    assert response.status == 200 and response.json == {"status": "SUCCESS"}, response
    [record] = wait_records(school.redis, s="0")
    assert (record["a"], record["r"], record["c"]) == ("dapr", "service", "brought")
    details = json.loads(record["d"])
    assert (details["route"], details["status"]) == ("dapr-events", 403)
    if others:
        assert record["w"] == "" and details["students"] == 81
        assert details["digest"] == digest_of(students)
    else:
        assert record["w"] == pseudonym(school.redis, students[0])


def test_a_student_who_asks_for_another_is_named_by_the_pseudonym(school, student):
    other = fresh_id()
    assert school.pool.calculate(other).status == 200
    wait_records(school.redis, 2, t="calculated")
    assert school.query(other, student, "student").status == 403
    [record] = wait_records(school.redis, s="0")
    assert record["a"] == f"student:{pseudonym(school.redis, student)}"
    assert record["w"] == pseudonym(school.redis, other)
    assert record["shard"] == shard_of(other)


def test_who_is_not_known_is_refused_without_a_subject(school, student):
    assert school.query(student, None).status == 401
    assert school.request("GET", LOGS, None).status == 401
    found = wait_records(school.redis, 2, s="0")
    for record in found:
        assert (record["a"], record["r"], record["w"]) == ("", "none", "")
    assert {json.loads(r["d"])["route"] for r in found} == {"mastery-query", "audit-logs"}


def test_an_attempt_to_write_is_told_from_one_to_read(school, student):
    body = {"student_id": student, "components": scores(1)}
    path = "/api/v1/mastery/calculate"
    assert school.request("POST", path, "mallory", "student", json=body).status == 403
    [record] = wait_records(school.redis, s="0")
    assert (record["t"], record["o"]) == ("write", "mastery")


# ---- the export, erasure, batches ----


def test_the_export_has_what_is_recorded_about_the_student_and_no_more(school, student):
    other = fresh_id()
    assert school.pool.calculate(other).status == 200
    assert school.query(student, "t9", "teacher").status == 403
    assert school.query(student, student, "student").status == 200
    wait_records(school.redis, 2, t="calculated")
    wait_records(school.redis, s="0")
    wait_for(lambda: counts(school.redis, s="1"), "the read is counted")
    make_minutes_old(school.redis)
    wait_records(school.redis, t="read", s="1")
    response = school.request("GET", f"/api/v1/compliance/export/{student}")
    assert response.status == 200, response
    logs = response.json["data"]["audit_logs"]
    name = pseudonym(school.redis, student)
    assert [(log["user_id"], log["action"], log["success"]) for log in logs[:2]] == [
        ("root", "calculated", True),
        ("t9", "read", False),
    ]
    assert (f"student:{name}", "read") in {(log["user_id"], log["action"]) for log in logs}
    assert {log["details"]["student"] for log in logs} == {name}
    [record] = wait_records(school.redis, t="student-export")
    assert (record["a"], record["w"], record["s"]) == ("root", name, "1")


def test_an_erased_student_is_named_by_nothing_any_more(school, student):
    name = pseudonym(school.redis, student)
    before = len(records(school.redis, w=name))
    response = school.request("DELETE", f"/api/v1/compliance/student/{student}")
    assert response.status == 200, response
    assert pseudonym(school.redis, student) is None
    assert school.query(student).status == 404
    wait_for(lambda: counts(school.redis, s="0"), "the look at nobody")
    assert pseudonym(school.redis, student) is None
    assert len(records(school.redis, w=name)) == before > 0
    assert not [record for record in records(school.redis) if student in str(record)]
    [record] = records(school.redis, t="erased")
    assert re.fullmatch("student/[0-9a-f]{16}", record["o"]), "a keyed hash"
    wait_sealed(school.redis)
    result = ctl_audit(school.pool, "verify")
    assert result.returncode == 0, result


def test_a_batch_is_noted_and_what_it_does_is_recorded(school, student):
    body = {"student_ids": [student], "priority": "high"}
    response = school.request("POST", "/api/v1/batch/mastery", json=body)
    assert response.status == 202, response
    batch = response.json["batch_id"]
    [submitted] = wait_records(school.redis, t="batch-submit")
    [done] = wait_records(school.redis, t="recomputed")
    assert submitted["w"] == done["w"] == pseudonym(school.redis, student)
    assert (done["a"], done["r"], done["c"]) == ("root", "batch", submitted["c"])
    assert school.request("GET", f"/api/v1/batch/mastery/{batch}/results").status == 200
    wait_for(lambda: counts(school.redis, o=f"batch/{batch}"), "the look at the results")


# ---- seals ----


def test_seals_can_be_checked_with_nothing_but_the_key(school, student):
    for number in range(2, 5):
        assert school.pool.calculate(student).status == 200
        wait_records(school.redis, number, t="calculated")
        wait_sealed(school.redis)
    key = log_key(student)
    previous, number, before = "", 0, ""
    kept = dict(school.redis.xrange(key))
    for _, seal in school.redis.xrange(f"{key}:seals"):
        number += 1
        assert (seal["q"], seal["p"], seal["b"]) == (str(number), previous, before)
        assert seal["h"] == seal_head(AUDIT_KEY, shard_of(student), seal)
        words = seal["m"].split(" ")
        assert len(words) == 2 * int(seal["n"])
        assert (words[0], words[-2]) == (seal["f"], seal["l"])
        for entry_id, value in zip(words[::2], words[1::2]):
            assert value == record_mac(AUDIT_KEY, entry_id, kept.pop(entry_id))
        previous, before = seal["h"], seal["l"]
    assert not kept
    head = f"{number} {previous}"
    wait_for(lambda: school.redis.hget("audit:heads", shard_of(student)) == head, "the head")


def test_the_worker_does_not_start_without_a_key(school, start_worker):
    for key in ("", "short"):
        worker = start_worker(school.pool, AUDIT_KEY=key)
        assert worker.child.wait(LIMIT_S) == 78
        assert "AUDIT_KEY" in worker.log()


def test_heads_are_told_in_the_log(school, student):
    wait_sealed(school.redis)
    assert school.worker.drain() == 0
    [line] = [l for l in school.worker.lines("audit.anchor") if l["shard"] == shard_of(student)][-1:]
    number, head = school.redis.hget("audit:heads", shard_of(student)).split()
    assert (str(line["seal"]), line["head"]) == (number, head)


# ---- the log over HTTP ----


def test_logs_are_newest_first_and_by_page(school):
    students = [fresh_id() for _ in range(25)]
    for name in students:
        assert school.pool.calculate(name).status == 200
    wait_records(school.redis, 25, t="calculated")
    everything = school.all_logs()
    times = [(log["timestamp"]) for log in everything]
    assert times == sorted(times, reverse=True)
    ids = [log["id"] for log in everything]
    assert len(set(ids)) == len(ids)
    names = {pseudonym(school.redis, name) for name in students}
    assert {log["resource"] for log in everything} == {f"mastery/{name}" for name in names}
    page = school.logs("limit=5")
    assert len(page["logs"]) == 5 and page["total"] == 25
    assert [log["id"] for log in page["logs"]] == ids[:5]
    log = page["logs"][0]
    assert (log["user_id"], log["action"], log["success"]) == ("root", "calculated", True)
    assert log["details"]["role"] == "admin" and log["details"]["count"] == 1
    assert log["details"]["revision"] == 1


def test_logs_are_filtered(school, student):
    assert school.query(student, "t9", "teacher").status == 403
    assert school.query("other", student, "student").status == 403
    school.cohort("c1", ["t1"], [student])
    wait_records(school.redis, 2, s="0")
    wait_records(school.redis, t="cohort-put")
    of_teacher = school.logs("user_id=t9")
    assert [log["user_id"] for log in of_teacher["logs"]] == ["t9"] and of_teacher["total"] == 1
    assert of_teacher["logs"][0]["success"] is False
    own = school.logs(f"user_id={student}")["logs"]
    assert [log["user_id"] for log in own] == [f"student:{pseudonym(school.redis, student)}"]
    cohorts = school.logs("resource_type=cohorts")
    assert [log["resource"] for log in cohorts["logs"]] == ["cohorts/c1"]
    assert school.logs("resource_type=cohorts&user_id=t9")["logs"] == []
    assert school.logs("user_id=never-seen") | {"correlation_id": ""} == {
        "success": True,
        "logs": [],
        "total": 0,
        "next_cursor": None,
        "correlation_id": "",
    }


def test_a_filter_goes_on_where_its_page_ended(school, student):
    for number in range(12):
        school.cohort(f"c{number}", ["t1"], [student])
        assert school.pool.calculate(student).status == 200
    wait_records(school.redis, 12, t="cohort-put")
    found = school.all_logs("resource_type=cohorts")
    assert [log["resource"] for log in found] == [f"cohorts/c{n}" for n in reversed(range(12))]


@pytest.mark.parametrize(
    "query, field",
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("user_id=no%20id", "user_id"),
        ("cursor=anything", "cursor"),
        ("cursor=1-2-zz", "cursor"),
    ],
)
def test_logs_refuse_what_makes_no_sense(admin, query, field):
    error = assert_problem(admin.get(f"{LOGS}?{query}"), 400)
    assert [e["field"] for e in error["details"]["errors"]] == [field]


@pytest.mark.parametrize("user, role", [("t1", "teacher"), ("s1", "student")])
def test_logs_are_for_admins(as_user, user, role):
    assert_problem(as_user(user, role).get(LOGS), 403)


def test_logs_over_http(admin):
    assert_ok(admin.get(f"{LOGS}?limit=3"))
