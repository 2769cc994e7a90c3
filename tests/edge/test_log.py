# SPDX-License-Identifier: GPL-3.0-or-later
"""The logs: one JSON object a line, all that operators need, nothing that they must not see."""
import json

import pytest
from harness.engine import fresh_id
from harness.wait import wait_for


def lines(engine):
    """Every line of the pool's log that is the engine's own."""
    text = (engine.state_dir / "log" / "pool.log").read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def line_of(engine, request_id):
    def find():
        found = [line for line in lines(engine) if line.get("request_id") == request_id]
        assert len(found) <= 1, "logged twice"
        return found

    return wait_for(find, "request line")[0]


def all_logs(engine):
    return "\n".join(
        path.read_text(errors="replace") for path in (engine.state_dir / "log").glob("*.log")
    )


def test_request_line_has_its_fields(engine, admin, student):
    engine.calculate(student)
    request_id = fresh_id("log")
    headers = {"X-Request-ID": request_id}
    response = admin.get(f"/api/v1/mastery/history/{student}", headers=headers)
    line = line_of(engine, request_id)
    assert line["method"] == "GET" and line["status"] == 200
    assert "time" in line and "level" in line and "pid" in line
    assert line["correlation_id"] == request_id
    assert line["trace_id"] == response.headers["X-Trace-ID"]
    assert line["bytes"] == len(response.body)
    assert line["duration_us"] > 0 and line["user"] and line["route"]


@pytest.mark.parametrize(
    "path, status", [("/nothing", 404), ("/api/v1/cohorts", 401), ("/metrics/reset", 405)]
)
def test_refusals_are_logged_with_their_code(engine, anonymous, path, status):
    request_id = fresh_id("log")
    response = anonymous.get(path, headers={"X-Request-ID": request_id})
    line = line_of(engine, request_id)
    assert line["status"] == status
    assert line["error_code"] == response.json["error"]["code"]


def test_same_user_has_the_same_hash_and_another_has_another(engine):
    hashes = {}
    for user in ("first", "second"):
        seen = set()
        for _ in range(3):
            request_id = fresh_id("log")
            client = engine.client(user, "student")
            client.get(f"/api/v1/mastery/history/{user}", headers={"X-Request-ID": request_id})
            seen.add(line_of(engine, request_id)["user"])
        [hashes[user]] = seen
    assert hashes["first"] != hashes["second"]


def access_log(engine):
    return (engine.state_dir / "log" / "access.log").read_text()


def wait_for_access_line(engine):
    """nginx's log, when it has the lines of all earlier requests: it has that of a page which nginx sends itself."""
    marker = fresh_id("log")
    assert engine.client().get("/docs", headers={"X-Request-ID": marker}).status == 200
    return wait_for(lambda: marker in access_log(engine) and access_log(engine), "access line")


@pytest.mark.parametrize("setting, lines", [("off", 0), ("on", 1)])
def test_the_log_of_nginx_has_what_the_engine_has_not_answered(start_engine, setting, lines):
    engine = start_engine(ACCESS_LOG_ALL=setting, NGINX_WORKERS="1")  # a worker has a buffer of its own
    answered, refused = fresh_id("log"), fresh_id("log")
    assert engine.client().get("/health", headers={"X-Request-ID": answered}).status == 200
    assert engine.client().get("/health?" + "x" * 12000, headers={"X-Request-ID": refused}).status == 414
    assert engine.client().get("/health", headers={"X-Request-ID": refused, "X-Large": "x" * 12000}).status == 431
    line_of(engine, answered)
    log = [json.loads(line) for line in wait_for_access_line(engine).splitlines()]
    assert sum(line["request_id"] == answered for line in log) == lines
    assert {line["status"] for line in log} >= {414, 431}


def test_logs_hold_no_ids_tokens_or_secrets(engine):
    student, teacher, cohort = fresh_id("secretstudent"), fresh_id("secretuser"), fresh_id("c")
    admin, client = engine.admin(), engine.client(student, "student")
    engine.calculate(student)
    roster = {"name": "x", "teacher_ids": [teacher], "student_ids": [student]}
    admin.put(f"/api/v1/cohorts/{cohort}", roster)
    client.get(f"/api/v1/mastery/history/{student}?days=3&token={client.token}")
    client.get(f"/api/v1/mastery/history/{teacher}")
    client.post("/api/v1/mastery/query", {"student_id": student, "days_history": "x"})
    client.get(f"/no/{student}")
    client.get("/api/v1/cohorts", token="secret.token.text")
    marker = fresh_id("log")
    client.get("/health", headers={"X-Request-ID": marker})
    line_of(engine, marker)
    wait_for_access_line(engine)
    logs = all_logs(engine)
    forbidden = [student, teacher, "secret.token.text", engine.secret]
    forbidden += [engine.values["APP_API_TOKEN"], *client.token.split(".")[1:]]
    for text in forbidden:
        assert text not in logs, f"{text[:24]}… stands in a log"


def test_hostile_text_breaks_no_line(engine, anonymous):
    marker = fresh_id("log")
    for path in ('/a"b', "/a%0a%7b%22level%22:1%7d", "/\u00fc", "/%00", "/a\\b"):
        lines_sent = [f"GET {path} HTTP/1.1", "Host: x", 'User-Agent: a"b\\', "Connection: close"]
        anonymous.raw("\r\n".join([*lines_sent, "", ""]).encode())
    anonymous.get("/health", headers={"X-Request-ID": marker})
    line_of(engine, marker)
    for line in wait_for_access_line(engine).splitlines():
        assert isinstance(json.loads(line), dict)


def test_pool_log_is_json_throughout(engine):
    text = (engine.state_dir / "log" / "pool.log").read_text()
    odd = [line for line in text.splitlines() if not line.startswith("{")]
    assert not [line for line in odd if "multiwatch" not in line and "spawn-fcgi" not in line], odd
