# SPDX-License-Identifier: GPL-3.0-or-later
"""/api/v1/predictions: next-week, trajectory, intervention, accuracy, config; numbers are held
against independent models (harness/statistics_model, harness/prediction_model). The histories here
are stated by calculate, so that the default model predicts the last value; test_projection.py has
those of events."""
from datetime import datetime, timedelta, timezone

import pytest
from harness.engine import fresh_id
from harness.expect import assert_invalid, assert_ok, assert_problem, assert_time
from harness.histories import Histories, assert_sound, shapes
from harness.model import COMPONENTS
from harness.prediction_model import LastValue
from harness.statistics_model import Forecast, level_of
from harness.store import student_key

PREDICTIONS = "/api/v1/predictions"
FACTORS = {"tutoring": 0.15, "practice": 0.1, "review": 0.05}
SHAPES = [name for name in shapes() if name != "empty"]
MODELS = ["projection", "least_squares", "trend_with_memory", "last_value"]
VERSION = "2.0.0"
METADATA = {
    "model", "model_version", "historical_days", "day_zero", "slope", "intercept", "r_squared",
    "latest_score",
}  # fmt: skip


def near(value):
    """1e-9 relative; what is printed has 12 decimals."""
    return pytest.approx(float(value), rel=1e-9, abs=1e-12)


@pytest.fixture(scope="module")
def histories(engine):
    return Histories(engine)


def next_week(client, student, **body):
    return assert_ok(client.post(f"{PREDICTIONS}/next-week", {"student_id": student, **body}))


def intervene(client, student, kind, **body):
    body = {"student_id": student, "intervention_type": kind, **body}
    return assert_ok(client.post(f"{PREDICTIONS}/next-week/intervention", body))


def trajectory(client, student, **body):
    return assert_ok(client.post(f"{PREDICTIONS}/trajectory", {"student_id": student, **body}))


def accuracy(client, student, query=""):
    return assert_ok(client.get(f"{PREDICTIONS}/accuracy/{student}{query}"))


def stream_of(student):
    return student_key(student, ":predictions")


# The numbers


def forecasts(histories, shape):
    """{model as requested, None for the default: the independent one}."""
    days = histories.scores(shape)
    last = LastValue(days, histories.today)
    return {None: last, "least_squares": Forecast(days), "last_value": last}


def assert_model(metadata, forecast, model="projection"):
    assert metadata["model"] == model and metadata["model_version"] == VERSION
    assert metadata["historical_days"] == forecast.n
    assert metadata["day_zero"] == forecast.dates[0].isoformat()
    assert metadata["slope"] == near(forecast.slope)
    assert metadata["intercept"] == near(forecast.intercept)
    if forecast.sufficient:
        assert metadata["r_squared"] == pytest.approx(forecast.r_squared, rel=1e-9, abs=1e-9)
    else:
        assert metadata["r_squared"] is None
    assert metadata["latest_score"] == near(forecast.values[-1])
    expected = None if forecast.sufficient else "insufficient_history"
    assert metadata.get("warning") == expected


def assert_prediction(body, expected, level_field):
    assert body["predicted_score"] == near(expected["predicted_score"])
    assert body["interval"]["lower"] == near(expected["lower"])
    assert body["interval"]["upper"] == near(expected["upper"])
    assert body["interval"]["level"] == 0.9
    assert body["interval"]["upper"] - body["interval"]["lower"] > 0.0099
    assert body["confidence"] == pytest.approx(expected["confidence"], rel=1e-9, abs=1e-9)
    assert body["confidence"] < 1
    assert body[level_field] == level_of(body["predicted_score"])


@pytest.mark.parametrize("ahead", [1, 7, 30])
@pytest.mark.parametrize("shape", SHAPES)
def test_next_week_is_the_model_s(admin, histories, shape, ahead):
    day = histories.today + timedelta(days=ahead)
    components = {name: histories.component(shape, name) for name in COMPONENTS}
    for model, forecast in forecasts(histories, shape).items():
        chosen = {"model": model} if model else {}
        body = next_week(admin, histories.ids[shape], timeframe_days=ahead, **chosen)
        assert_prediction(body, forecast.at(day), "predicted_level")
        assert_model(body["metadata"], forecast, model or "projection")
        assert body["trend"] == forecast.trend(day)
        assert body["intervention_needed"] is (body["predicted_score"] < 0.5)
        for name, expected in forecast.components(components, day).items():
            assert body["components_projection"][name] == near(expected)
        assert_sound(body)


@pytest.mark.parametrize("model", ["ordinary_least_squares", "mean", "", None, 1, ["projection"]])
def test_other_models_are_refused(admin, student, model):
    response = admin.post(f"{PREDICTIONS}/next-week", {"student_id": student, "model": model})
    assert_invalid(response, "model")


@pytest.mark.parametrize("model", MODELS)
def test_three_rising_days_do_not_promise_mastery(engine, admin, student, model):
    today = datetime.now(timezone.utc).date()
    days = {2: 0.40, 1: 0.425, 0: 0.45}
    engine.seed([(student, today - timedelta(days=a), *(s,) * 4) for a, s in days.items()])
    for ahead in (7, 30):
        body = next_week(admin, student, model=model, timeframe_days=ahead)
        assert body["interval"]["lower"] <= body["interval"]["upper"] - 0.01
        assert body["confidence"] < 1


@pytest.mark.parametrize("kind", FACTORS)
@pytest.mark.parametrize("shape", SHAPES)
def test_an_intervention_makes_up_for_a_share_of_what_is_lacking(admin, histories, shape, kind):
    days, factor = histories.scores(shape), FACTORS[kind]
    forecast, day = LastValue(days, histories.today), histories.today + timedelta(days=7)
    components = {name: histories.component(shape, name) for name in COMPONENTS}
    body = intervene(admin, histories.ids[shape], kind)
    assert_prediction(body, forecast.at(day, factor), "predicted_level")
    gain = factor * (1 - forecast.at(day)["predicted_score"])
    impact = body["metadata"].pop("intervention_impact")
    assert impact == {"type": kind, "factor": factor, "gain": near(gain)}
    assert_model(body["metadata"], forecast)
    for name, expected in forecast.components(components, day, factor).items():
        assert body["components_projection"][name] == near(expected)
    assert_sound(body)


@pytest.mark.parametrize("shape", SHAPES)
def test_trajectory_is_next_week_day_by_day(admin, histories, shape):
    forecast = LastValue(histories.scores(shape), histories.today)
    body = trajectory(admin, histories.ids[shape], days=30)
    assert [point["days_from_now"] for point in body["trajectory"]] == list(range(1, 31))
    for point in body["trajectory"]:
        day = histories.today + timedelta(days=point["days_from_now"])
        assert point["date"] == day.isoformat()
        assert_prediction(point, forecast.at(day), "level")
    assert body["confidence_over_time"] == [p["confidence"] for p in body["trajectory"]]
    assert body["intervention_points"] == [
        {name: point[name] for name in ("days_from_now", "date", "predicted_score")}
        for point in body["trajectory"]
        if point["predicted_score"] < 0.5
    ]
    assert body["overall_trend"] == forecast.trend(histories.today + timedelta(days=30))
    assert_model(body["metadata"], forecast)
    assert_sound(body)


def test_the_interval_widens_with_distance(admin, histories):
    points = trajectory(admin, histories.ids["calm"], days=30)["trajectory"]
    widths = [p["interval"]["upper"] - p["interval"]["lower"] for p in points]
    free = [p for p in points if 0 < p["interval"]["lower"] and p["interval"]["upper"] < 1]
    widths = widths[: len(free)]
    assert len(widths) > 5 and widths == sorted(set(widths))


def test_the_learner_of_the_test_vectors(engine, admin, student):
    """Days 0 1 2 3 5 6 with .50 .52 .55 .53 .60 .61; seven days after the last one. The deviations
    from the line are below their floor, 0.02."""
    today = datetime.now(timezone.utc).date()
    days = {6: 0.50, 5: 0.52, 4: 0.55, 3: 0.53, 1: 0.60, 0: 0.61}
    engine.seed([(student, today - timedelta(days=a), *(s,) * 4) for a, s in days.items()])
    body = next_week(admin, student, model="least_squares")
    assert body["predicted_score"] == near(0.737950310559006)
    assert body["interval"] == {
        "lower": near(0.642433738655364),
        "upper": near(0.833466882462648),
        "level": 0.9,
    }
    assert body["confidence"] == near(0.862355860938779)
    assert body["metadata"]["slope"] == near(0.0183229813664596)
    assert body["metadata"]["intercept"] == near(0.499751552795031)
    assert body["metadata"]["r_squared"] == near(0.911514250102123)
    assert intervene(admin, student, "tutoring")["predicted_score"] == near(0.61 + 0.15 * 0.39)


def test_fewer_than_three_days_are_honest(admin, histories):
    for shape in ("one day", "two days", "one day long ago"):
        for model in MODELS:
            body = next_week(admin, histories.ids[shape], model=model)
            assert body["metadata"]["warning"] == "insufficient_history"
            assert body["metadata"]["slope"] == 0 and body["trend"] == "stable"
            assert body["metadata"]["r_squared"] is None
            assert body["predicted_score"] == body["metadata"]["latest_score"]
            assert body["confidence"] <= 0.3
            width = body["interval"]["upper"] - body["interval"]["lower"]
            assert width > (0.4 if model in ("least_squares", "trend_with_memory") else 0.05)


def test_a_component_without_evidence_is_projected_as_nothing(engine, admin, student):
    quiz = {"quiz_id": "q", "score": 0.8, "questions_total": 20, "questions_correct": 16}
    event = {
        "event_id": fresh_id("event"),
        "event_type": "quiz.completed",
        "student_id": student,
        "timestamp": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "data": {**quiz, "time_spent_seconds": 60},
    }
    assert admin.post("/api/v1/mastery/ingest", event).status == 202
    projection = next_week(admin, student)["components_projection"]
    assert projection["completion"] == projection["quality"] == 0
    assert projection["quiz"] == near(0.8)


# Form


def test_every_field_of_the_contract_is_there(admin, histories):
    student = histories.ids["calm"]
    common = {
        "success", "student_id", "predicted_score", "confidence", "interval", "trend",
        "intervention_needed", "timeframe_days", "predicted_level", "components_projection",
        "timestamp", "metadata", "correlation_id",
    }  # fmt: skip
    body = next_week(admin, student)
    assert set(body) == common and set(body["metadata"]) == METADATA
    assert set(body["interval"]) == {"lower", "upper", "level"}
    assert body["success"] is True and body["student_id"] == student
    assert body["timeframe_days"] == 7
    assert_time(body["timestamp"])
    body = intervene(admin, student, "review")
    assert set(body) == common and set(body["metadata"]) == METADATA | {"intervention_impact"}
    body = trajectory(admin, student)
    assert set(body) == {
        "success", "student_id", "trajectory", "confidence_over_time", "intervention_points",
        "overall_trend", "metadata", "correlation_id",
    }  # fmt: skip
    assert len(body["trajectory"]) == 14
    body = accuracy(admin, student)
    assert set(body) == {
        "success", "student_id", "lookback_days", "metrics", "model_version", "correlation_id",
    }  # fmt: skip
    assert body["lookback_days"] == 7


ALIASES = ["/api/v1/analytics/predictions", PREDICTIONS]


@pytest.mark.parametrize("base", ALIASES)
def test_aliases_answer_the_same(admin, histories, base):
    student = {"student_id": histories.ids["gappy"]}
    for path, more in [
        ("next-week", {}),
        ("trajectory", {}),
        ("next-week/intervention", {"intervention_type": "practice"}),
    ]:
        body = assert_ok(admin.post(f"{base}/{path}", {**student, **more}))
        again = assert_ok(admin.post(f"{PREDICTIONS}/{path}", {**student, **more}))
        for same in (body, again):
            same.pop("correlation_id")
        assert body == again
    assert_ok(admin.get(f"{base}/accuracy/{student['student_id']}"))
    assert_ok(admin.get(f"{base}/config"))
    assert_ok(admin.post(f"{base}/config"))


def test_answers_about_students_are_not_cached_by_anyone(admin, histories):
    student = histories.ids["calm"]
    response = admin.post(f"{PREDICTIONS}/next-week", {"student_id": student})
    assert "no-store" in response.headers["Cache-Control"]


def test_config_says_what_is_in_force(admin):
    body = assert_ok(admin.get(f"{PREDICTIONS}/config"))
    posted = assert_ok(admin.post(f"{PREDICTIONS}/config", {}))
    assert posted["config"] == body["config"]
    config = body["config"]
    assert config["model"] == "projection" and config["models"] == MODELS
    assert config["model_version"] == VERSION
    assert config["intervention_factors"] == FACTORS
    assert config["interval_level"] == 0.9 and config["minimum_days"] == 3
    assert config["level_thresholds"] == {
        "novice": 0, "developing": 0.4, "proficient": 0.6, "master": 0.8,
    }  # fmt: skip


def test_factors_and_interval_are_configurable(start_engine, student):
    engine = start_engine(INTERVENTION_TUTORING="0.5", PREDICTION_INTERVAL="0.5", POOL_SIZE=1)
    admin = engine.admin()
    today = datetime.now(timezone.utc).date()
    scores = {today - timedelta(days=a): s for a, s in enumerate([0.5, 0.53, 0.49, 0.4, 0.44])}
    engine.seed([(student, day, *(s,) * 4) for day, s in sorted(scores.items())])
    config = assert_ok(admin.get(f"{PREDICTIONS}/config"))["config"]
    assert config["intervention_factors"]["tutoring"] == config["interval_level"] == 0.5
    forecast, day = LastValue(scores, today, interval_level=0.5), today + timedelta(days=7)
    body = next_week(admin, student)
    assert body["interval"]["level"] == 0.5
    assert body["interval"]["upper"] == near(forecast.at(day)["upper"])
    body = intervene(admin, student, "tutoring")
    assert body["predicted_score"] == near(forecast.at(day, 0.5)["predicted_score"])


# Cached for an hour, dropped on change, kept for ever


def cached(client, student, path="next-week", **body):
    response = client.post(f"{PREDICTIONS}/{path}", {"student_id": student, **body})
    facts = assert_ok(response)
    facts.pop("correlation_id")
    return response.headers["X-Cache"], facts


def test_the_same_prediction_is_given_again(engine, admin, student):
    engine.calculate(student)
    first = cached(admin, student)
    assert first[0] == "MISS"
    assert cached(admin, student) == ("HIT", first[1])
    assert cached(admin, student, model="projection") == ("HIT", first[1])
    assert cached(admin, student, timeframe_days=8)[0] == "MISS"
    for state in ("MISS", "HIT"):
        found, body = cached(admin, student, model="least_squares")
        assert (found, body["metadata"]["model"]) == (state, "least_squares")
    tutoring = {"path": "next-week/intervention", "intervention_type": "tutoring"}
    assert cached(admin, student, **tutoring)[0] == "MISS"
    assert cached(admin, student, **tutoring)[0] == "HIT"
    assert cached(admin, student) == ("HIT", first[1])


def test_a_change_of_mastery_drops_it(engine, admin, student):
    engine.calculate(student, (0.2,) * 4)
    cached(admin, student)
    engine.calculate(student, (0.9,) * 4)
    state, body = cached(admin, student)
    assert state == "MISS" and body["predicted_score"] == 0.9


def test_it_is_dropped_after_an_hour(engine, admin, student):
    engine.calculate(student)
    cached(admin, student)
    key = stream_of(student).replace(":predictions", ":forecasts")
    redis = engine.redis(decode=True)
    assert 3500 < redis.ttl(key) <= 3600
    stamp, made_at, facts = redis.hget(key, "7:projection").split("\n")
    redis.hset(key, "7:projection", f"{stamp}\n{int(made_at) - 3_600_000}\n{facts}")
    assert cached(admin, student)[0] == "MISS"


@pytest.mark.parametrize("text", ["", "x", "\n\n", "a\nb\nc", "\n9999999999999\n{"])
def test_a_kept_prediction_that_is_none_is_not_believed(engine, admin, student, text):
    engine.calculate(student)
    first = cached(admin, student)
    engine.redis().hset(stream_of(student).replace(":predictions", ":forecasts"), "7:projection", text)
    state, body = cached(admin, student)
    assert state == "MISS"
    assert body["predicted_score"] == first[1]["predicted_score"]


def test_every_prediction_made_is_kept(engine, admin, student):
    engine.calculate(student)
    bodies = [next_week(admin, student), next_week(admin, student, timeframe_days=3)]
    next_week(admin, student)  # the first one again
    bodies.append(intervene(admin, student, "review"))
    bodies.append(next_week(admin, student, model="last_value"))
    redis = engine.redis()
    kept = [fields for _, fields in redis.xrange(stream_of(student))]
    assert [float(fields["predicted"]) for fields in kept] == [
        body["predicted_score"] for body in bodies
    ]
    assert [fields.get("intervention") for fields in kept] == [None, None, "review", None]
    models = [fields["model"] for fields in kept]
    assert models == [f"projection/{VERSION}"] * 3 + [f"last_value/{VERSION}"]
    today = datetime.now(timezone.utc).date()
    assert kept[0]["target_day"] == (today + timedelta(days=7)).isoformat()
    assert kept[1]["target_day"] == (today + timedelta(days=3)).isoformat()
    assert 0 < redis.ttl(stream_of(student)) <= 90 * 86400


def test_nothing_is_kept_about_a_student_who_is_gone(engine, admin, student):
    assert_problem(admin.post(f"{PREDICTIONS}/next-week", {"student_id": student}), 404)
    assert not engine.redis().exists(stream_of(student))


# Accuracy


def keep(engine, student, made_ago, target_ago, score, low, high, **more):
    """A prediction made so many days ago about the day so many days ago (negative: to come)."""
    now = datetime.now(timezone.utc)
    made = now - timedelta(days=made_ago)
    fields = {
        "made_at": int(made.timestamp() * 1000),
        "target_day": (now.date() - timedelta(days=target_ago)).isoformat(),
        "predicted": score,
        "lower": low,
        "upper": high,
        "model": f"projection/{VERSION}",
        **more,
    }
    engine.redis().xadd(stream_of(student), fields)


@pytest.fixture
def judged(engine, student):
    """A learner with scores on some days, and predictions about several."""
    today = datetime.now(timezone.utc).date()
    days = {12: 0.3, 6: 0.5, 3: 0.6, 0: 0.8}
    engine.seed([(student, today - timedelta(days=a), *(s,) * 4) for a, s in days.items()])
    keep(engine, student, 20, 12, 0.9, 0.8, 1.0)  # too old
    keep(engine, student, 11, 6, 0.55, 0.45, 0.65)  # 0.5
    keep(engine, student, 10, 4, 0.7, 0.65, 0.75)  # still 0.5: outside
    keep(engine, student, 7, 0, 0.75, 0.7, 0.8)  # 0.8: on the edge
    keep(engine, student, 2, -5, 0.9, 0.8, 1.0)  # not yet
    keep(engine, student, 3, 0, 0.1, 0.0, 0.2, intervention="tutoring")  # on a condition
    return student


def test_accuracy_compares_with_what_came_true(admin, judged):
    metrics = accuracy(admin, judged)["metrics"]
    assert metrics == {
        "total_predictions": 5,
        "verified_predictions": 3,
        "average_error": near((0.05 + 0.2 + 0.05) / 3),
        "within_variance_rate": near(2 / 3),
        "recent_accuracy": near(1 - (0.05 + 0.2 + 0.05) / 3),
    }


def test_accuracy_looks_back_as_far_as_asked(admin, judged):
    body = accuracy(admin, judged, "?days=30")
    assert body["lookback_days"] == 30
    metrics = body["metrics"]
    assert (metrics["total_predictions"], metrics["verified_predictions"]) == (6, 4)
    assert metrics["average_error"] == near((0.6 + 0.05 + 0.2 + 0.05) / 4)
    metrics = accuracy(admin, judged, "?days=1")["metrics"]
    assert (metrics["total_predictions"], metrics["verified_predictions"]) == (2, 1)


def test_recent_accuracy_is_that_of_the_last_ten(engine, admin, student):
    engine.calculate(student, (0.5,) * 4)
    for i in range(12):
        error = 0.4 if i < 2 else 0.01 * i
        keep(engine, student, 5, 0, round(0.5 + error, 2), 0, 1)
    metrics = accuracy(admin, student)["metrics"]
    recent = [0.01 * i for i in range(2, 12)]
    assert metrics["verified_predictions"] == 12
    assert metrics["recent_accuracy"] == near(1 - sum(recent) / 10)
    assert metrics["average_error"] == near((0.8 + sum(recent)) / 12)


def test_accuracy_without_predictions_is_nothing(engine, admin, student):
    engine.calculate(student)
    metrics = accuracy(admin, student)["metrics"]
    assert set(metrics.values()) == {0}


@pytest.mark.parametrize(
    "field, value",
    [("predicted", "nan"), ("lower", "-1"), ("upper", "1e3"), ("target_day", "x"), ("made_at", "")],
)
def test_a_kept_record_that_is_none_is_an_error_and_not_an_answer(
    engine, admin, student, field, value
):
    engine.calculate(student)
    keep(engine, student, 1, 0, 0.5, 0.4, 0.6, **{field: value})
    assert_problem(admin.get(f"{PREDICTIONS}/accuracy/{student}"), 500)


# Refusals


@pytest.mark.parametrize("path", ["next-week", "trajectory", "next-week/intervention"])
def test_no_data_is_404(admin, student, path):
    body = {"student_id": student, "intervention_type": "review"}
    assert_problem(admin.post(f"{PREDICTIONS}/{path}", body), 404, "NOT_FOUND")
    assert_problem(admin.get(f"{PREDICTIONS}/accuracy/{student}"), 404, "NOT_FOUND")


OUT_OF_RANGE = [0, 31, -1, 1.5, "7", None, [], 1e300]


@pytest.mark.parametrize("value", OUT_OF_RANGE)
@pytest.mark.parametrize(
    "path, field",
    [("next-week", "timeframe_days"), ("trajectory", "days")],
)
def test_timeframes_out_of_range_are_refused(admin, student, path, field, value):
    response = admin.post(f"{PREDICTIONS}/{path}", {"student_id": student, field: value})
    assert_invalid(response, field)


@pytest.mark.parametrize("kind", ["lessons", "", None, 1, ["review"]])
def test_other_interventions_are_refused(admin, student, kind):
    path = f"{PREDICTIONS}/next-week/intervention"
    body = {"student_id": student, "intervention_type": kind}
    assert_invalid(admin.post(path, body), "intervention_type")
    assert_invalid(admin.post(path, {"student_id": student}), "intervention_type")


@pytest.mark.parametrize("path", ["next-week", "trajectory", "next-week/intervention"])
def test_all_failing_fields_are_named(admin, path):
    body = {"student_id": "a b", "timeframe_days": 99, "days": 99, "intervention_type": "x"}
    fields = {
        "next-week": ["student_id", "timeframe_days"],
        "trajectory": ["student_id", "days"],
        "next-week/intervention": ["student_id", "timeframe_days", "intervention_type"],
    }[path]
    assert_invalid(admin.post(f"{PREDICTIONS}/{path}", body), *fields)
    assert "student_id" in str(admin.post(f"{PREDICTIONS}/{path}", {}).json)


@pytest.mark.parametrize("days", ["0", "31", "x", "1.5", ""])
def test_lookbacks_out_of_range_are_refused(admin, student, days):
    assert_invalid(admin.get(f"{PREDICTIONS}/accuracy/{student}?days={days}"), "days")


# Rights


@pytest.fixture(scope="module")
def school(engine):
    """A student of a teacher's, and one of nobody's."""
    own, other, teacher = fresh_id(), fresh_id(), fresh_id("t")
    for student in (own, other):
        engine.calculate(student)
    roster = {"name": "x", "teacher_ids": [teacher], "student_ids": [own]}
    assert_ok(engine.admin().put(f"/api/v1/cohorts/{fresh_id('c')}", roster), 201)
    return {"own": own, "other": other, "unknown": fresh_id(), "teacher": teacher}


def ask(client, path, student):
    if path == "accuracy":
        return client.get(f"{PREDICTIONS}/accuracy/{student}")
    body = {"student_id": student, "intervention_type": "review"}
    return client.post(f"{PREDICTIONS}/{path}", body)


ABOUT_STUDENTS = ["next-week", "trajectory", "next-week/intervention", "accuracy"]


@pytest.mark.parametrize("path", ABOUT_STUDENTS)
def test_rights(engine, as_user, school, path):
    student, teacher = as_user(school["own"]), as_user(school["teacher"], "teacher")
    for client in (student, teacher):
        assert_ok(ask(client, path, school["own"]))
        for refused in ("other", "unknown"):
            assert_problem(ask(client, path, school[refused]), 403, "FORBIDDEN")
    assert_problem(ask(engine.client(), path, school["own"]), 401)


def test_config_needs_a_token_of_anybody(as_user, anonymous, student):
    assert_ok(as_user(student).get(f"{PREDICTIONS}/config"))
    assert_problem(anonymous.get(f"{PREDICTIONS}/config"), 401)
    assert_problem(anonymous.post(f"{PREDICTIONS}/config"), 401)
