# SPDX-License-Identifier: GPL-3.0-or-later
"""/api/v1/analytics/compare…: cohorts, students, one student and a cohort; numbers are held against
an independent model (harness/statistics_model)."""
import random
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from harness.engine import fresh_id
from harness.expect import assert_invalid, assert_ok, assert_problem
from harness.histories import Histories, assert_sound, shapes, today
from harness.model import COMPONENTS
from harness.redis_cluster import servers_of
from harness.statistics_model import (
    hedges_g,
    percentile_ranks,
    ranks,
    score_of,
    summary,
    trend,
    welch,
)

COMPARE = "/api/v1/analytics/compare"
METRICS = ["mastery_score", *COMPONENTS]


def near(value):
    return pytest.approx(float(value), rel=1e-9, abs=1e-12)


def or_null(value):
    return None if value is None else near(value)


def assert_summary(found, values):
    expected = summary(values)
    percentiles = expected.pop("percentiles")
    assert found.pop("percentiles") == {p: near(v) for p, v in percentiles.items()}
    assert found == {name: near(value) for name, value in expected.items()}


def put_cohort(engine, students, teachers=()):
    cohort = fresh_id("c")
    roster = {"name": "x", "teacher_ids": list(teachers), "student_ids": list(students)}
    assert_ok(engine.admin().put(f"/api/v1/cohorts/{cohort}", roster), 201)
    return cohort


class Crowd:
    """Students with one statement of today each: of many spreads, some of them all alike."""

    def __init__(self, engine, size=400, seed=20260303):
        rng = random.Random(seed)
        self.values = {}
        for i in range(size):
            kind = i % 5
            if kind == 0:
                value = (0.5,) * 4
            elif kind == 1:
                value = (rng.choice((0, 1)),) * 4
            elif kind == 2:
                value = tuple(round(0.7 + rng.gauss(0, 1e-4), 9) for _ in COMPONENTS)
            else:
                value = tuple(round(rng.betavariate(4, 2), 6) for _ in COMPONENTS)
            self.values[fresh_id("m")] = value
        self.ids = list(self.values)
        self.scores = {student: score_of(value) for student, value in self.values.items()}
        engine.seed([(student, today(), *value) for student, value in self.values.items()])

    def kind(self, kind):
        return self.ids[kind::5]


@pytest.fixture(scope="module")
def crowd(engine):
    return Crowd(engine)


@pytest.fixture(scope="module")
def histories(engine):
    return Histories(engine, seed=20260404)


# Cohorts


def cohorts(client, a, b, **more):
    body = {"cohort_a_student_ids": a, "cohort_b_student_ids": b, **more}
    return assert_ok(client.post(f"{COMPARE}/cohorts", body))


def assert_comparison(body, a, b):
    """Everything that follows from the scores of the two sides."""
    assert_summary(body["cohort_a_stats"], a)
    assert_summary(body["cohort_b_stats"], b)
    statistic, df, p, (lower, upper) = welch(a, b)
    assert body["statistical_significance"] == pytest.approx(p, rel=1e-9, abs=1e-300)
    test = body["test"]
    assert set(test) == {"name", "statistic", "degrees_of_freedom", "confidence_interval"}
    assert test["statistic"] == or_null(statistic)
    assert test["degrees_of_freedom"] == or_null(df)
    interval = test["confidence_interval"]
    assert interval == {"lower": near(lower), "upper": near(upper), "level": 0.95}
    assert body["effect_size"] == {"name": "hedges_g", "value": or_null(hedges_g(a, b))}
    better = "cohort_a" if np.mean(a) > np.mean(b) else "cohort_b"
    assert body["winner"] == (better if p < 0.05 else None)


@pytest.mark.parametrize("seed", range(10))
def test_a_thousand_random_cohorts_agree_with_scipy(admin, crowd, seed):
    """A hundred for each seed."""
    rng = random.Random(seed)
    for _ in range(100):
        pools = [crowd.kind(rng.randrange(5)) if rng.random() < 0.3 else crowd.ids for _ in "ab"]
        a, b = (rng.sample(pool, rng.choice((2, 2, 3, 5, 12, 40))) for pool in pools)
        body = cohorts(admin, a, b)
        assert_comparison(body, [crowd.scores[s] for s in a], [crowd.scores[s] for s in b])
        everybody = sorted({*a, *b})
        expected = percentile_ranks([crowd.scores[s] for s in everybody])
        assert body["percentile_rankings"] == {
            s: near(rank) for s, rank in zip(everybody, expected)
        }
        for side, students in (("cohort_a", a), ("cohort_b", b)):
            means = np.mean([crowd.values[s] for s in students], axis=0)
            assert body["component_comparison"][side] == {
                name: near(mean) for name, mean in zip(COMPONENTS, means)
            }


PLANTS = {
    "ctrl": [4.17, 5.58, 5.18, 6.11, 4.5, 4.61, 5.17, 4.53, 5.33, 5.14],
    "trt2": [6.31, 5.12, 5.54, 5.5, 5.37, 5.29, 4.92, 6.15, 5.8, 5.26],
}


def test_published_values(engine, admin):
    """R's PlantGrowth, ctrl and trt2, by a tenth."""
    rows, sides = [], []
    for values in PLANTS.values():
        students = [fresh_id() for _ in values]
        rows += [(s, today(), *(round(v / 10, 3),) * 4) for s, v in zip(students, values)]
        sides.append(students)
    engine.seed(rows)
    body = cohorts(admin, *sides)
    assert body["test"]["statistic"] == pytest.approx(-2.13402045312406, rel=1e-9)
    assert body["test"]["degrees_of_freedom"] == pytest.approx(16.7857644826057, rel=1e-9)
    assert body["statistical_significance"] == pytest.approx(0.0478992556019693, rel=1e-9)
    interval = body["test"]["confidence_interval"]
    assert interval["lower"] == near(-0.0982872130035359)
    assert interval["upper"] == near(-0.000512786996464084)
    assert body["effect_size"]["value"] == pytest.approx(-0.91403776423127, rel=1e-9)
    assert body["winner"] == "cohort_b"


def state(engine, *scores):
    """New students with these scores."""
    students = [fresh_id() for _ in scores]
    engine.seed([(s, today(), *(score,) * 4) for s, score in zip(students, scores)])
    return students


def test_groups_without_variance(engine, admin):
    same, again, other = state(engine, *(0.5,) * 3), state(engine, 0.5, 0.5), state(engine, 0.7, 0.7)
    body = cohorts(admin, same, again)
    assert body["statistical_significance"] == 1 and body["winner"] is None
    assert body["test"]["statistic"] == body["effect_size"]["value"] == 0
    assert body["test"]["degrees_of_freedom"] is None
    body = cohorts(admin, same, other)
    assert body["statistical_significance"] == 0 and body["winner"] == "cohort_b"
    assert body["test"]["statistic"] is None and body["effect_size"]["value"] is None
    assert body["test"]["confidence_interval"] == {"lower": -0.2, "upper": -0.2, "level": 0.95}


def test_a_very_small_probability_is_not_zero(engine, admin):
    low = state(engine, *(0.1 + i / 1000 for i in range(40)))
    high = state(engine, *(0.9 + i / 1000 for i in range(40)))
    assert 0 < cohorts(admin, low, high)["statistical_significance"] < 1e-60


def test_every_field_of_the_contract_is_there(admin, crowd):
    body = cohorts(admin, crowd.ids[:3], crowd.ids[3:7])
    assert set(body) == {
        "success", "cohort_a_stats", "cohort_b_stats", "statistical_significance", "test",
        "effect_size", "winner", "component_comparison", "percentile_rankings", "metadata",
        "correlation_id",
    }  # fmt: skip
    metadata = body["metadata"]
    assert metadata["cohort_a_size"] == 3 and metadata["cohort_b_size"] == 4
    assert metadata["missing"] == [] and metadata["in_both"] == 0
    short = cohorts(
        admin,
        crowd.ids[:3],
        crowd.ids[3:7],
        include_component_analysis=False,
        include_percentiles=False,
    )
    assert set(body) - set(short) == {"component_comparison", "percentile_rankings"}


def test_missing_are_those_without_data(admin, crowd):
    unknown = [fresh_id() for _ in range(3)]
    body = cohorts(admin, [*crowd.ids[:5], *unknown[:2]], [unknown[2], *crowd.ids[5:9], unknown[1]])
    assert body["metadata"]["missing"] == sorted(unknown)
    assert body["metadata"]["cohort_a_size"] == 7 and body["metadata"]["in_both"] == 1
    assert set(body["percentile_rankings"]) == set(crowd.ids[:9])
    scores = [crowd.scores[s] for s in crowd.ids[:9]]
    assert_comparison(body, scores[:5], scores[5:])


def test_students_on_both_sides_are_ranked_once(admin, crowd):
    a, b = crowd.ids[:6], crowd.ids[4:10]
    body = cohorts(admin, a, b)
    assert body["metadata"]["in_both"] == 2
    expected = percentile_ranks([crowd.scores[s] for s in crowd.ids[:10]])
    assert body["percentile_rankings"] == {
        s: near(rank) for s, rank in zip(crowd.ids[:10], expected)
    }


@pytest.mark.parametrize("with_data", [(1, 2), (2, 1), (0, 2), (0, 0)])
def test_fewer_than_two_with_data_is_422(admin, crowd, with_data):
    sides = [[*crowd.ids[:n], fresh_id(), fresh_id()] for n in with_data]
    body = {"cohort_a_student_ids": sides[0], "cohort_b_student_ids": sides[1]}
    assert_problem(admin.post(f"{COMPARE}/cohorts", body), 422, "INSUFFICIENT_DATA")


def test_cohorts_may_be_named(engine, admin, crowd):
    a, b = put_cohort(engine, crowd.ids[:20]), put_cohort(engine, crowd.ids[20:50])
    by_list = cohorts(admin, crowd.ids[:20], crowd.ids[20:50])
    for body in (
        {"cohort_a_id": a, "cohort_b_id": b},
        {"cohort_a_student_ids": crowd.ids[:20], "cohort_b_id": b},
        {"cohort_a_id": a, "cohort_b_student_ids": crowd.ids[20:50]},
    ):
        found = assert_ok(admin.post(f"{COMPARE}/cohorts", body))
        assert {**found, "correlation_id": 0} == {**by_list, "correlation_id": 0}


def test_cohorts_that_cannot_be_compared(engine, admin, crowd):
    good, one = put_cohort(engine, crowd.ids[:3]), put_cohort(engine, crowd.ids[:1])
    path = f"{COMPARE}/cohorts"
    unknown = {"cohort_a_id": fresh_id("c"), "cohort_b_id": good}
    assert_problem(admin.post(path, unknown), 404, "NOT_FOUND")
    single = {"cohort_a_id": good, "cohort_b_id": one}
    assert_problem(admin.post(path, single), 422, "INSUFFICIENT_DATA")
    large = put_cohort(engine, [f"{good}-{i}" for i in range(1001)])
    assert_invalid(admin.post(path, {"cohort_a_id": good, "cohort_b_id": large}), "cohort_b_id")


def test_limit_is_a_thousand_a_side(admin):
    for n, status in ((1000, 422), (1001, 400), (1, 400)):
        ids = [f"nobody-{i}" for i in range(n)]
        body = {"cohort_a_student_ids": ids, "cohort_b_student_ids": ["x", "y"]}
        assert admin.post(f"{COMPARE}/cohorts", body).status == status, n


def on_date(histories, name, day):
    """Components at the close of a day, or None."""
    days = [d for d in histories.components(name) if d <= day]
    return histories.components(name)[max(days)] if days else None


@pytest.mark.parametrize("ago", [0, 1, 3, 14, 15, 16, 44, 45, 60, 75, 88, 89])
def test_scores_as_they_stood_on_a_date(admin, histories, ago):
    day = histories.today - timedelta(days=ago)
    names = list(histories.shapes)
    with_data = [name for name in names if on_date(histories, name, day)]
    sides = [names[::2], names[1::2]]
    ids = [[histories.ids[name] for name in side] for side in sides]
    expected = [
        [score_of(on_date(histories, name, day)) for name in side if name in with_data]
        for side in sides
    ]
    body = {"cohort_a_student_ids": ids[0], "cohort_b_student_ids": ids[1]}
    response = admin.post(f"{COMPARE}/cohorts", {**body, "comparison_date": day.isoformat()})
    if min(map(len, expected)) < 2:
        assert_problem(response, 422, "INSUFFICIENT_DATA")
        return
    body = assert_ok(response)
    assert_comparison(body, *expected)
    missing = [histories.ids[name] for name in names if name not in with_data]
    assert body["metadata"]["missing"] == sorted(missing)
    assert body["metadata"]["comparison_date"] == day.isoformat()


def test_many_students_on_a_date(engine, admin):
    """More than are looked for in one round, whose last days lie apart."""
    students = [fresh_id("d") for _ in range(620)]
    rows = []
    for i, student in enumerate(students):
        rows.append((student, today() - timedelta(days=30 + i % 55), *(i % 100 / 100,) * 4))
        rows.append((student, today(), *(1,) * 4))
    engine.seed(rows)
    day = today() - timedelta(days=30)
    body = cohorts(admin, students[:310], students[310:], comparison_date=day.isoformat())
    scores = [i % 100 / 100 for i in range(620)]
    assert_comparison(body, scores[:310], scores[310:])
    assert body["metadata"]["missing"] == []


def test_cohorts_by_components_of_those_with_evidence(engine, admin):
    """Two who took a quiz and nothing else, against two who did everything."""
    quizzed = [fresh_id(), fresh_id()]
    for i, student in enumerate(quizzed):
        take_quiz(admin, student, 0.5 + i / 5)
    stated = state(engine, 0.3, 0.5)
    body = cohorts(admin, quizzed, stated)["component_comparison"]
    assert body["cohort_a"]["completion"] is None and body["cohort_a"]["quality"] is None
    assert body["cohort_a"]["quiz"] == near(0.6)
    assert body["cohort_b"]["completion"] == near(0.4)


def take_quiz(client, student, score):
    event = {
        "event_id": fresh_id("event"),
        "event_type": "quiz.completed",
        "student_id": student,
        "timestamp": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "data": {
            "quiz_id": "q",
            "score": score,
            "questions_total": 10,
            "questions_correct": round(score * 10),
            "time_spent_seconds": 60,
        },
    }
    assert client.post("/api/v1/mastery/ingest", event).status == 202


AN_IDS, B_IDS = {"cohort_a_student_ids": ["x", "y"]}, {"cohort_b_student_ids": ["x", "y"]}


@pytest.mark.parametrize(
    "body, fields",
    [
        ({}, ["cohort_a_student_ids", "cohort_b_student_ids"]),
        (AN_IDS, ["cohort_b_student_ids"]),
        ({**AN_IDS, **B_IDS, "cohort_a_id": "c"}, ["cohort_a_id"]),
        ({**AN_IDS, "cohort_b_id": "a b"}, ["cohort_b_id"]),
        ({**AN_IDS, "cohort_b_student_ids": ["x"]}, ["cohort_b_student_ids"]),
        ({**AN_IDS, "cohort_b_student_ids": ["x", "x"]}, ["cohort_b_student_ids[1]"]),
        ({**AN_IDS, "cohort_b_student_ids": ["x", "a b"]}, ["cohort_b_student_ids[1]"]),
        ({**AN_IDS, "cohort_b_student_ids": "x"}, ["cohort_b_student_ids"]),
        ({**AN_IDS, **B_IDS, "comparison_date": "today"}, ["comparison_date"]),
        ({**AN_IDS, **B_IDS, "comparison_date": "9999-01-01"}, ["comparison_date"]),
        ({**AN_IDS, **B_IDS, "comparison_date": "2020-01-01"}, ["comparison_date"]),
        ({**AN_IDS, **B_IDS, "include_percentiles": 1}, ["include_percentiles"]),
        ({**AN_IDS, **B_IDS, "include_component_analysis": ""}, ["include_component_analysis"]),
    ],
)
def test_bad_cohorts_are_refused(admin, body, fields):
    assert_invalid(admin.post(f"{COMPARE}/cohorts", body), *fields)


# Students


def students(client, ids, **more):
    return assert_ok(client.post(f"{COMPARE}/students", {"student_ids": ids, **more}))


@pytest.mark.parametrize("days", [1, 30, 90])
@pytest.mark.parametrize("metric", METRICS)
def test_students_are_ranked_by_their_mean(admin, histories, metric, days):
    names = list(histories.shapes)
    ids = [histories.ids[name] for name in names]
    series = {}
    for name in names:
        values = (
            histories.scores(name, days)
            if metric == "mastery_score"
            else histories.component(name, metric, days)
        )
        if values:
            series[histories.ids[name]] = [value for _, value in sorted(values.items())]
    body = students(admin, ids, metric=metric, timeframe_days=days)
    rank = dict(zip(series, ranks([round(float(np.mean(v)), 12) for v in series.values()])))
    for entry in body["rankings"]:
        values = series[entry["student_id"]]
        assert entry["rank"] == rank[entry["student_id"]]
        expected = summary(values)
        for name in ("mean", "median", "std_dev"):
            assert entry[name] == near(expected[name]), name
        assert entry["latest"] == near(values[-1])
        assert entry["trend"] == trend(values)
    order = [(e["rank"], e["student_id"]) for e in body["rankings"]]
    assert order == sorted(order)
    assert {e["student_id"] for e in body["rankings"]} == set(series)
    assert sorted(body["metadata"]["missing"]) == sorted(set(ids) - set(series))
    assert_pairs(body["comparisons"], {s: float(np.mean(v)) for s, v in series.items()})
    assert_sound(body)


def assert_pairs(comparisons, means):
    assert set(comparisons) == set(means)
    for a, others in comparisons.items():
        assert set(others) == set(means) - {a}
        for b, pair in others.items():
            difference = means[a] - means[b]
            assert pair["difference"] == pytest.approx(difference, rel=1e-9, abs=2e-12)
            if means[b] == 0:
                assert pair["ratio"] is None
            else:
                assert pair["ratio"] == pytest.approx(means[a] / means[b], rel=1e-9, abs=2e-12)
            if abs(abs(difference) - 1e-9) > 1e-11:
                expected = "better" if difference > 0 else "worse"
                if abs(difference) < 1e-9:
                    expected = "equal"
                assert pair["relative_performance"] == expected


def test_equal_students_share_a_rank(engine, admin):
    ids = state(engine, 0.5, 0.8, 0.5, 0.5000000002, 0.2)
    body = students(admin, ids)
    rank = {e["student_id"]: e["rank"] for e in body["rankings"]}
    assert [rank[s] for s in ids] == [3, 1, 3, 2, 5]
    assert body["comparisons"][ids[0]][ids[3]]["relative_performance"] == "equal"
    assert body["comparisons"][ids[1]][ids[0]] == {
        "difference": 0.3,
        "ratio": 1.6,
        "relative_performance": "better",
    }


def test_every_field_of_students_is_there(admin, crowd):
    body = students(admin, crowd.ids[:50])
    assert set(body) == {"success", "rankings", "comparisons", "metadata", "correlation_id"}
    assert body["metadata"] == {
        "metric": "mastery_score",
        "timeframe_days": 30,
        "students": 50,
        "missing": [],
    }
    for entry in body["rankings"]:
        assert set(entry) == {"student_id", "rank", "mean", "median", "std_dev", "latest", "trend"}
        assert entry["trend"] is None and entry["std_dev"] == 0


def test_one_student_with_data_is_422(admin, crowd):
    body = {"student_ids": [crowd.ids[0], fresh_id()]}
    assert_problem(admin.post(f"{COMPARE}/students", body), 422, "INSUFFICIENT_DATA")


@pytest.mark.parametrize(
    "body, fields",
    [
        ({}, ["student_ids"]),
        ({"student_ids": ["x"]}, ["student_ids"]),
        ({"student_ids": [f"x{i}" for i in range(51)]}, ["student_ids"]),
        ({"student_ids": ["x", "y", "x"]}, ["student_ids[2]"]),
        ({"student_ids": ["x", 5, ".b"]}, ["student_ids[1]", "student_ids[2]"]),
        ({"student_ids": ["x", "y"], "metric": "overall"}, ["metric"]),
        ({"student_ids": ["x", "y"], "timeframe_days": 91}, ["timeframe_days"]),
        ({"student_ids": ["x", "y"], "timeframe_days": 0}, ["timeframe_days"]),
    ],
)
def test_bad_students_are_refused(admin, body, fields):
    assert_invalid(admin.post(f"{COMPARE}/students", body), *fields)


# One student and a cohort


def place(client, student, cohort, **more):
    body = {"student_id": student, "cohort_id": cohort, **more}
    return assert_ok(client.post(COMPARE, body))


def assert_place(found, values, value):
    """found: figures of one who has this value among the values."""
    assert found["student_score"] == near(value)
    assert found["cohort_average"] == near(np.mean(values))
    assert found["percentile"] == near(percentile_ranks(values)[values.index(value)])
    assert found["ranking"] == ranks(values)[values.index(value)]
    assert found["total_students"] == len(values)


@pytest.mark.parametrize("size", [1, 2, 3, 40, 400])
def test_a_member_s_place(engine, admin, crowd, size):
    members = random.Random(size).sample(crowd.ids, size)
    cohort = put_cohort(engine, [*members, fresh_id()])
    for student in members[:5]:
        body = place(admin, student, cohort, metric="by_component")
        assert_place(body, [crowd.scores[s] for s in members], crowd.scores[student])
        for i, name in enumerate(COMPONENTS):
            values = [crowd.values[s][i] for s in members]
            assert_place(body["components"][name], values, crowd.values[student][i])
    assert "components" not in place(admin, members[0], cohort)


def test_who_is_not_in_the_cohort_is_counted_too(engine, admin, crowd):
    members, outsider = crowd.ids[:9], crowd.ids[9]
    body = place(admin, outsider, put_cohort(engine, members))
    assert_place(body, [crowd.scores[s] for s in crowd.ids[:10]], crowd.scores[outsider])


def test_a_component_without_evidence_has_no_place(engine, admin, crowd, student):
    take_quiz(admin, student, 0.5)
    cohort = put_cohort(engine, [*crowd.ids[:4], student])
    components = place(admin, student, cohort, metric="by_component")["components"]
    assert components["completion"] == {
        "student_score": None,
        "cohort_average": near(np.mean([crowd.values[s][0] for s in crowd.ids[:4]])),
        "percentile": None,
        "ranking": None,
        "total_students": 4,
    }
    assert components["quiz"]["total_students"] == 5


def test_a_cohort_of_ten_thousand(engine, admin, crowd):
    members = [*crowd.ids, *(f"absent-{i}" for i in range(9600))]
    body = place(admin, crowd.ids[3], put_cohort(engine, members))
    assert_place(body, list(crowd.scores.values()), crowd.scores[crowd.ids[3]])


def test_without_data_or_cohort_is_404(engine, admin, crowd, student):
    cohort = put_cohort(engine, crowd.ids[:3])
    for body in (
        {"student_id": student, "cohort_id": cohort},
        {"student_id": crowd.ids[0], "cohort_id": fresh_id("c")},
    ):
        assert_problem(admin.post(COMPARE, body), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    "body, fields",
    [
        ({}, ["student_id", "cohort_id"]),
        ({"student_id": "a b", "cohort_id": ""}, ["student_id", "cohort_id"]),
        ({"student_id": "a", "cohort_id": "b", "metric": "mastery_score"}, ["metric"]),
    ],
)
def test_bad_places_are_refused(admin, body, fields):
    assert_invalid(admin.post(COMPARE, body), *fields)


# Rights: everybody named must be one that the caller may see


class School:
    """Two students of a teacher's in each of two cohorts, and two of nobody's."""

    def __init__(self, engine):
        self.teacher = fresh_id("t")
        self.own = [fresh_id() for _ in range(4)]
        self.others = [fresh_id(), fresh_id()]
        self.unknown = [fresh_id(), fresh_id()]
        rng = random.Random(7)
        engine.seed(
            [(s, today(), *(round(rng.random(), 3),) * 4) for s in [*self.own, *self.others]]
        )
        self.cohorts = [
            put_cohort(engine, self.own[:2], [self.teacher]),
            put_cohort(engine, self.own[2:], [self.teacher]),
        ]
        self.other_cohort = put_cohort(engine, self.others, ["somebody"])


@pytest.fixture(scope="module")
def school(engine):
    return School(engine)


@pytest.fixture
def teacher(as_user, school):
    return as_user(school.teacher, "teacher")


@pytest.fixture
def pupil(as_user, school):
    return as_user(school.own[0])


def assert_refused(response, *names):
    """403, which names nobody."""
    assert_problem(response, 403, "FORBIDDEN")
    assert not [name for name in names if name in response.text]


def test_teachers_compare_their_own(teacher, school):
    students(teacher, school.own)
    cohorts(teacher, school.own[:2], school.own[2:])
    by_id = {"cohort_a_id": school.cohorts[0], "cohort_b_id": school.cohorts[1]}
    assert_ok(teacher.post(f"{COMPARE}/cohorts", by_id))
    mixed = {"cohort_a_student_ids": school.own[2:], "cohort_b_id": school.cohorts[0]}
    assert_ok(teacher.post(f"{COMPARE}/cohorts", mixed))
    place(teacher, school.own[0], school.cohorts[0])
    place(teacher, school.own[0], school.cohorts[1])


@pytest.mark.parametrize("strangers", ["others", "unknown"])
@pytest.mark.parametrize("at", [0, 3])
def test_one_stranger_is_enough_to_be_refused(teacher, school, strangers, at):
    stranger = getattr(school, strangers)[0]
    named = [*school.own[:at], stranger, *school.own[at:]]
    assert_refused(teacher.post(f"{COMPARE}/students", {"student_ids": named}), *named)
    body = {"cohort_a_student_ids": named[:2], "cohort_b_student_ids": named[2:]}
    assert_refused(teacher.post(f"{COMPARE}/cohorts", body), *named)
    body = {"student_id": stranger, "cohort_id": school.cohorts[0]}
    assert_refused(teacher.post(COMPARE, body), stranger)


def test_strange_cohorts_are_refused_whether_or_not_they_exist(teacher, school):
    for cohort in (school.other_cohort, fresh_id("c")):
        body = {"cohort_a_id": school.cohorts[0], "cohort_b_id": cohort}
        assert_refused(teacher.post(f"{COMPARE}/cohorts", body), cohort)
        body = {"cohort_a_id": cohort, "cohort_b_student_ids": school.own[:2]}
        assert_refused(teacher.post(f"{COMPARE}/cohorts", body), cohort)
        body = {"student_id": school.own[0], "cohort_id": cohort}
        assert_refused(teacher.post(COMPARE, body), cohort)


def test_a_student_has_a_place_in_the_own_cohort_only(pupil, school):
    place(pupil, school.own[0], school.cohorts[0])
    for student, cohort in (
        (school.own[0], school.cohorts[1]),
        (school.own[0], school.other_cohort),
        (school.own[0], fresh_id("c")),
        (school.own[1], school.cohorts[0]),
        (fresh_id(), school.cohorts[0]),
    ):
        response = pupil.post(COMPARE, {"student_id": student, "cohort_id": cohort})
        assert_refused(response, student, cohort)


def test_students_compare_nobody_but_themselves(pupil, school):
    for other in (school.own[1], school.unknown[0]):
        body = {"student_ids": [school.own[0], other]}
        assert_refused(pupil.post(f"{COMPARE}/students", body), other)
        body = {"cohort_a_student_ids": [school.own[0], other], "cohort_b_id": school.cohorts[0]}
        assert_refused(pupil.post(f"{COMPARE}/cohorts", body), other)
    by_id = {"cohort_a_id": school.cohorts[0], "cohort_b_id": school.cohorts[0]}
    assert_refused(pupil.post(f"{COMPARE}/cohorts", by_id))


def test_a_teacher_of_the_same_id_as_a_student_has_no_student_s_rights(as_user, school):
    """A teacher's cohorts are those taught, not those in which a student of that id is."""
    namesake = as_user(school.own[0], "teacher")
    body = {"student_id": school.own[0], "cohort_id": school.cohorts[0]}
    assert_refused(namesake.post(COMPARE, body))
    assert_refused(namesake.post(f"{COMPARE}/students", {"student_ids": school.own}))


@pytest.mark.parametrize("path", ["", "/students", "/cohorts"])
def test_without_a_token_is_401(anonymous, path):
    assert_problem(anonymous.post(f"{COMPARE}{path}", {}), 401)


def test_two_rounds_are_enough_for_two_thousand(engine, crowd):
    """A thousand against a thousand by a teacher, whose right to each hangs on the store: what Redis
    sees are the commands of two pipelines, each asked once."""
    teacher_id = fresh_id("t")
    ids = [fresh_id("k") for _ in range(2000)]
    engine.seed([(s, today(), *(i % 97 / 97,) * 4) for i, s in enumerate(ids)])
    for half in (ids[:1000], ids[1000:]):
        put_cohort(engine, half, [teacher_id])
    client = engine.client(teacher_id, "teacher")
    servers = servers_of(engine.redis())
    before = [server.info("commandstats") for server in servers]
    body = cohorts(client, ids[:1000], ids[1000:])
    after = [server.info("commandstats") for server in servers]

    def calls(name):
        of = lambda statistics: sum(server.get(name, {"calls": 0})["calls"] for server in statistics)
        return of(after) - of(before)

    assert calls("cmdstat_smembers") == 2001
    assert calls("cmdstat_hmget") >= 2000
    assert body["cohort_a_stats"]["count"] == body["cohort_b_stats"]["count"] == 1000
    assert_comparison(
        body, [i % 97 / 97 for i in range(1000)], [i % 97 / 97 for i in range(1000, 2000)]
    )


def test_shapes_are_all_sound(admin, histories):
    names = list(shapes())
    ids = [histories.ids[name] for name in names]
    body = cohorts(admin, ids[: len(ids) // 2], ids[len(ids) // 2 :])
    body["test"].pop("confidence_interval")  # of a difference: it may lie below 0
    assert_sound(body)
