# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine must hold about each student, by the formulas of harness/model.py."""
import threading

from harness.model import COMPONENTS, Student, assert_close, to_ms


class Pupil(Student):
    """A student with consent and erasure. Only acknowledged writes are in it.

    An own student's requests come from one client, each after the outcome of the one before is known. A
    common student gets events from all clients, whose order does not matter."""

    def __init__(self, name, common=False):
        super().__init__()
        self.name, self.common, self.lock = name, common, threading.Lock()
        self.erasures = 0
        self.lost = False  # the outcome of a write has never become known
        self.forget()

    def forget(self):
        """All that was known, as an erasure does."""
        self.events, self.statements = {}, []
        self.consents, self.keys = {}, {}
        self.erased = False

    def erase(self):
        self.forget()
        self.erased = True
        self.erasures += 1

    def may_write(self):
        return not self.erased and self.consents.get("data_processing", (True, 0))[0]

    def has_data(self):
        return bool(self.events or self.statements)

    def changes(self):
        return len(self.events) + len(self.statements)

    def decide(self, kind, granted):
        """The same decision again is the one that there is."""
        before, version = self.consents.get(kind, (None, 0))
        if before != granted:
            self.consents[kind] = (granted, version + 1)

    def judge_query(self, body):
        """AssertionError when the response of a query is not what the model says."""
        data = body["data"]
        expected = self.current(to_ms(data["calculated_at"]))
        assert_close(body["mastery_score"], float(expected["mastery_score"]), "mastery_score")
        for name in COMPONENTS:
            for part in ("components", "evidence"):
                assert_close(data[part][name], float(expected[part][name]), f"{part}.{name}")

    def judge_history(self, rows):
        assert_close(rows, self.history(), "history")

    def judge_export(self, data):
        """Events and decisions, each once; the worker adds events within about a second."""
        found = sorted(event["event_id"] for event in data["events"])
        assert found == sorted(self.events), f"events of the export: {differing(found, self.events)}"
        records = {r["consent_type"]: (r["granted"], r["version"]) for r in data["consent_records"]}
        assert records == self.consents, f"consent of the export: {records} for {self.consents}"


def differing(found, expected):
    """Two collections of names, the second without repeats, and where they differ."""
    missing = sorted(set(expected) - set(found))
    repeated = sorted({name for name in found if list(found).count(name) > 1})
    return f"missing {missing[:3]}, not expected {sorted(set(found) - set(expected))[:3]}, repeated {repeated[:3]}"
