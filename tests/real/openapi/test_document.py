# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenAPI document with real tools: linters find nothing, and clients generated from it are typed
strictly and work against the engine."""
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from harness.demo_class import demo_engine
from harness.examples import EXAMPLES, PRINTED, TASKS, run_example
from harness.real import built

HERE = Path(__file__).parent
PROGRAM_TIMEOUT_S = 600
# Defects of openapi-python-client 0.29, whatever the document: __exit__ and __aexit__ of its client class are typed
# too loosely, and a body of which one media type is a list is compared by isinstance(body, list[X]): its clients
# cannot send CloudEvents (docs/events.md).
GENERATOR_FINDINGS = re.compile(
    r"^generated/(client\.py:\d+: error: Argument 1 to \"__a?exit__\""
    r"|api/(events/events|dapr/dapr_events)\.py:\d+: error: Parameterized generics cannot be used)"
)


@pytest.fixture(scope="session")
def tools():
    folder = Path(built(HERE))
    for name in ("@redocly/cli", "@stoplight/spectral-cli", "openapi-typescript", "openapi-fetch", "typescript"):
        manifest = json.loads((folder / "node_modules" / name / "package.json").read_text())
        print(name, manifest["version"])
    subprocess.run([folder / "python/bin/pip", "list", "--format=freeze"], check=True)
    return folder


@pytest.fixture(scope="module")
def demo():
    with demo_engine() as engine:
        yield engine


@pytest.fixture
def document(demo, tmp_path):
    path = tmp_path / "openapi.json"
    path.write_bytes(demo.client().get("/openapi.json").body)
    return path


def run(command, folder, **environment):
    """What the program prints, and its status."""
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env={**os.environ, **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PROGRAM_TIMEOUT_S,
    )  # fmt: skip
    return done.stdout, done.returncode


def test_redocly_finds_only_the_two_paths_that_the_contract_fixes(tools, document):
    config = HERE / "redocly.yaml"
    command = [tools / "node_modules/.bin/redocly", "lint", document, "--config", config, "--format", "json"]
    text, status = run(command, document.parent)
    found = json.JSONDecoder().raw_decode(text[text.index("{\n") :])[0]["problems"]
    assert status == 0
    assert [problem["ruleId"] for problem in found] == ["no-ambiguous-paths"], found
    assert "consent/{student_id}/withdraw" in found[0]["message"]


def test_spectral_finds_nothing(tools, document):
    rules = HERE / "spectral.yaml"
    command = [tools / "node_modules/.bin/spectral", "lint", "--fail-severity", "hint", "-r", rules, document]
    text, status = run(command, document.parent)
    assert status == 0, text


@pytest.fixture
def caller(demo):
    return {"BASE_URL": demo.base_url, "TOKEN": demo.token("admin-1", "admin")}


def test_typescript_client_is_strict_and_works(tools, document, caller):
    folder = document.parent
    for name in ("node_modules", "package.json"):
        (folder / name).symlink_to(tools / name)
    shutil.copy(HERE / "client.ts", folder)
    text, status = run([tools / "node_modules/.bin/openapi-typescript", document, "-o", "schema.d.ts"], folder)
    assert status == 0, text
    options = ["--strict", "--exactOptionalPropertyTypes", "--module", "nodenext", "--target", "es2022"]
    text, status = run([tools / "node_modules/.bin/tsc", *options, "--types", "node", "client.ts"], folder)
    assert status == 0, text
    text, status = run(["node", "client.js"], folder, **caller)
    assert (status, text) == (0, "calls work\n")


def test_python_client_is_strict_and_works(tools, document, caller):
    folder, programs = document.parent, tools / "python/bin"
    command = [programs / "openapi-python-client", "generate", "--path", document]
    path = f"{programs}:{os.environ['PATH']}"
    text, status = run([*command, "--output-path", "generated", "--meta", "none"], folder, PATH=path)
    assert status == 0 and "Warning" not in text, text
    shutil.copy(HERE / "calls.py", folder)
    text, _ = run([programs / "mypy", "--strict", "--no-error-summary", "calls.py", "generated"], folder)
    lines = [line for line in text.splitlines() if ": error:" in line]
    assert not [line for line in lines if not GENERATOR_FINDINGS.match(line)], text
    text, status = run([programs / "python", "calls.py"], folder, **caller)
    assert (status, text) == (0, "calls work\n"), text


def test_examples_in_javascript_have_the_types_of_the_document_and_work(tools, demo, document):
    folder = document.parent
    for name in ("node_modules", "package.json"):
        (folder / name).symlink_to(tools / name)
    shutil.copytree(EXAMPLES, folder / "examples")
    scripts = sorted((folder / "examples/javascript").glob("*.js"))
    command = [tools / "node_modules/.bin/openapi-typescript", document, "-o", "examples/javascript/api.d.ts"]
    text, status = run(command, folder)
    assert status == 0, text
    options = ["--checkJs", "--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--types", "node"]
    text, status = run([tools / "node_modules/.bin/tsc", *options, *scripts], folder)
    assert status == 0, text
    for task in TASKS:
        done = run_example(demo, "javascript", task, folder / "examples")
        assert done.returncode == 0 and re.fullmatch(PRINTED[task], done.stdout), done
        done = run_example(demo, "javascript", task, STUDENT_TOKEN="x", TEACHER_TOKEN="x")
        assert done.returncode != 0 and "401" in done.stderr, done
