# SPDX-License-Identifier: GPL-3.0-or-later
"""GET /api/v1/mastery/history/{student_id} and /statistics/{student_id}."""
from datetime import datetime, timedelta, timezone

import pytest
from harness.engine import fresh_id
from harness.expect import assert_invalid, assert_ok, assert_problem, assert_time


def day(days_ago):
    return (datetime.now(timezone.utc) - timedelta(days=days_ago)).strftime("%Y-%m-%d")


@pytest.fixture(scope="module")
def learner(engine):
    """Scores rising by a hundredth a day over the last 90 days."""
    student = fresh_id()
    rows = []
    for ago in range(89, -1, -1):
        score = round(0.9 - ago / 100, 2)
        rows.append((student, day(ago), score, score, score, score))
    engine.seed(rows)
    return student


def history(client, student, query=""):
    return assert_ok(client.get(f"/api/v1/mastery/history/{student}{query}"))


def statistics(client, student):
    return assert_ok(client.get(f"/api/v1/mastery/statistics/{student}"))["statistics"]


def test_default_window_is_seven_days(admin, learner):
    body = history(admin, learner)
    assert (body["days"], body["history_count"], len(body["history"])) == (7, 7, 7)


@pytest.mark.parametrize("days", [1, 2, 30, 89, 90])
def test_window_is_the_last_days_today_included_oldest_first(admin, learner, days):
    body = history(admin, learner, f"?days={days}")
    assert body["days"] == body["history_count"] == days
    assert [entry["date"] for entry in body["history"]] == [
        day(ago) for ago in range(days - 1, -1, -1)
    ]


def test_every_field_of_the_contract_is_there(admin, learner):
    response = admin.get(f"/api/v1/mastery/history/{learner}")
    body = assert_ok(response)
    assert set(body) == {
        "success",
        "student_id",
        "days",
        "history_count",
        "history",
        "correlation_id",
    }
    assert body["success"] is True and body["student_id"] == learner
    assert body["correlation_id"] == response.headers["X-Request-ID"]
    assert "no-store" in response.headers["Cache-Control"]
    for entry in body["history"]:
        assert set(entry) == {"date", "mastery_score", "level", "components", "sample_size"}
        assert entry["sample_size"] >= 1


def test_daily_scores_are_those_that_were_stored(admin, learner):
    entries = history(admin, learner, "?days=90")["history"]
    for ago, entry in zip(range(89, -1, -1), entries):
        score = round(0.9 - ago / 100, 2)
        assert entry["mastery_score"] == score
        assert entry["components"]["quiz"] == pytest.approx(score, abs=1e-12)


def test_without_data_is_an_empty_list(admin, student):
    body = history(admin, student, "?days=30")
    assert (body["history_count"], body["history"], body["days"]) == (0, [], 30)


@pytest.mark.parametrize(
    "days",
    ["0", "91", "-1", "1.5", "x", "", "7x", "%37%00", "99999999999999999999", "0x7", "1e400"],
)
def test_days_out_of_range_or_not_a_number_is_refused(admin, student, days):
    response = admin.get(f"/api/v1/mastery/history/{student}?days={days}")
    assert_invalid(response, "days")


@pytest.mark.parametrize("bad", [".b", "~b", "x" * 129, "a,b", ":b", "a;b", "@b", "+b", "=b", "|b", "a!b"])
@pytest.mark.parametrize("route", ["history", "statistics"])
def test_ids_that_are_none_are_refused(admin, route, bad):
    assert_invalid(admin.get(f"/api/v1/mastery/{route}/{bad}"), "student_id")


@pytest.mark.parametrize("good", ["x" * 128, "-", "_", "0", "A-z_9", "a.b", "a~b", "a:b", "a@b", "a+b", "a=b", "a|b", "-.~@:|+=-"])
def test_ids_of_the_contract_are_taken(admin, good):
    assert history(admin, good)["student_id"] == good


def test_several_statements_of_a_day_are_one_entry(engine, admin, student):
    for score in (0.2, 0.4, 0.6):
        engine.calculate(student, (score,) * 4)
    [entry] = history(admin, student)["history"]
    assert (entry["mastery_score"], entry["sample_size"]) == (0.6, 3)


def test_statistics_without_data_is_404(admin, student):
    response = admin.get(f"/api/v1/mastery/statistics/{student}")
    assert_problem(response, 404, "NOT_FOUND")


def test_statistics_have_every_field_of_the_contract(admin, learner):
    response = admin.get(f"/api/v1/mastery/statistics/{learner}")
    body = assert_ok(response)
    assert set(body) == {"success", "statistics", "correlation_id"}
    assert set(body["statistics"]) == {
        "student_id",
        "current_mastery",
        "historical_average",
        "trend",
        "activity",
        "history_length",
    }
    assert set(body["statistics"]["activity"]) == {
        "last_updated",
        "recent_exercises",
        "recent_quizzes",
        "days_active",
        "current_streak",
        "max_streak",
    }
    assert_time(body["statistics"]["activity"]["last_updated"])
    assert "no-store" in response.headers["Cache-Control"]


def test_statistics_count_history_and_know_the_trend(admin, learner):
    found = statistics(admin, learner)
    assert found["student_id"] == learner
    assert found["history_length"] == 90
    assert found["trend"] == "improving"
    current = found["current_mastery"]
    assert (current["mastery_score"] if isinstance(current, dict) else current) == 0.9


def test_statistics_of_one_statement(engine, admin, student):
    engine.calculate(student)
    found = statistics(admin, student)
    assert (found["historical_average"], found["trend"], found["history_length"]) == (0.83, None, 1)
