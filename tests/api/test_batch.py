# SPDX-License-Identifier: GPL-3.0-or-later
"""/api/v1/batch: many students at once, in the background."""
import json
import re
import subprocess
import time
import uuid
from pathlib import Path

import pytest
from harness.batches import PATH, Batches, assert_batch, fresh_ids, stating
from harness.engine import fresh_id
from harness.expect import assert_invalid, assert_ok, assert_problem, assert_time
from harness.model import scores
from harness.pool import PoolClient
from harness.prometheus import Scrape
from harness.store import dead_letters, raw, script, tagged, tombstone
from harness.wait import wait_for

ROOT = Path(__file__).resolve().parents[2]
SUBMIT_PATHS = [PATH, "/api/v1/analytics/batch/mastery"]
STATUS_PATHS = [PATH, "/api/v1/batch/status", "/api/v1/analytics/batch/mastery"]
WEEK_S = 7 * 86400


@pytest.fixture
def batches(admin):
    return Batches(admin)


@pytest.fixture
def alone(pool):
    """Of a pool beside which no worker runs (yet)."""
    return Batches(PoolClient(pool))


# Submitted, done, read


def test_submitted_batch(admin, student):
    response = admin.post(PATH, stating([student], priority="high"))
    body = assert_ok(response, 202)
    assert set(body) == {
        *("success", "batch_id", "status", "student_count", "processed_count", "priority"),
        *("created_at", "correlation_id"),
    }
    assert body["success"] is True and body["status"] == "pending"
    assert body["student_count"] == 1 and body["processed_count"] == 0
    assert body["priority"] == "high"
    assert_time(body["created_at"])
    assert re.fullmatch("[0-9a-f]{32}", body["batch_id"])
    assert response.headers["Location"] == f"{PATH}/{body['batch_id']}"
    assert response.headers["Cache-Control"] == "no-store"
    assert admin.get(response.headers["Location"]).status == 200


def test_batch_of_ids_recomputes_from_what_is_stored(engine, admin, batches):
    students = fresh_ids(3)
    for student in students:
        assert_ok(engine.calculate(student, (0.5, 0.6, 0.7, 0.8)))
    before = admin.post("/api/v1/mastery/query", {"student_id": students[0]}).json["data"]
    batch = assert_batch(
        batches,
        {"student_ids": students},
        **dict(status="completed", total_students=3, processed_students=3, failed_count=0),
    )
    results = batches.results(batch)
    assert [result["student_id"] for result in results] == students
    for result in results:
        now = admin.post("/api/v1/mastery/query", {"student_id": result["student_id"]}).json
        assert result == {
            "student_id": result["student_id"],
            "success": True,
            "mastery_result": now["data"],
        }
    assert now["mastery_score"] == before["mastery_score"]


def test_batch_with_components_states_them(engine, admin, batches):
    one, two, twin = fresh_id(), fresh_id(), fresh_id()
    weights = scores(0.7, 0.1, 0.1, 0.1)
    body = {
        "requests": [
            {"student_id": one, "components": scores(0.1, 0.2, 0.3, 0.4)},
            {"student_id": two, "components": scores(0.9, 0.2, 0.3, 0.4), "weights": weights},
        ]
    }
    batch = assert_batch(batches, body, status="completed", failed_count=0)
    results = {r["student_id"]: r["mastery_result"] for r in batches.results(batch)}
    for student, values, own in (
        (one, (0.1, 0.2, 0.3, 0.4), None),
        (two, (0.9, 0.2, 0.3, 0.4), tuple(weights.values())),
    ):
        response = assert_ok(engine.calculate(twin, values, own))["data"]
        for name in ("mastery_score", "level", "components", "breakdown", "evidence", "version"):
            assert results[student][name] == response[name], name
        stored = admin.post("/api/v1/mastery/query", {"student_id": student}).json["data"]
        assert stored == results[student]


def test_student_without_data_fails_and_the_others_do_not(engine, batches, student):
    assert_ok(engine.calculate(student))
    nobody = fresh_id()
    batch = assert_batch(
        batches,
        {"student_ids": [nobody, student]},
        **dict(status="completed", failed_count=1, processed_students=2),
    )
    first, second = batches.results(batch)
    assert first == {
        "student_id": nobody,
        "success": False,
        "error_message": "There is no data about this student",
    }
    assert second["success"] is True


def test_batch_of_which_all_fail_has_failed(batches):
    assert_batch(
        batches,
        {"student_ids": fresh_ids(3)},
        **dict(status="failed", failed_count=3, processed_students=3, progress_percentage=100),
    )


def test_status_of_an_ended_batch(admin, batches, student):
    batch = batches.submit(stating([student]))
    body = batches.wait(batch)
    assert set(body) == {
        *("success", "batch_id", "status", "progress_percentage", "total_students"),
        *("processed_students", "failed_count", "estimated_time_remaining", "priority"),
        *("created_at", "started_at", "completed_at", "correlation_id"),
    }
    assert body["batch_id"] == batch and body["progress_percentage"] == 100
    assert body["estimated_time_remaining"] == 0 and body["priority"] == "normal"
    assert body["created_at"] <= body["started_at"] <= body["completed_at"]
    for path in STATUS_PATHS:
        again = assert_ok(admin.get(f"{path}/{batch}"))
        assert {**again, "correlation_id": 0} == {**body, "correlation_id": 0}


@pytest.mark.parametrize("path", SUBMIT_PATHS)
def test_submit_by_every_path(admin, batches, student, path):
    response = assert_ok(admin.post(path, stating([student])), 202)
    assert batches.wait(response["batch_id"])["status"] == "completed"


def test_a_thousand_students_by_the_page(batches):
    students = fresh_ids(1000)
    batch = assert_batch(batches, stating(students, 0.25), processed_students=1000, failed_count=0)
    results = batches.results(batch, limit=333)
    assert [result["student_id"] for result in results] == students
    assert {result["mastery_result"]["mastery_score"] for result in results} == {0.25}


def test_pages(admin, batches):
    students = fresh_ids(5)
    batch = assert_batch(batches, stating(students))

    def page(query):
        body = assert_ok(admin.get(f"{PATH}/{batch}/results{query}"))
        assert set(body) == {
            *("success", "batch_id", "results", "total", "offset", "limit", "correlation_id")
        }
        assert body["batch_id"] == batch and body["total"] == 5
        return [result["student_id"] for result in body["results"]]

    assert page("") == students
    assert page("?offset=1&limit=2") == students[1:3]
    assert page("?offset=4&limit=1000") == students[4:]
    assert page("?offset=5") == page("?offset=1000") == []


def test_student_in_two_batches_at_once(batches):
    """Each does its own once: both statements count."""
    students = fresh_ids(50)
    both = [batches.submit(stating(students, value)) for value in (0.25, 0.75)]
    for batch in both:
        assert batches.wait(batch)["status"] == "completed"
        assert len(batches.results(batch)) == 50
    history = batches.client.get(f"/api/v1/mastery/history/{students[0]}").json["history"]
    assert sum(day["sample_size"] for day in history) == 2


# What is refused


@pytest.mark.parametrize(
    "body, fields",
    [
        ({}, ["student_ids"]),
        ({"student_ids": []}, ["student_ids"]),
        ({"student_ids": None, "requests": None}, ["student_ids"]),
        ({"requests": []}, ["requests"]),
        ({"student_ids": "a"}, ["student_ids"]),
        ({"student_ids": ["a", "a b", 5]}, ["student_ids[1]", "student_ids[2]"]),
        ({"student_ids": ["a", "b", "a"]}, ["student_ids[2]"]),
        ({"student_ids": ["a"], **stating(["b"])}, ["requests"]),
        ({"student_ids": [f"s{n}" for n in range(1001)]}, ["student_ids"]),
        (stating([f"s{n}" for n in range(1001)]), ["requests"]),
        (stating(["a", "b", "c", "b", "b"]), ["requests[3].student_id", "requests[4].student_id"]),
        ({"requests": [{}]}, ["requests[0].components", "requests[0].student_id"]),
        ({"requests": [{"student_id": "a", "components": 5}]}, ["requests[0].components"]),
        ({"requests": [5, *stating(["a"])["requests"]]}, ["requests[0]"]),
        ({"student_ids": ["a"], "priority": "urgent"}, ["priority"]),
        ({"student_ids": ["a"], "priority": 1}, ["priority"]),
        ({"student_ids": ["a"], "callback_url": 5}, ["callback_url"]),
        ({"priority": "x", "callback_url": ""}, ["callback_url", "priority", "student_ids"]),
    ],
    ids=lambda value: str(value)[:60],
)
def test_bad_batches_name_their_fields(admin, body, fields):
    assert_invalid(admin.post(PATH, body), *fields)


def test_every_failing_field_of_every_request_is_named(admin):
    requests = stating([f"s{n}" for n in range(4)])["requests"]
    requests[1]["components"]["quiz"] = 1.5
    del requests[1]["components"]["quality"]
    requests[2]["weights"] = scores(0.3)
    requests[3]["weights"] = {**scores(0.25), "quiz": "x"}
    requests[3]["student_id"] = "a b"
    assert_invalid(
        admin.post(PATH, {"requests": requests}),
        *("requests[1].components.quality", "requests[1].components.quiz"),
        *("requests[2].weights", "requests[3].student_id", "requests[3].weights.quiz"),
    )


def test_refused_batch_leaves_nothing(pool, store):
    body = stating(["a", "b", "a"])
    response = PoolClient(pool).post(PATH, body)
    assert response.status == 400
    assert not store.keys("batch*") and not store.keys("queue*")


@pytest.mark.parametrize("query", ["offset=-1", "offset=x", "limit=0", "limit=1001", "limit=1.5"])
def test_bad_pages(admin, query):
    response = admin.get(f"{PATH}/{uuid.uuid4().hex}/results?{query}")
    assert_invalid(response, query.partition("=")[0])


def test_what_is_not_there_is_404(admin):
    for batch in (uuid.uuid4().hex, "x", "0"):
        for path in STATUS_PATHS:
            assert_problem(admin.get(f"{path}/{batch}"), 404, "NOT_FOUND")
        assert_problem(admin.get(f"{PATH}/{batch}/results"), 404, "NOT_FOUND")
        assert_problem(admin.delete(f"{PATH}/{batch}"), 404, "NOT_FOUND")


def test_id_that_is_none(admin):
    assert_invalid(admin.get(f"{PATH}/.b"), "batch_id")


def test_bodies_of_up_to_4_mib(admin, student):
    def submit(size):
        body = json.dumps(stating([student]))
        headers = {"Content-Type": "application/json"}
        padded = body + " " * (size - len(body))
        return admin.request("POST", PATH, body=padded, headers=headers)

    assert_ok(submit(4 << 20), 202)
    assert_problem(submit((4 << 20) + 1), 413, "PAYLOAD_TOO_LARGE")


CALLS = [
    ("POST", PATH, {"student_ids": ["a"]}),
    ("GET", f"{PATH}/{'0' * 32}", None),
    ("GET", f"{PATH}/{'0' * 32}/results", None),
    ("DELETE", f"{PATH}/{'0' * 32}", None),
    *[("POST", path, {"student_ids": ["a"]}) for path in SUBMIT_PATHS[1:]],
    *[("GET", f"{path}/{'0' * 32}", None) for path in STATUS_PATHS[1:]],
]


@pytest.mark.parametrize("method, path, body", CALLS)
@pytest.mark.parametrize("role", ["student", "teacher", None])
def test_batches_are_for_admins(engine, as_user, anonymous, method, path, body, role):
    client = as_user(fresh_id(), role) if role else anonymous
    options = {"json": body} if body else {}
    response = client.request(method, path, **options)
    if role:
        assert_problem(response, 403, "FORBIDDEN")
    else:
        assert_problem(response, 401, "AUTH_ERROR")


# Idempotency-Key


def test_key_gives_the_first_answer_again(admin, student):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    first = admin.post(PATH, stating([student]), headers=headers)
    again = admin.post(PATH, stating([student]), headers=headers)
    assert first.status == again.status == 202
    assert again.body == first.body and again.headers["Idempotency-Replayed"] == "true"
    assert_problem(admin.post(PATH, stating([student], 0.75), headers=headers), 409, "CONFLICT")


def test_repeat_whose_first_answer_was_lost_meets_its_batch(engine, admin, batches, student):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    body = stating([student])
    redis = engine.redis()

    def lose_answer(batch):
        """As after a crash between doing and keeping, once its lease has ended."""
        for record in redis.scan_iter("idempotency:*"):
            text = redis.get(record)
            if batch in text:
                redis.set(record, f"running {text.split(' ')[1]} owner 1 effect{student}")

    lose_answer(admin.post(PATH, stating([fresh_id()]) | body, headers=headers).json["batch_id"])
    first = admin.post(PATH, body, headers=headers)
    batch = first.json["batch_id"]
    batches.wait(batch)
    lose_answer(batch)
    again = assert_ok(admin.post(PATH, body, headers=headers), 202)
    assert again["batch_id"] == batch
    assert again["status"] == "completed" and again["processed_count"] == 1
    assert again["created_at"] == first.json["created_at"]
    history = admin.get(f"/api/v1/mastery/history/{student}").json["history"]
    assert sum(day["sample_size"] for day in history) == 2  # that of the first batch, too
    other = admin.post(PATH, stating([student], 0.75), headers={"Idempotency-Key": "another"})
    assert other.json["batch_id"] != batch


def test_without_a_key_each_is_a_batch_of_its_own(batches, student):
    body = stating([student])
    assert batches.submit(body) != batches.submit(body)


# Cancelled


def test_cancelled_batch_does_nothing_more(pool, alone, store, start_worker):
    students = fresh_ids(200)
    batch = alone.submit(stating(students))
    pending = alone.status(batch)
    assert pending["status"] == "pending" and pending["progress_percentage"] == 0
    assert pending["estimated_time_remaining"] is None
    assert pending["started_at"] is pending["completed_at"] is None
    response = alone.client.delete(f"{PATH}/{batch}")
    assert response.status == 202, response
    assert response.json["status"] == "cancelled" and response.json["completed_at"]
    response = alone.client.delete(f"{PATH}/{batch}")
    assert response.status == 409 and response.json["error"]["code"] == "CONFLICT"
    start_worker(pool)
    wait_for(lambda: not store.xlen("queue:{batch}:normal"), "jobs of the batch gone")
    assert alone.status(batch)["processed_students"] == 0
    assert alone.results(batch) == []
    assert not [key for key in store.keys("{*}:student:*") if not key.endswith(":batches")], "only the index"


@pytest.mark.parametrize("body", [stating(["a"]), {"student_ids": ["nobody-of-that-id"]}])
def test_ended_batch_cannot_be_cancelled(admin, batches, body):
    batch = batches.submit(body)
    ended = batches.wait(batch)
    error = assert_problem(admin.delete(f"{PATH}/{batch}"), 409, "CONFLICT")
    assert ended["status"] in error["message"]
    assert batches.status(batch)["status"] == ended["status"]


# Progress, as the store has it


def put_batch(store, students, **facts):
    """A batch as if it had been submitted so; without jobs."""
    batch = uuid.uuid4().hex
    job = {
        **dict(status="processing", priority="low", total=len(students), processed=0, failed=0),
        **dict(created=1, actor="root", correlation="c", traceparent="", callback=""),
        **facts,
    }
    store.hset(f"batch:{{{batch}}}", mapping=job)
    if students:
        store.zadd(f"batch:{{{batch}}}:students", {name: n for n, name in enumerate(students)})
    return batch


def test_time_left_is_what_the_rest_takes_at_this_pace(alone, store):
    now = int(time.time() * 1000)
    batch = put_batch(store, fresh_ids(10), processed=4, started=now - 40_000)
    status = alone.status(batch)
    assert status["status"] == "processing" and status["progress_percentage"] == 40
    assert 60 <= status["estimated_time_remaining"] <= 90
    assert status["priority"] == "low"
    early = put_batch(store, fresh_ids(10), started=now)
    assert alone.status(early)["estimated_time_remaining"] is None
    emptied = put_batch(store, [], started=now)
    assert alone.status(emptied)["progress_percentage"] == 100


def test_results_of_a_batch_under_way_are_those_there_are(alone, store):
    batch = put_batch(store, ["a", "b", "c", "d"], processed=2)
    store.hset(f"batch:{{{batch}}}:results", mapping={"d": "-no", "b": "-no"})
    assert [result["student_id"] for result in alone.results(batch, limit=1)] == ["b", "d"]


@pytest.mark.parametrize(
    "facts",
    [{"status": "odd"}, {"priority": "odd"}, {"total": -1}, {"started": "x"}, {"created": ""}],
    ids=str,
)
def test_batch_that_cannot_be_read_is_an_internal_error(alone, store, facts):
    batch = put_batch(store, ["a"], **facts)
    assert alone.client.get(f"{PATH}/{batch}").status == 500


@pytest.mark.parametrize("result", ["", "x", "odd"])
def test_result_that_cannot_be_read_is_an_internal_error(alone, store, result):
    batch = put_batch(store, ["a"])
    store.hset(f"batch:{{{batch}}}:results", "a", result)
    assert alone.client.get(f"{PATH}/{batch}/results").status == 500


def test_batch_goes_after_seven_days(alone, store):
    old = time.time() * 1000 - WEEK_S * 1000 - 1
    store.zadd("batches", {"an old one": old})
    batch = alone.submit(stating(fresh_ids(2)))
    assert store.zrange("batches", 0, -1) == [batch]
    keys = store.keys(f"batch:{{{batch}}}*")
    assert len(keys) == 3
    for key in keys:
        assert WEEK_S - 60 < store.ttl(key) <= WEEK_S


def test_what_is_stated_goes_when_it_is_done(pool, alone, store, start_worker):
    batch = alone.submit(stating(fresh_ids(100)))
    start_worker(pool)
    alone.wait(batch)
    assert not store.exists(f"batch:{{{batch}}}:items")
    assert WEEK_S - 600 < store.ttl(f"batch:{{{batch}}}:results") <= WEEK_S
    assert store.zrange("batches", 0, -1) == [batch]


# The worker's side


def test_batch_is_counted(pool, alone, start_worker):
    def count(name, **labels):
        return Scrape(pool.request("GET", "/metrics").text).value(name, **labels)

    batch = alone.submit(stating(fresh_ids(70), priority="low"))
    assert count("batch_jobs_total", status="pending") == 1
    start_worker(pool)
    alone.wait(batch)
    cancelled = alone.submit(stating(fresh_ids(1)))
    if alone.client.delete(f"{PATH}/{cancelled}").status == 202:
        assert count("batch_jobs_total", status="cancelled") == 1
    failed = alone.submit({"student_ids": fresh_ids(1)})
    alone.wait(failed)
    wait_for(lambda: count("batch_jobs_total", status="failed") == 1, "counted")
    assert count("batch_faults_total", of="job") + count("batch_faults_total", of="student") == 0, "asked for nobody"
    assert count("batch_jobs_total", status="completed") >= 1
    assert count("batch_jobs_total", status="processing") >= 2
    assert count("batch_processing_duration_seconds_count", priority="low") == 1
    assert count("mastery_calculations_total", result_type="stated") >= 70
    wait_for(lambda: count("queue_jobs_total", kind="batch", status="done") >= 4, "jobs done")


def test_high_priority_overtakes(pool, alone, store, start_worker):
    low = [alone.submit(stating(fresh_ids(1000), priority="low")) for _ in range(3)]
    high = alone.submit(stating(fresh_ids(1000), priority="high"))
    start_worker(pool)
    ends = [alone.wait(batch)["completed_at"] for batch in (high, *low)]
    assert ends[0] < max(ends[1:])


def test_small_batch_need_not_wait_for_large_ones_before_it(pool, alone, start_worker):
    large = [alone.submit(stating(fresh_ids(1000))) for _ in range(8)]
    small = alone.submit(stating(fresh_ids(10)))
    start_worker(pool)
    ends = [alone.wait(batch)["completed_at"] for batch in (small, *large)]
    assert ends[0] < min(ends[1:])


def test_changes_by_a_batch_are_published_as_others_are(
    pool, alone, stand_in_sidecar, start_worker
):
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    [student] = fresh_ids(1)
    batch = alone.client.post(PATH, stating([student]), headers=headers).json["batch_id"]
    start_worker(pool, stand_in_sidecar)
    alone.wait(batch)
    wait_for(lambda: len(stand_in_sidecar.events(student)) == 2, "published")
    assert {item["traceparent"][3:35] for item in stand_in_sidecar.events(student)} == {trace}


def test_batch_that_cannot_be_done_has_failed(pool, alone, store, start_worker):
    batch = alone.submit(stating(fresh_ids(3)))
    store.hset(f"batch:{{{batch}}}:items", next(iter(store.hgetall(f"batch:{{{batch}}}:items"))), "x")
    worker = start_worker(pool)
    assert alone.wait(batch)["status"] == "failed"
    [letter] = wait_for(lambda: dead_letters(store), "dead")
    assert letter["source"] == "queue:batch" and letter["event"] == {"batch": batch, "from": 0}
    [line] = wait_for(lambda: worker.lines("batch.fault"), "in the log")
    assert (line["of"], line["batch"], line["level"]) == ("job", batch, "error") and line["reason"]
    assert Scrape(pool.request("GET", "/metrics").text).value("batch_faults_total", of="job") == 1


def test_damaged_record_of_one_student_is_a_fault_of_the_engine(pool, alone, store, start_worker):
    damaged, whole = fresh_ids(2)
    for student in (damaged, whole):
        assert pool.calculate(student).status == 200
    store.hset(tagged(damaged, f"student:{damaged}"), "s", "damaged")
    batch = alone.submit({"student_ids": [damaged, whole]})
    worker = start_worker(pool)
    assert alone.wait(batch)["status"] == "completed"
    [line] = wait_for(lambda: worker.lines("batch.fault"), "in the log")
    assert (line["of"], line["batch"]) == ("student", batch)
    assert damaged not in json.dumps(line) and len(line["student"]) == 16
    assert Scrape(pool.request("GET", "/metrics").text).value("batch_faults_total", of="student") == 1


@pytest.mark.parametrize(
    "body",
    ["", "x", "[]", "{}", '{"batch":5}', '{"batch":"a","from":7}', '{"batch":"a","from":1024}'],
)
def test_job_that_is_no_part_of_a_batch_is_dead(pool, store, start_worker, body):
    store.xadd("queue:{batch}:low", {"k": "batch", "b": body, "t": "0"})
    start_worker(pool)
    [letter] = wait_for(lambda: dead_letters(store), "dead")
    assert "not about a batch" in letter["reason"]


def test_job_of_a_batch_that_has_gone_is_nothing_to_do(pool, store, start_worker):
    store.xadd("queue:{batch}:low", {"k": "batch", "b": '{"batch":"gone","from":64}', "t": "0"})
    start_worker(pool)
    wait_for(lambda: not store.xlen("queue:{batch}:low"), "done")
    assert not dead_letters(store) and not store.keys("batch*")


@pytest.mark.parametrize("others", [0, 1])
def test_student_that_is_erased_is_left_out(pool, alone, store, start_worker, others):
    """A result would name the student in the store again."""
    gone, *there = fresh_ids(1 + others)
    batch = alone.submit(stating([gone, *there]))
    alone.client.pool.calculate(gone)
    [key] = store.keys(f"{{*}}:student:{gone}")
    store.delete(key)
    store.set(tombstone(gone), "1")
    start_worker(pool)
    status = alone.wait(batch)
    assert (status["total_students"], status["failed_count"]) == (others, 0)
    results = alone.results(batch)
    assert [(one["student_id"], one["success"]) for one in results] == [(one, True) for one in there]
    assert not [key for key in store.scan_iter("batch:*") if gone.encode() in raw(store, key)]
    assert not store.exists(key)


def test_student_can_be_taken_out_of_a_batch(alone, store):
    """What an erasure does: neither what is to be done nor what was tells of the student."""
    batch = put_batch(store, ["a", "b", "c"], processed=2, failed=1)
    keys = [f"batch:{{{batch}}}{suffix}" for suffix in ("", ":students", ":items", ":results")]
    store.hset(keys[2], mapping={"c": "0 0 0 0 "})
    store.hset(keys[3], mapping={"a": "+{}", "b": "-no"})
    assert store.eval(script("batch_remove_student"), 4, *keys, "b") == 1
    assert store.eval(script("batch_remove_student"), 4, *keys, "b") == 0
    assert store.eval(script("batch_remove_student"), 4, *keys, "c") == 1
    status = alone.status(batch)
    assert (status["total_students"], status["processed_students"], status["failed_count"]) == (
        *(1, 1, 0),
    )
    assert store.zrange(keys[1], 0, -1) == ["a"] and store.hkeys(keys[3]) == ["a"]
    assert not store.exists(keys[2])


def test_batch_whose_last_students_were_taken_out_completes(pool, alone, store, start_worker):
    batch = alone.submit(stating(["a", "b"]))
    keys = [f"batch:{{{batch}}}{suffix}" for suffix in ("", ":students", ":items", ":results")]
    for student in ("a", "b"):
        store.eval(script("batch_remove_student"), 4, *keys, student)
    start_worker(pool)
    status = alone.wait(batch)
    assert status["status"] == "completed" and status["total_students"] == 0
