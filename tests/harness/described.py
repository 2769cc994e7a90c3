# SPDX-License-Identifier: GPL-3.0-or-later
"""A response against what the OpenAPI document says of its operation: status, headers, body."""
import re

import jsonschema

# Headers of HTTP itself, and those that every response has (harness/expect.py).
GENERAL = {
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "expires",
    "last-modified",
    "server",
    "transfer-encoding",
    "vary",
    "cache-control",
    "content-security-policy",
    "referrer-policy",
    "server-timing",
    "x-api-version",
    "x-content-type-options",
    "x-frame-options",
    "x-service-name",
    "x-trace-id",
}


def resolve(document, node):
    """What a node stands for, when it is a reference."""
    while isinstance(node, dict) and "$ref" in node:
        assert node["$ref"].startswith("#/"), node["$ref"]
        target = document
        for step in node["$ref"][2:].split("/"):
            target = target[step.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def pattern_of(document, path):
    """The document's path that a path of a request goes to: texts before parameters."""
    path = path.partition("?")[0]

    def matches(pattern):
        parts = [re.escape(part) for part in re.split(r"{[^}]+}", pattern)]
        return re.fullmatch("[^/]+".join(parts), path)

    [*found] = sorted(filter(matches, document["paths"]), key=lambda p: p.count("{"))
    assert found, f"{path} is not in the document"
    return found[0]


def response_of(document, path, method, status):
    """The operation's own entry for the status: `default` is for what nobody can foresee."""
    responses = document["paths"][path][method]["responses"]
    assert str(status) in responses, f"{method} {path} does not list {status}"
    return resolve(document, responses[str(status)])


def response_schema(document, path, method, status):
    return response_of(document, path, method, status)["content"]["application/json"]["schema"]


def assert_headers_as_described(document, response, path, method):
    entry = response_of(document, path, method, response.status)
    described = {
        name.lower(): resolve(document, header)
        for name, header in entry.get("headers", {}).items()
    }
    there = {name.lower() for name in response.headers}
    where = f"{method} {path} {response.status}"
    unsaid = there - GENERAL - set(described)
    assert not unsaid, f"{where}: {sorted(unsaid)} not described"
    missing = {name for name, header in described.items() if header["required"]} - there
    assert not missing, f"{where}: {sorted(missing)} not there"
    for name in there & set(described):
        assert_value(document, described[name]["schema"], response.headers[name], f"{where} {name}")


def assert_value(document, schema, text, where):
    value = int(text) if schema["type"] == "integer" else text
    errors = [error.message for error in validator(document, schema).iter_errors(value)]
    assert not errors, f"{where}: {errors}"


def validator(document, schema):
    resolver = jsonschema.RefResolver("", document)
    return jsonschema.Draft202012Validator(schema, resolver=resolver)


def assert_as_described(document, response, path, method):
    """path: as the document has it."""
    assert_headers_as_described(document, response, path, method)
    schema = response_schema(document, path, method, response.status)
    errors = validator(document, schema).iter_errors(response.json)
    texts = [f"{list(error.path)}: {error.message}" for error in errors]
    assert not texts, texts
