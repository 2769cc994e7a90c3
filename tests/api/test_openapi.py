# SPDX-License-Identifier: GPL-3.0-or-later
"""/openapi.json: sound in itself, complete, and true about the answers that the engine gives."""
import re

import jsonschema
import pytest
from harness.batches import Batches, stating
from harness.cloudevents import own
from harness.contract import ROWS
from harness.described import response_schema, assert_as_described, resolve
from harness.engine import fresh_id
from harness.events import event
from harness.expect import assert_ok

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
CONTRACT = {
    "/health": {"get"},
    "/ready": {"get"},
    "/": {"get"},
    "/metrics": {"get"},
    "/metrics/detailed": {"get"},
    "/metrics/reset": {"post"},
    "/openapi.json": {"get"},
    "/docs": {"get"},
    "/redoc": {"get"},
    "/api/v1/mastery/query": {"post"},
    "/api/v1/mastery/calculate": {"post"},
    "/api/v1/mastery/history/{student_id}": {"get"},
    "/api/v1/mastery/statistics/{student_id}": {"get"},
    "/api/v1/mastery/explain/{student_id}": {"get"},
    "/api/v1/mastery/topics/{student_id}": {"get"},
    "/api/v1/predictions/next-week": {"post"},
    "/api/v1/predictions/trajectory": {"post"},
    "/api/v1/predictions/next-week/intervention": {"post"},
    "/api/v1/predictions/accuracy/{student_id}": {"get"},
    "/api/v1/predictions/config": {"get", "post"},
    "/api/v1/analytics/mastery-history": {"post"},
    "/api/v1/analytics/comprehensive": {"post"},
    "/api/v1/analytics/compare/cohorts": {"post"},
    "/api/v1/analytics/compare/students": {"post"},
    "/api/v1/analytics/compare": {"post"},
    "/api/v1/analytics/config": {"get"},
    "/api/v1/batch/mastery": {"post"},
    "/api/v1/batch/mastery/{batch_id}": {"get", "delete"},
    "/api/v1/batch/mastery/{batch_id}/results": {"get"},
    "/api/v1/cohorts": {"get"},
    "/api/v1/cohorts/{cohort_id}": {"get", "put", "delete"},
    "/api/v1/cohorts/{cohort_id}/overview": {"get"},
    "/api/v1/compliance/consent/{student_id}": {"post"},
    "/api/v1/compliance/consent/{student_id}/withdraw": {"post"},
    "/api/v1/compliance/consent/status/{student_id}": {"get"},
    "/api/v1/compliance/export/{student_id}": {"get"},
    "/api/v1/compliance/student/{student_id}": {"delete"},
}
FOR_ANYBODY = {"/api/v1/predictions/config", "/api/v1/analytics/config"}
PAGES = {"/docs", "/redoc"}
OPEN = {"/health", "/ready", "/", "/metrics", "/metrics/detailed", "/openapi.json"} | PAGES


@pytest.fixture(scope="module")
def document(engine):
    return assert_ok(engine.client().get("/openapi.json"))


def operations(document):
    """(path, method, operation), all of them."""
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            yield path, method, item[method]


def walk(node):
    yield node
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, (dict, list)):
            yield from walk(child)


def test_it_is_openapi_3_1(document):
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["title"] and document["info"]["version"]
    assert set(document) <= {
        "openapi",
        "info",
        "jsonSchemaDialect",
        "servers",
        "paths",
        "webhooks",
        "components",
        "security",
        "tags",
        "externalDocs",
    }


@pytest.mark.parametrize("path", CONTRACT)
def test_endpoints_of_the_contract_are_in_it(document, path):
    assert METHODS & set(document["paths"][path]) >= CONTRACT[path]


def test_it_has_the_endpoints_of_the_contract_and_no_others(document):
    contract = {(row.method, path.replace("spare_", "")) for row in ROWS for path in row.paths}
    contract.add(("OPTIONS", "/api/v1/events"))
    assert {(method.upper(), path) for path, method, _ in operations(document)} == contract


def test_an_alias_is_the_same_operation(document):
    """So that one path of each operation is enough for tests that take long."""
    own = ("operationId", "description", "deprecated")
    by_id = {operation["operationId"]: operation for _, _, operation in operations(document)}
    aliases = [name for name in by_id if "-alias-" in name]
    assert len(aliases) > 10
    for name in aliases:
        alias, main = (
            {key: value for key, value in by_id[one].items() if key not in own}
            for one in (name, re.sub(r"-alias-\d+$", "", name))
        )
        assert alias == main, name


def test_operation_ids_are_there_and_unique(document):
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids)) > 0


def test_references_lead_somewhere(document):
    for node in walk(document):
        if isinstance(node, dict) and "$ref" in node:
            resolve(document, node)


def parameters(document, path, operation):
    both = document["paths"][path].get("parameters", []) + operation.get("parameters", [])
    return [resolve(document, parameter) for parameter in both]


def test_path_parameters_are_declared_and_no_others(document):
    for path, _, operation in operations(document):
        declared = parameters(document, path, operation)
        in_path = {p["name"] for p in declared if p["in"] == "path"}
        assert in_path == set(re.findall(r"{([^}]+)}", path)), path
        for parameter in declared:
            assert parameter["in"] in ("path", "query", "header", "cookie")
            assert parameter["in"] != "path" or parameter["required"] is True
            assert "schema" in parameter or "content" in parameter


def test_no_path_is_twice_under_another_name(document):
    shapes = [re.sub(r"{[^}]+}", "{}", path) for path in document["paths"]]
    assert len(shapes) == len(set(shapes))


def test_every_operation_describes_its_answers(document):
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        assert operation.get("summary"), where
        assert any(status.startswith("2") for status in operation["responses"]), where
        for status, response in operation["responses"].items():
            assert re.fullmatch(r"[1-5]\d\d|[1-5]XX|default", status), where
            assert resolve(document, response)["description"], where


def test_errors_are_described(document):
    for path, method, operation in operations(document):
        statuses = set(operation["responses"])
        if path in OPEN:
            continue
        expected = {"401", "403", "429"} | ({"400", "415"} if method in ("post", "put") else set())
        if path == "/metrics/reset":
            expected -= {"400", "415"}
        covered = statuses | {
            s for s in expected if "default" in statuses or s[0] + "XX" in statuses
        }
        assert expected <= covered, f"{method} {path}: {sorted(expected - covered)} missing"


def test_security_is_what_the_contract_says(document):
    schemes = document["components"]["securitySchemes"]
    bearer = [name for name, scheme in schemes.items() if scheme.get("scheme") == "bearer"]
    assert bearer
    for path, method, operation in operations(document):
        security = operation.get("security", document.get("security", []))
        if path in OPEN:
            assert not security or {} in security, f"{method} {path} asks for a token"
        elif path in CONTRACT:
            named = {name for requirement in security for name in requirement}
            assert named & set(bearer), f"{method} {path} asks for no token"


def schemas(document):
    for node in walk(document["paths"]):
        if isinstance(node, dict) and "schema" in node and isinstance(node["schema"], dict):
            yield node["schema"]
    yield from document.get("components", {}).get("schemas", {}).values()


def test_schemas_are_schemas(document):
    for schema in schemas(document):
        jsonschema.Draft202012Validator.check_schema(schema)


def test_tags_are_declared(document):
    declared = {tag["name"] for tag in document.get("tags", [])}
    for path, method, operation in operations(document):
        assert set(operation.get("tags", [])) <= declared, f"{method} {path}"


# The document against real answers


def assert_names_every_field(document, schema, value, where="answer"):
    """No field of the answer is missing in the document."""
    schema = resolve(document, schema)
    if "type" not in schema:
        return  # any value at all
    if isinstance(value, dict):
        known = schema.get("properties", {})
        extra = schema.get("additionalProperties")
        for name, child in value.items():
            assert name in known or isinstance(extra, dict), f"{where}.{name} is not described"
            assert_names_every_field(document, known.get(name, extra), child, f"{where}.{name}")
    elif isinstance(value, list) and value:
        assert_names_every_field(document, schema["items"], value[0], where + "[]")


@pytest.fixture(scope="module")
def learner(engine):
    """A student with data, in a cohort of a teacher, with another one."""
    ids = {"student_id": fresh_id(), "other_id": fresh_id(), "cohort_id": fresh_id("c")}
    batches = Batches(engine.admin())
    ids["batch_id"] = batches.submit(stating([fresh_id()]))
    batches.wait(ids["batch_id"])
    for name in ("student_id", "other_id"):
        assert_ok(engine.calculate(ids[name]))
    students = [ids["student_id"], ids["other_id"]]
    consent = {"consent_type": "research", "granted": True}
    path = f"/api/v1/compliance/consent/{ids['student_id']}"
    assert_ok(engine.admin().post(path, consent))
    roster = {"name": "x", "teacher_ids": ["t"], "student_ids": students}
    assert_ok(engine.admin().put(f"/api/v1/cohorts/{ids['cohort_id']}", roster), 201)
    return ids


def bodies(ids):
    components = {"completion": 0.5, "quiz": 0.5, "quality": 0.5, "consistency": 0.5}
    student = {"student_id": ids["student_id"]}
    both = [ids["student_id"], ids["other_id"]]
    return {
        "/api/v1/mastery/query": {**student, "include_history": True},
        "/api/v1/mastery/calculate": {**student, "components": components},
        "/api/v1/predictions/next-week": student,
        "/api/v1/predictions/trajectory": student,
        "/api/v1/predictions/next-week/intervention": {**student, "intervention_type": "review"},
        "/api/v1/analytics/mastery-history": {**student, "aggregation": "weekly"},
        "/api/v1/analytics/comprehensive": student,
        "/api/v1/analytics/compare/cohorts": {
            "cohort_a_student_ids": both,
            "cohort_b_id": ids["cohort_id"],
        },
        "/api/v1/analytics/compare/students": {"student_ids": both},
        "/api/v1/analytics/compare": {
            **student,
            "cohort_id": ids["cohort_id"],
            "metric": "by_component",
        },
        "/api/v1/batch/mastery": {"student_ids": [*both, "nobody"], "priority": "high"},
        "/api/v1/cohorts/{cohort_id}": {"name": "x", "teacher_ids": [], "student_ids": []},
        "/api/v1/compliance/consent/{student_id}": {"consent_type": "research", "granted": True},
        "/api/v1/compliance/consent/{student_id}/withdraw": {"consent_type": "research"},
    }


JSON_OPERATIONS = [
    (path, method)
    for path, methods in CONTRACT.items()
    for method in sorted(methods)
    if path not in {"/metrics", "/openapi.json"} | PAGES
]


WITH_BODY = [
    ("/api/v1/mastery/query", "post"),
    ("/api/v1/mastery/calculate", "post"),
    ("/api/v1/predictions/next-week", "post"),
    ("/api/v1/predictions/next-week/intervention", "post"),
    ("/api/v1/analytics/mastery-history", "post"),
    ("/api/v1/analytics/compare/cohorts", "post"),
    ("/api/v1/analytics/compare/students", "post"),
    ("/api/v1/analytics/compare", "post"),
    ("/api/v1/batch/mastery", "post"),
    ("/api/v1/cohorts/{cohort_id}", "put"),
]


def call(client, path, method, ids, **options):
    body = bodies(ids).get(path)
    if body is not None and method in ("post", "put"):
        options.setdefault("json", body)
    return client.request(method.upper(), path.format(**ids), **options)


# Whether a batch can still be cancelled is the worker's business; the answer is that of the status.
CANCEL = ("/api/v1/batch/mastery/{batch_id}", "delete")


@pytest.mark.parametrize("path, method", [pair for pair in JSON_OPERATIONS if pair != CANCEL])
def test_successes_are_as_described(engine, document, learner, path, method):
    ids = {**learner, "cohort_id": fresh_id("c")} if method == "delete" else learner
    if path.endswith("/student/{student_id}"):
        ids["student_id"] = fresh_id()
        assert_ok(engine.calculate(ids["student_id"]))
    elif method == "delete":
        call(engine.admin(), path, "put", ids)
    response = call(engine.admin(), path, method, ids)
    assert response.status in (200, 201, 202), response
    assert_as_described(document, response, path, method)
    schema = response_schema(document, path, method, response.status)
    assert_names_every_field(document, schema, response.json)


@pytest.mark.parametrize(
    "path, method", [pair for pair in JSON_OPERATIONS if pair[0] not in OPEN | FOR_ANYBODY]
)
def test_refusals_are_as_described(engine, document, learner, path, method):
    for client in (engine.client(), engine.client(fresh_id(), "student")):
        response = call(client, path, method, learner)
        assert response.status in (401, 403), response
        assert_as_described(document, response, path, method)


@pytest.mark.parametrize("path, method", WITH_BODY)
def test_bad_requests_are_as_described(engine, document, learner, path, method):
    response = call(engine.admin(), path, method, learner, json={"student_id": 5, "name": 5})
    assert response.status == 400
    assert_as_described(document, response, path, method)


def test_requests_of_the_contract_are_as_described(document, learner):
    for path, body in bodies(learner).items():
        method = "put" if path.startswith("/api/v1/cohorts") else "post"
        request = resolve(document, document["paths"][path][method]["requestBody"])
        schema = request["content"]["application/json"]["schema"]
        resolver = jsonschema.RefResolver("", document)
        jsonschema.Draft202012Validator(schema, resolver=resolver).validate(body)
        schema = resolve(document, schema)
        assert request["required"] is bool(schema.get("required") or {"oneOf", "anyOf"} & set(schema))


COHORTS = {"cohort_a_student_ids": ["a", "b"], "cohort_b_student_ids": ["c", "d"]}
HISTORY = {"student_id": "a", "query_type": "history"}
REFUSED = [
    ("batch/mastery", {"student_ids": ["a"], "requests": [{"student_id": "b"}]}),
    ("analytics/compare/cohorts", {**COHORTS, "cohort_b_id": "."}),
    ("analytics/compare/cohorts", {**COHORTS, "comparison_date": ""}),
    ("mastery/query", {"student_id": "a", "date": ""}),
    ("process", {"intent": "analytics_query", "payload": {**HISTORY, "end_date": "2000-01-01"}}),
    ("process", {"intent": "analytics_query", "payload": {**HISTORY, "days": 7, "end_date": "2000-01-01"}}),
]


@pytest.mark.parametrize("name, body", REFUSED)
def test_a_body_that_is_refused_is_not_valid(admin, document, name, body):
    path = f"/api/v1/{name}"
    assert admin.post(path, body).status == 400
    schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    resolver = jsonschema.RefResolver("", document)
    assert not jsonschema.Draft202012Validator(schema, resolver=resolver).is_valid(body)


def enveloped(student, **left_out):
    """A CloudEvent whose data have all of an event but what is left out, which the envelope says."""
    body = event("quiz.completed", student)
    return own(body, data={name: value for name, value in {**body, **left_out}.items() if value is not ...})


ACCEPTED = {
    "process, null components": ("process", lambda s: {"intent": "mastery_calculation", "payload": {"student_id": s, "components": None}}),
    "process/mastery, null components": ("process/mastery", lambda s: {"student_id": s, "components": None}),
    "no timestamp in an envelope": ("events", lambda s: enveloped(s, timestamp=...)),
    "no event_id and no type in an envelope": ("events", lambda s: enveloped(s, event_id=..., event_type=...)),
    "null for the student in an envelope": ("events", lambda s: enveloped(s, student_id=None)),
}  # fmt: skip


@pytest.mark.parametrize("case", ACCEPTED)
def test_a_body_that_is_accepted_is_valid(engine, admin, document, student, case):
    """Found by schemathesis as "Schema-violating request accepted"."""
    engine.calculate(student)
    name, make = ACCEPTED[case]
    path, body = f"/api/v1/{name}", make(student)
    assert admin.post(path, body).status in (200, 202)
    content = document["paths"][path]["post"]["requestBody"]["content"]
    schema = content.get("application/cloudevents+json", content["application/json"])["schema"]
    resolver = jsonschema.RefResolver("", document)
    jsonschema.Draft202012Validator(schema, resolver=resolver).validate(body)
