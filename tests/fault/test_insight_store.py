# SPDX-License-Identifier: GPL-3.0-or-later
"""Predictions and analytics while the store refuses, is away, or holds what is none of ours."""

import pytest
from harness.engine import fresh_id, redis_process
from harness.expect import assert_ok, assert_problem
from harness.store import student_key

PREDICTIONS, ANALYTICS = "/api/v1/predictions", "/api/v1/analytics"


@pytest.fixture(scope="module")
def pair(engine):
    """Two students with data, and their cohort."""
    students, cohort = [fresh_id(), fresh_id()], fresh_id("c")
    for student in students:
        assert_ok(engine.calculate(student))
    roster = {"name": "x", "teacher_ids": [], "student_ids": students}
    assert_ok(engine.admin().put(f"/api/v1/cohorts/{cohort}", roster), 201)
    return students, cohort


def requests(students, cohort):
    """Every endpoint about students, as (method, path, body)."""
    one = {"student_id": students[0]}
    sides = {"cohort_a_student_ids": students, "cohort_b_id": cohort}
    return [
        ("POST", f"{PREDICTIONS}/next-week", one),
        ("POST", f"{PREDICTIONS}/trajectory", one),
        ("POST", f"{PREDICTIONS}/next-week/intervention", {**one, "intervention_type": "review"}),
        ("GET", f"{PREDICTIONS}/accuracy/{students[0]}", None),
        ("POST", f"{ANALYTICS}/mastery-history", one),
        ("POST", f"{ANALYTICS}/comprehensive", one),
        ("POST", f"{ANALYTICS}/compare/students", {"student_ids": students}),
        ("POST", f"{ANALYTICS}/compare", {**one, "cohort_id": cohort}),
        ("POST", f"{ANALYTICS}/compare/cohorts", sides),
    ]


def ask(client, method, path, body):
    return client.request(method, path, **({"json": body} if body is not None else {}))


def test_without_a_store_it_is_503(start_engine):
    engine = start_engine(POOL_SIZE=1)
    students, cohort = [fresh_id(), fresh_id()], fresh_id("c")
    store = redis_process(engine)
    store.stop()
    overview = ("GET", f"/api/v1/cohorts/{cohort}/overview", None)
    for request in [*requests(students, cohort), overview]:
        assert_problem(ask(engine.admin(), *request), 503, "SERVICE_UNAVAILABLE")
        teacher = engine.client(fresh_id("t"), "teacher")
        assert_problem(ask(teacher, *request), 503, "SERVICE_UNAVAILABLE")


def test_without_a_store_the_settings_are_shown(start_engine):
    engine = start_engine(POOL_SIZE=1)
    redis_process(engine).stop()
    body = assert_ok(engine.admin().get(f"{PREDICTIONS}/config"))
    assert body["config"]["model"] == "projection" and body["calibration"] is None


def test_a_full_store_still_predicts(start_engine):
    engine = start_engine(POOL_SIZE=1)
    student = fresh_id()
    engine.calculate(student)
    store = engine.redis()
    store.config_set("maxmemory", 1)
    for _ in range(2):
        response = engine.admin().post(f"{PREDICTIONS}/next-week", {"student_id": student})
        assert_ok(response)
        assert response.headers["X-Cache"] == "MISS"
    store.config_set("maxmemory", 0)
    assert not store.exists(student_key(student, ":predictions"))


GARBAGE = [b"", b"x", b"\x01" * 100, b"\xff" * 300]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_state_that_is_none_is_500(engine, pair, garbage):
    broken = fresh_id()
    assert_ok(engine.calculate(broken))
    engine.redis(decode=False).hset(student_key(broken), "s", garbage)
    students, cohort = pair
    for method, path, body in requests([broken, students[0]], cohort):
        if path.endswith(("mastery-history", "compare/students")):
            continue  # these look at days alone
        assert_problem(ask(engine.admin(), method, path, body), 500, "INTERNAL_ERROR")


@pytest.mark.parametrize("garbage", GARBAGE[1:])
def test_a_day_that_is_none_is_500(engine, pair, garbage):
    broken = fresh_id()
    assert_ok(engine.calculate(broken))
    store = engine.redis(decode=False)
    store.set(student_key(broken, ":days"), garbage)
    students, cohort = pair
    for method, path, body in requests([broken, students[0]], cohort):
        if path.endswith(("compare", "compare/cohorts")):
            continue  # these look at the state alone
        assert_problem(ask(engine.admin(), method, path, body), 500, "INTERNAL_ERROR")


@pytest.mark.parametrize("suffix", ["", ":predictions", ":forecasts"])
def test_another_type_of_record_is_an_error_and_not_an_answer(engine, pair, suffix):
    broken = fresh_id()
    assert_ok(engine.calculate(broken))
    store = engine.redis()
    store.delete(student_key(broken, suffix))
    store.set(student_key(broken, suffix), "text")
    students, cohort = pair
    for request in requests([broken, students[0]], cohort):
        assert ask(engine.admin(), *request).status in (200, 500)
    if suffix == ":predictions":
        response = engine.admin().get(f"{PREDICTIONS}/accuracy/{broken}")
    else:
        response = engine.admin().post(f"{PREDICTIONS}/next-week", {"student_id": broken})
    assert_problem(response, 500, "INTERNAL_ERROR")
