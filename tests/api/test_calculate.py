# SPDX-License-Identifier: GPL-3.0-or-later
"""POST /api/v1/mastery/calculate: the numbers, and that what is answered is what is stored."""
import random

import pytest
from harness.engine import fresh_id
from harness.expect import assert_invalid, assert_ok, assert_time
from harness.model import COMPONENTS

DEFAULT_WEIGHTS = (0.4, 0.3, 0.2, 0.1)


def calculate(engine, scores, weights=None, student=None):
    return assert_ok(engine.calculate(student or fresh_id(), scores, weights))


@pytest.mark.parametrize(
    "scores, score, level",
    [
        ((0.8, 0.9, 0.85, 0.7), 0.83, "master"),
        ((0.9, 0.85, 0.75, 0.65), 0.83, "master"),
        ((0.85, 0.90, 0.75, 0.80), 0.84, "master"),
        ((0, 0, 0, 0), 0, "novice"),
        ((1, 1, 1, 1), 1, "master"),
        ((0.399999999999,) * 4, 0.399999999999, "novice"),
        ((0.39999999999999,) * 4, 0.4, "developing"),
        ((0.4,) * 4, 0.4, "developing"),
        ((0.599999999999,) * 4, 0.599999999999, "developing"),
        ((0.5999999999999996,) * 4, 0.6, "proficient"),
        ((0.6,) * 4, 0.6, "proficient"),
        ((0.799999999999,) * 4, 0.799999999999, "proficient"),
        ((0.79999999999999,) * 4, 0.8, "master"),
        ((0.8,) * 4, 0.8, "master"),
        ((1, 0, 0, 0), 0.4, "developing"),
        ((0, 1, 0, 0), 0.3, "novice"),
        ((0, 0, 1, 0), 0.2, "novice"),
        ((0, 0, 0, 1), 0.1, "novice"),
        ((1, 0, 1, 0), 0.6, "proficient"),
        ((1, 1, 0, 1), 0.8, "master"),
    ],
)
def test_score_and_level_with_default_weights(engine, scores, score, level):
    response = calculate(engine, scores)
    assert (response["mastery_score"], response["level"]) == (score, level)
    assert (response["data"]["mastery_score"], response["data"]["level"]) == (score, level)


@pytest.mark.parametrize(
    "weights, score",
    [
        ((0.25, 0.25, 0.25, 0.25), 0.5),
        ((1, 0, 0, 0), 0.2),
        ((0, 0, 0, 1), 0.8),
        ((0.1, 0.2, 0.3, 0.4), 0.6),
        ((0.401, 0.3, 0.2, 0.1), 0.4002),
        ((0.399, 0.3, 0.2, 0.1), 0.3998),
    ],
)
def test_custom_weights_are_used_as_sent(engine, weights, score):
    response = calculate(engine, (0.2, 0.4, 0.6, 0.8), weights)
    assert response["mastery_score"] == score
    assert response["data"]["breakdown"]["weights"] == dict(zip(COMPONENTS, weights))


@pytest.mark.parametrize("last", [0.1011, 0.0989, 0.2, 0])
def test_weights_that_do_not_sum_to_one_are_refused(engine, student, last):
    response = engine.calculate(student, weights=(0.4, 0.3, 0.2, last))
    assert_invalid(response, "weights")


def test_score_is_limited_to_one_when_weights_sum_to_more(engine):
    response = calculate(engine, (1, 1, 1, 1), (0.401, 0.3, 0.2, 0.1))
    assert response["mastery_score"] == 1
    assert response["data"]["breakdown"]["weighted_sum"] == 1.001


def test_scores_are_rounded_to_twelve_decimals_like_the_exact_value(engine):
    rng = random.Random(20260115)
    for _ in range(60):
        scores = [rng.random() for _ in COMPONENTS]
        response = calculate(engine, scores)
        exact = sum(score * weight for score, weight in zip(scores, DEFAULT_WEIGHTS))
        assert response["mastery_score"] == round(exact, 12), scores


def test_numbers_are_printed_as_the_shortest_decimal(engine, student):
    text = engine.calculate(student).text
    assert '"mastery_score":0.83,' in text.replace(" ", "")
    assert "0.8300000" not in text and "0.829999" not in text


@pytest.mark.parametrize("sent", [0.123456789012, 0.1234567890123456, 1e-7, 0.1 + 0.2])
def test_components_are_kept_as_sent(engine, sent):
    response = calculate(engine, (sent, 0.5, 0.5, 0.5))
    assert response["data"]["components"]["completion"] == sent


def test_answer_has_every_field_of_the_contract(engine, student):
    response = engine.calculate(student)
    body = assert_ok(response)
    assert {"success", "student_id", "mastery_score", "level", "data"} <= set(body)
    assert {"historical_average", "trend", "metadata"} <= set(body)
    assert body["success"] is True and body["student_id"] == student
    assert set(body["metadata"]) >= {"correlation_id", "query_time", "student_id"}
    assert body["metadata"]["correlation_id"] == response.headers["X-Request-ID"]
    assert body["metadata"]["student_id"] == student


def test_mastery_result_has_every_field_of_the_contract(engine, student):
    data = assert_ok(engine.calculate(student))["data"]
    assert set(data) == {
        "student_id",
        "mastery_score",
        "level",
        "components",
        "breakdown",
        "evidence",
        "calculated_at",
        "version",
    }
    assert data["student_id"] == student and data["version"] == "1.0.0"
    assert data["components"] == dict(zip(COMPONENTS, (0.8, 0.9, 0.85, 0.7)))
    assert set(data["breakdown"]) == {*COMPONENTS, "weighted_sum", "weights"}
    assert data["breakdown"]["weights"] == dict(zip(COMPONENTS, DEFAULT_WEIGHTS))
    assert data["breakdown"]["weighted_sum"] == 0.83
    assert set(data["evidence"]) == set(COMPONENTS)
    assert_time(data["calculated_at"])


def test_breakdown_is_component_times_weight(engine):
    data = calculate(engine, (0.8, 0.9, 0.85, 0.7))["data"]
    expected = {"completion": 0.32, "quiz": 0.27, "quality": 0.17, "consistency": 0.07}
    assert {name: data["breakdown"][name] for name in COMPONENTS} == expected


def test_evidence_of_a_statement_is_five_for_the_components_with_evidence(engine):
    evidence = calculate(engine, (0.8, 0.9, 0.85, 0.7))["data"]["evidence"]
    for name in ("completion", "quiz", "quality"):
        assert evidence[name] == pytest.approx(5, abs=1e-6)


def test_first_statement_has_an_average_of_itself_and_no_trend(engine):
    response = calculate(engine, (0.8, 0.9, 0.85, 0.7))
    assert response["historical_average"] == 0.83
    assert response["trend"] is None


def test_answer_query_history_and_statistics_agree(engine, student, admin):
    stated = assert_ok(engine.calculate(student, (0.8, 0.9, 0.85, 0.7), (0.1, 0.2, 0.3, 0.4)))
    queried = assert_ok(admin.post("/api/v1/mastery/query", {"student_id": student}))
    [day] = assert_ok(admin.get(f"/api/v1/mastery/history/{student}"))["history"]
    statistics = assert_ok(admin.get(f"/api/v1/mastery/statistics/{student}"))["statistics"]
    for name in ("mastery_score", "level", "components", "breakdown", "calculated_at"):
        assert queried["data"][name] == stated["data"][name], name
    assert queried["mastery_score"] == stated["mastery_score"] == day["mastery_score"] == 0.795
    assert day["components"] == stated["data"]["components"]
    assert day["level"] == stated["level"] == "proficient"
    assert day["date"] == stated["data"]["calculated_at"][:10]
    current = statistics["current_mastery"]
    assert (current["mastery_score"] if isinstance(current, dict) else current) == 0.795
    assert statistics["historical_average"] == 0.795


def test_second_statement_replaces_the_first(engine, student, admin):
    assert_ok(engine.calculate(student, (0.1, 0.1, 0.1, 0.1)))
    assert_ok(engine.calculate(student, (0.9, 0.9, 0.9, 0.9)))
    queried = assert_ok(admin.post("/api/v1/mastery/query", {"student_id": student}))
    [day] = assert_ok(admin.get(f"/api/v1/mastery/history/{student}"))["history"]
    assert queried["mastery_score"] == day["mastery_score"] == 0.9


def test_default_weights_come_back_after_custom_ones(engine, student):
    assert_ok(engine.calculate(student, weights=(1, 0, 0, 0)))
    response = assert_ok(engine.calculate(student))
    assert response["mastery_score"] == 0.83


def test_refused_statement_changes_nothing(engine, student, admin):
    assert_ok(engine.calculate(student))
    assert_invalid(engine.calculate(student, (0.1, 0.1, 0.1, 1.1)), "components.consistency")
    queried = assert_ok(admin.post("/api/v1/mastery/query", {"student_id": student}))
    assert queried["mastery_score"] == 0.83


def test_personal_data_is_not_to_be_stored_by_caches(engine, student):
    assert "no-store" in engine.calculate(student).headers["Cache-Control"]
