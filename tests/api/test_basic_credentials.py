# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning tools sign in by HTTP Basic, with a key and secret of XAPI_CREDENTIALS, and may write
statements about every student, and nothing else."""
import base64
import hashlib
import uuid

import pytest
from harness.audit import counts
from harness.client import Client
from harness.contract import BOTH, ROWS
from harness.engine import Engine, fresh_id
from harness.expect import assert_ok, assert_problem
from harness.statements import PATH, VERSION, statement
from harness.wait import wait_for

SECRET = "the secret: of a tool, ü"


def line(key="moodle", secret=SECRET, note="Moodle: of the school"):
    return f"{key}:{hashlib.sha256(secret.encode()).hexdigest()}:{note}"


def basic(key="moodle", secret=SECRET, scheme="Basic"):
    return f"{scheme} {base64.b64encode(f'{key}:{secret}'.encode()).decode()}"


LISTED = "\n".join(["# tools", line(), "", line("b", "2").upper().replace("B:", "b:", 1), line("b", "3", "")])


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    file = tmp_path_factory.mktemp("credentials") / "xapi"
    file.write_text(LISTED)
    with Engine(XAPI_CREDENTIALS_FILE=str(file), POOL_SIZE=1) as engine:
        yield engine


@pytest.fixture
def tool(listed):
    client = Client(listed.base_url)
    yield client
    client.close()


def post(client, authorization, body=None, path=PATH):
    headers = {**VERSION, "Authorization": authorization}
    return client.request("POST", path, json=body or statement(fresh_id()), headers=headers)


@pytest.mark.parametrize(
    "authorization", [basic(), basic(scheme="bASIC"), basic("b", "2"), basic("b", "3")]
)
def test_tool_with_key_and_secret_was_refused(listed, tool, authorization):
    student = fresh_id()
    assert_ok(post(tool, authorization, statement(student), "/xapi/statements"))
    admin = listed.admin()
    assert_ok(admin.post("/api/v1/mastery/query", {"student_id": student}))
    admin.close()


def test_tool_puts_a_statement_about_any_student(tool):
    body = statement(fresh_id())
    path = f"{PATH}?statementId={body['id']}"
    headers = {**VERSION, "Authorization": basic()}
    assert tool.request("PUT", path, json=body, headers=headers).status == 204


def encoded(text):
    return "Basic " + base64.b64encode(text).decode()


@pytest.mark.parametrize(
    "authorization",
    [
        basic(secret="x"),
        basic("unknown"),
        basic("b", SECRET),
        basic("", ""),
        basic("b", ""),
        basic("# tools", ""),
        basic("x" * 200),
        basic("moodle", SECRET + "\n"),
        basic(secret=hashlib.sha256(SECRET.encode()).hexdigest()),
        encoded(b"moodle"),
        encoded(b""),
        encoded(b"\xff\0:\xff"),
        basic().rstrip("="),
        basic() + "x",
        basic() + " x",
        "Basic",
        "Basic ",
        "Basic !",
        "Digest x",
    ],
)
def test_other_credentials_are_401(tool, authorization):
    response = post(tool, authorization)
    assert_problem(response, 401)
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="mastery-engine"'
    assert response.headers["X-Experience-API-Version"] == "1.0.3"


ELSEWHERE = [row for row in ROWS if row.right != "open" and "xapi" not in row.paths[0]]


def row_urls(engine, row):
    return [url for name, url in zip(BOTH, (engine.base_url, engine.dapr_url)) if name in row.listeners]


@pytest.mark.parametrize("row", ELSEWHERE, ids=lambda row: f"{row.method} {row.paths[0]}")
def test_credentials_open_no_other_resource(listed, row):
    path = row.paths[0].format_map(
        dict.fromkeys(["student_id", "cohort_id", "spare_cohort_id"], "x") | {"batch_id": uuid.uuid4()}
    )
    for url in row_urls(listed, row):
        client = Client(url)
        try:
            headers = {**row.headers, "Authorization": basic()}
            response = client.request(row.method, path, json={}, headers=headers)
            assert response.status == 401, response
        finally:
            client.close()


OPERATIONS = {"get", "put", "post", "delete"}


def test_openapi_names_basic_where_it_is_accepted(listed, tool):
    document = assert_ok(tool.get("/openapi.json"))
    scheme = document["components"]["securitySchemes"]["basic"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "basic")
    accepting = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in OPERATIONS & set(item)
        if {"basic": []} in item[method]["security"]
    }
    rows = [row for row in ROWS if row.right != "open" and "xapi" in row.paths[0]]
    assert accepting == {(row.method, path) for row in rows for path in row.paths}


def test_audit_log_names_the_tool(start_pool, start_worker, redis_server):
    pool = start_pool(XAPI_CREDENTIALS=line())
    start_worker(pool)
    headers = {**VERSION, "Authorization": basic()}
    assert pool.request("POST", PATH, json=statement(fresh_id()), headers=headers).status == 200
    [(_, fields, _)] = wait_for(lambda: counts(redis_server.client(), t="event"), "the event is counted")
    assert (fields["a"], fields["r"]) == ("xapi:moodle", "service")


def test_log_has_no_secret_and_says_what_failed(listed, tool):
    post(tool, basic(secret="another secret"))
    log = listed.state_dir / "log" / "pool.log"
    wait_for(lambda: "not in XAPI_CREDENTIALS" in log.read_text(), "logged")
    for file in (listed.state_dir / "log").iterdir():
        text = file.read_text(errors="replace")
        assert "another secret" not in text and basic(secret="another secret")[6:40] not in text


def test_without_credentials_none_are_known(engine, anonymous):
    assert_problem(post(anonymous, basic()), 401)


def test_removed_credential_ends_after_the_grace(start_pool, tmp_path):
    file, new = tmp_path / "xapi", tmp_path / "new"
    file.write_text(line())
    pool = start_pool(XAPI_CREDENTIALS_FILE=file, KEY_POLL_MS=20, KEY_GRACE_S=0)

    def write(text):
        """At once: a file that is being written would be read as one without credentials."""
        new.write_text(text)
        new.rename(file)

    def status(key, secret):
        headers = {**VERSION, "Authorization": basic(key, secret)}
        return pool.request("POST", PATH, json=statement(fresh_id()), headers=headers).status

    assert (status("moodle", SECRET), status("other", "2")) == (200, 401)
    write(line("other", "2"))
    wait_for(lambda: status("other", "2") == 200, "the new one counts")
    assert status("moodle", SECRET) == 401
    write("other:2:not hashed")
    wait_for(lambda: "line 1 is not of the form key:hash:note" in pool.log_path.read_text(), "refused")
    assert status("other", "2") == 200


def test_limit_is_each_credentials_own(start_engine):
    engine = start_engine(RATE_LIMITS="on", POOL_SIZE=1, XAPI_CREDENTIALS=line() + "\n" + line("b", "2"))
    client = Client(engine.base_url)
    wait_for(lambda: post(client, basic()).status == 429, "over the limit")
    assert post(client, basic("b", "2")).status == 200
    client.close()
