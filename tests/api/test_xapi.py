# SPDX-License-Identifier: GPL-3.0-or-later
"""POST /api/v1/xapi/statements: what learning tools say, as events (xAPI 1.0.3)."""
import copy
import json
import uuid
from datetime import datetime

import pytest
from harness.engine import fresh_id, redis_process
from harness.events import event, now_ms
from harness.expect import assert_invalid, assert_ok, assert_problem
from harness.model import DAY_MS, Student, assert_agrees, to_text
from harness.statements import ACTIVITIES, PATH, VERBS, VERSION, statement
from harness.store import student_key

OURS = "https://learn.example.org/xapi/extensions/"
PROGRESS = "https://w3id.org/xapi/cmi5/result/extensions/progress"
VENDOR = "http://vendor.example.org/ext/"
VIDEO_PROGRESS = "https://w3id.org/xapi/video/extensions/progress"


def send(client, body, **headers):
    return client.post(PATH, body, headers={**VERSION, **headers})


def accepted(client, body):
    ids = assert_ok(send(client, body))
    sent = body if isinstance(body, list) else [body]
    assert ids == [one["id"] for one in sent]
    return ids


def result(**more):
    return {"result": more}


def extensions(**values):
    return {"extensions": {OURS + name: value for name, value in values.items()}}


QUIZ = {"quiz_id": "x", "time_spent_seconds": 0, "questions_total": 10}
SCORES = {"code_quality_score": 0.5, "correctness_score": 0.7, "efficiency_score": 0.9}


def quiz(score, **more):
    return ("quiz.completed", {**QUIZ, "score": score, **more})


def lesson(percentage):
    return ("lesson.viewed", {"completion_percentage": percentage})


def exercise(correctness, **more):
    data = {"difficulty": "medium", "completion_rate": 1, "correctness": correctness}
    return ("exercise.completed", {**data, **more})


# verb, activity, the rest of the statement, (event type, data)
MAPPED = [
    ("passed", "assessment", {}, quiz(1)),
    ("failed", "assessment", {}, quiz(0)),
    ("passed", "assessment", result(score={"scaled": 0.8}), quiz(0.8)),
    ("failed", "assessment", result(score={"scaled": 0.3}), quiz(0.3)),
    ("failed", "assessment", result(score={"scaled": -0.5}), quiz(0)),
    ("completed", "assessment", result(score={"scaled": 0.65}), quiz(0.65)),
    ("completed", "assessment", result(score={"raw": 30, "min": 10, "max": 50}), quiz(0.5)),
    ("completed", "assessment", result(score={"raw": 0, "min": 0, "max": 7.5}), quiz(0)),
    (
        "completed",
        "assessment",
        result(score={"scaled": 0.9, "raw": 1, "min": 0, "max": 2}),
        quiz(0.9),
    ),
    (
        "passed",
        "assessment",
        result(
            score={"scaled": 0.75},
            **extensions(questions_total=16, questions_correct=12, difficulty="hard"),
        ),
        quiz(0.75, questions_total=16, difficulty="hard"),
    ),
    ("completed", "lesson", {}, lesson(100)),
    ("completed", "course", result(duration="PT1H"), lesson(100)),
    ("completed", "module", {}, lesson(100)),
    # what authoring tools and cmi5 send: scores of anything, or of an activity without a type
    ("passed", "course", result(score={"scaled": 0.9, "raw": 90, "min": 0, "max": 100}), quiz(0.9)),
    ("passed", None, result(score={"scaled": 0.4}, duration="PT10S"), quiz(0.4)),
    ("mastered", "lesson", {}, quiz(1)),
    ("completed", None, result(score={"scaled": 0.9}), quiz(0.9)),
    ("completed", "lesson", result(score={"raw": 7, "max": 10}), quiz(0.7)),
    ("completed", "assessment", {}, lesson(100)),
    ("completed", "assessment", result(score={"raw": 5}), lesson(100)),
    ("https://w3id.org/xapi/adl/verbs/passed", None, {}, quiz(1)),
    ("http://id.tincanapi.com/verb/viewed", "course", {}, lesson(100)),
    # extensions of other publishers, and values of our own that cannot be used, count as absent
    ("completed", "lesson", result(extensions={VIDEO_PROGRESS: 1.003}), lesson(100)),
    ("completed", "lesson", result(extensions={VENDOR + "progress": "50%"}), lesson(100)),
    ("experienced", None, result(extensions={VENDOR + "progress": 50}), lesson(100)),
    ("experienced", None, result(extensions={PROGRESS: 101}), lesson(100)),
    ("experienced", None, result(**extensions(progress="40")), lesson(100)),
    ("answered", "question", result(success=True, **extensions(difficulty="Hard")), exercise(1)),
    ("answered", "question", result(success=True, **extensions(retries=-1)), exercise(1)),
    (
        "answered",
        "question",
        {**result(success=True), "context": {"extensions": {VENDOR + "hints_used": {"count": 2}}}},
        exercise(1),
    ),
    ("passed", "assessment", result(**extensions(questions_total=0)), quiz(1)),
    ("passed", "assessment", result(**extensions(questions_correct=11)), quiz(1)),
    (
        "scored",
        None,
        result(score={"scaled": 0.3}, **extensions(**{**SCORES, "correctness_score": 2})),
        quiz(0.3),
    ),
    ("attempted", "lesson", result(extensions={PROGRESS: 40}), lesson(40)),
    ("attempted", "course", result(extensions={VIDEO_PROGRESS: 0.25}), lesson(25)),
    ("completed", "lesson", result(**extensions(completion_percentage=80)), lesson(80)),
    ("completed", "lesson", {"context": extensions(progress=70)}, lesson(70)),
    ("experienced", "media", {}, lesson(100)),
    ("experienced", None, result(extensions={PROGRESS: 10}), lesson(10)),
    ("answered", "question", result(success=True), exercise(1)),
    ("answered", "interaction", result(success=False), exercise(0)),
    ("answered", "cmi.interaction", result(score={"scaled": 0.4}), exercise(0.4)),
    ("answered", None, result(success=True, score={"scaled": 0.4}), exercise(1)),
    (
        "answered",
        "question",
        {
            **result(success=True),
            "context": extensions(hints_used=1, retries=2, difficulty="expert"),
        },
        exercise(1, hints_used=1, retries=2, difficulty="expert"),
    ),
    ("scored", "assessment", result(score={"scaled": 0.7}), quiz(0.7)),
    ("scored", None, result(score={"scaled": 0.7}), quiz(0.7)),
    ("scored", None, result(**extensions(**SCORES)), ("quality.assessed", SCORES)),
    (
        "scored",
        None,
        result(**extensions(**SCORES, peer_review_score=0.1)),
        ("quality.assessed", {**SCORES, "peer_review_score": 0.1}),
    ),
]


@pytest.mark.parametrize("verb, activity, more, expected", MAPPED, ids=str)
def test_statements_become_the_events_of_the_table(admin, student, verb, activity, more, expected):
    sent = statement(student, verb, activity, **more)
    accepted(admin, sent)
    model = Student()
    event_type, data = expected
    model.ingest(
        {
            "event_id": sent["id"],
            "event_type": event_type,
            "timestamp": sent["timestamp"],
            "data": data,
        }
    )
    assert_agrees(admin, student, model)


def test_list_of_statements_of_several_students(admin):
    students = [fresh_id() for _ in range(5)]
    models = {student: Student() for student in students}
    sent = []
    for index in range(100):
        student = students[index % 5]
        at_ms = now_ms() - index % 9 * DAY_MS
        one = statement(student, at_ms=at_ms, **result(score={"scaled": index / 100}))
        sent.append(one)
        kind, data = quiz(index / 100)
        models[student].ingest(
            {"event_id": one["id"], "event_type": kind, "timestamp": one["timestamp"], "data": data}
        )
    accepted(admin, sent)
    for student, model in models.items():
        assert_agrees(admin, student, model)


IGNORED = [
    ("liked", "assessment", {}),
    ("http://example.org/verbs/passed", "assessment", {}),
    ("Passed", "assessment", {}),
    ("initialized", None, {}),
    ("terminated", None, {}),
    ("progressed", "course", {}),
    ("https://w3id.org/xapi/video/verbs/played", None, {}),
    ("attempted", "lesson", {}),
    ("answered", "question", {}),
    ("answered", "lesson", result(success=True)),
    ("scored", None, {}),
    ("scored", None, result(**extensions(correctness_score=0.5, efficiency_score=1))),
]


@pytest.mark.parametrize("verb, activity, more", IGNORED, ids=str)
def test_statements_that_are_no_event_do_not_spoil_their_neighbours(
    start_engine, verb, activity, more
):
    """Field case C08: they are accepted, nothing of them is stored, and a metric counts them."""
    engine = start_engine()
    admin, student, other = engine.admin(), fresh_id(), fresh_id()
    nothing = statement(student, verb, activity, **more)
    accepted(admin, nothing)
    assert_problem(admin.post("/api/v1/mastery/query", {"student_id": student}), 404)
    accepted(admin, [statement(other), nothing, statement(other, "failed")])
    assert_problem(admin.post("/api/v1/mastery/query", {"student_id": student}), 404)
    data = admin.post("/api/v1/mastery/query", {"student_id": other}).json["data"]
    assert data["components"]["quiz"] == pytest.approx(0.5, abs=1e-3)
    ignored = 'events_processed_total{event_type="unknown",status="ignored"} 2'
    assert ignored in admin.get("/metrics").body.decode()


@pytest.mark.parametrize("name", ["Agent", "Group", "SubStatement", "StatementRef"])
def test_objects_that_are_no_activity_get_a_true_message(admin, student, name):
    sent = {**statement(student), "object": {"objectType": name, "id": str(uuid.uuid4())}}
    response = send(admin, sent)
    assert_invalid(response, "object.objectType")
    [error] = response.json["error"]["details"]["errors"]
    assert error["message"].startswith("must be Activity: statements about an agent, a group or")


@pytest.mark.parametrize(
    "duration",
    [
        "PT17.548000000000002S",
        "PT0.0006666666666666666S",
        "PT123456.123456789S",
        "PT1H0M3.7100000000000364S",
        "PT1,5S",
    ],
)
def test_durations_with_floating_point_noise(admin, student, duration):
    """Field case C10."""
    accepted(admin, statement(student, **result(success=True, duration=duration)))


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda text: text[:16] + "Z",
        lambda text: text[:19] + "+00",
        lambda text: text[:19].replace("-", "").replace(":", "") + "Z",
        lambda text: text[:19] + ",250Z",
        lambda text: text[:19] + ".123456789012Z",
        lambda text: text[:13] + "Z",
        lambda text: text[:13] + ",25Z",
        lambda text: datetime.fromisoformat(text[:19]).strftime("%Y-%jT%H:%M:%SZ"),
        lambda text: datetime.fromisoformat(text[:19]).strftime("%G-W%V-%uT%H:%M:%SZ"),
        lambda text: datetime.fromisoformat(text[:19]).strftime("%GW%V%uT%H%M%SZ"),
    ],
)
def test_rarer_forms_of_times(admin, student, rewrite):
    """Field case C14."""
    sent = statement(student)
    accepted(admin, {**sent, "timestamp": rewrite(sent["timestamp"])})


def test_group_as_actor_got_an_untrue_message(admin, student):
    """Group is one of the standard's values, but no student."""
    group = {"objectType": "Group", "member": [{"mbox": "mailto:a@example.org"}]}
    error = assert_invalid(send(admin, [statement(student), {**statement(student), "actor": group}]), "[1].actor.objectType")
    assert "a group is no student" in str(error)


def test_longest_duration_was_refused_by_a_field_that_no_statement_has(admin, student):
    accepted(admin, statement(student, **result(score={"scaled": 0.5}, duration="P99Y")))


def test_thousand_statements_of_a_teacher_were_no_valid_json(admin, as_user, student):
    teacher = fresh_id("t")
    body = {"name": "x", "teacher_ids": [teacher], "student_ids": [student]}
    assert admin.put(f"/api/v1/cohorts/{fresh_id('c')}", body).status in (200, 201)
    accepted(as_user(teacher, "teacher"), [statement(student) for _ in range(1000)])


@pytest.mark.parametrize("first", [True, False])
def test_timestamp_that_a_store_assigned_is_no_difference(admin, student, first):
    """Field case C13: a statement comes from the tool, without a time, and from another store."""
    bare = statement(student)
    timed = dict(bare)
    del bare["timestamp"]
    accepted(admin, bare if first else timed)
    accepted(admin, timed if first else bare)
    later = {**timed, "timestamp": to_text(now_ms() - 5000)}
    assert send(admin, later).status == (200 if first else 409)


def test_empty_list(admin):
    assert assert_ok(send(admin, [])) == []


def test_statement_without_an_id_gets_one_of_its_request(admin, as_user, student):
    """The same request again, whose response was lost perhaps, gives the same ids and counts nothing.
    Another place in the list, body, key or caller gives others."""
    sent = statement(student)
    del sent["id"]
    ids = assert_ok(send(admin, [sent, sent]))
    ids += assert_ok(send(admin, sent))
    ids += assert_ok(send(admin, [sent], **{"Idempotency-Key": "one"}))
    ids += assert_ok(send(admin, [sent], **{"Idempotency-Key": "other"}))
    ids += assert_ok(send(as_user(student), [sent, sent]))
    assert len(set(ids)) == 7 and {uuid.UUID(one).version for one in ids} == {5}, "clients refuse other versions"
    again = assert_ok(send(admin, [sent, sent])) + assert_ok(send(admin, sent))
    again += assert_ok(send(admin, [sent], **{"Idempotency-Key": "one"}))
    assert again == ids[:4]
    history = assert_ok(admin.get(f"/api/v1/mastery/history/{student}"))["history"]
    assert sum(day["sample_size"] for day in history) == len(ids)


def test_same_key_with_other_statements_is_a_conflict(admin, student):
    sent = statement(student)
    del sent["id"]
    accepted_key = {"Idempotency-Key": fresh_id("key")}
    assert_ok(send(admin, [sent], **accepted_key))
    sent["verb"]["id"] = VERBS + "failed"
    assert_problem(send(admin, [sent], **accepted_key), 409, "CONFLICT")


def test_statement_without_a_time_counts_for_now(admin, student):
    sent = statement(student)
    del sent["timestamp"]
    accepted(admin, sent)
    [day] = assert_ok(admin.get(f"/api/v1/mastery/history/{student}"))["history"]
    assert day["date"] == to_text(now_ms())[:10]


def test_time_without_a_zone_is_utc(admin, student):
    sent = statement(student)
    sent["timestamp"] = sent["timestamp"].rstrip("Z")
    accepted(admin, sent)


def test_an_actor_may_have_a_mail_address_instead_of_an_account(admin):
    """Its address is the id."""
    student, other = f"{fresh_id()}@example.org", fresh_id()
    sent = statement(student)
    sent["actor"] = {"mbox": f"mailto:{student}"}
    accepted(admin, sent)
    accepted(admin, {**statement(other), "timestamp": sent["timestamp"]})
    scores = [assert_ok(admin.post("/api/v1/mastery/query", {"student_id": one}))["mastery_score"] for one in (student, other)]
    assert scores[0] == scores[1]


def test_everything_the_standard_knows_is_let_in(admin, student):
    """A statement with all that may stand in one."""
    person = {"objectType": "Agent", "name": "A Person", "mbox": "mailto:a.person@example.org"}
    activity = {"objectType": "Activity", "id": "https://lms.example.org/course"}
    sent = statement(student, "answered", "cmi.interaction")
    sent["actor"].update(objectType="Agent", name="A Student")
    sent["object"].update(objectType="Activity")
    sent["object"]["definition"].update(
        name={"en": "Question", "de-AT": "Frage"},
        description={"zh-Hans-CN": "?"},
        moreInfo="https://lms.example.org/more",
        interactionType="choice",
        correctResponsesPattern=["a[,]b"],
        choices=[{"id": "a", "description": {"en": "A"}}, {"id": "b"}],
        extensions={"https://lms.example.org/x": None},
    )
    sent["result"] = {
        "success": True,
        "completion": True,
        "response": "a",
        "duration": "P1DT2H3M4.5S",
        "score": {"scaled": 1, "raw": 3, "min": 0, "max": 3},
        "extensions": {"urn:anything": {"deep": [None, {"er": 1}]}},
    }
    sent["context"] = {
        "registration": str(uuid.uuid4()),
        "instructor": person,
        "team": {"objectType": "Group", "member": [person], "name": "Team"},
        "contextActivities": {
            "parent": activity,
            "grouping": [activity],
            "category": [activity, activity],
            "other": [],
        },
        "revision": "3",
        "platform": "LMS",
        "language": "en-US",
        "statement": {"objectType": "StatementRef", "id": str(uuid.uuid4())},
        "extensions": {"https://lms.example.org/y": "z"},
    }
    sent["stored"] = "2020-01-01T00:00:00Z"
    sent["authority"] = {"objectType": "Agent", "openid": "https://me.example.org"}
    sent["version"] = "1.0.0"
    sent["attachments"] = [
        {
            "usageType": "http://id.tincanapi.com/attachment/certificate-of-completion",
            "display": {"en": "Certificate"},
            "description": {"en": "of completion"},
            "contentType": "application/pdf",
            "length": 4711,
            "sha2": "672fa5fa658017f1b72d65036f13379c6ab05d4ab3b6664908d8acf0b6a0c634",
            "fileUrl": "https://lms.example.org/certificate.pdf",
        }
    ]
    accepted(admin, sent)


# Twice


def test_same_statement_again_changes_nothing(admin, student):
    sent = statement(student, **result(score={"scaled": 0.5}, duration="PT1M"))
    accepted(admin, sent)
    before = admin.post("/api/v1/mastery/query", {"student_id": student}).json["data"]
    for _ in range(3):
        accepted(admin, sent)
    accepted(admin, [sent, statement(fresh_id())])
    assert admin.post("/api/v1/mastery/query", {"student_id": student}).json["data"] == before


def same():
    """Ways to write the same statement: what the standard leaves out of a comparison."""
    yield "other order of keys", lambda s: dict(reversed(list(s.items())))
    yield "other zone", lambda s: {**s, "timestamp": s["timestamp"].replace("Z", "+00:00")}
    yield "other number text", lambda s: {**s, "result": {"score": {"scaled": 0.50}}}
    yield "stored", lambda s: {**s, "stored": s["timestamp"], "version": "1.0.0"}
    yield "other display", lambda s: {**s, "verb": {"id": s["verb"]["id"]}}
    kind = {"objectType": "Activity"}
    yield "default objectType", lambda s: {**s, "object": {**s["object"], **kind}}
    yield "other id case", lambda s: {**s, "id": s["id"].upper()}


@pytest.mark.parametrize("change", [row[1] for row in same()], ids=[row[0] for row in same()])
def test_same_statement_otherwise_written_is_the_same(admin, student, change):
    sent = statement(student, **result(score={"scaled": 0.5}))
    accepted(admin, sent)
    accepted(admin, change(sent))


def test_context_activity_is_the_same_as_the_list_of_it(admin, student):
    parent = {"id": "https://lms.example.org/course"}
    sent = statement(student, context={"contextActivities": {"parent": parent}})
    accepted(admin, sent)
    accepted(admin, {**sent, "context": {"contextActivities": {"parent": [parent]}}})
    other = {**sent, "context": {"contextActivities": {"parent": [parent, parent]}}}
    assert_problem(send(admin, other), 409, "CONFLICT")


def others():
    yield "score", lambda s: {**s, "result": {"score": {"scaled": 0.51}}}
    yield "no result", lambda s: {name: s[name] for name in s if name != "result"}
    yield "verb", lambda s: {**s, "verb": {"id": VERBS + "failed"}}
    yield "time", lambda s: {**s, "timestamp": to_text(now_ms() - 1000)}
    yield "context", lambda s: {**s, "context": {"platform": "x"}}
    other = {"u:x": {"display": 1}}
    yield "extension", lambda s: {**s, "result": {**s["result"], "extensions": other}}


@pytest.mark.parametrize("change", [row[1] for row in others()], ids=[row[0] for row in others()])
def test_other_statement_with_the_same_id_is_a_conflict(admin, student, change):
    sent = statement(student, **result(score={"scaled": 0.5}, extensions={"u:x": {"display": 2}}))
    accepted(admin, sent)
    before = admin.post("/api/v1/mastery/query", {"student_id": student}).json["data"]
    fresh = statement(fresh_id())
    assert_problem(send(admin, change(sent)), 409, "CONFLICT")
    assert_problem(send(admin, [fresh, change(sent)]), 409, "CONFLICT")
    assert admin.post("/api/v1/mastery/query", {"student_id": student}).json["data"] == before
    name = fresh["actor"]["account"]["name"]
    assert_problem(admin.post("/api/v1/mastery/query", {"student_id": name}), 404)


def test_id_of_an_event_that_was_no_statement_is_a_conflict(admin, student):
    sent = statement(student)
    body = event("quiz.completed", student, event_id=sent["id"])
    assert_ok(admin.post("/api/v1/mastery/ingest", body), 202)
    assert_problem(send(admin, sent), 409, "CONFLICT")


def test_same_id_twice_in_a_list_is_refused(admin, student):
    sent = statement(student)
    other = {**sent, "id": sent["id"].upper()}
    assert_invalid(send(admin, [sent, statement(student), other]), "[2].id")


# Refusals


def changed(path, value):
    """A statement in which one member is another, or (…) is gone."""

    def change(made):
        made = copy.deepcopy(made)
        node = made
        *steps, last = path
        for step in steps:
            node = node.setdefault(step, {})
        if value is ...:
            del node[last]
        else:
            node[last] = value
        return made

    return change


ACCOUNT = ("actor", "account")
SCORE = ("result", "score")
REFUSED = [
    ("actor.account.name", changed((*ACCOUNT, "name"), "a b")),
    ("actor.account", changed(("actor",), {"mbox_sha1sum": "0" * 40})),
    ("actor.mbox", changed(("actor",), {"mbox": "mailto:ann's@example.org"})),
    ("object.id", changed(("object", "id"), "https://e.org/" + "x" * 250)),
    ("timestamp", changed(("timestamp",), to_text(now_ms() - 91 * DAY_MS))),
    ("timestamp", changed(("timestamp",), to_text(now_ms() + 48 * 3600000))),
    # keys
    ("Actor", changed(("Actor",), {})),
    ("score", changed(("score",), 1)),
    ("student_id", changed(("student_id",), "x")),
    ("actor.Account", changed(("actor", "Account"), {})),
    ("actor.account.password", changed((*ACCOUNT, "password"), "x")),
    ("verb.ID", changed(("verb", "ID"), "x")),
    ("object.Definition", changed(("object", "Definition"), {})),
    ("result.Score", changed(("result", "Score"), {})),
    ("result.score.percent", changed((*SCORE, "percent"), 1)),
    ("context.courses", changed(("context", "courses"), [])),
    # nulls
    ("id", changed(("id",), None)),
    ("result", changed(("result",), None)),
    ("result.success", changed(("result", "success"), None)),
    ("result.score.scaled", changed((*SCORE, "scaled"), None)),
    ("object.definition.name", changed(("object", "definition", "name"), None)),
    # missing
    ("actor", changed(("actor",), ...)),
    ("verb", changed(("verb",), ...)),
    ("object", changed(("object",), ...)),
    ("verb.id", changed(("verb", "id"), ...)),
    ("object.id", changed(("object", "id"), ...)),
    ("actor.account.homePage", changed((*ACCOUNT, "homePage"), ...)),
    ("actor.account.name", changed((*ACCOUNT, "name"), ...)),
    ("actor", changed(("actor", "account"), ...)),
    # types
    ("actor", changed(("actor",), [])),
    ("verb", changed(("verb",), VERBS + "passed")),
    ("object", changed(("object",), "https://e.org")),
    ("result", changed(("result",), [])),
    ("result.success", changed(("result", "success"), "true")),
    ("result.score", changed(SCORE, 1)),
    ("result.score.scaled", changed((*SCORE, "scaled"), "0.5")),
    ("result.score.raw", changed((*SCORE, "raw"), "5")),
    ("result.response", changed(("result", "response"), 5)),
    ("context.contextActivities.parent", changed(("context", "contextActivities", "parent"), "x")),
    ("attachments", changed(("attachments",), {})),
    # forms
    ("id", changed(("id",), "1")),
    ("id", changed(("id",), "e05aa883-acaf-40ad-bf54-02c8ce485fb00")),
    ("id", changed(("id",), "{e05aa883-acaf-40ad-bf54-02c8ce485fb}")),
    ("verb.id", changed(("verb", "id"), "passed")),
    ("verb.id", changed(("verb", "id"), "")),
    ("object.id", changed(("object", "id"), "activities/1")),
    ("actor.objectType", changed(("actor", "objectType"), "agent")),
    ("actor.objectType", changed(("actor", "objectType"), "Group")),
    ("actor", changed(("actor", "mbox"), "mailto:a@example.org")),
    ("actor.account.homePage", changed((*ACCOUNT, "homePage"), "lms")),
    ("object.objectType", changed(("object", "objectType"), "activity")),
    ("object.objectType", changed(("object", "objectType"), "SubStatement")),
    ("object.definition.interactionType", changed(("object", "definition", "interactionType"), "x")),
    ("verb.display", changed(("verb", "display"), {"not a language": "x"})),
    ("verb.display.en", changed(("verb", "display"), {"en": 1})),
    ("result.score.scaled", changed((*SCORE, "scaled"), 1.01)),
    ("result.score.scaled", changed((*SCORE, "scaled"), -1.01)),
    ("result.score.raw", changed(SCORE, {"raw": 6, "min": 0, "max": 5})),
    ("result.score.raw", changed(SCORE, {"raw": -1, "min": 0})),
    ("result.score.min", changed(SCORE, {"scaled": 1, "min": 5, "max": 5})),
    ("result.duration", changed(("result", "duration"), "P")),
    ("result.duration", changed(("result", "duration"), "PT")),
    ("result.duration", changed(("result", "duration"), "1h")),
    ("result.duration", changed(("result", "duration"), "P0001-01-01")),
    ("result.duration", changed(("result", "duration"), 60)),
    ("result.extensions", changed(("result", "extensions"), {"no-iri": 1})),
    ("timestamp", changed(("timestamp",), "yesterday")),
    ("timestamp", changed(("timestamp",), 1767225600)),
    ("timestamp", changed(("timestamp",), "2026-01-01T00:00:00-00:00")),
    ("version", changed(("version",), "1.0")),
    ("context.registration", changed(("context", "registration"), "x")),
    ("context.language", changed(("context", "language"), "english_us")),
    ("context.team.objectType", changed(("context", "team"), {"mbox": "mailto:a@b.c"})),
    ("context.statement.objectType", changed(("context", "statement"), {"id": str(uuid.uuid4())})),
]


@pytest.mark.parametrize(
    "field, change", REFUSED, ids=[f"{index} {row[0]}" for index, row in enumerate(REFUSED)]
)
def test_what_cannot_be_taken_is_refused_by_name(admin, student, field, change):
    """Alone and in a list: one bad statement refuses the whole list."""
    bad, good = change(statement(student)), statement(student)
    assert_invalid(send(admin, bad), field)
    assert_invalid(send(admin, [good, bad]), f"[1].{field}")
    assert_problem(admin.post("/api/v1/mastery/query", {"student_id": student}), 404)


def test_all_faults_of_a_list_are_named(admin, student):
    bad = [{**statement(student), "id": "x"}, {**statement(student), "Verb": 1}, 5, statement("a b")]
    assert_invalid(send(admin, bad), "[0].id", "[1].Verb", "[2]", "[3].actor.account.name")


def test_lists_have_1000_statements_at_most(admin, student):
    """Field case C28: plug-ins send as many as they have."""
    sent = [statement(fresh_id()) for _ in range(1001)]
    accepted(admin, sent[:1000])
    response = send(admin, sent)
    assert_problem(response, 413, "PAYLOAD_TOO_LARGE")
    assert "at most 1000 statements" in response.json["error"]["message"]


@pytest.mark.parametrize("body", ["5", '"x"', "null", "true"])
def test_body_is_a_statement_or_a_list(admin, body):
    headers = {**VERSION, "Content-Type": "application/json"}
    assert_invalid(admin.request("POST", PATH, body=body, headers=headers), "body")


def test_what_is_no_json_is_invalid_json(admin, student):
    headers = {**VERSION, "Content-Type": "application/json"}
    text = json.dumps(statement(student))
    for body in ("", "{", text[:-1], text[:-1] + ',"id":"x"}'):
        response = admin.request("POST", PATH, body=body, headers=headers)
        assert_problem(response, 400, "INVALID_JSON")


# Headers


@pytest.mark.parametrize("version", ["1.0", "1.0.0", "1.0.3", "1.0.9", "2.0.0", "2.0.1"])
def test_supported_versions(admin, student, version):
    response = send(admin, statement(student), **{"X-Experience-API-Version": version})
    assert response.status == 200
    expected = "2.0.0" if version.startswith("2") else "1.0.3"
    assert response.headers["X-Experience-API-Version"] == expected


@pytest.mark.parametrize("version", [None, "0.95", "1.1.0", "2.0.x", "1.0.x", "1.0.", "1", "2", "x"])
def test_other_versions_are_400(admin, student, version):
    headers = {} if version is None else {"X-Experience-API-Version": version}
    response = admin.post(PATH, statement(student), headers=headers)
    assert_invalid(response, "X-Experience-API-Version")


def test_context_of_version_2(admin, student):
    person = {"objectType": "Agent", "mbox": "mailto:a.person@example.org"}
    group = {"objectType": "Group", "member": [person]}
    agents = [{"objectType": "contextAgent", "agent": person, "relevantTypes": ["u:tutor"]}]
    groups = [{"objectType": "contextGroup", "group": group}]
    context = {"contextAgents": agents, "contextGroups": groups}
    accepted(admin, statement(student, version="2.0.0", context=context))
    context["contextAgents"] = [{"agent": person}]
    bad = statement(student, context=context)
    assert_invalid(send(admin, bad), "context.contextAgents[0].objectType")


# PUT, and what is not supported


def put(client, body, query="", **headers):
    return client.request("PUT", PATH + query, json=body, headers={**VERSION, **headers})


def test_put_records_one_statement(admin, student):
    """Field case C32: content of many authoring tools reports by PUT."""
    sent = statement(student)
    name = sent.pop("id")
    assert put(admin, sent, f"?statementId={name}").status == 204
    assert put(admin, {**sent, "id": name}, f"?statementId={name.upper()}").status == 204
    accepted(admin, {**sent, "id": name})
    assert_problem(put(admin, statement(student, "failed") | {"id": name}, f"?statementId={name}"), 409)
    data = admin.post("/api/v1/mastery/query", {"student_id": student}).json["data"]
    assert data["components"]["quiz"] == 1


@pytest.mark.parametrize("query", ["", "?statementId=", "?statementId=x", "?id={0}", "?statementId={0}&x=1"])
def test_put_needs_the_id_of_the_statement(admin, student, query):
    sent = statement(student)
    assert_invalid(put(admin, sent, query.format(sent["id"])), "statementId")


def test_put_is_about_one_statement(admin, student):
    sent, query = statement(student), f"?statementId={uuid.uuid4()}"
    assert_invalid(put(admin, sent, query), "id")
    assert_invalid(put(admin, [sent], query), "body")
    assert_invalid(put(admin, 5, query), "body")


def test_alternate_request_syntax_is_refused_with_a_reason(admin, student):
    response = admin.request("POST", PATH + "?method=PUT", json=statement(student), headers=VERSION)
    assert_problem(response, 405, "METHOD_NOT_ALLOWED")
    assert "alternate request syntax" in response.json["error"]["message"]
    response = admin.request("POST", PATH + "?x=1", json=statement(student), headers=VERSION)
    assert_invalid(response, "x")


def test_attachments_are_refused_with_a_reason(admin, student):
    text = json.dumps(statement(student))
    body = f"--b1\r\nContent-Type: application/json\r\n\r\n{text}\r\n--b1--\r\n"
    headers = {**VERSION, "Content-Type": "multipart/mixed; boundary=b1"}
    response = admin.request("POST", PATH, body=body, headers=headers)
    assert_problem(response, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert "Attachments are not accepted" in response.json["error"]["message"]


def test_about_needs_no_token(anonymous):
    for path in ("/api/v1/xapi/about", "/xapi/about"):
        response = anonymous.get(path)
        assert response.status == 200
        assert response.json == {"version": ["1.0.3", "2.0.0"], "extensions": {}}
        assert response.headers["X-Experience-API-Version"] == "1.0.3"


def test_every_answer_names_the_version_and_the_time(engine, admin, student):
    sent = statement(student)
    responses = [
        send(admin, sent),
        send(admin, {**sent, "timestamp": to_text(now_ms() - 5000)}),
        send(admin, {}),
        admin.post(PATH, sent),
        admin.get(PATH),
        send(engine.client(), sent),
        send(engine.client(fresh_id()), sent),
        admin.request("POST", PATH, body="x", headers={**VERSION, "Content-Type": "text/plain"}),
        send(admin, {"x": "x" * 4200000}),
    ]
    assert [response.status for response in responses] == [200, 409, 400, 400, 405, 401, 403, 415, 413]
    for response in responses:
        assert response.headers.get_all("X-Experience-API-Version") == ["1.0.3"]
        [through] = response.headers.get_all("X-Experience-API-Consistent-Through")
        assert through[:10] == to_text(now_ms())[:10]


def test_other_resources_have_no_such_headers(admin):
    assert "X-Experience-API-Version" not in admin.get("/health").headers


# Rights


def test_students_speak_for_themselves_only(as_user, student):
    client = as_user(student)
    accepted(client, [statement(student), statement(student)])
    assert_problem(send(client, statement(fresh_id())), 403, "FORBIDDEN")
    assert_problem(send(client, [statement(student), statement(fresh_id())]), 403, "FORBIDDEN")


def test_teachers_speak_for_their_students_only(admin, as_user):
    teacher, own, other = fresh_id("t"), [fresh_id(), fresh_id()], fresh_id()
    roster = {"name": "x", "teacher_ids": [teacher], "student_ids": own}
    assert_ok(admin.put(f"/api/v1/cohorts/{fresh_id('c')}", roster), 201)
    client = as_user(teacher, "teacher")
    accepted(client, [statement(student) for student in own])
    fresh = statement(own[0])
    assert_problem(send(client, [fresh, statement(other)]), 403, "FORBIDDEN")
    accepted(admin, {**fresh, "timestamp": to_text(now_ms() - 1000)})


def test_nobody_speaks_without_a_token(anonymous, student):
    assert_problem(send(anonymous, statement(student)), 401, "AUTH_ERROR")


@pytest.mark.parametrize("first", [True, False])
def test_one_about_an_erased_student_is_ignored(engine, admin, student, first):
    """Field case C09: a forwarder would send a refused list again and again."""
    gone = fresh_id()
    assert_ok(engine.calculate(gone))
    assert_ok(admin.delete(f"/api/v1/compliance/student/{gone}"))
    bodies = [statement(gone), statement(student)]
    accepted(admin, bodies if first else bodies[::-1])
    assert_problem(admin.post("/api/v1/mastery/query", {"student_id": gone}), 404)
    data = admin.post("/api/v1/mastery/query", {"student_id": student}).json["data"]
    assert data["components"]["quiz"] == 1


def test_store_away_is_503_and_a_repeat_counts_once(start_engine):
    engine = start_engine(POOL_SIZE=1, STORE_BREAKER_OPEN_MS=100)
    admin, student = engine.admin(), fresh_id()
    sent = [statement(student), statement(student, "failed")]
    accepted(admin, sent[:1])
    store = redis_process(engine)
    store.stop()
    assert_problem(send(admin, sent), 503, "SERVICE_UNAVAILABLE")
    store.start()
    engine.wait_ready()
    accepted(admin, sent)
    data = admin.post("/api/v1/mastery/query", {"student_id": student}).json["data"]
    assert data["components"]["quiz"] == pytest.approx(0.5, abs=1e-3)


def test_list_about_one_student_was_a_round_trip_for_each_statement(start_engine):
    """Redis gets the writes of a list together, as it does for a list about many students."""
    engine = start_engine(POOL_SIZE=1)
    admin, student = engine.admin(), fresh_id()
    model, sent = Student(), []
    for index in range(60):  # several days, ascending; the last are of a day before them
        at_ms = now_ms() - (5 - index // 10) * DAY_MS if index < 58 else now_ms() - 9 * DAY_MS
        sent.append(statement(student, at_ms=at_ms, **result(score={"scaled": index / 100})))
        kind, data = quiz(index / 100)
        model.ingest(
            {"event_id": sent[-1]["id"], "event_type": kind, "timestamp": sent[-1]["timestamp"], "data": data}
        )
    with engine.redis().monitor() as monitor:
        accepted(admin, sent)
        engine.redis().echo("end")
        commands = []
        for line in monitor.listen():
            commands.append(line["command"])
            if line["command"] == "ECHO end":
                break
    assert_agrees(admin, student, model)
    profiles = [c for c in commands if c.startswith(f"HMGET {student_key(student)} m s c")]
    assert len(profiles) < 10, "the profile is read by those alone that follow no other"
    admin.close()
