# SPDX-License-Identifier: GPL-3.0-or-later
"""Predictions made and come true, counted by the worker: predictions/config and two gauges."""
from datetime import datetime, timedelta, timezone

import pytest
from harness.ctl import run_ctl
from harness.engine import fresh_id
from harness.prometheus import Scrape
from harness.store import student_key
from harness.wait import wait_for

CONFIG = "/api/v1/predictions/config"
VERSION = "2.0.0"


def keep(store, student, made_ago, target_ago, low, high, model="projection", **more):
    """A prediction of 0.5 made so many days ago about the day so many days ago."""
    now = datetime.now(timezone.utc)
    fields = {
        "made_at": int((now - timedelta(days=made_ago)).timestamp() * 1000),
        "target_day": (now.date() - timedelta(days=target_ago)).isoformat(),
        "predicted": 0.5,
        "lower": low,
        "upper": high,
        "model": f"{model}/{VERSION}",
        **more,
    }
    store.xadd(student_key(student, ":predictions"), fields)


def as_admin(pool, method, path, **options):
    response = pool.request(method, path, token=pool.token("root", "admin"), **options)
    assert response.status == 200, response
    return response.json


@pytest.fixture
def counted(pool, store):
    """A pool without a worker, with predictions made."""
    today = datetime.now(timezone.utc).date()
    students = [fresh_id() for _ in range(3)]
    days = [(s, today - timedelta(days=a), *(v,) * 4) for s in students for a, v in ((20, 0.4), (5, 0.6))]
    lines = ["student_id,date,completion,quiz,quality,consistency"]
    lines += [",".join(map(str, row)) for row in days]
    run_ctl(pool.environment, "seed", "-", text="\n".join(lines) + "\n")
    one, two, withdrawn = students
    keep(store, one, 14, 7, 0.3, 0.45)  # 0.4: inside
    keep(store, one, 10, 3, 0.3, 0.55)  # 0.6: outside
    keep(store, two, 9, 2, 0.5, 0.6)  # on the edge
    keep(store, two, 3, 2, 0.5, 0.6)  # a day ahead
    keep(store, two, 9, 2, 0.5, 0.55, model="last_value")  # outside
    keep(store, two, 9, 2, 0, 0.1, model="projection/1")  # another version
    keep(store, two, 7, 0, 0, 0.1)  # today has not ended
    keep(store, two, 40, 33, 0, 0.1)  # long ago
    keep(store, two, 9, 2, 0, 0.1, intervention="tutoring")  # on a condition
    keep(store, withdrawn, 9, 2, 0, 0.1)
    for _ in range(500):  # many pages of SCAN have no predictions
        store.xadd(student_key(fresh_id(), ":events"), {"e": "{}"})
    consent = f"/api/v1/compliance/consent/{withdrawn}"
    as_admin(pool, "POST", consent, json={"consent_type": "analytics", "granted": True})
    as_admin(pool, "POST", f"{consent}/withdraw", json={"consent_type": "analytics"})
    return pool


def calibration(pool):
    return as_admin(pool, "GET", CONFIG)["calibration"]


def near(value):
    return pytest.approx(value, abs=1e-9)


def row(model, horizon, verified, coverage, error):
    return {
        "model": model,
        "horizon": horizon,
        "verified_predictions": verified,
        "coverage": near(coverage),
        "average_error": near(error),
    }


def gauge(pool, name):
    return Scrape(pool.request("GET", "/metrics").text).sum(name)


def test_predictions_that_came_true_are_counted(counted, start_worker):
    start_worker(counted)
    wait_for(lambda: calibration(counted) and calibration(counted)["models"], "the counts")
    found = calibration(counted)
    yesterday = datetime.now(timezone.utc).date() - timedelta(days=1)
    assert found["until"] == yesterday.isoformat() and found["days"] == 28
    assert found["models"] == [
        row("projection", "7_days", 3, 2 / 3, 0.1),
        row("projection", "other", 1, 1, 0.1),
        row("last_value", "7_days", 1, 0, 0.1),
    ]
    wait_for(lambda: gauge(counted, "predictions_verified") == 4, "the gauge")
    assert gauge(counted, "predictions_covered") == 3


@pytest.mark.parametrize("text", ["", "x", "1.0.0 20000", f"{VERSION} 20000 1 2 0", f"{VERSION} x"])
def test_counts_that_are_none_are_not_shown(pool, store, text):
    store.set("calibration", text, ex=60)
    assert calibration(pool) is None
