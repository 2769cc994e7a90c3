# SPDX-License-Identifier: GPL-3.0-or-later
"""Idempotency-Key: the first answer is replayed, byte for byte; nothing happens twice."""
import concurrent.futures
import re
import uuid

import pytest
from harness.engine import fresh_id
from harness.expect import assert_problem
from harness.model import scores

CALCULATE = "/api/v1/mastery/calculate"
QUERY = "/api/v1/mastery/query"


def body(student, value=0.5):
    components = scores(value)
    return {"student_id": student, "components": components}


def calculate(client, student, key, value=0.5, **headers):
    return client.post(CALCULATE, body(student, value), headers={"Idempotency-Key": key, **headers})


def samples(client, student):
    history = client.get(f"/api/v1/mastery/history/{student}").json["history"]
    return sum(day["sample_size"] for day in history)


@pytest.fixture
def key():
    return str(uuid.uuid4())


def test_the_first_answer_is_replayed_byte_for_byte(admin, student, key):
    first = calculate(admin, student, key)
    again = calculate(admin, student, key, **{"X-Request-ID": "another"})
    assert first.status == again.status == 200
    assert again.body == first.body
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["X-Request-ID"] == "another"
    assert samples(admin, student) == 1


def test_the_same_key_with_another_body_is_a_conflict(admin, student, key):
    assert calculate(admin, student, key).status == 200
    assert_problem(calculate(admin, student, key, 0.9), 409, "CONFLICT")
    assert admin.post(QUERY, {"student_id": student}).json["mastery_score"] == 0.5


def test_another_callers_key_is_another_key(engine, student, key):
    one, two = (engine.client(fresh_id(), "admin") for _ in range(2))
    assert calculate(one, student, key).status == 200
    assert calculate(two, student, key, 0.9).status == 200


def test_a_key_of_one_route_is_another_on_the_next(admin, student, key):
    assert calculate(admin, student, key).status == 200
    event = {
        "event_id": str(uuid.uuid4()),
        "event_type": "milestone.reached",
        "student_id": student,
        "timestamp": "2000-01-01T00:00:00Z",
        "data": {"milestone_type": "m", "milestone_value": 1, "message": "x"},
    }
    response = admin.post("/api/v1/mastery/ingest", event, headers={"Idempotency-Key": key})
    assert_problem(response, 400, "VALIDATION_ERROR")


def test_a_refused_request_leaves_the_key_free(admin, student, key):
    assert_problem(calculate(admin, student, key, 7), 400, "VALIDATION_ERROR")
    assert calculate(admin, student, key).status == 200


def test_a_caller_without_the_right_does_not_take_the_key(engine, admin, student, key):
    teacher = engine.client(fresh_id(), "teacher")
    assert calculate(teacher, student, key).status == 403
    assert calculate(teacher, student, key).status == 403
    assert calculate(admin, student, key).status == 200


@pytest.mark.parametrize("bad", ["x" * 129, "caf\xe9"])
def test_a_key_is_1_to_128_printable_characters(admin, student, bad):
    assert_problem(calculate(admin, student, bad), 400, "VALIDATION_ERROR")


def test_an_empty_key_is_refused_by_the_engine(start_pool, student):
    pool = start_pool(POOL_SIZE=1)
    sent = {"json": body(student), "token": pool.token("root", "admin")}
    response = pool.request("POST", CALCULATE, headers={"Idempotency-Key": ""}, **sent)
    assert response.status == 400
    assert [error["field"] for error in response.json["error"]["details"]["errors"]] == ["Idempotency-Key"]


def test_an_empty_key_is_none_behind_nginx(admin, student):
    """nginx's variables do not tell an empty header from none (hazards X52)."""
    response = calculate(admin, student, "")
    assert response.status == 200 and "Idempotency-Replayed" not in response.headers


def test_of_fifty_at_once_one_is_executed(engine, student, key):
    caller = fresh_id("admin")

    def one(_):
        return calculate(engine.client(caller, "admin"), student, key)

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        responses = list(pool.map(one, range(50)))
    assert {a.status for a in responses} <= {200, 409}
    done = {a.body for a in responses if a.status == 200}
    assert len(done) == 1
    assert samples(engine.admin(), student) == 1


def test_what_was_done_but_not_kept_is_not_done_twice(engine, admin, student, key):
    redis = engine.redis()
    with redis.monitor() as commands:
        first = calculate(admin, student, key)
        kept = r"^SET idempotency:\S+ running \S+ \S+ \d+ (\S+) PX"
        [effect] = next(filter(None, (re.findall(kept, command["command"]) for command in commands.listen())))
    for record in redis.scan_iter("idempotency:*"):
        text = redis.get(record)
        if student in text:  # as after a crash between doing and keeping, once its lease has ended
            digest = text.split(" ")[1]
            redis.set(record, f"running {digest} owner 1 {effect}")
    again = calculate(admin, student, key)
    assert again.status == 200
    assert again.json["data"] == first.json["data"]
    assert samples(admin, student) == 1


# A recomputation, which the intent mastery_calculation without components makes


@pytest.mark.parametrize("path", ["/api/v1/process", "/api/v1/process/mastery"])
def test_a_recomputation_is_replayed(engine, admin, student, key, path):
    def recompute(whom):
        payload = {"student_id": whom}
        sent = {"intent": "mastery_calculation", "payload": payload}
        body = sent if path.endswith("process") else payload
        return admin.post(path, body, headers={"Idempotency-Key": key})

    engine.calculate(student)
    first = recompute(student)
    assert first.status == 200 and "Idempotency-Replayed" not in first.headers
    again = recompute(student)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json["data"] == first.json["data"]
    assert recompute(fresh_id()).status == 409
