# SPDX-License-Identifier: GPL-3.0-or-later
"""What is JSON and what is not (after RFC 8259 and JSONTestSuite)."""
import pytest
from harness.engine import fresh_id
from harness.expect import assert_ok, assert_problem

PATH = "/api/v1/mastery/calculate"
COMPONENTS = b'"components":{"completion":0.5,"quiz":0.5,"quality":0.5,"consistency":0.5}'


def send(client, body):
    return client.post(PATH, body=body, headers={"Content-Type": "application/json"})


def send_value(client, value):
    """A good body with this text as the value of a field that nobody knows."""
    student = fresh_id().encode()
    body = b'{"student_id":"' + student + b'",' + COMPONENTS + b',"x":' + value + b"}"
    return send(client, body)


def assert_not_json(response):
    error = assert_problem(response, 400, "INVALID_JSON")
    assert isinstance(error["details"]["offset"], int) and error["details"]["offset"] >= 0


REFUSED = [
    b"[1,]",
    b"[,1]",
    b'{"a":1,}',
    b"{a:1}",
    b"{'a':1}",
    b'["a" "b"]',
    b"[1 2]",
    b"[1,,2]",
    b'{"a" 1}',
    b'{"a":}',
    b'{"a":1 "b":2}',
    b'{1:"a"}',
    b"01",
    b"-01",
    b"00",
    b"+1",
    b".5",
    b"-.5",
    b"1.",
    b"[1.]",
    b"1.e1",
    b"1e",
    b"1e+",
    b"-",
    b"--1",
    b"0x1",
    b"1_000",
    b"1e400",
    b"-1e400",
    b"1e999",
    b"Infinity",
    b"-Infinity",
    b"[-Infinity]",
    b"NaN",
    b"nan",
    b"inf",
    b"True",
    b"TRUE",
    b"undefined",
    b"tru",
    b"nul",
    b"/* c */ 1",
    b"1 // c",
    b"1 # c",
    b'"a\tb"',
    b'"a\nb"',
    b'"a\x00b"',
    b'"a\x1fb"',
    b'"\\x00"',
    b'"\\u00"',
    b'"\\u00zz"',
    b'"\\a"',
    b'"\\',
    b'"\\u0000"',
    b'{"a\\u0000b":1}',
    b'"\\ud800"',
    b'"\\udc00"',
    b'"\\udc00\\ud800"',
    b'"\\ud800\\u0041"',
    b'"\\ud800x"',
    b'"\xc0\xaf"',
    b'"\xe0\x80\x80"',
    b'"\xf4\x90\x80\x80"',
    b'"\xff"',
    b'"\xed\xa0\x80"',
    b'"\xe2\x82"',
    b'"\x80"',
    b"\xc2\xa01",
    b"1\x0c",
    b"\x0b1",
    b'{"a":1,"a":2}',
    b'{"a":1,"a":1}',
    b'{"a":1,"\\u0061":2}',
    b'{"\xc3\xa9":1,"\\u00e9":2}',
    b"[" * 32 + b"]" * 32,
    b"[" * 31 + b"{}" + b"]" * 31,
    b"[" * 100000,
    b"[1",
    b'{"a":1',
    b'"a',
    b"]",
    b"1]",
    b"",
]


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: repr(value[:20]))
def test_what_is_not_json_is_refused(admin, value):
    assert_not_json(send_value(admin, value))


ACCEPTED = [
    b" \t\r\n1 \t\r\n",
    b"[]",
    b"{}",
    b"[" * 31 + b"]" * 31,
    b"[" * 30 + b'{"a":1}' + b"]" * 30,
    b'"\\u0060\\u012a\\u12AB"',
    b'"\\ud834\\udd1e"',
    b'"\\u0001\\u001f\\n\\t\\b\\f\\r"',
    b'"\\/"',
    b'"\\\\u0000"',
    b'"\x7f"',
    b'"\xe2\x80\xa8"',
    b'"\xef\xbf\xbf"',
    b'"\xf4\x8f\xbf\xbf"',
    b"-0",
    b"-0.0",
    b"1E22",
    b"1e-2",
    b"0e+1",
    b"1.7976931348623157e308",
    b"1e-400",
    b"123456789012345678901234567890",
    b"-9223372036854775809",
    b"0." + b"1" * 400,
    b'{"":1}',
    b'{"e\xcc\x81":1,"\xc3\xa9":2}',
    b'{"a":{"a":{"a":1}}}',
    b"null",
    b"false",
]


@pytest.mark.parametrize("value", ACCEPTED, ids=lambda value: repr(value[:20]))
def test_what_is_json_is_taken(admin, value):
    assert_ok(send_value(admin, value))


def good_body():
    return b'{"student_id":"' + fresh_id().encode() + b'",' + COMPONENTS + b"}"


@pytest.mark.parametrize("tail", [b" x", b"{}", b",", b"]", b"\x00", b"null", b"\xef\xbb\xbf"])
def test_trailing_bytes_are_refused(admin, tail):
    assert_not_json(send(admin, good_body() + tail))


@pytest.mark.parametrize("head", [b"\xef\xbb\xbf", b"\x00", b"//\n", b"\xff\xfe", b"1,"], ids=repr)
def test_leading_bytes_are_refused(admin, head):
    assert_not_json(send(admin, head + good_body()))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_other_encodings_are_refused(admin, encoding):
    assert_not_json(send(admin, good_body().decode().encode(encoding)))


def test_white_space_around_the_body_is_taken(admin):
    assert_ok(send(admin, b" \r\n\t" + good_body() + b"\n "))


def test_body_cut_at_any_byte_is_refused(admin):
    body = good_body()
    for end in range(1, len(body)):
        assert_not_json(send(admin, body[:end]))


def test_known_field_twice_is_refused_however_it_is_spelt(admin, student):
    body = b'{"student_id":"%s","student\\u005fid":"%s",%s}'
    assert_not_json(send(admin, body % (student.encode(), student.encode(), COMPONENTS)))


def test_escaped_spelling_of_a_field_is_that_field(admin, student):
    body = b'{"\\u0073tudent_id":"%s",%s}' % (student.encode(), COMPONENTS)
    assert assert_ok(send(admin, body))["student_id"] == student


def test_offset_points_at_the_first_wrong_byte(admin):
    error = assert_problem(send(admin, b'{"a": tru}'), 400, "INVALID_JSON")
    assert 6 <= error["details"]["offset"] <= 9


@pytest.mark.parametrize("number, ok", [("1e3", False), ("1e1", True), ("70e-1", True)])
def test_integers_may_be_written_in_any_form(admin, engine, student, number, ok):
    engine.calculate(student)
    body = f'{{"student_id":"{student}","days_history":{number}}}'
    headers = {"Content-Type": "application/json"}
    response = admin.post("/api/v1/mastery/query", body=body, headers=headers)
    assert response.status == (200 if ok else 400), response


@pytest.mark.parametrize(
    "value, count, ok",
    [(b"0", 19000, True), (b"0", 20000, False), (b"{}", 2400, True), (b"{}", 2500, False)],
)
def test_values_that_cost_memory_are_counted(as_user, admin, student, value, count, ok):
    """Students might send such bodies without end. The body is JSON, and the response says so."""
    own = as_user(student)
    body = b'{"student_id":"%s",%s,"x":[%s]}'
    body %= student.encode(), COMPONENTS, b",".join([value] * count)
    if ok:
        assert_ok(send(own, body))
    else:
        error = assert_problem(send(own, body), 413, "PAYLOAD_TOO_LARGE")
        assert "more than 20000 values" in error["message"]
    assert_ok(send(admin, body))


def test_statements_that_cost_memory_are_counted(as_user, student):
    body = b"[" + b",".join([b"{}"] * 2500) + b"]"
    headers = {"X-Experience-API-Version": "1.0.3", "Content-Type": "application/json"}
    response = as_user(student).post("/api/v1/xapi/statements", body=body, headers=headers)
    assert_problem(response, 413, "PAYLOAD_TOO_LARGE")
