# SPDX-License-Identifier: GPL-3.0-or-later
"""mastery-ctl report: charts of a student and of a cohort, and what is said beside them."""
import random
import re
import struct
from datetime import timedelta

import numpy as np
import pytest
from harness.engine import Engine, fresh_id
from harness.expect import assert_ok
from harness.histories import today
from harness.model import COMPONENTS
from harness.prediction_model import LastValue
from harness.statistics_model import score_of
from test_ctl import AWAY, DONE, FAILED, USAGE, ctl

LEVELS = ("novice", "developing", "proficient", "master")
LEARNERS = 5
AGES = range(1, 60, 2)  # of days with a score: not today's, which may become yesterday's


@pytest.fixture(scope="module")
def school():
    """Learners with gaps in a cohort, and one in it without any data."""
    with Engine(POOL_SIZE=1) as engine:
        rng, rows, engine.histories = random.Random(3), [], {}
        engine.cohort = fresh_id("c")
        for _ in range(LEARNERS):
            student, level, days = fresh_id(), rng.uniform(0.3, 0.5), {}
            for ago in sorted(rng.sample(AGES, 20), reverse=True):
                level = min(1, max(0, level + rng.gauss(0.01, 0.03)))
                when, share = today() - timedelta(days=ago), round(level, 6)
                days[when] = score_of((share,) * 4)
                rows.append((student, when, *(share,) * 4))
            engine.histories[student] = days
        engine.seed(rows)
        roster = {"name": "x", "teacher_ids": [], "student_ids": [*engine.histories, fresh_id()]}
        assert_ok(engine.admin().put(f"/api/v1/cohorts/{engine.cohort}", roster), 201)
        yield engine


def report(engine, *arguments, status=DONE):
    result = ctl("report", *arguments, **engine.values)
    assert result.returncode == status, result
    return result


def numbers_of(text):
    """Days of history, days ahead, predicted score, lower and upper end, as printed."""
    pattern = r"(\d+) days of history; in (\d+) days (\S+) \(90 % interval (\S+) to (\S+)\)"
    return [float(number) for number in re.search(pattern, text).groups()]


def assert_told(text, days, ahead):
    expected = LastValue(days, today()).at(today() + timedelta(days=ahead))
    values = [expected["predicted_score"], expected["lower"], expected["upper"]]
    assert numbers_of(text) == pytest.approx([len(days), ahead, *values], abs=0.006)


def texts(path):
    """All that is written in an SVG."""
    return re.sub(r"<[^>]*>", " ", path.read_text())


@pytest.mark.parametrize("ahead", [14, 1, 30])
def test_chart_of_a_student(school, tmp_path, ahead):
    student, days = next(iter(school.histories.items()))
    path = tmp_path / "it's a chart.svg"
    options = [] if ahead == 14 else ["--days", ahead]
    result = report(school, student, "--output", path, *options)
    latest = days[max(days)]
    assert result.stdout.startswith(f"{student}: {latest:.2f}, ")
    assert_told(result.stdout, days, ahead)
    seen = texts(path)
    for word in (student, *LEVELS, *COMPONENTS, "today", "90 % interval", "prediction", "score"):
        assert word in seen, word
    assert "quartiles" not in seen


def test_chart_is_a_picture_of_its_size(school, tmp_path):
    path = tmp_path / "chart.png"
    report(school, "--cohort", school.cohort, "--output", path)
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG") and struct.unpack(">II", head[16:]) == (1000, 760)


def means(histories):
    """By day the mean of each student's latest score up to it, from the first one on."""
    first = min(min(days) for days in histories)
    found = {}
    for number in range((today() - first).days + 1):
        day = first + timedelta(days=number)
        latest = [h[max(d for d in h if d <= day)] for h in histories if min(h) <= day]
        found[day] = float(np.mean(latest))
    return found


def test_chart_of_a_cohort(school, tmp_path):
    path = tmp_path / "cohort.svg"
    result = report(school, "--cohort", school.cohort, "--output", path)
    days = means(list(school.histories.values()))
    assert f"{school.cohort}, {LEARNERS} students: mean {days[max(days)]:.2f}" in result.stdout
    assert_told(result.stdout, days, 14)
    seen = texts(path)
    for word in (school.cohort, *LEVELS, *COMPONENTS, "quartiles", "mean score"):
        assert word in seen, word


def test_whoever_has_withdrawn_consent_is_left_out(school, tmp_path):
    admin, path = school.admin(), tmp_path / "chart.svg"
    student = fresh_id()
    school.seed([(student, today() - timedelta(days=ago), *(0.9,) * 4) for ago in (3, 2, 1)])
    roster = {"name": "y", "teacher_ids": [], "student_ids": [student, *school.histories]}
    cohort = fresh_id("c")
    assert_ok(admin.put(f"/api/v1/cohorts/{cohort}", roster), 201)
    consent = f"/api/v1/compliance/consent/{student}"
    assert_ok(admin.post(consent, {"consent_type": "analytics", "granted": True}))
    assert f" {LEARNERS + 1} students" in report(school, "--cohort", cohort, "--output", path).stdout
    assert_ok(admin.post(f"{consent}/withdraw", {"consent_type": "analytics"}))
    text = report(school, "--cohort", cohort, "--output", path).stdout
    assert f" {LEARNERS} students" in text and "1 students left out" in text
    assert_told(text, means(list(school.histories.values())), 14)
    path.unlink()
    result = report(school, student, "--output", path, status=FAILED)
    assert "withdrawn consent to analytics" in result.stderr and not path.exists()


def test_too_few_days_are_told(school, tmp_path):
    student, path = fresh_id(), tmp_path / "chart.svg"
    school.seed([(student, today() - timedelta(days=ago), *(0.7,) * 4) for ago in (2, 1)])
    assert "too few days to predict" in report(school, student, "--output", path).stdout
    assert "too few days to predict" in texts(path)


def test_component_that_is_not_known_is_not_drawn(school, tmp_path):
    """Nothing but a quiz: no zeros that would look like scores."""
    student, path = fresh_id(), tmp_path / "chart.svg"
    event = {
        "event_id": f"event-{student}",
        "event_type": "quiz.completed",
        "student_id": student,
        "timestamp": f"{today() - timedelta(days=1)}T12:00:00Z",
        "data": {
            **dict(quiz_id="q", score=0.8, questions_total=5, questions_correct=4),
            "time_spent_seconds": 9,
        },
    }
    assert_ok(school.admin().post("/api/v1/mastery/ingest", event), 202)
    assert report(school, student, "--output", path).stderr == ""
    seen = texts(path)
    assert "quiz" in seen and "consistency" in seen
    assert "completion" not in seen and "quality" not in seen


def test_it_draws_on_the_terminal(school):
    student = next(iter(school.histories))
    text = report(school, student, "--output", "-").stdout
    assert "completion" in text and "prediction" in text


def test_what_cannot_be_drawn_is_said(school, tmp_path):
    student = next(iter(school.histories))
    for path in ("chart.gif", "chart", ".svg"):
        result = report(school, student, "--output", path, status=FAILED)
        assert "a .png or .svg file" in result.stderr
    result = report(school, student, "--output", tmp_path / "no" / "x.png", status=FAILED)
    assert "No such file" in result.stderr
    result = ctl("report", student, "--output", "-", **{**school.values, "PATH": str(tmp_path)})
    assert result.returncode == FAILED and "gnuplot: No such file" in result.stderr


def test_without_data_there_is_nothing_to_draw(school, tmp_path):
    path, cohort = tmp_path / "x.png", fresh_id("c")
    assert "no history of" in report(school, fresh_id(), "--output", path, status=FAILED).stderr
    options = ("--cohort", cohort, "--output", path)
    assert "no cohort" in report(school, *options, status=FAILED).stderr
    for students in ([], [fresh_id()]):
        roster = {"name": "x", "teacher_ids": [], "student_ids": students}
        assert school.admin().put(f"/api/v1/cohorts/{cohort}", roster).status in (200, 201)
        assert "no history of anybody" in report(school, *options, status=FAILED).stderr
    assert not path.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--output", "x.png"],
        ["a", "--cohort", "b", "--output", "x.png"],
        ["a"],
        ["a", "--output", "x.png", "--days", "0"],
        ["a", "--output", "x.png", "--days", "31"],
        ["--cohort", "a b", "--output", "x.png"],
    ],
)
def test_wrong_usage(arguments):
    assert ctl("report", *arguments).returncode == USAGE


def test_without_redis(tmp_path):
    options = {"REDIS_URL": "redis://127.0.0.1:1"}
    for whose in (["a"], ["--cohort", "a"]):
        result = ctl("report", *whose, "--output", tmp_path / "x.png", **options)
        assert result.returncode == AWAY and "Redis cannot be reached" in result.stderr
