# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning events of all types, good ones and random ones."""
import time
import uuid

from harness.model import DAY_MS, to_text
from harness.wait import wait_for


def now_ms():
    return int(time.time() * 1000)


GOOD = {
    "exercise.completed": {
        "exercise_id": "loops-3",
        "difficulty": "medium",
        "time_spent_seconds": 300,
        "completion_rate": 1,
        "correctness": 0.8,
        "topic_ids": ["loops"],
        "hints_used": 1,
        "retries": 2,
    },
    "quiz.completed": {
        "quiz_id": "loops-quiz",
        "score": 0.8,
        "questions_total": 10,
        "questions_correct": 8,
        "time_spent_seconds": 420,
        "topic_ids": ["loops"],
        "difficulty": "hard",
    },
    "lesson.viewed": {"lesson_id": "loops", "duration_seconds": 900, "completion_percentage": 60},
    "content.rated": {
        "content_id": "loops",
        "content_type": "lesson",
        "rating": 4,
        "helpful": True,
        "comment": "clear",
    },
    "milestone.reached": {
        "milestone_type": "streak",
        "milestone_value": 7,
        "message": "A week in a row",
    },
    "quality.assessed": {
        "submission_id": "s-17",
        "code_quality_score": 0.7,
        "correctness_score": 0.9,
        "efficiency_score": 0.5,
        "peer_review_score": 0.6,
    },
}


def event(event_type="quiz.completed", student=None, at_ms=None, event_id=None, **data):
    """The body of an ingest; data given replaces or (None) removes the good one's."""
    filled = {**GOOD[event_type], **data}
    body = {
        "event_id": event_id or f"evt-{uuid.uuid4()}",
        "event_type": event_type,
        "timestamp": to_text(now_ms() if at_ms is None else at_ms),
        "source": "tests",
        "data": {name: value for name, value in filled.items() if value is not None},
    }
    if student is not None:
        body["student_id"] = student
    return body


def random_data(rng, event_type):
    data = dict(GOOD[event_type])
    if event_type == "exercise.completed":
        data["difficulty"] = rng.choice(["easy", "medium", "hard", "expert"])
        data["completion_rate"], data["correctness"] = rng.random(), rng.random()
        data["hints_used"], data["retries"] = rng.randrange(9), rng.randrange(4)
        if rng.random() < 0.3:
            del data["hints_used"]
    elif event_type == "quiz.completed":
        data["score"] = rng.choice([0, 1, rng.random()])
        data["questions_total"] = rng.choice([1, 7, 20, 21, 300])
        data["questions_correct"] = rng.randrange(data["questions_total"] + 1)
        if rng.random() < 0.5:
            del data["difficulty"]
        else:
            data["difficulty"] = rng.choice(["easy", "medium", "hard", "expert"])
    elif event_type == "lesson.viewed":
        data["completion_percentage"] = rng.choice([0, 100, rng.random() * 100])
    elif event_type == "quality.assessed":
        for name in ("code_quality_score", "correctness_score", "efficiency_score"):
            data[name] = rng.random()
        data["peer_review_score"] = rng.random()
        if rng.random() < 0.5:
            del data["peer_review_score"]
    return data


def random_events(rng, student, count, days=89, now=None):
    """Events of the last `days` days, in the order of nothing in particular."""
    now = now_ms() if now is None else now
    found = []
    for _ in range(count):
        event_type = rng.choice(list(GOOD))
        at_ms = (
            now - rng.randrange(days * DAY_MS) if rng.random() < 0.7 else now - rng.randrange(1000)
        )
        body = event(event_type, student, at_ms)
        body["data"] = random_data(rng, event_type)
        found.append(body)
    return found


def exported_events(engine, student, count):
    """The student's events in the export, when there are so many."""
    admin = engine.admin()

    def found():
        response = admin.get(f"/api/v1/compliance/export/{student}")
        events = response.json["data"]["events"] if response.status == 200 else []
        return events if len(events) == count else None

    try:
        return wait_for(found, f"{count} events of {student}")
    finally:
        admin.close()
