# SPDX-License-Identifier: GPL-3.0-or-later
"""Mastery by topic once more, by docs/mastery-model.md (Topics), with no code of the engine's in it. Observations are
kept one by one and summed up anew each time; only what falls out of the 256 topics is forgotten when it does."""
from harness.model import HALF_LIFE_MS, observations, to_ms

KAPPA, MAX = 2, 256
LEVELS = ((0.8, "master"), (0.6, "proficient"), (0.4, "developing"), (0, "novice"))
COMPONENT = {"exercise.completed": "quality", "quiz.completed": "quiz"}


class Topics:
    def __init__(self):
        self.seen = set()  # ids of events
        self.observed = {}  # by topic: [(ms, x, weight)]
        self.components = {}  # by topic: the components that it was observed in

    def ingest(self, event):
        """The body of an ingest; a repeat of its id changes nothing."""
        if event["event_id"] in self.seen:
            return
        self.seen.add(event["event_id"])
        component, at_ms = COMPONENT.get(event["event_type"]), to_ms(event["timestamp"])
        if not component:
            return
        [(x, weight)] = [(x, weight) for name, x, weight in observations(event["event_type"], event["data"]) if name == component]
        for topic in event["data"].get("topic_ids") or []:
            self.observed.setdefault(topic, []).append((at_ms, x, weight))
            self.components.setdefault(topic, set()).add(component)
        kept = sorted(self.observed, key=lambda topic: (-self.latest(topic), topic))
        for topic in kept[MAX:]:
            del self.observed[topic], self.components[topic]

    def latest(self, topic):
        return max(ms for ms, _, _ in self.observed[topic])

    def sums(self, topic, at_ms):
        """S and W, decayed to a time."""
        faded = [(x, weight * 2 ** ((ms - at_ms) / HALF_LIFE_MS)) for ms, x, weight in self.observed[topic]]
        return sum(x * weight for x, weight in faded), sum(weight for _, weight in faded)

    def values(self):
        """By topic."""
        newest = max(map(self.latest, self.observed), default=0)
        sums = {topic: self.sums(topic, newest) for topic in self.observed}
        weight = sum(w for _, w in sums.values())
        mean = sum(s for s, _ in sums.values()) / weight if weight else 0.5
        return {topic: (s + KAPPA * mean) / (w + KAPPA) for topic, (s, w) in sums.items()}

    def rows(self, now_ms):
        """As GET topics shows them, but unrounded and in no particular order: by topic."""
        values = self.values()
        return {
            topic: {
                "mastery": value,
                "level": next(name for floor, name in LEVELS if value >= floor - 1e-12),
                "evidence": self.sums(topic, max(now_ms, self.latest(topic)))[1],
                "last_event_at": self.latest(topic),
            }
            for topic, value in values.items()
        }
