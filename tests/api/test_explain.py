# SPDX-License-Identifier: GPL-3.0-or-later
"""GET /api/v1/mastery/explain: why a score is what it is; against an implementation of its own (harness.explain_model)."""
import json
import random

import pytest
from harness.engine import fresh_id
from harness.events import GOOD, event, now_ms, random_events
from harness.expect import assert_invalid, assert_ok, assert_problem, assert_time
from harness.explain_model import assert_explained
from harness.model import (
    COMPONENTS, DAY_MS, EVIDENT, HALF_LIFE_MS, Student, day_of, day_text, scores, to_ms, to_text,
)  # fmt: skip
from harness.redis_server import RedisStandIn
from harness.store import student_key, tagged
from harness.wait import wait_for

EXPLAIN = "/api/v1/mastery/explain"
INGEST = "/api/v1/mastery/ingest"
OBSERVATION = {"event_id", "event_type", "timestamp", "value", "weight_now", "share"}
COMPONENT = {"component", "value", "weight", "contribution", "evidence", "observations", "other_share"}


def explain(client, student):
    return assert_ok(client.get(f"{EXPLAIN}/{student}"))


def parts(body):
    """component -> its explanation."""
    return {one["component"]: one for one in body["components"]}


def ids(component):
    return [one["event_id"] for one in component["observations"]]


class Learner:
    """A student with the model of the tests, which sees all that the engine is sent."""

    def __init__(self, request, name=None):
        self.request, self.name, self.model = request, name or fresh_id(), Student()

    def send(self, *bodies):
        for body in bodies:
            body["student_id"] = self.name
            assert self.request("POST", INGEST, json=body).status == 202
            self.model.ingest(body)

    def state(self, components, **more):
        body = {"student_id": self.name, "components": components, **more}
        response = self.request("POST", "/api/v1/mastery/calculate", json=body)
        assert response.status == 200, response
        at_ms = to_ms(response.json["data"]["calculated_at"])
        self.model.state(components, at_ms)
        return at_ms

    def explain(self):
        response = self.request("GET", f"{EXPLAIN}/{self.name}")
        assert response.status == 200, response
        return response.json

    def check(self):
        body = self.explain()
        assert_explained(body, self.model)
        return body


@pytest.fixture
def learner(admin):
    return Learner(admin.request)


# What it says


def test_one_quiz(learner):
    body = event("quiz.completed", difficulty=None, score=0.5, questions_correct=5)
    learner.send(body)
    found = learner.check()
    assert set(found) == {
        "success", "student_id", "mastery_score", "level", "calculated_at", "components", "fading",
        "next_level", "what_if", "correlation_id",
    }  # fmt: skip
    assert found["student_id"] == learner.name and found["mastery_score"] == 0.4
    assert found["next_level"] == {"level": "proficient", "missing": 0.2}
    assert [set(one) for one in found["components"]] == [COMPONENT] * 4
    assert_time(found["calculated_at"])
    quiz = parts(found)["quiz"]
    [one] = quiz["observations"]
    assert set(one) == OBSERVATION
    assert (one["event_id"], one["event_type"]) == (body["event_id"], "quiz.completed")
    assert (one["timestamp"], one["value"]) == (body["timestamp"], 0.5)
    assert (one["share"], quiz["other_share"], quiz["contribution"]) == (1, 0, 0.375)
    consistency = parts(found)["consistency"]
    assert (consistency["value"], consistency["evidence"]) == (0.1, 1)
    assert (consistency["observations"], consistency["other_share"]) == ([], 1)
    completion = parts(found)["completion"]
    assert (completion["weight"], completion["evidence"], completion["observations"]) == (0, 0, [])
    assert [(one["days"], one["mastery_score"]) for one in found["fading"]] == [(7, 0.4), (14, 0.5), (28, 0.5)]
    assert all(one["assumption"] for one in found["what_if"])
    assert len({one["assumption"] for one in found["what_if"]}) == len(found["what_if"])
    assert {one["assumption_code"]: one["event_type"] for one in found["what_if"]} == {
        "quiz_all_right": "quiz.completed", "quiz_none_right": "quiz.completed", "hard_exercise": "exercise.completed",
        "whole_lesson": "lesson.viewed", "full_marks": "quality.assessed", "activity_only": "content.rated",
    }  # fmt: skip


def test_score_is_that_of_query(admin, learner):
    learner.send(*(event(kind) for kind in GOOD))
    query = assert_ok(admin.post("/api/v1/mastery/query", {"student_id": learner.name}))
    found = learner.check()
    for name in ("mastery_score", "level"):
        assert found[name] == query[name]
    for name, one in parts(found).items():
        assert one["value"] == query["data"]["components"][name]
        assert one["contribution"] == query["data"]["breakdown"][name]


def test_stated_components_rest_on_the_statement(learner):
    stated_ms = learner.state(scores(0.9, 0.7, 0.5, 0.3))
    found = learner.check()
    for name, one in parts(found).items():
        [observation] = one["observations"]
        assert (observation["event_id"], observation["event_type"]) == (None, "calculated")
        assert to_ms(observation["timestamp"]) == stated_ms
        assert observation["value"] == one["value"]
        assert (observation["share"], one["other_share"]) == (1, 0)
    assert {one["mastery_score"] for one in found["fading"]} == {found["mastery_score"]}


def test_statement_stays_an_observation_after_an_event(learner):
    stated_ms = learner.state(scores(0.5))
    body = event("quiz.completed", at_ms=stated_ms, score=1, difficulty=None)
    learner.send(body)
    found = parts(learner.check())
    assert ids(found["quiz"]) == [None, body["event_id"]]
    assert [one["share"] for one in found["quiz"]["observations"]] == pytest.approx([5 / 6, 1 / 6])
    assert ids(found["quality"]) == [None] and found["consistency"]["observations"] == []


def test_contributions_sum_to_a_score_that_was_limited(learner):
    weights = {"completion": 0.401, "quiz": 0.3, "quality": 0.2, "consistency": 0.1}
    learner.state(scores(1), weights=weights)
    found = learner.explain()
    assert found["mastery_score"] == 1 and found["next_level"] is None
    assert sum(one["contribution"] for one in found["components"]) == pytest.approx(1, abs=1e-9)
    assert {name: one["weight"] for name, one in parts(found).items()} == weights


def test_ten_largest_shares_are_listed(learner):
    now = now_ms()
    learner.send(*(event("quiz.completed", at_ms=now - ago * DAY_MS) for ago in range(25)))
    quiz = parts(learner.check())["quiz"]
    shares = [one["share"] for one in quiz["observations"]]
    assert len(shares) == 10 and shares == sorted(shares, reverse=True)
    assert 0.3 < quiz["other_share"] < 0.6


def test_what_if_is_what_the_event_then_does(admin, learner):
    learner.send(*random_events(random.Random(5), None, 12, days=20))
    quiz = next(one for one in learner.check()["what_if"] if "no answer" in one["assumption"])
    zero = {"score": 0, "questions_total": 10, "questions_correct": 0, "difficulty": None}
    learner.send(event("quiz.completed", **zero))
    query = assert_ok(admin.post("/api/v1/mastery/query", {"student_id": learner.name}))
    assert query["mastery_score"] == pytest.approx(quiz["mastery_score"], abs=1e-5)
    assert quiz["change"] < 0


def test_fading_counts_from_today(learner):
    """Active on each of the days 3 to 12 days ago: in a week four of them are in the window."""
    now = now_ms()
    learner.send(*(event("quiz.completed", at_ms=now - ago * DAY_MS) for ago in range(3, 13)))
    found = learner.check()
    assert parts(found)["consistency"]["value"] == 1
    assert found["fading"][0]["mastery_score"] == pytest.approx(0.75 * 0.8 + 0.25 * 0.4, abs=1e-9)
    change = [one["change"] for one in found["what_if"] if one["event_type"] == "content.rated"]
    assert change == [0], "a further active day does not raise a consistency of 1"


@pytest.mark.parametrize("seed", range(8))
def test_random_histories_agree_with_the_model(learner, seed):
    """Events of 90 days in any order, statements in between, and events dated up to an hour ahead."""
    rng = random.Random(seed)
    for _ in range(rng.randrange(1, 4)):
        learner.send(*random_events(rng, None, rng.randrange(1, 30)))
        learner.check()
        if rng.random() < 0.5:
            learner.state({name: rng.random() for name in COMPONENTS})
            learner.check()
    stated_ms = learner.state({name: rng.random() for name in COMPONENTS})
    ahead = random_events(rng, None, rng.randrange(1, 20))
    for body in ahead:
        body["timestamp"] = to_text(stated_ms + rng.randrange(3_000_000))
    learner.send(*random_events(rng, None, 5), *ahead)
    learner.check()


@pytest.mark.parametrize("seed", range(3))
def test_statement_of_a_past_day_is_one_of_the_observations(engine, learner, seed):
    """Events of the days before it and after it, up to 60 days ago."""
    rng, ago, components = random.Random(seed), 20 + seed, scores(0.9, 0.1, 0.5, 0.7)
    noon = (day_of(now_ms()) - ago) * DAY_MS + DAY_MS // 2
    engine.seed([(learner.name, day_text(day_of(noon)), *components.values())])
    learner.model.state(components, noon)
    learner.check()
    learner.send(*random_events(rng, None, 60, days=60))
    found = parts(learner.check())
    assert None in ids(found["quiz"]) and len(ids(found["quiz"])) > 1


# Where it reads


@pytest.fixture
def alone(start_pool):
    """A pool without a worker: what is sent stays in the journal."""
    pool = start_pool()
    token = pool.token("root", "admin")
    return Learner(lambda *args, **more: pool.request(*args, token=token, **more))


def test_events_that_no_worker_has_processed_count(alone, store):
    rng = random.Random(11)
    alone.send(*random_events(rng, None, 60))
    other = Learner(alone.request)
    other.send(*random_events(rng, None, 60))
    assert store.xlen(tagged(alone.name, "journal")) >= 60
    alone.check()
    alone.state(scores(0.25))
    alone.send(event("exercise.completed", at_ms=now_ms() + 1000))
    alone.check()
    other.check()


def test_event_that_the_worker_moves_meanwhile_counts_once(start_pool, start_worker, redis_server):
    """It is in the journal, which has been read, then among the student's events, read next (hazards X28)."""
    store = redis_server.client()
    with RedisStandIn(redis_server.path) as between:
        pool = start_pool(between.url, STORE_ROUND_TIMEOUT_MS=5000)
        token = pool.token("root", "admin")
        learner = Learner(lambda *args, **more: pool.request(*args, token=token, **more))

        def work_before_the_events_are_read(command):
            if student_key(learner.name, ":events").encode() in command:
                between.watch = None
                start_worker(pool, REDIS_URL=redis_server.url)
                wait_for(lambda: store.xlen(tagged(learner.name, "journal")) == 0, "journal processed")
            return True

        learner.send(*(event("quiz.completed") for _ in range(8)))
        between.watch = work_before_the_events_are_read
        found = learner.check()
        assert between.watch is None
        assert len(set(ids(parts(found)["quiz"]))) == 8


@pytest.mark.parametrize("change", ["event", "statement"])
def test_change_while_the_events_are_read(start_pool, redis_server, change):
    """The state is never older than what was read: it explains the score of its own time."""
    with RedisStandIn(redis_server.path) as between:
        pool, direct = start_pool(between.url, STORE_ROUND_TIMEOUT_MS=5000), start_pool()
        token = pool.token("root", "admin")
        send = lambda *args, **more: direct.request(*args, token=token, **more)
        learner = Learner(send)

        def change_before_the_events_are_read(command):
            if student_key(learner.name, ":events").encode() in command:
                between.watch = None
                if change == "event":
                    learner.send(event("quiz.completed", difficulty=None))
                else:
                    learner.state(scores(0.5))
            return True

        learner.send(*(event("quiz.completed", difficulty=None) for _ in range(3)))
        before = learner.check()
        between.watch = change_before_the_events_are_read
        response = pool.request("GET", f"{EXPLAIN}/{learner.name}", token=token)
        assert response.status == 200 and between.watch is None, response
        quiz, query = parts(response.json)["quiz"], learner.explain()
        assert response.json["mastery_score"] == query["mastery_score"]
        if change == "event":
            assert set(ids(quiz)) == set(ids(parts(before)["quiz"]))
            assert quiz["other_share"] == pytest.approx(0.25, abs=1e-6)
        else:
            assert ids(quiz) == [None] and quiz["other_share"] == 0


def processed(engine, learner):
    """Waits until the worker has moved the learner's events to the stream; its key."""
    key = student_key(learner.name, ":events")
    wait_for(lambda: engine.redis().xlen(key) == len(learner.model.events), "events in the stream")
    return key


def test_share_of_what_is_no_longer_stored(engine, learner):
    """The evidence lasts in the state when the log has lost the event."""
    learner.send(*(event("quiz.completed", difficulty=None) for _ in range(4)))
    key = processed(engine, learner)
    (first, _), *_ = engine.redis(decode=False).xrange(key)
    engine.redis().xdel(key, first)
    quiz = parts(learner.explain())["quiz"]
    assert [one["share"] for one in quiz["observations"]] == pytest.approx([0.25] * 3, abs=1e-6)
    assert quiz["other_share"] == pytest.approx(0.25, abs=1e-6)
    engine.redis().delete(key)
    quiz = parts(learner.explain())["quiz"]
    assert (quiz["observations"], quiz["other_share"]) == ([], 1)


@pytest.mark.parametrize("entry", [
    {"e": "nonsense"}, {"e": "{}"}, {"e": "[1]"}, {"x": "y"},
    {"e": json.dumps(event("quiz.completed", score=7))},
])  # fmt: skip
def test_entry_that_is_no_event_is_left_out(engine, learner, entry):
    learner.send(event("quiz.completed"))
    engine.redis().xadd(processed(engine, learner), entry)
    learner.check()


def test_large_events_count(engine, learner):
    """24 events of 900 kB each, with data of their own that the model does not know."""
    learner.send(*(event("quiz.completed", filler=["x"] * 1000, text="y" * 880_000) for _ in range(24)))
    learner.check()
    processed(engine, learner)
    learner.check()


def test_log_of_many_pages(engine, learner):
    """More than the state knows of, as if the state had lost some: the shares still sum to 1."""
    learner.send(event("exercise.completed"))
    key, now = processed(engine, learner), now_ms()
    pipe = engine.redis().pipeline(transaction=False)
    sent = [event("quiz.completed", learner.name, now - n * 1000, difficulty=None) for n in range(1234)]
    for body in sent:
        pipe.xadd(key, {"e": json.dumps(body)})
    pipe.execute()
    quiz = parts(learner.explain())["quiz"]
    assert ids(quiz) == [body["event_id"] for body in sent[:10]]
    shares = [one["share"] for one in quiz["observations"]]
    weights = [2 ** (-n * 1000 / HALF_LIFE_MS) for n in range(1234)]
    assert shares == pytest.approx([weight / sum(weights) for weight in weights[:10]], abs=1e-11)
    assert sum(shares) + quiz["other_share"] == pytest.approx(1, abs=1e-9)


def test_event_dated_ahead_that_a_statement_replaced_does_not_count(engine, learner):
    learner.send(event("quiz.completed", at_ms=now_ms() + 3_000_000))
    processed(engine, learner)
    stated_ms = learner.state(scores(0.5))
    found = parts(learner.explain())
    assert {name: ids(one) for name, one in found.items()} == dict.fromkeys(COMPONENTS, [None])
    body = event("exercise.completed", at_ms=stated_ms)
    learner.send(body)
    found = parts(learner.explain())
    assert ids(found["quiz"]) == [None] and found["quiz"]["other_share"] == 0
    assert ids(found["quality"]) == [None, body["event_id"]]


def test_activity_alone_explains_consistency(learner):
    learner.send(event("content.rated"), event("milestone.reached"))
    found = parts(learner.check())
    assert [found[name]["observations"] for name in EVIDENT] == [[], [], []]
    assert (found["consistency"]["evidence"], found["consistency"]["contribution"]) == (1, 0.1)


# Who may


def test_who_may(admin, as_user, anonymous, learner):
    learner.send(event("quiz.completed"))
    teacher, path = fresh_id("t"), f"{EXPLAIN}/{learner.name}"
    assert explain(as_user(learner.name), learner.name)["student_id"] == learner.name
    assert_problem(as_user(teacher, "teacher").get(path), 403, "FORBIDDEN")
    roster = {"name": "x", "teacher_ids": [teacher], "student_ids": [learner.name]}
    assert_ok(admin.put(f"/api/v1/cohorts/{fresh_id('c')}", roster), 201)
    assert explain(as_user(teacher, "teacher"), learner.name)["student_id"] == learner.name
    assert_problem(as_user(fresh_id()).get(path), 403, "FORBIDDEN")
    assert_problem(anonymous.get(path), 401, "AUTH_ERROR")


def test_without_data_is_404(admin, as_user, student):
    assert_problem(admin.get(f"{EXPLAIN}/{student}"), 404, "NOT_FOUND")
    assert_problem(as_user(student).get(f"{EXPLAIN}/{student}"), 404, "NOT_FOUND")
    consent = {"consent_type": "research", "granted": True}
    assert_ok(admin.post(f"/api/v1/compliance/consent/{student}", consent))
    assert_problem(admin.get(f"{EXPLAIN}/{student}"), 404, "NOT_FOUND")


def test_wrong_id_is_400(admin):
    assert_invalid(admin.get(f"{EXPLAIN}/-%2E"), "student_id")
