# SPDX-License-Identifier: GPL-3.0-or-later
"""What requests leave in the audit log, and GET /api/v1/compliance/audit/logs."""
import hashlib
import json
import re

import pytest
from harness.audit import (
    count_of,
    counts,
    ctl_audit,
    open_records,
    pseudonym,
    records,
    segment_head,
    segments,
    wait_count,
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

    def __init__(self, pool, start_worker, redis):
        self.pool, self.start_worker, self.redis = pool, start_worker, redis
        self.worker = start_worker(pool)

    def close_segments(self):
        """By another worker: the first one leaves them open for AUDIT_SEAL_S."""
        assert self.worker.drain() == 0
        self.worker = self.start_worker(self.pool, AUDIT_SEAL_S=1)
        wait_sealed(self.redis)

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
    return School(pool, start_worker, redis_server.client())


@pytest.fixture
def student(school):
    name = fresh_id()
    assert school.pool.calculate(name).status == 200
    wait_count(school.redis, t="calculated")
    return name


def digest_of(students):
    return hashlib.sha256("".join(f"{s}\n" for s in sorted(students)).encode()).hexdigest()


# ---- writes ----


def test_a_write_is_counted_without_its_request(school):
    student = fresh_id()
    response = school.request(
        "POST",
        "/api/v1/mastery/calculate",
        json={"student_id": student, "components": scores(0.5)},
        REQUEST_ID="the-request",
    )
    assert response.status == 200, response
    wait_count(school.redis, t="calculated")
    school.close_segments()
    [record] = records(school.redis, t="calculated")
    assert record["shard"] == shard_of(student)
    assert (record["a"], record["r"], record["o"], record["s"]) == ("root", "admin", "mastery", "1")
    assert record["w"] == pseudonym(school.redis, student)
    assert re.fullmatch("[0-9a-f]{16}", record["w"])
    assert (record["c"], record["n"], record["d"]) == ("", "1", "{}")


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
    [(_, fields, _)] = wait_for(lambda: counts(school.redis, t="event"), "the event is counted")
    name = pseudonym(school.redis, student)
    assert (fields["a"], fields["r"], fields["w"]) == (f"student:{name}", "student", name)
    wait_records(school.redis, s="0")
    wait_for(lambda: counts(school.redis, t="read", s="1"), "the read is counted")
    assert student not in str(records(school.redis)) + str(counts(school.redis))
    school.close_segments()
    texts = [segment.text for segment in segments(school.redis)]
    assert name in str(texts) and student not in str(texts) + str(school.redis.hgetall("audit:heads"))


# ---- reads ----


def test_reads_are_counted_and_become_one_record(school, student):
    def read_by(user, role, times):
        for _ in range(times):
            assert school.query(student, user, role, REQUEST_ID=f"of-{user}").status == 200

    read_by("root", "admin", 5)
    read_by(student, "student", 2)
    name = pseudonym(school.redis, student)
    wait_for(lambda: sum(n for _, _, n in counts(school.redis, t="read")) == 7, "all reads are counted")
    assert not records(school.redis, t="read")
    first = {fields["a"]: at_ms for at_ms, fields, _ in counts(school.redis, t="read")}
    school.close_segments()
    assert not counts(school.redis)
    by_actor = {record["a"]: record for record in records(school.redis, t="read")}
    assert set(by_actor) == {"root", f"student:{name}"} == set(first)
    root = by_actor["root"]
    assert (root["n"], by_actor[f"student:{name}"]["n"]) == ("5", "2")
    assert (root["w"], root["o"], root["s"], root["c"]) == (name, "mastery", "1", "")
    assert json.loads(root["d"]) == {"route": "mastery-query"}
    assert int(root["id"].split("-")[0]) == first["root"] <= root["last"]
    [log] = school.logs("user_id=root&resource_type=mastery&limit=1")["logs"]
    assert log["details"]["count"] == 5 and log["timestamp"] == log["details"]["first"] <= log["details"]["last"]


def test_changes_are_counted_together(school, student):
    for _ in range(3):
        assert school.pool.calculate(student).status == 200
    wait_count(school.redis, 4, t="calculated")
    assert [number for _, _, number in counts(school.redis, t="calculated")] == [4]
    school.close_segments()
    assert [record["n"] for record in records(school.redis, t="calculated")] == ["4"]


def test_each_personal_read_route_is_counted(school, student):
    paths = {
        "mastery-history": ("GET", f"/api/v1/mastery/history/{student}", None),
        "mastery-statistics": ("GET", f"/api/v1/mastery/statistics/{student}", None),
        "mastery-explain": ("GET", f"/api/v1/mastery/explain/{student}", None),
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
    before = count_of(school.redis)
    for path in ("/", "/health", "/api/v1/predictions/config", "/openapi.json"):
        assert school.request("GET", path).status == 200
    assert school.request("POST", QUERY, json={"student_id": "not an id"}).status == 400
    assert school.query(student).status == 200
    wait_for(lambda: counts(school.redis, t="read"), "the one read")
    assert count_of(school.redis) == before + 1


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
    wait_count(school.redis, 20, t="read", s="0")
    assert found[0]["a"] == "t9" and found[0]["w"] == pseudonym(school.redis, student)
    assert json.loads(found[0]["d"])["status"] == 403
    assert len(records(school.redis, t="read", s="0")) == 1
    school.close_segments()
    assert [record["n"] for record in records(school.redis, t="read", s="0")] == ["1", "19"]
    assert not counts(school.redis)


def test_a_refusal_that_is_not_repeated_is_one_record(school, student):
    assert school.query(student, "t9", "teacher").status == 403
    wait_records(school.redis, t="read", s="0")
    school.close_segments()
    assert [record["n"] for record in records(school.redis, t="read", s="0")] == ["1"]
    assert not counts(school.redis)


@pytest.mark.parametrize("others", [0, 80])
def test_what_dapr_brings_of_a_student_who_wants_no_new_data_is_a_refusal(
    start_pool, start_worker, redis_server, others
):
    """Though the answer says 200 and DROP; of many there is one record."""
    pool = start_pool(APP_API_TOKEN="a token of the sidecar's own, long")
    school = School(pool, start_worker, redis_server.client())
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
    wait_count(school.redis, 2, t="calculated")
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


@pytest.mark.parametrize("closed", [True, False])
def test_the_export_has_what_is_recorded_about_the_student_and_no_more(school, student, closed):
    other = fresh_id()
    assert school.pool.calculate(other).status == 200
    assert school.query(student, "t9", "teacher").status == 403
    assert school.query(student, student, "student").status == 200
    wait_count(school.redis, 2, t="calculated")
    wait_records(school.redis, s="0")
    wait_for(lambda: counts(school.redis, t="read", s="1"), "the read is counted")
    if closed:
        school.close_segments()
    response = school.request("GET", f"/api/v1/compliance/export/{student}")
    assert response.status == 200, response
    logs = response.json["data"]["audit_logs"]
    name = pseudonym(school.redis, student)
    assert {("root", "calculated", True), ("t9", "read", False)} <= {
        (log["user_id"], log["action"], log["success"]) for log in logs
    }
    assert (f"student:{name}", "read") in {(log["user_id"], log["action"]) for log in logs}
    assert {log["details"]["student"] for log in logs} == {name}
    [record] = wait_records(school.redis, t="student-export")
    assert (record["a"], record["w"], record["s"]) == ("root", name, "1")


def test_an_erased_student_is_named_by_nothing_any_more(school, student):
    name = pseudonym(school.redis, student)
    before = count_of(school.redis, w=name)
    response = school.request("DELETE", f"/api/v1/compliance/student/{student}")
    assert response.status == 200, response
    assert pseudonym(school.redis, student) is None
    assert school.query(student).status == 404
    wait_for(lambda: counts(school.redis, s="0"), "the look at nobody")
    assert pseudonym(school.redis, student) is None
    assert count_of(school.redis, w=name) == before > 0
    assert not [record for record in records(school.redis) if student in str(record)]
    [record] = records(school.redis, t="erased")
    assert re.fullmatch("student/[0-9a-f]{16}", record["o"]), "a keyed hash"
    school.close_segments()
    assert count_of(school.redis, w=name) == before and student not in str(records(school.redis))
    result = ctl_audit(school.pool, "verify")
    assert result.returncode == 0, result


def test_a_batch_is_noted_and_what_it_does_is_recorded(school, student):
    body = {"student_ids": [student], "priority": "high"}
    response = school.request("POST", "/api/v1/batch/mastery", json=body)
    assert response.status == 202, response
    batch = response.json["batch_id"]
    [submitted] = wait_records(school.redis, t="batch-submit")
    [(_, done, _)] = wait_for(lambda: counts(school.redis, t="recomputed"), "recomputed")
    assert submitted["w"] == done["w"] == pseudonym(school.redis, student)
    assert (done["a"], done["r"]) == ("root", "batch") and submitted["c"]
    assert school.request("GET", f"/api/v1/batch/mastery/{batch}/results").status == 200
    wait_for(lambda: counts(school.redis, o=f"batch/{batch}"), "the look at the results")


# ---- segments ----


def test_segments_can_be_checked_with_nothing_but_the_key(school, student):
    for number in range(2, 5):
        assert school.pool.calculate(student).status == 200
        wait_count(school.redis, number, t="calculated")
        school.close_segments()
    previous, before, total = "", "", 0
    found = segments(school.redis, shard_of(student))
    assert len(found) >= 3
    for number, segment in enumerate(found, 1):
        total += segment.count
        assert (segment.shard, segment.number, segment.total) == (shard_of(student), number, total)
        assert (segment.previous, segment.before) == (previous, before)
        assert segment.head == segment_head(AUDIT_KEY, segment.text)
        assert segment.id == segment.records[-1]["id"]
        previous, before = segment.head, segment.id
    head = f"{len(found)} {previous}"
    wait_for(lambda: school.redis.hget("audit:heads", f"{shard_of(student)}:segments") == head, "the head")


def test_a_segment_is_closed_when_it_is_full(school, student):
    """With AUDIT_SEAL_S of a quarter of an hour."""
    body = {"name": "x", "teacher_ids": [], "student_ids": [student]}
    with school.pool.connect() as connection:
        for number in range(260):
            token = school.pool.token("root", "admin")
            response = connection.request("PUT", f"/api/v1/cohorts/c{number}", json=body, token=token)
            assert response.status == 201, response
    wait_for(lambda: segments(school.redis), "a segment is closed")
    [segment] = segments(school.redis)
    assert 200 <= segment.count <= 256 and segment.shard == shard_of(student)
    wait_count(school.redis, 260, t="cohort-put")
    assert count_of(school.redis, t="cohort-put") == 260 and open_records(school.redis)


def test_the_worker_does_not_start_without_a_key(school, start_worker):
    for key in ("", "short"):
        worker = start_worker(school.pool, AUDIT_KEY=key)
        assert worker.child.wait(LIMIT_S) == 78
        assert "AUDIT_KEY" in worker.log()


def test_heads_are_told_in_the_log(school, student):
    school.close_segments()
    assert school.worker.drain() == 0
    [line] = [l for l in school.worker.lines("audit.anchor") if l["shard"] == shard_of(student)][-1:]
    number, head = school.redis.hget("audit:heads", f"{shard_of(student)}:segments").split()
    assert (str(line["segment"]), line["head"]) == (number, head)


# ---- the log over HTTP ----


def test_logs_are_newest_first_and_by_page(school):
    students = [fresh_id() for _ in range(25)]
    for name in students:
        assert school.pool.calculate(name).status == 200
    wait_count(school.redis, 25, t="calculated")
    school.close_segments()
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
    since, until = times[4], times[2]
    some = school.all_logs(f"since={since}&until={until}")
    assert [log["id"] for log in some] == [log["id"] for log in everything if since <= log["timestamp"] <= until]
    assert page["complete_since"] == times[4]
    assert school.logs(f"since={since}")["complete_since"] == since
    assert school.logs()["complete_since"] < times[-1]


def test_logs_of_one_student_are_complete(school, student):
    """Open counts, open records and closed segments; of others in the same shard nothing."""
    name = pseudonym(school.redis, student)
    other = next(n for n in (f"x{i}" for i in range(10**6)) if shard_of(n) == shard_of(student))
    for read in (student, other):
        assert school.pool.calculate(read).status == 200
        assert school.query(read, "t9", "teacher").status == 403
    wait_count(school.redis, 2, s="0")
    wait_count(school.redis, 3, t="calculated")
    school.close_segments()
    # this worker leaves them open
    assert school.worker.drain() == 0
    school.worker = school.start_worker(school.pool)
    assert school.query(student).status == 200
    assert school.query(student, "t9", "teacher").status == 403
    wait_for(lambda: counts(school.redis, t="read", s="1"), "the read is counted")
    wait_count(school.redis, 2, s="0", w=name)
    logs = school.all_logs(f"student_id={student}")
    assert {log["details"]["student"] for log in logs} == {name}
    assert [log["timestamp"] for log in logs] == sorted((log["timestamp"] for log in logs), reverse=True)
    assert sorted((log["user_id"], log["action"], log["success"], log["details"]["count"]) for log in logs) == [
        ("root", "calculated", True, 2), ("root", "read", True, 1), ("t9", "read", False, 1), ("t9", "read", False, 1),
    ]  # fmt: skip
    assert [log["user_id"] for log in school.logs(f"student_id={student}&user_id=t9")["logs"]] == ["t9", "t9"]
    listed = ctl_audit(school.pool, "list", "--student", student, "--json").stdout.splitlines()
    found = [json.loads(line)["id"] for line in listed]
    ids = [log["id"] for log in logs]
    assert [log_id for log_id in found if position(log_id) <= position(ids[0])] == ids  # without the lists themselves
    assert school.logs("student_id=never-seen")["logs"] == []


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
    assert school.logs("user_id=never-seen") | {"correlation_id": "", "complete_since": ""} == {
        "success": True,
        "logs": [],
        "total": 0,
        "next_cursor": None,
        "complete_since": "",
        "correlation_id": "",
    }


def test_a_filter_goes_on_where_its_page_ended(school, student):
    for number in range(12):
        school.cohort(f"c{number}", ["t1"], [student])
    wait_records(school.redis, 12, t="cohort-put")
    found = school.all_logs("resource_type=cohorts")
    assert [log["resource"] for log in found] == [f"cohorts/c{n}" for n in reversed(range(12))]


def position(log_id):
    shard, ms, number = log_id.split("-")
    return int(ms), int(number), shard


@pytest.mark.parametrize("of_one", [False, True])
def test_pages_go_on_while_segments_are_closed(school, student, of_one):
    """What was open for the first page is in a segment for the next: nothing is missed, nothing is there twice."""
    others = [student, fresh_id(), fresh_id()]
    for other in others[1:]:
        assert school.pool.calculate(other).status == 200
    for number in range(12):
        school.cohort(f"c{number}", ["t1"], others)
        for other in others:
            assert school.query(other, user=f"reader-{number}").status == 200
    wait_count(school.redis, 3, t="calculated")
    wait_records(school.redis, 12, t="cohort-put")
    wait_for(lambda: count_of(school.redis, t="read", o="mastery") == 36, "all reads are counted")
    query = f"limit=5&student_id={student}" if of_one else "limit=5"
    page = school.logs(query)
    found = [log["id"] for log in page["logs"]]
    assert any("first" in log["details"] for log in page["logs"]), "counts are listed"
    school.close_segments()
    while page["next_cursor"]:
        page = school.logs(f"{query}&cursor={page['next_cursor']}")
        found += [log["id"] for log in page["logs"]]
    wanted = {"w": pseudonym(school.redis, student)} if of_one else {}
    expected = [f"{record['shard']}-{record['id']}" for record in records(school.redis, **wanted)]
    expected = [log_id for log_id in expected if position(log_id) <= position(found[0])]
    assert found == sorted(expected, key=position, reverse=True)


def test_all_that_is_open_is_listed_without_a_filter(school, student):
    for _ in range(3):
        assert school.query(student).status == 200
    wait_count(school.redis, 3, t="read", o="mastery")
    [found] = [log for log in school.logs()["logs"] if log["action"] == "read" and log["details"]["route"] == "mastery-query"]
    assert found["details"]["count"] == 3 and found["correlation_id"] == ""
    assert found["id"] in ctl_audit(school.pool, "list").stdout


@pytest.mark.parametrize(
    "query, field",
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("user_id=no%20id", "user_id"),
        ("cursor=anything", "cursor"),
        ("cursor=1-2-zz", "cursor"),
        ("since=yesterday", "since"),
        ("until=1", "until"),
        ("student_id=no%20id", "student_id"),
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
