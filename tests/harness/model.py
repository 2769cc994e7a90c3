# SPDX-License-Identifier: GPL-3.0-or-later
"""The mastery model once more, by the formulas of docs/mastery-model.md: slow, plain, with no code
of the engine's in it. Every state is summed up anew from all that has happened."""
from datetime import datetime, timedelta, timezone

DAY_MS = 86400000
HALF_LIFE_MS = 14 * DAY_MS
COMPONENTS = ("completion", "quiz", "quality", "consistency")
EVIDENT = COMPONENTS[:3]
WEIGHTS = dict(zip(COMPONENTS, (0.4, 0.3, 0.2, 0.1)))
DIFFICULTY = {"easy": 0.8, "medium": 1, "hard": 1.2, "expert": 1.5}


def scores(*values):
    """The components of a student; one value stands for all."""
    return dict(zip(COMPONENTS, values * 4 if len(values) == 1 else values))


def to_ms(text):
    """RFC 3339 text as ms since the epoch."""
    when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round((when - datetime(1970, 1, 1, tzinfo=timezone.utc)) / timedelta(milliseconds=1))


def to_text(ms):
    when = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=ms)
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def day_of(ms):
    return ms // DAY_MS


def day_text(day):
    return (datetime(1970, 1, 1) + timedelta(days=day)).strftime("%Y-%m-%d")


def observations(event_type, data):
    """(component, x, weight) of each thing that the event says."""
    if event_type == "exercise.completed":
        weight = DIFFICULTY[data["difficulty"]]
        loss = min(0.3, 0.05 * (data.get("hints_used", 0) + data.get("retries", 0)))
        return [
            ("completion", data["completion_rate"], weight),
            ("quality", data["correctness"] * (1 - loss), weight),
        ]
    if event_type == "quiz.completed":
        weight = min(data["questions_total"], 20) / 10
        weight *= DIFFICULTY[data["difficulty"]] if data.get("difficulty") else 1
        return [("quiz", data["score"], weight)]
    if event_type == "lesson.viewed":
        return [("completion", data["completion_percentage"] / 100, 0.5)]
    if event_type == "quality.assessed":
        scores = [data[f"{name}_score"] for name in ("code_quality", "correctness", "efficiency")]
        if data.get("peer_review_score") is not None:
            scores.append(data["peer_review_score"])
        return [("quality", sum(scores) / len(scores), 1)]
    return []


class Student:
    """All that one student has done and all that has been stated about them."""

    def __init__(self):
        self.events = {}  # by id: (ms, type, data)
        self.statements = []  # (ms, components)

    def ingest(self, event):
        """The body of an ingest; a repeat of its id changes nothing."""
        entry = (to_ms(event["timestamp"]), event["event_type"], event["data"])
        self.events.setdefault(event["event_id"], entry)

    def state(self, components, at_ms):
        """In the order in which they were made; one by a slower clock gets the time of the one before."""
        latest = self.statements[-1][0] if self.statements else at_ms
        self.statements.append((max(latest, at_ms), dict(components)))

    def days(self):
        """Days on which anything happened, oldest first."""
        happened = [ms for ms, _, _ in self.events.values()] + [ms for ms, _ in self.statements]
        return sorted({day_of(ms) for ms in happened})

    def closing(self, day, now_ms=None):
        """The result at the close of a day; its evidence as of now_ms."""
        statements = [s for s in self.statements if day_of(s[0]) <= day]
        stated_ms, stated = statements[-1] if statements else (None, None)
        events = [e for e in self.events.values() if day_of(e[0]) <= day]
        moving = [e for e in events if stated_ms is None or e[0] >= stated_ms]
        seen = {name: [] for name in EVIDENT}
        for name in EVIDENT:
            if stated:
                seen[name].append((stated_ms, stated[name], 5))
        for ms, event_type, data in moving:
            for name, x, weight in observations(event_type, data):
                seen[name].append((ms, x, weight))
        components, evidence = {}, {}
        for name, what in seen.items():
            latest = max((ms for ms, _, _ in what), default=0)
            faded = [(x, w * 2 ** -((latest - ms) / HALF_LIFE_MS)) for ms, x, w in what]
            total = sum(w for _, w in faded)
            components[name] = sum(x * w for x, w in faded) / total if total else 0
            age = max(0, (now_ms or latest) - latest)
            evidence[name] = total * 2 ** -(age / HALF_LIFE_MS)
        active = {day_of(ms) for ms, _, _ in events if day - 14 < day_of(ms) <= day}
        is_stated = bool(stated) and not moving
        components["consistency"] = stated["consistency"] if is_stated else min(1, len(active) / 10)
        evidence["consistency"] = 5 if is_stated else len(active)
        known = {name: weight for name, weight in WEIGHTS.items() if evidence[name] > 0}
        weights = {name: known.get(name, 0) / (sum(known.values()) or 1) for name in COMPONENTS}
        return {
            "mastery_score": min(1, sum(components[name] * weights[name] for name in COMPONENTS)),
            "components": components,
            "weights": weights,
            "evidence": evidence,
        }

    def history(self):
        """Days as GET history shows them."""
        rows = []
        for day in self.days():
            closing = self.closing(day)
            samples = sum(day_of(ms) == day for ms, _, _ in self.events.values())
            samples += sum(day_of(ms) == day for ms, _ in self.statements)
            rows.append(
                {
                    "date": day_text(day),
                    "mastery_score": closing["mastery_score"],
                    "components": closing["components"],
                    "sample_size": samples,
                }
            )
        return rows

    def current(self, now_ms):
        return self.closing(self.days()[-1], now_ms)


def assert_close(found, expected, where, tolerance=1e-9):
    """Equal, numbers to the tolerance."""
    if isinstance(expected, dict):
        assert set(expected) <= set(found), where
        for name, value in expected.items():
            assert_close(found[name], value, f"{where}.{name}", tolerance)
    elif isinstance(expected, list):
        assert len(found) == len(expected), f"{where}: {len(found)} for {len(expected)}"
        for index, value in enumerate(expected):
            assert_close(found[index], value, f"{where}[{index}]", tolerance)
    elif isinstance(expected, float):
        assert abs(found - expected) <= tolerance, f"{where}: {found!r} for {expected!r}"
    else:
        assert found == expected, f"{where}: {found!r} for {expected!r}"


def assert_agrees(client, student_id, student):
    """What the engine says about a student is what the model says."""
    response = client.post("/api/v1/mastery/query", {"student_id": student_id})
    assert response.status == 200, response
    data = response.json["data"]
    expected = student.current(to_ms(data["calculated_at"]))
    assert_close(data["mastery_score"], expected["mastery_score"], "mastery_score")
    for name in COMPONENTS:
        for part in ("components", "evidence"):
            value = float(expected[part][name])
            assert_close(data[part][name], value, f"{part}.{name}")
        weight = float(expected["weights"][name])
        assert_close(data["breakdown"]["weights"][name], weight, f"weights.{name}")
    response = client.get(f"/api/v1/mastery/history/{student_id}?days=90")
    assert response.status == 200, response
    assert_close(response.json["history"], student.history(), "history")
