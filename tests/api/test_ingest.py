# SPDX-License-Identifier: GPL-3.0-or-later
"""POST /api/v1/mastery/ingest: what events do to the score, once each, in any order."""
import copy
import json
import random
import re
import threading
from pathlib import Path

import pytest
from harness.engine import fresh_id
from harness.events import GOOD, event, now_ms, random_events
from harness.expect import assert_invalid, assert_ok, assert_problem
from harness.model import DAY_MS, Student, assert_agrees, day_of, day_text, to_text
from harness.packed import day_records, set_days
from harness.store import student_key

PATH = "/api/v1/mastery/ingest"
HALVES = {"completion": 0.5, "quiz": 0.5, "quality": 0.5, "consistency": 0.5}


def ingest(client, body):
    return assert_ok(client.post(PATH, body), 202)


def query(client, student):
    return assert_ok(client.post("/api/v1/mastery/query", {"student_id": student}))


# One event


@pytest.mark.parametrize("event_type", GOOD)
def test_event_of_each_type_counts(admin, student, event_type):
    body = event(event_type, student)
    model = Student()
    model.ingest(body)
    response = ingest(admin, body)
    assert set(response) == {"status", "event_id", "message", "correlation_id"}
    assert (response["status"], response["event_id"]) == ("accepted", body["event_id"])
    assert_agrees(admin, student, model)


def test_same_event_again_is_accepted_and_changes_nothing(admin, student):
    body = event("quiz.completed", student)
    ingest(admin, body)
    before = query(admin, student)["data"]
    assert ingest(admin, body)["status"] == "accepted"
    other = {**body, "data": {**body["data"], "score": 0.1, "questions_correct": 1}}
    assert ingest(admin, other)["event_id"] == body["event_id"]
    assert query(admin, student)["data"] == before


def test_same_event_id_of_another_student_is_another_event(admin):
    first, second = fresh_id(), fresh_id()
    body = event("quiz.completed", first)
    ingest(admin, body)
    ingest(admin, {**body, "student_id": second})
    assert query(admin, second)["data"]["components"]["quiz"] == 0.8


def test_student_means_himself_and_nobody_else(as_user, student):
    client = as_user(student)
    ingest(client, event("quiz.completed"))
    ingest(client, event("quiz.completed", student))
    assert_problem(client.post(PATH, event("quiz.completed", fresh_id())), 403)


@pytest.mark.parametrize("role", ["teacher", "admin"])
def test_others_must_say_whom(as_user, role):
    assert_invalid(as_user(fresh_id("t"), role).post(PATH, event("quiz.completed")), "student_id")


def test_missing_student_is_named_with_all_other_fields(admin):
    body = event("quiz.completed", score=7)
    body["timestamp"] = "soon"
    assert_invalid(admin.post(PATH, body), "student_id", "timestamp", "data.score")


def test_teacher_writes_for_own_students_only(admin, as_user, student):
    teacher = fresh_id("t")
    roster = {"name": "x", "teacher_ids": [teacher], "student_ids": [student]}
    assert_ok(admin.put(f"/api/v1/cohorts/{fresh_id('c')}", roster), 201)
    client = as_user(teacher, "teacher")
    ingest(client, event("quiz.completed", student))
    other = fresh_id()
    assert_problem(client.post(PATH, event("quiz.completed", other)), 403)
    assert_problem(admin.post("/api/v1/mastery/query", {"student_id": other}), 404)


def test_without_a_token_is_401(anonymous, student):
    assert_problem(anonymous.post(PATH, event("quiz.completed", student)), 401)


@pytest.mark.parametrize(
    "event_type, data, warnings",
    [
        ("quiz.completed", {"score": 0.9, "questions_correct": 7}, 1),
        ("quiz.completed", {"score": 0.8, "questions_correct": 7}, 0),
        ("quiz.completed", {"time_spent_seconds": 0}, 1),
        ("quiz.completed", {"time_spent_seconds": 86400}, 0),
        ("quiz.completed", {"time_spent_seconds": 86401}, 1),
        ("quiz.completed", {"score": 0, "time_spent_seconds": 0}, 2),
        ("exercise.completed", {"completion_rate": 1, "correctness": 0}, 1),
        ("exercise.completed", {"completion_rate": 0.99, "correctness": 0}, 0),
        ("exercise.completed", {"time_spent_seconds": 90000}, 1),
        ("lesson.viewed", {"duration_seconds": 0}, 0),
    ],
)
def test_suspicious_events_are_taken_with_warnings(admin, student, event_type, data, warnings):
    response = ingest(admin, event(event_type, student, **data))
    assert len(response.get("warnings", [])) == warnings
    assert all(isinstance(text, str) and text for text in response.get("warnings", []))


# Days


def test_event_of_a_past_day_corrects_that_day_and_the_later_ones(admin, student):
    now, model = now_ms(), Student()
    for days_ago, score in ((0, 0.9), (5, 0.1), (40, 0.5), (3, 1), (89, 0), (0, 0.4)):
        body = event("quiz.completed", student, now - days_ago * DAY_MS, score=score)
        model.ingest(body)
        ingest(admin, body)
        assert_agrees(admin, student, model)


def test_event_older_than_a_statement_is_activity_only(engine, admin, student):
    response = assert_ok(engine.calculate(student, (0.5, 0.5, 0.5, 0.5)))
    ingest(admin, event("quiz.completed", student, now_ms() - 3 * DAY_MS, score=1))
    after = query(admin, student)["data"]
    assert after["components"] == response["data"]["components"]
    statistics = assert_ok(admin.get(f"/api/v1/mastery/statistics/{student}"))["statistics"]
    assert statistics["activity"]["days_active"] == 2


def test_event_after_a_statement_goes_on_from_it(engine, admin, student):
    data = assert_ok(engine.calculate(student, (0.5, 0.5, 0.5, 0.5)))["data"]
    model = Student()
    stated_ms = int(now_ms())
    model.state(HALVES, stated_ms)
    ingest(admin, event("quiz.completed", student, stated_ms + 1000, score=1, difficulty=None))
    after = query(admin, student)["data"]
    assert after["components"]["quiz"] == pytest.approx((0.5 * 5 + 1) / 6, abs=1e-6)
    assert after["components"]["completion"] == data["components"]["completion"] == 0.5
    assert after["components"]["consistency"] == 0.1


@pytest.mark.parametrize(
    "offset_ms, good",
    [
        (-90 * DAY_MS + 60000, True),
        (-90 * DAY_MS - 60000, False),
        (3600000 - 60000, True),
        (3600000 + 60000, False),
    ],
)
def test_events_of_the_last_90_days_and_the_next_hour_are_taken(admin, student, offset_ms, good):
    response = admin.post(PATH, event("quiz.completed", student, now_ms() + offset_ms))
    if good:
        assert_ok(response, 202)
    else:
        assert_invalid(response, "timestamp")


def expire_first_day(store, student):
    """As if two days had passed: the day of 89 days ago is one that is not read any more."""
    *others, first = day_records(store, student).values()
    set_days(store, student, [*others, (int.from_bytes(first[:2], "big") - 2).to_bytes(2, "big") + first[2:]])


def test_history_is_the_same_whether_an_event_arrives_before_or_after_its_base_expires(
    engine, admin
):
    """A day's snapshot is kept as long as an event of the day is accepted. What a later day began
    with is kept as long as that day, in an opening, for events between the two (hazards X13)."""
    store, now = engine.redis(), now_ms()
    steps = [("quiz.completed", 89), ("content.rated", 50), ("exercise.completed", 10), ("quiz.completed", 0)]

    def arrive(order):
        student = fresh_id()
        for kind, ago in order:
            ingest(admin, event(kind, student, at_ms=now - ago * DAY_MS))
            if (kind, ago) == steps[-1]:
                assert store.expiretime(student_key(student, ":days")) == (day_of(now) + 91) * DAY_MS // 1000
                expire_first_day(store, student)
        days = assert_ok(admin.get(f"/api/v1/mastery/history/{student}?days=90"))["history"]
        return days, query(admin, student)["mastery_score"]

    in_order = arrive(steps)
    assert [day["components"]["quiz"] for day in in_order[0]] == [0.8] * 3
    first, *others, last = steps
    for late in (others, others[::-1]):
        assert arrive([first, last, *late]) == in_order


def test_time_zones_count_for_the_utc_day(admin, student):
    yesterday = day_of(now_ms()) - 1
    body = event("quiz.completed", student)
    body["timestamp"] = f"{day_text(yesterday + 1)}T01:30:00+03:00"
    ingest(admin, body)
    [row] = assert_ok(admin.get(f"/api/v1/mastery/history/{student}"))["history"]
    assert row["date"] == day_text(yesterday)


# Order and bursts


def deliver(engine, bodies, clients):
    """Each client sends its share, all at once; what was not accepted."""
    refused, barrier = [], threading.Barrier(clients)

    def send(share):
        client = engine.admin()
        barrier.wait()
        for body in share:
            response = client.post(PATH, body)
            if response.status != 202:
                refused.append(response)
        client.close()

    threads = [threading.Thread(target=send, args=(bodies[i::clients],)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


@pytest.mark.parametrize("seed", range(6))
def test_order_of_arrival_does_not_matter(engine, admin, seed):
    """Any permutation, any split over clients and so over processes, repeats included."""
    rng = random.Random(seed)
    plan = random_events(rng, None, 40)
    for clients in (1, 2, 7):
        student, model = fresh_id(), Student()
        bodies = [{**body, "student_id": student} for body in copy.deepcopy(plan)]
        for body in bodies:
            model.ingest(body)
        bodies += rng.sample(bodies, 5)
        rng.shuffle(bodies)
        assert deliver(engine, bodies, clients) == []
        assert_agrees(admin, student, model)


@pytest.mark.parametrize("days", [1, 60], ids=["of today", "of many days"])
def test_burst_of_one_students_events_from_many_clients_loses_none(engine, admin, student, days):
    rng, model = random.Random(days), Student()
    today = random_events(rng, student, 320, days, now=now_ms())
    for body in today:
        model.ingest(body)
    assert deliver(engine, today, 32) == []
    assert_agrees(admin, student, model)


def test_burst_of_repeats_of_one_event_counts_once(engine, admin, student):
    body, model = event("quiz.completed", student), Student()
    model.ingest(body)
    assert deliver(engine, [body] * 200, 20) == []
    assert_agrees(admin, student, model)


# Bad events

TEXT = [5, True, [], {}, "", "x" * 257, "a <script>"]
LONG_TEXT = [5, True, [], {}, "x" * 1001, "<SCRIPT src=x>"]
SHARE = ["0.5", True, [], {}, -0.001, 1.001, 1e300]
SECONDS = ["1", False, [], {}, -1, 1e10]
COUNT = ["1", True, [], {}, -1, 1.5, 10**7, 10**30]
WORD = ["", "Easy", "other", 1, None, [], {}]
TOPICS = ["loops", 1, {}, [1], ["a b"], ["a", "a"], [str(i) for i in range(21)]]
# field: (bad values, required)
BAD = {
    "exercise.completed": {
        "exercise_id": (TEXT, True),
        "difficulty": (WORD, True),
        "time_spent_seconds": (SECONDS, True),
        "completion_rate": (SHARE, True),
        "correctness": (SHARE, True),
        "topic_ids": (TOPICS, False),
        "hints_used": (COUNT, False),
        "retries": (COUNT, False),
    },
    "quiz.completed": {
        "quiz_id": (TEXT, True),
        "score": (SHARE, True),
        "questions_total": ([*COUNT, 0], True),
        "questions_correct": (COUNT, True),
        "time_spent_seconds": (SECONDS, True),
        "topic_ids": (TOPICS, False),
        "difficulty": ([word for word in WORD if word is not None], False),
    },
    "lesson.viewed": {
        "lesson_id": (TEXT, True),
        "duration_seconds": (SECONDS, True),
        "completion_percentage": (["50", True, [], {}, -1, 100.5], True),
    },
    "content.rated": {
        "content_id": (TEXT, True),
        "content_type": (WORD, True),
        "rating": (["4", True, [], {}, 0, 6, 3.5], True),
        "helpful": ([1, "true", [], {}], False),
        "comment": (LONG_TEXT, False),
    },
    "milestone.reached": {
        "milestone_type": (TEXT, True),
        "milestone_value": (["7", True, [], {}, -1], True),
        "message": (LONG_TEXT, True),
    },
    "quality.assessed": {
        "submission_id": (TEXT, True),
        "code_quality_score": (SHARE, True),
        "correctness_score": (SHARE, True),
        "efficiency_score": (SHARE, True),
        "peer_review_score": (SHARE, False),
    },
}
ENVELOPE = {
    "event_id": [
        None,
        5,
        [],
        "short-7",
        "x" * 65,
        "with space",
        "with\nline",
        "ä" * 9,
        "with\u007fdelete",
    ],
    "event_type": [None, 5, [], "", "quiz", "QUIZ.COMPLETED", "quiz.completed "],
    "student_id": [5, [], "", "a b", "x" * 129, ":b", "../x", "é"],
    "timestamp": [None, 5, [], "", "now", "2026-02-30T00:00:00Z", "2026-01-01", 1767225600],
    "source": [5, [], "x" * 257, "<script>", "</Script>"],
    "data": [None, 5, [], "{}", True],
}


def missing(body, field):
    body = copy.deepcopy(body)
    del body["data"][field]
    return body


def bad_events():
    """(name, body without a student, the field that is wrong)"""
    for event_type, fields in BAD.items():
        for field, (values, required) in fields.items():
            where = f"data.{field}"
            if required:
                yield f"{event_type} {field} missing", missing(event(event_type), field), where
            for index, value in enumerate(values + ([None] if required else [])):
                body = event(event_type)
                body["data"][field] = value
                at = where
                if field == "topic_ids" and isinstance(value, list) and len(value) <= 2:
                    at = f"{where}[{len(value) - 1}]"
                yield f"{event_type} {field} bad {index}", body, at
    for field, values in ENVELOPE.items():
        for index, value in enumerate(values):
            yield f"{field} bad {index}", {**event(), field: value}, field
    for field in ("event_id", "event_type", "timestamp", "data"):
        body = event()
        del body[field]
        yield f"{field} missing", body, field
    yield "more right than asked", event(questions_total=5, questions_correct=6), (
        "data.questions_correct"
    )


ALL_BAD = list(bad_events())


def test_there_are_200_kinds_of_bad_events():
    assert len({name for name, _, _ in ALL_BAD}) == len(ALL_BAD) >= 200


@pytest.fixture(scope="module")
def settled(engine):
    """A student whose state must not move, and what it is."""
    student, client = fresh_id(), engine.admin()
    ingest(client, event("quiz.completed", student))
    before = (query(client, student)["data"], history(client, student))
    yield student
    assert (query(client, student)["data"], history(client, student)) == before
    client.close()


def history(client, student):
    return assert_ok(client.get(f"/api/v1/mastery/history/{student}?days=90"))["history"]


@pytest.mark.parametrize(
    "body, field", [row[1:] for row in ALL_BAD], ids=[row[0] for row in ALL_BAD]
)
def test_bad_event_is_refused_by_the_name_of_its_field(admin, settled, body, field):
    assert_invalid(admin.post(PATH, {"student_id": settled, **body}), field)


@pytest.mark.parametrize("event_type", BAD)
def test_all_failing_fields_are_named_together(admin, settled, event_type):
    body = event(event_type, settled)
    body["data"] = {field: [5] for field in BAD[event_type] if field != "topic_ids"}
    body["timestamp"], body["event_id"] = "never", "short"
    fields = [f"data.{field}" for field in body["data"]]
    assert_invalid(admin.post(PATH, body), "timestamp", "event_id", *fields)


def test_fields_of_an_unknown_type_are_not_guessed_at(admin, settled):
    body = {**event("quiz.completed", settled), "event_type": "quiz"}
    body["data"] = {"score": 7}
    assert_invalid(admin.post(PATH, body), "event_type")


def test_unknown_fields_are_ignored(admin, student):
    body = {**event("quiz.completed", student, weight=99), "mastery_score": 1, "role": "admin"}
    ingest(admin, body)
    assert query(admin, student)["data"]["components"]["quiz"] == 0.8


def test_times_are_kept_to_the_millisecond(admin, student):
    """Events a millisecond apart are told apart, whatever their order."""
    now, model = now_ms(), Student()
    for offset in (2, 0, 1):
        body = event("quiz.completed", student, now - 10 * DAY_MS + offset, score=offset / 2)
        assert body["timestamp"] == to_text(now - 10 * DAY_MS + offset)
        model.ingest(body)
        ingest(admin, body)
    assert_agrees(admin, student, model)


# The document

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "events.md"
EXAMPLE = re.compile(r"```json\n(.*?)```.*?Score alone: \*\*([0-9.]+)\*\*", re.DOTALL)
EXAMPLES = EXAMPLE.findall(DOCUMENT.read_text())
NAMES = [json.loads(text)["event_type"] for text, _ in EXAMPLES]


@pytest.mark.parametrize("text, score", EXAMPLES, ids=NAMES)
def test_example_of_the_document_scores_as_it_says(admin, student, text, score):
    body = {**json.loads(text), "student_id": student, "timestamp": to_text(now_ms())}
    assert "warnings" not in ingest(admin, body)
    assert query(admin, student)["mastery_score"] == float(score)


def test_document_has_an_example_of_each_type():
    assert set(NAMES) == set(GOOD)


def test_the_documents_month_by_hand(admin, student):
    examples = {json.loads(text)["event_type"]: json.loads(text)["data"] for text, _ in EXAMPLES}
    begin = now_ms() // DAY_MS * DAY_MS - 30 * DAY_MS + 10 * 3600000

    def send(day, event_type, **data):
        body = event(event_type, student, begin + day * DAY_MS)
        ingest(admin, {**body, "data": {**examples[event_type], **data}})

    send(0, "quiz.completed")
    send(7, "lesson.viewed")
    send(14, "exercise.completed")
    send(14, "quality.assessed")
    send(28, "quiz.completed", score=0.9, questions_total=20, questions_correct=18)
    scores = [day["mastery_score"] for day in history(admin, student)]
    assert scores == [0.55, 0.5875, 0.729133096375, 0.772466429709]
    send(14, "quiz.completed", score=0.5, questions_total=20, questions_correct=10)
    rows = history(admin, student)
    assert [day["mastery_score"] for day in rows] == [0.55, 0.5875, 0.681133096375, 0.737594634837]
    assert [day["components"]["quiz"] for day in rows] == [0.7, 0.7, 0.54, 0.761538461538]
    text = DOCUMENT.read_text()
    assert all(str(day["mastery_score"]) in text for day in rows)
