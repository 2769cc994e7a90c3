# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths in disguise: what nginx chose limits and access by is what is answered (hazards N10)."""
import json

import pytest
from harness.engine import fresh_id
from harness.expect import assert_invalid, assert_ok, assert_problem


def disguises(path):
    """Forty other ways to write a path, each of which some server somewhere takes for it."""
    first, rest = path[1], path[2:]
    code = f"{ord(first):02x}"
    parts = path[1:].split("/")
    last = parts[-1]
    before = "/" + "/".join(parts[:-1]) + ("/" if len(parts) > 1 else "")
    return {
        "first letter encoded": f"/%{code}{rest}",
        "first letter encoded, capitals": f"/%{code.upper()}{rest}",
        "last letter encoded": f"{path[:-1]}%{ord(path[-1]):02X}",
        "all encoded": "/" + "".join(f"%{ord(c):02x}" if c != "/" else c for c in path[1:]),
        "slash encoded": f"/%2f{path[1:]}",
        "leading slash encoded": f"%2F{path[1:]}",
        "two slashes": "/" + path,
        "three slashes": "//" + path,
        "slashes within": f"{before}/{last}",
        "slash at the end": path + "/",
        "slashes at the end": path + "//",
        "dot": "/." + path,
        "dot at the end": path + "/.",
        "dot within": f"{before}./{last}",
        "dot encoded": "/%2e" + path,
        "dots": "/x/.." + path,
        "dots encoded": "/x/%2e%2e" + path,
        "dots half encoded": "/x/.%2e" + path,
        "dots and slash encoded": "/x/..%2f" + path[1:],
        "all of it encoded": "/x%2f%2e%2e%2f" + path[1:],
        "dots twice": "/x/y/../.." + path,
        "dots at the end": path + "/x/..",
        "dots of a sibling": f"{before}x/../{last}",
        "above the root": "/.." + path,
        "above the root, encoded": "/%2e%2e" + path,
        "twice encoded": f"/%25{code}{rest}",
        "twice encoded dots": "/x/%252e%252e" + path,
        "backslash": "\\" + path[1:],
        "backslash and dots": "/x\\.." + path,
        "backslash encoded": "/x%5c.." + path,
        "semicolon": path + ";a=b",
        "semicolon and dots": "/x/..;" + path,
        "nul": path + "%00",
        "nul and suffix": path + "%00.json",
        "newline": path + "%0a",
        "carriage return": path + "%0d%0a",
        "space": path + "%20",
        "tab": path + "%09",
        "question mark encoded": path + "%3fx=1",
        "hash encoded": path + "%23x",
        "overlong slash": "/x%c0%af.." + path,
        "overlong dot": "/x/%c0%ae%c0%ae" + path,
        "utf-16 escape": f"/%u00{code}{rest}",
        "fullwidth": "/%ef%bd%8d" + rest,
        "suffix": path + ".json",
        "plus": path + "+",
    }


NAMES = list(disguises("/metrics"))


def get(client, path, token=None):
    """Sends the path as it stands."""
    lines = [f"GET {path} HTTP/1.1", "Host: x", "Connection: close"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    return client.raw("\r\n".join([*lines, "", ""]).encode("latin-1"))


@pytest.mark.parametrize("how", NAMES)
@pytest.mark.parametrize(
    "path",
    ["/metrics", "/metrics/detailed", "/api/v1/mastery/metrics/prometheus", "/dapr/config"],
)
def test_no_disguise_of_an_operators_page_is_served(anonymous, path, how):
    response = get(anonymous, disguises(path)[how])
    assert response.status in (400, 404), response
    assert_problem(response, response.status)


@pytest.fixture(scope="module")
def pupils(engine):
    """Two students with data."""
    own, other = fresh_id(), fresh_id()
    for student in (own, other):
        assert_ok(engine.calculate(student))
    return own, other


@pytest.mark.parametrize("how", NAMES)
@pytest.mark.parametrize("route", ["history", "statistics"])
def test_no_disguise_shows_another_student(engine, anonymous, pupils, route, how):
    own, other = pupils
    path = disguises(f"/api/v1/mastery/{route}/{other}")[how]
    response = get(anonymous, path, engine.token(own, "student"))
    assert response.status in (400, 403, 404), response
    assert_problem(response, response.status)
    assert "mastery_score" not in response.text


@pytest.mark.parametrize("how", NAMES)
def test_no_disguise_shows_even_ones_own_data(engine, anonymous, pupils, how):
    own, _ = pupils
    path = disguises(f"/api/v1/mastery/history/{own}")[how]
    response = get(anonymous, path, engine.token(own, "student"))
    assert response.status in (400, 403, 404), response
    assert "mastery_score" not in response.text


@pytest.mark.parametrize("bad", ["%20", "a%20b", "%3Cscript%3E", "%C3%A9", "a%3Bb", "a%00b", "x" * 129, "a%25b", "a%2Fb", "%252e", "%41", "%40b"])
@pytest.mark.parametrize("path", ["/api/v1/mastery/history/", "/api/v1/cohorts/", "/api/v1/batch/mastery/"])
def test_what_is_no_id_is_400_encoded_or_not(engine, anonymous, path, bad):
    response = get(anonymous, path + bad, engine.token("root", "admin"))
    error = assert_problem(response, 400)
    if error["code"] == "VALIDATION_ERROR":
        [entry] = error["details"]["errors"]
        assert entry["field"] in ("student_id", "cohort_id", "batch_id")
    response = get(anonymous, path + bad)
    assert response.status in (400, 401), response


@pytest.mark.parametrize("method", ["PUT", "DELETE", "GET"])
def test_what_is_an_id_when_decoded_is_400(engine, admin, method):
    """It is somewhere else, where it is spelled plainly. Of an id, only the characters @ : | + = ~ may be encoded."""
    cohort = fresh_id("c")
    body = {"name": "x", "teacher_ids": [], "student_ids": []}
    assert_ok(admin.put(f"/api/v1/cohorts/{cohort}", body), 201)
    options = {"body": json.dumps(body)} if method == "PUT" else {}
    spelled = f"/api/v1/cohorts/%{ord(cohort[0]):02x}{cohort[1:]}"
    headers = {"Content-Type": "application/json"}
    assert_invalid(admin.request(method, spelled, headers=headers, **options), "cohort_id")
    assert_ok(admin.get(f"/api/v1/cohorts/{cohort}"))


@pytest.mark.parametrize(
    "between",
    ["/../", "/%2e%2e/", "%2f..%2f", "/./../", "//../", "/..%2f", "/%2e%2e%2f", "/..;/", "\\..\\"],
)
def test_dots_do_not_lead_from_ones_own_data_to_anothers(engine, anonymous, pupils, between):
    own, other = pupils
    path = f"/api/v1/mastery/history/{own}{between}{other}"
    response = get(anonymous, path, engine.token(own, "student"))
    assert response.status in (400, 404), response
    assert "mastery_score" not in response.text


@pytest.mark.parametrize(
    "target", ["http://x/metrics", "http://evil.example/health", "HTTP://x:1/metrics/detailed"]
)
def test_absolute_targets_are_no_way_round(anonymous, target):
    """The standard lets a server take them; then they must be the same thing as the path alone."""
    response = get(anonymous, target)
    plain = get(anonymous, "/" + target.split("/", 3)[3])
    assert response.status in (plain.status, 400, 404)


def test_query_strings_do_not_change_the_path(anonymous):
    assert_ok(get(anonymous, "/health?/../metrics"))
    assert_ok(get(anonymous, "/health?%2f%00#x"))


def test_fragment_is_no_part_of_the_path(anonymous):
    response = get(anonymous, "/nothing#/health")
    assert response.status in (400, 404)
