# SPDX-License-Identifier: GPL-3.0-or-later
"""/api/v1/recommendations: adaptive, learning-path, compact, feedback, history, config."""
import json
import math
import os
import random
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import jsonschema
import pytest
from harness.binaries import ROOT, bin_dir
from harness.engine import fresh_id
from harness.expect import assert_invalid, assert_ok, assert_problem, assert_time
from harness.store import shard_of, tombstone
from harness.wait import LIMIT_S
from harness.recommendation_model import (
    AREAS,
    FITTING,
    LEVELS,
    Catalogue,
    Learner,
    as_answer,
    assert_can_be_followed,
    description,
    expected_score,
    level_index,
    recommend,
    usefulness,
)

BASE = "/api/v1/recommendations"
STATED = 5.0  # the evidence that a statement counts as
UNKNOWN_ID = "rec_00" + "0" * 32 + "-20250101-1"
CATALOGUE = Catalogue()


# ---- what tests have in common ----


def today():
    return datetime.now(timezone.utc).date()


def day(days_ago):
    return (today() - timedelta(days=days_ago)).isoformat()


def ask(client, path, student, **options):
    return assert_ok(client.post(f"{BASE}/{path}", {"student_id": student, **options}))


def adaptive(client, student, **options):
    return ask(client, "adaptive", student, **options)


def history(client, student, days=None):
    query = "" if days is None else f"?days={days}"
    return assert_ok(client.get(f"{BASE}/{student}/history{query}"))


def feedback(client, recommendation, completed=True, **said):
    body = {"recommendation_id": recommendation, "completed": completed, **said}
    return client.post(f"{BASE}/feedback", body)


def ids(response):
    return [entry["recommendation_id"] for entry in response["recommendations"]]


def without_ids(response):
    return [
        {name: value for name, value in entry.items() if name != "recommendation_id"}
        for entry in response["recommendations"]
    ]


def stated(engine, scores, weights=None, feedback=()):
    """A student whose components were stated today, and the model's view of it."""
    student = fresh_id()
    assert_ok(engine.calculate(student, scores, weights))
    known = dict(zip(AREAS, scores))
    weights = dict(zip(AREAS, weights)) if weights else None
    return student, Learner(known, {area: STATED for area in AREAS}, weights, feedback)


def with_a_quiz(engine, score, questions):
    """A student of whom nothing is known but one quiz of today."""
    student = fresh_id()
    event = {
        "event_id": fresh_id("e"),
        "event_type": "quiz.completed",
        "student_id": student,
        "timestamp": datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"),
        "data": {
            "quiz_id": "q",
            "score": score,
            "questions_total": questions,
            "questions_correct": round(score * questions),
            "time_spent_seconds": 60,
        },
    }
    assert_ok(engine.admin().post("/api/v1/mastery/ingest", event), 202)
    known = {"quiz": score, "consistency": 0.1}
    return student, Learner(known, {"quiz": min(questions, 20) / 10, "consistency": 1.0})


def shard(student):
    return "{" + shard_of(student) + "}"


def day_key(student, date=None):
    date = date or today()
    return f"{shard(student)}:student:{student}:recommendations:{date:%Y%m%d}"


def own_key(student):
    return f"{shard(student)}:student:{student}:recommended"


@pytest.fixture
def store(engine):
    return engine.redis()


@pytest.fixture(scope="module")
def schemas(engine):
    """Checks a response against the OpenAPI document."""
    document = assert_ok(engine.client().get("/openapi.json"))
    resolver = jsonschema.RefResolver("", document)

    def check(path, method, response):
        described = document["paths"][path][method]["responses"]["200"]
        schema = described["content"]["application/json"]["schema"]
        jsonschema.Draft202012Validator(schema, resolver=resolver).validate(response)
        while "$ref" in schema:
            schema = resolver.resolve(schema["$ref"])[1]
        assert set(response) <= set(schema["properties"]), "a field is not described"

    return check


# ---- adaptive: the model ----


def random_wish(chance):
    wish = {"limit": chance.randint(1, 20)}
    if chance.random() < 0.3:
        wish["priority"] = chance.choice(["low", "medium", "high"])
    if chance.random() < 0.3:
        wish["component_filter"] = chance.sample(AREAS, chance.randint(1, 4))
    return wish


def random_weights(chance):
    cuts = sorted(chance.randint(0, 100) for _ in range(3))
    return [(b - a) / 100 for a, b in zip([0, *cuts], [*cuts, 100])]


@pytest.mark.parametrize("seed", range(40))
def test_recommendations_are_those_of_the_model(engine, admin, seed):
    chance = random.Random(seed)
    digits = chance.choice([1, 2, 12])
    scores = [round(chance.random(), digits) for _ in AREAS]
    weights = random_weights(chance) if chance.random() < 0.4 else None
    student, learner = stated(engine, scores, weights)
    for _ in range(4):
        wish = random_wish(chance)
        response = adaptive(admin, student, **wish)
        expected = [as_answer(CATALOGUE, learner, e) for e in recommend(CATALOGUE, learner, **wish)]
        assert without_ids(response) == expected
        assert response["count"] == len(expected)
        assert response["metadata"]["priority_areas"] == learner.urgent()


@pytest.mark.parametrize(
    "score, priority, gap",
    [
        (0.6, "high", 0.2),
        (0.600000000001, "medium", 0.199999999999),
        (0.7, "medium", 0.1),
        (0.700000000001, "low", 0.099999999999),
        (0.799999999999, "low", 1e-12),
    ],
)
def test_priorities_begin_at_their_gaps(engine, admin, score, priority, gap):
    student, _ = stated(engine, [score, 1, 1, 1])
    [first, *_] = adaptive(admin, student)["recommendations"]
    assert (first["area"], first["priority"], first["score_gap"]) == ("completion", priority, gap)


def test_a_threshold_that_is_reached_is_no_gap(engine, admin):
    student, _ = stated(engine, [0.8, 0.75, 0.7, 0.7])
    response = adaptive(admin, student, limit=20)
    assert {entry["action"] for entry in response["recommendations"]} == {"learn_new"}
    assert {entry["score_gap"] for entry in response["recommendations"]} == {0}
    assert response["metadata"]["priority_areas"] == []


def test_description_says_which_score_against_which_threshold(engine, admin):
    student, _ = stated(engine, [0.5, 0.7123456, 1, 1])
    texts = {e["area"]: e["description"] for e in adaptive(admin, student)["recommendations"]}
    assert "completion is 0.5, below the threshold of 0.8" in texts["completion"]
    assert "quiz is 0.712, below the threshold of 0.75" in texts["quiz"]


def test_what_is_just_below_a_threshold_is_not_shown_as_if_it_had_reached_it(engine, admin):
    student, _ = stated(engine, [0.7999999, 1, 1, 1])
    [first, *_] = adaptive(admin, student)["recommendations"]
    assert "0.799," in first["description"]


def test_what_is_not_known_is_assessed_first(engine, admin):
    student, learner = with_a_quiz(engine, 0.9, 10)
    response = adaptive(admin, student)
    expected = [as_answer(CATALOGUE, learner, item) for item in recommend(CATALOGUE, learner)]
    assert without_ids(response) == expected
    assert [e["action"] for e in response["recommendations"] if e["area"] == "quality"][0] == "assess"


def test_metadata_tells_of_the_student(engine, admin):
    student, _ = stated(engine, [0.5, 0.5, 0.5, 0.5])
    metadata = adaptive(admin, student)["metadata"]
    assert (metadata["mastery_score"], metadata["level"]) == (0.5, "developing")
    assert_time(metadata["generated_at"])
    assert metadata["correlation_id"]


# ---- starters ----


@pytest.mark.parametrize(
    "wish", [{}, {"limit": 20}, {"priority": "low"}, {"component_filter": ["quality"]}]
)
def test_a_student_without_data_gets_the_starters_whatever_was_wished(admin, student, wish):
    response = adaptive(admin, student, **wish)
    nobody = Learner({}, {})
    assert without_ids(response) == [as_answer(CATALOGUE, nobody, e) for e in CATALOGUE.starters]
    assert response["count"] == 2
    assert (response["metadata"]["mastery_score"], response["metadata"]["level"]) == (None, None)


def test_limit_holds_for_starters_too(admin, student):
    assert adaptive(admin, student, limit=1)["count"] == 1


# ---- the same question ----


def test_the_same_question_has_the_same_answer_and_writes_nothing(engine, admin, store):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    first = adaptive(admin, student)
    kept = store.mget(day_key(student), own_key(student))
    again = adaptive(admin, student)
    assert again["recommendations"] == first["recommendations"]
    assert len(set(ids(first))) == 5
    assert store.mget(day_key(student), own_key(student)) == kept


def test_evidence_is_that_of_the_beginning_of_the_day(engine, admin):
    student = fresh_id()
    engine.seed([(student, day(3), 0.5, 0.4, 0.3, 0.2)])
    data = assert_ok(admin.post("/api/v1/mastery/query", {"student_id": student}))["data"]
    then = datetime.fromisoformat(data["calculated_at"].replace("Z", "+00:00"))
    midnight = datetime.combine(today(), datetime.min.time(), timezone.utc)
    faded = 2 ** (-(midnight - then) / timedelta(days=14))
    first = adaptive(admin, student, limit=20)
    for entry in first["recommendations"]:
        weight = data["evidence"][entry["area"]]
        weight *= 1 if entry["area"] == "consistency" else faded
        assert entry["confidence"] == pytest.approx((1 + weight) / (2 + weight), abs=1e-9)
    assert adaptive(admin, student, limit=20)["recommendations"] == first["recommendations"]


def test_a_wider_question_keeps_the_ids_of_what_was_given(engine, admin):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    narrow = adaptive(admin, student, limit=3)
    wide = adaptive(admin, student, limit=20)
    assert set(ids(narrow)) < set(ids(wide))
    assert len(set(ids(wide))) == wide["count"]
    named = {CATALOGUE.named(e)["id"]: e["recommendation_id"] for e in narrow["recommendations"]}
    for entry in wide["recommendations"]:
        item = CATALOGUE.named(entry)["id"]
        assert named.get(item, entry["recommendation_id"]) == entry["recommendation_id"]


def test_an_item_that_comes_up_again_on_its_day_is_the_same_recommendation(engine, admin):
    student, _ = stated(engine, [0.5, 0.9, 0.9, 0.9])
    before = adaptive(admin, student, limit=1)
    assert_ok(engine.calculate(student, [0.55, 0.9, 0.9, 0.9]))
    after = adaptive(admin, student, limit=1)
    assert ids(after) == ids(before)
    gaps = [response["recommendations"][0]["score_gap"] for response in (before, after)]
    assert gaps == [0.3, 0.25]
    assert history(admin, student)["count"] == 1


def test_answers_at_the_same_time_agree(engine, store):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])

    def one(limit):
        client = engine.admin()
        try:
            response = adaptive(client, student, limit=limit)
        finally:
            client.close()
        return {CATALOGUE.named(e)["id"]: e["recommendation_id"] for e in response["recommendations"]}

    with ThreadPoolExecutor(16) as threads:
        responses = list(threads.map(one, [3, 5, 8, 20] * 8))
    together = {}
    for response in responses:
        for item, name in response.items():
            assert together.setdefault(item, name) == name
    assert len(set(together.values())) == len(together)
    assert len(store.get(day_key(student)).splitlines()) == len(together)


# ---- what is kept ----


def test_an_id_does_not_name_the_student_but_leads_to_it(engine, admin, store):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    [name, *_] = ids(adaptive(admin, student))
    found = re.fullmatch(r"rec_([0-9a-f]{34})-(\d{8})-(\d+)", name)
    assert found and student not in name
    token = found[1]
    assert "{" + token[:2] + "}" == shard(student)
    assert store.get(f"{shard(student)}:recommended:{token}") == student
    assert store.get(own_key(student)).split("\n")[0] == token


def test_tokens_are_random(engine, admin):
    students = [stated(engine, [0.5, 0.4, 0.3, 0.2])[0] for _ in range(5)]
    tokens = {ids(adaptive(admin, student))[0][6:38] for student in students}
    assert len(tokens) == 5


def test_all_that_is_kept_expires_within_90_days(engine, admin, store):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    [name, *_] = ids(adaptive(admin, student))
    ask(admin, "learning-path", student)
    keys = [day_key(student), own_key(student), f"{own_key(student)[:-12]}:path"]
    keys.append(f"{shard(student)}:recommended:{name[4:38]}")
    for key in keys:
        assert 89 * 86400 < store.ttl(key) <= 90 * 86400, key


def test_nothing_is_kept_of_an_erased_student(admin, store, student):
    store.set(tombstone(student), "1")
    response = adaptive(admin, student)
    assert response["count"] == 2
    assert store.keys(f"{shard(student)}:student:{student}:recom*") == []
    assert_problem(feedback(admin, ids(response)[0]), 404, "NOT_FOUND")


def test_a_student_who_is_erased_takes_the_recommendations_along(engine, admin, store):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    [name, *_] = ids(adaptive(admin, student))
    store.delete(day_key(student), own_key(student), f"{shard(student)}:recommended:{name[4:38]}")
    assert_problem(feedback(admin, name), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    "text", ["x", "\n", "a b\n", "a 1 practice completion easy high gap 10 2 0 0.5\n", "\n" * 500]
)
@pytest.mark.parametrize("which", [day_key, own_key])
def test_records_that_are_broken_are_an_error_and_no_more(engine, admin, store, which, text):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    [name, *_] = ids(adaptive(admin, student))
    store.set(which(student), text)
    response = admin.post(f"{BASE}/adaptive", {"student_id": student})
    assert_problem(response, 500, "INTERNAL_ERROR")
    assert_problem(admin.get(f"{BASE}/{student}/history"), 500, "INTERNAL_ERROR")
    assert_problem(feedback(admin, name), 500, "INTERNAL_ERROR")


def test_a_record_that_was_cut_off_is_an_error(engine, admin, store):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    adaptive(admin, student)
    store.set(day_key(student), store.get(day_key(student))[:-1])
    assert_problem(admin.get(f"{BASE}/{student}/history"), 500, "INTERNAL_ERROR")


@pytest.mark.parametrize("which", [day_key, own_key])
def test_records_of_another_type_are_written_anew(engine, admin, store, which):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    store.delete(which(student))
    store.lpush(which(student), "x")
    assert adaptive(admin, student)["count"] == 5
    assert store.type(which(student)) == "string"


# ---- compact ----


@pytest.mark.parametrize("wish", [{}, {"limit": 20}, {"priority": "high"}, {"limit": 1}])
@pytest.mark.parametrize("scores", [None, (0.5, 0.4, 0.3, 0.2), (0.9, 0.9, 0.9, 0.9), (1, 1, 1, 1)])
def test_compact_is_adaptive_in_less_than_half(engine, admin, student, scores, wish):
    if scores:
        assert_ok(engine.calculate(student, scores))
    body = {"student_id": student, **wish}
    long = admin.post(f"{BASE}/adaptive", body)
    short = admin.post(f"{BASE}/compact", body)
    assert set(assert_ok(short)) == {"success", "student_id", "skills", "count"}
    assert short.json["skills"] == [
        {name: entry[name] for name in ("action", "area", "priority")}
        for entry in assert_ok(long)["recommendations"]
    ]
    assert short.json["count"] == len(short.json["skills"])
    assert len(short.body) < len(long.body) / 2


def test_compact_keeps_nothing(engine, admin, store):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    ask(admin, "compact", student)
    assert store.mget(day_key(student), own_key(student)) == [None, None]


# ---- feedback ----

SAID = [
    {"completed": True},
    {"completed": False},
    {"completed": True, "satisfaction_rating": 5},
    {"completed": False, "satisfaction_rating": 2},
    {"completed": True, "improvement_score": 0.05, "time_taken": 12.5},
    {"completed": True, "improvement_score": 0, "satisfaction_rating": 3},
    {"completed": False, "improvement_score": -1, "satisfaction_rating": 1, "time_taken": 0},
]


@pytest.mark.parametrize("said", SAID)
def test_feedback_shows_in_history_and_moves_later_confidence(engine, admin, said):
    student, learner = stated(engine, [0.5, 0.4, 0.3, 0.2])
    before = adaptive(admin, student, limit=20)["recommendations"]
    first = before[0]
    response = assert_ok(feedback(admin, first["recommendation_id"], **said))
    assert response["status"] == "received"
    entries = history(admin, student)["recommendations"]
    shown = {entry["recommendation_id"]: entry["feedback"] for entry in entries}
    heard = shown.pop(first["recommendation_id"])
    assert_time(heard.pop("received_at"))
    assert heard == said
    assert set(shown.values()) == {None}
    learner.feedback.append((first["action"], first["area"], usefulness(said)))
    after = adaptive(admin, student, limit=20)["recommendations"]
    assert [e["confidence"] for e in after] == [
        learner.confidence({"action": e["action"], "component": e["area"]}) for e in after
    ]
    assert after[0]["confidence"] != before[0]["confidence"]
    others = [e for e in before if (e["action"], e["area"]) != (first["action"], first["area"])]
    assert all(e in after for e in others)


def test_feedback_again_takes_the_place_of_what_was_said(engine, admin):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    [first, *_] = adaptive(admin, student)["recommendations"]
    name = first["recommendation_id"]
    assert_ok(feedback(admin, name, completed=False, satisfaction_rating=1))
    low = adaptive(admin, student)["recommendations"][0]["confidence"]
    assert low == pytest.approx(6 / 8, abs=1e-12)
    for _ in range(3):
        assert_ok(feedback(admin, name, completed=True))
    assert adaptive(admin, student)["recommendations"][0]["confidence"] == 0.875
    entries = history(admin, student)["recommendations"]
    [shown] = [entry for entry in entries if entry["recommendation_id"] == name]
    assert shown["feedback"]["completed"] is True
    assert "satisfaction_rating" not in shown["feedback"]


def test_the_latest_20_of_feedback_count(engine, admin, store):
    student, learner = stated(engine, [0.55, 0.55, 0.55, 0.55])
    given = adaptive(admin, student, limit=20)["recommendations"]
    path = ask(admin, "learning-path", student, target_level="master")
    given += path["recommendations"]
    named = {e["recommendation_id"]: e for e in given}
    assert len(named) > 20
    for number, (name, entry) in enumerate(named.items()):
        said = {"completed": number % 3 == 0}
        assert_ok(feedback(admin, name, **said))
        learner.feedback.append((entry["action"], entry["area"], usefulness(said)))
    learner.feedback = learner.feedback[-20:]
    assert len(store.get(own_key(student)).splitlines()) == 21
    for entry in adaptive(admin, student, limit=20)["recommendations"]:
        item = {"action": entry["action"], "component": entry["area"]}
        assert entry["confidence"] == learner.confidence(item)


def test_feedback_counts_for_90_days(engine, admin, store):
    student, learner = stated(engine, [0.5, 0.4, 0.3, 0.2])
    [first, *_] = adaptive(admin, student)["recommendations"]
    assert_ok(feedback(admin, first["recommendation_id"], completed=False))
    token, line = store.get(own_key(student)).splitlines()
    on, rest = line.split(" ", 1)
    for age, counts in ((89, True), (90, False)):
        store.set(own_key(student), f"{token}\n{int(on) - age} {rest}\n")
        confidence = adaptive(admin, student)["recommendations"][0]["confidence"]
        assert confidence == (0.75 if counts else 0.857142857143)


def test_feedback_at_the_same_time_is_all_kept(engine, admin):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    names = ids(adaptive(admin, student, limit=12))

    def one(name):
        client = engine.admin()
        try:
            return feedback(client, name, satisfaction_rating=4).status
        finally:
            client.close()

    with ThreadPoolExecutor(12) as threads:
        statuses = list(threads.map(one, names))
    # One that lost its way ten times is told to come again, and was not kept.
    for name, status in zip(names, statuses):
        assert status in (200, 503)
        if status == 503:
            assert_ok(feedback(admin, name, satisfaction_rating=4))
    shown = history(admin, student)["recommendations"]
    assert all(entry["feedback"]["satisfaction_rating"] == 4 for entry in shown)


def test_feedback_on_a_starter_is_kept(admin, student):
    [name, _] = ids(adaptive(admin, student))
    assert_ok(feedback(admin, name, satisfaction_rating=5))
    assert history(admin, student)["recommendations"][0]["feedback"]["satisfaction_rating"] == 5


def test_feedback_on_an_earlier_day_is_kept_on_that_day(engine, admin, store):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    [name, *_] = ids(adaptive(admin, student))
    past = today() - timedelta(days=40)
    store.rename(day_key(student), day_key(student, past))
    name = name.replace(f"{today():%Y%m%d}", f"{past:%Y%m%d}")
    assert_ok(feedback(admin, name, satisfaction_rating=2))
    assert store.ttl(day_key(student, past)) <= 50 * 86400
    [shown] = [e for e in history(admin, student, 90)["recommendations"] if e["feedback"]]
    assert shown["recommendation_id"] == name


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "recommendation_id"),
        ({"recommendation_id": 5}, "recommendation_id"),
        ({"recommendation_id": "a b"}, "recommendation_id"),
        ({"completed": None}, "completed"),
        ({"completed": "yes"}, "completed"),
        ({"time_taken": -1}, "time_taken"),
        ({"time_taken": 100001}, "time_taken"),
        ({"satisfaction_rating": 0}, "satisfaction_rating"),
        ({"satisfaction_rating": 6}, "satisfaction_rating"),
        ({"satisfaction_rating": 2.5}, "satisfaction_rating"),
        ({"improvement_score": 1.1}, "improvement_score"),
        ({"improvement_score": -1.1}, "improvement_score"),
    ],
)
def test_feedback_that_is_not_valid_is_refused(admin, body, field):
    full = {"completed": True, **({"recommendation_id": UNKNOWN_ID} if body else {}), **body}
    assert_invalid(admin.post(f"{BASE}/feedback", full), field)


def test_feedback_takes_null_for_what_is_not_said(engine, admin):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    [name, *_] = ids(adaptive(admin, student))
    nothing = {"time_taken": None, "satisfaction_rating": None, "improvement_score": None}
    assert_ok(feedback(admin, name, **nothing))
    heard = history(admin, student)["recommendations"][0]["feedback"]
    assert set(heard) == {"received_at", "completed"}


NO_SUCH = [
    UNKNOWN_ID,
    "rec_",
    "rec_x",
    "x",
    "rec_00" + "g" * 32 + "-20250101-1",
    "rec_00" + "0" * 32 + "-20250230-1",
    "rec_00" + "0" * 32 + "-20250101-0",
    "rec_00" + "0" * 32 + "-20250101-01",
    "rec_00" + "0" * 32 + "-20250101",
    "rec_00" + "0" * 32 + "-20250101-1-1",
]


def plain(response):
    """A refusal without what differs from request to request."""
    return {**assert_problem(response, 404, "NOT_FOUND")}


@pytest.mark.parametrize("name", NO_SUCH)
def test_feedback_on_what_never_was_is_404(admin, name):
    plain(feedback(admin, name))


def test_a_number_or_day_that_was_not_given_is_404(engine, admin):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    [name, *_] = ids(adaptive(admin, student))
    stem, _, number = name.rpartition("-")
    assert number == "1"
    plain(feedback(admin, f"{stem}-6"))
    plain(feedback(admin, f"{stem}-99999"))
    plain(feedback(admin, name.replace(f"{today():%Y%m%d}", "20200101")))


def test_feedback_does_not_tell_what_one_may_not_see_from_what_never_was(engine, admin, as_user):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    [name, *_] = ids(adaptive(admin, student))
    teacher = fresh_id("t")
    cohort = fresh_id("c")
    roster = {"name": "x", "teacher_ids": [teacher], "student_ids": [student]}
    assert_ok(admin.put(f"/api/v1/cohorts/{cohort}", roster), 201)
    strangers = [(fresh_id(), "student"), (fresh_id("t"), "teacher"), (student, "teacher")]
    for client in (as_user(user, role) for user, role in strangers):
        assert plain(feedback(client, name)) == plain(feedback(client, UNKNOWN_ID))
    assert history(admin, student)["recommendations"][0]["feedback"] is None
    for client in (as_user(student), as_user(teacher, "teacher"), admin):
        assert_ok(feedback(client, name))
    assert_ok(admin.delete(f"/api/v1/cohorts/{cohort}"))
    plain(feedback(as_user(teacher, "teacher"), name))


# ---- history ----


def test_history_is_an_empty_list_without_any(admin, student):
    response = history(admin, student)
    assert response["recommendations"] == []
    assert (response["count"], response["days"], response["student_id"]) == (0, 30, student)


def test_history_shows_what_was_given(engine, admin):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    given = adaptive(admin, student)["recommendations"]
    shown = history(admin, student)["recommendations"]
    for entry in shown:
        assert_time(entry.pop("recommended_at"))
        assert entry.pop("feedback") is None
    for entry in given:
        del entry["resources"]
    assert sorted(shown, key=lambda e: e["recommendation_id"]) == sorted(
        given, key=lambda e: e["recommendation_id"]
    )


def test_history_shows_it_as_it_was_given(engine, admin):
    student, learner = stated(engine, [0.5, 0.9, 0.9, 0.9])
    adaptive(admin, student, limit=1)
    assert_ok(engine.calculate(student, [0.9, 0.9, 0.9, 0.9]))
    [shown] = history(admin, student)["recommendations"]
    item = recommend(CATALOGUE, learner, 1)[0]
    assert shown["description"] == description(CATALOGUE, learner, item)
    assert shown["instruction"] == item["description"]
    assert (shown["reason"], shown["component_value"], shown["threshold"]) == ("gap", 0.5, 0.8)
    assert shown["score_gap"] == 0.3


def test_windows_of_history_are_utc_days_today_included(engine, admin, store):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    adaptive(admin, student)
    for age in (89, 29, 6, 1):
        past = today() - timedelta(days=age)
        store.copy(day_key(student), day_key(student, past))
    for days, count in ((1, 5), (2, 10), (6, 10), (7, 15), (29, 15), (30, 20), (89, 20), (90, 25)):
        response = history(admin, student, days)
        assert (response["count"], response["days"]) == (count, days)
        dates = [name.split("-")[1] for name in ids(response)]
        assert dates == sorted(dates)
        assert len(set(ids(response))) == count
    assert history(admin, student)["count"] == 20


def test_an_item_that_has_left_the_catalogue_has_no_description(engine, admin, store):
    student, _ = stated(engine, [0.5, 0.9, 0.9, 0.9])
    adaptive(admin, student, limit=1)
    line = store.get(day_key(student))
    store.set(day_key(student), "gone-with-version-0 " + line.split(" ", 1)[1])
    [shown] = history(admin, student)["recommendations"]
    assert shown["description"] is None and shown["instruction"] is None
    assert (shown["action"], shown["reason"]) == ("practice", "gap")


@pytest.mark.parametrize("days", ["0", "91", "-1", "x", "", "1.5"])
def test_windows_of_history_have_limits(admin, student, days):
    assert_invalid(admin.get(f"{BASE}/{student}/history?days={days}"), "days")


# ---- learning path ----


def follow(response):
    return [CATALOGUE.named(entry) for entry in response["recommendations"]]


@pytest.mark.parametrize("seed", range(25))
def test_a_path_can_be_followed_and_leads_where_it_says(engine, admin, seed):
    chance = random.Random(1000 + seed)
    weights = random_weights(chance) if chance.random() < 0.3 else None
    student, learner = stated(engine, [round(chance.random(), 2) for _ in AREAS], weights)
    wish = {}
    if chance.random() < 0.5:
        wish["target_level"] = chance.choice(LEVELS)
    if chance.random() < 0.5:
        wish["max_duration_minutes"] = chance.randint(1, 300)
    response = ask(admin, "learning-path", student, **wish)
    items = follow(response)
    assert_can_be_followed(CATALOGUE, learner, items)
    assert without_ids(response) == [as_answer(CATALOGUE, learner, item) for item in items]
    assert response["expected_score"] == pytest.approx(expected_score(learner, items), abs=1e-11)
    minutes = sum(item["minutes"] for item in items)
    assert response["total_time_estimate"] == minutes <= wish.get("max_duration_minutes", math.inf)
    days = math.ceil(minutes / 45)
    assert response["estimated_completion"] == (today() + timedelta(days=days)).isoformat()
    assert response["priority_areas"] == learner.urgent()
    level = level_index(learner.score())
    target = wish.get("target_level", LEVELS[min(level + 1, 3)])
    assert response["metadata"] == {
        "current_level": LEVELS[level],
        "target_level": target,
        "days_estimate": days,
    }
    assert response["expected_score"] >= learner.score()


def test_a_path_without_limits_reaches_the_next_level(engine, admin):
    for score in (0.3, 0.5, 0.75):
        student, _ = stated(engine, [score] * 4)
        response = ask(admin, "learning-path", student)
        assert level_index(response["expected_score"]) > level_index(score)
        assert 3 <= len(response["recommendations"]) <= 20


def test_a_time_in_which_nothing_fits_gives_an_empty_path(engine, admin):
    student, learner = stated(engine, [0.5] * 4)
    response = ask(admin, "learning-path", student, max_duration_minutes=1)
    assert response["recommendations"] == []
    assert (response["total_time_estimate"], response["metadata"]["days_estimate"]) == (0, 0)
    assert response["expected_score"] == learner.score()


def test_a_path_for_a_student_without_data_is_404(admin, student):
    response = admin.post(f"{BASE}/learning-path", {"student_id": student})
    assert_problem(response, 404, "NOT_FOUND")


def test_the_same_path_keeps_its_id_another_one_gets_another(engine, admin, store):
    student, _ = stated(engine, [0.5] * 4)
    path_key = own_key(student)[: -len("recommended")] + "path"
    first = ask(admin, "learning-path", student)
    assert re.fullmatch(r"path_[0-9a-f]{32}", first["path_id"])
    kept = store.get(path_key)
    assert ask(admin, "learning-path", student) == first
    assert store.get(path_key) == kept
    other = ask(admin, "learning-path", student, max_duration_minutes=20)
    assert other["path_id"] != first["path_id"]
    kept = json.loads(store.get(path_key))
    assert_time(kept.pop("created_at"))
    assert kept == {n: v for n, v in other.items() if n not in ("success", "student_id")}


def test_steps_of_a_path_are_recommendations_like_others(engine, admin):
    student, _ = stated(engine, [0.5] * 4)
    steps = ask(admin, "learning-path", student)["recommendations"]
    assert_ok(feedback(admin, steps[0]["recommendation_id"], satisfaction_rating=5))
    shown = {e["recommendation_id"]: e for e in history(admin, student)["recommendations"]}
    assert set(shown) == {step["recommendation_id"] for step in steps}
    assert shown[steps[0]["recommendation_id"]]["feedback"]["satisfaction_rating"] == 5


@pytest.mark.parametrize(
    "wish, field",
    [
        ({"target_level": "expert"}, "target_level"),
        ({"max_duration_minutes": 0}, "max_duration_minutes"),
        ({"max_duration_minutes": 1441}, "max_duration_minutes"),
        ({"max_duration_minutes": "60"}, "max_duration_minutes"),
        ({"student_id": "a b"}, "student_id"),
    ],
)
def test_wishes_for_a_path_have_limits(admin, student, wish, field):
    assert_invalid(admin.post(f"{BASE}/learning-path", {"student_id": student, **wish}), field)


# ---- wishes, config, aliases ----


@pytest.mark.parametrize("path", ["adaptive", "compact"])
@pytest.mark.parametrize(
    "wish, field",
    [
        ({"limit": 0}, "limit"),
        ({"limit": 21}, "limit"),
        ({"priority": "urgent"}, "priority"),
        ({"component_filter": ["quizzes"]}, "component_filter[0]"),
        ({"component_filter": "quiz"}, "component_filter"),
        ({"student_id": ""}, "student_id"),
    ],
)
def test_wishes_have_limits(admin, student, path, wish, field):
    assert_invalid(admin.post(f"{BASE}/{path}", {"student_id": student, **wish}), field)


@pytest.mark.parametrize(
    "wish", [{"priority": None}, {"component_filter": None}, {"component_filter": []}]
)
def test_null_and_empty_mean_no_wish(engine, admin, wish):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    wished = adaptive(admin, student, **wish)
    assert wished["recommendations"] == adaptive(admin, student)["recommendations"]


def test_config_shows_what_decides(as_user):
    response = assert_ok(as_user(fresh_id()).get(f"{BASE}/config"))
    assert response["thresholds"] == {
        "completion": 0.8,
        "quiz": 0.75,
        "quality": 0.7,
        "consistency": 0.7,
    }
    assert response["gaps"] == {"high": 0.2, "medium": 0.1}
    assert set(response["actions"]) == {*FITTING.values(), "learn_new", "assess"}
    assert response["limits"]["max_recommendations"] == 20
    assert response["catalogue"] == {"version": 1, "items": len(CATALOGUE.items), "starters": 2}


def test_aliases_are_the_same_endpoints(engine, admin):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    adaptive(admin, student)
    body = {"student_id": student}
    alias = assert_ok(admin.post(f"{BASE}/mcp/skill-recommendations", body))
    assert alias == ask(admin, "compact", student)
    alias = assert_ok(admin.get(f"{BASE}/recommendations/{student}/history?days=5"))
    canonical = history(admin, student, 5)
    assert {**alias, "correlation_id": ""} == {**canonical, "correlation_id": ""}


# ---- rights ----

READS = ["adaptive", "compact", "learning-path", "history"]


def read(client, what, student, **options):
    if what == "history":
        return client.get(f"{BASE}/{student}/history", **options)
    return client.post(f"{BASE}/{what}", {"student_id": student}, **options)


@pytest.mark.parametrize("what", READS)
def test_who_may_read_recommendations(engine, admin, as_user, store, what):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    teacher = fresh_id("t")
    roster = {"name": "x", "teacher_ids": [teacher], "student_ids": [student]}
    assert_ok(admin.put(f"/api/v1/cohorts/{fresh_id('c')}", roster), 201)
    for client in (as_user(fresh_id()), as_user(fresh_id("t"), "teacher")):
        assert_problem(read(client, what, student), 403, "FORBIDDEN")
        assert_problem(read(client, what, fresh_id()), 403, "FORBIDDEN")
    assert store.mget(day_key(student), own_key(student)) == [None, None]
    for client in (as_user(student), as_user(teacher, "teacher"), admin):
        assert_ok(read(client, what, student))
    assert_problem(read(admin, what, student, token=None), 401, "AUTH_ERROR")


def test_feedback_and_config_need_a_token(admin):
    body = {"recommendation_id": UNKNOWN_ID, "completed": True}
    assert_problem(admin.post(f"{BASE}/feedback", body, token=None), 401, "AUTH_ERROR")
    assert_problem(admin.get(f"{BASE}/config", token=None), 401, "AUTH_ERROR")


# ---- answers are what the document says, whatever the history ----


def random_history(chance, days):
    return {ago: [round(chance.random(), 3) for _ in AREAS] for ago in days}


HISTORIES = {
    "empty": {},
    "one day": {0: [0.5, 0.6, 0.7, 0.8]},
    "one day long ago": {89: [0.5, 0.6, 0.7, 0.8]},
    "constant": {ago: [0.5] * 4 for ago in range(90)},
    "zero": {ago: [0] * 4 for ago in range(10)},
    "full": {ago: [1] * 4 for ago in range(90)},
    "extreme": {ago: [ago % 2] * 4 for ago in range(90)},
    "tiny": {0: [5e-324, 1e-300, 1e-12, 0.999999999999]},
    "gappy": random_history(random.Random(1), [0, 1, 17, 40, 41, 88]),
    "90 days": random_history(random.Random(2), range(90)),
}


def numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for child in value for number in numbers(child)]
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


def read_strictly(response):
    """The JSON, in which NaN and Infinity have no place."""

    def refuse(constant):
        raise AssertionError(f"{constant} in an answer")

    return json.loads(response.text, parse_constant=refuse)


def assert_shares(entries):
    for entry in entries:
        assert 0 <= entry["score_gap"] <= 1 and 0 < entry["confidence"] < 1


@pytest.mark.parametrize("name", HISTORIES)
def test_any_history_has_finite_answers(engine, admin, schemas, name):
    student = fresh_id()
    rows = [(student, day(ago), *scores) for ago, scores in HISTORIES[name].items()]
    if rows:
        engine.seed(sorted(rows, key=lambda row: row[1]))
    for what in ("adaptive", "learning-path", "compact", "history"):
        response = read(admin, what, student)
        if what == "learning-path" and not rows:
            assert_problem(response, 404, "NOT_FOUND")
            continue
        assert_ok(response)
        value = read_strictly(response)
        assert all(math.isfinite(number) for number in numbers(value))
        pattern = "/{student_id}/history" if what == "history" else f"/{what}"
        schemas(BASE + pattern, "get" if what == "history" else "post", value)
        assert_shares(value.get("recommendations", []))
        if what == "learning-path":
            assert 0 <= value["expected_score"] <= 1


def test_feedback_and_config_are_as_described(engine, admin, schemas):
    student, _ = stated(engine, [0.5, 0.4, 0.3, 0.2])
    [name, *_] = ids(adaptive(admin, student))
    said = {"satisfaction_rating": 1, "improvement_score": -0.5, "time_taken": 3}
    schemas(f"{BASE}/feedback", "post", assert_ok(feedback(admin, name, **said)))
    schemas(f"{BASE}/config", "get", assert_ok(admin.get(f"{BASE}/config")))
    schemas(BASE + "/{student_id}/history", "get", history(admin, student))


# ---- the catalogue's file ----


def start_with(path):
    return subprocess.run(
        [str(bin_dir() / "mastery-fcgi")],
        env={
            "PATH": os.environ["PATH"],
            "JWT_SECRET": "a secret for tests, of more than thirty-two bytes",
            "FCGI_LISTEN": f"{path}.socket",
            "METRICS_FILE": f"{path}.metrics",
            "RECOMMENDATIONS_FILE": str(path),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


@pytest.mark.parametrize(
    "spoil, place",
    [
        (lambda text: None, "No such file or directory"),
        (lambda text: text[:-10], "is not valid JSON"),
        (lambda text: text.replace('"minutes": 20', '"minutes": 0', 1), "items[0].minutes"),
        (lambda text: text.replace('"completion-assess"', '"quiz-assess"'), "items[9].id"),
        (lambda text: text.replace('"conditions"]', '"functions"]', 1), "cycle: loops needs functions needs loops"),
    ],
)
def test_a_bad_catalogue_stops_the_start_with_one_line(tmp_path, spoil, place):
    path = tmp_path / "recommendations.json"
    text = spoil((ROOT / "conf" / "recommendations.json").read_text("utf-8"))
    if text is not None:
        path.write_text(text, "utf-8")
    result = start_with(path)
    assert result.returncode != 0
    [line] = [line for line in result.stderr.splitlines() if "RECOMMENDATIONS_FILE" in line]
    assert f"RECOMMENDATIONS_FILE: {path}: " in line and place in line


def test_the_file_decides_what_is_recommended(start_pool, tmp_path):
    path = tmp_path / "recommendations.json"
    document = json.loads((ROOT / "conf" / "recommendations.json").read_text("utf-8"))
    document["starters"] = document["starters"][:1]
    document["starters"][0]["description"] = 'Say "hello", wörld.'
    path.write_text(json.dumps(document), "utf-8")
    pool = start_pool(RECOMMENDATIONS_FILE=path)
    token = pool.token("root", "admin")
    response = pool.request("POST", f"{BASE}/adaptive", json={"student_id": "s"}, token=token)
    [only] = response.json["recommendations"]
    assert only["description"].endswith('Say "hello", wörld.')
