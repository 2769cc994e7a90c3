# SPDX-License-Identifier: GPL-3.0-or-later
"""mastery-ctl backtest: its figures held against an independent replay, its charts, and what the
default model must achieve on records of real learners (tests/data/README.md)."""
import csv
import json
import pathlib
import random
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from harness.engine import Engine, fresh_id
from harness.expect import assert_ok
from harness.histories import today
from harness.statistics_model import score_of
from scipy import stats
from test_ctl import AWAY, DONE, FAILED, USAGE, ctl

LEARNERS, HISTORY_DAYS = 5, 90
DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "oulad.csv"
HEADER = "learner,module,final_result,day,assessment,type,weight,score"
HORIZONS = (7, 14, 28)
MODELS = {"projection", "least_squares", "trend_with_memory", "last_value"}


# ---- an independent replay ----


def day(number, score, active=(), weight=0.0):
    """The close of a day. active: the active days so far; weight: of consistency in the score."""
    return SimpleNamespace(day=number, score=score, active=active, weight=weight)


def replay(rows):
    """The days of one learner, from rows of the file."""
    sums, active, days = {}, set(), {}
    for row in sorted(rows, key=lambda row: int(row["day"])):
        when, x = int(row["day"]), float(row["score"]) / 100
        active.add(when)
        new = {"quiz": x} if row["type"] == "CMA" else {"completion": 1, "quality": x}
        for name, value in new.items():
            total, weight, at = sums.get(name, (0, 0, when))
            decay = 2 ** (-(when - at) / 14)
            sums[name] = (total * decay + value, weight * decay + 1, when)
        values = {name: (total / weight, 1) for name, (total, weight, _) in sums.items()}
        values["consistency"] = (min(1, sum(when - 14 < d for d in active) / 10), 1)
        weights = {"completion": 0.4, "quiz": 0.3, "quality": 0.2, "consistency": 0.1}
        whole = sum(weights[name] for name in values)
        score = sum(weights[name] * value for name, (value, _) in values.items()) / whole
        days[when] = day(when, score, sorted(active), 0.1 / whole)
    return list(days.values())


def judged(days, ahead, end):
    """(known days, day of the prediction, truth) of each prediction that counts."""
    days = [d for d in days if d.day <= end]
    for now in range(days[0].day + 6, days[-1].day, 7) if days else ():
        after = [d for d in days if now < d.day <= now + ahead]
        if after and now + ahead <= end:
            known = [d for d in days if d.day <= now]
            recent = [d for d in known if d.day > now - HISTORY_DAYS]
            yield recent or known[-1:], now, after[-1].score


def last_value(known, _now, _ahead):
    return known[-1].score


def projection(known, now, ahead):
    if len(known) < 3:
        return known[-1].score
    last = known[-1]
    active = [d for d in last.active if d > last.day - 32]  # as far as a state knows
    first = min([d.day for d in known] + [d for d in known[0].active if d > known[0].day - 32])
    rate = (7 * 0.2 + sum(d > now - 28 for d in active)) / (7 + min(28, now - first + 1))
    rate = min(1, rate)
    end = now + ahead - min(ahead - 1, round((1 - rate) / rate, 12))
    expected = sum(d > end - 14 for d in active) + rate * max(0, end - 1 - max(now, end - 14))
    consistency = min(1, (1 + min(13, expected)) / 10)
    before = min(1, sum(d > last.day - 14 for d in active) / 10)
    nothing = (1 - rate) ** ahead
    return last.score + (1 - nothing) * last.weight * (consistency - before)


def line(known, now, ahead):
    """Prediction and half of its 90 % interval by least squares."""
    if len(known) < 3:
        return known[-1].score, stats.norm.ppf(0.95) / np.sqrt(12)
    x, y = np.array([d.day for d in known], float), np.array([d.score for d in known])
    fit = stats.linregress(x, y)
    off = y - fit.intercept - fit.slope * x
    sigma = max(0.02, np.sqrt(off @ off / (len(x) - 2)))
    sxx, at = np.sum((x - x.mean()) ** 2), now + ahead
    error = sigma * np.sqrt(1 + 1 / len(x) + (at - x.mean()) ** 2 / sxx)
    return fit.intercept + fit.slope * at, stats.t.ppf(0.95, len(x) - 2) * error


def least_squares(known, now, ahead):
    return min(1, max(0, line(known, now, ahead)[0]))


def expected(histories, ahead, end, model):
    """Figures that are means over all predictions."""
    cases = [case for days in histories for case in judged(days, ahead, end)]
    truths = np.array([truth for _, _, truth in cases])
    errors = np.array([model(known, now, ahead) for known, now, _ in cases]) - truths
    stays = np.array([known[-1].score for known, _, _ in cases]) - truths
    return {
        "predictions": len(cases),
        "mae": np.mean(np.abs(errors)),
        "rmse": np.sqrt(np.mean(errors**2)),
        "skill": 1 - np.mean(np.abs(errors)) / np.mean(np.abs(stays)),
        "rises": np.mean(stays < -1e-12),
        "falls": np.mean(stays > 1e-12),
    }


def expected_intervals(histories, ahead, end):
    """Coverage, width and Brier score of least squares."""
    covered, widths, brier = [], [], []
    for days in histories:
        for known, now, truth in judged(days, ahead, end):
            centre, margin = line(known, now, ahead)
            low, high = max(0, centre - margin), min(1, centre + margin)
            covered.append(low <= truth <= high)
            widths.append(high - low)
            df = len(known) - 2
            scale = margin / (stats.t.ppf(0.95, df) if df > 0 else stats.norm.ppf(0.95))
            z = (0.5 - centre) / scale
            below = stats.t.cdf(z, df) if len(known) >= 3 else stats.norm.cdf(z)
            brier.append((below - (truth < 0.5)) ** 2)
    names = ("coverage", "width", "brier_below_half")
    return dict(zip(names, map(np.mean, (covered, widths, brier))))


def found(report, ahead, model):
    """The figures of one row of the JSON report."""
    rows = report["results"]
    row = next(row for row in rows if row["days_ahead"] == ahead and row["model"] == model)
    return {name: value["value"] if isinstance(value, dict) else value for name, value in row.items()}


def assert_figures(report, ahead, model, wanted):
    row = found(report, ahead, model)
    assert {name: row[name] for name in wanted} == pytest.approx(wanted, abs=1e-8)


# ---- stored histories ----


@pytest.fixture(scope="module")
def school():
    """An engine of its own, so that "all" is known: learners with gaps, and two with nothing to
    tell from."""
    with Engine(POOL_SIZE=1) as engine:
        engine.histories = {}
        rng, rows = random.Random(11), []
        for _ in range(LEARNERS):
            student, level = fresh_id(), rng.uniform(0.2, 0.6)
            days = []
            for ago in sorted(rng.sample(range(90), 40), reverse=True):
                level += rng.gauss(0.004, 0.02)
                share = round(min(1, max(0, level)), 6)
                when = today() - timedelta(days=ago)
                days.append(day(when.toordinal(), score_of((share,) * 4)))
                rows.append((student, when, *(share,) * 4))
            engine.histories[student] = days
        for ago in (2, 1, 0):
            rows.append((fresh_id(), today() - timedelta(days=ago), 0.5, 0.5, 0.5, 0.5))
        engine.seed(rows)
        yield engine


def backtest(engine, *arguments, status=DONE):
    result = ctl("backtest", *arguments, **engine.values)
    assert result.returncode == status, result
    return result


@pytest.mark.parametrize("ahead", HORIZONS)
def test_stored_histories_are_judged(school, ahead):
    report = json.loads(backtest(school, "--json").stdout)
    assert report["learners"] == LEARNERS and report["interval_level"] == 0.9
    histories, end = school.histories.values(), today().toordinal()
    assert_figures(report, ahead, "last_value", expected(histories, ahead, end, last_value))
    assert_figures(report, ahead, "least_squares", expected(histories, ahead, end, least_squares))
    assert_figures(report, ahead, "least_squares", expected_intervals(histories, ahead, end))
    assert "ranking" not in report, "nothing is known of final results"


def test_some_students_or_a_cohort_alone(school):
    students = list(school.histories)[:2]
    by_name = backtest(school, "--student", ",".join(students)).stdout
    assert by_name.startswith("2 students;")
    cohort = fresh_id("c")
    roster = {"name": "x", "teacher_ids": [], "student_ids": students}
    assert_ok(school.admin().put(f"/api/v1/cohorts/{cohort}", roster), 201)
    assert backtest(school, "--cohort", cohort).stdout == by_name


def test_without_histories_there_is_nothing_to_tell(school):
    result = backtest(school, "--student", fresh_id(), status=FAILED)
    assert "no history is long enough" in result.stderr and result.stdout == ""


def test_wrong_usage(school):
    for arguments in (("--student", "a", "--cohort", "b"), ("--csv", "-", "--cohort", "b")):
        result = backtest(school, *arguments, status=USAGE)
        assert "exclude each other" in result.stderr
    assert "--model" in backtest(school, "--model", "crystal_ball", status=USAGE).stderr
    assert "no cohort" in backtest(school, "--cohort", fresh_id("c"), status=FAILED).stderr


def test_without_redis():
    result = ctl("backtest", REDIS_URL="redis://127.0.0.1:1")
    assert result.returncode == AWAY and "Redis cannot be reached" in result.stderr


def test_thousands_of_students_are_named_at_once():
    students = ",".join(f"s{number}" for number in range(9000))
    result = ctl("backtest", "--student", students, "--student", students, REDIS_URL="redis://127.0.0.1:1")
    assert result.returncode == AWAY and "Redis cannot be reached" in result.stderr


# ---- a file, without a server ----


def backtest_file(*arguments, text="", status=DONE):
    result = ctl("backtest", "--csv", *arguments, text=text, REDIS_URL="redis://127.0.0.1:1")
    assert result.returncode == status, result
    return result


@pytest.fixture(scope="module")
def learners():
    """Rows of the file by learner."""
    rows = {}
    with DATA.open(encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["learner"], []).append(row)
    return rows


@pytest.fixture(scope="module")
def oulad():
    return json.loads(backtest_file(DATA, "--json").stdout)


def text_of(rows):
    names = HEADER.split(",")
    return "\n".join([HEADER, *(",".join(row[name] for name in names) for row in rows)]) + "\n"


@pytest.mark.parametrize("ahead", HORIZONS)
def test_results_are_replayed_and_judged(learners, ahead):
    some = [rows for rows in list(learners.values())[::12]]
    rows = [row for rows in some for row in rows]
    random.Random(5).shuffle(rows)  # the order of the lines does not matter
    report = json.loads(backtest_file("-", "--json", text=text_of(rows)).stdout)
    histories, end = [replay(rows) for rows in some], max(int(row["day"]) for row in rows)
    assert {row["model"] for row in report["results"]} == MODELS
    for model in (projection, last_value, least_squares):
        assert_figures(report, ahead, model.__name__, expected(histories, ahead, end, model))
    assert_figures(report, ahead, "least_squares", expected_intervals(histories, ahead, end))


def test_who_failed_is_ranked_at_mid_course(learners, oulad):
    days = {}
    for rows in learners.values():
        days.setdefault(rows[0]["module"], []).extend(int(row["day"]) for row in rows)
    middle = {module: min(of) + (max(of) - min(of)) // 2 for module, of in days.items()}
    values = {}
    for rows in learners.values():
        module, failed = rows[0]["module"], rows[0]["final_result"] in ("Fail", "Withdrawn")
        until = [int(row["day"]) for row in rows if int(row["day"]) <= middle[module]]
        if until:
            values.setdefault((module, failed), []).append(middle[module] - max(until))
    pairs = [
        (bad, good)
        for module in days
        for bad in values[module, True]
        for good in values[module, False]
    ]
    wanted = np.mean([(bad > good) + 0.5 * (bad == good) for bad, good in pairs])
    ranking = oulad["ranking"]
    assert ranking["learners"] == sum(map(len, values.values()))
    assert ranking["failed"] == len(values["DDD2013B", True]) + len(values["FFF2013J", True])
    assert ranking["days_inactive"]["value"] == pytest.approx(wanted, abs=1e-12)
    assert ranking["attention"]["lower"] > 0.7


def test_the_default_model_holds_on_real_learners(oulad):
    """The lines that docs/mastery-model.md promises (How predictions are judged)."""
    assert oulad["learners"] == 600
    for ahead, most in ((7, 1.0), (28, 1.03)):
        ours = found(oulad, ahead, "projection")
        assert ours["mae"] <= most * found(oulad, ahead, "last_value")["mae"]
        assert ours["mae"] <= 0.8 * found(oulad, ahead, "least_squares")["mae"]
        assert 0.88 <= ours["coverage"] <= 0.93


def test_a_trend_that_is_told_comes_true(oulad):
    for ahead in (7, 28):
        ours = found(oulad, ahead, "projection")
        assert ours["declining"] > 0 and ours["declining_right"] >= 0.8
        assert ours["improving"] < 0.06 or ours["improving_right"] >= ours["rises"] + 0.05


def test_figures_have_intervals_and_are_the_same_again(oulad):
    for row in oulad["results"]:
        for name in ("mae", "rmse", "coverage", "width", "brier_below_half"):
            figure = row[name]
            assert figure["lower"] < figure["value"] < figure["upper"], (name, row)
        assert sum(bin["predictions"] for bin in row["reliability"]) == row["predictions"]
    assert json.loads(backtest_file(DATA, "--json").stdout) == oulad


def test_the_table_shows_what_json_has(oulad):
    lines = [line.split() for line in backtest_file(DATA).stdout.splitlines()]
    for row in oulad["results"]:
        start = [str(row["days_ahead"]), row["model"], str(row["predictions"])]
        shown = [line[3:] for line in lines if line[:3] == start]
        names = ("mae", "rmse", "coverage", "width", "brier_below_half", "skill")
        assert shown[0] == [f"{row[name]['value']:.4f}" for name in names]
        names = ("rises", "falls", "improving", "improving_right", "declining", "declining_right")
        figures = [row[name] and row[name]["value"] for name in names]
        assert shown[1] == ["-" if figure is None else f"{figure:.3f}" for figure in figures]
    ranking = oulad["ranking"]
    assert ["attention", f"{ranking['attention']['value']:.3f}"] in [line[:2] for line in lines]


ROW = "a,M,Pass,1,7,CMA,10,50"


@pytest.mark.parametrize(
    "line, complaint",
    [
        ("a b,M,Pass,1,7,CMA,10,50", 'learner: "a b" is not an id'),
        ("a,,Pass,1,7,CMA,10,50", 'module: "" is not an id'),
        ("a,M,Passed,1,7,CMA,10,50", 'final_result: "Passed" is not one of Distinction, Pass, Fail'),
        ("a,M,Pass,1.5,7,CMA,10,50", 'day: "1.5" is not a whole number from -3660 to 3660'),
        ("a,M,Pass,3661,7,CMA,10,50", 'day: "3661" is not a whole number'),
        ("a,M,Pass,1,7,Exam,10,50", 'type: "Exam" is not one of CMA, TMA'),
        ("a,M,Pass,1,7,CMA,x,50", 'weight: "x" is not a number from 0 to 100'),
        ("a,M,Pass,1,7,CMA,10,101", 'score: "101" is not a number from 0 to 100'),
        ("a,M,Pass,1,7,CMA,10,", 'score: "" is not a number from 0 to 100'),
        ("a,M,Pass,1,7,CMA,10", "7 fields instead of 8"),
        ('"a,M,Pass,1,7,CMA,10,50', "a quotation mark is opened and not closed"),
        ("a,N,Pass,2,7,CMA,10,50", "module: differs from the learner's in line 2"),
        ("a,M,Fail,2,7,CMA,10,50", "final_result: differs from the learner's in line 2"),
    ],
)
def test_a_bad_line_is_told_and_nothing_is_measured(line, complaint):
    result = backtest_file("-", text=f"{HEADER}\n{ROW}\n{line}\n", status=FAILED)
    told = result.stderr.splitlines()
    assert told[0].startswith("standard input:3: " + complaint), told
    assert told[1] == "mastery-ctl backtest: 1 error: nothing is measured"
    assert len(told) == 2 and result.stdout == ""


def test_it_reads_what_spreadsheets_write(learners):
    """The same file with semicolons, quotes, decimal commas, CRLF, another order and a blank line at its end."""
    names = HEADER.split(",")[::-1]
    lines = [";".join(f'" {name.upper()} "' for name in names)]
    for row in (row for rows in learners.values() for row in rows):
        lines.append(";".join(row[name].replace(".", ",").upper() for name in names))
    text = "\ufeff" + "\r\n".join([*lines, "", ""])
    assert json.loads(backtest_file("-", "--json", text=text).stdout)["results"]


def test_a_file_that_cannot_be_read_or_has_nothing_is_told(tmp_path):
    assert "No such file" in backtest_file(tmp_path / "none.csv", status=FAILED).stderr
    assert "no history is long enough" in backtest_file("-", status=FAILED).stderr
    assert "no history is long enough" in backtest_file("-", text=ROW, status=FAILED).stderr


# ---- charts ----


@pytest.mark.parametrize("name, magic", [("a plot.png", b"\x89PNG"), ("it's.svg", b"<?xml")])
def test_it_draws_a_file(tmp_path, name, magic):
    backtest_file(DATA, "--plot", tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(magic)


def test_it_draws_on_the_terminal_by_the_model_that_is_named():
    text = backtest_file(DATA, "--plot", "-", "--model", "last_value").stdout
    assert "28 days ahead: reliability" in text and "last_value" in text.split("Ranking")[1]


def test_what_cannot_be_drawn_is_said(tmp_path):
    for path in ("plot.gif", "plot", ".png"):
        result = backtest_file(DATA, "--plot", path, status=FAILED)
        assert "a .png or .svg file" in result.stderr
    result = backtest_file(DATA, "--plot", tmp_path / "no" / "x.png", status=FAILED)
    assert "No such file" in result.stderr
    result = ctl("backtest", "--csv", DATA, "--plot", "-", PATH=str(tmp_path))
    assert result.returncode == FAILED and "gnuplot: No such file" in result.stderr
