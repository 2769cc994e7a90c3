# SPDX-License-Identifier: GPL-3.0-or-later
"""The overview of a cohort: who needs a teacher's attention, and the figures of the whole class."""
import contextlib
import itertools
import math
import random
from datetime import datetime, timedelta, timezone

import pytest
from harness import events
from harness.audit import counts, pseudonym
from harness.engine import fresh_id
from harness.expect import assert_invalid, assert_ok, assert_problem
from harness.histories import Histories, assert_sound
from harness.model import assert_close
from harness.statistics_model import level_of, summary
from harness.store import student_key
from harness.topic_model import Topics
from harness.wait import wait_for

NEXT_WEEK = "/api/v1/predictions/next-week"
SORTS = ("attention", "mastery", "trend", "student_id")
FIGURES = ("mastery_score", "trend", "change_7_days", "predicted_score", "interval", "last_active")
TRENDS = ("declining", "stable", "improving")


def path_of(cohort, **query):
    return f"/api/v1/cohorts/{cohort}/overview?" + "&".join(f"{k}={v}" for k, v in query.items())


def make_cohort(admin, students, teachers=(), name="Class 7b"):
    cohort = fresh_id("c")
    roster = {"name": name, "teacher_ids": list(teachers), "student_ids": list(students)}
    assert_ok(admin.put(f"/api/v1/cohorts/{cohort}", roster), 201)
    return cohort


def overview(admin, cohort, **query):
    return assert_ok(admin.get(path_of(cohort, **query)))


def withdraw_analytics(admin, student):
    path = f"/api/v1/compliance/consent/{student}"
    assert_ok(admin.post(path, {"consent_type": "analytics", "granted": True}))
    assert_ok(admin.post(f"{path}/withdraw", {"consent_type": "analytics"}))


class School:
    """Students with histories of every shape, one without data, and two without consent, in one cohort."""

    def __init__(self, engine, admin):
        self.histories = Histories(engine, seed=20260507)
        ids = self.histories.ids
        self.withdrawn = [fresh_id(), fresh_id()]
        engine.calculate(self.withdrawn[0])
        for student in self.withdrawn:
            withdraw_analytics(admin, student)
        self.students = [*ids.values(), *self.withdrawn]
        self.no_data = [ids["empty"]]
        self.known = {id: name for name, id in ids.items() if name != "empty"}
        self.cohort = make_cohort(admin, self.students)


@pytest.fixture(scope="module")
def school(engine):
    with contextlib.closing(engine.admin()) as admin:
        yield School(engine, admin)


# An independent implementation of docs/mastery-model.md, Attention


def change_of(scores, today):
    """Since a week ago, or since the first day."""
    week_ago = today - timedelta(days=7)
    before = [day for day in sorted(scores) if day <= week_ago] or [min(scores)]
    if before[-1] > week_ago and len(scores) == 1:
        return None
    return scores[max(scores)] - scores[before[-1]]


def need_of(predicted, change, days):
    return 1 - predicted + max(0, -(change or 0)) + 0.1 * min(14, days) / 14


def reasons_of(predicted, change, days):
    found = []
    if predicted < 0.5:
        found.append(f"a score of {math.floor(round(predicted * 100, 10)) / 100:.2f} is predicted for next week, below 0.5")
    if change is not None and change <= -0.05:
        found.append(f"the score fell by {-change:.2f} in 7 days")
    return found + ([f"has not been active for {days} days"] if days >= 7 else [])


def reason_values_of(predicted, change, days):
    found = [("low_prediction", predicted)] if predicted < 0.5 else []
    if change is not None and change <= -0.05:
        found.append(("fall", -change))
    return [{"reason": code, "value": value} for code, value in found + ([("inactive", days)] if days >= 7 else [])]


def expected_student(admin, school, student):
    """What the overview shows of a student with data, its rank left out, and the need."""
    histories = school.histories
    scores = histories.scores(school.known[student])
    predicted = assert_ok(admin.post(NEXT_WEEK, {"student_id": student}))
    change = change_of(scores, histories.today)
    if change is not None:
        change = round(change, 12)
    facts = (predicted["predicted_score"], change, (histories.today - max(scores)).days)
    shown = {
        "student_id": student,
        "mastery_score": scores[max(scores)],
        "level": level_of(scores[max(scores)]),
        "trend": predicted["trend"],
        "change_7_days": change,
        "predicted_score": predicted["predicted_score"],
        "interval": predicted["interval"],
    }
    return shown, need_of(*facts), (reasons_of(*facts), reason_values_of(*facts)), max(scores)


def test_figures_ranks_and_reasons_are_those_of_the_model(admin, school):
    body = overview(admin, school.cohort, limit=200)
    assert_sound(body)
    assert (body["cohort_id"], body["name"]) == (school.cohort, "Class 7b")
    assert (body["total"], body["offset"]) == (len(school.students), 0)
    assert len(body["students"]) == len(school.students)
    found = {student["student_id"]: student for student in body["students"]}
    assert set(found) == set(school.students)
    needs = {}
    for student in school.known:
        shown, needs[student], reasons, last = expected_student(admin, school, student)
        assert_close(found[student], shown, school.known[student])
        assert found[student]["attention"]["reasons"] == reasons[0], school.known[student]
        assert_close(found[student]["attention"]["reason_values"], reasons[1], school.known[student])
        assert found[student]["last_active"].startswith(last.isoformat())
    order = sorted(school.known, key=lambda s: (-round(needs[s], 9), s)) + school.no_data
    ranks = {student: found[student]["attention"]["rank"] for student in order}
    assert ranks == {student: i + 1 for i, student in enumerate(order)}
    assert [s["student_id"] for s in body["students"]] == order + sorted(school.withdrawn)


def test_levels_and_summary_are_of_the_students_with_data(admin, school):
    body = overview(admin, school.cohort, limit=1)
    scores = []
    for name in school.known.values():
        days = school.histories.scores(name)
        scores.append(days[max(days)])
    levels = dict.fromkeys(("novice", "developing", "proficient", "master"), 0)
    for score in scores:
        levels[level_of(score)] += 1
    assert body["levels"] == {**levels, "none": 1}
    assert_close(body["summary"], summary(scores), "summary")


def test_student_without_data_has_nothing_but_the_reason(admin, school):
    [student] = [s for s in overview(admin, school.cohort)["students"] if s["student_id"] in school.no_data]
    assert student["level"] == "none"
    assert student["attention"] == {
        "rank": len(school.known) + 1,
        "reasons": ["no activity yet"],
        "reason_values": [{"reason": "no_activity", "value": None}],
    }
    assert all(student[name] is None for name in FIGURES)


def test_withdrawn_consent_to_analytics_hides_all_but_that(admin, school):
    students = overview(admin, school.cohort)["students"]
    found = [s for s in students if s["student_id"] in school.withdrawn]
    expected = [{"student_id": s, "consent": "withdrawn"} for s in sorted(school.withdrawn)]
    assert found == expected


def test_consent_that_is_withdrawn_now_counts_at_once(admin, engine):
    students = [fresh_id(), fresh_id()]
    for student in students:
        engine.calculate(student)
    cohort = make_cohort(admin, students)
    assert overview(admin, cohort)["summary"]["count"] == 2
    withdraw_analytics(admin, students[0])
    body = overview(admin, cohort)
    assert (body["total"], body["summary"]["count"], sum(body["levels"].values())) == (2, 1, 1)


def sort_key(sort, students):
    """The documented order of a sort."""
    kind = 2 if "consent" in students else students["level"] == "none"
    if sort == "student_id":
        return students["student_id"]
    if kind:
        return kind, 0, 0, students["student_id"]
    keys = {
        "attention": (students["attention"]["rank"], 0),
        "mastery": (students["mastery_score"], 0),
        "trend": (TRENDS.index(students["trend"]), students["change_7_days"] or 0),
    }
    return (0, *keys[sort], students["student_id"])


@pytest.mark.parametrize("sort", SORTS)
def test_sort_is_as_documented_and_pages_join_to_the_whole(admin, school, sort):
    whole = overview(admin, school.cohort, sort=sort, limit=200)["students"]
    assert whole == sorted(whole, key=lambda s: sort_key(sort, s))
    pages = [
        overview(admin, school.cohort, sort=sort, offset=offset, limit=4)["students"]
        for offset in range(0, len(whole), 4)
    ]
    assert [len(page) for page in pages[:-1]] == [4] * (len(pages) - 1)
    assert list(itertools.chain(*pages)) == whole


def test_attention_is_the_default_sort_and_50_the_limit(admin, engine):
    students = [fresh_id() for _ in range(51)]
    cohort = make_cohort(admin, students)
    body = overview(admin, cohort)
    assert len(body["students"]) == 50 and body["total"] == 51
    assert body["students"] == overview(admin, cohort, sort="attention", limit=50)["students"]


def test_offset_beyond_the_last_student_is_an_empty_page(admin, school):
    body = overview(admin, school.cohort, offset=1000)
    assert body["students"] == [] and (body["total"], body["offset"]) == (len(school.students), 1000)
    assert body["summary"]["count"] == len(school.known)


def test_equal_needs_are_ranked_by_id(admin, engine):
    students = [fresh_id() for _ in range(5)]
    for student in students:
        engine.calculate(student, (0.5, 0.5, 0.5, 0.5))
    shown = overview(admin, make_cohort(admin, students))["students"]
    assert [s["student_id"] for s in shown] == sorted(students)
    assert [s["attention"]["rank"] for s in shown] == [1, 2, 3, 4, 5]


def test_student_of_today_has_no_change_yet(admin, engine, student):
    engine.calculate(student)
    [shown] = overview(admin, make_cohort(admin, [student]))["students"]
    assert shown["change_7_days"] is None
    assert shown["attention"] == {"rank": 1, "reasons": [], "reason_values": []}


def test_last_active_is_the_time_of_the_latest_event(admin, student):
    when = datetime.now(timezone.utc) - timedelta(days=12)
    at = when.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    event = {
        "event_id": fresh_id("event"),
        "event_type": "quiz.completed",
        "student_id": student,
        "timestamp": at,
        "data": {
            "quiz_id": "q1",
            "score": 0.9,
            "questions_total": 10,
            "questions_correct": 9,
            "time_spent_seconds": 60,
        },
    }
    assert_ok(admin.post("/api/v1/mastery/ingest", event), 202)
    [shown] = overview(admin, make_cohort(admin, [student]))["students"]
    assert shown["last_active"] == at and shown["change_7_days"] == 0
    assert "has not been active for 12 days" in shown["attention"]["reasons"]


def test_history_older_than_90_days_still_counts(admin, engine, student):
    engine.calculate(student, (0.3, 0.3, 0.3, 0.3))
    redis = engine.redis(decode=False)
    state = redis.hget(student_key(student), "s")
    day = int.from_bytes(state[2:6], "little") - 100  # as if no request had come for 100 days
    redis.hset(student_key(student), "s", state[:2] + day.to_bytes(4, "little") + state[6:])
    [shown] = overview(admin, make_cohort(admin, [student]))["students"]
    assert shown["mastery_score"] == 0.3 and shown["predicted_score"] is not None


def test_empty_cohort(admin):
    body = overview(admin, make_cohort(admin, []))
    assert (body["total"], body["students"], body["summary"]["count"]) == (0, [], 0)
    assert not any(body["levels"].values())


# Topics


def send_quizzes(admin, student, rng, names):
    """Quizzes about some of the topics; the model of the student's topics."""
    model = Topics()
    for _ in range(rng.randrange(1, 6)):
        at_ms = events.now_ms() - rng.randrange(60 * 86400_000)
        chosen = rng.sample(names, rng.randrange(1, 4))
        score = round(rng.random(), 3)
        body = events.event(
            "quiz.completed", student, at_ms, score=score, topic_ids=chosen, questions_total=10, questions_correct=round(10 * score)
        )
        assert_ok(admin.post("/api/v1/mastery/ingest", body), 202)
        model.ingest(body)
    return model.values()


def weakest(values):
    """Topics with their values, the weakest first; values that differ by rounding alone are equal."""
    return sorted(values.items(), key=lambda item: (round(item[1], 9), item[0]))


def test_topics_are_those_of_the_students_with_consent(admin):
    rng, names = random.Random(16), [f"topic-{i:02}" for i in range(25)]
    students = [fresh_id() for _ in range(12)]
    by_student = {student: send_quizzes(admin, student, rng, names) for student in students}
    hidden = by_student.pop(students[0])
    assert hidden
    withdraw_analytics(admin, students[0])
    body = overview(admin, make_cohort(admin, [*students, fresh_id()]))
    for shown in body["students"]:
        expected = weakest(by_student.get(shown["student_id"], {}))[:3]
        found = [(topic["topic_id"], topic["mastery"]) for topic in shown.get("weakest_topics", [])]
        assert [name for name, _ in found] == [name for name, _ in expected]
        assert [value for _, value in found] == pytest.approx([value for _, value in expected], abs=1e-9)
    values = {}
    for topics in by_student.values():
        for name, value in topics.items():
            values.setdefault(name, []).append(value)
    expected = weakest({name: sum(v) / len(v) for name, v in values.items()})[:20]
    assert len(expected) == 20, "more topics than are shown"
    assert [topic["topic_id"] for topic in body["topics"]] == [name for name, _ in expected]
    for topic, (name, mean) in zip(body["topics"], expected, strict=True):
        assert topic["mean"] == pytest.approx(mean, abs=1e-9)
        assert topic["students"] == len(values[name])


def test_without_topics_the_lists_are_empty(admin, school):
    body = overview(admin, school.cohort)
    assert body["topics"] == []
    assert all(student["weakest_topics"] == [] for student in body["students"] if "consent" not in student)


# Rights and refusals


def test_teacher_sees_own_cohorts_alone(admin, as_user):
    teacher = fresh_id("t")
    mine, other = make_cohort(admin, [fresh_id()], [teacher]), make_cohort(admin, [])
    client = as_user(teacher, "teacher")
    assert overview(client, mine)["total"] == 1
    for cohort in (other, fresh_id("c")):
        assert_problem(client.get(path_of(cohort)), 403, "FORBIDDEN")


def test_students_see_no_overview_not_even_of_their_own_cohort(admin, as_user, student):
    cohort = make_cohort(admin, [student])
    assert_problem(as_user(student).get(path_of(cohort)), 403, "FORBIDDEN")


def test_unknown_cohort_is_404_for_an_admin(admin):
    assert_problem(admin.get(path_of(fresh_id("c"))), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    "field, value",
    [("limit", 0), ("limit", 201), ("limit", "x"), ("offset", -1), ("sort", "name"), ("sort", "")],
)
def test_wrong_parameter_is_named(admin, school, field, value):
    assert_invalid(admin.get(path_of(school.cohort, **{field: value})), field)


@pytest.mark.parametrize("key, field", [("", "s"), (":days", None)])
def test_corrupt_record_of_a_member_is_500(admin, engine, key, field):
    students = [fresh_id(), fresh_id()]
    for student in students:
        engine.calculate(student)
    redis = engine.redis(decode=False)
    if field:
        redis.hset(student_key(students[1]), field, b"x")
    else:
        redis.set(student_key(students[1], ":days"), b"x")
    assert_problem(admin.get(path_of(make_cohort(admin, students))), 500, "INTERNAL_ERROR")
    engine.redis().delete(*engine.redis().keys(student_key(students[1], "*")))


# In Redis


@pytest.fixture
def pool_admin(start_pool, stand_in):
    """A pool behind the stand-in, and request(method, path, **options) of an admin."""
    return with_admin(start_pool(stand_in.url))


def with_admin(pool):
    token = pool.token("root", "admin")
    return pool, lambda method, path, **options: pool.request(method, path, token=token, **options)


def store_members(pool, redis, number):
    """Students with copies of a few states and snapshots, so that they need no requests of their own."""
    templates, students = [], [fresh_id() for _ in range(number)]
    for i in range(5):
        name = fresh_id()
        assert pool.calculate(name, (i / 5,) * 4).status == 200
        templates.append(redis.hget(student_key(name), "s"))
    with redis.pipeline(transaction=False) as pipeline:
        for i, student in enumerate(students):
            pipeline.hset(student_key(student), "s", templates[i % 5])
        pipeline.execute()
    return students


def put_cohort(request, students):
    body = {"name": "Large", "teacher_ids": [], "student_ids": students}
    response = request("PUT", "/api/v1/cohorts/large", json=body)
    assert response.status == 201, response


def test_class_of_200_is_read_in_one_pipeline_after_the_roster(pool_admin, stand_in, redis_server):
    """Commands of one pipeline are sent in the order in which they were queued. If snapshots were read
    after the replies with the states, they would not alternate with these."""
    pool, request = pool_admin
    students = store_members(pool, redis_server.client(decode=False), 200)
    put_cohort(request, students)
    seen = []

    def watch(command):
        words = command.split(b"\r\n")[2::2]
        key = words[3] if words[0] == b"EVALSHA" else words[1] if len(words) > 1 else b""
        if b":student:" in key or key == b"cohort:{large}":
            seen.append((words[0].decode(), key.decode()))
        return True

    stand_in.watch = watch
    response = request("GET", "/api/v1/cohorts/large/overview")
    stand_in.watch = None
    assert response.status == 200 and response.json["summary"]["count"] == 200
    assert seen[0][1] == "cohort:{large}"
    assert [name for name, _ in seen[1:] if name in ("HMGET", "GET")] == ["HMGET", "GET"] * 200


def large(request):
    """The overview of the cohort that put_cohort has made, by student."""
    response = request("GET", "/api/v1/cohorts/large/overview")
    assert response.status == 200, response
    return {student["student_id"]: student for student in response.json["students"]}


def next_week(request, student):
    response = request("POST", NEXT_WEEK, json={"student_id": student})
    assert response.status == 200, response
    return {name: response.json[name] for name in ("trend", "predicted_score", "interval")}


def test_snapshots_are_read_again_only_of_students_whose_state_has_changed(pool, redis_server):
    """Snapshots that were removed show which ones are read: an outlook from them alone would be another."""
    _, request = with_admin(pool)
    redis, students = redis_server.client(), [fresh_id() for _ in range(3)]
    for student, age in itertools.product(students, (20, 10, 3)):
        event = events.event("quiz.completed", student, events.now_ms() - age * 86400_000, score=age / 20)
        assert request("POST", "/api/v1/mastery/ingest", json=event).status == 202
    put_cohort(request, students)
    first = large(request)
    assert large(request) == first
    same, changed, withdrawn = students
    for student in (same, changed):
        assert redis.delete(student_key(student, ":days")) == 1
    assert large(request) == first
    assert pool.calculate(changed, (0.1,) * 4).status == 200
    consent = f"/api/v1/compliance/consent/{withdrawn}"
    body = {"consent_type": "analytics", "granted": True}
    assert request("POST", consent, json=body).status == 200
    assert request("POST", f"{consent}/withdraw", json={"consent_type": "analytics"}).status == 200
    second = large(request)
    assert second[same] == {**first[same], "attention": second[same]["attention"]}
    assert second[withdrawn] == {"student_id": withdrawn, "consent": "withdrawn"}
    assert second[changed]["mastery_score"] == pytest.approx(0.1)
    expected = next_week(request, changed)
    assert {name: second[changed][name] for name in expected} == expected


def test_student_who_was_erased_and_is_new_again_has_a_new_outlook(pool, redis_server):
    """With the same revision as the state that the process knows."""
    _, request = with_admin(pool)
    [student] = students = [fresh_id()]
    assert pool.calculate(student, (0.9,) * 4).status == 200
    put_cohort(request, students)
    large(request)
    redis = redis_server.client()
    redis.delete(*redis.keys(student_key(student, "*")))
    assert large(request)[student]["level"] == "none"
    assert pool.calculate(student, (0.2,) * 4).status == 200
    found = large(request)[student]
    assert (found["mastery_score"], found["predicted_score"]) == (pytest.approx(0.2), pytest.approx(0.2))


def test_corrupt_snapshot_of_a_changed_student_is_500(pool, redis_server):
    _, request = with_admin(pool)
    [student] = students = [fresh_id()]
    assert pool.calculate(student).status == 200
    put_cohort(request, students)
    large(request)
    assert pool.calculate(student, (0.2,) * 4).status == 200
    redis_server.client().set(student_key(student, ":days"), "x")
    assert request("GET", "/api/v1/cohorts/large/overview").status == 500


def test_cohort_of_10_000(pool, redis_server):
    pool, request = with_admin(pool)
    students = store_members(pool, redis_server.client(decode=False), 10_000)
    put_cohort(request, students)
    response = request("GET", "/api/v1/cohorts/large/overview?limit=200&offset=9900")
    assert response.status == 200, response
    body = response.json
    assert (body["total"], body["summary"]["count"], len(body["students"])) == (10_000, 10_000, 100)
    assert [s["attention"]["rank"] for s in body["students"]] == list(range(9901, 10_001))
    assert {s["mastery_score"] for s in body["students"]} == {0.8}
    assert body["levels"] == {"novice": 4000, "developing": 2000, "proficient": 2000, "master": 2000, "none": 0}


def test_reads_are_audited_with_the_students_of_the_page(pool, redis_server):
    pool, request = with_admin(pool)
    redis, students = redis_server.client(), sorted(fresh_id() for _ in range(3))
    for student in students:
        assert pool.calculate(student).status == 200
    put_cohort(request, students)
    assert request("GET", "/api/v1/cohorts/large/overview?sort=student_id&limit=2").status == 200
    found = wait_for(lambda: len(c := counts(redis, o="cohorts/large")) == 2 and c, "the reads of two students")
    assert {fields["w"] for _, fields, _ in found} == {pseudonym(redis, s) for s in students[:2]}
