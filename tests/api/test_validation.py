# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields that are missing, of the wrong type or out of range: all of them are named."""
import re

import pytest
from harness.expect import assert_invalid, assert_ok, assert_problem

CALCULATE = "/api/v1/mastery/calculate"
QUERY = "/api/v1/mastery/query"
HALVES = {"completion": 0.5, "quiz": 0.5, "quality": 0.5, "consistency": 0.5}
BAD_IDS = [
    "",
    " ",
    "a b",
    ".b",
    "a/b",
    "ü",
    "x" * 129,
    "a\nb",
    "a;DROP TABLE s;--",
    5,
    True,
    [],
    {},
]


@pytest.mark.parametrize("bad", BAD_IDS, ids=repr)
@pytest.mark.parametrize("path", [CALCULATE, QUERY])
def test_student_id_must_be_an_id(admin, path, bad):
    body = {"student_id": bad, "components": HALVES}
    assert_invalid(admin.post(path, body), "student_id")


@pytest.mark.parametrize("path", [CALCULATE, QUERY])
def test_id_is_never_stripped_and_used(engine, admin, student, path):
    engine.calculate(student)
    body = {"student_id": f" {student} ", "components": HALVES}
    assert_invalid(admin.post(path, body), "student_id")


def test_empty_body_names_every_required_field(admin):
    assert_invalid(admin.post(CALCULATE, {}), "components", "student_id")
    assert_invalid(admin.post(QUERY, {}), "student_id")


@pytest.mark.parametrize("missing", list(HALVES))
def test_each_component_is_required(admin, student, missing):
    components = {name: value for name, value in HALVES.items() if name != missing}
    response = admin.post(CALCULATE, {"student_id": student, "components": components})
    assert_invalid(response, f"components.{missing}")


@pytest.mark.parametrize("bad", [-0.1, 1.1, -1e-12, 1.0000001, "0.5", True, [], {}], ids=repr)
@pytest.mark.parametrize("name", list(HALVES))
def test_component_must_be_a_number_from_0_to_1(admin, student, name, bad):
    body = {"student_id": student, "components": {**HALVES, name: bad}}
    assert_invalid(admin.post(CALCULATE, body), f"components.{name}")


@pytest.mark.parametrize("bad", ["x", 5, [0.5, 0.5, 0.5, 0.5], True], ids=repr)
def test_components_must_be_an_object(admin, student, bad):
    response = admin.post(CALCULATE, {"student_id": student, "components": bad})
    assert_invalid(response, "components")


@pytest.mark.parametrize("bad", [-0.1, "0.1", True], ids=repr)
def test_weight_must_be_a_number_not_below_0(admin, student, bad):
    weights = {"completion": 0.5, "quiz": 0.3, "quality": 0.2, "consistency": bad}
    body = {"student_id": student, "components": HALVES, "weights": weights}
    assert_invalid(admin.post(CALCULATE, body), "weights.consistency")


@pytest.mark.parametrize("bad", ["x", 5, [0.25, 0.25, 0.25, 0.25]], ids=repr)
def test_weights_must_be_an_object(admin, student, bad):
    body = {"student_id": student, "components": HALVES, "weights": bad}
    assert_invalid(admin.post(CALCULATE, body), "weights")


def test_all_failing_fields_are_named_at_once(admin):
    components = {"completion": 2, "quiz": "x", "consistency": -1}
    response = admin.post(CALCULATE, {"student_id": "a b", "components": components})
    assert_invalid(
        response,
        "components.completion",
        "components.consistency",
        "components.quality",
        "components.quiz",
        "student_id",
    )


@pytest.mark.parametrize("bad", [0, 91, -1, 1.5, "7", True, [], 9223372036854775808], ids=repr)
def test_days_history_must_be_a_whole_number_from_1_to_90(admin, student, bad):
    response = admin.post(QUERY, {"student_id": student, "days_history": bad})
    assert_invalid(response, "days_history")


@pytest.mark.parametrize("days", [1, 90])
def test_days_history_takes_its_limits(engine, admin, student, days):
    engine.calculate(student)
    assert_ok(admin.post(QUERY, {"student_id": student, "days_history": days}))


@pytest.mark.parametrize("bad", ["true", 1, 0, "", []], ids=repr)
@pytest.mark.parametrize("field", ["include_components", "include_history"])
def test_flags_must_be_true_or_false(admin, student, field, bad):
    assert_invalid(admin.post(QUERY, {"student_id": student, field: bad}), field)


BAD_DATES = ["2026-13-01", "2026-00-10", "2026-02-29", "2026-04-31", "20260101", "2026-1-1"]
BAD_DATES += ["2026-01-01T00:00:00Z", " 2026-01-01", "2026-01-01 ", "today", "", 20260101, True]


@pytest.mark.parametrize("bad", BAD_DATES, ids=repr)
def test_date_must_be_a_day_of_the_calendar(admin, student, bad):
    assert_invalid(admin.post(QUERY, {"student_id": student, "date": bad}), "date")


def test_leap_day_is_a_day(admin, student):
    response = admin.post(QUERY, {"student_id": student, "date": "2024-02-29"})
    assert_problem(response, 404, "NOT_FOUND")


def test_messages_do_not_repeat_what_was_sent(admin):
    response = admin.post(QUERY, {"student_id": "<b>repeat-me</b>"})
    assert_invalid(response, "student_id")
    assert "repeat-me" not in response.text


@pytest.mark.parametrize("text", ["5", '"a"', "null", "true", "[]", "[{}]", "0.5"])
def test_body_that_is_no_object_is_not_valid(admin, text):
    response = admin.post(QUERY, body=text, headers={"Content-Type": "application/json"})
    assert_problem(response, 400, "VALIDATION_ERROR")


# Integers of a query

# As they are sent: + is a space in a query, %2B a plus sign.
NOT_INTEGERS = [
    "1.0", "1e1", "1E0", "+1", "%2B1", "%201", "1%20", "1+", "0x1", "1%00", "%EF%BC%91", "1_0",
    "", "-", "07", "-01", "--1", "1,0", "Infinity", "NaN", "true", "9" * 400,
]  # fmt: skip


def integer_parameters(engine):
    """(path, parameter) of each integer in the query of each route, by the OpenAPI document."""
    document = assert_ok(engine.client().get("/openapi.json"))
    for path, item in document["paths"].items():
        for parameter in item.get("get", {}).get("parameters", []):
            if parameter.get("in") == "query" and parameter["schema"].get("type") == "integer":
                yield re.sub("{[^}]+}", "x", path), parameter["name"]


def test_integer_of_a_query_is_digits(engine, admin):
    [*parameters] = integer_parameters(engine)
    assert {name for _, name in parameters} >= {"days", "limit", "offset"}
    for path, name in parameters:
        for text in NOT_INTEGERS:
            assert_invalid(admin.get(f"{path}?{name}={text}"), name)


@pytest.mark.parametrize("text", ["7", "%37"])
def test_integer_of_a_query_may_be_encoded(admin, student, text):
    history = assert_ok(admin.get(f"/api/v1/mastery/history/{student}?days={text}"))
    assert history["days"] == 7


def test_negative_offset_is_out_of_range_not_malformed(admin):
    assert_invalid(admin.get("/api/v1/cohorts?offset=-1"), "offset")
    assert_ok(admin.get("/api/v1/cohorts?offset=-0"))


# A body that is null is a body


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/compliance/consent/x?consent_type=research&granted=true",
        "/api/v1/compliance/consent/x/withdraw?consent_type=research",
        QUERY,
        CALCULATE,
        "/api/v1/process",
    ],
)
def test_null_is_no_object(admin, path):
    response = admin.request("POST", path, body=b"null", headers={"Content-Type": "application/json"})
    assert response.status == 400
    [error] = response.json["error"]["details"]["errors"]
    assert error == {"field": "body", "message": "must be an object"}
