# SPDX-License-Identifier: GPL-3.0-or-later
"""Callers that write about a student each, and what is there of it at the end."""
from datetime import datetime, timezone

from harness.load import Load

ACKNOWLEDGED = (200, 201, 202)


class Writers(Load):
    """Each caller sends an event until it is acknowledged, and then the next one. `statuses` has all responses."""

    def __init__(self, host, callers=3, prefix="writer"):
        self.host, self.prefix = host, prefix
        self.clients = [host.admin() for _ in range(callers)]
        self.acknowledged = [0] * callers
        super().__init__(callers, self.send, pause=0.005)

    def student(self, caller):
        return f"{self.prefix}-{caller}"

    def send(self, caller, _):
        number = self.acknowledged[caller]
        body = {
            "student_id": self.student(caller), "event_id": f"{self.student(caller)}-{number}",
            "event_type": "lesson.viewed", "timestamp": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "data": {"lesson_id": "l1", "duration_seconds": 60, "completion_percentage": number % 100},
        }  # fmt: skip
        status = self.clients[caller].post("/api/v1/mastery/ingest", body).status
        if status in ACKNOWLEDGED:
            self.acknowledged[caller] += 1
        return status

    def __exit__(self, *arguments):
        super().__exit__(*arguments)
        for client in self.clients:
            client.close()

    @property
    def total(self):
        return sum(self.acknowledged)

    def refused(self):
        return [status for status in self.results if status not in ACKNOWLEDGED] + self.errors

    def assert_none_refused(self):
        assert self.refused() == [], f"{len(self.refused())} of {self.total} requests"

    def assert_each_counts_once(self):
        """Also those that had to be sent again."""
        client = self.host.admin()
        for caller, number in enumerate(self.acknowledged):
            response = client.get(f"/api/v1/mastery/history/{self.student(caller)}?days=7")
            assert response.status == 200, response
            assert sum(day["sample_size"] for day in response.json["history"]) == number > 0, self.student(caller)
        client.close()


class Record:
    """A student with a score, a cohort and a recommendation; what is shown of it must not change."""

    def __init__(self, host, student):
        self.host, self.student = host, student
        scores = {"completion": 0.8, "quiz": 0.9, "quality": 0.85, "consistency": 0.7}
        self.call("POST", "mastery/calculate", {"student_id": student, "components": scores})
        roster = {"name": "Class", "teacher_ids": ["teacher-1"], "student_ids": [student]}
        self.call("PUT", f"cohorts/class-{student}", roster)
        self.call("POST", "recommendations/adaptive", {"student_id": student})
        self.written = self.read()

    def call(self, method, path, body=None):
        client = self.host.admin()
        try:
            response = client.request(method, f"/api/v1/{path}", **({} if body is None else {"json": body}))
            assert 200 <= response.status < 300, (method, path, response)
            return response.json
        finally:
            client.close()

    def read(self):
        query = self.call("POST", "mastery/query", {"student_id": self.student})
        history = self.call("GET", f"mastery/history/{self.student}?days=7")["history"]
        cohort = self.call("GET", f"cohorts/class-{self.student}")
        advice = self.call("GET", f"recommendations/{self.student}/history")
        return {
            "query": (query["mastery_score"], query["level"], query["data"]["components"]),
            "history": [(day["date"], day["mastery_score"], day["sample_size"]) for day in history],
            "cohort": (cohort["name"], cohort["student_ids"], cohort["teacher_ids"]),
            "recommendations": {key: advice[key] for key in advice if key not in ("correlation_id", "metadata")},
        }

    def assert_is_kept(self):
        assert self.read() == self.written
