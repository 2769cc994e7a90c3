# SPDX-License-Identifier: GPL-3.0-or-later
"""/docs: the reference page, its files, its content security policy, and its behaviour in a browser."""
import hashlib
import json
import re

import pytest
from harness.browser import Browser
from harness.docs_page import enter_token, execute
from harness.engine import ROOT, fresh_id
from harness.expect import assert_common_headers, assert_ok, assert_problem
from harness.load import until_refused

VIEWER = ROOT / "conf/docs-viewer"
PAGES = ["/docs", "/redoc"]
TYPES = {"css": "text/css", "js": "text/javascript", "png": "image/png"}


def loaded():
    """The paths of the files that the page loads."""
    return re.findall(r'(?:href|src)="(docs/[^"]+)"', (VIEWER / "index.html").read_text())


def recorded():
    lines = (VIEWER / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


# Files


def test_the_viewer_has_the_recorded_checksums():
    for name, digest in recorded().items():
        assert hashlib.sha256((VIEWER / name).read_bytes()).hexdigest() == digest, name


def test_the_viewer_is_pinned_and_has_its_licence():
    pinned = json.loads((VIEWER / "package.json").read_text())["dependencies"]["swagger-ui-dist"]
    locked = json.loads((VIEWER / "package-lock.json").read_text())["packages"]
    entry = locked["node_modules/swagger-ui-dist"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", pinned) and entry["version"] == pinned
    assert entry["integrity"].startswith("sha512-")
    assert not [name for name, package in locked.items() if "resolved" in package]
    assert entry["license"] == "Apache-2.0" and {"LICENSE", "NOTICE"} <= set(recorded())
    assert "Apache License" in (VIEWER / "LICENSE").read_text()


def test_every_file_is_installed():
    makefile = (ROOT / "Makefile.am").read_text()
    listed = set(re.findall(r"conf/docs-viewer/([\w.-]+)", makefile))
    not_installed = {"package.json", "package-lock.json", "SHA256SUMS"}
    assert listed == {path.name for path in VIEWER.iterdir()} - not_installed


# Responses


@pytest.mark.parametrize("path", PAGES)
def test_the_page_is_html_with_a_strict_policy(anonymous, path):
    response = anonymous.get(path)
    assert response.status == 200 and response.body == (VIEWER / "index.html").read_bytes()
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert_common_headers(response)
    policy = dict(
        part.strip().split(" ", 1) for part in response.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert not re.search(r"unsafe|\*|http", str(policy))


def test_every_file_that_the_page_loads_is_served(anonymous):
    paths = loaded()
    assert len(paths) == 5
    for path in paths:
        response = anonymous.get(f"/{path}")
        assert response.status == 200 and response.body == (VIEWER / path[5:]).read_bytes(), path
        assert response.headers.get_content_type() == TYPES[path.rpartition(".")[2]]
        assert_common_headers(response)
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; frame")


@pytest.mark.parametrize("path", ["/docs", "/docs/swagger-ui-bundle.js"])
def test_a_cached_page_is_revalidated_and_keeps_its_policy(anonymous, path):
    first = anonymous.get(path)
    assert first.headers["Cache-Control"] == "no-cache"
    second = anonymous.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert second.status == 304 and not second.body
    policies = [response.headers["Content-Security-Policy"] for response in (first, second)]
    assert policies[0] == policies[1]


@pytest.mark.parametrize("path", PAGES)
def test_methods_are_as_for_other_routes(anonymous, path):
    head = anonymous.request("HEAD", path)
    assert head.status == 200 and head.headers.get_content_type() == "text/html" and not head.body
    options = anonymous.request("OPTIONS", path)
    assert options.status == 204 and options.headers["Allow"] == "GET, HEAD, OPTIONS"
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        response = anonymous.request(method, path)
        assert_problem(response, 405)
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; frame")


@pytest.mark.parametrize(
    "path",
    ["/docs/", "/docs/index.html", "/docs/package.json", "/docs/LICENSE", "/docs/SHA256SUMS"]
    + ["/docs/../docs.conf", "/docs/%2e%2e/nginx/tls.conf", "/docs/page.js/", "/redoc/page.js"]
    + ["/docs/swagger-ui.css.map", "/docs/..%2fpackage.json"],
)
def test_no_other_file_of_the_folder_is_served(anonymous, path):
    response = anonymous.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert_problem(response, 404)


def test_files_cannot_be_written(anonymous):
    assert_problem(anonymous.post("/docs/page.js", {}), 404)


def test_the_sidecars_listener_serves_the_same_page(engine, anonymous):
    for path in ("/docs", "/docs/page.js"):
        response = engine.sidecar().get(path)
        assert response.status == 200 and response.body == anonymous.get(path).body


def test_a_missing_page_is_an_error_in_the_usual_form(start_engine, tmp_path):
    engine = start_engine(DOCS_VIEWER=tmp_path)
    for path in ("/docs", "/docs/page.js"):
        assert_problem(engine.client().get(path), 404)


def test_alias_and_page_share_one_limit(start_engine):
    client = start_engine(RATE_LIMITS="on").client()
    responses = until_refused(lambda i: client.get(PAGES[i % 2]))
    assert len(responses) > 50
    assert assert_problem(responses[-1], 429)["details"]["limit"] == 50
    assert len(until_refused(lambda _: client.get("/docs/page.css"))) > 50


# In a browser


@pytest.fixture(scope="module")
def browser():
    with Browser() as running:
        yield running


@pytest.fixture
def page(browser, engine):
    browser.open(f"{engine.base_url}/docs")
    browser.one(".opblock")
    return browser


QUERY = "#operations-mastery-mastery-query"


def try_query(page, student):
    return execute(page, QUERY, json.dumps({"student_id": student}))


def test_a_browser_shows_every_operation_without_violating_the_policy(page, engine):
    page.complaints()
    page.open(f"{engine.base_url}/redoc")
    page.one(".opblock")
    document = assert_ok(engine.client().get("/openapi.json"))
    operations = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    names = "return [...document.querySelectorAll('.opblock-summary')].map(summary => ["
    names += "summary.querySelector('.opblock-summary-method').textContent,"
    names += "summary.querySelector('.opblock-summary-path').dataset.path])"
    shown = [tuple(pair) for pair in page.driver.execute_script(names)]
    assert len(shown) == len(operations) and set(shown) == operations
    page.click(f"{QUERY} .opblock-summary-control")
    page.one(f"{QUERY} textarea")
    assert page.violations() == [] and page.complaints() == []


def test_try_it_works_with_a_pasted_token(page, engine):
    student = fresh_id()
    assert_ok(engine.calculate(student))
    page.complaints()
    status, body = try_query(page, student)
    assert status == 401 and "AUTH_ERROR" in body
    enter_token(page, engine.token(student, "student"))
    page.click(f"{QUERY} button.btn-clear")
    status, body = try_query(page, student)
    assert status == 200 and '"mastery_score": 0.83' in body
    assert page.violations() == []
    assert [line for line in page.complaints() if "401" not in line] == []


@pytest.mark.parametrize(
    "first, then",
    [
        ("#operations-batch-batch-submit", "#operations-batch-batch-status"),
        ("#operations-recommendations-recommendations-adaptive", "#operations-recommendations-recommendations-feedback"),
    ],
)
def test_execute_uses_the_ids_of_earlier_responses(page, engine, first, then):
    enter_token(page, engine.token("admin-of-docs", "admin"))
    assert execute(page, first)[0] in (200, 202)
    status, body = execute(page, then)
    assert status == 200, body


def test_the_examples_that_ids_replace_are_those_of_the_document(engine):
    document = engine.client().get("/openapi.json").text
    examples = re.search(r"EXAMPLES = \{ (.*) \};", (VIEWER / "page.js").read_text())[1]
    for name, example in re.findall(r'(\w+): "([^"]+)"', examples):
        assert f'"{name}"' in document and f'"{example}"' in document


def test_a_reload_drops_the_token(page, engine):
    enter_token(page, engine.token("somebody", "student"))
    page.open(f"{engine.base_url}/docs")
    page.one(".opblock")
    assert page.driver.execute_script("return localStorage.length + sessionStorage.length") == 0
    assert not page.driver.get_cookies()
    status, _ = try_query(page, "somebody")
    assert status == 401


def test_the_browser_reports_a_violation(page):
    """So the tests above can fail."""
    page.driver.execute_script(
        """const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.body.append(script);
        document.body.setAttribute("style", "color: red");"""
    )
    assert len(page.violations()) == 2 and page.complaints()
    assert page.driver.execute_script("return window.ran") is None
