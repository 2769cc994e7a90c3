# SPDX-License-Identifier: GPL-3.0-or-later
"""mastery-ctl backtest: its table held against an independent model, and its plots."""
import random
import re
from datetime import timedelta

import numpy as np
import pytest
from harness.engine import Engine, fresh_id
from harness.expect import assert_ok
from harness.histories import today
from harness.statistics_model import Forecast, MemoryForecast, level_of, score_of
from test_ctl import AWAY, DONE, FAILED, USAGE, ctl

LEARNERS = 5


@pytest.fixture(scope="module")
def school():
    """An engine of its own, so that "all" is known: learners with gaps, and two with nothing to
    tell from."""
    with Engine(POOL_SIZE=1) as engine:
        engine.histories = {}
        rng, rows = random.Random(11), []
        for _ in range(LEARNERS):
            student, level = fresh_id(), rng.uniform(0.2, 0.6)
            days = {}
            for ago in sorted(rng.sample(range(90), 40), reverse=True):
                level += rng.gauss(0.004, 0.02)
                share = round(min(1, max(0, level)), 6)
                days[today() - timedelta(days=ago)] = score_of((share,) * 4)
                rows.append((student, today() - timedelta(days=ago), *(share,) * 4))
            engine.histories[student] = days
        for ago in (2, 1, 0):
            rows.append((fresh_id(), today() - timedelta(days=ago), 0.5, 0.5, 0.5, 0.5))
        engine.seed(rows)
        yield engine


def backtest(engine, *arguments, status=DONE):
    result = ctl("backtest", *arguments, **engine.values)
    assert result.returncode == status, result
    return result


def rows_of(text):
    """{days ahead: numbers} of the table."""
    rows = {}
    for line in text.splitlines():
        numbers = re.findall(r"\d+(?:\.\d+)?", line)
        if re.match(r" *\d", line) and len(numbers) == 12:
            rows[int(numbers[0])] = [float(number) for number in numbers[1:]]
    return rows


def expected_row(histories, ahead):
    """Predictions, then coverage (2), mean errors (4) and Brier scores (4)."""
    covered, errors, brier = [], [], []
    for days in histories:
        dates = sorted(days)
        for i in range(3, len(dates)):
            target = dates[i - 1] + timedelta(days=ahead)
            if target > dates[-1]:
                break
            known = {d: days[d] for d in dates[:i]}
            truth = days[max(d for d in dates if d <= target)]
            models = [model(known).at(target) for model in (Forecast, MemoryForecast)]
            covered.append([m["lower"] <= truth <= m["upper"] for m in models])
            values = [m["predicted_score"] for m in models]
            values += [known[dates[i - 1]], float(np.mean(list(known.values())))]
            sure = [m["confidence"] for m in models] + [1, 1]
            errors.append([abs(value - truth) for value in values])
            hits = [level_of(value) == level_of(truth) for value in values]
            brier.append([(s - hit) ** 2 for s, hit in zip(sure, hits)])
    figures = [100 * np.mean(covered, axis=0), np.mean(errors, axis=0), np.mean(brier, axis=0)]
    return [len(errors), *np.concatenate(figures)]


@pytest.mark.parametrize("ahead", [1, 7, 30])
def test_the_table_is_right(school, ahead):
    found = rows_of(backtest(school).stdout)
    assert set(found) == {1, 2, 3, 5, 7, 10, 14, 21, 30}
    expected = expected_row(school.histories.values(), ahead)
    tolerances = [0, *[0.06] * 2, *[0.00006] * 4, *[0.0006] * 4]
    for value, wanted, tolerance in zip(found[ahead], expected, tolerances):
        assert value == pytest.approx(wanted, abs=tolerance)


def test_some_students_or_a_cohort_alone(school):
    students = list(school.histories)[:2]
    by_name = backtest(school, "--student", ",".join(students)).stdout
    expected = expected_row([school.histories[s] for s in students], 7)
    assert rows_of(by_name)[7][0] == expected[0]
    cohort = fresh_id("c")
    roster = {"name": "x", "teacher_ids": [], "student_ids": students}
    assert_ok(school.admin().put(f"/api/v1/cohorts/{cohort}", roster), 201)
    assert backtest(school, "--cohort", cohort).stdout == by_name


@pytest.mark.parametrize("name, magic", [("a plot.png", b"\x89PNG"), ("it's.svg", b"<?xml")])
def test_it_draws_a_file(school, tmp_path, name, magic):
    backtest(school, "--plot", str(tmp_path / name))
    assert (tmp_path / name).read_bytes().startswith(magic)


def test_it_draws_on_the_terminal(school):
    text = backtest(school, "--plot", "-").stdout
    assert "days ahead" in text and "trend_with_memory" in text and "***" in text


def test_what_cannot_be_drawn_is_said(school, tmp_path):
    for path in ("plot.gif", "plot", ".png"):
        result = backtest(school, "--plot", path, status=FAILED)
        assert "a .png or .svg file" in result.stderr
    result = backtest(school, "--plot", str(tmp_path / "no" / "x.png"), status=FAILED)
    assert "No such file" in result.stderr
    settings = {**school.values, "PATH": str(tmp_path)}
    result = ctl("backtest", "--plot", "-", **settings)
    assert result.returncode == FAILED and "gnuplot: No such file" in result.stderr


def test_without_histories_there_is_nothing_to_tell(school):
    result = backtest(school, "--student", fresh_id(), status=FAILED)
    assert "no history is long enough" in result.stderr and result.stdout == ""


def test_wrong_usage(school):
    assert "exclude each other" in backtest(
        school, "--student", "a", "--cohort", "b", status=USAGE
    ).stderr
    assert "no cohort" in backtest(school, "--cohort", fresh_id("c"), status=FAILED).stderr


def test_without_redis():
    result = ctl("backtest", REDIS_URL="redis://127.0.0.1:1")
    assert result.returncode == AWAY and "Redis cannot be reached" in result.stderr
