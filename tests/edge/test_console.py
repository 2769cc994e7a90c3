# SPDX-License-Identifier: GPL-3.0-or-later
"""/console/: its files, their policy and size, its texts, and its first page in a browser. The journeys of each
role are in tests/real/browser."""
import gzip
import hashlib
import json
import os
import re
import subprocess

import pytest
from harness.binaries import bin_dir
from harness.browser import Browser
from harness.engine import ROOT
from harness.expect import assert_common_headers, assert_ok, assert_problem

CONSOLE = ROOT / "console"
VENDOR = CONSOLE / "vendor"
TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
SERVED = sorted(
    str(path.relative_to(CONSOLE)) for path in CONSOLE.rglob("*") if path.suffix[1:] in TYPES
)
MOST_BYTES = 120 * 1024


def own_files():
    return [CONSOLE / name for name in SERVED if not name.startswith("vendor/")]


# Files


def test_the_libraries_have_the_recorded_checksums():
    lines = (VENDOR / "SHA256SUMS").read_text().splitlines()
    recorded = {name: digest for digest, name in (line.split("  ") for line in lines)}
    unrecorded = {"package.json", "package-lock.json", "SHA256SUMS"}
    assert set(recorded) == {path.name for path in VENDOR.iterdir()} - unrecorded
    for name, digest in recorded.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest, name


def test_the_libraries_are_pinned_and_have_their_licences():
    pinned = json.loads((VENDOR / "package.json").read_text())["dependencies"]
    locked = json.loads((VENDOR / "package-lock.json").read_text())["packages"]
    assert not [name for name, package in locked.items() if "resolved" in package]
    for name, version in pinned.items():
        entry = locked[f"node_modules/{name}"]
        assert re.fullmatch(r"\d+\.\d+\.\d+", version) and entry["version"] == version
        assert entry["integrity"].startswith("sha512-")
        assert entry["license"] in ("MIT", "Apache-2.0")
    assert {path.name for path in VENDOR.glob("LICENSE.*")} == {
        "LICENSE.htm",
        "LICENSE.preact",
        "LICENSE.uPlot",
    }


def test_every_file_is_installed():
    listed = re.findall(r"^\tconsole/(\S+)", (ROOT / "Makefile.am").read_text(), re.MULTILINE)
    own = {str(path.relative_to(CONSOLE)) for path in CONSOLE.rglob("*") if path.is_file()}
    not_installed = {"vendor/package.json", "vendor/package-lock.json", "vendor/SHA256SUMS"}
    assert set(listed) == own - not_installed and len(listed) == len(set(listed))


def test_the_first_load_is_small():
    """All of it, though a page needs one language only."""
    sizes = {name: len(gzip.compress((CONSOLE / name).read_bytes(), 4)) for name in SERVED}
    assert sum(sizes.values()) <= MOST_BYTES, sizes


def test_no_script_or_style_is_inline():
    page = (CONSOLE / "index.html").read_text()
    assert re.findall(r"<script[^>]*>([^<]*)</script>", page) == ["", ""]
    assert not re.search(r"<style|\son\w+=|\sstyle=|javascript:|https?://", page)
    for path in own_files():
        assert not re.search(r"\beval\(|new Function|innerHTML|document\.write|localStorage", path.read_text()), path


# Texts

KEY = re.compile(r'^    "([\w.]+)": (.*),$', re.MULTILINE)


def texts(language):
    found = KEY.findall((CONSOLE / f"strings/{language}.js").read_text())
    assert len(found) == len(dict(found)), "a key is there twice"
    return dict(found)


def test_languages_have_the_same_keys_and_the_same_values_to_fill_in():
    english, german = texts("en"), texts("de")
    assert english.keys() == german.keys()
    for key, text in english.items():
        names = [set(re.findall(r"\{(\w+)\}", other)) for other in (text, german[key])]
        assert names[0] == names[1], key


def codes(document, schema, name):
    """The values of an enum that a member of this name has anywhere in the schema."""
    if isinstance(schema, list):
        return set().union(*(codes(document, part, name) for part in schema))
    if not isinstance(schema, dict):
        return set()
    if "$ref" in schema:
        return codes(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], name)
    found = set(schema.get("properties", {}).get(name, {}).get("enum", []))
    return found.union(*(codes(document, part, name) for part in schema.values()))


@pytest.mark.parametrize(
    ("operation", "member", "prefix", "n"),
    [
        ("cohort-overview", "reason", "reason.", 4),
        ("mastery-explain", "assumption_code", "what_if.", 6),
        ("recommendations-history", "reason", "step.", 4),
    ],
)
def test_every_code_of_the_api_has_its_text(anonymous, operation, member, prefix, n):
    document = assert_ok(anonymous.get("/openapi.json"))
    operations = [one for path in document["paths"].values() for one in path.values()]
    [found] = [one for one in operations if one.get("operationId") == operation]
    values = codes(document, found["responses"]["200"]["content"], member)
    assert len(values) == n
    assert {f"{prefix}{value}" for value in values} <= set(texts("en"))


def test_every_text_is_there_and_used():
    """A key is used whole, or built from its beginning: `level.${name}`."""
    source = "\n".join(
        path.read_text() for path in own_files() if path.suffix == ".js" and path.parent.name != "strings"
    )
    literal = set(re.findall(r'"([a-z_]+(?:\.[a-z_0-9]+)*)"', source))
    built = set(re.findall(r"`([a-z_]+\.(?:[a-z_]+\.?)*)\$\{", source))
    keys = set(texts("en"))
    used = set(re.findall(r'\bt\("([a-z_.0-9]+)"', source))
    assert used <= keys
    unused = {key for key in keys - literal if not any(key.startswith(start) for start in built)}
    # views/why.js builds keys from two words, and notices add ".do" to their key.
    dynamic = ("event.", "problem.", "consent.")
    assert not {key for key in unused if not key.startswith(dynamic)}


# Responses


def policy_of(response):
    policy = response.headers["Content-Security-Policy"]
    return dict(part.strip().split(" ", 1) for part in policy.split(";"))


def test_the_page_is_html_with_a_strict_policy(anonymous):
    response = anonymous.get("/console/")
    assert response.status == 200 and response.body == (CONSOLE / "index.html").read_bytes()
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert_common_headers(response)
    assert response.headers["Referrer-Policy"] == "no-referrer"
    policy = policy_of(response)
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["img-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert not re.search(r"unsafe|\*|http|data:", str(policy))


def test_every_file_is_served(anonymous):
    for name in SERVED:
        response = anonymous.get(f"/console/{name}")
        assert response.status == 200 and response.body == (CONSOLE / name).read_bytes(), name
        assert response.headers.get_content_type() == TYPES[name.rpartition(".")[2]]
        assert_common_headers(response)


def test_a_cached_page_is_revalidated_and_keeps_its_policy(anonymous):
    first = anonymous.get("/console/")
    assert first.headers["Cache-Control"] == "no-cache"
    second = anonymous.get("/console/", headers={"If-None-Match": first.headers["ETag"]})
    assert second.status == 304 and policy_of(second) == policy_of(first)


def test_the_path_without_a_slash_leads_to_the_page(anonymous):
    response = anonymous.get("/console")
    assert response.status == 308 and response.headers["Location"] == "console/"


@pytest.mark.parametrize(
    "path",
    ["index.html", "index", "views/", "vendor/package.json", "vendor/SHA256SUMS", "vendor/LICENSE.htm"]
    + ["../CHANGELOG.md", "%2e%2e/conf/nginx/tls.conf", "app.js/", "..%2fVERSION", "views/../app.j"],
)
def test_no_other_file_of_the_folder_is_served(anonymous, path):
    response = anonymous.raw(f"GET /console/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert_problem(response, 404)


@pytest.mark.parametrize("path", ["/console/", "/console/app.js", "/console/config.json"])
def test_files_cannot_be_written(anonymous, path):
    assert anonymous.request("HEAD", path).status == 200
    assert_problem(anonymous.post(path, {}), 404)


# Configuration


def test_without_a_provider_the_configuration_names_none(anonymous):
    config = assert_ok(anonymous.get("/console/config.json"))
    assert config["issuer"] == config["client_id"] == ""
    assert (config["subject_claim"], config["role_claim"], config["role_map"]) == ("sub", "role", {})


def render(folder, **settings):
    """nginx's configuration with these settings, alone: an engine with OIDC_ISSUER would look for it."""
    own = {"FCGI_SOCKET": folder / "socket", "NGINX_RUNTIME_DIR": folder, "MASTERY_CTL": bin_dir() / "mastery-ctl"}
    return subprocess.run(
        [ROOT / "scripts/render-nginx", folder / "conf"],
        env={**os.environ, **{name: str(value) for name, value in {**own, **settings}.items()}},
        capture_output=True,
        text=True,
    )


def test_the_provider_is_in_configuration_and_policy(tmp_path):
    done = render(
        tmp_path,
        OIDC_ISSUER="https://login.example.org:8443/realms/school",
        CONSOLE_CLIENT_ID="mastery-console",
        JWT_ROLE_CLAIM="/realm_access/roles",
        JWT_ROLE_MAP="Staff member=teacher, pupil = student",
    )
    assert done.returncode == 0, done.stderr
    config = json.loads(re.search(r"return 200 '(.*)';", (tmp_path / "conf/console.conf").read_text())[1])
    assert config["issuer"] == "https://login.example.org:8443/realms/school"
    assert config["client_id"] == "mastery-console" and config["role_claim"] == "/realm_access/roles"
    assert config["role_map"] == {"Staff member": "teacher", "pupil": "student"}
    maps = (tmp_path / "conf/maps.conf").read_text()
    assert maps.count("connect-src 'self' https://login.example.org:8443;") == 1
    assert maps.count("connect-src 'self';") == 1, "the policy of /docs names no provider"


@pytest.mark.parametrize(
    "name, value",
    [
        ("OIDC_ISSUER", "https://login.example.org/'; return 200"),
        ("OIDC_ISSUER", "https://a.example https://b.example"),
        ("CONSOLE_CLIENT_ID", 'a"b'),
        ("CONSOLE_SCOPE", "openid $uri"),
        ("JWT_ROLE_MAP", "it's=teacher"),
    ],
)
def test_a_setting_that_would_break_the_configuration_is_refused(tmp_path, name, value):
    done = render(tmp_path, **{name: value})
    assert done.returncode == 2 and name in done.stderr


# In a browser


@pytest.fixture(scope="module")
def browser():
    with Browser() as running:
        yield running


def test_a_token_signs_in_and_nothing_of_it_is_kept(browser, engine):
    browser.open(f"{engine.base_url}/console/")
    browser.one("#token")
    token = engine.token("teacher-of-none", "teacher")
    browser.paste("#token", token)
    browser.click("form button")
    browser.one(".empty")
    source, address, kept = browser.driver.execute_script(
        "return [document.documentElement.outerHTML, location.href, localStorage.length + sessionStorage.length]"
    )
    assert token not in source and token not in address and kept == 0
    assert not browser.driver.get_cookies()
    assert browser.violations() == [] and browser.complaints() == []


# Two people, one after the other, in one tab. The engine is replaced by responses that name the token.
NEXT_PERSON = """
const [config, first, second, done] = arguments;
(async () => {
    const { begin, end, user } = await import("/console/session.js");
    const { get } = await import("/console/api.js");
    const sent = [], waiting = [];
    window.fetch = (url, { headers }) => {
        sent.push(headers.Authorization);
        return url.pathname.endsWith("/late") ? new Promise((reply) => waiting.push(reply))
            : Promise.resolve(Response.json(headers.Authorization));
    };
    const status = (code, headers) => new Response("{}", { status: code, headers });
    begin(first, config);
    const own = await get("students");
    const limited = get("late"), refused = get("late?refused");
    limited.catch(() => {});
    refused.catch(() => {});
    end("signin.ended");
    begin(second, config);
    const others = await get("students");
    waiting[0](status(429, { "Retry-After": "1" }));
    waiting[1](status(401));
    await refused.catch(() => {});
    const stays = user()?.role;
    while (waiting.length < 3)
        await new Promise((soon) => setTimeout(soon, 50));
    const repeated = sent.at(-1);
    waiting[2](Response.json({}));
    await limited;
    const last = get("late?last").catch(() => user());
    waiting[3](status(401));
    done([own, others, stays, repeated, await last]);
})().catch((error) => done(String(error.stack ?? error)));
"""


def test_another_person_in_the_same_tab_sees_nothing_of_the_first(browser, engine):
    browser.open(f"{engine.base_url}/console/")
    browser.one("#token")
    config = assert_ok(engine.client().get("/console/config.json"))
    tokens = [engine.token(name, "teacher") for name in ("teacher-one", "teacher-two")]
    found = browser.driver.execute_async_script(NEXT_PERSON, config, *tokens)
    first, second = (f"Bearer {token}" for token in tokens)
    assert found == [first, second, "teacher", first, None]


def test_a_page_with_the_name_of_a_part_of_every_object_is_unknown(browser, engine):
    browser.open(f"{engine.base_url}/console/")
    browser.one("#token")
    script = """
        const [config, token, done] = arguments;
        Promise.all(["session", "pages"].map((name) => import(`/console/${name}.js`))).then(([session, pages]) => {
            session.begin(token, config);
            return ["constructor", "__proto__", "nowhere"].map((name) =>
                [pages.pageOf("teacher", [name]).title, pages.placeOf("teacher", [name])]);
        }).then(done, (error) => done(String(error)));
    """
    config = assert_ok(engine.client().get("/console/config.json"))
    found = browser.driver.execute_async_script(script, config, engine.token("x", "teacher"))
    assert found == [["unknown", name] for name in ("constructor", "__proto__", "nowhere")]


def test_a_link_with_a_token_is_not_followed_outside_development(browser, start_engine):
    engine = start_engine(ENVIRONMENT="production")
    browser.open(f"{engine.base_url}/console/#token={engine.token('x', 'teacher')}")
    browser.one("#token")
    assert browser.driver.execute_script("return location.hash") == "#/"
