# SPDX-License-Identifier: GPL-3.0-or-later
"""PREDICTION_MODEL=trend_with_memory, another model, held against an independent one."""
from datetime import timedelta

import pytest
from harness.engine import Engine
from harness.expect import assert_ok
from harness.histories import Histories, assert_sound, shapes
from harness.model import COMPONENTS
from harness.statistics_model import MemoryForecast, level_of

PREDICTIONS = "/api/v1/predictions"
SHAPES = [name for name in shapes() if name != "empty"]


def near(value, rel=1e-7):
    """Matrices of scores on a line, or all alike, are next to singular: not to the last digits."""
    return pytest.approx(float(value), rel=rel, abs=1e-8)


@pytest.fixture(scope="module")
def remembering():
    with Engine(PREDICTION_MODEL="trend_with_memory", POOL_SIZE=1) as engine:
        yield engine


@pytest.fixture(scope="module")
def histories(remembering):
    return Histories(remembering, seed=20260606)


@pytest.mark.parametrize("ahead", [1, 7, 30])
@pytest.mark.parametrize("shape", SHAPES)
def test_predictions_are_the_model_s(remembering, histories, shape, ahead):
    forecast = MemoryForecast(histories.scores(shape))
    day = histories.today + timedelta(days=ahead)
    expected = forecast.at(day)
    request = {"student_id": histories.ids[shape], "timeframe_days": ahead}
    body = assert_ok(remembering.admin().post(f"{PREDICTIONS}/next-week", request))
    assert body["predicted_score"] == near(expected["predicted_score"])
    assert body["interval"]["lower"] == near(expected["lower"], 1e-6)
    assert body["interval"]["upper"] == near(expected["upper"], 1e-6)
    assert body["predicted_level"] == level_of(body["predicted_score"])
    if level_of(expected["predicted_score"]) == body["predicted_level"]:
        assert body["confidence"] == near(expected["confidence"], 1e-6)
    metadata = body["metadata"]
    assert metadata["model"] == "trend_with_memory"
    assert metadata["slope"] == near(forecast.slope)
    assert metadata["intercept"] == near(forecast.intercept)
    assert metadata["r_squared"] == pytest.approx(forecast.r_squared, abs=1e-6)
    assert metadata["latest_score"] == near(forecast.values[-1])
    components = {name: histories.component(shape, name) for name in COMPONENTS}
    for name, value in forecast.components(components, day).items():
        assert body["components_projection"][name] == near(value)
    assert_sound(body)


def test_every_endpoint_uses_it(remembering, histories):
    admin, student = remembering.admin(), histories.ids["gappy"]
    config = assert_ok(admin.get(f"{PREDICTIONS}/config"))["config"]
    assert config["model"] == "trend_with_memory"
    body = assert_ok(admin.post(f"{PREDICTIONS}/trajectory", {"student_id": student}))
    assert body["metadata"]["model"] == "trend_with_memory"
    forecast = MemoryForecast(histories.scores("gappy"))
    for point in body["trajectory"]:
        day = histories.today + timedelta(days=point["days_from_now"])
        assert point["predicted_score"] == near(forecast.at(day)["predicted_score"])
    assert body["overall_trend"] == forecast.trend(histories.today + timedelta(days=14))
