# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine whose clock is an hour ahead writes among others: times that are compared are those of
Redis' clock, so no score is frozen until the others reach that hour (hazards X16)."""
import time

import pytest
from harness.ctl import run_ctl
from harness.engine import fresh_id
from harness.events import event, now_ms
from harness.model import scores, to_ms
from harness.prometheus import Scrape
from harness.wait import wait_for

HOUR_S = 3600
MINUTE_MS = 60000


def request(pool, method, path, json=None):
    """By an admin whose token is still valid an hour from now."""
    token = pool.token("root", "admin", exp=int(time.time()) + 4 * HOUR_S)
    return pool.request(method, path, json=json, token=token)


def assert_ok(response, status=200):
    assert response.status == status, response
    return response.json


def ready(pool):
    return request(pool, "GET", "/ready")


def calculate(pool, student, value):
    body = {"student_id": student, "components": scores(value)}
    return assert_ok(request(pool, "POST", "/api/v1/mastery/calculate", body))


def quiz_component(pool, student):
    found = assert_ok(request(pool, "POST", "/api/v1/mastery/query", {"student_id": student}))
    return found["data"]["components"]["quiz"]


def assert_not_frozen(pool, student):
    """An event of now counts."""
    before = quiz_component(pool, student)
    body = event("quiz.completed", student, score=1.0, questions_total=10, questions_correct=10)
    assert_ok(request(pool, "POST", "/api/v1/mastery/ingest", body), 202)
    assert quiz_component(pool, student) > before


def skew_metric(pool):
    return Scrape(request(pool, "GET", "/metrics").text).value("clock_skew_seconds")


@pytest.fixture
def right(start_pool):
    pool = start_pool()
    wait_for(lambda: ready(pool).status == 200, "ready")
    return pool


@pytest.fixture
def ahead(start_pool, clock_ahead):
    pool = start_pool(**clock_ahead(HOUR_S))
    wait_for(lambda: ready(pool).status == 200, "ready")
    return pool


def test_a_statement_made_an_hour_ahead_freezes_no_score(right, ahead, student):
    calculate(right, student, 0.2)
    stored = calculate(ahead, student, 0.3)
    assert_not_frozen(right, student)
    assert abs(now_ms() - to_ms(stored["data"]["calculated_at"])) < MINUTE_MS
    calculate(right, student, 0.4)
    assert_not_frozen(ahead, student)


def test_events_are_judged_by_the_time_that_all_share(right, ahead, student):
    """90 minutes ahead is too far for both, half an hour is not."""
    for pool in (right, ahead):
        for offset_ms, status in ((90 * MINUTE_MS, 400), (30 * MINUTE_MS, 202)):
            body = event("quiz.completed", student, at_ms=now_ms() + offset_ms)
            assert request(pool, "POST", "/api/v1/mastery/ingest", body).status == status


def test_the_skew_is_reported(right, ahead):
    skew = assert_ok(ready(ahead))["clock_skew_ms"]
    assert abs(skew - HOUR_S * 1000) < MINUTE_MS
    assert "clock_skew_ms" not in assert_ok(ready(right))
    assert '"event":"clock.skew"' in ahead.log_path.read_text()
    assert "clock.skew" not in right.log_path.read_text()
    assert abs(skew_metric(ahead) - HOUR_S) < 60
    assert skew_metric(right) < 2


def test_a_clock_that_is_behind_is_corrected_too(right, start_pool, clock_ahead, student):
    behind = start_pool(**clock_ahead(-HOUR_S))
    wait_for(lambda: ready(behind).status == 200, "ready")
    assert abs(assert_ok(ready(behind))["clock_skew_ms"] + HOUR_S * 1000) < MINUTE_MS
    calculate(right, student, 0.2)
    now = time.time()
    token = behind.token("root", "admin", iat=int(now) - 2 * HOUR_S)
    body = event("quiz.completed", student, score=1.0, questions_total=10, questions_correct=10)
    response = behind.request("POST", "/api/v1/mastery/ingest", json=body, token=token)
    assert response.status == 202 and quiz_component(right, student) > 0.2


def test_a_worker_an_hour_ahead_freezes_no_score(right, start_worker, clock_ahead, student):
    start_worker(right, **clock_ahead(HOUR_S))
    batch = {"requests": [{"student_id": student, "components": scores(0.2)}]}
    submitted = request(right, "POST", "/api/v1/batch/mastery", batch)
    path = f"/api/v1/batch/mastery/{submitted.json['batch_id']}"
    status = lambda: request(right, "GET", path).json
    wait_for(lambda: status()["status"] == "completed", "batch done")
    assert_not_frozen(right, student)


def test_a_seed_an_hour_ahead_freezes_no_score(right, clock_ahead):
    student = fresh_id()
    environment = {**right.environment, **clock_ahead(HOUR_S)}
    result = run_ctl(environment, "seed", "--student", student, "--days", 1)
    assert result.returncode == 0, result.stderr
    assert_not_frozen(right, student)
