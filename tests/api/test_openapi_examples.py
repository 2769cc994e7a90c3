# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the OpenAPI document: each is valid by its schema, and does what it says when it
is sent to an engine with the demo class of scripts/run, as "Execute" on /docs sends it."""
import json
import re
from urllib.parse import quote

import pytest
from harness.binaries import ROOT
from harness.demo_class import demo_engine
from harness.described import assert_as_described, resolve, validator
from harness.expect import assert_ok

DOCS_PAGES = {"/docs", "/redoc"}  # nginx has them only where the viewer is installed


@pytest.fixture(scope="module")
def demo():
    with demo_engine() as engine:
        yield engine


@pytest.fixture(scope="module")
def document(demo):
    return assert_ok(demo.client().get("/openapi.json"))


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def parameters(document, operation):
    return [resolve(document, parameter) for parameter in operation["parameters"]]


def body_examples(document, operation):
    """(media type, schema, value) of each example of the request body."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if "example" in content:
            yield media_type, content["schema"], content["example"]
        for example in content.get("examples", {}).values():
            yield media_type, content["schema"], example["value"]


def test_every_operation_says_what_it_does_and_for_whom(document):
    for path, method, operation in operations(document):
        text = operation["description"]
        assert text.startswith(operation["summary"]) and len(text) > len(operation["summary"]) + 5, f"{method} {path}"


def test_every_operation_that_needs_input_has_an_example(document):
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        for parameter in parameters(document, operation):
            assert "example" in parameter or not parameter["required"], f"{where} {parameter['name']}"
        if "requestBody" in operation:
            assert [*body_examples(document, operation)], where


def test_examples_are_valid(document):
    for path, method, operation in operations(document):
        for parameter in parameters(document, operation):
            if "example" in parameter:
                errors = validator(document, parameter["schema"]).iter_errors(parameter["example"])
                assert not [*errors], f"{method} {path} {parameter['name']}"
        for _, schema, value in body_examples(document, operation):
            errors = [error.message for error in validator(document, schema).iter_errors(value)]
            assert not errors, f"{method} {path}: {errors}"


def test_every_choice_of_a_union_has_an_example(document):
    for path, method, operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schema = resolve(document, content["schema"])
            if "discriminator" in schema:
                assert set(content["examples"]) == set(schema["discriminator"]["mapping"]), path


def test_tags_contact_and_servers_are_described(document):
    assert all(tag["description"] for tag in document["tags"])
    assert document["info"]["contact"]["name"] and document["info"]["license"]["identifier"]
    assert [server["url"] for server in document["servers"]] == ["/", "http://127.0.0.1:8006"]
    assert all(server["description"] for server in document["servers"])


def test_no_schema_has_the_name_of_a_built_in_type(document):
    names = set(document["components"]["schemas"])
    assert not names & {"Error", "Date", "Object", "Array", "String", "Number", "Map", "Set", "Response", "Request"}


def test_links_lead_to_operations_with_the_parameter(document):
    by_id = {operation["operationId"]: operation for _, _, operation in operations(document)}
    links = [
        link
        for operation in by_id.values()
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]
    assert links
    for link in links:
        names = {parameter["name"] for parameter in parameters(document, by_id[link["operationId"]])}
        assert set(link["parameters"]) <= names


def rows_of_docs():
    """([(methods, path)], [alias], limit) of each row of the table of routes in docs/api.md."""
    page = (ROOT / "docs/api.md").read_text()
    table = page[page.index("\n## Routes\n") : page.index("\n## MasteryResult\n")]
    for line in table.splitlines():
        if not line.startswith("|") or line.startswith(("| route |", "| --- |")):
            continue
        routes, aliases, limit = line.strip("| ").split(" |")
        named = []
        for part in routes.split(";"):
            methods = {word.lower() for word in re.findall(r"[A-Z]+", part[: part.index("`")])}
            assert methods, f"no method: {line}"
            named += [(methods, path) for path in re.findall(r"`(/[^`]*)`", part)]
        yield named, re.findall(r"`(/[^`]*)`", aliases), limit.strip()


def test_docs_list_exactly_the_operations_of_the_document(document):
    listed = {}
    for named, aliases, limit in rows_of_docs():
        methods = set().union(*(words for words, _ in named))
        named += [(methods & set(document["paths"][path]), path) for path in aliases]
        listed |= {(method, path): limit for words, path in named for method in words}
    assert listed == {
        (method, path): str(operation.get("x-rate-limit", {}).get("per_minute", "none"))
        for path, method, operation in operations(document)
    }


# Of the list that was agreed: it has beginnings of paths. CONTRIBUTING.md has a route that is an exercise.
NO_PATHS_OF_OURS = {"deployment-verification-checklist.md"}


def test_pages_name_no_other_path(document):
    """Whole paths, with names of parameters or with values."""
    known = [re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))) for path in document["paths"]]
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.*")]
    named = {
        (page.name, path.rstrip("."))
        for page in pages
        if page.name not in NO_PATHS_OF_OURS and page.is_file()
        for path in re.findall(r"(?<![\w.])/api/v1/[\w/{}~.@:|+=$-]*", page.read_text())
    }
    assert len(named) > 100
    assert not {(page, path) for page, path in named if not any(one.fullmatch(path) for one in known)}


# Executing them


class Session:
    """Sends examples as the page does. What only an earlier response can say, such as the id of a
    batch, replaces the example: the document has a link for it, or says so."""

    def __init__(self, demo, document):
        self.demo, self.document = demo, document
        batch = self.demo.admin().post("/api/v1/batch/mastery", {"student_ids": ["student-1"]})
        advice = self.demo.admin().post("/api/v1/recommendations/adaptive", {"student_id": "student-1"})
        self.known = {
            "batch_id": assert_ok(batch, 202)["batch_id"],
            "recommendation_id": assert_ok(advice)["recommendations"][0]["recommendation_id"],
        }

    def address(self, path, operation):
        query, headers = [], {}
        for parameter in parameters(self.document, operation):
            name = parameter["name"]
            value = self.known.get(name, parameter.get("example"))
            if value is None:
                continue
            text = json.dumps(value) if isinstance(value, bool) else str(value)
            if parameter["in"] == "path":
                path = path.replace("{%s}" % name, quote(text, safe=""))
            elif parameter["in"] == "query":
                query.append(f"{name}={quote(text, safe='')}")
            else:
                headers[name] = text
        return path + ("?" + "&".join(query) if query else ""), headers

    def send(self, path, method, operation, media_type=None, value=None):
        address, headers = self.address(path, operation)
        sidecar = operation.get("x-listener") == "sidecar"
        client = self.demo.sidecar() if sidecar else self.demo.admin()
        if sidecar:
            headers["dapr-api-token"] = self.demo.values["APP_API_TOKEN"]
        body = None
        if media_type:
            if isinstance(value, dict):
                value = {name: self.known.get(name, given) for name, given in value.items()}
            body, headers["Content-Type"] = json.dumps(value), media_type
        response = client.request(method.upper(), address, body=body, headers=headers)
        assert 200 <= response.status < 300, f"{method} {address} {body}: {response!r}"
        return response


def cohorts_last(pair):
    """Deleting the class comes after everything that needs it, restoring it at the end."""
    path, method, _ = pair
    return (method == "delete" and "cohorts" in path, path)


def test_every_example_can_be_executed(demo, document):
    session = Session(demo, document)
    for path, method, operation in sorted(operations(document), key=cohorts_last):
        if path in DOCS_PAGES:
            continue
        if operation["operationId"].startswith("batch-cancel"):
            continue  # ended already, or not: the next test
        examples = [*body_examples(document, operation)] or [(None, None, None)]
        for media_type, _, value in examples:
            response = session.send(path, method, operation, media_type, value)
            if response.headers.get("Content-Type", "").startswith("application/json"):
                assert_as_described(document, response, path, method)


def test_a_batch_is_cancelled_by_its_link(demo, document):
    submit = document["paths"]["/api/v1/batch/mastery"]["post"]
    link = submit["responses"]["202"]["links"]["cancel"]
    batch = {"student_ids": [f"x{n}" for n in range(1000)], "priority": "low"}
    submitted = assert_ok(demo.admin().post("/api/v1/batch/mastery", batch), 202)
    pointer = re.fullmatch(r"\$response\.body#/(\w+)", link["parameters"]["batch_id"]).group(1)
    path = f"/api/v1/batch/mastery/{submitted[pointer]}"
    assert demo.admin().request("DELETE", path).status in (202, 409)
