# SPDX-License-Identifier: GPL-3.0-or-later
"""Consent: given, withdrawn, shown, and what follows when it is withdrawn (docs/privacy.md)."""
import json
import time

import pytest
from harness.batches import Batches, stating
from harness.engine import fresh_id
from harness.events import GOOD, event
from harness.expect import assert_invalid, assert_ok, assert_problem
from harness.model import DAY_MS
from harness.store import dead_letters, put_event_job
from harness.wait import wait_for

CONSENT = "/api/v1/compliance/consent"
SCORES = {"completion": 0.8, "quiz": 0.9, "quality": 0.85, "consistency": 0.7}
TYPES = ["data_processing", "analytics", "research", "communication"]
NEW_DATA = "Consent to data processing has been withdrawn"
ANALYTICS = "Consent to analytics has been withdrawn"


def decide(client, student, kind, granted):
    body = {"consent_type": kind, "granted": granted}
    return assert_ok(client.post(f"{CONSENT}/{student}", body))


def withdraw(client, student, kind):
    return assert_ok(client.post(f"{CONSENT}/{student}/withdraw", {"consent_type": kind}))


def records(client, student):
    response = assert_ok(client.get(f"{CONSENT}/status/{student}"))
    return {record["consent_type"]: record for record in response["consent_records"]}


def refused(response, message):
    assert assert_problem(response, 403, "FORBIDDEN")["message"] == message
    assert "WWW-Authenticate" not in response.headers, "no other token would help"


@pytest.fixture
def learner(engine, student):
    """A student with a score."""
    assert_ok(engine.calculate(student))
    return student


@pytest.fixture
def without_processing(admin, learner):
    decide(admin, learner, "data_processing", False)
    return learner


@pytest.fixture
def without_analytics(admin, learner):
    decide(admin, learner, "analytics", True)
    withdraw(admin, learner, "analytics")
    return learner


# Decisions


@pytest.mark.parametrize("kind", TYPES)
def test_a_decision_is_recorded_and_shown(admin, student, kind):
    given = decide(admin, student, kind, True)
    assert given["granted"] is True and given["version"] == 1 and given["consent_type"] == kind
    withdrawn = withdraw(admin, student, kind)
    assert withdrawn["granted"] is False and withdrawn["version"] == 2
    [record] = records(admin, student).values()
    assert record["version"] == 2 and not record["granted"]
    assert record["recorded_at"] == withdrawn["recorded_at"]
    assert [past["version"] for past in record["history"]] == [1, 2]
    assert [past["granted"] for past in record["history"]] == [True, False]


def test_the_same_decision_again_is_the_one_there_is(admin, student):
    first = decide(admin, student, "research", True)
    again = decide(admin, student, "research", True)
    assert {**again, "correlation_id": 0} == {**first, "correlation_id": 0}
    withdraw(admin, student, "research")
    assert withdraw(admin, student, "research")["version"] == 2
    assert decide(admin, student, "research", False)["version"] == 2


def test_what_was_never_given_cannot_be_withdrawn(admin, learner):
    response = admin.post(f"{CONSENT}/{learner}/withdraw", {"consent_type": "analytics"})
    assert_problem(response, 404, "NOT_FOUND")
    assert records(admin, learner) == {}
    decide(admin, learner, "analytics", False)
    response = admin.post(f"{CONSENT}/{learner}/withdraw", {"consent_type": "analytics"})
    assert_problem(response, 404, "NOT_FOUND")
    decide(admin, learner, "analytics", True)
    assert [withdraw(admin, learner, "analytics")["version"] for _ in range(2)] == [3, 3]


def test_a_decision_may_come_by_the_query(admin, student):
    path = f"{CONSENT}/{student}"
    given = assert_ok(admin.post(f"{path}?consent_type=research&granted=true"))
    assert given["granted"] is True
    assert assert_ok(admin.post(f"{path}/withdraw?consent_type=research"))["granted"] is False


@pytest.mark.parametrize(
    "body, fields",
    [
        ({}, ["consent_type", "granted"]),
        ({"consent_type": "research"}, ["granted"]),
        ({"granted": True}, ["consent_type"]),
        ({"consent_type": "everything", "granted": True}, ["consent_type"]),
        ({"consent_type": "research", "granted": "yes"}, ["granted"]),
    ],
)
def test_a_bad_decision_is_refused(admin, student, body, fields):
    assert_invalid(admin.post(f"{CONSENT}/{student}", body), *fields)
    assert records(admin, student) == {}


def test_a_withdrawal_names_what(admin, student):
    assert_invalid(admin.post(f"{CONSENT}/{student}/withdraw", {}), "consent_type")


def test_history_is_bounded(engine, admin, student):
    for _ in range(103):
        decide(admin, student, "research", True)
        withdraw(admin, student, "research")
    [record] = records(admin, student).values()
    assert record["version"] == 206
    assert [past["version"] for past in record["history"]] == list(range(7, 207))


def test_a_decision_goes_to_the_journal(start_pool, redis_server, student):
    pool, store = start_pool(), redis_server.client()
    body = {"consent_type": "analytics", "granted": True}
    path, token = f"{CONSENT}/{student}", pool.token(student, "student")
    for _ in range(2):
        assert pool.request("POST", path, json=body, token=token).status == 200
    [key] = store.scan_iter("*:journal")
    [[_, fields]] = store.xrange(key)
    entry = json.loads(fields["e"])
    assert entry["kind"] == "consent" and entry["student_id"] == student
    assert entry["consent_type"] == "analytics" and entry["granted"] is True


def test_the_worker_turns_a_decision(engine, admin, student):
    decide(admin, student, "analytics", True)
    store = engine.redis()
    gone = lambda: all(store.xlen(key) == 0 for key in store.scan_iter("*:journal", count=1000))
    wait_for(gone, "journal turned")
    assert student not in json.dumps(dead_letters(store))


# Who may


@pytest.fixture
def classroom(engine, admin, learner):
    """A student, the teacher, and a stranger of each kind."""
    teacher, cohort = fresh_id("t"), fresh_id("c")
    body = {"name": "x", "teacher_ids": [teacher], "student_ids": [learner]}
    assert_ok(admin.put(f"/api/v1/cohorts/{cohort}", body), 201)
    return {"own": (learner, "student"), "teacher": (teacher, "teacher"),
            "other": (fresh_id(), "student"), "stranger": (fresh_id("t"), "teacher"),
            "admin": (fresh_id("a"), "admin")}  # fmt: skip


@pytest.mark.parametrize(
    "caller, may_decide, may_see",
    [
        ("own", True, True),
        ("teacher", False, True),
        ("other", False, False),
        ("stranger", False, False),
        ("admin", True, True),
    ],
)
def test_rights(classroom, as_user, learner, caller, may_decide, may_see):
    client = as_user(*classroom[caller])
    body = {"consent_type": "research", "granted": True}
    given = client.post(f"{CONSENT}/{learner}", body)
    assert given.status == (200 if may_decide else 403)
    taken = client.post(f"{CONSENT}/{learner}/withdraw", body)
    assert taken.status == (200 if may_decide else 403)
    assert client.get(f"{CONSENT}/status/{learner}").status == (200 if may_see else 403)


def test_without_a_token_nothing(anonymous, student):
    body = {"consent_type": "research", "granted": True}
    assert_problem(anonymous.post(f"{CONSENT}/{student}", body), 401)
    assert_problem(anonymous.post(f"{CONSENT}/{student}/withdraw", body), 401)
    assert_problem(anonymous.get(f"{CONSENT}/status/{student}"), 401)


# data_processing withdrawn: nothing new about the student, by no way


def score_of(admin, student):
    body = {"student_id": student, "include_history": True}
    return assert_ok(admin.post("/api/v1/mastery/query", body))["data"]


@pytest.mark.parametrize("way", ["calculate", "ingest", "xapi", "process", "recompute"])
def test_new_data_is_refused(engine, admin, without_processing, way):
    student = without_processing
    before = score_of(admin, student)
    stated = {"student_id": student, "components": SCORES}
    actor = {"account": {"homePage": "https://lms.example.org", "name": student}}
    statement = {
        "actor": actor,
        "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
        "object": {"id": "https://lms.example.org/activities/1",
                   "definition": {"type": "http://adlnet.gov/expapi/activities/assessment"}},
        "result": {"score": {"scaled": 0.5}},
    }  # fmt: skip
    version = {"X-Experience-API-Version": "1.0.3"}
    intent = {"intent": "mastery_calculation", "payload": stated}
    again = {"intent": "mastery_calculation", "payload": {"student_id": student}}
    response = {
        "calculate": lambda: admin.post("/api/v1/mastery/calculate", stated),
        "ingest": lambda: admin.post("/api/v1/mastery/ingest", event(student=student)),
        "xapi": lambda: admin.post("/api/v1/xapi/statements", statement, headers=version),
        "process": lambda: admin.post("/api/v1/process", intent),
        "recompute": lambda: admin.post("/api/v1/process", again),
    }[way]()
    assert response.status == 403 and NEW_DATA in response.text, response
    assert score_of(admin, student) == before


def test_one_statement_about_the_student_refuses_all(engine, admin, without_processing):
    other = fresh_id()
    body = [
        {
            "actor": {"account": {"homePage": "https://lms.example.org", "name": name}},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
            "object": {"id": "https://lms.example.org/activities/1",
                       "definition": {"type": "http://adlnet.gov/expapi/activities/assessment"}},
            "result": {"score": {"scaled": 0.5}},
        }
        for name in (other, without_processing)
    ]  # fmt: skip
    version = {"X-Experience-API-Version": "1.0.3"}
    refused(admin.post("/api/v1/xapi/statements", body, headers=version), NEW_DATA)
    assert_problem(admin.post("/api/v1/mastery/query", {"student_id": other}), 404)


def test_an_event_from_dapr_is_dropped_without_a_trace(engine, admin, without_processing):
    student = without_processing
    before = score_of(admin, student)
    body = event(student=student)
    envelope = {"specversion": "1.0", "id": body["event_id"], "source": "tests",
                "type": "com.dapr.event.sent", "data": body}  # fmt: skip
    headers = {"dapr-api-token": engine.values["APP_API_TOKEN"],
               "Content-Type": "application/cloudevents+json"}  # fmt: skip
    sent = {"body": json.dumps(envelope), "headers": headers}
    assert assert_ok(engine.sidecar().request("POST", "/dapr/events", **sent)) == {"status": "DROP"}
    assert score_of(admin, student) == before
    assert body["event_id"] not in json.dumps(dead_letters(engine.redis()))


def test_a_job_is_dropped_without_a_trace(engine, admin, without_processing):
    store, student = engine.redis(), without_processing
    before = score_of(admin, student)
    body = event(student=student)
    put_event_job(store, body)
    wait_for(lambda: store.xlen("queue:{batch}:high") == 0, "job done")
    assert body["event_id"] not in json.dumps(dead_letters(store))
    assert score_of(admin, student) == before


def test_a_seed_is_refused(engine, admin, without_processing):
    before = score_of(admin, without_processing)
    today = time.strftime("%Y-%m-%d", time.gmtime())
    text = "student_id,date,completion,quiz,quality,consistency\n"
    text += f"{without_processing},{today},0.1,0.1,0.1,0.1\n"
    engine.ctl("seed", "-", text=text, check=False)
    assert score_of(admin, without_processing) == before


def test_feedback_is_refused_and_nothing_recommended_is_kept(admin, learner):
    ask = lambda: assert_ok(
        admin.post("/api/v1/recommendations/adaptive", {"student_id": learner})
    )["recommendations"]
    given = ask()[0]["recommendation_id"]
    decide(admin, learner, "data_processing", False)
    said = {"recommendation_id": given, "completed": True}
    refused(admin.post("/api/v1/recommendations/feedback", said), NEW_DATA)
    path = {"student_id": learner}
    assert_ok(admin.post("/api/v1/recommendations/learning-path", path))
    shown = assert_ok(admin.get(f"/api/v1/recommendations/{learner}/history"))
    assert shown["recommendations"][0]["feedback"] is None


def test_reading_goes_on_and_so_does_writing_when_it_is_given_again(admin, without_processing):
    student = without_processing
    assert_ok(admin.get(f"/api/v1/mastery/history/{student}"))
    body = {"student_id": student}
    assert_ok(admin.post("/api/v1/predictions/next-week", body))
    accuracy = assert_ok(admin.get(f"/api/v1/predictions/accuracy/{student}"))
    assert accuracy["metrics"]["total_predictions"] == 0, "a prediction was kept"
    decide(admin, student, "data_processing", True)
    assert_ok(admin.post("/api/v1/mastery/ingest", event(student=student)), 202)


@pytest.mark.parametrize("kind", ["research", "communication", "analytics"])
def test_other_consents_stop_no_data(admin, learner, kind):
    decide(admin, learner, kind, False)
    assert_ok(admin.post("/api/v1/mastery/ingest", event(student=learner)), 202)


def test_a_student_without_data_can_object_beforehand(engine, admin, student):
    decide(admin, student, "data_processing", False)
    refused(engine.calculate(student), NEW_DATA)
    assert_problem(admin.post("/api/v1/mastery/query", {"student_id": student}), 404)


# analytics withdrawn: no predictions, no comparisons


@pytest.mark.parametrize(
    "path, more",
    [
        ("next-week", {}),
        ("trajectory", {}),
        ("next-week/intervention", {"intervention_type": "tutoring"}),
    ],
)
@pytest.mark.parametrize("prefix", ["/api/v1/predictions", "/api/v1/analytics/predictions"])
def test_predictions_are_refused(admin, without_analytics, prefix, path, more):
    body = {"student_id": without_analytics, **more}
    refused(admin.post(f"{prefix}/{path}", body), ANALYTICS)


def test_accuracy_is_refused(admin, without_analytics):
    refused(admin.get(f"/api/v1/predictions/accuracy/{without_analytics}"), ANALYTICS)


def test_a_kept_prediction_is_refused_too(admin, learner):
    body = {"student_id": learner}
    assert_ok(admin.post("/api/v1/predictions/next-week", body))
    decide(admin, learner, "analytics", False)
    refused(admin.post("/api/v1/predictions/next-week", body), ANALYTICS)
    decide(admin, learner, "analytics", True)
    assert_ok(admin.post("/api/v1/predictions/next-week", body))


def test_the_intent_of_a_prediction_is_refused(admin, without_analytics):
    body = {"intent": "get_prediction", "payload": {"student_id": without_analytics}}
    response = admin.post("/api/v1/process", body)
    assert response.status == 403 and response.json["metadata"]["error_code"] == "SECURITY_ERROR"


@pytest.fixture
def others(engine):
    """Students to be compared with."""
    names = [fresh_id() for _ in range(4)]
    for place, name in enumerate(names):
        assert_ok(engine.calculate(name, (0.2 * place + 0.1,) * 4))
    return names


@pytest.mark.parametrize("body", [lambda ids: {"student_ids": ids}, stating], ids=["stored", "stated"])
@pytest.mark.parametrize("kind", ["analytics", "data_processing"])
def test_a_batch_leaves_him_out_and_says_so(admin, learner, others, kind, body):
    decide(admin, learner, kind, False)
    before, batches = score_of(admin, learner), Batches(admin)
    batch = batches.submit(body([learner, *others]))
    assert batches.wait(batch)["failed_count"] == 1
    for result in batches.results(batch):
        assert result["success"] == (result["student_id"] != learner)
        assert result["success"] or "has been withdrawn" in result["error_message"]
    assert score_of(admin, learner) == before


def test_comparing_students_lists_him_as_missing(admin, without_analytics, others):
    body = {"student_ids": [*others[:2], without_analytics]}
    response = assert_ok(admin.post("/api/v1/analytics/compare/students", body))
    assert response["metadata"]["missing"] == [without_analytics]
    assert {row["student_id"] for row in response["rankings"]} == set(others[:2])
    assert without_analytics not in response["comparisons"]


@pytest.mark.parametrize("dated", [False, True])
def test_comparing_cohorts_lists_him_as_missing(admin, without_analytics, others, dated):
    today = time.strftime("%Y-%m-%d", time.gmtime())
    body = {
        "cohort_a_student_ids": [*others[:2], without_analytics],
        "cohort_b_student_ids": others[2:],
        **({"comparison_date": today} if dated else {}),
    }
    response = assert_ok(admin.post("/api/v1/analytics/compare/cohorts", body))
    assert response["metadata"]["missing"] == [without_analytics]
    assert without_analytics not in response["percentile_rankings"]
    assert response["cohort_a_stats"]["count"] == 2


def test_comparing_him_with_a_cohort_is_refused(admin, without_analytics, others):
    cohort = fresh_id("c")
    roster = {"name": "x", "teacher_ids": [], "student_ids": [*others, without_analytics]}
    assert_ok(admin.put(f"/api/v1/cohorts/{cohort}", roster), 201)
    body = {"student_id": without_analytics, "cohort_id": cohort, "metric": "overall"}
    refused(admin.post("/api/v1/analytics/compare", body), ANALYTICS)
    body["student_id"] = others[0]
    response = assert_ok(admin.post("/api/v1/analytics/compare", body))
    assert response["total_students"] == len(others), "he is compared with all the same"


def test_the_backtest_leaves_him_out(engine, admin):
    cohort, students = fresh_id("c"), [fresh_id() for _ in range(2)]
    now = int(time.time() * 1000)
    rows = [
        (name, time.strftime("%Y-%m-%d", time.gmtime((now - age * DAY_MS) / 1000)), *[0.5] * 4)
        for name in students
        for age in range(30)
    ]
    engine.seed(rows)
    roster = {"name": "x", "teacher_ids": [], "student_ids": students}
    assert_ok(admin.put(f"/api/v1/cohorts/{cohort}", roster), 201)
    assert "2 students;" in engine.ctl("backtest", "--cohort", cohort)
    decide(admin, students[0], "analytics", False)
    assert "1 students;" in engine.ctl("backtest", "--cohort", cohort)


def test_his_own_history_stays_readable(admin, without_analytics):
    assert_ok(admin.get(f"/api/v1/mastery/history/{without_analytics}"))
    assert_ok(admin.get(f"/api/v1/mastery/statistics/{without_analytics}"))
    assert_ok(admin.get(f"/api/v1/mastery/topics/{without_analytics}"))


def test_rights_come_before_consent(as_user, without_analytics):
    body = {"student_id": without_analytics}
    response = as_user(fresh_id()).post("/api/v1/predictions/next-week", body)
    assert ANALYTICS not in response.text and response.status == 403
    body = event("quiz.completed", student=without_analytics, **GOOD["quiz.completed"])
    assert as_user(fresh_id()).post("/api/v1/mastery/ingest", body).status == 403
