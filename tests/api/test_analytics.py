# SPDX-License-Identifier: GPL-3.0-or-later
"""/api/v1/analytics about one student: mastery-history, comprehensive, config; numbers are held
against an independent model (harness/statistics_model)."""
from datetime import date, datetime, timedelta, timezone

import pytest
from harness.engine import fresh_id
from harness.expect import assert_invalid, assert_ok, assert_problem
from harness.histories import Histories, assert_sound, shapes, today
from harness.model import COMPONENTS
from harness.statistics_model import (
    aggregate,
    level_of,
    overall_trend,
    summary,
    volatility,
)

ANALYTICS = "/api/v1/analytics"
BOTH = ["mastery-history", "comprehensive"]
SHAPES = list(shapes())


def near(value):
    return pytest.approx(float(value), rel=1e-9, abs=1e-12)


@pytest.fixture(scope="module")
def histories(engine):
    return Histories(engine, seed=20260202)


def ask(client, path, student, **body):
    return client.post(f"{ANALYTICS}/{path}", {"student_id": student, **body})


def assert_summary(found, values):
    expected = summary(values)
    assert set(found) == set(expected)
    assert found["count"] == expected["count"]
    for name in ("mean", "median", "std_dev", "min_value", "max_value"):
        assert found[name] == near(expected[name]), name
    assert set(found["percentiles"]) == {"25", "50", "75", "90", "95"}
    for percent, value in expected["percentiles"].items():
        assert found["percentiles"][percent] == near(value), percent


# Mastery history


@pytest.mark.parametrize("aggregation", ["daily", "weekly", "monthly"])
@pytest.mark.parametrize("days", [1, 7, 30, 90])
@pytest.mark.parametrize("shape", SHAPES)
def test_history_is_the_mean_of_each_period(admin, histories, shape, days, aggregation):
    body = assert_ok(
        ask(admin, "mastery-history", histories.ids[shape], days=days, aggregation=aggregation)
    )
    scores = aggregate(histories.scores(shape, days), aggregation)
    components = aggregate(histories.components(shape, days), aggregation)
    assert [entry["date"] for entry in body["data"]] == [d.isoformat() for d in scores]
    for entry in body["data"]:
        first = date.fromisoformat(entry["date"])
        assert entry["mastery_score"] == near(scores[first])
        assert entry["level"] == level_of(entry["mastery_score"])
        for name, value in zip(COMPONENTS, components[first]):
            assert entry["components"][name] == near(value)
    assert sum(e["sample_size"] for e in body["data"]) == len(histories.scores(shape, days))
    assert body["count"] == len(body["data"])
    assert body["metadata"]["days_with_data"] == len(histories.scores(shape, days))
    assert_summary(body["statistics"], list(scores.values()))
    assert_sound(body)


def test_the_window_ends_today(admin, histories):
    body = assert_ok(ask(admin, "mastery-history", histories.ids["ninety days"], days=7))
    assert body["end_date"] == histories.today.isoformat()
    assert body["start_date"] == (histories.today - timedelta(days=6)).isoformat()
    assert body["aggregation"] == "daily" and body["count"] == 7


def test_without_a_period_it_is_thirty_days(admin, histories):
    assert assert_ok(ask(admin, "mastery-history", histories.ids["ninety days"]))["count"] == 30


@pytest.mark.parametrize("first, last", [(89, 0), (60, 31), (10, 10), (0, 0), (90, 80), (5, -1)])
def test_dates_are_both_included(admin, histories, first, last):
    dates = {
        "start_date": (histories.today - timedelta(days=first)).isoformat(),
        "end_date": (histories.today - timedelta(days=last)).isoformat(),
    }
    body = assert_ok(ask(admin, "mastery-history", histories.ids["ninety days"], **dates))
    assert {name: body[name] for name in dates} == dates
    assert body["count"] == min(first, 89) - max(last, 0) + 1


@pytest.mark.parametrize(
    "first, last, count",
    [("0001-01-01", "9999-12-31", 90), (400, -400, 90), (91, 85, 5), ("2001-01-01", "2001-02-01", 0), (-30, -40, 0)],
)
def test_periods_may_be_longer_than_what_is_kept(admin, histories, first, last, count):
    def day(which):
        return which if isinstance(which, str) else (histories.today - timedelta(days=which)).isoformat()

    dates = {"start_date": day(first), "end_date": day(last)}
    for path in BOTH:
        body = assert_ok(ask(admin, path, histories.ids["ninety days"], **dates))
        shown = body if path == "mastery-history" else body["period"]
        assert {name: shown[name] for name in dates} == dates
        assert body["metadata"]["days_with_data"] == count


def test_weeks_are_iso_weeks_and_months_calendar_months(admin, histories):
    student = histories.ids["ninety days"]
    weekly = assert_ok(ask(admin, "mastery-history", student, days=90, aggregation="weekly"))
    assert all(date.fromisoformat(e["date"]).isoweekday() == 1 for e in weekly["data"])
    assert 13 <= weekly["count"] <= 14
    monthly = assert_ok(ask(admin, "mastery-history", student, days=90, aggregation="monthly"))
    assert all(e["date"].endswith("-01") for e in monthly["data"])
    assert 3 <= monthly["count"] <= 4


def test_components_count_where_there_is_evidence(engine, admin, student):
    """A quiz today, and nothing else: the other components are not known, and not in means."""
    event = {
        "event_id": fresh_id("event"),
        "event_type": "quiz.completed",
        "student_id": student,
        "timestamp": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "data": {
            "quiz_id": "q",
            "score": 0.9,
            "questions_total": 10,
            "questions_correct": 9,
            "time_spent_seconds": 60,
        },
    }
    assert admin.post("/api/v1/mastery/ingest", event).status == 202
    [entry] = assert_ok(ask(admin, "mastery-history", student, aggregation="weekly"))["data"]
    assert entry["components"]["quiz"] == near(0.9)
    assert entry["components"]["completion"] == 0
    trends = assert_ok(ask(admin, "comprehensive", student))["component_trends"]
    assert trends == {
        "completion": None,
        "quiz": "stable",
        "quality": None,
        "consistency": "stable",
    }


def test_every_field_of_history_is_there(admin, histories):
    body = assert_ok(ask(admin, "mastery-history", histories.ids["calm"]))
    assert set(body) == {
        "success", "student_id", "start_date", "end_date", "aggregation", "count", "data",
        "statistics", "metadata", "correlation_id",
    }  # fmt: skip
    for entry in body["data"]:
        assert set(entry) == {"date", "mastery_score", "level", "components", "sample_size"}


def test_history_without_data_is_an_empty_list(admin, student):
    body = assert_ok(ask(admin, "mastery-history", student))
    assert body["count"] == 0 and body["data"] == []
    assert_summary(body["statistics"], [])


def test_history_has_an_alias(admin, histories):
    body = {"student_id": histories.ids["calm"], "aggregation": "weekly"}
    one = assert_ok(admin.post(f"{ANALYTICS}/history", body))
    other = assert_ok(admin.post(f"{ANALYTICS}/mastery-history", body))
    for same in (one, other):
        same.pop("correlation_id")
        same.pop("metadata")
    assert one == other


# Comprehensive


@pytest.mark.parametrize("days", [2, 30, 90])
@pytest.mark.parametrize("shape", [name for name in SHAPES if name != "empty"])
def test_comprehensive_tells_trend_and_steadiness(admin, histories, shape, days):
    body = assert_ok(ask(admin, "comprehensive", histories.ids[shape], days=days))
    scores = [score for _, score in sorted(histories.scores(shape, days).items())]
    assert_summary(body["summary"], scores)
    expected = volatility(scores)
    assert body["volatility"] == near(expected)
    assert body["consistency_score"] == near(1 / (1 + 10 * expected))
    assert body["trend"] == overall_trend(scores)
    for name in COMPONENTS:
        values = [v for _, v in sorted(histories.component(shape, name, days).items())]
        assert body["component_trends"][name] == (overall_trend(values) if values else None)
    assert_sound(body)


def test_comprehensive_summary_follows_the_aggregation(admin, histories):
    student = histories.ids["ninety days"]
    body = assert_ok(ask(admin, "comprehensive", student, days=90, aggregation="weekly"))
    weeks = list(aggregate(histories.scores("ninety days"), "weekly").values())
    assert_summary(body["summary"], weeks)
    assert body["period"]["aggregation"] == "weekly" and body["period"]["days"] == 90
    daily = assert_ok(ask(admin, "comprehensive", student, days=90))
    assert body["volatility"] == daily["volatility"] and body["trend"] == daily["trend"]


def test_every_field_of_comprehensive_is_there(admin, histories):
    body = assert_ok(ask(admin, "comprehensive", histories.ids["wild"], days=40))
    assert set(body) == {
        "success", "student_id", "period", "summary", "trend", "volatility", "consistency_score",
        "component_trends", "metadata", "correlation_id",
    }  # fmt: skip
    assert body["trend"] == "inconsistent"
    assert set(body["period"]) == {"start_date", "end_date", "days", "aggregation"}


def test_comprehensive_of_nobody_is_404(admin, student):
    assert_problem(ask(admin, "comprehensive", student), 404, "NOT_FOUND")


def test_comprehensive_of_a_quiet_time_is_stable(admin, histories):
    body = assert_ok(ask(admin, "comprehensive", histories.ids["old"], days=7))
    assert body["summary"]["count"] == 0 and body["trend"] == "stable"
    assert (body["volatility"], body["consistency_score"]) == (0, 1)


def test_config_says_what_is_in_force(admin, anonymous):
    config = assert_ok(admin.get(f"{ANALYTICS}/config"))["config"]
    assert config["aggregations"] == ["daily", "weekly", "monthly"]
    assert config["history_days"] == 90 and config["cohort_max_students"] == 1000
    assert_problem(anonymous.get(f"{ANALYTICS}/config"), 401)


# Refusals


def iso(days_ago):
    return (today() - timedelta(days=days_ago)).isoformat()


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize(
    "body, fields",
    [
        ({"days": 0}, ["days"]),
        ({"days": 91}, ["days"]),
        ({"days": "7"}, ["days"]),
        ({"days": 1.5}, ["days"]),
        ({"start_date": iso(3)}, ["end_date"]),
        ({"end_date": iso(3)}, ["start_date"]),
        ({"start_date": iso(3), "end_date": iso(4)}, ["start_date"]),
        ({"start_date": iso(3), "end_date": iso(1), "days": 3}, ["days"]),
        ({"start_date": "yesterday", "end_date": iso(1)}, ["start_date"]),
        ({"start_date": "2026-02-30", "end_date": 5}, ["start_date", "end_date"]),
        ({"start_date": iso(1) + "T00:00:00Z", "end_date": iso(1)}, ["start_date"]),
        ({"aggregation": "yearly"}, ["aggregation"]),
        ({"aggregation": "Daily"}, ["aggregation"]),
        ({"aggregation": None}, ["aggregation"]),
        ({"days": 100, "aggregation": 1, "student_id": "a b"}, ["days", "aggregation", "student_id"]),
    ],
)
def test_bad_periods_are_refused(admin, student, path, body, fields):
    response = admin.post(f"{ANALYTICS}/{path}", {"student_id": student, **body})
    assert_invalid(response, *fields)


@pytest.mark.parametrize("path", BOTH)
def test_a_student_must_be_named(admin, path):
    assert_invalid(admin.post(f"{ANALYTICS}/{path}", {}), "student_id")


@pytest.mark.parametrize("path", BOTH)
def test_rights(engine, as_user, path):
    own, other, teacher = fresh_id(), fresh_id(), fresh_id("t")
    for student in (own, other):
        engine.calculate(student)
    roster = {"name": "x", "teacher_ids": [teacher], "student_ids": [own]}
    assert_ok(engine.admin().put(f"/api/v1/cohorts/{fresh_id('c')}", roster), 201)
    for client in (as_user(own), as_user(teacher, "teacher")):
        assert_ok(ask(client, path, own))
        for refused in (other, fresh_id()):
            assert_problem(ask(client, path, refused), 403, "FORBIDDEN")
    assert_problem(ask(engine.client(), path, own), 401)
