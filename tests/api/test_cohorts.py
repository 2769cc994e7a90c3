# SPDX-License-Identifier: GPL-3.0-or-later
"""Cohorts: written by admins, read by their teachers, and the root of a teacher's rights."""
import pytest
from harness.engine import fresh_id
from harness.expect import assert_invalid, assert_ok, assert_problem

QUERY = "/api/v1/mastery/query"


def path_of(cohort):
    return f"/api/v1/cohorts/{cohort}"


def roster(teachers=(), students=(), name="Class 7b"):
    return {"name": name, "teacher_ids": list(teachers), "student_ids": list(students)}


def put(admin, cohort, teachers=(), students=(), status=201):
    return assert_ok(admin.put(path_of(cohort), roster(teachers, students)), status)


def cohort_of(body):
    """The cohort of an answer, which may stand in it or be it."""
    return body.get("cohort", body)


def listed(client):
    """Ids of all cohorts that the client is shown, page by page."""
    found, total = set(), 1
    while len(found) < total:
        body = assert_ok(client.get(f"/api/v1/cohorts?offset={len(found)}"))
        found |= {entry["cohort_id"] for entry in body["cohorts"]}
        total = body["total"] if body["cohorts"] else 0
    return found


@pytest.fixture
def cohort():
    return fresh_id("c")


@pytest.fixture
def teacher():
    return fresh_id("t")


def test_first_put_creates_and_second_replaces(admin, cohort, teacher, student):
    put(admin, cohort, [teacher], [student], status=201)
    body = cohort_of(put(admin, cohort, [], [student], status=200))
    assert body["teacher_ids"] == [] and body["student_ids"] == [student]


def test_put_answers_with_the_cohort(admin, cohort, teacher):
    students = [fresh_id() for _ in range(3)]
    body = cohort_of(put(admin, cohort, [teacher], students))
    assert body["cohort_id"] == cohort and body["name"] == "Class 7b"
    assert sorted(body["student_ids"]) == sorted(students)
    assert body["teacher_ids"] == [teacher]


def test_get_shows_what_was_put(admin, cohort, teacher):
    students = [fresh_id() for _ in range(3)]
    put(admin, cohort, [teacher], students)
    body = cohort_of(assert_ok(admin.get(path_of(cohort))))
    assert (body["cohort_id"], body["name"]) == (cohort, "Class 7b")
    assert sorted(body["student_ids"]) == sorted(students)
    assert body["teacher_ids"] == [teacher]


def test_missing_cohort_is_404_for_an_admin(admin, cohort):
    assert_problem(admin.get(path_of(cohort)), 404, "NOT_FOUND")


def test_deleted_cohort_is_gone(admin, cohort, teacher, student):
    put(admin, cohort, [teacher], [student])
    assert_ok(admin.delete(path_of(cohort)))
    assert_problem(admin.get(path_of(cohort)), 404, "NOT_FOUND")
    assert cohort not in listed(admin)


def test_deleted_cohort_can_be_made_again(admin, cohort, student):
    put(admin, cohort, [], [student])
    assert_ok(admin.delete(path_of(cohort)))
    put(admin, cohort, [], [], status=201)
    assert cohort_of(assert_ok(admin.get(path_of(cohort))))["student_ids"] == []


def test_admin_lists_all_and_a_teacher_their_own(admin, as_user, teacher):
    mine, other = fresh_id("c"), fresh_id("c")
    put(admin, mine, [teacher])
    put(admin, other, [fresh_id("t")])
    assert {mine, other} <= listed(admin)
    assert listed(as_user(teacher, "teacher")) == {mine}


def test_teacher_without_a_cohort_lists_none(as_user, teacher):
    assert listed(as_user(teacher, "teacher")) == set()


def test_teacher_reads_own_cohort_and_no_other(admin, as_user, teacher):
    mine, other = fresh_id("c"), fresh_id("c")
    put(admin, mine, [teacher, fresh_id("t")])
    put(admin, other, [fresh_id("t")])
    client = as_user(teacher, "teacher")
    assert cohort_of(assert_ok(client.get(path_of(mine))))["cohort_id"] == mine
    assert_problem(client.get(path_of(other)), 403)


def test_teacher_and_student_write_no_cohort(admin, as_user, cohort, teacher, student):
    put(admin, cohort, [teacher], [student])
    for client in (as_user(teacher, "teacher"), as_user(student, "student")):
        assert_problem(client.put(path_of(cohort), roster([teacher], [student])), 403)
        assert_problem(client.delete(path_of(cohort)), 403)
    assert cohort_of(assert_ok(admin.get(path_of(cohort))))["teacher_ids"] == [teacher]


def test_students_read_no_cohort_not_even_their_own(admin, as_user, cohort, student):
    put(admin, cohort, [], [student])
    client = as_user(student, "student")
    assert_problem(client.get(path_of(cohort)), 403)
    assert_problem(client.get("/api/v1/cohorts"), 403)


# A teacher's right to a student, which follows the rosters


@pytest.fixture
def taught(engine, admin, as_user, cohort, teacher, student):
    """A student with data in the teacher's cohort; the teacher's client."""
    assert_ok(engine.calculate(student))
    put(admin, cohort, [teacher], [student])
    return as_user(teacher, "teacher")


def may_read(client, student):
    responses = [
        client.post(QUERY, {"student_id": student}),
        client.get(f"/api/v1/mastery/history/{student}"),
        client.get(f"/api/v1/mastery/statistics/{student}"),
    ]
    statuses = {response.status for response in responses}
    assert statuses in ({200}, {403}), responses
    return statuses == {200}


def test_teacher_reads_and_writes_students_of_own_cohort(engine, taught, student):
    assert may_read(taught, student)
    assert_ok(engine.calculate(student, by=taught))


def test_right_ends_with_the_next_request_when_the_teacher_leaves(admin, taught, cohort, student):
    assert may_read(taught, student)
    put(admin, cohort, [], [student], status=200)
    assert not may_read(taught, student)


def test_right_ends_with_the_next_request_when_the_student_leaves(
    engine, admin, taught, cohort, teacher, student
):
    assert may_read(taught, student)
    put(admin, cohort, [teacher], [], status=200)
    assert not may_read(taught, student)
    assert_problem(engine.calculate(student, by=taught), 403)


def test_right_ends_with_the_next_request_when_the_cohort_is_deleted(
    admin, taught, cohort, student
):
    assert may_read(taught, student)
    assert_ok(admin.delete(path_of(cohort)))
    assert not may_read(taught, student)


def test_right_remains_by_another_cohort(admin, taught, cohort, teacher, student):
    put(admin, fresh_id("c"), [teacher], [student])
    assert_ok(admin.delete(path_of(cohort)))
    assert may_read(taught, student)


def test_right_comes_with_the_next_request(engine, admin, as_user, cohort, teacher, student):
    assert_ok(engine.calculate(student))
    client = as_user(teacher, "teacher")
    assert not may_read(client, student)
    put(admin, cohort, [teacher], [student])
    assert may_read(client, student)


def test_right_changes_at_once_in_every_process(engine, admin, cohort, teacher, student):
    assert_ok(engine.calculate(student))
    clients = [engine.client(teacher, "teacher") for _ in range(12)]
    status = 201
    for is_member in (True, False, True, False):
        put(admin, cohort, [teacher] if is_member else [], [student], status=status)
        status = 200
        assert [may_read(client, student) for client in clients] == [is_member] * 12
    for client in clients:
        client.close()


# Validation


def test_missing_fields_are_all_named(admin, cohort):
    assert_invalid(admin.put(path_of(cohort), {}), "name", "student_ids", "teacher_ids")


def test_bad_ids_are_named_by_their_position(admin, cohort):
    body = roster(["good", "not good"], ["a", "b", "c", "d/e", "", "f"])
    response = admin.put(path_of(cohort), body)
    assert_invalid(response, "student_ids[3]", "student_ids[4]", "teacher_ids[1]")


@pytest.mark.parametrize("bad", ["x", 5, {}, None, True], ids=repr)
def test_rosters_must_be_lists(admin, cohort, bad):
    body = {**roster(), "student_ids": bad}
    assert_invalid(admin.put(path_of(cohort), body), "student_ids")


@pytest.mark.parametrize("bad", ["", 5, "<script>alert(1)</script>", "a <SCRIPT src=x>"], ids=repr)
def test_name_is_a_text_without_markup(admin, cohort, bad):
    assert_invalid(admin.put(path_of(cohort), roster(name=bad)), "name")


@pytest.mark.parametrize(
    "name", ["7b", "Klasse „7b“ & 'co' <b>", "日本語 😀", 'quo"te\\ / \t tab', "'; DROP TABLE c;--"]
)
def test_name_is_kept_as_sent_and_escaped(admin, cohort, name):
    assert_ok(admin.put(path_of(cohort), roster(name=name)), 201)
    assert cohort_of(assert_ok(admin.get(path_of(cohort))))["name"] == name


@pytest.mark.parametrize("bad", [".b", "x" * 129, "~b"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_cohort_id_must_be_an_id(admin, method, bad):
    json = {"json": roster()} if method == "PUT" else {}
    assert_invalid(admin.request(method, path_of(bad), **json), "cohort_id")


def test_ten_thousand_students_are_taken_and_one_more_is_not(admin, cohort):
    students = [f"s{i:05d}" for i in range(10001)]
    assert_invalid(admin.put(path_of(cohort), roster([], students)), "student_ids")
    assert_ok(admin.put(path_of(cohort), roster([], students[:10000])), 201)
    body = cohort_of(assert_ok(admin.get(path_of(cohort))))
    assert sorted(body["student_ids"]) == students[:10000]
    assert_ok(admin.delete(path_of(cohort)))
