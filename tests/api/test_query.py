# SPDX-License-Identifier: GPL-3.0-or-later
"""POST /api/v1/mastery/query: options, trend, averages, the cache header."""
from datetime import datetime, timedelta, timezone

import pytest
from harness.engine import fresh_id
from harness.expect import assert_ok, assert_problem

PATH = "/api/v1/mastery/query"


def day(days_ago):
    return (datetime.now(timezone.utc) - timedelta(days=days_ago)).strftime("%Y-%m-%d")


def seed_days(engine, scores_by_days_ago):
    """A student whose four components were all at the score on each of the days; its id."""
    student = fresh_id()
    rows = [
        (student, day(ago), score, score, score, score)
        for ago, score in sorted(scores_by_days_ago.items(), reverse=True)
    ]
    engine.seed(rows)
    return student


def query(client, student, **options):
    return assert_ok(client.post(PATH, {"student_id": student, **options}))


def test_without_any_data_is_404(admin, student):
    assert_problem(admin.post(PATH, {"student_id": student}), 404, "NOT_FOUND")


def test_stored_result_is_a_cache_hit(engine, admin, student):
    engine.calculate(student)
    response = admin.post(PATH, {"student_id": student})
    assert assert_ok(response)["success"] is True
    assert response.headers["X-Cache"] == "HIT"
    assert "no-store" in response.headers["Cache-Control"]


def test_metadata_names_request_student_and_time(engine, admin, student):
    engine.calculate(student)
    response = admin.post(PATH, {"student_id": student}, headers={"X-Request-ID": "asked-by-me"})
    metadata = assert_ok(response)["metadata"]
    assert metadata["correlation_id"] == "asked-by-me"
    assert metadata["student_id"] == student
    assert "query_time" in metadata


def test_components_are_there_by_default_and_left_out_on_request(engine, admin, student):
    engine.calculate(student)
    assert "components" in query(admin, student)["data"]
    assert "components" in query(admin, student, include_components=True)["data"]
    slim = query(admin, student, include_components=False)
    assert "components" not in slim["data"]
    assert (slim["mastery_score"], slim["data"]["mastery_score"]) == (0.83, 0.83)


def test_history_is_there_only_on_request(engine, admin, student):
    engine.calculate(student)
    assert "history" not in query(admin, student)
    assert "history" not in query(admin, student, include_history=False)
    assert len(query(admin, student, include_history=True)["history"]) == 1


@pytest.mark.parametrize("days", [1, 3, 7, 30, 90])
def test_history_is_that_of_get_history_for_the_same_window(engine, admin, days):
    student = seed_days(engine, {ago: 0.5 for ago in range(0, 89, 2)})
    asked = query(admin, student, include_history=True, days_history=days)
    shown = assert_ok(admin.get(f"/api/v1/mastery/history/{student}?days={days}"))
    assert asked["history"] == shown["history"]
    assert len(asked["history"]) == (days + 1) // 2


def test_whole_number_written_as_a_fraction_counts_as_whole(engine, admin, student):
    engine.calculate(student)
    body = f'{{"student_id":"{student}","days_history":7.0}}'
    response = admin.post(PATH, body=body, headers={"Content-Type": "application/json"})
    assert_ok(response)


@pytest.mark.parametrize(
    "scores, trend",
    [
        ({0: 0.5}, None),
        ({3: 0.5, 0: 0.53}, "improving"),
        ({3: 0.53, 0: 0.5}, "declining"),
        ({3: 0.5, 0: 0.52}, "stable"),
        ({3: 0.52, 0: 0.5}, "stable"),
        ({3: 0.5, 0: 0.5}, "stable"),
        ({6: 0.2, 3: 0.9, 0: 0.2}, "stable"),
        ({8: 0.1, 3: 0.5, 0: 0.5}, "stable"),
        ({8: 0.1, 0: 0.9}, None),
    ],
)
def test_trend_is_last_less_first_day_of_the_window(engine, admin, scores, trend):
    student = seed_days(engine, scores)
    assert query(admin, student)["trend"] == trend


def test_trend_and_average_follow_the_window_asked_for(engine, admin):
    student = seed_days(engine, {20: 0.2, 5: 0.6, 0: 0.7})
    assert query(admin, student, days_history=1)["trend"] is None
    assert query(admin, student, days_history=1)["historical_average"] == 0.7
    assert query(admin, student, days_history=7)["historical_average"] == 0.65
    assert query(admin, student, days_history=30)["historical_average"] == 0.5


def test_window_includes_today_and_its_first_day(engine, admin):
    student = seed_days(engine, {7: 0.1, 6: 0.5, 0: 0.7})
    dates = [entry["date"] for entry in query(admin, student, include_history=True)["history"]]
    assert dates == [day(6), day(0)]


def test_date_asks_for_the_result_of_that_day(engine, admin):
    student = seed_days(engine, {5: 0.3, 2: 0.6, 0: 0.9})
    past = query(admin, student, date=day(2))
    assert (past["mastery_score"], past["level"]) == (0.6, "proficient")
    assert query(admin, student, date=day(5))["mastery_score"] == 0.3
    assert query(admin, student, date=day(0))["mastery_score"] == 0.9


def test_date_before_any_data_is_404(engine, admin):
    student = seed_days(engine, {2: 0.6, 0: 0.9})
    response = admin.post(PATH, {"student_id": student, "date": day(30)})
    assert_problem(response, 404, "NOT_FOUND")


def test_unknown_fields_are_ignored(engine, admin, student):
    engine.calculate(student)
    assert query(admin, student, colour="blue", role="admin")["mastery_score"] == 0.83


def test_answer_is_the_same_from_every_process(engine, student):
    engine.calculate(student)
    responses = []
    for _ in range(20):
        with_own_connection = engine.admin()
        responses.append(query(with_own_connection, student)["data"])
        with_own_connection.close()
    assert all(response == responses[0] for response in responses)
