# SPDX-License-Identifier: GPL-3.0-or-later
"""GET /api/v1/mastery/topics/{student_id}: what the topic_ids of exercises and quizzes leave."""
import random
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import events
from harness.engine import fresh_id
from harness.expect import assert_invalid, assert_ok, assert_problem
from harness.model import DAY_MS, to_ms
from harness.topic_model import Topics

INGEST = "/api/v1/mastery/ingest"


def url(student, query=""):
    return f"/api/v1/mastery/topics/{student}{query}"


def topics(client, student, query="?limit=256"):
    return assert_ok(client.get(url(student, query)))["topics"]


def send(client, body):
    assert_ok(client.post(INGEST, body), 202)


def quiz(student, names, score=0.5, at_ms=None, **data):
    data = {"questions_total": 10, "questions_correct": round(10 * score), "difficulty": None, **data}
    return events.event("quiz.completed", student, at_ms, score=score, topic_ids=names, **data)


def assert_agrees(client, student, model):
    """What the engine says is what the model says, in the order of the contract."""
    now = events.now_ms()
    found = topics(client, student)
    expected = model.rows(now)
    assert {row["topic_id"] for row in found} == set(expected)
    for row in found:
        of_model = expected[row["topic_id"]]
        assert row["mastery"] == pytest.approx(of_model["mastery"], abs=1e-9), row
        assert row["evidence"] == pytest.approx(of_model["evidence"], rel=1e-4), row  # it decays meanwhile
        assert (row["level"], to_ms(row["last_event_at"])) == (of_model["level"], of_model["last_event_at"])
    assert found == sorted(found, key=lambda row: (row["mastery"], row["topic_id"]))


# The response


def test_every_field_of_the_contract_is_there(admin, student):
    send(admin, quiz(student, ["loops"], 0.9))
    response = admin.get(url(student))
    body = assert_ok(response)
    assert set(body) == {"success", "student_id", "count", "topics", "correlation_id"}
    assert (body["success"], body["student_id"], body["count"]) == (True, student, 1)
    assert body["correlation_id"] == response.headers["X-Request-ID"]
    assert "no-store" in response.headers["Cache-Control"]
    [topic] = body["topics"]
    assert set(topic) == {"topic_id", "mastery", "level", "evidence", "last_event_at"}
    assert (topic["topic_id"], topic["mastery"], topic["level"]) == ("loops", 0.9, "master")


def test_a_student_without_data_is_404(admin, student):
    assert_problem(admin.get(url(student)), 404, "NOT_FOUND")


def test_data_without_topics_is_an_empty_list(engine, admin, student):
    engine.calculate(student, (0.5,) * 4)
    send(admin, events.event("lesson.viewed", student))
    send(admin, quiz(student, []))
    send(admin, quiz(student, None))
    body = assert_ok(admin.get(url(student)))
    assert (body["count"], body["topics"]) == (0, [])


def test_the_weakest_come_first_and_limit_cuts(admin, student):
    now = events.now_ms()
    for number in range(60):
        send(admin, quiz(student, [f"t{number:02}"], (59 - number) / 59, now))
    assert [row["topic_id"] for row in topics(admin, student)] == [f"t{n:02}" for n in range(59, -1, -1)]
    assert [row["topic_id"] for row in topics(admin, student, "")] == [f"t{n:02}" for n in range(59, 9, -1)]
    body = assert_ok(admin.get(url(student, "?limit=2")))
    assert (body["count"], [row["topic_id"] for row in body["topics"]]) == (2, ["t59", "t58"])


def test_equal_topics_are_in_the_order_of_their_ids(admin, student):
    send(admin, quiz(student, ["b", "a", "B", "ab"]))
    assert [row["topic_id"] for row in topics(admin, student)] == ["B", "a", "ab", "b"]


@pytest.mark.parametrize("limit", ["0", "257", "-1", "1.5", "x", "", "99999999999999999999"])
def test_a_limit_out_of_range_is_refused(admin, student, limit):
    assert_invalid(admin.get(url(student, f"?limit={limit}")), "limit")


# What counts


def test_example_of_the_document(admin, student):
    now = events.now_ms()
    send(admin, quiz(student, ["loops"], 1, now - 14 * DAY_MS, questions_total=20, questions_correct=20, difficulty="expert"))
    send(admin, quiz(student, ["strings"], 0, now, difficulty="expert"))
    found = {row["topic_id"]: row["mastery"] for row in topics(admin, student)}
    assert found == {"strings": pytest.approx(1 / 3.5, abs=1e-12), "loops": pytest.approx(2.5 / 3.5, abs=1e-12)}


def test_an_event_has_at_most_twenty_topics(admin, student):
    send(admin, quiz(student, [f"t{n}" for n in range(20)]))
    assert len(topics(admin, student)) == 20
    assert_invalid(admin.post(INGEST, quiz(student, [f"t{n}" for n in range(21)])), "data.topic_ids")


def test_a_repeated_event_counts_once(admin, student):
    body = quiz(student, ["loops"], 0.4)
    other = quiz(student, ["strings"], 0.9)
    for sent in (body, other, body, body):
        send(admin, sent)
    model = Topics()
    model.ingest(body)
    model.ingest(other)
    assert_agrees(admin, student, model)


def test_statements_and_recomputing_leave_topics_alone(engine, admin, student):
    send(admin, quiz(student, ["loops"], 0.4))
    before = topics(admin, student)[0]["mastery"]
    engine.calculate(student, (0.9,) * 4)
    assert_ok(admin.post("/api/v1/process", {"intent": "mastery_calculation", "payload": {"student_id": student}}))
    assert topics(admin, student)[0]["mastery"] == before


def test_an_event_before_the_last_statement_counts_for_its_topics(engine, admin, student):
    engine.calculate(student, (0.9,) * 4)
    send(admin, quiz(student, ["loops"], 0.4, events.now_ms() - 3 * DAY_MS))
    assert topics(admin, student)[0]["mastery"] == 0.4


def test_erasing_a_student_erases_the_topics(engine, admin, student):
    send(admin, quiz(student, ["loops"]))
    assert_ok(admin.delete(f"/api/v1/compliance/student/{student}"))
    assert_problem(admin.get(url(student)), 404, "NOT_FOUND")
    consent = {"consent_type": "data_processing", "granted": True}
    assert admin.post(f"/api/v1/compliance/consent/{student}", consent).status == 200
    engine.calculate(student, (0.5,) * 4)
    assert topics(admin, student) == []


def test_a_damaged_field_is_an_error_until_the_next_event(engine, admin, student):
    send(admin, quiz(student, ["loops"], 0.4))
    redis = engine.redis()
    [key] = redis.scan_iter(f"*student:{student}")
    redis.hset(key, "t", "damaged")
    assert_problem(admin.get(url(student)), 500, "INTERNAL_ERROR")
    assert_ok(admin.post("/api/v1/mastery/query", {"student_id": student}))
    send(admin, quiz(student, ["strings"], 0.4))
    assert [row["topic_id"] for row in topics(admin, student)] == ["strings"]


# Against the model


def random_history(rng, student, count, names):
    bodies = events.random_events(rng, student, count)
    for body in bodies:
        if body["event_type"] in ("exercise.completed", "quiz.completed"):
            body["data"]["topic_ids"] = rng.sample(names, rng.randint(0, min(20, len(names))))
    return bodies


@pytest.mark.parametrize("seed", range(4))
def test_random_histories_agree_with_the_model(engine, admin, seed):
    """Late events in any order, repeats, and statements between them."""
    rng = random.Random(seed)
    student, model = fresh_id(), Topics()
    names = ["loops", "strings", "a" * 64, "Z", "0", "x_y-z"][: rng.randint(1, 6)]
    bodies = random_history(rng, student, 60, names)
    for body in bodies + rng.sample(bodies, 15):
        send(admin, body)
        model.ingest(body)
        if rng.random() < 0.05:
            engine.calculate(student, (rng.random(),) * 4)
    assert_agrees(admin, student, model)


def test_the_order_of_arrival_does_not_matter(admin):
    rng = random.Random(11)
    bodies = random_history(rng, None, 40, ["loops", "strings", "maps"])
    found = []
    for _ in range(3):
        student = fresh_id()
        rng.shuffle(bodies)
        for body in bodies:
            send(admin, {**body, "student_id": student})
        found.append({row["topic_id"]: row["mastery"] for row in topics(admin, student)})
    assert found[1] == pytest.approx(found[0], abs=1e-9) and found[2] == pytest.approx(found[0], abs=1e-9)


def test_of_300_topics_the_most_recently_seen_stay(admin):
    """Each event's ids in the order of time, then late ones."""
    rng = random.Random(5)
    student, model, now = fresh_id(), Topics(), events.now_ms()
    times = sorted(rng.randrange(80 * DAY_MS) for _ in range(60))
    rng.shuffle(times)
    for number, ago in enumerate(times):
        names = [f"topic-{n}" for n in rng.sample(range(300), 12)] + [f"own-{number}"]
        body = quiz(student, names, rng.random(), now - ago)
        body["data"]["questions_correct"] = 5
        send(admin, body)
        model.ingest(body)
    assert len(model.observed) == 256
    assert_agrees(admin, student, model)


def test_bursts_of_one_student_lose_no_observation(engine, admin, student):
    """Writes of one process follow each other without waiting for replies; those of several processes race."""
    bodies = [quiz(student, ["loops", f"t{n}"], 0.5) for n in range(24)]
    with ThreadPoolExecutor(8) as threads:
        responses = list(threads.map(lambda body: engine.admin().post(INGEST, body), bodies))
    assert {response.status for response in responses} == {202}
    evidence = {row["topic_id"]: row["evidence"] for row in topics(admin, student)}
    assert evidence["loops"] == pytest.approx(24, rel=1e-3) and len(evidence) == 25


# Other ways in


def test_cloudevents_name_topics(admin, student):
    body = quiz(student, ["loops"], 0.4)
    envelope = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "tests", "type": "quiz.completed", "data": body}
    response = admin.post("/api/v1/events", envelope, headers={"Content-Type": "application/cloudevents+json"})
    assert response.status == 202, response
    assert [row["topic_id"] for row in topics(admin, student)] == ["loops"]
