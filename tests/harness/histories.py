# SPDX-License-Identifier: GPL-3.0-or-later
"""Histories of students of every shape, from fixed seeds, and what is true about them."""
import math
import random
from datetime import datetime, timedelta, timezone

from harness.engine import fresh_id
from harness.model import COMPONENTS
from harness.statistics_model import score_of

FIELDS_IN_SHARE = {
    "predicted_score", "confidence", "mastery_score", "mean", "median", "min_value", "max_value",
    "latest_score", "lower", "upper", "consistency_score", "recent_accuracy", "average_error",
    "within_variance_rate", "r_squared", "statistical_significance", *COMPONENTS,
}  # fmt: skip


def today():
    return datetime.now(timezone.utc).date()


def shares(rng, decimals=6):
    return tuple(round(rng.random(), decimals) for _ in COMPONENTS)


def walk(rng, ages, step=0.05):
    """A random walk within 0..1 over the days so long ago."""
    values, days = [rng.random() for _ in COMPONENTS], {}
    for ago in sorted(ages, reverse=True):
        values = [min(1.0, max(0.0, v + rng.gauss(0, step))) for v in values]
        days[ago] = tuple(round(v, 9) for v in values)
    return days


def shapes(seed=20260101):
    """{name: {days ago: four components}}; "empty" has none."""
    rng = random.Random(seed)
    gappy = sorted(rng.sample(range(90), 17))
    return {
        "empty": {},
        "one day": {0: shares(rng)},
        "one day long ago": {71: shares(rng)},
        "two days": {5: shares(rng), 1: shares(rng)},
        "three days": {9: shares(rng), 4: shares(rng), 2: shares(rng)},
        "constant": {ago: (0.5, 0.5, 0.5, 0.5) for ago in range(20)},
        "all zero": {ago: (0, 0, 0, 0) for ago in range(10)},
        "all one": {ago: (1, 1, 1, 1) for ago in range(10)},
        "zero and one": {ago: ((1, 1, 1, 1) if ago % 2 else (0, 0, 0, 0)) for ago in range(30)},
        "exact line": {ago: (round(0.9 - ago / 100, 2),) * 4 for ago in range(60)},
        "steep fall": {ago: (round(min(1, ago / 6), 3),) * 4 for ago in range(8)},
        "tiny steps": {ago: (round(0.6 + ago * 1e-9, 12),) * 4 for ago in range(12)},
        "ninety days": walk(rng, range(90)),
        "gappy": walk(rng, gappy),
        "week ends": walk(rng, [a for a in range(60) if (today() - timedelta(days=a)).weekday() > 4]),
        "wild": {ago: shares(rng, 12) for ago in range(40)},
        "calm": walk(rng, range(45), step=0.004),
        "old": walk(rng, range(50, 90)),
        "low": {ago: tuple(v / 10 for v in shares(rng)) for ago in range(15)},
    }


class Histories:
    """The shapes, each of a student of its own, in the store."""

    def __init__(self, engine, seed=20260101):
        self.shapes = shapes(seed)
        self.today = today()
        self.ids = {name: fresh_id("h") for name in self.shapes}
        rows = [
            (self.ids[name], (self.today - timedelta(days=ago)).isoformat(), *values)
            for name, days in self.shapes.items()
            for ago, values in sorted(days.items(), reverse=True)
        ]
        engine.seed(rows)

    def components(self, name, days=90):
        """{date: components} of the last so many days."""
        return {
            self.today - timedelta(days=ago): values
            for ago, values in self.shapes[name].items()
            if ago < days
        }

    def scores(self, name, days=90):
        return {day: score_of(values) for day, values in self.components(name, days).items()}

    def component(self, name, component, days=90):
        i = COMPONENTS.index(component)
        return {day: values[i] for day, values in self.components(name, days).items()}


def assert_sound(node, key=""):
    """All numbers finite, and shares within 0..1."""
    if isinstance(node, dict):
        for name, child in node.items():
            assert_sound(child, name)
    elif isinstance(node, list):
        for child in node:
            assert_sound(child, key)
    elif isinstance(node, float) or (isinstance(node, int) and not isinstance(node, bool)):
        assert math.isfinite(node), key
        if key in FIELDS_IN_SHARE:
            assert 0 <= node <= 1, f"{key} is {node}"
