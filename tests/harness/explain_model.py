# SPDX-License-Identifier: GPL-3.0-or-later
"""The explanation of a score once more, by the formulas of docs/mastery-model.md, Explain: from all that has happened
to a student (harness.model), with no code of the engine's in it."""
import copy

from harness.model import (
    COMPONENTS, DAY_MS, EVIDENT, HALF_LIFE_MS, assert_close, day_of, observations, to_ms, to_text,
)  # fmt: skip

FLOORS = {"novice": 0, "developing": 0.4, "proficient": 0.6, "master": 0.8}
LISTED = 10
WHAT_IFS = [
    ("quiz.completed", {"score": 1, "questions_total": 10}),
    ("quiz.completed", {"score": 0, "questions_total": 10}),
    ("exercise.completed", {"difficulty": "hard", "completion_rate": 1, "correctness": 1}),
    ("lesson.viewed", {"completion_percentage": 100}),
    ("quality.assessed", {"code_quality_score": 1, "correctness_score": 1, "efficiency_score": 1}),
    ("content.rated", {}),
]


def _seen(student, component):
    """[(ms, event id, event type, value, weight)] that the component rests on, and whether it is stated."""
    stated_ms, stated = student.statements[-1] if student.statements else (None, None)
    moving = {i: e for i, e in student.events.items() if stated_ms is None or e[0] >= stated_ms}
    is_stated = stated is not None and not moving
    seen = []
    if stated and (component in EVIDENT or is_stated):
        seen.append((stated_ms, None, "calculated", stated[component], 5))
    for event_id, (ms, event_type, data) in moving.items():
        for name, value, weight in observations(event_type, data):
            if name == component:
                seen.append((ms, event_id, event_type, value, weight))
    return seen, is_stated


def _component(student, name, current, now_ms):
    seen, _ = _seen(student, name)
    at = max([now_ms] + [ms for ms, *_ in seen]) if name in EVIDENT else None
    faded = [(w * 2 ** -((at - ms) / HALF_LIFE_MS) if at else w, ms, i, t, x) for ms, i, t, x, w in seen]
    total = sum(weight for weight, *_ in faded)
    faded.sort(key=lambda one: (-one[0], -one[1], one[2] or ""))
    value, weight = current["components"][name], current["weights"][name]
    listed = [
        {"event_id": i, "event_type": t, "timestamp": to_text(ms), "value": float(x),
         "weight_now": float(w), "share": w / total}
        for w, ms, i, t, x in faded[:LISTED]
    ]  # fmt: skip
    return {
        "component": name,
        "value": float(value),
        "weight": float(weight),
        "contribution": float(value * weight),
        "evidence": float(current["evidence"][name]),
        "observations": listed,
        "other_share": float(1 - sum(one["share"] for one in listed)),
    }


def _after(student, event_type, data, now_ms):
    later = copy.deepcopy(student)
    later.events["what if"] = (now_ms, event_type, data)
    return later.current(now_ms)["mastery_score"]


def explanation(student, now_ms):
    """What GET explain says of the student at this time, without the texts of the assumptions."""
    current = student.current(now_ms)
    score = current["mastery_score"]
    level = [name for name, floor in FLOORS.items() if round(score, 12) >= floor][-1]
    above = [(name, floor) for name, floor in FLOORS.items() if floor > FLOORS[level]]
    fading = lambda days: float(student.closing(day_of(now_ms + days * DAY_MS))["mastery_score"])
    return {
        "mastery_score": float(score),
        "level": level,
        "components": [_component(student, name, current, now_ms) for name in COMPONENTS],
        "fading": [{"days": days, "mastery_score": fading(days)} for days in (7, 14, 28)],
        "next_level": {"level": above[0][0], "missing": float(above[0][1] - score)} if above else None,
        "what_if": [
            {"event_type": kind, "mastery_score": float(after), "change": float(after - score)}
            for kind, after in ((kind, _after(student, kind, data, now_ms)) for kind, data in WHAT_IFS)
        ],
    }


def assert_explained(found, student):
    """The response of GET explain is what the model says, to 1e-9; and its sums are right."""
    expected = explanation(student, to_ms(found["calculated_at"]))
    assert_close(found, expected, "explanation")
    assert_close(float(sum(one["contribution"] for one in found["components"])), found["mastery_score"], "sum")
    for one in found["components"]:
        shares = sum(o["share"] for o in one["observations"]) + one["other_share"]
        assert abs(shares - 1) < 1e-9, one
        assert len(one["observations"]) <= LISTED
