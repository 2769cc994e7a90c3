# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes about the API: health, readiness, its endpoints, Dapr's intents, response times."""
import os
import statistics
import time

from verify.outcome import Failed, joined, judge

BATCH_TIMEOUT_S = 20  # longer than four students can take


def health_is_healthy(v):
    v.get("/health").expect(200, lambda body: body["status"] == "healthy")
    return "GET /health: 200, status healthy"


def health_in_time(v):
    response = v.get("/health")
    good = response.holds(200) and response.milliseconds < 3000
    return judge(good, f"answered in {response.milliseconds} ms" if good else f"{response}, after {response.milliseconds} ms")


def health_five_times(v):
    for i in range(1, 6):
        v.get("/health").expect(200, lambda body: body["status"] == "healthy", f"check {i} of 5")
    return "5 of 5 checks: 200, healthy"


def ready_is_ready(v):
    v.get("/ready").expect(200, lambda body: body["status"] == "ready")
    return "GET /ready: 200, status ready"


def ready_names_dependencies(v):
    names = {"state_store", "worker", "dapr"}
    body = v.get("/ready").expect(200, lambda body: body["status"] == "ready" and names <= set(body["dependencies"]))
    return f"dependencies: {', '.join(sorted(body['dependencies']))}"


def dependencies_healthy(v):
    """Dapr alone may be absent, where it is not configured."""
    needed = {"state_store": ("healthy",), "worker": ("healthy",), "dapr": ("healthy", "not_configured")}
    body = v.get("/ready").expect(
        200, lambda body: all(body["dependencies"][name] in states for name, states in needed.items())
    )
    return joined(body["dependencies"])


def dependency_healthy(v, name):
    v.get("/ready").expect(200, lambda body: body["dependencies"][name] == "healthy")
    return f"GET /ready: {name} healthy"


def traffic(v):
    v.query(v.students[2]).expect(200, lambda body: body["success"])
    return "a query with a token is answered with 200"


def state_health(v):
    response = v.get("/ready")
    response.expect(200, lambda body: body["dependencies"]["state_store"] == "healthy")
    return f"the engine's own check, asked by GET /ready: Redis answers PING ({response.milliseconds} ms)"


def state_crud(v):
    student = f"{v.run_id}_crud"
    v.students.append(student)
    v.calculate(student).expect(200, doing="save")
    v.query(student).expect(200, lambda body: body["mastery_score"] > 0, "get")
    v.delete(f"/api/v1/compliance/student/{student}").expect(200, doing="delete")
    return "a student saved (POST calculate), read (POST query) and deleted (DELETE student)"


def info(v):
    body = v.get("/").expect(200, lambda body: body["name"] == "mastery-engine" and body["version"])
    return f"{body['name']} {body['version']}, commit {body['commit']}, {body['environment']}"


def query_answers(v):
    def holds(body):
        score, parts = body["mastery_score"], body["data"]["components"]
        return body["success"] and body["student_id"] == v.students[0] and isinstance(score, (int, float)) and len(parts) == 4

    body = v.query(v.students[0]).expect(200, holds)
    return f"mastery_score {body['mastery_score']}, level {body['level']}"


def calculate_answers(v):
    """0.8·0.4 + 0.9·0.3 + 0.85·0.2 + 0.7·0.1"""
    body = v.calculate(v.students[0]).expect(
        200, lambda body: body["mastery_score"] == 0.83 and body["level"] == "master"
    )
    return f"components 0.8, 0.9, 0.85, 0.7 make {body['mastery_score']}, {body['level']}"


def fields_refused(body):
    """Names of the fields that a VALIDATION_ERROR reports."""
    return [error["field"] for error in body["error"]["details"]["errors"]]


def invalid_input_refused(v):
    body = v.post("/api/v1/mastery/calculate", {"student_id": v.students[0], "components": {"completion": 2}}).expect(
        400, lambda body: body["error"]["code"] == "VALIDATION_ERROR" and fields_refused(body)
    )
    return f"400 VALIDATION_ERROR, {', '.join(fields_refused(body))} named"


def batch_accepted(v):
    v.batch = None
    request = {"student_ids": v.students[:4], "priority": "normal"}
    body = v.post("/api/v1/batch/mastery", request).expect(202, lambda body: body["batch_id"])
    v.batch = body["batch_id"]
    return f"202, batch_id {v.batch}"


def batch_completed(v):
    if not getattr(v, "batch", None):
        raise Failed("there is no batch: it was not accepted")
    deadline = time.monotonic() + BATCH_TIMEOUT_S
    while True:
        response = v.get(f"/api/v1/batch/mastery/{v.batch}")
        running = response.holds(200, lambda body: body["status"] in ("pending", "processing"))
        if not running or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    body = response.expect(
        200,
        lambda body: body["status"] == "completed"
        and body["progress_percentage"] == 100
        and body["processed_students"] == body["total_students"],
    )
    return f"completed, {body['progress_percentage']} %, {body['processed_students']} of {body['total_students']}"


def history_answers(v):
    request = {"student_id": v.students[0], "days": 7, "aggregation": "daily"}
    body = v.post("/api/v1/analytics/mastery-history", request).expect(
        200, lambda body: body["success"] and body["count"] >= 1 and len(body["data"]) == body["count"]
    )
    return f"{body['count']} day of data, mean {body['statistics']['mean']}"


def cohorts_compared(v):
    request = {"cohort_a_student_ids": v.students[:2], "cohort_b_student_ids": v.students[2:4]}
    body = v.post("/api/v1/analytics/compare/cohorts", request).expect(
        200, lambda body: body["success"] and body["cohort_a_stats"]["count"] == body["cohort_b_stats"]["count"] == 2
    )
    return f"two cohorts of two compared, p = {body['statistical_significance']}"


def process(v, intent, **payload):
    """(caller, response): as the sidecar where its token and listener are known, else as an admin."""
    request = {"intent": intent, "payload": payload}
    token, listener = os.environ.get("APP_API_TOKEN"), os.environ.get("DAPR_URL")
    if token and listener:
        headers = {"dapr-api-token": token}
        return "as the sidecar", v.post("/api/v1/process", request, "none", url=listener, headers=headers)
    return "with an admin's token", v.post("/api/v1/process", request)


def process_answers(v):
    caller, response = process(v, "mastery_calculation", student_id=v.students[0])
    response.expect(200, lambda body: body["success"] and body["data"]["mastery_score"] > 0)
    return f"{caller}: mastery_calculation answered"


def intents_routed(v):
    student = {"student_id": v.students[0]}
    payloads = {
        "mastery_calculation": student,
        "get_prediction": student,
        "generate_path": student,
        "batch_process": {"student_ids": v.students[:1]},
        "analytics_query": {"query_type": "history", "days": 7, **student},
    }
    for intent, payload in payloads.items():
        _, response = process(v, intent, **payload)
        status = 202 if response.status == 202 else 200
        response.expect(status, lambda body: body["success"] and body["metadata"]["intent"] == intent, intent)
    caller, response = process(v, "no_such_intent")
    response.expect(400, lambda body: body["metadata"]["error_code"] == "INVALID_INTENT")
    return f"{caller}: five intents answered, an unknown one refused"


def process_format(v):
    names = ("success", "data", "error", "metadata", "correlation_id")
    _, response = process(v, "get_prediction", student_id=v.students[0])
    response.expect(200, lambda body: set(names) <= set(body))
    return ", ".join(names)


def in_time(limit_ms, send):
    """The median of nine: a single request may meet a busy moment."""
    times = []
    for _ in range(9):
        response = send()
        if response.status not in (200, 202):
            raise Failed(str(response))
        times.append(response.milliseconds)
    median = statistics.median(times)
    good = median < limit_ms
    return judge(good, f"median of nine: {median} ms" + ("" if good else f", not under {limit_ms} ms, as seen from here"))


def get_in_time(v, limit_ms, path):
    return in_time(limit_ms, lambda: v.get(path))


def query_in_time(v, limit_ms):
    return in_time(limit_ms, lambda: v.query(v.students[0]))


def batch_in_time(v, limit_ms):
    """One only: ten batches a minute are allowed."""
    response = v.post("/api/v1/batch/mastery", {"student_ids": v.students[:1]})
    response.expect(202)
    good = response.milliseconds < limit_ms
    seen = f"accepted in {response.milliseconds} ms"
    return judge(good, seen if good else f"{seen}, not under {limit_ms} ms, as seen from here")
