# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom the requests are about and who sends them: students with data, their cohort and teacher, tokens."""
from harness.batches import stating
from harness.expect import assert_ok

MARK = "zqx"  # begins every id here, and no log line may hold it
EXPIRED = 1300819380


class World:
    """Made anew from time to time, because requests erase students and dissolve cohorts. label: part
    of each id, so that the same seed gives the same requests."""

    def __init__(self, engine, label):
        self.engine, self.label = engine, label
        self.student, self.mate, self.missing = (self.id(name) for name in ("s", "m", "n"))
        self.teacher, self.cohort, self.spare_cohort = (self.id(name) for name in ("t", "c", "d"))
        self.roster = {
            "name": "x", "teacher_ids": [self.teacher], "student_ids": [self.student, self.mate]
        }  # fmt: skip
        admin = engine.client(self.id("a"), "admin")
        for student in (self.student, self.mate):
            assert_ok(engine.calculate(student, by=admin))
        for cohort in (self.cohort, self.spare_cohort):
            assert admin.put(f"/api/v1/cohorts/{cohort}", self.roster).status in (200, 201)
        given = admin.post("/api/v1/recommendations/adaptive", {"student_id": self.student})
        self.recommendation = assert_ok(given)["recommendations"][0]["recommendation_id"]
        body = stating([self.mate])
        self.batch = assert_ok(admin.post("/api/v1/batch/mastery", body), 202)["batch_id"]
        admin.close()
        self.tokens = self.make_tokens()

    def id(self, name):
        return f"{MARK}-{self.label}-{name}"

    def make_tokens(self):
        token = self.engine.token
        return {
            "admin": token(self.id("a"), "admin"),
            "teacher": token(self.teacher, "teacher"),
            "student": token(self.student, "student"),
            "another student": token(self.missing, "student"),
            "expired": token(self.id("a"), "admin", exp=EXPIRED),
            "unknown role": token(self.id("a"), "service"),
            "odd user": token(f"../{MARK} ", "admin"),
        }

    def value_of(self, rng, name):
        """An id for a field or a parameter of this name; None when the name is none of an id."""
        students = [self.student] * 6 + [self.mate] * 3 + [self.missing]
        known = {
            "student_id": students,
            "subject": students,
            "cohort_id": [self.cohort, self.cohort, self.spare_cohort, self.missing],
            "cohort_a_id": [self.cohort],
            "cohort_b_id": [self.cohort, self.spare_cohort],
            "batch_id": [self.batch, self.missing],
            "recommendation_id": [self.recommendation],
            "user_id": [self.id("a"), self.teacher],
            "teacher_ids": [self.teacher, self.missing],
            "intent": ["mastery_calculation", "get_prediction", "generate_path", "batch_process", "analytics_query"],
            "specversion": ["1.0"],
        }
        named = known.get(name) or (students if name.endswith("student_ids") else None)
        return rng.choice(named) if named else None
