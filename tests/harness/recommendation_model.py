# SPDX-License-Identifier: GPL-3.0-or-later
"""Recommendations once more, written from docs/mastery-model.md and not from the engine's code."""
import json
import math
from decimal import ROUND_HALF_EVEN, Decimal

from harness.binaries import ROOT
from harness.model import COMPONENTS

AREAS = COMPONENTS
THRESHOLDS = dict(zip(AREAS, (0.80, 0.75, 0.70, 0.70)))
FITTING = dict(zip(AREAS, ("practice", "review", "refactor", "schedule")))
WEIGHTS = dict(zip(AREAS, (0.4, 0.3, 0.2, 0.1)))
DIFFICULTIES = ("easy", "medium", "hard", "expert")
LEVELS = ("novice", "developing", "proficient", "master")
OBSERVED = dict(zip(DIFFICULTIES, (0.8, 1.0, 1.2, 1.5)))  # weight of an item's result


def rounded(value):
    return float(Decimal(value).quantize(Decimal("1e-12"), rounding=ROUND_HALF_EVEN))


def level_index(score):
    return sum(rounded(score) >= floor for floor in (0.4, 0.6, 0.8))


def usefulness(said):
    heard = [1.0 if said["completed"] else 0.0]
    if said.get("satisfaction_rating") is not None:
        heard.append((said["satisfaction_rating"] - 1) / 4)
    if said.get("improvement_score") is not None:
        heard.append((1 + (said["improvement_score"] > 0) - (said["improvement_score"] < 0)) / 2)
    return rounded(sum(heard) / len(heard))


class Catalogue:
    def __init__(self, path=ROOT / "conf" / "recommendations.json"):
        document = json.loads(path.read_text("utf-8"))
        self.items, self.starters = document["items"], document["starters"]
        self.reasons = document["reasons"]

    def named(self, response):
        """The item of the catalogue that a recommendation in a response is: its description ends with the item's."""
        texts = {entry["description"]: entry for entry in [*self.items, *self.starters]}
        [found] = [entry for text, entry in texts.items() if response["description"].endswith(text)]
        return found


class Learner:
    """known: component to value. evidence: component to weight, of those known."""

    def __init__(self, known, evidence, weights=None, feedback=()):
        self.known, self.evidence = dict(known), dict(evidence)
        self.weights = weights or WEIGHTS
        self.own_weights = weights is not None
        self.feedback = list(feedback)  # (action, area, usefulness)

    def value(self, area):
        return self.known.get(area, 0.0)

    def gap(self, area):
        return max(0.0, rounded(THRESHOLDS[area] - self.value(area)))

    def priority(self, area):
        gap = self.gap(area)
        return "high" if gap >= 0.2 else "medium" if gap >= 0.1 else "low"

    def score(self):
        if self.own_weights:
            used = self.weights
        else:
            total = sum(WEIGHTS[area] for area in self.known) or 1
            used = {area: WEIGHTS[area] / total for area in self.known}
        return min(1.0, rounded(sum(self.value(area) * used[area] for area in self.known)))

    def urgent(self):
        """Areas with a gap, the largest first; of equal ones the one with the larger weight; then in the order
        of the table."""
        gaps = [area for area in AREAS if self.gap(area) > 0]
        return sorted(gaps, key=lambda area: (-self.gap(area), -self.weights[area]))

    def confidence(self, item):
        heard = [u for a, c, u in self.feedback if (a, c) == (item["action"], item["component"])]
        weight = self.evidence.get(item["component"], 0.0)
        return rounded((1 + weight + sum(heard)) / (2 + weight + len(heard)))

    def reason(self, area):
        if not self.known:
            return "starter"
        if area not in self.known:
            return "unknown"
        return "gap" if self.gap(area) > 0 else "new"


def description(catalogue, learner, item):
    area = item["component"]
    shown = math.floor(learner.value(area) * 1000 + 1e-9) / 1000
    score, threshold = (f"{number:.15g}" for number in (shown, THRESHOLDS[area]))
    sentence = catalogue.reasons[learner.reason(area)]
    for name, text in (("area", area), ("score", score), ("threshold", threshold)):
        sentence = sentence.replace("{" + name + "}", text)
    return f"{sentence} {item['description']}"


def shown_value(learner, area):
    """Cut after three decimals; None without evidence."""
    return math.floor(learner.value(area) * 1000 + 1e-9) / 1000 if area in learner.known else None


def as_answer(catalogue, learner, item):
    """All of a recommendation but its id."""
    area = item["component"]
    return {
        "action": item["action"],
        "area": area,
        "priority": learner.priority(area),
        "description": description(catalogue, learner, item),
        "instruction": item["description"],
        "reason": learner.reason(area),
        "component_value": shown_value(learner, area),
        "threshold": THRESHOLDS[area],
        "estimated_time": item["minutes"],
        "resources": item["resources"],
        "difficulty": item["difficulty"],
        "score_gap": learner.gap(area),
        "confidence": learner.confidence(item),
    }


def by_fit(catalogue, learner, area, action, only):
    """The items of an area in the order in which they would be taken."""
    suits = level_index(learner.value(area))
    fitting = []
    for place, item in enumerate(catalogue.items):
        step = DIFFICULTIES.index(item["difficulty"]) - suits
        other = item["action"] != action
        if item["component"] != area or abs(step) > 1:
            continue
        if other and (only or item["action"] == "assess"):
            continue
        fitting.append((other, (0, 1, 2)[step], place, item))
    return [item for *_, item in sorted(fitting, key=lambda entry: entry[:3])]


def recommend(catalogue, learner, limit=5, priority=None, component_filter=()):
    """The items to recommend, in their order."""
    if not learner.known:
        return catalogue.starters[:limit]
    wished = [
        area
        for area in AREAS
        if (not component_filter or area in component_filter)
        and priority in (None, learner.priority(area))
    ]
    lists = []
    for area in learner.urgent():
        if area in wished:
            assessed = area in learner.known or area == "consistency"
            action = FITTING[area] if assessed else "assess"
            lists.append(by_fit(catalogue, learner, area, action, only=False))
    if not lists:
        calm = [area for area in wished if learner.gap(area) == 0]
        lists = [by_fit(catalogue, learner, area, "learn_new", only=True) for area in calm]
    taken = [0] * len(lists)
    while sum(taken) < limit:
        before = sum(taken)
        for i, items in enumerate(lists):
            if taken[i] < len(items) and sum(taken) < limit:
                taken[i] += 1
        if sum(taken) == before:
            break
    return [item for items, n in zip(lists, taken) for item in items[:n]]


class Progress(Learner):
    """A learner on a path. A component without evidence is presumed to be like the rest."""

    def __init__(self, learner):
        weights = learner.weights if learner.own_weights else None
        super().__init__(learner.known, learner.evidence, weights)
        self.expected = self.score()

    def presumed(self, area):
        return self.known.get(area, self.expected)

    def do(self, item):
        area = item["component"]
        value = self.presumed(area)
        if area == "consistency":
            self.known[area] = min(1.0, value + 0.1)
        else:
            weight, before = OBSERVED[item["difficulty"]], self.evidence.get(area, 0.0)
            share = weight / (before + weight) if area in self.known else 1.0
            self.known[area] = value + share * (1 - value) / 2
            self.evidence[area] = before + weight
        self.expected = max(self.expected, self.score())


def expected_score(learner, items):
    """What doing the items, one after the other, is expected to lead to."""
    progress = Progress(learner)
    for item in items:
        progress.do(item)
    return progress.expected


def assert_can_be_followed(catalogue, learner, items):
    """No item twice, and prerequisites first but those easier than the level reached by then."""
    by_id = {item["id"]: item for item in catalogue.items}
    progress, done = Progress(learner), set()
    for item in items:
        assert item["id"] not in done
        for needed in (by_id[name] for name in item["prerequisites"]):
            level = level_index(progress.presumed(needed["component"]))
            known = DIFFICULTIES.index(needed["difficulty"]) < level
            assert needed["id"] in done or known, f"{item['id']} needs {needed['id']} first"
        progress.do(item)
        done.add(item["id"])
